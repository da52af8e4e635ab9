//! Heartbeats of a socket: when a pong is late, and when enough of them were. Pure.

use std::time::Duration;
use tokio::time::Instant;

/// Pongs that did not come in time, one after the other, before the socket is closed.
const MAX_MISSED: u32 = 3;

/// The pulse of one bridge.
pub(super) struct Pulse {
    /// How long a pong may take: a third of the time between two pings (documents: 10 s of 30 s).
    patience: Duration,
    /// Until when the pong of the last ping is in time; none when it came, or was counted as missed.
    due: Option<Instant>,
    missed: u32,
}

impl Pulse {
    pub(super) fn new(heartbeat: Duration) -> Self {
        Self { patience: heartbeat / 3, due: None, missed: 0 }
    }

    /// A ping is sent.
    pub(super) fn ping(&mut self, now: Instant) {
        self.due = Some(now + self.patience);
    }

    /// A pong came. One that is late, or that nobody asked for, says nothing.
    pub(super) fn pong(&mut self, now: Instant) {
        if self.due.take_if(|due| now <= *due).is_some() {
            self.missed = 0;
        }
    }

    /// When to look again; none while no pong is due.
    pub(super) fn wakes(&self) -> Option<Instant> {
        self.due
    }

    /// Counts a pong whose time is over. Whether it is one too many.
    pub(super) fn is_dead(&mut self, now: Instant) -> bool {
        if self.due.take_if(|due| *due <= now).is_some() {
            self.missed += 1;
        }
        self.missed >= MAX_MISSED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(30);
    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn three_missed_pongs_in_a_row_are_the_end() {
        let (mut pulse, start) = (Pulse::new(BEAT), Instant::now());
        for beat in 1..=3 {
            let ping = start + beat * BEAT;
            pulse.ping(ping);
            assert_eq!(pulse.wakes(), Some(ping + PATIENCE));
            assert!(!pulse.is_dead(ping + PATIENCE - Duration::from_millis(1)));
            assert_eq!(pulse.is_dead(ping + PATIENCE), beat == 3);
            assert_eq!(pulse.wakes(), None, "each is counted once");
        }
    }

    #[tokio::test]
    async fn a_pong_in_time_forgives_and_a_late_or_unasked_one_does_not() {
        let (mut pulse, now) = (Pulse::new(BEAT), Instant::now());
        for _ in 0..2 {
            pulse.ping(now);
            assert!(!pulse.is_dead(now + PATIENCE));
            pulse.pong(now + PATIENCE);
        }
        pulse.pong(now);
        pulse.ping(now);
        pulse.pong(now + PATIENCE);
        for dead in [false, false, true] {
            pulse.ping(now);
            assert_eq!(pulse.is_dead(now + PATIENCE), dead);
        }
    }
}
