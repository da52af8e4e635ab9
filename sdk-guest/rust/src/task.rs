//! Tool cards: what the agent is doing, shown inside its bubble.

use crate::bindings::sophon::agent::task;
use crate::{Failure, Result};

/// One card. Dropped while open, the host closes it as cancelled.
#[derive(Debug)]
pub struct Card(task::Card);

impl Card {
    /// Shows a card: a short `kind` such as `search`, one line for people, and the arguments as JSON.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when `args` is not JSON, [`Failure::Limit`] past the number of cards of a turn.
    pub fn open(kind: &str, label: &str, args: Option<&str>) -> Result<Self> {
        task::Card::open(kind, label, args).map(Self).map_err(Failure::from_wit)
    }

    /// Reports progress: 0 to 100, a new label, the result so far as JSON.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when `partial` is not JSON or the percentage is above 100.
    pub fn progress(&self, percent: Option<u8>, label: Option<&str>, partial: Option<&str>) -> Result<()> {
        self.0.progress(percent, label, partial).map_err(Failure::from_wit)
    }

    /// Closes the card as completed, with its result as JSON.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when `result` is not JSON.
    pub fn complete(self, result: Option<&str>) -> Result<()> {
        self.0.complete(result).map_err(Failure::from_wit)
    }

    /// Closes the card as failed, with the reason for people.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] when the user has stopped the turn.
    pub fn fail(self, error: &str) -> Result<()> {
        self.0.fail(error).map_err(Failure::from_wit)
    }
}
