//! Questions to the user, as they are remembered.

use super::grant::Reach;
use crate::localcloud::clock::Millis;
use crate::localcloud::secret::Digest;
use crate::protocol::{
    ApprovalId, Decision, InstallationId, InteractionId, MessageId, RequestApproval, SessionId, Severity,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::Notify;

/// Questions that wait at the same time. One more is refused.
pub(super) const MAX_OPEN: usize = 500;
/// Questions that are over and stay in the history of their chats. The oldest is forgotten for one more.
pub(super) const MAX_ANSWERED: u32 = 10_000;
/// Bytes of a command that the history keeps.
const MAX_COMMAND: usize = 2_000;

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

/// What ended a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndedBy {
    /// The user, who decided.
    User,
    /// What the user allowed always before.
    Grant,
    /// The user, who stopped the turn or deleted its session.
    Stop,
    /// The end of the bubble that it was asked in: nobody needs an answer any more.
    TurnOver,
    /// Nobody answered in time.
    Time,
}

/// How a question ended, beside its outcome.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) by: EndedBy,
    pub(crate) at: Millis,
    /// How far an `approve_always` reaches.
    pub(crate) reach: Option<Reach>,
}

/// Where a question stands in its chat.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The bubble that shows it; none while the interaction has no bubble of the agent.
    pub(crate) message_id: Option<MessageId>,
    /// Length of the bubble's text when it was asked, in UTF-16 code units: what a browser counts.
    pub(crate) offset: usize,
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
    #[serde(default)]
    pub(crate) place: Place,
    /// None while it waits.
    pub(crate) outcome: Option<Outcome>,
    /// None while it waits, and of those that ended before this was remembered.
    #[serde(default)]
    pub(crate) end: Option<End>,
    /// Digest of the body that asked: the same body again is a repeat, another a conflict.
    #[serde(skip)]
    pub(crate) asked_by: Digest,
}

/// All questions that wait, and the last that are over.
#[derive(Default)]
pub(crate) struct Approvals {
    pub(super) all: HashMap<ApprovalId, Approval>,
    /// Those of each interaction, in the order in which they were put.
    of: HashMap<InteractionId, Vec<ApprovalId>>,
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
        let (id, interaction) = (approval.approval_id.clone(), approval.interaction_id.clone());
        if self.all.insert(id.clone(), approval).is_none() {
            self.of.entry(interaction).or_default().push(id);
        }
        if self.all.len() > MAX_OPEN + MAX_ANSWERED as usize {
            let answered = self.all.values().filter(|approval| approval.outcome.is_some());
            let oldest = answered.min_by_key(|approval| approval.ts).map(|approval| approval.approval_id.clone());
            oldest.into_iter().for_each(|id| self.remove(&id));
        }
    }

    fn remove(&mut self, id: &ApprovalId) {
        let Some(gone) = self.all.remove(id) else { return };
        if let Some(of) = self.of.get_mut(&gone.interaction_id) {
            of.retain(|other| other != id);
            if of.is_empty() {
                self.of.remove(&gone.interaction_id);
            }
        }
    }

    /// Forgets what was asked in sessions that are gone for good.
    pub(super) fn forget(&mut self, dead: &HashSet<SessionId>) {
        let gone = self.all.values().filter(|approval| dead.contains(&approval.session_id));
        let gone: Vec<ApprovalId> = gone.map(|approval| approval.approval_id.clone()).collect();
        gone.iter().for_each(|id| self.remove(id));
    }

    /// Forgets the words of what was asked in a deleted session.
    pub(super) fn hush(&mut self, session: &SessionId) {
        self.all.values_mut().filter(|approval| approval.session_id == *session).for_each(Approval::hush);
    }

    /// Those that wait, oldest first.
    pub(super) fn open(&self) -> Vec<&Approval> {
        let mut open: Vec<_> = self.all.values().filter(|approval| approval.outcome.is_none()).collect();
        open.sort_by_key(|approval| (approval.ts, &approval.approval_id));
        open
    }

    /// All of an interaction, oldest first.
    pub(super) fn of(&self, interaction: &InteractionId) -> Vec<&Approval> {
        let ids = self.of.get(interaction).into_iter().flatten();
        let mut of: Vec<_> = ids.filter_map(|id| self.all.get(id)).collect();
        of.sort_by_key(|approval| (approval.ts, &approval.approval_id));
        of
    }
}

impl Approval {
    pub(super) fn new(
        by: &InstallationId,
        asked: RequestApproval,
        asked_by: Digest,
        place: Place,
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
            place,
            outcome: None,
            end: None,
            asked_by,
        }
    }

    /// As the documents show it in the snapshot, and in `approval_requested`.
    pub(super) fn view(&self) -> Value {
        let mut view = super::value(self);
        view["agent_id"] = Value::Null;
        if let Some(fields) = view.as_object_mut() {
            ["outcome", "end", "place"].into_iter().for_each(|ours| drop(fields.remove(ours)));
        }
        view
    }

    /// As the history of its chat shows it, once it is over.
    pub(super) fn history(&self) -> Option<Value> {
        let (question, end) = (&self.question, self.end.as_ref());
        let reach = end.and_then(|end| end.reach.as_ref());
        Some(json!({
            "approval_id": self.approval_id, "session_id": self.session_id, "interaction_id": self.interaction_id,
            "message_id": self.place.message_id, "offset": self.place.offset, "title": question.title,
            "command": question.command, "host": question.host, "severity": question.severity,
            "asked_at": self.ts, "decision": self.outcome?, "by": end.map(|end| end.by),
            "resolved_at": end.map(|end| end.at), "scope": reach.map(|reach| reach.scope),
            "scope_value": reach.map(|reach| &reach.scope_value),
        }))
    }

    /// What its bridge is told about it.
    pub(super) fn result(&self) -> Value {
        let mut result = json!({ "approval_id": self.approval_id, "expires_at": self.expires_at });
        if let Some(outcome) = self.outcome {
            result["decision"] = json!(outcome);
        }
        result
    }

    /// The same with its end. Of what it asked the history keeps what was to be done, and not what the agent said.
    pub(super) fn ended(&self, outcome: Outcome, end: End) -> Self {
        let mut ended = Self { outcome: Some(outcome), end: Some(end), ..self.clone() };
        ended.question.message = String::new();
        ended.question.command = ended.question.command.map(|command| crate::text::clip(&command, MAX_COMMAND));
        ended
    }

    /// Takes the words away.
    pub(super) fn hush(&mut self) {
        let Question { title, message, command, host, .. } = &mut self.question;
        (*title, *message, *command, *host) = (String::new(), String::new(), None, None);
    }
}
