//! The turn itself: whether its user stopped it, and what is left of its limits.
//!
//! ```no_run
//! use sophon_agent::{Failure, Result, control};
//! use std::time::Duration;
//!
//! fn search(candidates: &[u64]) -> Result<Option<u64>> {
//!     for chunk in candidates.chunks(1_000) {
//!         control::check()?;
//!         if control::remaining().cpu < Duration::from_millis(100) {
//!             return Err(Failure::Limit("too many candidates to look at".to_owned()));
//!         }
//!         if let Some(found) = chunk.iter().find(|candidate| *candidate % 7 == 0) {
//!             return Ok(Some(*found));
//!         }
//!     }
//!     Ok(None)
//! }
//! ```

use crate::bindings::sophon::agent::control;
use crate::{Failure, Result};
use std::time::Duration;

/// What is left of the turn's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Time to compute.
    pub cpu: Duration,
    /// Time until the turn is ended.
    pub wall: Duration,
    /// Bytes of output.
    pub output: u64,
    /// Calls to the host.
    pub calls: u64,
}

/// Whether the user stopped the turn. Return soon then: after a grace time the agent is dropped.
pub fn cancelled() -> bool {
    control::cancelled()
}

/// Goes on unless the user stopped the turn, for the `?` of a loop.
///
/// # Errors
/// [`Failure::Cancelled`].
pub fn check() -> Result<()> {
    if cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
}

/// What is left of the turn's limits.
pub fn remaining() -> Budget {
    let left = control::remaining();
    Budget {
        cpu: Duration::from_millis(left.cpu_ms),
        wall: Duration::from_millis(left.wall_ms),
        output: left.output_bytes,
        calls: left.calls,
    }
}
