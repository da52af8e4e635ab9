//! What a turn sends, and who takes it.

use crate::protocol::{
    CreateTask, FinishTask, MessageId, SendMessage, SendMessageDelta, SendMessageEnd, UpdateId, UpdateTask,
};
use std::future::Future;
use std::pin::Pin;

/// One request of a turn's bubble.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// Opens the bubble; the answer names it.
    Open(SendMessage),
    /// Appends text.
    Delta(SendMessageDelta),
    /// Ends the bubble.
    End(SendMessageEnd),
    /// Shows a card.
    CreateTask(CreateTask),
    /// Moves a card on.
    UpdateTask(UpdateTask),
    /// Closes a card.
    FinishTask(FinishTask),
}

/// A request went through.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The bubble is open under this id.
    Opened(MessageId),
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

/// The outcome of [`Outbox::send`].
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<Sent, Lost>> + Send + 'a>>;

/// Carries requests to the cloud.
pub trait Outbox: Send + Sync + 'static {
    /// Sends one request, with its retries. A turn has at most one under way.
    fn send(&self, outgoing: Outgoing) -> SendFuture<'_>;

    /// Says that this update and all before it are durable, and may be acked.
    fn recorded(&self, update: UpdateId);
}
