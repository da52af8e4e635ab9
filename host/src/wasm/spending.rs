//! What an agent may use in the long run, all its turns together: computing, calls to the host, and text. And what it may make
//! the host do while guests of others run.

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

/// What the host may do for it of each second, and at a stretch, in seconds: beside others.
const WORK: f64 = 0.2;
const WORK_AT_A_STRETCH: f64 = 0.02;

/// What is bounded by totals, in the order of all lists here.
pub(super) const PACED: [Breach; 3] = [Breach::TotalCpu, Breach::TotalCalls, Breach::TotalOutput];

/// Seconds of a processor, calls and bytes; and seconds of the host's work.
type Amounts = [f64; 4];

/// A wait, and the total that it is for: none where the agent gives way to others.
pub(super) type Wait = (Duration, Option<Breach>);

/// What counts the use of one turn.
pub(super) struct Spending {
    pub(super) clock: CpuClock,
    pub(super) calls: Calls,
}

impl Spending {
    fn amounts(&self) -> Amounts {
        let Self { clock, calls } = self;
        [clock.spent().as_secs_f64(), calls.made() as f64, calls.written() as f64, calls.caused().as_secs_f64()]
    }
}

/// What all turns of an agent have used, less its share of the time since.
#[derive(Debug)]
pub(super) struct Spent(Mutex<[Account; 4]>);

impl Spent {
    /// Of an agent that has used nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Amounts::default().map(|_| Account::new(now.into_std()))))
    }

    /// Notes so much more of each; says how long the agent has to wait, and for what. What the host does is charged
    /// beside others only: who is alone may have it do all it can.
    pub(super) fn charge(&self, more: Amounts, totals: &Totals, is_beside: bool, now: Instant) -> Option<Wait> {
        let long = |share: f64| (share, share * BURST.as_secs_f64());
        let [cpu, calls, output] =
            [f64::from(totals.cpu) / 100.0, totals.calls as f64, totals.output.0 as f64].map(long);
        let bounds = [cpu, calls, output, (WORK, WORK_AT_A_STRETCH)];
        let what = PACED.map(Some).into_iter().chain([None]);
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = accounts.iter_mut().zip(more).zip(bounds).zip(what);
        let waits = each.map(|(((account, more), (share, stretch)), what)| {
            let more = if what.is_some() || is_beside { more } else { 0.0 };
            (account.rest(more, share, stretch, now.into_std()), what)
        });
        let waits = waits.filter(|(wait, what)| !wait.is_zero() && (what.is_some() || is_beside));
        waits.max_by_key(|(wait, _)| *wait).map(|(wait, what)| (wait.max(SHORTEST), what))
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
    pub(super) fn pay(&mut self, now: Instant) -> Option<Wait> {
        let is_beside = self.share.is_beside_others(now);
        let amounts = self.spending.amounts();
        let more = std::array::from_fn(|which| amounts[which] - self.charged[which]);
        self.charged = amounts;
        self.share.spent().charge(more, &self.share.totals, is_beside, now)
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
        let charge = |seconds, now| spent.charge([seconds, 0.0, 0.0, 0.0], &totals, true, now);
        let waits = |millis| Some((ms(millis), Some(Breach::TotalCpu)));
        // 30 s at once.
        assert_eq!(charge(29.75, start), None);
        assert_eq!(charge(0.75, start), waits(1_000));
        assert_eq!(charge(0.0, start + ms(1_000)), None);
        assert_eq!(charge(0.001, start + ms(1_000)), Some((SHORTEST, Some(Breach::TotalCpu))));
        // However long it rests, it has no more than that again.
        let later = start + Duration::from_secs(1_000);
        assert_eq!(charge(30.5, later), waits(1_000));
        assert_eq!(charge(0.0, start), waits(1_000), "a clock that goes back gives nothing");
    }

    #[test]
    fn calls_and_text_are_bounded_in_the_same_way_and_the_longest_wait_is_told() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        let charge = |calls, bytes| spent.charge([0.0, calls, bytes, 0.0], &totals, true, start);
        assert_eq!(charge(600.0, 6_000.0), None);
        assert_eq!(charge(20.0, 0.0), Some((ms(2_000), Some(Breach::TotalCalls))));
        assert_eq!(charge(0.0, 500.0), Some((ms(5_000), Some(Breach::TotalOutput))));
    }

    #[test]
    fn who_has_the_host_do_much_gives_way_to_others_and_to_nobody_else() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        let charge = |seconds, is_beside, now| spent.charge([0.0, 0.0, 0.0, seconds], &totals, is_beside, now);
        assert_eq!(charge(1_000.0, false, start), None, "alone");
        assert_eq!(charge(0.0, true, start), None, "what was done then is not held against it");
        assert_eq!(charge(0.0199, true, start), None);
        assert_eq!(charge(0.1001, true, start), Some((ms(500), None)));
        assert_eq!(charge(0.0, false, start + ms(1)), None, "the others have gone");
        assert_eq!(charge(0.0, true, start + ms(500)), None);
    }

    #[test]
    fn who_uses_no_more_than_the_share_never_waits() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::new(start);
        for second in 1..10_000 {
            let now = start + Duration::from_secs(second);
            assert_eq!(spent.charge([0.5, 10.0, 100.0, 0.02], &totals, true, now), None);
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
        assert!(first.pay(now).is_some_and(|(_, what)| what == Some(Breach::TotalOutput)));
    }
}
