//! A bubble that an earlier process began, from the journal of what that one may have sent.

use super::Bubble;
use super::room::is_wait;
use crate::protocol::{Outgoing, UserMessage};

impl Bubble {
    /// A bubble for which an earlier process may have sent this, in this order, after opening it.
    pub(in crate::turn) fn resumed(message: UserMessage, sent: Vec<Outgoing>) -> Self {
        let mut bubble = Self::new(message);
        sent.iter().for_each(|request| bubble.recall(request));
        // Whether a question has arrived does not matter: nobody waits for its answer any more.
        bubble.again = sent.into_iter().next_back().filter(|last| !matches!(last, Outgoing::Ask(_)));
        bubble
    }

    fn recall(&mut self, request: &Outgoing) {
        match request {
            Outgoing::Delta(delta) => {
                self.said.push_str(&delta.delta);
                self.address.recall_delta();
            }
            Outgoing::CreateTask(task) => {
                let card = self.address.card_of(&task.task_id);
                self.waits += u32::from(card.is_some_and(is_wait));
                self.running.extend(card);
            }
            Outgoing::FinishTask(task) => {
                if let Some(card) = self.address.card_of(&task.task_id) {
                    self.running.remove(&card);
                }
            }
            Outgoing::End(end) => {
                if let Some(text) = &end.text {
                    self.said.clone_from(text);
                }
            }
            Outgoing::Open(_) | Outgoing::UpdateTask(_) | Outgoing::Ask(_) => {}
        }
    }
}
