//! What is decided for a turn: who allowed something, or why it may not be done.

use crate::grant::Wants;
use std::sync::Arc;

/// On whose behalf something is asked.
#[derive(Debug, Clone)]
pub struct Client {
    /// The agent.
    pub agent: String,
    /// SHA-256 of its component, in hexadecimal.
    pub digest: String,
    /// The session.
    pub session: String,
    /// The turn.
    pub interaction: String,
    /// What its manifest asks for.
    pub wants: Arc<Wants>,
}

#[cfg(test)]
impl Client {
    /// That of a test: a turn of the agent `probe`, which wants these.
    pub(crate) fn of_a_test(asks: Vec<crate::grant::Want>) -> Self {
        Self {
            agent: "probe".to_owned(),
            digest: "d".repeat(64),
            session: "ses_1".to_owned(),
            interaction: "int_1".to_owned(),
            wants: Arc::new(Wants { asks, ..Wants::default() }),
        }
    }
}

/// Who allowed something.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// A rule of the operator, by its place.
    Rule(String),
    /// A grant, by its id.
    Grant(String),
    /// A person, for this once.
    Person,
}

/// Why something may not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not allowed.
    Denied {
        /// What refused it.
        rule: String,
        /// What would allow it.
        hint: String,
    },
    /// A person was asked, and nobody answered in time.
    Expired,
    /// The turn was stopped meanwhile.
    Stopped,
    /// The turn asked too often, and is to end.
    TooMany,
    /// The turn was denied too much, and is to end.
    TooManyDenials,
    /// It could not be decided.
    Unavailable(String),
}

/// A decision that something may be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowed {
    /// Who says so.
    pub by: By,
    /// Its number in the audit log.
    pub decision: i64,
}

/// What was said to one question.
pub(super) type Said = Result<By, Refused>;

/// Who said it, for the log.
pub(super) fn by(said: &Said) -> String {
    match said {
        Ok(By::Rule(place)) => place.clone(),
        Ok(By::Grant(id)) => format!("grant {id}"),
        Ok(By::Person) => "a person, once".to_owned(),
        Err(Refused::Denied { rule, .. }) => rule.clone(),
        Err(Refused::Expired) => "nobody, as nobody answered in time".to_owned(),
        Err(Refused::Stopped) => "the turn was stopped".to_owned(),
        Err(Refused::TooMany) => "the limit of questions".to_owned(),
        Err(Refused::TooManyDenials) => "the bound of denials".to_owned(),
        Err(Refused::Unavailable(why)) => why.clone(),
    }
}
