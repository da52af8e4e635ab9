//! How a turn ends well.

use crate::bindings::sophon::agent::types as wit;
pub use wit::{Finish, Usage};

/// The end of a turn: what the bubble finally says, and what it cost.
#[derive(Debug, Clone)]
pub struct Answer {
    text: Option<String>,
    usage: Option<Usage>,
    finish: Finish,
}

impl Answer {
    /// What was streamed through the [`crate::Reply`] stands.
    pub fn streamed() -> Self {
        Self { text: None, usage: None, finish: Finish::Stop }
    }

    /// This text replaces whatever was streamed.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::streamed() }
    }

    /// Adds what the answer cost; it is shown under the bubble.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Says why the answer ended, where it was not simply complete.
    #[must_use]
    pub fn finished(mut self, finish: Finish) -> Self {
        self.finish = finish;
        self
    }

    pub(crate) fn into_outcome(self) -> wit::Outcome {
        wit::Outcome { text: self.text, usage: self.usage, finish: self.finish }
    }
}
