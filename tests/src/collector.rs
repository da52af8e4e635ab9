//! An OpenTelemetry collector that keeps what it is sent.

use crate::PATIENCE;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The collector. Gone with the value.
pub struct Collector {
    /// Its address, as it is configured.
    pub base: String,
    kept: Arc<Kept>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    requests: Mutex<Vec<(HeaderMap, Bytes)>>,
    news: Notify,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let kept = Arc::<Kept>::default();
        let routes = Router::new().route("/v1/traces", axum::routing::post(take)).with_state(kept.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        // The server ends with the value; an error of it shows as a test that waits in vain.
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { base, kept, server })
    }

    /// What came, as it came.
    pub fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.kept.lock().clone()
    }

    /// The spans that came.
    pub fn spans(&self) -> Vec<Span> {
        let decoded = self.requests().into_iter().filter_map(|(_, body)| ExportTraceServiceRequest::decode(body).ok());
        let resources = decoded.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// Waits until the spans are as wanted.
    pub async fn wait(&self, what: &str, wanted: impl Fn(&[Span]) -> bool) -> Result<Vec<Span>> {
        let found = async {
            loop {
                let news = self.kept.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                let spans = self.spans();
                if wanted(&spans) {
                    return spans;
                }
                news.await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.with_context(|| format!("waited in vain for {what}; there are {:#?}", self.spans()))
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<(HeaderMap, Bytes)>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    kept.lock().push((headers, body));
    kept.news.notify_waiters();
    StatusCode::OK
}
