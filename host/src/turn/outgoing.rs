//! What a turn sends, and who takes it.

pub use crate::protocol::Outgoing;
use crate::protocol::{InteractionId, MessageId, SessionId, UpdateId, UserMessage, Verdict};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tracing::Span;

/// A request went through.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The bubble is open under this id.
    Opened(MessageId),
    /// The user is asked.
    Asked {
        /// When the cloud gives up on the user.
        expires_in: Option<Duration>,
        /// What is decided already.
        verdict: Option<Verdict>,
    },
    /// Done.
    Done,
}

/// A request did not go through, after all the retries it was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// What was written to is gone; nothing more of this turn should be sent.
    Gone,
    /// The cloud read this one request and will never take it.
    Refused,
    /// It failed, and may succeed another time.
    Failed,
}

/// What kind of request is to be sent: which of the cloud's limits it draws on, and how much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Opens a bubble.
    Open,
    /// Appends text.
    Delta,
    /// Shows a card, moves it on or closes it.
    Card,
    /// Asks the user.
    Ask,
    /// Ends a bubble.
    End,
}

impl Kind {
    /// The kind of a request.
    pub fn of(outgoing: &Outgoing) -> Self {
        match outgoing {
            Outgoing::Open(_) => Self::Open,
            Outgoing::Delta(_) => Self::Delta,
            Outgoing::CreateTask(_) | Outgoing::UpdateTask(_) | Outgoing::FinishTask(_) => Self::Card,
            Outgoing::Ask(_) => Self::Ask,
            Outgoing::End(_) => Self::End,
        }
    }
}

/// The outcome of [`Permit::send`].
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<Sent, Lost>> + Send + 'a>>;

/// Leave to send one request now. Dropped without a request it goes back to whom it came from.
pub trait Permit: Send {
    /// Sends a request of the kind that was asked for, with its retries. A turn has at most one under way.
    fn send<'a>(self: Box<Self>, outgoing: Outgoing) -> SendFuture<'a>
    where
        Self: 'a;
}

/// The outcome of [`Outbox::permit`].
pub type PermitFuture<'a> = Pin<Box<dyn Future<Output = Box<dyn Permit + 'a>> + Send + 'a>>;

/// How far a turn is, for whoever shows how the host is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is taken up: its bubble is being opened, and it waits for its session.
    Opening,
    /// Its session has come to it.
    Running,
    /// What came of it is known; its bubble still has to be ended.
    Settled(Fate),
    /// Its bubble is ended. Whether the cloud has the end, or will not want it.
    Ended {
        /// If not, the next start sends the end again.
        told: bool,
    },
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its agent answered.
    Answered,
    /// The host answered in the place of an agent.
    Host,
    /// Its agent said that it failed.
    Failed,
    /// Its agent was stopped at a limit.
    Limited,
    /// Its agent crashed.
    Crashed,
    /// There was no room to start its agent.
    Busy,
    /// It was stopped from outside.
    Stopped,
}

/// What came of asking the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Yes, once.
    Once,
    /// Yes, and not only once.
    Always,
    /// No.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// The turn was stopped before.
    Stopped,
    /// The cloud did not take the question.
    Unasked,
}

/// Carries requests to the cloud.
pub trait Outbox: Send + Sync + 'static {
    /// Waits until a request of this kind may be sent. What it says is chosen then, so text goes on merging
    /// meanwhile. Turns share fairly; the future keeps its place only as long as it lives.
    fn permit<'a>(&'a self, kind: Kind, turn: &'a InteractionId) -> PermitFuture<'a>;

    /// Says that this update and all before it are durable, and may be acked.
    fn recorded(&self, update: UpdateId);

    /// A turn begins: the span that names it in the log, whoever works for it. Its `agent` is told later.
    fn begins(&self, message: &UserMessage) -> Span {
        let UserMessage { session, interaction, .. } = message;
        tracing::info_span!("turn", %session, %interaction, agent = tracing::field::Empty)
    }

    /// Hears that a question to the user begins to wait.
    fn asks(&self) {}

    /// Hears what came of a question.
    fn asked(&self, _asked: Asked) {}

    /// Hears that a turn moved on. Whoever does not care does nothing.
    fn moved(&self, _turn: &InteractionId, _session: &SessionId, _stage: Stage) {}
}
