//! What keeps one from taking all: an account of what it has used of late, and rounds in which each has its turn.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// However much somebody has used, it counts among those who use little again this long after it stopped.
pub(crate) const FORGIVEN: Duration = Duration::from_secs(3);

/// What somebody has used, less what it may use in the time since: seconds, or whatever is counted.
#[derive(Debug)]
pub(crate) struct Account {
    used: f64,
    at: Instant,
}

impl Account {
    /// Of somebody who has used nothing yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { used: 0.0, at: now }
    }

    /// Notes that it used so much time. Of each second it may use `share` of a second, and `stretch` at once. Says whether
    /// it has used more; that is held against it until it is [`FORGIVEN`].
    pub(crate) fn is_heavy(&mut self, used: Duration, share: f64, stretch: Duration, now: Instant) -> bool {
        self.charge(used.as_secs_f64(), share, FORGIVEN.as_secs_f64() * share, now) > stretch.as_secs_f64()
    }

    /// Notes that it used so much, of which it may use `share` a second and `stretch` at once. Gives how long it has to rest
    /// until it has used no more than that. All of it is held against it.
    pub(crate) fn rest(&mut self, used: f64, share: f64, stretch: f64, now: Instant) -> Duration {
        self.until(used, share, stretch, f64::INFINITY, now)
    }

    /// The same, and never for longer than this: no more is held against it.
    pub(crate) fn rest_briefly(
        &mut self,
        used: f64,
        share: f64,
        stretch: f64,
        longest: Duration,
        now: Instant,
    ) -> Duration {
        self.until(used, share, stretch, stretch + share * longest.as_secs_f64(), now)
    }

    fn until(&mut self, used: f64, share: f64, stretch: f64, most: f64, now: Instant) -> Duration {
        let over = self.charge(used, share, most, now) - stretch;
        Duration::try_from_secs_f64(over / share).unwrap_or_default()
    }

    /// Notes that it used so much, if it may.
    pub(crate) fn fits(&mut self, used: f64, share: f64, stretch: f64, now: Instant) -> bool {
        let fits = self.charge(0.0, share, f64::INFINITY, now) + used <= stretch;
        if fits {
            self.used += used;
        }
        fits
    }

    /// No more than `most` is held against it. Gives what is. A clock that goes back gives nothing.
    fn charge(&mut self, used: f64, share: f64, most: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let used = (self.used - passed * share).max(0.0) + used;
        *self = Self { used: used.min(most), at: now.max(self.at) };
        self.used
    }
}

/// Who has something that is to be done, the next first, and each one's in its order.
#[derive(Debug)]
pub(crate) struct Rounds<K, T>(VecDeque<(K, VecDeque<T>)>);

impl<K, T> Default for Rounds<K, T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<K: Eq, T> Rounds<K, T> {
    /// Puts something behind all that this one has already.
    pub(crate) fn push(&mut self, whose: K, item: T) {
        match self.0.iter_mut().find(|(name, _)| *name == whose) {
            Some((_, items)) => items.push_back(item),
            None => self.0.push_back((whose, VecDeque::from([item]))),
        }
    }

    /// The next: of each in its turn.
    pub(crate) fn next(&mut self) -> Option<T> {
        let (whose, mut items) = self.0.pop_front()?;
        let item = items.pop_front();
        if !items.is_empty() {
            self.0.push_back((whose, items));
        }
        item
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_forgets_at_its_share_and_holds_no_more_than_its_most() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut account = Account::new(start);
        assert_eq!(account.charge(1.0, 0.5, 10.0, start), 1.0);
        assert_eq!(account.charge(0.0, 0.5, 10.0, start + second), 0.5);
        assert_eq!(account.charge(0.0, 0.5, 10.0, start), 0.5, "a clock that goes back gives nothing");
        assert_eq!(account.charge(60.0, 0.5, 10.0, start + second), 10.0);
        assert_eq!(account.charge(1.0, 0.5, 10.0, start + 60 * second), 1.0, "rest is not saved up");
    }

    #[test]
    fn who_used_more_than_it_may_is_heavy_for_a_while_or_has_to_rest() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut account = Account::new(start);
        assert!(!account.is_heavy(second, 0.5, second, start));
        assert!(account.is_heavy(3_600 * second, 0.5, second, start));
        assert!(!account.is_heavy(Duration::ZERO, 0.5, second, start + FORGIVEN));
        let mut account = Account::new(start);
        assert_eq!(account.rest(1.0, 0.5, 1.0, start), Duration::ZERO);
        assert_eq!(account.rest(3_600.0, 0.5, 1.0, start), 7_200 * second);
        assert_eq!(account.rest(0.0, 0.5, 1.0, start + 7_200 * second), Duration::ZERO);
        assert_eq!(account.rest_briefly(3_600.0, 0.5, 1.0, 2 * second, start + 7_200 * second), 2 * second);
        assert_eq!(account.rest_briefly(0.0, 0.5, 1.0, 2 * second, start + 7_201 * second), second);
    }

    #[test]
    fn what_does_not_fit_is_not_held_against_anybody() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut account = Account::new(start);
        let fitting = (0..10).filter(|_| account.fits(1.0, 2.0, 3.0, start)).count();
        assert_eq!(fitting, 3);
        let fitting = (0..10).filter(|_| account.fits(1.0, 2.0, 3.0, start + second)).count();
        assert_eq!(fitting, 2);
    }

    #[test]
    fn each_has_its_turn_however_much_one_has() {
        let mut rounds = Rounds::default();
        assert!(rounds.is_empty() && rounds.next().is_none());
        for (whose, item) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)] {
            rounds.push(whose, item);
        }
        assert_eq!(std::iter::from_fn(|| rounds.next()).collect::<Vec<_>>(), [1, 4, 5, 2, 6, 3]);
        assert!(rounds.is_empty());
    }
}
