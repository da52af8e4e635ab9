//! Faults on demand: rules by which the cloud drops, delays, cuts and refuses, for tests of what a bridge does then.
//!
//! `rule` is what can be asked for, `plan` decides what bites; both are pure. The places that are bitten ask here:
//! the gate of the bridges' requests (`inflict`) and their sockets (`outbox`, and `route::wire`). No fault holds up a
//! stop: whatever waits here waits for the stop as well.

mod form;
mod inflict;
mod outbox;
mod plan;
mod rule;

pub use plan::Standing;
pub use rule::{Fault, Gone, Often, Refused, RequestFault, Rule, SocketFault, UpdateFault};

pub(super) use form::{read, view};
pub(super) use inflict::inflict;
pub(super) use outbox::Outbox;

use plan::Plan;
use serde::Deserialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What happens to a socket around one of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bite {
    CutBefore,
    CutAfter,
    SilentBefore,
    SilentAfter,
}

/// The rules of one cloud.
#[derive(Default)]
pub struct Faults {
    plan: Mutex<Plan>,
    bitten: Notify,
}

impl Faults {
    /// Puts a rule in force; gives what names it. None when 64 others are in force.
    pub fn add(&self, rule: Rule) -> Option<u64> {
        self.plan().add(rule)
    }

    /// Takes a rule away. False when there is no such rule.
    pub fn remove(&self, id: u64) -> bool {
        self.plan().remove(id)
    }

    /// Takes all rules away. What they hold up already stays held up.
    pub fn clear(&self) {
        self.plan().clear();
    }

    /// The rules, oldest first; of those that are spent some may be gone.
    pub fn list(&self) -> Vec<Standing> {
        self.plan().list()
    }

    /// Waits until a rule has bitten this often; at once when there is no such rule.
    pub async fn bitten(&self, id: u64, times: u64) {
        loop {
            let news = self.bitten.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.plan().bites(id).is_none_or(|bites| bites >= times) {
                return;
            }
            news.await;
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bite<T: std::fmt::Debug>(&self, matches: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let what = self.plan().bite(matches)?;
        tracing::info!(?what, "a fault that was asked for bites");
        self.bitten.notify_waiters();
        Some(what)
    }

    /// What happens to an update.
    pub(super) fn on_update(&self, frame: &str) -> Option<UpdateFault> {
        self.bite(|fault| match fault {
            Fault::Update { kind: None, what } => Some(*what),
            Fault::Update { kind: Some(kind), what } if kind_of(frame).as_deref() == Some(kind) => Some(*what),
            _ => None,
        })
    }

    /// What happens to a socket at its `number`th frame to the bridge.
    pub(super) fn on_frame(&self, number: u64) -> Option<Bite> {
        self.bite(|fault| match fault {
            Fault::Socket { frame, what } if frame.is_none_or(|frame| frame == number) => match (what, frame) {
                (SocketFault::CutBefore, _) => Some(Bite::CutBefore),
                (SocketFault::CutAfter, _) => Some(Bite::CutAfter),
                (SocketFault::HalfOpen, None) => Some(Bite::SilentBefore),
                (SocketFault::HalfOpen, Some(_)) => Some(Bite::SilentAfter),
                (SocketFault::SlowReads(_), _) => None,
            },
            _ => None,
        })
    }

    /// Whether a socket falls silent in place of hearing a frame.
    pub(super) fn on_heard(&self) -> bool {
        let silent = |fault: &Fault| *fault == Fault::Socket { frame: None, what: SocketFault::HalfOpen };
        self.bite(|fault| silent(fault).then_some(SocketFault::HalfOpen)).is_some()
    }

    /// How much later a bridge's next frame is read.
    pub(super) fn on_read(&self) -> Option<Duration> {
        self.bite(|fault| match fault {
            Fault::Socket { what: SocketFault::SlowReads(wait), .. } => Some(*wait),
            _ => None,
        })
    }

    /// What happens to a request.
    pub(super) fn on_request(&self, name: &str) -> Option<RequestFault> {
        self.bite(|fault| match fault {
            Fault::Request { route: None, what } if name != "ws" => Some(*what),
            Fault::Request { route: Some(route), what } if route == name => Some(*what),
            _ => None,
        })
    }
}

/// The type of the update in a frame.
fn kind_of(frame: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(Deserialize)]
    struct Frame {
        update: Kind,
    }
    serde_json::from_str::<Frame>(frame).ok().map(|frame| frame.update.kind)
}
