//! `GET /metrics` on a port of this machine.

use super::carrier::Carrier;
use super::status::Status;
use crate::turn::Turns;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What OpenMetrics text is called.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the numbers come from.
#[derive(Clone)]
pub(super) struct Scrape {
    pub(super) status: Arc<Status>,
    /// Where something may wait. Weak: who asks for numbers must not keep the link or the turns open.
    pub(super) carrier: Weak<Carrier>,
    pub(super) turns: Weak<Turns>,
}

/// What waits.
pub(super) struct Depths {
    /// Events of the link.
    pub(super) events: usize,
    /// Requests, for the cloud's limits.
    pub(super) requests: usize,
    /// Bytes of text and cards, of all turns.
    pub(super) text: usize,
}

impl Scrape {
    fn depths(&self) -> Depths {
        let (events, requests) = self.carrier.upgrade().map_or((0, 0), |carrier| carrier.depths());
        Depths { events, requests, text: self.turns.upgrade().map_or(0, |turns| turns.waiting_bytes()) }
    }
}

/// Has a port of 127.0.0.1; with port 0 the system chooses one. Whoever asks waits until it is served.
///
/// # Errors
/// When the port cannot be had.
pub(super) async fn listen(port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// Answers until `stop`; gives where.
pub(super) fn serve(
    (listener, addr): (TcpListener, SocketAddr),
    scrape: Scrape,
    stop: CancellationToken,
) -> SocketAddr {
    let routes = Router::new()
        .route("/metrics", axum::routing::get(metrics))
        .layer(middleware::from_fn_with_state(addr.port(), guard))
        .with_state(scrape);
    let server = async move {
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!("metrics are not served any more: {error}");
        }
    };
    crate::tasks::spawn("metrics", server);
    tracing::info!(%addr, "metrics are served");
    addr
}

/// Lets nobody in by another name: a website could point one of its own here.
async fn guard(State(port): State<u16>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if [format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|ours| ours.eq_ignore_ascii_case(host)) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "this is 127.0.0.1, and answers to no other name\n").into_response()
}

async fn metrics(State(scrape): State<Scrape>) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], scrape.status.metrics(scrape.depths())).into_response()
}
