//! The one truth of the cloud: who is paired, what was said, what is still owed to whom.
//!
//! Verbs check first, then write the file, then change the memory, then tell the page: a verb that fails has
//! changed nothing. They are called under one lock, which is never held across an `await`.

mod account;
pub(super) mod approval;
mod ask;
mod bubble;
mod chat;
pub(super) mod grant;
mod installation;
mod line;
mod pairing;
pub(super) mod record;
pub(super) mod repeat;
mod start;
mod stream;
mod task;
#[cfg(test)]
mod tests;
mod user;

pub(super) use line::{Close, Feed};
pub(super) use pairing::Polled;
pub(super) use stream::{Subscription, frame as event_frame};

use super::clock::Millis;
use super::persist::{Persist, Row};
use super::refusal::{Noun, Refusal};
use super::secret::Digest;
use crate::protocol::{InstallationId, InteractionId, MessageId, SessionId};
use approval::Approvals;
use line::Line;
use pairing::Pairings;
use record::{Message, Session, Task};
use repeat::{Answer, Key, Repeats};
use serde_json::Value;
use std::collections::HashMap;
use stream::Stream;

/// Paired bridges. One more is refused.
const MAX_INSTALLATIONS: usize = 100;
/// The same with those that were revoked, which stay known.
const MAX_EVER: usize = 2000;
/// Sessions, with those deleted in the last day. One more is refused.
const MAX_SESSIONS: usize = 5000;
/// Messages of all sessions together, with those of sessions deleted in the last day. One more is refused.
const MAX_MESSAGES: usize = 200_000;
/// Text, attachments and task data of all sessions together, in bytes. More is refused.
const MAX_BYTES: usize = 256_000_000;
/// Cards of one interaction. One more is refused.
const MAX_TASKS: usize = 1000;
/// How long a deleted session still answers `410 session_deleted` (documents: 24 h grace).
const GRACE: Millis = 24 * 60 * 60 * 1000;
/// How long the agent may speak up after the user's message (documents: followup window of 30 minutes).
const FOLLOWUP: Millis = 30 * 60 * 1000;
/// The one user of a local cloud.
const USER_ID: &str = "usr_local";

/// One session with its messages, oldest first.
struct Thread {
    session: Session,
    deleted_at: Option<Millis>,
    messages: Vec<Message>,
    /// What its messages and cards weigh.
    bytes: usize,
}

/// One message of the user and what the agent did about it.
struct Interaction {
    session_id: SessionId,
    at: Millis,
    tasks: Vec<Task>,
}

/// Everything that is remembered.
pub(super) struct State {
    persist: Persist,
    /// In the order of their pairing. Few enough to be searched.
    lines: Vec<Line>,
    threads: HashMap<SessionId, Thread>,
    /// Where a message is: its session and its place there.
    places: HashMap<MessageId, (SessionId, usize)>,
    interactions: HashMap<InteractionId, Interaction>,
    repeats: Repeats,
    pairings: Pairings,
    approvals: Approvals,
    stream: Stream,
    /// One-time keys of the page, and its cookies with the time they were given out.
    page_keys: std::collections::VecDeque<Digest>,
    cookies: std::collections::VecDeque<(Digest, Millis)>,
    bytes: usize,
    sockets: u64,
}

/// A record as JSON.
fn value<T: serde::Serialize>(record: &T) -> Value {
    serde_json::to_value(record).expect("records are plain data and always serialize")
}

impl State {
    /// A session that the user may see.
    fn thread(&self, id: &SessionId) -> Result<&Thread, Refusal> {
        let thread = self.threads.get(id).ok_or(Refusal::NotFound(Noun::Session))?;
        if thread.deleted_at.is_some() { Err(Refusal::SessionDeleted) } else { Ok(thread) }
    }

    /// A session that a bridge may write to.
    fn thread_of(&self, by: &InstallationId, id: &SessionId) -> Result<&Thread, Refusal> {
        let thread = self.threads.get(id).ok_or(Refusal::NotFound(Noun::Session))?;
        if thread.session.installation_id != *by {
            return Err(Refusal::PermissionDenied("the session belongs to another installation"));
        }
        if thread.deleted_at.is_some() { Err(Refusal::SessionDeleted) } else { Ok(thread) }
    }

    /// An agent's bubble that a bridge may write to.
    fn message_of(&self, by: &InstallationId, id: &MessageId) -> Result<&Message, Refusal> {
        let (session, place) = self.places.get(id).ok_or(Refusal::NotFound(Noun::Message))?;
        let message = &self.thread_of(by, session)?.messages[*place];
        if message.role == record::Role::User {
            return Err(Refusal::PermissionDenied("the message is the user's"));
        }
        Ok(message)
    }

    fn message_mut(&mut self, id: &MessageId) -> Option<&mut Message> {
        let (session, place) = self.places.get(id)?;
        self.threads.get_mut(session)?.messages.get_mut(*place)
    }

    /// An interaction of a session.
    fn interaction(&self, session: &SessionId, id: &InteractionId) -> Result<&Interaction, Refusal> {
        let found = self.interactions.get(id).filter(|interaction| interaction.session_id == *session);
        found.ok_or(Refusal::NotFound(Noun::Interaction))
    }

    /// An interaction that the agent may still begin something in.
    fn open_interaction(&self, session: &SessionId, id: &InteractionId, now: Millis) -> Result<(), Refusal> {
        let interaction = self.interaction(session, id)?;
        if interaction.at + FOLLOWUP < now { Err(Refusal::InteractionExpired) } else { Ok(()) }
    }

    /// The installations that are not revoked, in the order of their pairing.
    fn live_lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter().filter(|line| line.installation.revoked_at.is_none())
    }

    fn line(&self, id: &InstallationId) -> Result<&Line, Refusal> {
        let found = self.lines.iter().find(|line| line.installation.installation_id == *id);
        let line = found.ok_or(Refusal::NotFound(Noun::Installation))?;
        if line.installation.revoked_at.is_some() {
            Err(Refusal::InstallationRevoked { begun: false })
        } else {
            Ok(line)
        }
    }

    fn line_mut(&mut self, id: &InstallationId) -> Result<&mut Line, Refusal> {
        self.line(id)?;
        let mut lines = self.lines.iter_mut();
        lines.find(|line| line.installation.installation_id == *id).ok_or(Refusal::NotFound(Noun::Installation))
    }

    /// Whether `bytes` more can be remembered. What adds nothing always can, so that ends reach a full cloud.
    fn room_for(&self, bytes: usize) -> Result<(), Refusal> {
        if bytes > 0 && self.bytes.saturating_add(bytes) > MAX_BYTES {
            return Err(Refusal::TooLarge("this cloud is full: delete a session, or start with a new file"));
        }
        Ok(())
    }

    /// Corrects what a session weighs.
    fn weigh(&mut self, session: &SessionId, more: usize, less: usize) {
        if let Some(thread) = self.threads.get_mut(session) {
            thread.bytes = (thread.bytes + more).saturating_sub(less);
            self.bytes = (self.bytes + more).saturating_sub(less);
        }
    }

    fn answer_row(key: Option<Key>, result: &Value, now: Millis) -> Option<Row> {
        key.map(|key| Row::Answer(key, now, result.to_string()))
    }

    fn remember(&mut self, key: Option<Key>, result: Value, now: Millis) -> Value {
        if let Some(key) = key {
            self.repeats.remember(Answer { key, at: now, result: result.clone() });
        }
        result
    }

    /// Tells the page about an installation.
    fn publish_line(&mut self, name: &str, id: &InstallationId, now: Millis) {
        if let Ok(view) = self.line(id).map(Line::view) {
            self.stream.publish(name, view, now);
        }
    }

    /// Tells the page about a session.
    fn publish_session(&mut self, name: &str, id: &SessionId, now: Millis) {
        if let Some(thread) = self.threads.get(id) {
            self.stream.publish(name, value(&thread.session), now);
        }
    }
}
