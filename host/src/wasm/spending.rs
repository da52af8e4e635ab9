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

/// What the host may do for it beside others, of each second and at a stretch: in seconds, by each processor.
const WORK: f64 = 0.1;
const WORK_AT_A_STRETCH: f64 = 0.01;
/// The longest that one call waits for it.
const LONGEST_WAY: Duration = Duration::from_secs(1);

/// What is bounded by totals, in the order of all lists here.
pub(super) const PACED: [Breach; 3] = [Breach::TotalCpu, Breach::TotalCalls, Breach::TotalOutput];

/// Seconds of a processor, calls and bytes.
type Amounts = [f64; PACED.len()];

/// A wait, and the total that it is for: none where the agent gives way to others.
pub(super) type Wait = (Duration, Option<Breach>);

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
pub(super) struct Spent {
    paced: Mutex<[Account; PACED.len()]>,
    /// What the host did for it beside others.
    work: Mutex<Account>,
    processors: f64,
}

impl Spent {
    /// Of an agent that has used nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self::on(std::thread::available_parallelism().map_or(1, usize::from), now)
    }

    /// The same on a machine with so many processors.
    fn on(processors: usize, now: Instant) -> Self {
        let account = || Account::new(now.into_std());
        Self { paced: Mutex::new(PACED.map(|_| account())), work: Mutex::new(account()), processors: processors as f64 }
    }

    /// Notes so much more of each; says how long the agent has to wait, and for what.
    pub(super) fn charge(&self, more: Amounts, totals: &Totals, now: Instant) -> Option<(Duration, Breach)> {
        let shares = [f64::from(totals.cpu) / 100.0, totals.calls as f64, totals.output.0 as f64];
        let mut accounts = self.paced.lock().unwrap_or_else(PoisonError::into_inner);
        let each = accounts.iter_mut().zip(more).zip(shares);
        let waits =
            each.map(|((account, more), share)| account.rest(more, share, share * BURST.as_secs_f64(), now.into_std()));
        let longest = waits.zip(PACED).filter(|(wait, _)| !wait.is_zero()).max_by_key(|(wait, _)| *wait);
        longest.map(|(wait, what)| (wait.max(SHORTEST), what))
    }

    /// Notes that the host did so much for a turn beside others; says how long the turn has to wait.
    fn give_way(&self, work: Duration, now: Instant) -> Option<Duration> {
        let (share, stretch) = (WORK * self.processors, WORK_AT_A_STRETCH * self.processors);
        let mut account = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = account.rest_briefly(work.as_secs_f64(), share, stretch, LONGEST_WAY, now.into_std());
        (!wait.is_zero()).then(|| wait.max(SHORTEST))
    }
}

/// What of a turn's use was charged. What was not is when this is dropped.
pub(super) struct Bill {
    spending: Spending,
    charged: Amounts,
    /// What the host did for the turn.
    caused: Duration,
    share: Share,
}

impl Bill {
    /// Of a turn that has used nothing yet.
    pub(super) fn new(spending: Spending, share: Share) -> Self {
        Self { spending, charged: Amounts::default(), caused: Duration::ZERO, share }
    }

    /// What its agent may use.
    pub(super) fn totals(&self) -> &Totals {
        &self.share.totals
    }

    /// Charges what the turn has used since the last time, computing by polls that are over.
    pub(super) fn pay(&mut self, now: Instant) -> Option<Wait> {
        let amounts = self.spending.amounts();
        let more = std::array::from_fn(|which| amounts[which] - self.charged[which]);
        self.charged = amounts;
        let total = self.share.spent().charge(more, &self.share.totals, now);
        let total = total.map(|(wait, what)| (wait, Some(what)));
        let way = self.give_way(now).map(|wait| (wait, None));
        total.into_iter().chain(way).max_by_key(|(wait, _)| *wait)
    }

    /// What the host did is charged beside others only: who is alone may have it do all it can. And it is that turn which
    /// waits, not those of the same agent that ask for nothing.
    fn give_way(&mut self, now: Instant) -> Option<Duration> {
        let is_beside = self.share.is_beside_others(now);
        let caused = self.spending.calls.caused();
        let work = caused - std::mem::replace(&mut self.caused, caused);
        if work.is_zero() || !is_beside { None } else { self.share.spent().give_way(work, now) }
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
    use super::super::bustle::Bustle;
    use super::super::calls::Work;
    use super::*;
    use crate::config::ByteSize;
    use std::sync::Arc;

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
        let spent = Spent::on(2, start);
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
        let spent = Spent::on(2, start);
        let charge = |calls, bytes| spent.charge([0.0, calls, bytes], &totals, start);
        assert_eq!(charge(600.0, 6_000.0), None);
        assert_eq!(charge(20.0, 0.0), Some((ms(2_000), Breach::TotalCalls)));
        assert_eq!(charge(0.0, 500.0), Some((ms(5_000), Breach::TotalOutput)));
    }

    #[test]
    fn who_has_the_host_do_much_gives_way_to_others_and_to_nobody_else() {
        let bustle = Arc::new(Bustle::new(Instant::now()));
        let [greedy, other] = [1, 2].map(|number| Share::among(totals(), number, bustle.clone()));
        let spending = || Spending { clock: CpuClock::default(), calls: Calls::new(10_000) };
        let (idle, busy) = (spending(), spending());
        let calls = busy.calls.clone();
        let (mut idle, mut busy) = (Bill::new(idle, greedy.clone()), Bill::new(busy, greedy));
        let cause = |requests| (0..requests).for_each(|_| calls.cause(Work::Request));
        let now = Instant::now();
        cause(1_000);
        assert_eq!(busy.pay(now), None, "it is alone");
        assert!(!other.is_beside_others(now + ms(500)));
        cause(1_000);
        assert_eq!(busy.pay(now + ms(500)), Some((LONGEST_WAY, None)));
        assert_eq!(busy.pay(now + ms(500)), None, "it has waited for that");
        assert_eq!(idle.pay(now + ms(500)), None, "it asks for nothing");
        cause(1);
        assert!(busy.pay(now + ms(500)).is_some_and(|(wait, what)| wait > ms(900) && what.is_none()));
        cause(1);
        assert_eq!(busy.pay(now + ms(700)), None, "the others have gone");
    }

    #[test]
    fn who_uses_no_more_than_the_share_never_waits() {
        let (start, totals) = (Instant::now(), totals());
        let spent = Spent::on(2, start);
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
        assert!(first.pay(now).is_some_and(|(_, what)| what == Some(Breach::TotalOutput)));
    }
}
