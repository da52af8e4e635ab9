//! Notices that the machine slept: the clock on the wall has moved further than the one that stops in sleep.
//!
//! A connection from before is most likely dead, and nothing says so: the silence of 45 s is all that would be noticed.

use std::time::{Duration, SystemTime};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How far the clocks may part between two looks. What is further was sleep, or a clock that was set; to dial again
/// costs little in either case.
const JUMP: Duration = Duration::from_secs(12);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// Compares the clocks. Pure: both are parameters.
#[derive(Debug)]
struct Clocks {
    wall: SystemTime,
    mono: Instant,
}

impl Clocks {
    fn new(wall: SystemTime, mono: Instant) -> Self {
        Self { wall, mono }
    }

    /// Looks again: how long the machine slept since the last look, if it did. A clock that was set back is no sleep.
    fn look(&mut self, wall: SystemTime, mono: Instant) -> Option<Duration> {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let awake = mono.saturating_duration_since(self.mono);
        *self = Self { wall, mono };
        by_wall.checked_sub(awake).filter(|slept| *slept > JUMP)
    }
}

/// Calls `woke` whenever the machine has slept. `wall` is the clock on the wall.
pub(super) async fn watch(wall: impl Fn() -> SystemTime, mut woke: impl FnMut(Duration)) {
    let mut clocks = Clocks::new(wall(), Instant::now());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(slept) = clocks.look(wall(), Instant::now()) {
            woke(slept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn only_time_that_passed_in_sleep_is_a_sleep() {
        let (wall, mono) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000), Instant::now());
        let seconds = Duration::from_secs;
        for (by_wall, awake, slept) in [
            (seconds(5), seconds(5), None),
            // The machine was busy, or its clock a little off: both clocks went on.
            (seconds(60), seconds(60), None),
            (seconds(17), seconds(5), None),
            (seconds(18), seconds(5), Some(seconds(13))),
            (seconds(8 * 3_600), seconds(1), Some(seconds(8 * 3_600 - 1))),
        ] {
            let mut clocks = Clocks::new(wall, mono);
            assert_eq!(clocks.look(wall + by_wall, mono + awake), slept, "{by_wall:?} {awake:?}");
            assert_eq!(clocks.look(wall + by_wall, mono + awake), None, "one sleep is told once");
        }
        let mut clocks = Clocks::new(wall, mono);
        assert_eq!(clocks.look(wall - seconds(3_600), mono + seconds(5)), None, "set back");
        assert_eq!(clocks.look(wall - seconds(3_595), mono + seconds(10)), None, "and on from there");
    }

    #[tokio::test(start_paused = true)]
    async fn each_sleep_is_told_once() {
        let (asleep, told) = (Mutex::new(Duration::ZERO), Mutex::new(Vec::new()));
        let begun = Instant::now();
        let wall = || SystemTime::UNIX_EPOCH + begun.elapsed() + *asleep.lock().expect("whole");
        let watched = watch(wall, |slept| told.lock().expect("whole").push(slept.as_secs()));
        let night = async {
            advance(Duration::from_secs(20)).await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert!(told.lock().expect("whole").is_empty());
            *asleep.lock().expect("whole") += Duration::from_secs(3_600);
            tokio::time::sleep(Duration::from_secs(20)).await;
            *asleep.lock().expect("whole") += Duration::from_secs(60);
            tokio::time::sleep(Duration::from_secs(20)).await;
        };
        tokio::select! {
            () = watched => unreachable!("it never ends"),
            () = night => {}
        }
        assert_eq!(*told.lock().expect("whole"), [3_600, 60]);
    }
}
