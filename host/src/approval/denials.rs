//! What one turn was denied without anybody being asked: bounded, and what is the same is written down once.
//!
//! Such a denial costs an agent nothing but a call, and each would be a row of a log that is never shortened.

use super::office::Office;
use crate::grant::Fingerprint;
use crate::store::Entry;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most denials of one turn. One more ends it.
pub(super) const MAX_DENIALS: u32 = 1_000;
/// How much of what was denied again is told once more, in bytes.
const MAX_WHAT: usize = 200;

/// See the module.
#[derive(Default)]
pub(super) struct Denials(Mutex<Denied>);

#[derive(Default)]
struct Denied {
    count: u32,
    /// There was one more than may be.
    is_over: bool,
    /// What was denied, and how often after the first time, with the entry that says so.
    of: HashMap<Fingerprint, Option<(u32, Entry)>>,
}

/// What is to be done about a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denial {
    /// It is new, and to be written down.
    New,
    /// The same was written down before.
    Same,
    /// There were too many: the turn is to end.
    TooMany,
}

impl Denials {
    /// Counts one denial, which `entry` would say.
    pub(super) fn count(&self, of: Fingerprint, entry: &Entry) -> Denial {
        let mut denied = self.lock();
        if denied.count >= MAX_DENIALS {
            denied.is_over = true;
            return Denial::TooMany;
        }
        denied.count += 1;
        let Some(again) = denied.of.get_mut(&of) else {
            denied.of.insert(of, None);
            return Denial::New;
        };
        again.get_or_insert_with(|| (0, short(entry))).0 += 1;
        Denial::Same
    }

    /// Whether there were too many.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Writes down what was denied more than once, and how often.
    pub(super) fn close(&self, office: &Arc<Office>) {
        let again = std::mem::take(&mut self.lock().of).into_values().flatten();
        let again: Vec<Entry> = again.map(|(times, entry)| told(entry, times)).collect();
        if again.is_empty() {
            return;
        }
        let office = office.clone();
        crate::tasks::spawn("denials", async move {
            for entry in again {
                if let Err(error) = office.write(entry).await {
                    tracing::error!("cannot write down how often an agent was denied something: {error}");
                }
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Denied> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry with the beginning of what it is about.
fn short(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Entry::Decided { what, .. } = &mut entry {
        *what = crate::text::clip(what, MAX_WHAT);
    }
    entry
}

/// The entry of a denial that says that there were so many more.
fn told(mut entry: Entry, times: u32) -> Entry {
    if let Entry::Decided { by, .. } = &mut entry {
        let word = if times == 1 { "time" } else { "times" };
        by.push_str(&format!("; the same {times} {word} more in this turn"));
    }
    entry
}
