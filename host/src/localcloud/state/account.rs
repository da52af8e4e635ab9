//! The cloud's own record of what was asked and what became of it, for checkers.

use super::State;
use super::approval::Approval;
use super::record::{Message, Role, Task};
use crate::protocol::InteractionId;
use serde_json::{Value, json};
use std::collections::HashMap;

impl State {
    /// Every message of the user with the bubbles and cards of its interaction, and the bubbles that have none. Deleted
    /// sessions are not in it.
    pub(crate) fn account(&self) -> Value {
        let mut sessions: Vec<_> = self.threads.values().filter(|thread| thread.deleted_at.is_none()).collect();
        sessions.sort_by_key(|thread| (thread.session.created_at, &thread.session.session_id));
        let (mut turns, mut unasked) = (Vec::new(), Vec::new());
        for thread in sessions {
            let mut bubbles: HashMap<&InteractionId, Vec<Value>> = HashMap::new();
            for message in thread.messages.iter().filter(|message| message.role == Role::Agent) {
                match &message.interaction_id {
                    Some(interaction) => bubbles.entry(interaction).or_default().push(bubble(message)),
                    None => unasked.push(bubble(message)),
                }
            }
            let asked = thread.messages.iter().filter(|message| message.role == Role::User);
            for (message, interaction) in asked.filter_map(|message| Some((message, message.interaction_id.as_ref()?)))
            {
                turns.push(self.turn(message, interaction, bubbles.remove(interaction).unwrap_or_default()));
            }
        }
        json!({ "turns": turns, "unasked": unasked })
    }

    fn turn(&self, asked: &Message, interaction: &InteractionId, bubbles: Vec<Value>) -> Value {
        let tasks = self.interactions.get(interaction).map(|interaction| interaction.tasks.as_slice());
        json!({
            "session_id": asked.session_id, "interaction_id": interaction, "message_id": asked.message_id,
            "text": asked.text, "at": asked.created_at,
            "bubbles": bubbles,
            "approvals": self.approvals.of(interaction).into_iter().map(question).collect::<Vec<_>>(),
            "tasks": tasks.unwrap_or_default().iter().map(card).collect::<Vec<_>>(),
        })
    }
}

fn bubble(message: &Message) -> Value {
    json!({
        "message_id": message.message_id, "session_id": message.session_id, "text": message.text,
        "finalized": message.ended, "finalized_times": u8::from(message.ended), "late_ends": message.late_ends,
        "finish_reason": message.finish_reason, "deltas": message.deltas, "at": message.created_at,
    })
}

fn question(approval: &Approval) -> Value {
    json!({
        "approval_id": approval.approval_id, "action": approval.question.action,
        "severity": approval.question.severity, "decision": approval.outcome,
        "by": approval.end.as_ref().map(|end| end.by),
    })
}

fn card(task: &Task) -> Value {
    json!({ "task_id": task.task_id, "message_id": task.message_id, "kind": task.kind, "status": task.status })
}
