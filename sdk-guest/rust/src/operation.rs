//! Several things at a time: start them, and wait for the first.
//!
//! ```no_run
//! use sophon_agent::operation::{self, Wake};
//! use sophon_agent::{Result, http};
//! use std::time::Duration;
//!
//! fn faster(one: &str, other: &str) -> Result<u16> {
//!     let mut both = vec![http::get(one).start()?, http::get(other).start()?];
//!     match operation::wait_any(&both, Some(Duration::from_secs(5))) {
//!         Wake::Ready(first) => Ok(both.swap_remove(first as usize).finish()?.status()),
//!         Wake::Timeout | Wake::Cancelled => Ok(0),
//!     }
//! }
//! ```

use crate::Result;
pub use crate::bindings::sophon::agent::operation::Wake;
use crate::bindings::sophon::agent::operation::{self, Op};
use std::time::Duration;

/// Something under way. Dropped, it is given up.
#[derive(Debug)]
pub struct Pending<T> {
    op: Op,
    finish: fn(Op) -> Result<T>,
}

impl<T> Pending<T> {
    pub(crate) fn new(op: Op, finish: fn(Op) -> Result<T>) -> Self {
        Self { op, finish }
    }

    /// Whether its result can be taken without waiting.
    pub fn is_ready(&self) -> bool {
        self.op.ready()
    }

    /// Gives it up; what is then taken says so.
    pub fn cancel(&self) {
        self.op.cancel();
    }

    /// Takes its result, waiting for it where it is not there yet.
    ///
    /// # Errors
    /// What it failed with.
    pub fn finish(self) -> Result<T> {
        (self.finish)(self.op)
    }
}

/// Waits for the first of these, for at most so long.
pub fn wait_any<T>(pending: &[Pending<T>], timeout: Option<Duration>) -> Wake {
    let all: Vec<&Op> = pending.iter().map(|one| &one.op).collect();
    operation::wait_any(&all, timeout.map(millis))
}

/// Sleeps so long, unless the user stops the turn before.
pub fn sleep(time: Duration) -> Wake {
    operation::wait_any(&[], Some(millis(time)))
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
