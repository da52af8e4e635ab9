//! Approvals: what the bridge asks the user, and what the user may answer.

use super::{ApprovalId, InteractionId, SessionId};
use serde::{Deserialize, Serialize};

/// `POST /v1/bridge/requestApproval`: asks the user for leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestApproval {
    /// The session.
    pub session_id: SessionId,
    /// The turn that waits for the answer.
    pub interaction_id: InteractionId,
    /// The question; repeating it is harmless.
    pub approval_id: ApprovalId,
    /// What sort of deed: `shell.exec`, …
    pub action: String,
    /// The question in one line.
    pub title: String,
    /// What would be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Where it would be run, or which host it would reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The agent's own words.
    pub message: String,
    /// How bad it can get.
    pub severity: Severity,
    /// The tool call that waits, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Taken and not needed: `approval_id` is the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// How bad it can get. The documents have the first three; the last was seen in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Hardly.
    Low,
    /// Something could be lost.
    Medium,
    /// Much could be lost.
    High,
    /// Everything could be lost.
    Critical,
}

/// What the user decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes, this once.
    Approve,
    /// Yes, also to what is asked later within a scope.
    ApproveAlways,
    /// No.
    Deny,
}

/// How far an `approve_always` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantScope {
    /// The same action in this session.
    Session,
    /// The same action with this tool.
    Tool,
    /// The same action at this host.
    Domain,
    /// The same action, wherever.
    All,
}
