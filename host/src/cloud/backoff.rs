//! How long to wait before the next dial. Pure: chance is a parameter.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// 1, 2, 4 … 30 s, each a quarter shorter or longer by chance. Starts again only after a `ready`.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait before the next dial; `chance` is within 0 to 1.
    pub(super) fn next(&mut self, chance: f64) -> Duration {
        let wait = FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST);
        self.failures = (self.failures + 1).min(16);
        jitter(wait, chance)
    }

    /// The cloud is `ready`.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Moves a time by up to a quarter either way; `chance` is within 0 to 1.
pub(super) fn jitter(wait: Duration, chance: f64) -> Duration {
    wait.mul_f64(0.75 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_thirty_seconds_and_start_again_after_ready() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next(0.5).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(0.5).as_secs(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_wait_is_out_of_bounds(tries in 0..200_u32, chance in -1.0..2.0_f64) {
            let mut backoff = Backoff::default();
            for _ in 0..tries {
                let wait = backoff.next(chance);
                assert!(wait >= FIRST.mul_f64(0.75) && wait <= LONGEST.mul_f64(1.25));
            }
        }
    }
}
