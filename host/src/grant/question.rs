//! What a person is asked, and what they can answer.

use super::{Scope, Severity};

/// A question in the words that a person sees. The host wrote all of it but `message`; all of it is bounded and escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Names this sort of deed: who has a standing yes to it elsewhere has it to nothing else.
    pub action: String,
    /// One line: what is about to happen.
    pub title: String,
    /// What exactly would be done.
    pub command: Option<String>,
    /// The host that it would reach, or the machine that it would run on.
    pub host: Option<String>,
    /// What the agent says of it, marked as its words.
    pub message: String,
    /// How bad it could be.
    pub severity: Severity,
}

impl Question {
    /// What it counts while it waits to be sent, in bytes.
    pub fn size(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.action.len() + self.title.len() + self.message.len() + optional(&self.command) + optional(&self.host)
    }
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes, this once.
    Once,
    /// Yes, also to what is asked later.
    Always {
        /// How far that reaches.
        scope: Scope,
        /// The session, tool or host that the person named, where their app says so.
        value: Option<String>,
    },
    /// No.
    Denied,
    /// Nobody answered in time: a no.
    Expired,
    /// The turn was stopped meanwhile.
    Stopped,
    /// The cloud did not take the question: a no.
    Unasked,
}
