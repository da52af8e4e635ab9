//! Approvals: what the bridge asks the user, and what the user may answer.

use super::{ApprovalId, InteractionId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, this once.
    Once,
    /// Yes, also to what is asked later.
    Always {
        /// How far that reaches.
        scope: GrantScope,
        /// The session, tool or host that the user named, where the page sends it.
        value: Option<String>,
    },
    /// No.
    Denied,
    /// Nobody answered in time.
    Expired,
}

impl Verdict {
    /// Reads the payload of `approval.resolved`, or the answer to a repeated question. What is not understood is no
    /// leave; a scope that is not understood is the narrowest, one that is left out is that of the documents' example.
    pub fn of(payload: &Value) -> Option<Self> {
        Some(match payload["decision"].as_str()? {
            "approve" => Self::Once,
            "approve_always" => Self::Always {
                scope: match &payload["scope"] {
                    Value::Null => GrantScope::Tool,
                    scope => GrantScope::deserialize(scope).unwrap_or(GrantScope::Session),
                },
                value: payload["scope_value"].as_str().map(str::to_owned),
            },
            "expired" => Self::Expired,
            _ => Self::Denied,
        })
    }
}

/// Result of `requestApproval`.
#[derive(Debug, Clone, Deserialize)]
pub struct Asked {
    /// When the question expires, in milliseconds since the epoch.
    #[serde(default)]
    pub expires_at: Option<u64>,
    /// What is decided already, for a repeat or by a grant that the cloud keeps.
    #[serde(default)]
    pub decision: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_understood_is_no_leave_and_reaches_no_further_than_it_says() {
        let verdict = |payload: Value| Verdict::of(&payload);
        assert_eq!(verdict(json!({ "decision": "approve" })), Some(Verdict::Once));
        for word in ["allow", "", "Approve", "deny"] {
            assert_eq!(verdict(json!({ "decision": word })), Some(Verdict::Denied), "{word}");
        }
        assert_eq!(verdict(json!({ "decision": 1 })), None);
        let always = |scope: Value| match verdict(json!({ "decision": "approve_always", "scope": scope })) {
            Some(Verdict::Always { scope, .. }) => scope,
            other => panic!("{other:?}"),
        };
        assert_eq!(always(Value::Null), GrantScope::Tool);
        assert_eq!(always(json!("all")), GrantScope::All);
        assert_eq!(always(json!("everything")), GrantScope::Session);
        assert_eq!(always(json!(["all"])), GrantScope::Session);
    }
}
