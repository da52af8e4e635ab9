//! What a bridge does with bubbles: open, append, end.

use super::approval::Approval;
use super::record::{Ending, Message, MessageState, Opening, Role, Session, one_line, without_placeholder};
use super::repeat::Key;
use super::{MAX_MESSAGES, Row, State, value};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret;
use crate::protocol::{InstallationId, InteractionId, MessageId};
use serde_json::{Value, json};

/// The longest text that deltas may add up to, in bytes: the most that an agent may say in one turn (16 MiB), and the
/// host's own words about it.
pub(super) const MAX_STREAMED: usize = (16 << 20) + (64 << 10);
/// Characters of the last message that the list of sessions shows.
const MAX_SNIPPET: usize = 120;

impl State {
    /// `sendMessage`: opens a bubble. With a placeholder it streams; with a text it is final until a delta comes.
    ///
    /// # Errors
    /// [`Refusal`], by session, interaction, replied-to message, key and room.
    pub(crate) fn open_bubble(
        &mut self,
        by: &InstallationId,
        opening: Opening,
        key: Option<Key>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if let Some(result) = self.repeats.find(key.as_ref(), now)? {
            return Ok(result);
        }
        let thread = self.thread_of(by, &opening.session_id)?;
        let mut session = thread.session.clone();
        if let Some(interaction) = &opening.interaction_id {
            self.open_interaction(&session.session_id, interaction, now)?;
        }
        self.check_reply(&session, opening.reply_to.as_ref())?;
        let message = bubble(opening, now);
        self.room_for_message(message.weight())?;
        session.touch(&message.text, now);
        let result = json!({ "message_id": message.message_id });
        let adopted = self.tasks_without_bubble(message.interaction_id.as_ref(), &message.message_id);
        let mut rows = vec![Row::Message(message.clone()), Row::Session { body: session.clone(), deleted_at: None }];
        rows.extend(adopted.into_iter().map(Row::Task));
        let questions = self.questions_without_bubble(message.interaction_id.as_ref(), &message.message_id);
        rows.extend(questions.iter().cloned().map(Row::Approval));
        rows.extend(Self::answer_row(key, &result, now));
        self.persist.save(&rows)?;
        self.adopt_tasks(message.interaction_id.as_ref(), &message.message_id);
        questions.into_iter().for_each(|question| self.approvals.put(question));
        self.add_message(session, message, now);
        Ok(self.remember(key, result, now))
    }

    /// `sendMessageDelta`: appends to a bubble that has not ended.
    ///
    /// # Errors
    /// [`Refusal`], by message, its state, key and room.
    pub(crate) fn append(
        &mut self,
        by: &InstallationId,
        message_id: &MessageId,
        delta: String,
        key: Option<Key>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if let Some(result) = self.repeats.find(key.as_ref(), now)? {
            return Ok(result);
        }
        let message = self.message_of(by, message_id)?;
        if message.ended {
            return Err(Refusal::MessageFinalized);
        }
        if message.text.len() + delta.len() > MAX_STREAMED {
            return Err(Refusal::TooLarge("the message's text would be longer than 16842752 bytes"));
        }
        self.room_for(delta.len())?;
        let (session, result) = (message.session_id.clone(), json!({}));
        let reopened = (message.state == MessageState::Final).then(|| reopened(message, &delta));
        let (event, data) = match &reopened {
            // A reader that saw the bubble whole takes no deltas for it until it is told that it streams again.
            Some(message) => ("message_added", self.message_view(message)),
            None => ("message_delta", delta_event(message, &delta)),
        };
        let chunk = || Row::Chunk { message: message_id.clone(), text: delta.clone() };
        let mut rows = vec![reopened.map_or_else(chunk, Row::Message)];
        rows.extend(Self::answer_row(key, &result, now));
        self.persist.save(&rows)?;
        if let Some(message) = self.message_mut(message_id) {
            message.deltas += 1;
            message.text.push_str(&delta);
            message.state = MessageState::Streaming;
        }
        self.weigh(&session, delta.len(), 0);
        self.stream.publish(event, data, now);
        Ok(self.remember(key, result, now))
    }

    /// `sendMessageEnd`: ends a bubble, and what is still asked in it. Its text, if it has one, replaces what was streamed.
    ///
    /// # Errors
    /// [`Refusal`], by message, its state, key and room.
    pub(crate) fn end_bubble(
        &mut self,
        by: &InstallationId,
        ending: Ending,
        key: Option<Key>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if let Some(result) = self.repeats.find(key.as_ref(), now)? {
            return Ok(result);
        }
        let old = self.message_of(by, &ending.message_id)?;
        if old.ended {
            return Err(self.late_end(&ending.message_id));
        }
        let (mut message, before) = (old.clone(), old.weight());
        message.text = ending.text.map_or(message.text, without_placeholder);
        message.usage = ending.usage.or(message.usage);
        message.finish_reason = ending.finish_reason;
        (message.state, message.ended) = (MessageState::Final, true);
        let weight = message.weight();
        self.room_for(weight.saturating_sub(before))?;
        let mut session = self.thread(&message.session_id)?.session.clone();
        session.touch(&message.text, now);
        let result = json!({});
        let mut rows = vec![Row::Message(message.clone()), Row::Session { body: session.clone(), deleted_at: None }];
        rows.extend(Self::answer_row(key, &result, now));
        self.persist.save(&rows)?;
        self.weigh(&message.session_id, weight, before);
        self.close_questions(&message, now);
        self.finalize(session, message, now);
        Ok(self.remember(key, result, now))
    }

    fn late_end(&mut self, id: &MessageId) -> Refusal {
        if let Some(message) = self.message_mut(id) {
            message.late_ends += 1;
        }
        Refusal::MessageFinalized
    }

    fn finalize(&mut self, session: Session, message: Message, now: Millis) {
        let event = json!({
            "session_id": message.session_id, "message_id": message.message_id,
            "interaction_id": message.interaction_id, "text": message.text, "usage": message.usage,
            "finish_reason": message.finish_reason,
        });
        if let Some(place) = self.message_mut(&message.message_id) {
            *place = message;
        }
        self.stream.publish("message_finalized", event, now);
        self.replace_session("session_updated", session, now);
    }

    /// Puts a durable message at the end of its session and tells the page.
    pub(super) fn add_message(&mut self, session: Session, message: Message, now: Millis) {
        self.weigh(&session.session_id, message.weight(), 0);
        let view = self.message_view(&message);
        if let Some(thread) = self.threads.get_mut(&session.session_id) {
            let place = (session.session_id.clone(), thread.messages.len());
            self.places.insert(message.message_id.clone(), place);
            thread.messages.push(message);
        }
        self.stream.publish("message_added", view, now);
        self.replace_session("session_updated", session, now);
    }

    /// Puts a durable session in its place and tells the page what became of it.
    pub(super) fn replace_session(&mut self, event: &str, session: Session, now: Millis) {
        let id = session.session_id.clone();
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.session = session;
        }
        self.publish_session(event, &id, now);
    }

    pub(super) fn check_reply(&self, session: &Session, reply_to: Option<&MessageId>) -> Result<(), Refusal> {
        let Some(id) = reply_to else { return Ok(()) };
        let here = self.places.get(id).is_some_and(|(at, _)| *at == session.session_id);
        if here { Ok(()) } else { Err(Refusal::NotFound(Noun::Message)) }
    }

    pub(super) fn room_for_message(&self, bytes: usize) -> Result<(), Refusal> {
        if self.places.len() >= MAX_MESSAGES {
            return Err(Refusal::TooLarge("this cloud holds 200000 messages: start with a new file"));
        }
        self.room_for(bytes)
    }

    /// A message as the page sees it: with its cards, and with the questions in it that are over.
    pub(super) fn message_view(&self, message: &Message) -> Value {
        let mut view = value(message);
        let tasks = |id: &InteractionId| self.interactions.get(id).map(|interaction| interaction.tasks.as_slice());
        let tasks = message.interaction_id.as_ref().and_then(tasks).unwrap_or_default();
        let own = tasks.iter().filter(|task| task.message_id.as_ref() == Some(&message.message_id));
        view["tasks"] = own.map(value).collect();
        let asked = message.interaction_id.as_ref().map(|id| self.approvals.of(id)).unwrap_or_default();
        let own = asked.into_iter().filter(|asked| asked.place.message_id.as_ref() == Some(&message.message_id));
        view["approvals"] = own.filter_map(Approval::history).collect();
        view
    }
}

impl Session {
    /// Notes that something was said.
    pub(super) fn touch(&mut self, text: &str, now: Millis) {
        self.last_activity_at = self.last_activity_at.max(now);
        // A long text need not be read as a whole: this much has a snippet in it, unless it is mostly white space.
        let start = &text[..crate::text::floor(text, 8 * MAX_SNIPPET)];
        self.snippet = one_line(start, MAX_SNIPPET).or(self.snippet.take());
    }
}

fn reopened(message: &Message, delta: &str) -> Message {
    let (text, deltas) = (format!("{}{delta}", message.text), message.deltas + 1);
    Message { text, deltas, state: MessageState::Streaming, ..message.clone() }
}

fn delta_event(message: &Message, delta: &str) -> Value {
    json!({
        "session_id": message.session_id, "message_id": message.message_id,
        "interaction_id": message.interaction_id, "delta": delta,
    })
}

fn bubble(opening: Opening, now: Millis) -> Message {
    let text = without_placeholder(opening.text);
    Message {
        message_id: secret::id("msg"),
        session_id: opening.session_id,
        interaction_id: opening.interaction_id,
        role: Role::Agent,
        state: if text.is_empty() { MessageState::Streaming } else { MessageState::Final },
        text,
        attachments: opening.attachments,
        reply_to: opening.reply_to,
        created_at: now,
        usage: opening.usage,
        finish_reason: None,
        deltas: 0,
        ended: false,
        late_ends: 0,
    }
}
