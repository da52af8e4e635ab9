//! Traces for an OpenTelemetry collector.
//!
//! The spans of a connection, a turn and a request carry their ids as fields (`trace`, `span_id`), which are the ones
//! that the cloud is told; what carries none is not exported. [`Spans`] makes OTLP of them as they end; [`Exporter`] sends it from one task. Between them
//! is a queue that nobody waits for: when it is full, spans are dropped and counted.

mod export;
mod spans;

pub(super) use export::Exporter;
pub(super) use spans::Spans;

use crate::config::Collector;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::mpsc;

/// Spans that wait to be exported.
const QUEUE: usize = 2_048;

/// What an exporter is made of, before there is a runtime for it.
pub(super) struct Outlet {
    collector: Collector,
    queue: mpsc::Receiver<Span>,
    dropped: Arc<AtomicU64>,
}

/// A layer for the log's subscriber, and the other end of its queue.
pub(super) fn open(collector: Collector) -> (Spans, Outlet) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    (Spans::new(sender, dropped.clone()), Outlet { collector, queue, dropped })
}
