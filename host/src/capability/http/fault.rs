//! Why a request failed: in words for people, and as a kind for those who tell failures apart by more than words.

use crate::capability::Refusal;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A want, a rule, a grant or a person does not allow it.
    Denied,
    /// The address that the host stands for may not be reached.
    Address,
    /// The turn is to stop.
    Stopped,
    /// The turn asked a person too often. It ends by that.
    Asks,
    /// The turn was denied too much. It ends by that.
    Denials,
    /// The address of the request makes no sense, or its method.
    Url,
    /// It makes no sense for another reason.
    Invalid,
    /// Its headers are too many, or too long.
    Headers,
    /// Its body is too long.
    Body,
    /// The turn holds too many answers, or connections.
    Crowded,
    /// The name stands for nothing.
    Name,
    /// Nothing listens there.
    Closed,
    /// It cannot be reached.
    Unreachable,
    /// It could not be reached in time.
    ConnectTime,
    /// It showed no certificate of its own that is trusted.
    Certificate,
    /// It does not talk TLS as this host does.
    Tls,
    /// The head of the answer did not come in time.
    HeadTime,
    /// The next piece of the answer did not come in time.
    IdleTime,
    /// The answer ended early.
    Incomplete,
    /// The head of the answer is too large.
    Head,
    /// The body of the answer is too large.
    Answer,
    /// The answer is coded in a way that is not taken.
    Coding,
    /// The answer begins another protocol.
    Upgrade,
    /// The answer is not HTTP.
    Protocol,
    /// The host failed at it.
    Host,
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct Fault {
    /// Its kind.
    pub kind: Kind,
    /// What the agent is told.
    pub refusal: Refusal,
}

impl Refusal {
    /// The same as a failed request of this kind.
    pub(super) fn of(self, kind: Kind) -> Fault {
        Fault { kind, refusal: self }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Denied { .. } | Refusal::Expired => Kind::Denied,
            Refusal::Cancelled => Kind::Stopped,
            Refusal::TooManyAsks => Kind::Asks,
            Refusal::TooManyDenials => Kind::Denials,
            Refusal::Limit(_) | Refusal::TooManyPrograms(_) | Refusal::TooManyTogether(_) => Kind::Crowded,
            Refusal::Invalid(_) => Kind::Invalid,
            Refusal::Unavailable(_) => Kind::Host,
        };
        refusal.of(kind)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        fault.refusal
    }
}
