//! Sends what waits to the collector. Whatever goes wrong there costs spans and a warning a minute, and nothing else.

use super::Outlet;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The most spans of one request.
const BATCH: usize = 512;
/// How long spans wait for others.
const WAIT: Duration = Duration::from_secs(1);
/// How long the collector may take for one request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How long the last ones may take when the host stops.
const FLUSH_TIME: Duration = Duration::from_secs(2);
/// Between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The task that sends.
pub(in crate::cli) struct Exporter {
    closing: CancellationToken,
    task: JoinHandle<()>,
}

/// What that task works with.
struct Sender {
    outlet: Outlet,
    client: reqwest::Client,
    /// Spans that were lost since the last warning, and when that was.
    lost: u64,
    warned_at: Option<Instant>,
}

impl Exporter {
    /// Starts sending.
    ///
    /// # Errors
    /// A sentence, when HTTP cannot be set up.
    pub(in crate::cli) fn start(outlet: Outlet) -> Result<Self, String> {
        let client = crate::cloud::client(outlet.collector.is_secure, Some(REQUEST_TIME))?;
        let closing = CancellationToken::new();
        let sender = Sender { outlet, client, lost: 0, warned_at: None };
        let task = crate::tasks::spawn("telemetry", sender.run(closing.clone()));
        Ok(Self { closing, task })
    }

    /// Sends what waits, within two seconds.
    pub(in crate::cli) async fn close(mut self) {
        self.closing.cancel();
        if timeout(FLUSH_TIME, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("the last traces were not exported within {} s", FLUSH_TIME.as_secs());
        }
    }
}

impl Sender {
    async fn run(mut self, closing: CancellationToken) {
        loop {
            let batch = self.gather(&closing).await;
            if batch.is_empty() {
                return;
            }
            self.send(batch).await;
        }
    }

    /// Waits for spans; with the first, a while for others. When there are none and none will come, gives none.
    async fn gather(&mut self, closing: &CancellationToken) -> Vec<Span> {
        let (queue, mut batch) = (&mut self.outlet.queue, Vec::new());
        tokio::select! {
            biased;
            _ = queue.recv_many(&mut batch, BATCH) => {}
            () = closing.cancelled() => return batch,
        }
        let until = Instant::now() + WAIT;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let more = queue.recv_many(&mut batch, room);
            tokio::select! {
                biased;
                more = timeout_at(until, more) => if !matches!(more, Ok(1..)) { break },
                () = closing.cancelled() => break,
            }
        }
        batch
    }

    async fn send(&mut self, batch: Vec<Span>) {
        let count = number(batch.len());
        let headers = self.outlet.collector.headers.expose().clone();
        let request = self.client.post(&self.outlet.collector.url).headers(headers);
        let request = request.header(http::header::CONTENT_TYPE, "application/x-protobuf").body(encode(batch));
        let failed = match request.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered with status {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => Some(format!("no answer within {} s", REQUEST_TIME.as_secs())),
            Err(error) => Some(crate::text::line(&error.without_url().to_string(), 300)),
        };
        self.lost += self.outlet.dropped.swap(0, Ordering::Relaxed);
        if failed.is_some() {
            self.lost += count;
        }
        self.warn(failed.as_deref().unwrap_or("it is slower than spans come"), Instant::now());
    }

    /// Says how many spans were lost, once a minute.
    fn warn(&mut self, why: &str, now: Instant) {
        if self.lost == 0 || self.warned_at.is_some_and(|at| now < at + WARN_EVERY) {
            return;
        }
        let lost = std::mem::take(&mut self.lost);
        self.warned_at = Some(now);
        tracing::warn!(lost, "traces are not exported: {why}; look at the collector and `telemetry.otlp_endpoint`");
    }
}

fn encode(spans: Vec<Span>) -> Vec<u8> {
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    };
    let attributes = vec![attribute("service.name", NAME), attribute("service.version", VERSION)];
    let scope = InstrumentationScope { name: NAME.to_owned(), version: VERSION.to_owned(), ..Default::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
