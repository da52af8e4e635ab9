//! What an agent may compute in the long run, all its turns together; and its turns that wait where it has computed more.
//!
//! A turn that waits is not ended and holds no thread: it goes on when its agent's share has caught up. Its time goes on.

use super::breach::{Breach, Breaches};
use super::clock::CpuClock;
use super::room::Share;
use crate::fair::Account;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How long an agent may compute as much as it likes before its share counts: what it gets in this time, all at once.
const BURST: Duration = Duration::from_secs(60);
/// The shortest wait: a tick, as nobody computes for less.
const SHORTEST: Duration = Duration::from_millis(5);
/// A turn that had to wait for so much of its time was ended by that, rather than by itself.
const TELLING: u32 = 10;

/// What an agent has computed, less its share of the time since.
#[derive(Debug)]
pub(super) struct Computed(Mutex<Account>);

impl Computed {
    /// Of an agent that has not computed yet.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Account::new(now.into_std())))
    }

    /// Notes that it has computed for so long; says how long it has to wait, if it may have so many percent of a processor.
    fn charge(&self, computed: Duration, percent: u32, now: Instant) -> Option<Duration> {
        let share = f64::from(percent) / 100.0;
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = account.rest(computed, share, BURST.mul_f64(share), now.into_std());
        (!wait.is_zero()).then(|| wait.max(SHORTEST))
    }
}

/// How long a turn had to wait for its agent's share, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<AtomicU64>);

impl Held {
    /// What ended a turn whose time of this length is over.
    pub(super) fn breach(&self, wall: Duration) -> Breach {
        let held = Duration::from_millis(self.0.load(Ordering::Relaxed));
        if held > Duration::ZERO && held >= wall / TELLING { Breach::TotalCpu } else { Breach::Wall }
    }

    fn note(&self, wait: Duration) {
        self.0.fetch_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A guest's future that is polled while its agent may compute.
pub(super) struct Allowed<F> {
    future: Pin<Box<F>>,
    breaches: Arc<Breaches>,
    held: Held,
    bill: Bill,
    pause: Option<Pin<Box<Sleep>>>,
}

/// What of a turn's clock was charged. What was not is when this is dropped.
struct Bill {
    clock: CpuClock,
    charged: Duration,
    share: Share,
}

impl Bill {
    /// Charges what the turn has computed in polls that are over.
    fn pay(&mut self, now: Instant) -> Option<Duration> {
        let spent = self.clock.spent();
        let since = spent.saturating_sub(self.charged);
        self.charged = spent;
        self.share.account().charge(since, self.share.totals.cpu, now)
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        // Nobody waits any more.
        let _ = self.pay(Instant::now());
    }
}

impl<F> Allowed<F> {
    /// A turn that is measured by this clock.
    pub(super) fn new(future: F, clock: CpuClock, share: &Share, breaches: Arc<Breaches>) -> Self {
        let bill = Bill { clock, charged: Duration::ZERO, share: share.clone() };
        Self { future: Box::pin(future), breaches, held: Held::default(), bill, pause: None }
    }

    /// How long it has to wait.
    pub(super) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Once a turn.
    fn tell(&self, wait: Duration) {
        if self.held.0.load(Ordering::Relaxed) == 0 {
            self.breaches.count(Breach::TotalCpu);
            let (cpu, seconds) = (self.bill.share.totals.cpu, wait.as_secs_f32());
            tracing::info!(
                "the turn waits {seconds:.3} s: all of its agent compute {cpu}% of a processor (`total.cpu`)"
            );
        }
    }
}

impl<F: Future> Future for Allowed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            let now = Instant::now();
            let Some(wait) = self.bill.pay(now) else { return self.future.as_mut().poll(context) };
            self.tell(wait);
            self.held.note(wait);
            self.pause = Some(Box::pin(tokio::time::sleep_until(now + wait)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_agent_computes_as_it_likes_for_a_while_and_then_its_share() {
        let start = Instant::now();
        let account = Computed::new(start);
        // Half a processor: 30 s at once.
        assert_eq!(account.charge(ms(29_900), 50, start), None);
        assert_eq!(account.charge(ms(600), 50, start), Some(ms(1_000)));
        assert_eq!(account.charge(Duration::ZERO, 50, start + ms(1_000)), None);
        assert_eq!(account.charge(ms(1), 50, start + ms(1_000)), Some(SHORTEST));
        // However long it rests, it has no more than that again.
        let later = start + Duration::from_secs(1_000);
        assert_eq!(account.charge(ms(30_500), 50, later), Some(ms(1_000)));
        assert_eq!(account.charge(Duration::ZERO, 50, start), Some(ms(1_000)), "a clock that goes back gives nothing");
    }

    #[test]
    fn who_computes_no_more_than_the_share_never_waits() {
        let start = Instant::now();
        let account = Computed::new(start);
        for second in 1..10_000 {
            assert_eq!(account.charge(ms(1_000), 100, start + Duration::from_secs(second)), None);
        }
    }

    #[test]
    fn a_time_that_is_over_tells_that_it_was_spent_waiting() {
        let held = Held::default();
        assert_eq!(held.breach(Duration::ZERO), Breach::Wall);
        held.note(ms(99));
        assert_eq!(held.breach(ms(1_000)), Breach::Wall);
        held.note(ms(1));
        assert_eq!(held.breach(ms(1_000)), Breach::TotalCpu);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_waits_until_its_agent_may_compute_again() {
        let (share, breaches) = (Share::of(10), Arc::new(Breaches::default()));
        let begun = Instant::now();
        share.account().charge(ms(7_000), 10, begun);
        let allowed = Allowed::new(std::future::ready(()), CpuClock::default(), &share, breaches.clone());
        let held = allowed.held();
        allowed.await;
        assert_eq!((begun.elapsed(), held.breach(ms(20_000))), (ms(10_000), Breach::TotalCpu));
        assert!(breaches.all().any(|counted| counted == ("total.cpu", 1)));
    }
}
