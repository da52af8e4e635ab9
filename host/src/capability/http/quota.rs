//! What the requests of one turn may use together.

use super::fault::{Fault, Kind};
use crate::capability::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that one turn may have open at once.
pub(super) const MAX_CONNECTIONS: usize = 16;
/// Answers that one turn may hold at once, read or not: each keeps its head.
pub(super) const MAX_ANSWERS: usize = 64;
/// Bytes of bodies that one turn may send.
const MAX_SENT: u64 = 64 << 20;
/// Bytes of bodies that one turn may receive.
const MAX_RECEIVED: u64 = 256 << 20;

/// What one turn has left.
pub(super) struct Quota {
    connections: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Room for one connection, or one answer.
pub(super) type Room = OwnedSemaphorePermit;

impl Default for Quota {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            answers: Arc::new(Semaphore::new(MAX_ANSWERS)),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }
}

impl Quota {
    /// Room for a connection, waited for in vain at most so long: a guest that waits here cannot close another.
    pub(super) async fn connection(&self, patience: Duration) -> Result<Room, Fault> {
        let full = || {
            Refusal::Limit(format!(
                "a turn has at most {MAX_CONNECTIONS} connections at once; read or drop some answers"
            ))
            .of(Kind::Crowded)
        };
        let room = tokio::time::timeout(patience, self.connections.clone().acquire_owned()).await;
        room.map_err(|_| full())?.map_err(|_| full())
    }

    /// Room for an answer.
    pub(super) fn answer(&self) -> Result<Room, Fault> {
        let full = format!("a turn holds at most {MAX_ANSWERS} requests and answers at once; drop some");
        self.answers.clone().try_acquire_owned().map_err(|_| Refusal::Limit(full).of(Kind::Crowded))
    }

    /// Counts what is to be sent.
    pub(super) fn send(&self, bytes: usize) -> Result<(), Fault> {
        count(&self.sent, bytes, MAX_SENT, "sends").map_err(|refusal| refusal.of(Kind::Body))
    }

    /// Counts what was received.
    pub(super) fn receive(&self, bytes: usize) -> Result<(), Fault> {
        count(&self.received, bytes, MAX_RECEIVED, "receives").map_err(|refusal| refusal.of(Kind::Answer))
    }
}

fn count(so_far: &AtomicU64, bytes: usize, most: u64, does: &str) -> Result<(), Refusal> {
    let bytes = bytes as u64;
    let all = so_far.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    if all > most {
        return Err(Refusal::Limit(format!("a turn {does} at most {most} bytes of bodies")));
    }
    Ok(())
}
