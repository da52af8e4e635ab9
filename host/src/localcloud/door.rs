//! Connections as they come in: who is at the other end, and a way to close one without a word.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// After a connection that could not be taken.
const AGAIN: Duration = Duration::from_secs(1);

/// Where connections come in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Door(Arc<TcpListener>);

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    cut: Cut,
}

/// Closes a connection without a word.
#[derive(Clone, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

/// Who is at the other end.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    pub(super) cut: Cut,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self(Arc::new(listener))
    }

    /// Waits for somebody, and hangs up.
    pub(super) async fn hang_up(&self) {
        if let Err(error) = self.0.accept().await {
            tracing::debug!(%error, "nobody came in after all");
        }
    }
}

impl Cut {
    /// The next thing that is written fails, and ends the connection.
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::from(ErrorKind::ConnectionAborted)) } else { Ok(()) }
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, addr) = loop {
            match self.0.accept().await {
                Ok(accepted) => break accepted,
                Err(error) => {
                    tracing::debug!(%error, "a connection did not come in");
                    // Out of descriptors, most likely: others have to end first.
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        // Small pieces of a stream must not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its small packets back");
        }
        (Connection { stream, cut: Cut::default() }, addr)
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self { addr: *stream.remote_addr(), cut: stream.io().cut.clone() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
