//! One error for everything, made so that `?` works on any standard error.

use crate::bindings::sophon::agent::types as wit;
use std::fmt;

/// A result whose error ends the bubble.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a call failed, or why the agent gives up.
///
/// It does not implement [`std::error::Error`], so that every type that does turns into one with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The policy or a person said no.
    Denied {
        /// The rule that refused.
        rule: String,
        /// What the operator would change to allow it.
        hint: String,
    },
    /// The user stopped the turn. Return soon.
    Cancelled,
    /// A limit of this turn is used up; the text names it.
    Limit(String),
    /// An argument makes no sense.
    Invalid(String),
    /// What was asked for is out of reach just now.
    Unavailable(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    /// A failure in the agent's own words; they are shown to the user.
    pub fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }

    pub(crate) fn from_wit(failure: wit::Failure) -> Self {
        match failure {
            wit::Failure::Denied(denial) => Self::Denied { rule: denial.rule, hint: denial.hint },
            wit::Failure::Cancelled => Self::Cancelled,
            wit::Failure::Limit(text) => Self::Limit(text),
            wit::Failure::Invalid(text) => Self::Invalid(text),
            wit::Failure::Unavailable(text) => Self::Unavailable(text),
            wit::Failure::Other(text) => Self::Other(text),
        }
    }

    pub(crate) fn into_wit(self) -> wit::Failure {
        match self {
            Self::Denied { rule, hint } => wit::Failure::Denied(wit::Denial { rule, hint }),
            Self::Cancelled => wit::Failure::Cancelled,
            Self::Limit(text) => wit::Failure::Limit(text),
            Self::Invalid(text) => wit::Failure::Invalid(text),
            Self::Unavailable(text) => wit::Failure::Unavailable(text),
            Self::Other(text) => wit::Failure::Other(text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { rule, hint } => write!(f, "denied by {rule}: {hint}"),
            Self::Cancelled => f.write_str("the user stopped the turn"),
            Self::Limit(text) => write!(f, "limit reached: {text}"),
            Self::Invalid(text) => write!(f, "invalid: {text}"),
            Self::Unavailable(text) => write!(f, "unavailable: {text}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_turns_into_a_failure() {
        let parse = || -> Result<u32> { Ok("seven".parse::<u32>()?) };
        assert_eq!(parse(), Err(Failure::other("invalid digit found in string")));
    }

    #[test]
    fn failures_survive_the_contract() {
        let denied = Failure::Denied { rule: "http".into(), hint: "allow it".into() };
        for failure in [denied, Failure::Cancelled, Failure::Limit("cpu".into()), Failure::other("x")] {
            assert_eq!(Failure::from_wit(failure.clone().into_wit()), failure);
        }
    }
}
