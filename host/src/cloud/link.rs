//! Keeps a socket open: dial, drive, wait, dial again. Stops only when the token is refused.

use super::backoff::Backoff;
use super::dial::dial;
use super::drive::{Connection, Ended};
use super::error::DialError;
use crate::config::{CloudUrl, Token};
use crate::protocol::{InstallationId, Update, UpdateId};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

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
        /// Why.
        reason: String,
        /// When the next dial is due.
        retry_in: Duration,
    },
    /// The token is refused. The link has stopped.
    Refused(DialError),
}

/// The socket to the cloud. Dropped, it closes.
pub struct Link {
    acks: watch::Sender<Option<UpdateId>>,
    task: JoinHandle<()>,
}

impl Link {
    /// Starts the link. Events come out of the receiver in the order they happened.
    pub fn start(url: CloudUrl, token: Token) -> (Self, mpsc::Receiver<LinkEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let (acks, newest) = watch::channel(None);
        let task = crate::tasks::spawn("link", supervise(url, token, events, newest));
        (Self { acks, task }, receiver)
    }

    /// Says that this update and all before it are recorded durably. Several merge into one frame.
    pub fn ack(&self, update: UpdateId) {
        self.acks.send_replace(Some(update));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn supervise(
    url: CloudUrl,
    token: Token,
    events: mpsc::Sender<LinkEvent>,
    mut acks: watch::Receiver<Option<UpdateId>>,
) {
    let (mut backoff, mut bad_frames) = (Backoff::default(), 0);
    loop {
        let ended = match dial(&url, &token).await {
            Ok(socket) => {
                let mut connection =
                    Connection { socket, events: &events, acks: &mut acks, bad_frames: &mut bad_frames };
                connection.drive(|| backoff.reset()).await
            }
            Err(error) if error.is_retryable() => Ended::Lost(error.to_string()),
            Err(error) => Ended::Refused(error),
        };
        let reason = match ended {
            Ended::Lost(reason) => crate::text::line(&reason, 400),
            Ended::Refused(error) => {
                // The receiver is the daemon; if it is gone too, there is nobody left to tell.
                let _ = events.send(LinkEvent::Refused(error)).await;
                return;
            }
            Ended::Dropped => return,
        };
        let retry_in = backoff.next(rand::random());
        if events.send(LinkEvent::Down { reason, retry_in }).await.is_err() {
            return;
        }
        tokio::time::sleep(retry_in).await;
    }
}
