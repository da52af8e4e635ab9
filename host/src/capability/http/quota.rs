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

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a size piece by piece until one is too many; how much that was, and why.
    fn fill(count: impl Fn(usize) -> Result<(), Fault>) -> (u64, String) {
        let piece = 1_usize << 20;
        for pieces in 1..1_000 {
            if count(piece).is_err() {
                // What is over stays over, however little is added.
                let why = count(1).expect_err("one more");
                return ((pieces - 1) * piece as u64, why.to_string());
            }
        }
        panic!("there is no end");
    }

    #[test]
    fn a_turn_receives_256_mib_and_sends_64_and_neither_takes_from_the_other() {
        let quota = Quota::default();
        let (received, why) = fill(|bytes| quota.receive(bytes));
        assert_eq!(received, 256 << 20);
        assert!(why.contains("a turn receives at most 268435456 bytes of bodies"), "{why}");
        let (sent, why) = fill(|bytes| quota.send(bytes));
        assert_eq!(sent, 64 << 20);
        assert!(why.contains("a turn sends at most 67108864 bytes of bodies"), "{why}");
        // The last byte is one that it may have, and another turn has its own.
        let quota = Quota::default();
        assert!(quota.receive(256 << 20).is_ok() && quota.receive(1).is_err());
    }
}
