//! The door and the chat of a turn that nobody reads: whatever it asks for is denied.

use super::chat::{Act, ActFuture, Chat};
use super::door::Door;
use crate::approval::{AnswerFuture, Client, Office, Person};
use crate::grant::{Answer, Question};
use crate::store::Store;
use std::sync::Arc;

/// Nobody reads, and nobody answers.
pub(super) struct Nobody;

impl Person for Nobody {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        Box::pin(async { Answer::Denied })
    }
}

impl Chat for Nobody {
    fn act(&self, _: Act) -> ActFuture<'_> {
        Box::pin(async { Ok(()) })
    }
}

impl Door {
    /// A door that lets nothing through: its client wants nothing, and nobody is there to be asked.
    pub fn closed(agent: &str, store: Store) -> Self {
        let client = Client {
            agent: agent.to_owned(),
            digest: String::new(),
            session: String::new(),
            interaction: String::new(),
            wants: Arc::default(),
        };
        Self::new(Arc::new(Office::new(vec![], store)), client, Arc::new(Nobody), Arc::new(Nobody), 1)
    }

    /// The chat of a turn that nobody reads.
    pub fn no_chat() -> Arc<dyn Chat> {
        Arc::new(Nobody)
    }
}
