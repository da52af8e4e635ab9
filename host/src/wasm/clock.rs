//! How long a guest has been computing.
//!
//! Epoch ticks alone would charge a whole tick to a guest that was resumed just before one, so an agent that waits
//! often would run out of a limit it never used. Instead each poll of the guest's future is timed by the clock of the
//! thread that polls it, which stands still while others have the processor; ticks only interrupt a guest that is
//! running so that the time can be looked at.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time that one turn spent computing. Cheap to clone; all clones are one clock.
#[derive(Debug, Clone, Default)]
pub(super) struct CpuClock(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Nanoseconds in polls that are over.
    spent: AtomicU64,
    /// What the clock of its thread showed when the poll began that is running.
    since: AtomicU64,
}

/// What this thread has computed since it began, in nanoseconds.
fn here() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanos.unwrap_or(0))
}

impl CpuClock {
    /// The time so far, asked from inside a poll.
    pub(super) fn running(&self) -> Duration {
        let current = here().saturating_sub(self.0.since.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed) + current)
    }

    /// The time in polls that are over.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed))
    }

    /// Times one poll; gives what it took beyond what is free of the whole time, too.
    pub(super) fn time<T>(&self, free: Duration, poll: impl FnOnce() -> T) -> (T, Duration) {
        let started = here();
        self.0.since.store(started, Ordering::Relaxed);
        let polled = poll();
        let took = here().saturating_sub(started);
        let before = self.0.spent.fetch_add(took, Ordering::Relaxed);
        let beyond = Duration::from_nanos(before + took).saturating_sub(free);
        (polled, beyond.min(Duration::from_nanos(took)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes for so long, as this thread's clock has it.
    fn compute(long: Duration) {
        let start = here();
        while Duration::from_nanos(here() - start) < long {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn what_is_free_is_free_once() {
        let (clock, free) = (CpuClock::default(), Duration::from_millis(5));
        let ((), first) = clock.time(free, || compute(Duration::from_millis(1)));
        assert_eq!(first, Duration::ZERO);
        let ((), second) = clock.time(free, || compute(Duration::from_millis(5)));
        assert!(second >= Duration::from_millis(1), "{second:?}");
        let ((), third) = clock.time(free, || compute(Duration::from_millis(2)));
        assert!(third >= Duration::from_millis(2), "{third:?}");
    }

    #[test]
    fn computing_is_charged_and_waiting_is_not() {
        let (clock, long) = (CpuClock::default(), Duration::from_millis(5));
        let ((), took) = clock.time(Duration::ZERO, || {
            compute(long);
            assert!(clock.running() >= long);
        });
        assert!(took >= long);
        let (elapsed, waited) = clock.time(Duration::ZERO, || {
            let start = std::time::Instant::now();
            std::thread::park_timeout(Duration::from_millis(50));
            start.elapsed()
        });
        assert!(waited < elapsed, "waiting was charged with {waited:?}");
        let ((), _) = clock.time(Duration::ZERO, || assert!(clock.running() >= took));
    }
}
