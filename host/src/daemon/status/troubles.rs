//! The last warnings and errors of the log.

use crate::time::ms;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// How many are kept.
const KEPT: usize = 20;
/// The longest that is kept, in bytes.
const MAX_LINE: usize = 600;

/// Keeps them. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<Mutex<VecDeque<Trouble>>>);

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// `warn` or `error`.
    pub level: String,
    /// The line, escaped.
    pub text: String,
}

impl Troubles {
    /// Keeps one more; the oldest gives way.
    pub fn push(&self, level: &str, text: &str, now: SystemTime) {
        let text = crate::text::line(text.trim(), MAX_LINE);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Trouble { at: ms(now), level: level.to_owned(), text });
    }

    /// Those that are kept, oldest first.
    pub fn list(&self) -> Vec<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
