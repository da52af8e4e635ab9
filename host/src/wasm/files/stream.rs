//! Streams of files. Each piece that is read or written counts as a call to the host; what is written is counted before.

use super::super::calls::{Calls, Work};
use crate::capability::Meter;
use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use tokio::task::JoinHandle;
use wasmtime_wasi::p2::{DynInputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// The most that is written at once, in bytes.
const PIECE: usize = 64 << 10;
/// The largest file that a guest makes, in bytes: as much as all its work folders hold.
pub(super) const MAX_FILE: u64 = 256 << 20;

/// Where something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At(u64),
    End,
}

/// Writes all of it, or says why not; gives how much that was.
pub(super) async fn write(file: Arc<File>, meter: Arc<Meter>, place: Place, bytes: Bytes) -> io::Result<u64> {
    let offset = match place {
        Place::At(offset) => offset,
        Place::End => file.metadata()?.len(),
    };
    let count = bytes.len() as u64;
    if offset.checked_add(count).is_none_or(|end| end > MAX_FILE) {
        return Err(Errno::FBIG.into());
    }
    let room = meter.bytes(offset, count).await?;
    let done = crate::tasks::blocking(move || {
        let done = match place {
            Place::At(offset) => file.write_all_at(&bytes, offset),
            Place::End => append(&file, &bytes),
        };
        drop(room);
        done
    });
    done.await.map(|()| count)
}

fn append(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match pwritev2(file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}

/// A file that is written to, piece by piece.
pub(super) struct Output {
    pub(super) file: Arc<File>,
    pub(super) meter: Arc<Meter>,
    pub(super) place: Place,
    pub(super) calls: Calls,
    pub(super) state: State,
    pub(super) _counted: Arc<()>,
}

pub(super) enum State {
    Ready,
    Writing(JoinHandle<io::Result<u64>>),
    Failed(io::Error),
    Closed,
}

impl Output {
    /// What went wrong with the last piece, told once.
    fn failed(&mut self) -> StreamResult<()> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Failed(error) => Err(StreamError::LastOperationFailed(error.into())),
            State::Closed => Err(StreamError::Closed),
            other => {
                self.state = other;
                Ok(())
            }
        }
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.calls.cause(Work::Piece);
        self.calls.enter().map_err(StreamError::Trap)?;
        self.failed()?;
        if bytes.len() > PIECE || !matches!(self.state, State::Ready) {
            return Err(StreamError::trap("more was written than the stream had said it takes"));
        }
        // It is begun now, and done whether the guest waits for it or not.
        let writing = write(self.file.clone(), self.meter.clone(), self.place, bytes);
        self.state = State::Writing(crate::tasks::spawn("file", writing));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.failed()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.failed()?;
        Ok(if matches!(self.state, State::Ready) { PIECE } else { 0 })
    }

    fn cancel<'a, 'f>(&'a mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(self.ready())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        let State::Writing(writing) = &mut self.state else { return };
        self.state = match writing.await {
            Ok(Ok(count)) => {
                if let Place::At(offset) = &mut self.place {
                    *offset += count;
                }
                State::Ready
            }
            Ok(Err(error)) => State::Failed(error),
            Err(lost) => State::Failed(io::Error::other(lost)),
        };
    }
}

/// A file that is read, piece by piece, by the standard's own code.
pub(super) struct Input {
    pub(super) inner: DynInputStream,
    pub(super) calls: Calls,
    pub(super) _counted: Arc<()>,
}

impl Input {
    fn count(&self) -> StreamResult<()> {
        self.calls.cause(Work::Piece);
        self.calls.enter().map_err(StreamError::Trap)
    }
}

#[wasmtime_wasi::async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.count()?;
        self.inner.read(size)
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.count()?;
        self.inner.blocking_read(size).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}
