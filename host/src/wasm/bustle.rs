//! Whose guests ran of late. Without locks, as threads that step back note it, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Whoever ran so recently is still at it.
const LATELY: Duration = Duration::from_millis(100);
/// Bits of a time in milliseconds; above them is whose it is.
const TIME: u32 = 48;

/// The last two agents whose guests ran, and when. One that two write to at once may have the older: then it is told a
/// moment later.
#[derive(Debug)]
pub(super) struct Bustle {
    start: Instant,
    latest: AtomicU64,
    /// The last one before that was another agent's.
    other: AtomicU64,
}

impl Bustle {
    /// In which nobody has run yet.
    pub(super) fn new(start: Instant) -> Self {
        Self { start, latest: AtomicU64::new(0), other: AtomicU64::new(0) }
    }

    /// Notes that a guest of this agent runs; says whether those of others do, too. Numbers begin at one.
    pub(super) fn note(&self, agent: u16, now: Instant) -> bool {
        let millis = self.millis(now);
        let seen = u64::from(agent) << TIME | millis;
        let before = self.latest.swap(seen, Ordering::Relaxed);
        if before >> TIME != u64::from(agent) {
            self.other.store(before, Ordering::Relaxed);
        }
        let is_other = |seen: u64| {
            let (whose, at) = (seen >> TIME, seen & ((1 << TIME) - 1));
            whose != 0 && whose != u64::from(agent) && u128::from(millis.saturating_sub(at)) < LATELY.as_millis()
        };
        is_other(before) || is_other(self.other.load(Ordering::Relaxed))
    }

    fn millis(&self, now: Instant) -> u64 {
        let millis = now.saturating_duration_since(self.start).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX) & ((1 << TIME) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_alone_is_told_apart_from_who_does_not() {
        let start = Instant::now();
        let (bustle, at) = (Bustle::new(start), |millis| start + Duration::from_millis(millis));
        assert!(!bustle.note(1, at(0)) && !bustle.note(1, at(1)));
        assert!(bustle.note(2, at(2)) && bustle.note(1, at(3)) && bustle.note(1, at(4)));
        assert!(bustle.note(1, at(101)), "the other has run within a tenth of a second");
        assert!(!bustle.note(1, at(102)) && !bustle.note(1, at(103)));
        assert!(bustle.note(3, at(104)) && bustle.note(1, at(105)) && bustle.note(2, at(106)));
    }
}
