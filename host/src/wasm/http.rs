//! `sophon:agent/http`: requests.

use super::bindings::sophon::agent::http::{self, Header, Request};
use super::calls::Work;
use super::guest::{Answer as Result, Guest};
use super::operation::Op;
use crate::capability::http::{Request as Asked, Response};
use crate::capability::{Operation, Refusal};
use std::time::Duration;
use wasmtime::component::Resource;

/// An answer that a guest holds.
#[expect(unreachable_pub, reason = "the generated bindings name it again, publicly")]
pub struct Answer(Response);

impl From<Request> for Asked {
    fn from(what: Request) -> Self {
        Self {
            method: what.method,
            url: what.url,
            headers: what.headers,
            body: what.body,
            timeout: what.timeout_ms.map(|millis| Duration::from_millis(millis.into())),
            reason: what.reason,
            ..Self::default()
        }
    }
}

impl http::Host for Guest {
    async fn send(&mut self, what: Request) -> Result<Resource<Answer>> {
        self.enter()?;
        match self.begin(what).await? {
            Ok(request) => self.answer(request.finish().await),
            Err(refusal) => self.refused(refusal),
        }
    }

    async fn start(&mut self, what: Request) -> Result<Resource<Op>> {
        self.enter()?;
        match self.begin(what).await? {
            Ok(request) => Ok(Ok(self.table.push(Op::Http(request))?)),
            Err(refusal) => self.refused(refusal),
        }
    }

    async fn finish(&mut self, op: Resource<Op>) -> Result<Resource<Answer>> {
        self.enter()?;
        match self.table.delete(op)? {
            Op::Http(request) => self.answer(request.finish().await),
        }
    }
}

impl Guest {
    /// Checks and starts a request, in a task: that takes a hundred KiB of stack, which a guest's own would keep as
    /// resident memory for as long as the turn waits for a person.
    async fn begin(&mut self, what: Request) -> wasmtime::Result<std::result::Result<Operation<Response>, Refusal>> {
        self.calls.cause(Work::Request);
        let web = self.tools.web().clone();
        Ok(crate::tasks::spawn("http start", Box::pin(async move { web.start(what.into()) })).await?)
    }

    fn answer(&mut self, came: std::result::Result<Response, Refusal>) -> Result<Resource<Answer>> {
        match came {
            Ok(response) => Ok(Ok(self.table.push(Answer(response))?)),
            Err(refusal) => self.refused(refusal),
        }
    }
}

impl http::HostResponse for Guest {
    async fn status(&mut self, response: Resource<Answer>) -> wasmtime::Result<u16> {
        self.enter()?;
        Ok(self.table.get(&response)?.0.status())
    }

    async fn headers(&mut self, response: Resource<Answer>) -> wasmtime::Result<Vec<Header>> {
        self.enter()?;
        Ok(self.table.get(&response)?.0.headers().to_vec())
    }

    async fn read(&mut self, response: Resource<Answer>, max: u32) -> Result<Vec<u8>> {
        self.enter()?;
        self.calls.cause(Work::Piece);
        let most = usize::try_from(max).unwrap_or(usize::MAX);
        match self.table.get_mut(&response)?.0.read(most).await {
            Ok(piece) => Ok(Ok(piece.into())),
            Err(fault) => self.refused(fault.into()),
        }
    }

    async fn drop(&mut self, response: Resource<Answer>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}
