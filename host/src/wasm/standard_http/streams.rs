//! The streams of bodies: each piece is a call, and what a guest writes is counted before the host holds it.

use super::codes;
use crate::capability::http::Web;
use crate::wasm::calls::Calls;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::body::HostIncomingBodyStream;

/// The body of an answer.
pub(super) struct Incoming {
    pub(super) stream: HostIncomingBodyStream,
    pub(super) calls: Calls,
}

/// The body of a request.
pub(super) struct Outgoing {
    pub(super) stream: Box<dyn OutputStream>,
    pub(super) calls: Calls,
    pub(super) web: Arc<Web>,
}

impl InputStream for Incoming {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.calls.enter().map_err(StreamError::Trap)?;
        self.stream.read(size).map_err(named)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

/// A failure that the guest can ask the name of.
fn named(error: StreamError) -> StreamError {
    let StreamError::LastOperationFailed(failed) = error else { return error };
    let code = failed.downcast_ref::<Error>().map(codes::of_stream);
    StreamError::LastOperationFailed(code.map_or(failed, Into::into))
}

impl OutputStream for Outgoing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.calls.enter().map_err(StreamError::Trap)?;
        let too_much = |_| StreamError::LastOperationFailed(ErrorCode::HttpRequestBodySize(None).into());
        self.web.take_over(bytes.len()).map_err(too_much)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}
