//! What the host logs, for tests whose tasks all run on their own thread.

use crate::PATIENCE;
use anyhow::{Context as _, Result};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tracing::subscriber::DefaultGuard;

/// Collects what is logged on this thread for as long as it lives.
pub struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines {
    text: Arc<Mutex<Vec<u8>>>,
    news: Arc<Notify>,
}

impl Log {
    /// Starts collecting, from debug upwards.
    pub fn start() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// What was logged so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Waits until this was logged.
    pub async fn wait(&self, words: &str) -> Result<()> {
        let found = async {
            while !self.text().contains(words) {
                self.lines.news.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.with_context(|| format!("not logged: {words}\n{}", self.text()))
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        self.news.notify_one();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
