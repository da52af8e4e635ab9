//! Updates: what the server tells the bridge about its sessions.

use super::{ApprovalId, InteractionId, MessageId, SessionId, TraceContext, UpdateId, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One update as it came. [`Update::event`] reads what it means.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Update {
    /// The number to ack and to deduplicate by.
    pub update_id: UpdateId,
    /// `session.message` and others; an open set.
    #[serde(rename = "type")]
    pub kind: String,
    /// The session, where the update has one. One that makes no sense counts as none: the update is acked all the same.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// The interaction, where the update has one.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<InteractionId>,
    /// Of which trace it is part, where its user's side told one. The documents name no such field.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What others pass along with the trace.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// The body, by `kind`.
    #[serde(default)]
    pub payload: Value,
}

fn lenient<'de, D: serde::Deserializer<'de>, T: TryFrom<String>>(de: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(de)?;
    Ok(value.as_str().and_then(|id| T::try_from(id.to_owned()).ok()))
}

/// What an update means to this host.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The user wrote: a turn is due.
    Message(Box<UserMessage>),
    /// The user stopped a turn, or with no interaction named, every turn of the session.
    Cancelled {
        /// The session.
        session: SessionId,
        /// The interaction to stop; all of the session's when `None`.
        interaction: Option<InteractionId>,
    },
    /// The user answered a question, or did not in time.
    Answered {
        /// The question.
        approval: ApprovalId,
        /// The answer.
        verdict: Verdict,
    },
    /// Known to the protocol, of no consequence here, or of a type this version does not know: acked and ignored.
    Ignored,
    /// An update that should start work but lacks what that needs: acked and logged.
    Incomplete {
        /// The field that is missing or malformed.
        missing: &'static str,
    },
}

/// A user's message, gathered from wherever the server put its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserMessage {
    /// The chat thread.
    pub session: SessionId,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The turn that this message starts.
    pub interaction: InteractionId,
    /// The message's own id, which not all servers send.
    pub message: Option<MessageId>,
    /// What the user wrote.
    pub text: String,
    /// What the user attached.
    #[serde(default)]
    pub attachments: Vec<Attachment>,
    /// The message this one answers.
    pub reply_to: Option<MessageId>,
    /// How hard the agent should think.
    #[serde(default)]
    pub thought_level: ThoughtLevel,
    /// The user's language, as a BCP 47 tag.
    pub locale: Option<String>,
    /// The trace that the turn goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

#[cfg(test)]
impl UserMessage {
    /// A message for tests: of this session and interaction, with a text and nothing else.
    pub(crate) fn example(session: &str, interaction: &str) -> Self {
        Self {
            session: session.try_into().expect("an id"),
            title: None,
            interaction: interaction.try_into().expect("an id"),
            message: None,
            text: "hi".to_owned(),
            attachments: vec![],
            reply_to: None,
            thought_level: ThoughtLevel::Default,
            locale: None,
            trace: None,
        }
    }
}

/// A file that the user attached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Names the file on the cloud.
    pub key: String,
    /// Its media type.
    #[serde(default)]
    pub mime: String,
    /// Its size in bytes.
    #[serde(default)]
    pub size: u64,
    /// Its name, if it has one.
    #[serde(default)]
    pub name: Option<String>,
}

/// `thought_level` of a user's message. What is unknown reads as the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThoughtLevel {
    /// Longer.
    Extended,
    /// As long as it takes.
    Max,
    /// An ordinary answer.
    #[default]
    #[serde(other)]
    Default,
}

impl Update {
    /// Reads the update. Both places that servers use for session and interaction are looked at.
    pub fn event(&self) -> Event {
        match self.kind.as_str() {
            "session.message" => self.message(),
            "session.cancelled" => match self.session() {
                Some(session) => Event::Cancelled { session, interaction: self.interaction() },
                None => Event::Incomplete { missing: "session_id" },
            },
            "approval.resolved" => self.answered(Verdict::of(&self.payload)),
            "approval.expired" => self.answered(Some(Verdict::Expired)),
            _ => Event::Ignored,
        }
    }

    fn answered(&self, verdict: Option<Verdict>) -> Event {
        let approval = self.payload["approval_id"].as_str().and_then(|id| ApprovalId::try_from(id).ok());
        let Some(approval) = approval else { return Event::Incomplete { missing: "payload.approval_id" } };
        let Some(verdict) = verdict else { return Event::Incomplete { missing: "payload.decision" } };
        Event::Answered { approval, verdict }
    }

    fn session(&self) -> Option<SessionId> {
        let nested = || self.payload["session"]["id"].as_str().or_else(|| self.payload["session_id"].as_str());
        self.session_id.clone().or_else(|| nested().and_then(|id| id.try_into().ok()))
    }

    fn interaction(&self) -> Option<InteractionId> {
        let nested = || self.payload["interaction_id"].as_str().and_then(|id| id.try_into().ok());
        self.interaction_id.clone().or_else(nested)
    }

    /// The trace that the update is part of. What makes no sense is passed over.
    fn trace(&self) -> Option<TraceContext> {
        let own = || TraceContext::parse(self.traceparent.as_deref()?, self.tracestate.as_deref());
        let nested = || TraceContext::parse(self.payload["traceparent"].as_str()?, self.payload["tracestate"].as_str());
        own().or_else(nested)
    }

    fn message(&self) -> Event {
        let Some(session) = self.session() else { return Event::Incomplete { missing: "session_id" } };
        let Some(interaction) = self.interaction() else { return Event::Incomplete { missing: "interaction_id" } };
        let message = &self.payload["message"];
        let Some(text) = message["text"].as_str() else { return Event::Incomplete { missing: "payload.message.text" } };
        let id = |value: &Value| value.as_str().and_then(|id| MessageId::try_from(id).ok());
        let text_of = |value: &Value| value.as_str().map(str::to_owned);
        Event::Message(Box::new(UserMessage {
            session,
            title: text_of(&self.payload["session"]["title"]),
            interaction,
            message: id(&message["id"]).or_else(|| id(&message["message_id"])),
            text: text.to_owned(),
            attachments: Vec::deserialize(&message["attachments"]).unwrap_or_default(),
            reply_to: id(&message["reply_to"]),
            thought_level: ThoughtLevel::deserialize(&message["thought_level"]).unwrap_or_default(),
            locale: text_of(&message["locale"]),
            trace: self.trace(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn update(value: Value) -> Update {
        serde_json::from_value(value).expect("an update")
    }

    #[test]
    fn a_documented_message_is_read() {
        let event = update(json!({
            "update_id": "12", "type": "session.message", "session_id": "ses_1", "interaction_id": "int_1",
            "installation_id": "inst_1", "created_at": "2026-05-05T12:34:56Z",
            "payload": { "session": { "id": "ses_1", "title": "t" },
                         "message": { "id": "msg_1", "text": "hi", "attachments": [], "thought_level": "max" } }
        }))
        .event();
        let Event::Message(message) = event else { panic!("not a message: {event:?}") };
        assert_eq!((message.session.as_str(), message.interaction.as_str()), ("ses_1", "int_1"));
        assert_eq!((message.text.as_str(), message.title.as_deref()), ("hi", Some("t")));
        assert_eq!(message.thought_level, ThoughtLevel::Max);
    }

    #[test]
    fn answers_to_questions_are_read() {
        let payload =
            json!({ "approval_id": "apr_1", "decision": "approve_always", "scope": "domain", "scope_value": "x" });
        let answer = update(json!({ "update_id": "1", "type": "approval.resolved", "payload": payload })).event();
        let verdict = Verdict::Always { scope: crate::protocol::GrantScope::Domain, value: Some("x".to_owned()) };
        assert_eq!(answer, Event::Answered { approval: "apr_1".try_into().expect("an id"), verdict });
        let payload = json!({ "approval_id": "apr_1" });
        let expired =
            update(json!({ "update_id": "1", "type": "approval.expired", "payload": payload.clone() })).event();
        assert!(matches!(expired, Event::Answered { verdict: Verdict::Expired, .. }), "{expired:?}");
        let bare = update(json!({ "update_id": "1", "type": "approval.resolved", "payload": payload })).event();
        assert_eq!(bare, Event::Incomplete { missing: "payload.decision" });
    }

    #[test]
    fn ids_are_also_found_in_the_payload() {
        let event = update(json!({
            "update_id": 3, "type": "session.message",
            "payload": { "session": { "id": "ses_1" }, "interaction_id": "int_1", "message": { "text": "hi" } }
        }))
        .event();
        assert!(matches!(event, Event::Message(message) if message.message.is_none()));
    }

    #[test]
    fn a_trace_is_found_in_both_places_and_no_other_thing_is_taken_for_one() {
        let trace = |own: Value, nested: Value| {
            let mut value = json!({
                "update_id": 3, "type": "session.message", "session_id": "ses_1", "interaction_id": "int_1",
                "payload": { "message": { "text": "hi" } }
            });
            value["traceparent"] = own;
            value["payload"]["traceparent"] = nested;
            (value["tracestate"], value["payload"]["tracestate"]) = (json!("own=1"), json!("nested=1"));
            let Event::Message(message) = update(value).event() else { panic!("not a message") };
            message.trace.and_then(|trace| trace.state)
        };
        let good = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace(good.clone(), good.clone()).as_deref(), Some("own=1"));
        assert_eq!(trace(json!(null), good.clone()).as_deref(), Some("nested=1"));
        for bad in [json!(7), json!({}), json!("00-0-0-01")] {
            assert_eq!(trace(bad.clone(), good.clone()).as_deref(), Some("nested=1"));
            assert_eq!(trace(bad.clone(), bad), None);
        }
    }

    #[test]
    fn what_a_turn_needs_and_lacks_is_named() {
        let no_session = update(json!({ "update_id": "1", "type": "session.message", "interaction_id": "int_1" }));
        assert_eq!(no_session.event(), Event::Incomplete { missing: "session_id" });
        let no_text = update(json!({
            "update_id": "1", "type": "session.message", "session_id": "s", "interaction_id": "i",
            "payload": { "message": { "text": 7 } }
        }));
        assert_eq!(no_text.event(), Event::Incomplete { missing: "payload.message.text" });
        let empty = update(json!({ "update_id": "1", "type": "session.message", "session_id": "" }));
        assert_eq!(empty.event(), Event::Incomplete { missing: "session_id" });
        let other = update(json!({ "update_id": "1", "type": "device_added" }));
        assert_eq!(other.event(), Event::Ignored);
    }
}
