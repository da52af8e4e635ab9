//! The last words of a guest: the tail of its stderr, kept for the error report.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// How much is kept, in bytes. Older bytes give way.
const KEPT: usize = 8 << 10;

/// The last line that a guest meant for somebody: what a runtime adds for programmers is none.
pub(crate) fn last_words(stderr: &str) -> Option<&str> {
    stderr.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("note:"))
}

/// Takes everything, keeps the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    /// What is kept, as text. A first line that lost its beginning is left out.
    pub(super) fn text(&self) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = if bytes.len() == KEPT { text.split_once('\n').map_or(&*text, |(_, rest)| rest) } else { &text };
        text.trim_end().to_owned()
    }

    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (kept.len() + news.len()).saturating_sub(KEPT);
        kept.drain(..over);
        kept.extend(news);
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(KEPT)
    }
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept_and_from_a_whole_line_on() {
        let tail = Tail::default();
        tail.push(b"short\n");
        assert_eq!(tail.text(), "short");
        for number in 0..5_000 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= KEPT && text.starts_with("line ") && text.ends_with("line 4999"), "{text}");
        tail.push(&[b'x'; 3 * KEPT]);
        assert_eq!(tail.text().len(), KEPT);
    }
}
