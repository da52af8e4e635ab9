//! One connection, from the upgrade to its end. Generic over the stream, so that tests drive it in memory.

use super::error::DialError;
use super::link::LinkEvent;
use super::meter::{Cause, Direction, Meter, Way};
use super::sequence::{Missing, Progress, Sequence};
use crate::protocol::{BridgeFrame, InstallationId, ServerFrame};
use futures_util::{SinkExt as _, StreamExt as _};
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// No frame for so long, and the connection is taken for dead. Pings come every 25 to 30 s.
const SILENCE: Duration = Duration::from_secs(45);
/// From the upgrade to `ready`.
const READY_TIME: Duration = Duration::from_secs(15);
/// How long a frame may take to be written.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Close code for a token that is no longer valid.
const UNAUTHORIZED: u16 = 4401;

/// Why a connection ended.
pub(super) enum Ended {
    /// Dial again.
    Lost(Cause, String),
    /// Do not.
    Refused(DialError),
    /// Nobody listens to the link any more.
    Dropped,
}

/// What one connection works with.
pub(super) struct Connection<'a, S> {
    pub(super) socket: WebSocketStream<S>,
    pub(super) events: &'a mpsc::Sender<LinkEvent>,
    /// How far updates are recorded.
    pub(super) recorded: &'a mut watch::Receiver<Progress>,
    /// Which updates came, over the life of the link.
    pub(super) sequence: &'a mut Sequence,
    /// Frames that could not be used, over the life of the link.
    pub(super) bad_frames: &'a mut u64,
    /// Counts what goes over it.
    pub(super) meter: &'a dyn Meter,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Reads frames until the connection ends. `on_ready` is called once, when the cloud is ready.
    pub(super) async fn drive(&mut self, on_ready: impl FnOnce()) -> Ended {
        match self.exchange(on_ready).await {
            Err(ended) => ended,
            Ok(never) => match never {},
        }
    }

    async fn exchange(&mut self, on_ready: impl FnOnce()) -> Result<Infallible, Ended> {
        let mut on_ready = Some(on_ready);
        let mut deadline = Instant::now() + READY_TIME;
        loop {
            let ready = on_ready.is_none();
            let message = tokio::select! {
                message = self.socket.next() => message,
                Ok(()) = self.recorded.changed(), if ready => {
                    self.ack().await?;
                    continue;
                }
                () = sleep_until(deadline) => return Err(Ended::Lost(Cause::Silence, silence(ready))),
                () = until(self.sequence.due()), if ready => {
                    self.miss().await?;
                    continue;
                }
            };
            if let Some(text) = read(message)? {
                self.meter.carried(Way::Socket, Direction::Down, text.len());
                if let Seen::Ready = self.frame(&text, ready).await?
                    && let Some(on_ready) = on_ready.take()
                {
                    on_ready();
                    self.sequence.connected(Instant::now());
                    // The newest ack may have been lost with the connection before: it is said again.
                    self.recorded.mark_changed();
                }
            }
            // Whatever comes is a sign of life, the socket's own pings too. While a frame waits for its receiver the socket
            // is not read, which is no silence of the cloud's.
            if on_ready.is_none() {
                deadline = Instant::now() + SILENCE;
            }
        }
    }

    /// Tells the newest ack, if there is one.
    async fn ack(&mut self) -> Result<(), Ended> {
        let progress = self.recorded.borrow_and_update().clone();
        match self.sequence.recorded(&progress) {
            Some(up_to_update_id) => self.write(BridgeFrame::Ack { up_to_update_id }.to_text()).await,
            None => Ok(()),
        }
    }

    /// Updates between those that came did not come.
    async fn miss(&mut self) -> Result<(), Ended> {
        match self.sequence.overdue() {
            Some(Missing::Ask(number)) => {
                Err(Ended::Lost(Cause::Gap, format!("update {number} did not come; asking for it")))
            }
            Some(Missing::Believe { count }) => {
                tracing::warn!(count, "the cloud left out numbers of updates; going on without them");
                self.ack().await
            }
            None => Ok(()),
        }
    }

    async fn frame(&mut self, text: &str, ready: bool) -> Result<Seen, Ended> {
        match ServerFrame::parse(text) {
            Ok(ServerFrame::Ready { installation_id }) => self.ready(installation_id, ready).await,
            Ok(ServerFrame::Update(_)) if !ready => {
                self.bad("an update before `ready`");
                Ok(Seen::Other)
            }
            Ok(ServerFrame::Update(update)) => {
                // It counts as come when nothing can keep it from its receiver any more.
                let place = self.events.reserve().await.map_err(|_closed| Ended::Dropped)?;
                self.sequence.came(&update.update_id, Instant::now());
                place.send(LinkEvent::Update(update));
                Ok(Seen::Other)
            }
            Ok(ServerFrame::Ping) => self.answer(BridgeFrame::Pong.to_text()).await,
            Ok(ServerFrame::Request { kind, req_id }) => {
                self.answer(BridgeFrame::unknown_request(&crate::text::clip(&kind, 100), &req_id)).await
            }
            Ok(ServerFrame::Unknown { kind }) => {
                self.bad(&format!("a frame of unknown type `{}`", crate::text::line(&kind, 100)));
                Ok(Seen::Other)
            }
            Err(error) => {
                self.bad(&crate::text::line(&error.to_string(), 400));
                Ok(Seen::Other)
            }
        }
    }

    async fn ready(&mut self, installation: InstallationId, again: bool) -> Result<Seen, Ended> {
        if again {
            return Ok(Seen::Other);
        }
        self.tell(LinkEvent::Ready { installation }).await.map(|_| Seen::Ready)
    }

    fn bad(&mut self, what: &str) {
        *self.bad_frames += 1;
        tracing::warn!(count = *self.bad_frames, "ignored {what}");
    }

    /// Passes an event on. While the receiver is busy the socket is not read, and the cloud waits.
    async fn tell(&mut self, event: LinkEvent) -> Result<Seen, Ended> {
        self.events.send(event).await.map(|()| Seen::Other).map_err(|_closed| Ended::Dropped)
    }

    async fn answer(&mut self, text: String) -> Result<Seen, Ended> {
        self.write(text).await.map(|()| Seen::Other)
    }

    async fn write(&mut self, text: String) -> Result<(), Ended> {
        self.meter.carried(Way::Socket, Direction::Up, text.len());
        match tokio::time::timeout(WRITE_TIME, self.socket.send(Message::text(text))).await {
            Ok(sent) => sent.map_err(|error| Ended::Lost(Cause::Cut, error.to_string())),
            Err(_elapsed) => {
                let late = format!("a frame could not be written within {} s", WRITE_TIME.as_secs());
                Err(Ended::Lost(Cause::Silence, late))
            }
        }
    }
}

/// Waits for a moment that may not come.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn silence(ready: bool) -> String {
    let (what, time) = if ready { ("no frame", SILENCE) } else { ("no ready", READY_TIME) };
    format!("{what} within {} s", time.as_secs())
}

enum Seen {
    Ready,
    Other,
}

fn read(message: Option<Result<Message, WsError>>) -> Result<Option<String>, Ended> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Some(Ok(Message::Close(Some(close)))) if u16::from(close.code) == UNAUTHORIZED => {
            Err(Ended::Refused(DialError::Unauthorized("close code 4401".to_owned())))
        }
        Some(Ok(Message::Close(close))) => {
            let why = close.map_or("without a code".to_owned(), |close| format!("with code {}", u16::from(close.code)));
            Err(Ended::Lost(Cause::Closed, format!("the cloud closed the connection {why}")))
        }
        Some(Ok(_)) => Ok(None),
        Some(Err(error)) => Err(Ended::Lost(Cause::Cut, error.to_string())),
        None => Err(Ended::Lost(Cause::Cut, "the connection ended".to_owned())),
    }
}

#[cfg(test)]
mod tests;
