//! The time that a turn takes altogether, what it waits for a person apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Measures one turn. Cheap to clone.
#[derive(Clone)]
pub struct WallClock(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// When the time is over, unless it stands still meanwhile.
    end: Instant,
    /// How many wait for a person, and since when the first of them does.
    waiting: u32,
    since: Instant,
}

/// While it lives, the clock stands still.
pub struct Pause(WallClock);

impl WallClock {
    /// A turn that begins now and may take so long.
    pub fn start(limit: Duration) -> Self {
        let now = Instant::now();
        let state = State { end: now + limit, waiting: 0, since: now };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// What is left.
    pub fn left(&self) -> Duration {
        let state = self.lock();
        let now = if state.waiting > 0 { state.since } else { Instant::now() };
        state.end.saturating_duration_since(now)
    }

    /// Stands still from now on.
    pub fn pause(&self) -> Pause {
        let mut state = self.lock();
        if state.waiting == 0 {
            state.since = Instant::now();
        }
        state.waiting += 1;
        self.0.changed.notify_one();
        Pause(self.clone())
    }

    /// Waits until the time is over. One task does.
    pub async fn over(&self) {
        loop {
            let (is_waiting, end) = {
                let state = self.lock();
                (state.waiting > 0, state.end)
            };
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = sleep_until(end), if !is_waiting => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
        if state.waiting == 0 {
            let stood = state.since.elapsed();
            state.end += stood;
            self.0.0.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_person_takes_no_time_of_the_turn() {
        let (wall, start) = (WallClock::start(10 * SECOND), Instant::now());
        let over = crate::tasks::spawn("over", {
            let wall = wall.clone();
            async move { wall.over().await }
        });
        tokio::time::sleep(4 * SECOND).await;
        let (one, other) = (wall.pause(), wall.pause());
        tokio::time::sleep(3_600 * SECOND).await;
        drop(one);
        tokio::time::sleep(3_600 * SECOND).await;
        assert_eq!(wall.left(), 6 * SECOND);
        drop(other);
        assert_eq!(wall.left(), 6 * SECOND);
        over.await.expect("over");
        assert_eq!(start.elapsed(), 7_210 * SECOND);
        assert_eq!(wall.left(), Duration::ZERO);
    }
}
