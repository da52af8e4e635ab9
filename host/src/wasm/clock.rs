//! How long a guest has been computing.
//!
//! Epoch ticks alone would charge a whole tick to a guest that was resumed just before one, so an agent that waits
//! often would run out of a limit it never used. Instead each poll of the guest's future is timed, and ticks only
//! interrupt a guest that is running so that the time can be looked at.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Time that one turn spent computing. Cheap to clone; all clones are one clock.
#[derive(Debug, Clone)]
pub(super) struct CpuClock(Arc<State>);

#[derive(Debug)]
struct State {
    origin: Instant,
    /// Nanoseconds in polls that are over.
    spent: AtomicU64,
    /// Nanoseconds from `origin` to the start of the poll that is running.
    since: AtomicU64,
}

impl CpuClock {
    pub(super) fn new() -> Self {
        Self(Arc::new(State { origin: Instant::now(), spent: AtomicU64::new(0), since: AtomicU64::new(0) }))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The time so far, asked from inside a poll.
    pub(super) fn running(&self) -> Duration {
        let current = self.now().saturating_sub(self.0.since.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed) + current)
    }

    /// Times every poll of `future`.
    pub(super) fn time<F: Future>(&self, future: F) -> Timed<F> {
        Timed { clock: self.clone(), future: Box::pin(future) }
    }
}

/// See [`CpuClock::time`].
pub(super) struct Timed<F> {
    clock: CpuClock,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let started = self.clock.now();
        self.clock.0.since.store(started, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(context);
        self.clock.0.spent.fetch_add(self.clock.now() - started, Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_costs_nothing_and_computing_does() {
        let clock = CpuClock::new();
        let before = tokio::time::Instant::now();
        clock.time(tokio::time::sleep(Duration::from_secs(3_600))).await;
        let waited = Duration::from_nanos(clock.0.spent.load(Ordering::Relaxed));
        assert!(before.elapsed().as_secs() >= 3_600 && waited.as_secs() < 3_600, "waiting was charged with {waited:?}");
        let pause = Duration::from_millis(50);
        clock
            .time(async {
                let start = Instant::now();
                while start.elapsed() < pause {
                    std::hint::spin_loop();
                }
                assert!(clock.running() >= pause);
            })
            .await;
        assert!(Duration::from_nanos(clock.0.spent.load(Ordering::Relaxed)) >= pause);
    }
}
