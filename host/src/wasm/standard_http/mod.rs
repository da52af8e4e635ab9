//! `wasi:http` 0.2, for languages whose own clients use it: the same requests as `sophon:agent/http`, asked for in the
//! standard's words.
//!
//! Types and resources are the standard library's; what is sent, and whether, is decided by [`Web`]. Each call is counted
//! and what a guest makes the host keep is bounded in [`counted`] and [`streams`].

mod answer;
mod codes;
mod counted;
mod streams;

use super::calls::{Calls, End, Work};
use super::guest::Guest;
use crate::capability::http::{Draft, Fault, Kind, Request, Response, Web, is_carriage};
use counted::View;
use http_body_util::BodyExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

/// Bytes of heads that one turn may have the host keep: of requests that it makes, and of answers that it takes.
const MAX_HEADS: u64 = 16 << 20;
/// Failed requests that one turn tells the log of, as the standard has no words for their reasons.
const MAX_TOLD: u32 = 100;

/// What one guest has of `wasi:http`.
pub(super) struct StandardHttp {
    context: WasiHttpCtx,
    hooks: Hooks,
    heads_left: u64,
}

/// Where the standard's calls become requests of the turn.
struct Hooks {
    web: Arc<Web>,
    calls: Calls,
    agent: Arc<str>,
    told: Arc<AtomicU32>,
}

/// The linker's name for what it gives the standard's functions.
struct Standard;

impl HasData for Standard {
    type Data<'a> = View<'a>;
}

/// Links the interfaces that a guest sends requests with. There is no handler of requests that come in.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<_, Standard>(linker, Guest::standard_http)?;
    types::add_to_linker::<_, Standard>(linker, &LinkOptions::default().into(), Guest::standard_http)
}

impl StandardHttp {
    pub(super) fn new(web: Arc<Web>, calls: Calls, agent: Arc<str>) -> Self {
        let hooks = Hooks { web, calls, agent, told: Arc::default() };
        Self { context: WasiHttpCtx::new(), hooks, heads_left: MAX_HEADS }
    }
}

impl Guest {
    fn standard_http(&mut self) -> View<'_> {
        let StandardHttp { context, hooks, heads_left } = &mut self.standard;
        let (calls, web) = (hooks.calls.clone(), hooks.web.clone());
        let http = WasiHttpCtxView { ctx: context, table: &mut self.table, hooks };
        View { http, calls, web, heads_left }
    }
}

/// What a request comes to: the answer, and the work that would carry its body, of which there is none beside the body.
type Sent = Result<(http::Response<WasiBody>, Carried), Error>;
type Carried = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn is_forbidden_header(&mut self, name: &http::HeaderName) -> bool {
        is_forbidden(name)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Carried,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        self.calls.cause(Work::Request);
        let (draft, calls, agent, told) = (self.web.draft(), self.calls.clone(), self.agent.clone(), self.told.clone());
        Box::new(async move {
            let answered = match draft {
                Ok(draft) => send(draft, request, options.unwrap_or_default()).await,
                Err(fault) => Err(Failed::Fault(fault)),
            };
            let failed = match answered {
                Ok(response) => return Ok((answer::of(response), Box::new(async { Ok(()) }) as Carried)),
                Err(Failed::Standard(error)) => return Err(error),
                Err(Failed::Fault(fault)) => fault,
            };
            match failed.kind {
                Kind::Asks => calls.end_by(End::Asked),
                Kind::Denials => calls.end_by(End::Denied),
                _ => {}
            }
            if told.fetch_add(1, Ordering::Relaxed) < MAX_TOLD {
                let why = crate::text::line(&failed.to_string(), 600);
                tracing::info!(agent = &*agent, "a request by wasi:http was not answered: {why}");
            }
            Err(codes::error(&failed))
        })
    }
}

/// Headers that a guest may not set. How long a body is may be said, as clients of the standard do; [`send`] holds it
/// against the body, and the host says it anew.
fn is_forbidden(name: &http::HeaderName) -> bool {
    is_carriage(name.as_str()) && *name != http::header::CONTENT_LENGTH
}

/// A request that failed, or whose body did in the standard's own hands.
enum Failed {
    Fault(Fault),
    Standard(Error),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Takes up the body until it is whole, as policy and secrets look into it, and sends the request.
async fn send(mut draft: Draft, request: http::Request<WasiBody>, options: RequestOptions) -> Result<Response, Failed> {
    let (mut head, mut body) = request.into_parts();
    while let Some(frame) = body.frame().await {
        // What is not data are trailers, which the host does not send.
        let Ok(piece) = frame.map_err(Failed::Standard)?.into_data() else {
            return Err(Failed::Standard(Error::HttpRequestTrailerSectionSize(Some(0))));
        };
        draft.push(&piece)?;
    }
    let length = head.headers.remove(http::header::CONTENT_LENGTH);
    if length.is_some_and(|length| length != draft.size().to_string().as_str()) {
        return Err(Failed::Standard(Error::HttpRequestBodySize(Some(draft.size() as u64))));
    }
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let request = Request {
        method: head.method.as_str().to_owned(),
        url: head.uri.to_string(),
        headers: headers.collect(),
        timeout: options.first_byte_timeout,
        connect_timeout: options.connect_timeout,
        idle_timeout: options.between_bytes_timeout,
        ..Request::default()
    };
    Ok(draft.send(request).await?)
}

/// A future that a boxed body keeps.
type Kept<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[cfg(test)]
mod tests;
