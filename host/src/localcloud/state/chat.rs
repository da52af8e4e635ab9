//! What the user does with sessions: open, rename, archive, delete, write, stop.

use super::record::{Message, MessageState, Role, Say, Session, SessionState, one_line};
use super::{Interaction, MAX_SESSIONS, Row, State, Thread};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret;
use crate::protocol::{InstallationId, InteractionId, MessageId, SessionId};
use serde_json::{Value, json};

/// Characters of the first message that become the title of an untitled session.
const MAX_AUTO_TITLE: usize = 60;

impl State {
    /// Opens a session at an installation; with none named, at the newest whose bridge has fetched its token.
    ///
    /// # Errors
    /// When there is no such installation, or 5,000 sessions.
    pub(crate) fn create_session(
        &mut self,
        installation: Option<InstallationId>,
        title: Option<String>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let newest = self.live_lines().rev().find(|line| line.token.is_some());
        let line = match &installation {
            Some(id) => self.line(id)?,
            None => newest.ok_or(Refusal::NotFound(Noun::Installation))?,
        };
        let installation = line.installation.installation_id.clone();
        if self.threads.len() >= MAX_SESSIONS {
            return Err(Refusal::TooLarge("this cloud holds 5000 sessions: start with a new file"));
        }
        let session = Session {
            session_id: secret::id("ses"),
            installation_id: installation,
            title,
            state: SessionState::Active,
            created_at: now,
            last_activity_at: now,
            snippet: None,
        };
        self.persist.save(&[Row::Session { body: session.clone(), deleted_at: None }])?;
        let (id, view) = (session.session_id.clone(), super::value(&session));
        self.threads.insert(id.clone(), Thread { session, deleted_at: None, messages: Vec::new(), bytes: 0 });
        self.publish_session("session_created", &id, now);
        Ok(view)
    }

    /// Gives a session another title, or none.
    ///
    /// # Errors
    /// When there is no such session.
    pub(crate) fn rename_session(
        &mut self,
        id: &SessionId,
        title: Option<String>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        self.change_session(id, "session_renamed", now, |session| session.title = title)
    }

    /// Moves a session to the archive or back.
    ///
    /// # Errors
    /// When there is no such session.
    pub(crate) fn file_session(&mut self, id: &SessionId, state: SessionState, now: Millis) -> Result<Value, Refusal> {
        self.change_session(id, "session_updated", now, |session| session.state = state)
    }

    fn change_session(
        &mut self,
        id: &SessionId,
        event: &str,
        now: Millis,
        change: impl FnOnce(&mut Session),
    ) -> Result<Value, Refusal> {
        let mut session = self.thread(id)?.session.clone();
        change(&mut session);
        self.persist.save(&[Row::Session { body: session.clone(), deleted_at: None }])?;
        let view = super::value(&session);
        self.replace_session(event, session, now);
        Ok(view)
    }

    /// Deletes a session: what it asks is denied, its texts are gone at once from memory, and after 24 h from the file. The bridge is told
    /// to stop.
    ///
    /// # Errors
    /// When there is no such session, or the bridge takes no updates.
    pub(crate) fn delete_session(&mut self, id: &SessionId, now: Millis) -> Result<(), Refusal> {
        let session = self.thread(id)?.session.clone();
        self.deny_all(id, None, now)?;
        let deleted = Row::Session { body: session.clone(), deleted_at: Some(now) };
        if self.line(&session.installation_id).is_ok() {
            self.push(&session, "session.cancelled", None, json!({}), vec![deleted], now)?;
        } else {
            // There is no bridge any more that could stop something.
            self.persist.save(&[deleted])?;
        }
        self.interactions.retain(|_, interaction| interaction.session_id != *id);
        if let Some(thread) = self.threads.get_mut(id) {
            thread.deleted_at = Some(now);
            thread.messages = Vec::new();
            self.approvals.hush(id);
            self.bytes = self.bytes.saturating_sub(std::mem::take(&mut thread.bytes));
        }
        self.stream.publish("session_deleted", json!({ "session_id": id }), now);
        Ok(())
    }

    /// Records the user's message and passes it to the bridge. A new interaction begins with it.
    ///
    /// # Errors
    /// [`Refusal`], by session, replied-to message, room, and when the bridge takes no updates.
    pub(crate) fn send(
        &mut self,
        id: &SessionId,
        say: Say,
        now: Millis,
    ) -> Result<(InteractionId, MessageId), Refusal> {
        let mut session = self.thread(id)?.session.clone();
        self.check_reply(&session, say.reply_to.as_ref())?;
        let (interaction, message): (InteractionId, MessageId) = (secret::id("int"), secret::id("msg"));
        let mut payload = json!({ "message": {
            "id": message, "text": say.text, "attachments": say.attachments, "reply_to": say.reply_to,
            "thought_level": say.thought_level,
        } });
        if let Some(trace) = &say.trace {
            (payload["traceparent"], payload["tracestate"]) = (trace.traceparent().into(), json!(trace.state));
        }
        let untitled = session.title.is_none();
        let record = user_message(say, &session, interaction.clone(), message.clone(), now);
        self.room_for_message(record.weight())?;
        session.title = session.title.take().or_else(|| one_line(&record.text, MAX_AUTO_TITLE));
        session.touch(&record.text, now);
        let rows = vec![Row::Message(record.clone()), Row::Session { body: session.clone(), deleted_at: None }];
        // The page hears of the message before the bridge can answer it.
        let draft = self.draft(&session, "session.message", Some(&interaction), payload, rows, now)?;
        let begun = Interaction { session_id: id.clone(), at: now, tasks: Vec::new() };
        self.interactions.insert(interaction.clone(), begun);
        self.add_message(session.clone(), record, now);
        if untitled && session.title.is_some() {
            self.publish_session("session_renamed", id, now);
        }
        self.deliver(&session.installation_id, draft, now);
        Ok((interaction, message))
    }

    /// Tells the bridge to stop an interaction, or all of the session. What is asked there is denied before.
    ///
    /// # Errors
    /// When there is no such session or interaction, or the bridge takes no updates.
    pub(crate) fn cancel(
        &mut self,
        id: &SessionId,
        interaction: Option<&InteractionId>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let session = self.thread(id)?.session.clone();
        if let Some(interaction) = interaction {
            self.interaction(id, interaction)?;
        }
        self.deny_all(id, interaction, now)?;
        self.push(&session, "session.cancelled", interaction, json!({}), Vec::new(), now)
    }
}

fn user_message(say: Say, session: &Session, interaction: InteractionId, id: MessageId, now: Millis) -> Message {
    Message {
        message_id: id,
        session_id: session.session_id.clone(),
        interaction_id: Some(interaction),
        role: Role::User,
        text: say.text,
        attachments: say.attachments,
        reply_to: say.reply_to,
        state: MessageState::Final,
        created_at: now,
        usage: None,
        finish_reason: None,
        deltas: 0,
        ended: true,
        late_ends: 0,
    }
}
