//! Makes OTLP of our spans. Only fields of the table below go out, so neither a text nor a token can.

use crate::protocol::TraceContext;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Fields that are exported, and what they are called there.
const NAMES: [(&str, &str); 9] = [
    ("installation", "sophon.installation"),
    ("session", "sophon.session"),
    ("interaction", "sophon.interaction"),
    ("agent", "sophon.agent"),
    ("result", "sophon.result"),
    ("route", "url.path"),
    ("attempt", "sophon.attempt"),
    ("request_id", "sophon.request_id"),
    ("status", "http.response.status_code"),
];
/// Results of turns that are nobody's wish.
const FAILURES: [&str; 4] = ["failed", "limited", "crashed", "busy"];

/// Sees spans begin and end.
pub(in crate::cli) struct Spans {
    queue: mpsc::Sender<Span>,
    /// Spans that found the queue full.
    dropped: Arc<AtomicU64>,
}

/// A span that has not ended.
struct Begun {
    span: Span,
    at: Instant,
}

impl Spans {
    pub(super) fn new(queue: mpsc::Sender<Span>, dropped: Arc<AtomicU64>) -> Self {
        Self { queue, dropped }
    }

    /// The layer, which sees no spans but those with ids, and no events.
    pub(in crate::cli) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(self) -> impl Layer<S> {
        let is_traced = |seen: &Metadata<'_>| seen.is_span() && seen.fields().field("span_id").is_some();
        self.with_filter(filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, fields: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(seen) = context.span(id) else { return };
        let name = fields.metadata().name();
        let mut span = Span { name: name.to_owned(), kind: kind(name).into(), ..Span::default() };
        fields.record(&mut Fields(&mut span));
        // A trace that nobody wants recorded has no ids of spans.
        if span.span_id.is_empty() || span.trace_id.is_empty() {
            return;
        }
        let parents = seen.scope().skip(1);
        let parent = parents.into_iter().find_map(|parent| parent.extensions().get::<Begun>().map(Begun::ids));
        if let Some((trace, parent)) = parent
            && trace == span.trace_id
        {
            span.parent_span_id = parent;
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        span.start_time_unix_nano = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        seen.extensions_mut().insert(Begun { span, at: Instant::now() });
    }

    fn on_record(&self, id: &Id, fields: &Record<'_>, context: Context<'_, S>) {
        let Some(seen) = context.span(id) else { return };
        if let Some(begun) = seen.extensions_mut().get_mut::<Begun>() {
            fields.record(&mut Fields(&mut begun.span));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let begun = context.span(&id).and_then(|seen| seen.extensions_mut().remove::<Begun>());
        if let Some(begun) = begun
            && self.queue.try_send(begun.ended()).is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Begun {
    fn ids(&self) -> (Vec<u8>, Vec<u8>) {
        (self.span.trace_id.clone(), self.span.span_id.clone())
    }

    fn ended(self) -> Span {
        let Self { mut span, at } = self;
        let took = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        span.end_time_unix_nano = span.start_time_unix_nano.saturating_add(took);
        let is_answered = span.attributes.iter().any(|known| known.key == "http.response.status_code");
        if span.name == "request" && !is_answered {
            fail(&mut span, "no answer");
        }
        span
    }
}

fn kind(name: &str) -> SpanKind {
    match name {
        // Its update came out of the cloud's queue.
        "turn" => SpanKind::Consumer,
        _ => SpanKind::Client,
    }
}

fn fail(span: &mut Span, why: &str) {
    span.status = Some(Status { message: why.to_owned(), code: StatusCode::Error.into() });
}

/// Reads fields into a span.
struct Fields<'s>(&'s mut Span);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: Value) {
        if let Some((_, name)) = NAMES.iter().find(|(ours, _)| *ours == field.name()) {
            let value = Some(AnyValue { value: Some(value) });
            self.0.attributes.push(KeyValue { key: (*name).to_owned(), value, ..KeyValue::default() });
        }
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "trace" => self.0.trace_id = bytes(text, 16),
            "span_id" => self.0.span_id = bytes(text, 8),
            "parent_id" => self.0.parent_span_id = bytes(text, 8),
            "link" => self.0.links.extend(TraceContext::parse(text, None).map(|link| Link {
                trace_id: link.trace.get().to_be_bytes().into(),
                span_id: link.span.get().to_be_bytes().into(),
                ..Link::default()
            })),
            "result" if FAILURES.contains(&text) => {
                fail(self.0, text);
                self.add(field, Value::StringValue(text.to_owned()));
            }
            _ => self.add(field, Value::StringValue(text.to_owned())),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "status" && value >= 400 {
            fail(self.0, "refused");
        }
        self.add(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }
}

/// Hexadecimal digits as so many bytes; none, if they are no such.
fn bytes(hex: &str, length: usize) -> Vec<u8> {
    let digit = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let read: Option<Vec<u8>> = (0..length).map(|at| digit(2 * at)).collect();
    read.filter(|_| hex.len() == 2 * length).unwrap_or_default()
}
