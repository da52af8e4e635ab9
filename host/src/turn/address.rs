//! Where a turn's requests go, and under which keys.
//!
//! Keys come from the turn, not from chance: a retry, or the same turn after a restart, sends the same bytes.

use super::outgoing::Outgoing;
use crate::capability::{Act, AskId, CardId};
use crate::grant::{Question, Severity};
use crate::protocol;
use crate::protocol::{
    ApprovalId, CreateTask, FinishReason, FinishTask, MessageId, PLACEHOLDER, RequestApproval, SendMessage,
    SendMessageDelta, SendMessageEnd, TaskId, TaskStatus, UpdateTask, Usage, UserMessage,
};
use serde_json::Value;

const END: &str = "end";
const FALLBACK_END: &str = "end2";

/// All of `sendMessageEnd` but the bubble's id, which may not be known yet.
#[derive(Debug)]
pub(super) struct End {
    pub(super) text: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) finish: Option<FinishReason>,
}

/// Makes the requests of one turn, and numbers them.
#[derive(Debug)]
pub(super) struct Address {
    message: UserMessage,
    key: String,
    deltas: u32,
    progresses: u32,
    end_key: &'static str,
}

impl Address {
    pub(super) fn new(message: UserMessage) -> Self {
        let key = idempotency_base(message.interaction.as_str());
        Self { key, message, deltas: 0, progresses: 0, end_key: END }
    }

    /// Goes on behind a delta that an earlier process sent.
    pub(super) fn recall_delta(&mut self) {
        self.deltas += 1;
    }

    /// The card that a task is.
    pub(super) fn card_of(&self, task: &TaskId) -> Option<CardId> {
        task.as_str().strip_prefix(&self.key)?.strip_prefix("-c")?.parse().ok().map(CardId)
    }

    /// Whether [`Address::fall_back`] was called.
    pub(super) fn is_fallback(&self) -> bool {
        self.end_key == FALLBACK_END
    }

    /// Another end than the one that was refused goes under another key.
    pub(super) fn fall_back(&mut self) {
        self.end_key = FALLBACK_END;
    }

    pub(super) fn open(&self) -> Outgoing {
        Outgoing::Open(SendMessage {
            session_id: self.message.session.clone(),
            interaction_id: Some(self.message.interaction.clone()),
            text: PLACEHOLDER.to_owned(),
            idempotency_key: format!("{}-open", self.key),
        })
    }

    pub(super) fn delta(&mut self, message_id: MessageId, delta: String) -> Outgoing {
        self.deltas += 1;
        let idempotency_key = format!("{}-d{}", self.key, self.deltas);
        Outgoing::Delta(SendMessageDelta { message_id, delta, idempotency_key })
    }

    pub(super) fn end(&self, message_id: MessageId, end: End) -> Outgoing {
        let End { text, usage, finish: finish_reason } = end;
        let idempotency_key = format!("{}-{}", self.key, self.end_key);
        Outgoing::End(SendMessageEnd { message_id, text, usage, finish_reason, idempotency_key })
    }

    pub(super) fn card(&mut self, act: Act) -> Outgoing {
        match act {
            Act::Open { card, kind, label, args } => Outgoing::CreateTask(CreateTask {
                session_id: self.message.session.clone(),
                interaction_id: self.message.interaction.clone(),
                task_id: self.task(card),
                kind,
                status_label: Some(label),
                args,
            }),
            Act::Progress { card, percent, label, partial } => {
                self.progresses += 1;
                Outgoing::UpdateTask(UpdateTask {
                    session_id: self.message.session.clone(),
                    interaction_id: self.message.interaction.clone(),
                    task_id: self.task(card),
                    progress_percent: percent,
                    status_label: label,
                    partial_result: partial,
                    idempotency_key: Some(format!("{}-p{}", self.key, self.progresses)),
                })
            }
            Act::Complete { card, result } => self.finish(card, TaskStatus::Completed, None, result),
            Act::Fail { card, error } => self.finish(card, TaskStatus::Failed, Some(error), None),
            Act::Cancel { card } => self.finish(card, TaskStatus::Cancelled, None, None),
            Act::Text(_) => unreachable!("text is sent as a delta"),
            Act::Ask { .. } => unreachable!("a question is no card"),
        }
    }

    /// The id of a question.
    pub(super) fn approval(&self, ask: AskId) -> ApprovalId {
        ApprovalId::try_from(format!("{}-a{}", self.key, ask.0)).expect("a key and a number are an id")
    }

    pub(super) fn ask(&self, ask: AskId, question: Question) -> Outgoing {
        let Question { action, title, command, host, message, severity } = question;
        let approval_id = self.approval(ask);
        Outgoing::Ask(Box::new(RequestApproval {
            session_id: self.message.session.clone(),
            interaction_id: self.message.interaction.clone(),
            idempotency_key: Some(approval_id.to_string()),
            approval_id,
            action,
            title,
            command,
            host,
            message,
            severity: match severity {
                Severity::Low => protocol::Severity::Low,
                Severity::Medium => protocol::Severity::Medium,
                // The documents know no more than high.
                Severity::High | Severity::Critical => protocol::Severity::High,
            },
            tool_call_id: None,
        }))
    }

    fn finish(&self, card: CardId, status: TaskStatus, error: Option<String>, result: Option<Value>) -> Outgoing {
        Outgoing::FinishTask(FinishTask {
            session_id: self.message.session.clone(),
            interaction_id: self.message.interaction.clone(),
            task_id: self.task(card),
            status,
            error,
            result,
        })
    }

    fn task(&self, card: CardId) -> TaskId {
        TaskId::try_from(format!("{}-c{}", self.key, card.0)).expect("a key and a number are an id")
    }
}

/// The first part of all idempotency keys of a turn: the interaction where it is of the documented form (1 to 64 of
/// `[A-Za-z0-9_-]`, with room for a suffix), else a digest of it.
fn idempotency_base(interaction: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let plain = interaction.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if plain && interaction.len() <= 48 {
        return interaction.to_owned();
    }
    let digest = Sha256::digest(interaction);
    format!("int-{}", crate::text::hex(&digest[..20]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_have_the_documented_form() {
        for interaction in ["int_1", "int:with spaces", &"x".repeat(256), "ä"] {
            let key = format!("{}-d4294967295", idempotency_base(interaction));
            assert!(key.len() <= 64, "{key}");
            assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')), "{key}");
        }
    }
}
