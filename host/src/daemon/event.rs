//! All that can wake the daemon.

use super::State;
use super::status::Status;
use crate::cloud::{DialError, LinkEvent};
use crate::turn::Turns;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

enum Event {
    Link(LinkEvent),
    LinkEnded,
    Unauthorized,
    Stop,
}

/// Where events come from.
pub(super) struct Sources {
    pub(super) link: mpsc::Receiver<LinkEvent>,
    /// A request was answered with `401`.
    pub(super) unauthorized: CancellationToken,
    /// The host is to stop.
    pub(super) stop: CancellationToken,
    /// Is told how the link stands.
    pub(super) status: Arc<Status>,
}

impl Sources {
    async fn next(&mut self) -> Event {
        tokio::select! {
            event = self.link.recv() => event.map_or(Event::LinkEnded, Event::Link),
            () = self.unauthorized.cancelled() => Event::Unauthorized,
            () = self.stop.cancelled() => Event::Stop,
        }
    }
}

/// Runs until told to stop, or until the token is refused.
pub(super) async fn run(mut sources: Sources, turns: Arc<Turns>, state: watch::Sender<State>) {
    let last = loop {
        match sources.next().await {
            Event::Link(LinkEvent::Update(update)) => {
                sources.status.received();
                turns.accept(*update).await;
            }
            Event::Link(LinkEvent::Ready { installation }) => {
                tracing::info!(%installation, "connected");
                sources.status.connected(&installation, SystemTime::now());
                state.send_replace(State::Ready(installation));
            }
            Event::Link(LinkEvent::Down { cause, reason, retry_in }) => {
                tracing::warn!(retry_in_ms = retry_in.as_millis(), "not connected: {reason}");
                sources.status.redials(cause);
                sources.status.disconnected(&reason, retry_in, SystemTime::now());
                state.send_replace(State::Connecting);
            }
            Event::Link(LinkEvent::Refused(error)) => break State::Refused(error.to_string()),
            // A 401 on any call is the end of the token.
            Event::Unauthorized => {
                break State::Refused(DialError::Unauthorized("401 on a request".to_owned()).to_string());
            }
            Event::LinkEnded | Event::Stop => break State::Stopped,
        }
    };
    state.send_replace(last);
}
