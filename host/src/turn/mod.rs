//! The way of one turn: received, queued behind its session, bubble opened, agent run, bubble ended.
//!
//! What is to be sent comes out as [`Outgoing`] through [`Outbox`]; this room does not know who carries it.

mod address;
mod asked;
mod bubble;
mod command;
mod ending;
mod intake;
mod journal;
mod lane;
mod outgoing;
mod resume;
mod run;
mod seen;
mod speech;
mod writer;

pub use intake::{House, Turns};
pub use outgoing::{Asked, Fate, Kind, Lost, Outbox, Outgoing, Permit, PermitFuture, SendFuture, Sent, Stage};
