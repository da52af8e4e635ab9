//! `sophon:agent/operation`: overlap for languages without it.

use super::bindings::sophon::agent::operation::{self, Wake};
use super::breach::Misuse;
use super::guest::Guest;
use crate::capability::Operation;
use crate::capability::http::Response;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use wasmtime::component::Resource;

/// The most operations that one call may wait for.
const MAX_AWAITED: usize = 1_000;

/// Something under way that a guest holds.
#[expect(unreachable_pub, reason = "the generated bindings name it again, publicly")]
pub enum Op {
    /// A request.
    Http(Operation<Response>),
}

impl Op {
    fn is_ready(&self) -> bool {
        match self {
            Self::Http(request) => request.is_ready(),
        }
    }

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> Poll<()> {
        match self {
            Self::Http(request) => request.poll_ready(context),
        }
    }

    fn cancel(&mut self) {
        match self {
            Self::Http(request) => request.cancel(),
        }
    }
}

impl operation::HostOp for Guest {
    async fn ready(&mut self, op: Resource<Op>) -> wasmtime::Result<bool> {
        self.enter()?;
        Ok(self.table.get(&op)?.is_ready())
    }

    async fn cancel(&mut self, op: Resource<Op>) -> wasmtime::Result<()> {
        self.enter()?;
        self.table.get_mut(&op)?.cancel();
        Ok(())
    }

    async fn drop(&mut self, op: Resource<Op>) -> wasmtime::Result<()> {
        self.table.delete(op)?;
        Ok(())
    }
}

impl operation::Host for Guest {
    async fn wait_any(&mut self, on: Vec<Resource<Op>>, timeout_ms: Option<u32>) -> wasmtime::Result<Wake> {
        self.enter()?;
        if on.len() > MAX_AWAITED {
            return Err(
                Misuse(format!("it waited for {} operations at once, and may for {MAX_AWAITED}", on.len())).into()
            );
        }
        let stopped = self.tools.stopped();
        let table = &mut self.table;
        let mut over = pin!(async {
            match timeout_ms {
                Some(millis) => tokio::time::sleep(Duration::from_millis(millis.into())).await,
                None => std::future::pending().await,
            }
        });
        let first = std::future::poll_fn(|context| {
            for (at, op) in (0..).zip(&on) {
                match table.get_mut(op) {
                    Ok(op) => {
                        if op.poll_ready(context).is_ready() {
                            return Poll::Ready(Ok(Wake::Ready(at)));
                        }
                    }
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
            over.as_mut().poll(context).map(|()| Ok(Wake::Timeout))
        });
        tokio::select! {
            biased;
            () = stopped => Ok(Wake::Cancelled),
            wake = first => wake,
        }
    }
}
