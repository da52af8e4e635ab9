//! Deciding whether something may be done, and asking a person where nothing else decides.

mod asking;
mod decision;
mod denials;
mod desk;
mod office;
mod question;
mod queue;
mod waiting;

pub use decision::{Allowed, By, Client, Refused};
pub use desk::Desk;
pub use office::Office;
pub use waiting::{Wait, Waiting};

use crate::grant::{Answer, Question};
use std::future::Future;
use std::pin::Pin;

/// The outcome of [`Person::ask`].
pub type AnswerFuture<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Whoever can be asked in a turn.
pub trait Person: Send + Sync {
    /// Asks, behind all that the turn has said and done before, and waits for the answer. Dropped, nobody waits for
    /// the answer any more.
    fn ask(&self, question: Question) -> AnswerFuture<'_>;
}
