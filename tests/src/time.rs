//! Time in a test's hands: it stands, or passes at once, for all that waits in this process.

use crate::PATIENCE;
use std::sync::mpsc;
use std::time::Duration;
use tokio::time::Instant;

/// Time that stands for as long as this lives, while sockets and guests go on. On runtimes of one thread only.
pub struct Frozen {
    /// Where the clock must stand.
    now: Instant,
    _held: mpsc::Sender<()>,
}

impl Frozen {
    /// Stops the clock.
    pub fn start() -> Self {
        let (sender, held) = mpsc::channel::<()>();
        // As long as something blocks, the runtime does not move a clock that stands by itself. One that is waited for
        // in vain goes on in the end, so that the test's own patience can end.
        tokio::task::spawn_blocking(move || held.recv_timeout(PATIENCE).is_ok());
        tokio::time::pause();
        Self { now: Instant::now(), _held: sender }
    }

    /// Lets so much time pass at once.
    pub async fn pass(&mut self, time: Duration) {
        self.now += time;
        tokio::time::advance(time).await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let is_late = Instant::now() != self.now;
        tokio::time::resume();
        assert!(!is_late || std::thread::panicking(), "something waited for more time than was let pass");
    }
}
