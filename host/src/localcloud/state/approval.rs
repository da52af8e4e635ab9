//! Questions to the user, as they are remembered.

use crate::localcloud::clock::Millis;
use crate::localcloud::secret::Digest;
use crate::protocol::{ApprovalId, Decision, InstallationId, InteractionId, RequestApproval, SessionId, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// Questions that wait at the same time. One more is refused.
pub(super) const MAX_OPEN: usize = 500;
/// Questions that are remembered with their answers for a day. The oldest is forgotten for one more.
const MAX_ANSWERED: usize = 10_000;

/// What is asked.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) action: String,
    pub(crate) title: String,
    pub(crate) message: String,
    pub(crate) severity: Severity,
    pub(crate) command: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) tool_call_id: Option<String>,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Approve,
    ApproveAlways,
    Deny,
    Expired,
}

/// One question to the user.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) approval_id: ApprovalId,
    pub(crate) installation_id: InstallationId,
    pub(crate) session_id: SessionId,
    pub(crate) interaction_id: InteractionId,
    #[serde(flatten)]
    pub(crate) question: Question,
    pub(crate) expires_at: Millis,
    /// When it was asked.
    pub(crate) ts: Millis,
    /// None while it waits.
    pub(crate) outcome: Option<Outcome>,
    /// Digest of the body that asked: the same body again is a repeat, another a conflict.
    #[serde(skip)]
    pub(crate) asked_by: Digest,
}

/// All questions of the last day.
#[derive(Default)]
pub(crate) struct Approvals {
    pub(super) all: HashMap<ApprovalId, Approval>,
    /// Wakes who waits for the next expiry.
    pub(super) changed: Arc<Notify>,
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approve => Self::Approve,
            Decision::ApproveAlways => Self::ApproveAlways,
            Decision::Deny => Self::Deny,
        }
    }
}

impl Approvals {
    pub(super) fn put(&mut self, approval: Approval) {
        self.all.insert(approval.approval_id.clone(), approval);
        if self.all.len() > MAX_OPEN + MAX_ANSWERED {
            let answered = self.all.values().filter(|approval| approval.outcome.is_some());
            let oldest = answered.min_by_key(|approval| approval.ts).map(|approval| approval.approval_id.clone());
            oldest.and_then(|id| self.all.remove(&id));
        }
    }

    /// Forgets what was asked up to then.
    pub(super) fn forget(&mut self, up_to: Millis) {
        self.all.retain(|_, approval| approval.ts > up_to);
    }

    /// Those that wait, oldest first.
    pub(super) fn open(&self) -> Vec<&Approval> {
        let mut open: Vec<_> = self.all.values().filter(|approval| approval.outcome.is_none()).collect();
        open.sort_by_key(|approval| (approval.ts, &approval.approval_id));
        open
    }

    /// All of an interaction, oldest first.
    pub(super) fn of(&self, interaction: &InteractionId) -> Vec<&Approval> {
        let mut of: Vec<_> = self.all.values().filter(|approval| approval.interaction_id == *interaction).collect();
        of.sort_by_key(|approval| (approval.ts, &approval.approval_id));
        of
    }
}

impl Approval {
    pub(super) fn new(
        by: &InstallationId,
        asked: RequestApproval,
        asked_by: Digest,
        now: Millis,
        expires_at: Millis,
    ) -> Self {
        Self {
            approval_id: asked.approval_id,
            installation_id: by.clone(),
            session_id: asked.session_id,
            interaction_id: asked.interaction_id,
            question: Question {
                action: asked.action,
                title: asked.title,
                message: asked.message,
                severity: asked.severity,
                command: asked.command,
                host: asked.host,
                tool_call_id: asked.tool_call_id,
            },
            expires_at,
            ts: now,
            outcome: None,
            asked_by,
        }
    }

    /// As the documents show it in the snapshot, and in `approval_requested`.
    pub(super) fn view(&self) -> Value {
        let mut view = super::value(self);
        view["agent_id"] = Value::Null;
        if let Some(fields) = view.as_object_mut() {
            fields.remove("outcome");
        }
        view
    }

    /// What its bridge is told about it.
    pub(super) fn result(&self) -> Value {
        let mut result = json!({ "approval_id": self.approval_id, "expires_at": self.expires_at });
        if let Some(outcome) = self.outcome {
            result["decision"] = json!(outcome);
        }
        result
    }

    /// The same with its end. What it asked in detail is of no more use, and not kept.
    pub(super) fn ended(&self, outcome: Outcome) -> Self {
        let mut ended = Self { outcome: Some(outcome), ..self.clone() };
        (ended.question.message, ended.question.command) = (String::new(), None);
        ended
    }
}
