//! What is remembered, in the form in which the page and the file see it.

use super::grant::Grant;
use crate::localcloud::clock::Millis;
use crate::localcloud::secret::Digest;
use crate::protocol::{
    Attachment, FinishReason, InstallationId, InteractionId, MessageId, SessionId, TaskId, ThoughtLevel, TraceContext,
    Usage,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One paired bridge.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Installation {
    pub(crate) installation_id: InstallationId,
    pub(crate) connector_type: String,
    pub(crate) display_name: String,
    pub(crate) custom_display_name: Option<String>,
    pub(crate) custom_emoji: Option<String>,
    pub(crate) host_label: Option<String>,
    pub(crate) created_at: Millis,
    /// What the user allows always.
    #[serde(default)]
    pub(crate) approval_grants: Vec<Grant>,
    /// When the user ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<Millis>,
}

/// One chat thread.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) session_id: SessionId,
    pub(crate) installation_id: InstallationId,
    pub(crate) title: Option<String>,
    pub(crate) state: SessionState,
    pub(crate) created_at: Millis,
    pub(crate) last_activity_at: Millis,
    pub(crate) snippet: Option<String>,
}

/// Where a session is listed. A deleted one is listed nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SessionState {
    Active,
    Archived,
}

/// Who speaks in a bubble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    User,
    Agent,
}

/// Whether a bubble's text may still grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageState {
    Streaming,
    Final,
}

/// One bubble.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: MessageId,
    pub(crate) session_id: SessionId,
    pub(crate) interaction_id: Option<InteractionId>,
    pub(crate) role: Role,
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) state: MessageState,
    pub(crate) created_at: Millis,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish_reason: Option<FinishReason>,
    /// Deltas that it took, without repeats.
    #[serde(default)]
    pub(crate) deltas: u64,
    /// Whether `sendMessageEnd` came. A bubble that was opened with its whole text is final at once, and still
    /// takes deltas and its end.
    #[serde(skip)]
    pub(crate) ended: bool,
    /// Ends that came after it had ended, without repeats, since this cloud started.
    #[serde(skip)]
    pub(crate) late_ends: u64,
}

/// How far a tool card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskState {
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// One tool card.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) task_id: TaskId,
    pub(crate) session_id: SessionId,
    pub(crate) interaction_id: InteractionId,
    /// The bubble that shows it; none while the interaction has no bubble of the agent.
    pub(crate) message_id: Option<MessageId>,
    pub(crate) kind: String,
    pub(crate) status: TaskState,
    pub(crate) status_label: Option<String>,
    pub(crate) args: Option<Value>,
    pub(crate) progress_percent: Option<u8>,
    pub(crate) partial_result: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<String>,
    /// Length of the bubble's text when the card was made, in UTF-16 code units: what a browser counts.
    pub(crate) offset: usize,
    pub(crate) created_at: Millis,
    /// Digests of the bodies that created and finished it: the same body again is a repeat, another a conflict.
    #[serde(skip)]
    pub(crate) created_by: Option<Digest>,
    #[serde(skip)]
    pub(crate) finished_by: Option<Digest>,
}

/// What the user says.
pub(crate) struct Say {
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) thought_level: ThoughtLevel,
    /// What the saying is part of, told to the bridge.
    pub(crate) trace: Option<TraceContext>,
}

/// A bubble as `sendMessage` asks for it.
pub(crate) struct Opening {
    pub(crate) session_id: SessionId,
    pub(crate) interaction_id: Option<InteractionId>,
    pub(crate) text: String,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) usage: Option<Usage>,
}

/// The end of a bubble as `sendMessageEnd` asks for it.
pub(crate) struct Ending {
    pub(crate) message_id: MessageId,
    pub(crate) text: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish_reason: Option<FinishReason>,
}

/// Which card a task route means.
pub(crate) struct Card {
    pub(crate) session_id: SessionId,
    pub(crate) interaction_id: InteractionId,
    pub(crate) task_id: TaskId,
}

/// What a task route changes of a card. What is `None` stays as it is.
#[derive(Default)]
pub(crate) struct CardChange {
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<TaskState>,
    pub(crate) status_label: Option<String>,
    pub(crate) args: Option<Value>,
    pub(crate) progress_percent: Option<u8>,
    pub(crate) partial_result: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) error: Option<String>,
}

impl TaskState {
    /// The event that tells the page.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Running => "task_progress",
            Self::Completed => "task_completed",
            Self::Failed => "task_failed",
            Self::Cancelled => "task_cancelled",
        }
    }
}

/// `text` unless it is a placeholder, which counts as no text yet.
pub(crate) fn without_placeholder(text: String) -> String {
    if text == crate::protocol::PLACEHOLDER { String::new() } else { text }
}

/// At most `max` characters of `text`, in one line.
pub(crate) fn one_line(text: &str, max: usize) -> Option<String> {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() >= max {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !c.is_control()).take(max));
    }
    let cut: String = line.chars().take(max).collect();
    (!cut.is_empty()).then(|| cut.trim_end().to_owned())
}

impl Message {
    /// Bytes of what was said and of what goes with it. Numbers and ids are bounded by the number of messages.
    pub(crate) fn weight(&self) -> usize {
        let attachment = |one: &Attachment| {
            size_of::<Attachment>() + one.key.len() + one.mime.len() + one.name.as_ref().map_or(0, String::len)
        };
        let usage = self.usage.iter().flat_map(|usage| [&usage.model, &usage.provider]).flatten();
        self.text.len() + self.attachments.iter().map(attachment).sum::<usize>() + usage.map(String::len).sum::<usize>()
    }

    /// Whether this is a bubble of the agent in `interaction`.
    pub(crate) fn is_answer_in(&self, interaction: &InteractionId) -> bool {
        self.role == Role::Agent && self.interaction_id.as_ref() == Some(interaction)
    }
}
