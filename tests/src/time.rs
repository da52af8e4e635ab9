//! Time in a test's hands: it stands, or passes at once, for all that waits in this process.

use crate::PATIENCE;
use std::sync::mpsc;
use std::time::Duration;

/// Time that stands for as long as this lives, while sockets and guests go on. On runtimes of one thread only.
pub struct Frozen {
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
        Self { _held: sender }
    }

    /// Lets so much time pass at once.
    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
