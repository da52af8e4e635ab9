//! As much of HTTP/1.1 as the host's own client speaks: keep-alive, a length, a body.

use anyhow::{Context as _, Result, ensure};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The largest request that is read, head and body, in bytes. The host's are about half a kilobyte.
const MAX_REQUEST: usize = 1 << 20;

/// One connection of the host, read request by request.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A request, whole.
pub(super) struct Request {
    pub(super) path: String,
    /// `Sec-WebSocket-Key`: whoever sends one wants a socket.
    pub(super) socket_key: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::with_capacity(4 << 10) }
    }

    /// The next request; nothing once the host has hung up.
    ///
    /// # Errors
    /// When it is not a request, or of a form that this stub does not read.
    pub(super) async fn next(&mut self) -> Result<Option<Request>> {
        loop {
            if let Some(request) = self.take()? {
                return Ok(Some(request));
            }
            ensure!(self.buffer.len() < MAX_REQUEST, "a request is larger than {MAX_REQUEST} bytes");
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => {
                    ensure!(self.buffer.is_empty(), "the host hung up amid a request");
                    return Ok(None);
                }
                Ok(_) => {}
                // A host that is stopped may leave without a word.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error).context("cannot read a request"),
            }
        }
    }

    pub(super) async fn answer(&mut self, response: &[u8]) -> Result<()> {
        self.stream.write_all(response).await.context("cannot answer a request")
    }

    /// The stream below, with what was read beyond the last request.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    /// Cuts a request off the buffer once it is there whole.
    fn take(&mut self) -> Result<Option<Request>> {
        let Some(head_end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
        let head = str::from_utf8(&self.buffer[..head_end]).context("a request's head is not text")?;
        let mut lines = head.split("\r\n");
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).context("a request without a path")?.to_owned();
        let (mut length, mut socket_key) = (0_usize, None);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().context("a content-length that is no number")?;
            } else if name.eq_ignore_ascii_case("sec-websocket-key") {
                socket_key = Some(value.trim().to_owned());
            }
            ensure!(
                !name.eq_ignore_ascii_case("transfer-encoding"),
                "this stub reads bodies with a content-length only"
            );
        }
        ensure!(length < MAX_REQUEST, "a request announces {length} bytes");
        let (body, end) = (head_end + 4, head_end + 4 + length);
        if self.buffer.len() < end {
            return Ok(None);
        }
        let request = Request { path, socket_key, body: self.buffer[body..end].to_owned() };
        self.buffer.drain(..end);
        Ok(Some(request))
    }
}
