//! The line to one bridge: its installation, the updates it has not acked, and its socket while it has one.

use super::record::{Installation, Session};
use crate::localcloud::clock::{self, Millis};
use crate::localcloud::persist::Row;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::secret::Digest;
use crate::protocol::{InteractionId, Update, UpdateId};
use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot};

/// How long an unacked update is kept (documents: 5 minutes).
pub(crate) const MAX_AGE: Millis = 5 * 60 * 1000;
/// Unacked updates of one installation. With more, the page is told to wait; nothing is dropped unseen.
const MAX_PENDING: usize = 1000;
/// Frames that wait for the socket's writer. A bridge that reads slower is cut off and gets a replay when it redials.
const MAX_WAITING: usize = 256;

/// Why this side closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The installation dialled again.
    Replaced,
    /// The bridge does not read.
    Slow,
    /// The cloud stops.
    GoingAway,
    /// Three pings went without a pong.
    Silent,
    /// The token is dead: rotated or revoked.
    Unauthorized,
    /// A test wants to see what the bridge does then.
    Cut,
}

impl Close {
    /// The close code and reason on the wire; none where the connection ends without a word.
    pub(crate) fn code(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Replaced => Some((4000, "replaced")),
            Self::Slow => Some((1013, "too slow")),
            Self::GoingAway => Some((1001, "going away")),
            Self::Silent => Some((4001, "no pong")),
            Self::Unauthorized => Some((4401, "unauthorized")),
            Self::Cut => None,
        }
    }
}

/// The sending side of a socket.
struct Socket {
    serial: u64,
    frames: mpsc::Sender<Utf8Bytes>,
    close: oneshot::Sender<Close>,
}

/// The receiving side: what a socket's writer sends.
pub(crate) struct Feed {
    /// Tells this socket from the installation's others.
    pub(crate) serial: u64,
    /// Unacked updates, oldest first; they go before everything in `live`.
    pub(crate) replay: Vec<Utf8Bytes>,
    pub(crate) live: mpsc::Receiver<Utf8Bytes>,
    pub(crate) close: oneshot::Receiver<Close>,
}

/// One unacked update.
pub(crate) struct Pending {
    number: u64,
    at: Millis,
    frame: Utf8Bytes,
}

/// One installation with all that is owed to it.
pub(crate) struct Line {
    pub(crate) installation: Installation,
    /// Digest of the bridge token; none until the token was fetched.
    pub(crate) token: Option<Digest>,
    pub(crate) last_update: u64,
    pending: VecDeque<Pending>,
    socket: Option<Socket>,
}

impl Line {
    pub(crate) fn new(installation: Installation, token: Option<Digest>, last_update: u64) -> Self {
        Self { installation, token, last_update, pending: VecDeque::new(), socket: None }
    }

    /// As the page sees it.
    pub(crate) fn view(&self) -> Value {
        let mut view = super::value(&self.installation);
        view["online"] = self.is_online().into();
        view
    }

    pub(crate) fn is_online(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn row(&self) -> Row {
        Row::Installation { body: self.installation.clone(), token: self.token, last_update: self.last_update }
    }

    /// Writes the next update without sending it.
    ///
    /// # Errors
    /// When 1,000 others wait: the bridge has not acked for long.
    pub(crate) fn draft(
        &mut self,
        kind: &str,
        session: &Session,
        interaction: Option<&InteractionId>,
        mut payload: Value,
        now: Millis,
    ) -> Result<Pending, Refusal> {
        self.forget_old(now);
        if self.pending.len() >= MAX_PENDING {
            return Err(Refusal::Unavailable("the bridge has not taken 1000 updates yet"));
        }
        let number = self.last_update + 1;
        payload["session"] = json!({ "id": session.session_id, "title": session.title });
        if let Some(interaction) = interaction {
            payload["interaction_id"] = json!(interaction);
        }
        let update = Update {
            update_id: UpdateId::try_from(number.to_string()).expect("digits are a valid id"),
            kind: kind.to_owned(),
            session_id: Some(session.session_id.clone()),
            interaction_id: interaction.cloned(),
            traceparent: told(&mut payload, "traceparent"),
            tracestate: told(&mut payload, "tracestate"),
            payload,
        };
        let mut update = super::value(&update);
        update["installation_id"] = json!(self.installation.installation_id);
        update["created_at"] = clock::iso(now).into();
        let frame = json!({ "type": "update", "update": update }).to_string();
        Ok(Pending { number, at: now, frame: frame.into() })
    }

    /// The rows that make a draft durable.
    pub(crate) fn draft_rows(&self, draft: &Pending) -> [Row; 2] {
        let &Pending { number, at, ref frame } = draft;
        let body = self.installation.clone();
        let installation = body.installation_id.clone();
        [
            Row::Installation { body, token: self.token, last_update: number },
            Row::Pending { installation, number, at, frame: frame.to_string() },
        ]
    }

    /// Sends a draft that is durable. Whether the bridge is still online afterwards.
    pub(crate) fn push(&mut self, draft: Pending) -> bool {
        let sent = self.socket.as_ref().is_none_or(|socket| socket.frames.try_send(draft.frame.clone()).is_ok());
        self.last_update = draft.number;
        self.pending.push_back(draft);
        if !sent {
            self.close(Close::Slow);
        }
        self.socket.is_some()
    }

    /// Puts back an update that the file remembers.
    pub(crate) fn restore(&mut self, number: u64, at: Millis, frame: String) {
        self.last_update = self.last_update.max(number);
        self.pending.push_back(Pending { number, at, frame: frame.into() });
    }

    /// Forgets updates up to and with `up_to`. False when there was nothing to forget or the id is unknown.
    pub(crate) fn ack(&mut self, up_to: u64) -> bool {
        let before = self.pending.len();
        if up_to <= self.last_update {
            self.pending.retain(|update| update.number > up_to);
        }
        self.pending.len() < before
    }

    /// Takes a new socket; one that is open is closed as replaced.
    pub(crate) fn connect(&mut self, serial: u64, now: Millis) -> Feed {
        self.close(Close::Replaced);
        self.forget_old(now);
        let (frames, live) = mpsc::channel(MAX_WAITING);
        let (close, closed) = oneshot::channel();
        self.socket = Some(Socket { serial, frames, close });
        let replay = self.pending.iter().map(|update| update.frame.clone()).collect();
        Feed { serial, replay, live, close: closed }
    }

    /// A socket is gone. False when it was not the installation's newest.
    pub(crate) fn disconnect(&mut self, serial: u64) -> bool {
        self.socket.take_if(|socket| socket.serial == serial).is_some()
    }

    /// Closes the socket, if there is one.
    pub(crate) fn close(&mut self, why: Close) {
        if let Some(socket) = self.socket.take() {
            let heard = socket.close.send(why).is_ok();
            tracing::debug!(?why, heard, "a socket is closed");
        }
    }

    fn forget_old(&mut self, now: Millis) {
        self.pending.retain(|update| update.at + MAX_AGE > now);
    }
}

/// Takes what is told beside the payload out of it.
fn told(payload: &mut Value, name: &str) -> Option<String> {
    payload.as_object_mut()?.remove(name)?.as_str().map(str::to_owned)
}
