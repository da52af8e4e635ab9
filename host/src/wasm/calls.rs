//! What a guest has called and written so far.

use super::breach::{Breach, Misuse};
use crate::capability::Refusal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The calls that a guest may still make, and what it wrote. Its streams count theirs, too; all clones are the same.
#[derive(Clone)]
pub(super) struct Calls(Arc<Counts>);

struct Counts {
    most: u64,
    left: AtomicU64,
    /// Bytes.
    written: AtomicU64,
    /// What it did too often, where it could not be told: its next call ends it.
    ended: OnceLock<TooOften>,
}

/// What ends a guest that asks for leave too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooOften {
    /// It asked a person.
    Asked,
    /// It was denied what it asked for.
    Denied,
}

impl TooOften {
    pub(super) fn end(self) -> wasmtime::Error {
        match self {
            Self::Asked => Breach::Asks.into(),
            Self::Denied => Misuse(Refusal::TooManyDenials.to_string()).into(),
        }
    }
}

impl Calls {
    pub(super) fn new(most: u64) -> Self {
        let (left, written) = (AtomicU64::new(most), AtomicU64::new(0));
        Self(Arc::new(Counts { most, left, written, ended: OnceLock::new() }))
    }

    /// Counts one.
    ///
    /// # Errors
    /// [`Breach::Calls`], or what it did too often: either ends the guest.
    pub(super) fn enter(&self) -> wasmtime::Result<()> {
        if let Some(ended) = self.0.ended.get() {
            return Err(ended.end());
        }
        let next = |left: u64| left.checked_sub(1);
        self.0.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Breach::Calls)?;
        Ok(())
    }

    /// Ends the guest at its next call.
    pub(super) fn end_by(&self, what: TooOften) {
        // The first that it did too often says why.
        let _ = self.0.ended.set(what);
    }

    /// Notes that so many bytes were written.
    pub(super) fn write(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Ordering::Relaxed);
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
