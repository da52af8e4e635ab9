//! Turns that wait where their agent has used more than its share in the long run, or gives way to others.
//!
//! A turn that waits is not ended and holds no thread: it goes on when its agent's share has caught up. Its time goes on.

use super::breach::{Breach, Breaches};
use super::room::Share;
use super::spending::{Bill, PACED, Spending};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A turn that had to wait for so much of its time was ended by that, rather than by itself.
const TELLING: u32 = 10;

/// How long a turn had to wait for its agent's share of each, in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<[AtomicU64; PACED.len()]>);

impl Held {
    /// What ended a turn whose time of this length is over.
    pub(super) fn breach(&self, wall: Duration) -> Breach {
        let each = self.0.iter().map(|millis| Duration::from_millis(millis.load(Ordering::Relaxed)));
        let all = || each.clone().sum::<Duration>();
        let longest = each.clone().zip(PACED).max_by_key(|(held, _)| *held);
        match longest {
            Some((held, what)) if held > Duration::ZERO && all() >= wall / TELLING => what,
            _ => Breach::Wall,
        }
    }

    /// Notes a wait; says whether it is the first for that.
    fn note(&self, wait: Duration, what: Breach) -> bool {
        let held = PACED.iter().zip(&*self.0).find(|(paced, _)| **paced == what);
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        held.is_some_and(|(_, held)| held.fetch_add(millis, Ordering::Relaxed) == 0)
    }
}

/// A guest's future that is polled while its agent may go on.
pub(super) struct Allowed<F> {
    future: Pin<Box<F>>,
    breaches: Arc<Breaches>,
    held: Held,
    bill: Bill,
    gave_way: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<F> Allowed<F> {
    /// A turn whose use this counts.
    pub(super) fn new(future: F, spending: Spending, share: &Share, breaches: Arc<Breaches>) -> Self {
        let bill = Bill::new(spending, share.clone());
        Self { future: Box::pin(future), breaches, held: Held::default(), bill, gave_way: false, pause: None }
    }

    /// How long it has to wait.
    pub(super) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Tells of a wait, once a turn for each reason.
    fn tell(&mut self, wait: Duration, what: Option<Breach>) {
        let seconds = wait.as_secs_f32();
        match what {
            Some(what) if self.held.note(wait, what) => {
                self.breaches.count(what);
                let (pace, key) = (what.pace(self.bill.totals()), what.key());
                tracing::info!("the turn waits {seconds:.3} s: all of its agent {pace} (`{key}`)");
            }
            None if !std::mem::replace(&mut self.gave_way, true) => {
                tracing::debug!(
                    "the turn waits {seconds:.3} s: its agent has the host do much, and gives way to others"
                );
            }
            _ => {}
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
            let Some((wait, what)) = self.bill.pay(now) else { return self.future.as_mut().poll(context) };
            self.tell(wait, what);
            self.pause = Some(Box::pin(tokio::time::sleep_until(now + wait)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::calls::Calls;
    use super::super::clock::CpuClock;
    use super::*;
    use crate::config::Totals;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_time_that_is_over_tells_that_it_was_spent_waiting() {
        let held = Held::default();
        assert_eq!(held.breach(Duration::ZERO), Breach::Wall);
        assert!(held.note(ms(60), Breach::TotalCpu) && !held.note(ms(1), Breach::TotalCpu));
        assert!(held.note(ms(38), Breach::TotalCalls));
        assert_eq!(held.breach(ms(1_000)), Breach::Wall);
        assert!(!held.note(ms(1), Breach::TotalCalls));
        assert_eq!(held.breach(ms(1_000)), Breach::TotalCpu);
        assert!(!held.note(ms(100), Breach::TotalCalls));
        assert_eq!(held.breach(ms(1_000)), Breach::TotalCalls);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_waits_until_its_agent_may_compute_again() {
        let (share, breaches) = (Share::of(Totals { cpu: 10, ..Totals::default() }), Arc::new(Breaches::default()));
        let begun = Instant::now();
        share.spent().charge([7.0, 0.0, 0.0], &share.totals, begun);
        let spending = Spending { clock: CpuClock::default(), calls: Calls::new(1) };
        let allowed = Allowed::new(std::future::ready(()), spending, &share, breaches.clone());
        let held = allowed.held();
        allowed.await;
        assert_eq!((begun.elapsed(), held.breach(ms(20_000))), (ms(10_000), Breach::TotalCpu));
        assert!(breaches.all().any(|counted| counted == ("total.cpu", 1)));
    }
}
