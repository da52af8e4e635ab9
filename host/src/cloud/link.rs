//! Keeps a socket open: dial, drive, wait, dial again. Stops only when the token is refused.

use super::backoff::Backoff;
use super::dial::dial;
use super::drive::{Connection, Ended};
use super::error::DialError;
use super::meter::{Cause, Meter};
use super::rest::Reached;
use super::sequence::{Progress, Sequence};
use super::trace::{Step, Trace};
use crate::config::{CloudUrl, Token};
use crate::protocol::{InstallationId, Update, UpdateId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use tracing::field::Empty;

/// Events that wait for the daemon. When they are this many, the socket is not read.
const EVENTS: usize = 256;

/// What the link tells.
#[derive(Debug)]
pub enum LinkEvent {
    /// The cloud is ready for this installation.
    Ready {
        /// Who we are there.
        installation: InstallationId,
    },
    /// An update came. It is acked once [`Link::ack`] says so.
    Update(Box<Update>),
    /// The connection is gone; the next dial is due after `retry_in`.
    Down {
        /// Why, in a word.
        cause: Cause,
        /// And in more.
        reason: String,
        /// When the next dial is due.
        retry_in: Duration,
    },
    /// The token is refused. The link has stopped.
    Refused(DialError),
}

/// The socket to the cloud. Dropped, it closes.
pub struct Link {
    recorded: watch::Sender<Progress>,
    redial: Arc<Notify>,
    /// Weak: the events end with the task.
    events: mpsc::WeakSender<LinkEvent>,
    task: JoinHandle<()>,
}

impl Link {
    /// Starts the link. Events come out of the receiver in the order they happened; each `ready` is told to `reached`.
    pub fn start(
        url: CloudUrl,
        token: Token,
        reached: Reached,
        meter: Arc<dyn Meter>,
    ) -> (Self, mpsc::Receiver<LinkEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (recorded, progress) = watch::channel(Progress::default());
        let redial = Arc::new(Notify::new());
        let (backoff, sequence) = (Backoff::default(), Sequence::default());
        let line = Line { url, token, reached, recorded: progress, backoff, sequence, bad_frames: 0, meter };
        let waiting = events.downgrade();
        let task = crate::tasks::spawn("link", supervise(line, events, redial.clone()));
        (Self { recorded, redial, events: waiting, task }, receiver)
    }

    /// Dials again now: ends the connection, a dial under way or the wait before the next one. For when the machine
    /// slept, and what is open is most likely dead without knowing it.
    pub fn redial(&self) {
        self.redial.notify_one();
    }

    /// Events that wait for their receiver.
    pub fn waiting(&self) -> usize {
        self.events.upgrade().map_or(0, |events| events.max_capacity() - events.capacity())
    }

    /// Says that the next update is recorded durably: each that came, in the order in which they came, repeats too.
    /// It is acked as soon as those that it overtook are. Several merge into one frame.
    pub fn ack(&self, update: UpdateId) {
        self.recorded.send_modify(|progress| {
            progress.count += 1;
            progress.last = Some(update);
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What outlives a connection.
struct Line {
    url: CloudUrl,
    token: Token,
    reached: Reached,
    recorded: watch::Receiver<Progress>,
    backoff: Backoff,
    sequence: Sequence,
    bad_frames: u64,
    meter: Arc<dyn Meter>,
}

impl Line {
    /// One dial, and the connection that comes of it, to its end.
    async fn hold(&mut self, events: &mpsc::Sender<LinkEvent>, step: Step<'_>) -> Ended {
        match dial(&self.url, &self.token, step).await {
            Ok(socket) => {
                let (recorded, sequence) = (&mut self.recorded, &mut self.sequence);
                let bad_frames = &mut self.bad_frames;
                let ready = || {
                    self.backoff.reset();
                    self.reached.tell();
                };
                Connection { socket, events, recorded, sequence, bad_frames, meter: &*self.meter }.drive(ready).await
            }
            Err(error @ DialError::Refused { .. }) => Ended::Lost(Cause::Refused, error.to_string()),
            Err(error) if error.is_retryable() => Ended::Lost(Cause::Unreachable, error.to_string()),
            Err(error) => Ended::Refused(error),
        }
    }
}

async fn supervise(mut line: Line, events: mpsc::Sender<LinkEvent>, redial: Arc<Notify>) {
    loop {
        // A trace of its own: the turns that it brings have theirs.
        let trace = Trace::fresh();
        let (installation, step) = (line.token.installation(), trace.step());
        let span = tracing::info_span!("connection", installation, %trace, span_id = step.id(), result = Empty);
        let ended = tokio::select! {
            ended = line.hold(&events, step).instrument(span.clone()) => Some(ended),
            () = redial.notified() => None,
        };
        let (cause, reason, retry_in) = match ended {
            Some(Ended::Lost(cause, reason)) => {
                (cause, crate::text::line(&reason, 400), line.backoff.next(rand::random()))
            }
            Some(Ended::Refused(error)) => {
                // The receiver is the daemon; if it is gone too, there is nobody left to tell.
                let _ = events.send(LinkEvent::Refused(error)).await;
                return;
            }
            Some(Ended::Dropped) => return,
            None => {
                // What failed before says nothing about the network of now.
                line.backoff.reset();
                (Cause::Wake, "told to dial again".to_owned(), Duration::ZERO)
            }
        };
        span.record("result", cause.word());
        drop(span);
        if events.send(LinkEvent::Down { cause, reason, retry_in }).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(retry_in) => {}
            () = redial.notified() => line.backoff.reset(),
        }
    }
}

#[cfg(test)]
mod tests;
