//! The conversation on one bridge's socket: frames out, acks and pongs in, and the faults that were asked for.

use super::pulse::Pulse;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::fault::{Bite, Outbox};
use crate::localcloud::state::Close;
use crate::protocol::{BridgeFrame, InstallationId};
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at, sleep_until, timeout};

/// How long a frame may take to leave. A bridge that reads slower is cut off.
const WRITE: Duration = Duration::from_secs(10);

/// One socket and what flows through it.
pub(super) struct Wire<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) by: &'a InstallationId,
    pub(super) socket: &'a mut WebSocket,
    pub(super) updates: Updates,
    /// Whether a fault keeps it from saying anything more, also goodbye.
    pub(super) is_mute: bool,
    outbox: Outbox,
    /// Frames that were sent.
    sent: u64,
    pulse: Pulse,
    /// Before this nothing is read.
    reads_at: Instant,
}

/// The updates for one socket, in their order.
pub(super) struct Updates {
    pub(super) replay: VecDeque<Utf8Bytes>,
    pub(super) live: mpsc::Receiver<Utf8Bytes>,
}

impl Updates {
    async fn next(&mut self) -> Option<Utf8Bytes> {
        match self.replay.pop_front() {
            Some(frame) => Some(frame),
            None => self.live.recv().await,
        }
    }
}

impl<'a> Wire<'a> {
    pub(super) fn new(
        cloud: &'a Cloud,
        by: &'a InstallationId,
        socket: &'a mut WebSocket,
        replay: Vec<Utf8Bytes>,
        live: mpsc::Receiver<Utf8Bytes>,
    ) -> Self {
        let updates = Updates { replay: replay.into(), live };
        let (outbox, reads_at) = (Outbox::default(), Instant::now());
        let pulse = Pulse::new(cloud.heartbeat);
        Self { cloud, by, socket, updates, is_mute: false, outbox, sent: 0, pulse, reads_at }
    }

    /// Runs the socket until the bridge ends it or falls silent: `Some` says why this side does. Frames are written
    /// whole or not at all, so this may be dropped at any point.
    pub(super) async fn converse(&mut self) -> Option<Close> {
        let ready = json!({ "type": "ready", "installation_id": self.by }).to_string();
        self.write(ready.into()).await?;
        let mut beat = interval_at(Instant::now() + self.cloud.heartbeat, self.cloud.heartbeat);
        loop {
            if let Some(why) = self.step(&mut beat).await? {
                return Some(why);
            }
        }
    }

    /// Waits for one thing and does it. None when the bridge is gone.
    async fn step(&mut self, beat: &mut Interval) -> Option<Option<Close>> {
        let (wakes, pong, reads_at) = (self.outbox.wakes(), self.pulse.wakes(), self.reads_at);
        tokio::select! {
            // When the line has closed, its reason is on the way to who drives this.
            Some(frame) = self.updates.next(), if self.outbox.is_open() => {
                let fault = self.cloud.faults.on_update(&frame);
                self.outbox.put(frame, fault, Instant::now());
                self.flush().await?;
            }
            () = sleep_until(wakes.unwrap_or(reads_at)), if wakes.is_some() => self.flush().await?,
            _ = beat.tick() => {
                self.write(Utf8Bytes::from_static(r#"{"type":"ping"}"#)).await?;
                self.pulse.ping(Instant::now());
            }
            () = sleep_until(pong.unwrap_or(reads_at)), if pong.is_some() => {
                return Some(self.pulse.is_dead(Instant::now()).then_some(Close::Silent));
            }
            heard = async { sleep_until(reads_at).await; self.socket.recv().await } => match heard?.ok()? {
                Message::Text(text) => self.hear(&text).await,
                Message::Close(_) => return None,
                // The library answers pings; binary frames are no frames of the protocol.
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
            },
        }
        Some(None)
    }

    async fn flush(&mut self) -> Option<()> {
        while let Some(frame) = self.outbox.take(Instant::now()) {
            self.write(frame).await?;
        }
        Some(())
    }

    /// Takes a frame of the bridge. What is unknown or broken is ignored, as the documents promise.
    async fn hear(&mut self, text: &str) {
        if self.cloud.faults.on_heard() {
            match self.fall_silent().await {}
        }
        if let Some(wait) = self.cloud.faults.on_read() {
            self.reads_at = Instant::now() + wait;
        }
        match serde_json::from_str(text) {
            Ok(BridgeFrame::Pong) => self.pulse.pong(Instant::now()),
            Ok(BridgeFrame::Ack { up_to_update_id }) => {
                let Ok(up_to) = up_to_update_id.as_str().parse() else { return };
                if let Err(error) = self.cloud.state().ack(self.by, up_to) {
                    tracing::warn!(%error, "an ack is not recorded; the updates may come again");
                }
            }
            Ok(BridgeFrame::Hello {} | BridgeFrame::Unknown) | Err(_) => tracing::debug!("a frame was ignored"),
        }
    }

    /// Sends a frame. None when the bridge is gone or does not read, or a fault cuts it off.
    async fn write(&mut self, frame: Utf8Bytes) -> Option<()> {
        self.sent += 1;
        let fault = self.cloud.faults.on_frame(self.sent);
        match fault {
            Some(Bite::CutBefore) => return None,
            Some(Bite::SilentBefore) => match self.fall_silent().await {},
            Some(Bite::CutAfter | Bite::SilentAfter) | None => {}
        }
        timeout(WRITE, self.socket.send(Message::Text(frame))).await.ok()?.ok()?;
        match fault {
            Some(Bite::CutAfter) => None,
            Some(Bite::SilentAfter) => match self.fall_silent().await {},
            _ => Some(()),
        }
    }

    /// Neither reads nor writes any more, until this is dropped. What is for the bridge gets lost on the way, so that
    /// the line does not take it for a slow one.
    async fn fall_silent(&mut self) -> Infallible {
        self.is_mute = true;
        while self.updates.next().await.is_some() {}
        pending().await
    }
}
