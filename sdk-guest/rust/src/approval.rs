//! Asking the person for what the agent itself wants confirmed. What the host guards it asks about by itself.
//!
//! ```no_run
//! use sophon_agent::approval::{Question, Severity};
//! use sophon_agent::Result;
//!
//! fn delete(event: &str) -> Result<bool> {
//!     let question = Question::new("calendar.delete", &format!("Delete the event {event}?"))
//!         .because("you asked me to clear Friday")
//!         .severity(Severity::High);
//!     Ok(question.ask()?.is_yes())
//! }
//! ```

use crate::Result;
use crate::bindings::sophon::agent::approval::{self, Request};
pub use crate::bindings::sophon::agent::approval::{Decision, Severity};

/// A question to the person.
#[derive(Debug, Clone)]
pub struct Question(Request);

impl Question {
    /// Asks for a sort of action, named such as `calendar.delete`, in one line.
    pub fn new(action: &str, title: &str) -> Self {
        let (action, title) = (action.to_owned(), title.to_owned());
        Self(Request { action, title, reason: String::new(), command: None, severity: Severity::Medium })
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        reason.clone_into(&mut self.0.reason);
        self
    }

    /// Says what exactly would be done.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        self.0.command = Some(command.to_owned());
        self
    }

    /// Says how bad it could be; medium otherwise.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    /// Asks, and waits for the answer, which may take minutes and costs nothing of the turn's time.
    ///
    /// # Errors
    /// [`crate::Failure::Cancelled`] when the turn was stopped, [`crate::Failure::Invalid`] when the action has no name.
    pub fn ask(self) -> Result<Decision> {
        Ok(approval::ask(&self.0)?)
    }
}

impl Decision {
    /// Whether it is a yes.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Once | Self::Always)
    }
}
