//! What a guest can do to its chat, as data.

use crate::grant::Question;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// Numbers the cards of one turn from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub u32);

/// Numbers the questions of one turn from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u32);

/// One thing that a guest did. All strings and values are within the bounds of the protocol.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Text for the bubble.
    Text(String),
    /// A card appears.
    Open {
        /// The card.
        card: CardId,
        /// A short word.
        kind: String,
        /// One line for people.
        label: String,
        /// What the tool was called with.
        args: Option<Value>,
    },
    /// A card moves on.
    Progress {
        /// The card.
        card: CardId,
        /// 0 to 100.
        percent: Option<u8>,
        /// A new label.
        label: Option<String>,
        /// The result so far.
        partial: Option<Value>,
    },
    /// A card is done.
    Complete {
        /// The card.
        card: CardId,
        /// What came out.
        result: Option<Value>,
    },
    /// A card failed.
    Fail {
        /// The card.
        card: CardId,
        /// Why, for people.
        error: String,
    },
    /// A card was given up.
    Cancel {
        /// The card.
        card: CardId,
    },
    /// The user is asked.
    Ask {
        /// The question.
        ask: AskId,
        /// What it says.
        question: Box<Question>,
    },
}

impl Act {
    /// What this act counts, in bytes: against the output budget, and while it waits. Each act of a card is a request
    /// of its own, so even an empty one counts.
    pub fn size(&self) -> usize {
        const REQUEST: usize = 64;
        let json = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
        match self {
            Self::Text(text) => text.len(),
            Self::Open { kind, label, args, .. } => REQUEST + kind.len() + label.len() + json(args),
            Self::Progress { label, partial, .. } => REQUEST + label.as_ref().map_or(0, String::len) + json(partial),
            Self::Complete { result, .. } => REQUEST + json(result),
            Self::Fail { error, .. } => REQUEST + error.len(),
            Self::Cancel { .. } => REQUEST,
            Self::Ask { question, .. } => REQUEST + question.size(),
        }
    }
}

/// The turn was stopped: the guest should return soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// The outcome of [`Chat::act`].
pub type ActFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + 'a>>;

/// What a turn waits for before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Room on the host, which runs as many turns as it can hold.
    Host,
    /// Other turns of its agent, of which so many run as may at once.
    Agent(u32),
    /// Memory or elements of tables that other turns of its agent have.
    Memory,
}

/// Takes the acts of one turn, in order.
pub trait Chat: Send + Sync {
    /// Takes one act. Waits while too much is still on its way; that is what slows an agent down to its link.
    fn act(&self, act: Act) -> ActFuture<'_>;

    /// Hears that the turn waits for this, or does so no longer: the host's word, not an act of the agent's.
    fn waits(&self, _for: Option<Wait>) {}
}
