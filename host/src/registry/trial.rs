//! The first turns of a version that took over: counted, and judged. Pure.

use crate::config::TrialConfig;
use std::time::Duration;

/// A version on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trial {
    config: TrialConfig,
    until_ms: u64,
    turns: u32,
    failures: u32,
}

/// What a trial says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Open,
    /// The version stays.
    Passed,
    /// The version goes: so many of so many turns failed.
    Failed {
        /// Turns that failed.
        failures: u32,
        /// Turns in all.
        turns: u32,
    },
}

impl Trial {
    /// Begins at `now_ms`, if there is to be one.
    pub(super) fn begin(config: TrialConfig, now_ms: u64) -> Option<Self> {
        let time = u64::try_from(config.time.as_millis()).unwrap_or(u64::MAX);
        let trial = Self { config, until_ms: now_ms.saturating_add(time), turns: 0, failures: 0 };
        (config.turns > 0 && config.time > Duration::ZERO).then_some(trial)
    }

    /// One more turn of the version has ended.
    pub(super) fn count(&mut self, failed: bool, now_ms: u64) -> Verdict {
        self.turns += 1;
        self.failures += u32::from(failed);
        let Self { turns, failures, .. } = *self;
        match self.config {
            // However late: a turn that began on trial is counted.
            config if failures > config.failures => Verdict::Failed { failures, turns },
            config if turns >= config.turns || self.is_over(now_ms) => Verdict::Passed,
            _ => Verdict::Open,
        }
    }

    /// Whether its time is up. Without a turn a trial ends by that alone.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }

    /// Turns so far, and those that failed.
    pub(super) fn tally(&self) -> (u32, u32) {
        (self.turns, self.failures)
    }

    /// The share of sessions that the new version is to answer, in percent.
    pub(super) fn share(&self) -> u32 {
        self.config.canary
    }

    /// Whether a session is among those that the new version answers. The same sessions each time, and others with each
    /// version: `key` is the session's and the version's.
    pub(super) fn takes(&self, key: u64) -> bool {
        key % 100 < u64::from(self.config.canary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: TrialConfig = TrialConfig { turns: 5, time: Duration::from_secs(60), failures: 2, canary: 30 };

    #[test]
    fn it_fails_by_one_failure_too_many_and_passes_by_turns_or_time() {
        let mut bad = Trial::begin(CONFIG, 0).expect("a trial");
        assert_eq!([bad.count(true, 1), bad.count(false, 2), bad.count(true, 3)], [Verdict::Open; 3]);
        assert_eq!(bad.count(true, 4), Verdict::Failed { failures: 3, turns: 4 });
        let mut good = Trial::begin(CONFIG, 0).expect("a trial");
        assert_eq!(
            [good.count(true, 1), good.count(true, 2), good.count(false, 3), good.count(false, 4)],
            [Verdict::Open; 4]
        );
        assert_eq!(good.count(false, 5), Verdict::Passed);
        let mut rare = Trial::begin(CONFIG, 1_000).expect("a trial");
        assert!(!rare.is_over(60_999) && rare.is_over(61_000));
        assert_eq!(rare.count(false, 61_000), Verdict::Passed);
    }

    #[test]
    fn there_need_not_be_one() {
        assert_eq!(Trial::begin(TrialConfig { turns: 0, ..CONFIG }, 0), None);
        assert_eq!(Trial::begin(TrialConfig { time: Duration::ZERO, ..CONFIG }, 0), None);
    }

    #[test]
    fn the_share_of_sessions_is_what_was_asked_for() {
        let trial = Trial::begin(CONFIG, 0).expect("a trial");
        assert_eq!((0..1_000).filter(|key| trial.takes(*key)).count(), 300);
    }
}
