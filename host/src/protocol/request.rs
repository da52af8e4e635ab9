//! Bodies that the bridge posts. Field names and optional fields are those of the wire reference.

use super::{InteractionId, MessageId, RequestApproval, SessionId, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `POST /v1/bridge/sendMessage`: opens the agent's bubble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendMessage {
    /// The session the bubble appears in.
    pub session_id: SessionId,
    /// The turn it answers; without one the agent speaks unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_id: Option<InteractionId>,
    /// The text, or [`super::PLACEHOLDER`] when it will stream.
    pub text: String,
    /// Makes a retry harmless.
    pub idempotency_key: String,
}

/// `POST /v1/bridge/sendMessageDelta`: appends to a bubble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendMessageDelta {
    /// The bubble.
    pub message_id: MessageId,
    /// What to append, at most [`super::MAX_TEXT`] bytes.
    pub delta: String,
    /// Makes a retry harmless.
    pub idempotency_key: String,
}

/// `POST /v1/bridge/sendMessageEnd`: finishes a bubble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SendMessageEnd {
    /// The bubble.
    pub message_id: MessageId,
    /// The canonical text. The server keeps what was streamed where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the answer cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Why the agent stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// Makes a retry harmless.
    pub idempotency_key: String,
}

/// What an answer cost; drives the row under the bubble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read by the model.
    pub input_tokens: u64,
    /// Tokens written by the model.
    pub output_tokens: u64,
    /// Price in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_cost_usd: Option<f64>,
    /// The model's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// Why an answer ended. The documented four are what this host sends; the other two are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// A length limit cut it.
    Length,
    /// A filter cut it.
    ContentFilter,
    /// It ended in a tool call.
    ToolCall,
    /// Seen in the field.
    Error,
    /// Seen in the field.
    Cancelled,
}

/// `POST /v1/bridge/createTask`: shows a tool card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateTask {
    /// The session.
    pub session_id: SessionId,
    /// The turn.
    pub interaction_id: InteractionId,
    /// The card; repeating it is harmless.
    pub task_id: TaskId,
    /// What sort of tool: `bash`, `http`, `mcp`, …
    pub kind: String,
    /// The collapsed label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_label: Option<String>,
    /// What the tool was called with, at most [`super::MAX_TASK_JSON`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
}

/// `POST /v1/bridge/updateTask`: progress of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateTask {
    /// The session.
    pub session_id: SessionId,
    /// The turn.
    pub interaction_id: InteractionId,
    /// The card.
    pub task_id: TaskId,
    /// 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<u8>,
    /// A new label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_label: Option<String>,
    /// The result so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_result: Option<Value>,
    /// Tells this event from the card's others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// `POST /v1/bridge/finishTask`: closes a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishTask {
    /// The session.
    pub session_id: SessionId,
    /// The turn.
    pub interaction_id: InteractionId,
    /// The card.
    pub task_id: TaskId,
    /// How it ended.
    pub status: TaskStatus,
    /// What went wrong, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What came out, at most [`super::MAX_TASK_JSON`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// How a card ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// The tool did its work.
    Completed,
    /// The tool failed.
    Failed,
    /// The turn ended first.
    Cancelled,
}

/// One request about a bubble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outgoing {
    /// Opens the bubble; the answer names it.
    Open(SendMessage),
    /// Appends text.
    Delta(SendMessageDelta),
    /// Ends the bubble.
    End(SendMessageEnd),
    /// Shows a card.
    CreateTask(CreateTask),
    /// Moves a card on.
    UpdateTask(UpdateTask),
    /// Closes a card.
    FinishTask(FinishTask),
    /// Asks the user for leave.
    Ask(Box<RequestApproval>),
}

/// `POST /v1/pairing/start`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairingStart {
    /// What sort of bridge is pairing. Some clients name the field `connector_type_id`.
    #[serde(alias = "connector_type_id")]
    pub connector_type: String,
    /// The machine's name as the user will see it.
    #[serde(default)]
    pub host_label: Option<String>,
}

/// `POST /v1/pairing/poll`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairingPoll {
    /// As `pairing/start` gave it.
    pub poll_token: String,
}
