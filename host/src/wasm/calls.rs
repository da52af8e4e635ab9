//! What a guest has called, written, and made its host do so far.

use super::breach::{Breach, Misuse};
use crate::capability::Refusal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The calls that a guest may still make, and what it wrote. Its streams count theirs, too; all clones are the same.
#[derive(Clone)]
pub(super) struct Calls(Arc<Counts>);

struct Counts {
    most: u64,
    left: AtomicU64,
    /// Bytes.
    written: AtomicU64,
    /// What its host did for it, in nanoseconds of a processor.
    caused: AtomicU64,
    /// Why its next call ends it.
    ended: OnceLock<End>,
}

/// Dropped with its turn. A thread that steps back may run the guest for a moment more: nothing that it calls then is done.
pub(super) struct Over(Calls);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.end_by(End::Over);
    }
}

/// What a host does for its guests besides running them, and does not measure as it does it: in tasks and threads of its
/// own, in the system, and at whoever is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// A step with files, or a piece of a stream.
    Piece,
    /// A question, with what is written down of it.
    Question,
    /// A request and the head of its answer.
    Request,
    /// Something shown on a card: noted, sent to the cloud, and noted as sent.
    Card,
    /// So many bytes for the bubble and its cards.
    Text(usize),
}

impl Work {
    /// What it takes, about.
    const fn nanos(self) -> u64 {
        match self {
            Self::Piece => 50_000,
            Self::Question => 200_000,
            Self::Request => 1_000_000,
            Self::Card => 1_000_000,
            Self::Text(bytes) => bytes as u64 * 100,
        }
    }
}

/// What ends a guest at a call, whatever that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It asked a person too often.
    Asked,
    /// It was denied too often what it asked for.
    Denied,
    /// Its turn is over.
    Over,
}

impl End {
    pub(super) fn error(self) -> wasmtime::Error {
        match self {
            Self::Asked => Breach::Asks.into(),
            Self::Denied => Misuse(Refusal::TooManyDenials.to_string()).into(),
            Self::Over => Misuse("its turn is over".to_owned()).into(),
        }
    }
}

impl Calls {
    pub(super) fn new(most: u64) -> Self {
        let [written, caused] = [0, 0].map(AtomicU64::new);
        Self(Arc::new(Counts { most, left: AtomicU64::new(most), written, caused, ended: OnceLock::new() }))
    }

    /// What ends the guest's calls when it is dropped.
    pub(super) fn over(&self) -> Over {
        Over(self.clone())
    }

    /// Counts one.
    ///
    /// # Errors
    /// [`Breach::Calls`], or what else ends the guest.
    pub(super) fn enter(&self) -> wasmtime::Result<()> {
        if let Some(end) = self.0.ended.get() {
            return Err(end.error());
        }
        let next = |left: u64| left.checked_sub(1);
        self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Breach::Calls)?;
        Ok(())
    }

    /// Ends the guest at its next call.
    pub(super) fn end_by(&self, end: End) {
        // The first says why.
        let _ = self.0.ended.set(end);
    }

    /// Notes that so many bytes were written.
    pub(super) fn write(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Notes that the host does something for it.
    pub(super) fn cause(&self, work: Work) {
        self.0.caused.fetch_add(work.nanos(), Ordering::Relaxed);
    }

    /// What the host did for it.
    pub(super) fn caused(&self) -> Duration {
        Duration::from_nanos(self.0.caused.load(Ordering::Relaxed))
    }

    /// Calls that may still be made.
    pub(super) fn left(&self) -> u64 {
        self.0.left.load(Ordering::Relaxed)
    }

    /// Calls that were made.
    pub(super) fn made(&self) -> u64 {
        self.0.most - self.left()
    }

    /// Bytes that were written.
    pub(super) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }
}
