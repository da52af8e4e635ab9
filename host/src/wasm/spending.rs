//! What an agent may use in the long run, all its turns together: computing, calls to the host, and text.

use super::breach::Breach;
use super::calls::Calls;
use super::clock::CpuClock;
use super::room::Share;
use crate::config::Totals;
use crate::fair::Account;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long an agent may use as much as it likes before its share counts: what it gets in this time, all at once.
pub(super) const BURST: Duration = Duration::from_secs(60);
/// The shortest wait: a tick, as nobody computes for less.
const SHORTEST: Duration = Duration::from_millis(5);

/// What is bounded, in the order of all lists here.
pub(super) const PACED: [Breach; 3] = [Breach::TotalCpu, Breach::TotalCalls, Breach::TotalOutput];

/// Seconds of a processor, calls and bytes.
type Amounts = [f64; PACED.len()];

/// What counts the use of one turn.
pub(super) struct Spending {
    pub(super) clock: CpuClock,
    pub(super) calls: Calls,
}

impl Spending {
    fn amounts(&self) -> Amounts {
        [self.clock.spent().as_secs_f64(), self.calls.made() as f64, self.calls.written() as f64]
    }
}

/// What all turns of an agent have used, less its share of the time since.
#[derive(Debug)]
pub(super) struct Spent(Mutex<[Account; PACED.len()]>);

impl Spent {
    /// Of an agent that has used nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(PACED.map(|_| Account::new(now.into_std()))))
    }

    /// Notes so much more of each; says how long the agent has to wait, and for what.
    pub(super) fn charge(&self, more: Amounts, totals: &Totals, now: Instant) -> Option<(Duration, Breach)> {
        let shares = [f64::from(totals.cpu) / 100.0, totals.calls as f64, totals.output.0 as f64];
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = accounts.iter_mut().zip(more).zip(shares);
        let waits =
            each.map(|((account, more), share)| account.rest(more, share, share * BURST.as_secs_f64(), now.into_std()));
        let longest = waits.zip(PACED).filter(|(wait, _)| !wait.is_zero()).max_by_key(|(wait, _)| *wait);
        longest.map(|(wait, what)| (wait.max(SHORTEST), what))
    }
}

/// What of a turn's use was charged. What was not is when this is dropped.
pub(super) struct Bill {
    spending: Spending,
    charged: Amounts,
    share: Share,
}

impl Bill {
    /// Of a turn that has used nothing yet.
    pub(super) fn new(spending: Spending, share: Share) -> Self {
        Self { spending, charged: Amounts::default(), share }
    }

    /// What its agent may use.
    pub(super) fn totals(&self) -> &Totals {
        &self.share.totals
    }

    /// Charges what the turn has used since the last time, computing by polls that are over.
    pub(super) fn pay(&mut self, now: Instant) -> Option<(Duration, Breach)> {
        let amounts = self.spending.amounts();
        let more = std::array::from_fn(|which| amounts[which] - self.charged[which]);
        self.charged = amounts;
        self.share.spent().charge(more, &self.share.totals, now)
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        // Nobody waits any more.
        let _ = self.pay(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Half a processor, 10 calls and 100 bytes a second.
    fn totals() -> Totals {
        Totals { cpu: 50, calls: 10, output: ByteSize(100), ..Totals::default() }
    }

    #[test]
    fn an_agent_computes_as_it_likes_for_a_while_and_then_its_share() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        let charge = |seconds, now| spent.charge([seconds, 0.0, 0.0], &totals, now);
        let waits = |millis| Some((ms(millis), Breach::TotalCpu));
        // 30 s at once.
        assert_eq!(charge(29.75, start), None);
        assert_eq!(charge(0.75, start), waits(1_000));
        assert_eq!(charge(0.0, start + ms(1_000)), None);
        assert_eq!(charge(0.001, start + ms(1_000)), Some((SHORTEST, Breach::TotalCpu)));
        // However long it rests, it has no more than that again.
        let later = start + Duration::from_secs(1_000);
        assert_eq!(charge(30.5, later), waits(1_000));
        assert_eq!(charge(0.0, start), waits(1_000), "a clock that goes back gives nothing");
    }

    #[test]
    fn calls_and_text_are_bounded_in_the_same_way_and_the_longest_wait_is_told() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        assert_eq!(spent.charge([0.0, 600.0, 6_000.0], &totals, start), None);
        assert_eq!(spent.charge([0.0, 20.0, 0.0], &totals, start), Some((ms(2_000), Breach::TotalCalls)));
        assert_eq!(spent.charge([0.0, 0.0, 500.0], &totals, start), Some((ms(5_000), Breach::TotalOutput)));
    }

    #[test]
    fn who_uses_no_more_than_the_share_never_waits() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        for second in 1..10_000 {
            let now = start + Duration::from_secs(second);
            assert_eq!(spent.charge([0.5, 10.0, 100.0], &totals, now), None);
        }
    }

    #[test]
    fn a_turn_pays_what_it_has_used_once_and_at_its_end() {
        let share = Share::of(totals());
        let spending = || Spending { clock: CpuClock::default(), calls: Calls::new(10_000) };
        let (first, second) = (spending(), spending());
        let calls = [first.calls.clone(), second.calls.clone()];
        let (mut first, second) = (Bill::new(first, share.clone()), Bill::new(second, share));
        let now = Instant::now();
        calls[0].write(5_900);
        assert_eq!(first.pay(now), None);
        assert_eq!(first.pay(now), None);
        calls[1].write(600);
        drop(second);
        assert!(first.pay(now).is_some_and(|(_, what)| what == Breach::TotalOutput));
    }
}
