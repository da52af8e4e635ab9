//! A bubble whose turn waits for room on the host, and says so: with a card, as its text is the agent's.

use super::{Bubble, State};
use crate::capability::{Act, CardId, Wait};
use crate::protocol::{Outgoing, UserMessage};

const KIND: &str = "wait";
/// Cards from here on are not the agent's.
const FIRST: u32 = 1 << 31;

/// Whether a card says that a turn waits.
pub(super) fn is_wait(card: CardId) -> bool {
    card.0 >= FIRST
}

impl Bubble {
    /// The turn waits for this, or does so no longer. A wait that nobody was told of is not told any more. Whether there is
    /// something new to send.
    pub(in crate::turn) fn waits(&mut self, wait: Option<Wait>) -> bool {
        if self.end.is_some() || self.state != State::Going {
            return false;
        }
        let before = self.waiting.len();
        match wait {
            None => {
                self.unsaid();
                let shown: Vec<CardId> = self.running.range(CardId(FIRST)..).copied().collect();
                shown.into_iter().for_each(|card| self.queue(Act::Complete { card, result: None }));
            }
            Some(wait) if !self.waiting.iter().any(opens) => {
                let card = CardId(FIRST + self.waits);
                self.waits += 1;
                self.queue(Act::Open { card, kind: KIND.to_owned(), label: label(wait), args: None });
            }
            Some(_) => {}
        }
        self.waiting.len() > before
    }

    /// Takes back what says that the turn waits, as far as it was not sent.
    pub(super) fn unsaid(&mut self) {
        self.waiting.retain(|act| !opens(act));
        self.weigh();
    }

    /// Whether nothing was sent but that the turn waits.
    pub(in crate::turn) fn has_only_waited(message: &UserMessage, sent: &[Outgoing]) -> bool {
        let bubble = Self::new(message.clone());
        sent.iter().all(|request| {
            let task = match request {
                Outgoing::CreateTask(task) => &task.task_id,
                Outgoing::FinishTask(task) => &task.task_id,
                _ => return false,
            };
            bubble.address.card_of(task).is_some_and(is_wait)
        })
    }
}

fn label(wait: Wait) -> String {
    match wait {
        Wait::Host => {
            "Waiting: this host runs as many turns as it can hold. This one begins when there is room.".to_owned()
        }
        Wait::Agent(turns) => format!(
            "Waiting: {turns} turns of this agent run, as many as may at once (`total.turns`). This one begins when one of \
             them has ended."
        ),
        Wait::Memory => {
            "Waiting: other turns of this agent have all the memory that it may have (`total.memory`, `total.tables`). \
             This one begins when there is enough again."
                .to_owned()
        }
    }
}

fn opens(act: &Act) -> bool {
    matches!(act, Act::Open { card, .. } if is_wait(*card))
}
