//! Counts and times for Prometheus. They are always kept, and shown where the operator asked for a port.

use crate::turn::{Asked, Fate, Kind, Lost};
use crate::wasm::Breaches;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWhy {
    kind: &'static str,
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWay {
    way: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLimit {
    limit: &'static str,
}

/// How often each limit was reached, as the engine counts it.
#[derive(Debug)]
struct Limits(Arc<Breaches>);

impl Collector for Limits {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let help = "Limits that turns have reached";
        let mut family = encoder.encode_descriptor("limit_breaches", help, None, MetricType::Counter)?;
        self.0
            .all()
            .try_for_each(|(limit, count)| ConstCounter::new(count).encode(family.encode_family(&ByLimit { limit })?))
    }
}

/// Times from half a millisecond to a minute.
#[derive(Clone)]
struct Times;

impl MetricConstructor<Histogram> for Times {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.000_5, 2.0, 18))
    }
}

type HistogramBy<L> = Family<L, Histogram, Times>;

/// What is counted and timed. Labels are a few fixed words, never an id or a text from outside.
pub(super) struct Metrics {
    registry: Registry,
    turns: Family<ByResult, Counter>,
    approvals: Family<ByResult, Counter>,
    opened: Histogram,
    ended: Histogram,
    leave: HistogramBy<ByKind>,
    requests: HistogramBy<ByOutcome>,
    connects: Counter,
    updates: Counter,
    retries: Family<ByWhy, Counter>,
    redials: Family<ByReason, Counter>,
    sent: Family<ByWay, Counter>,
    received: Family<ByWay, Counter>,
    /// What is so at the moment.
    pub(super) now: Gauges,
}

/// What is so at the moment.
#[derive(Default)]
pub(super) struct Gauges {
    pub(super) connected: Gauge,
    pub(super) running: Gauge,
    pub(super) waiting: Gauge,
    pub(super) unrecorded: Gauge,
    pub(super) events: Gauge,
    pub(super) requests: Gauge,
    pub(super) questions: Gauge,
    pub(super) text: Gauge,
}

impl Metrics {
    pub(super) fn new(breaches: Arc<Breaches>) -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("sophon_host"),
            turns: Family::default(),
            approvals: Family::default(),
            opened: Times.new_metric(),
            ended: Times.new_metric(),
            leave: Family::new_with_constructor(Times),
            requests: Family::new_with_constructor(Times),
            connects: Counter::default(),
            updates: Counter::default(),
            retries: Family::default(),
            redials: Family::default(),
            sent: Family::default(),
            received: Family::default(),
            now: Gauges::default(),
        };
        metrics.registered(breaches)
    }

    fn registered(mut self, breaches: Arc<Breaches>) -> Self {
        let all = &mut self.registry;
        all.register_collector(Box::new(Limits(breaches)));
        all.register("turns", "Turns that have ended, by what came of them", self.turns.clone());
        all.register("approvals", "Questions to users, by what came of them", self.approvals.clone());
        all.register("turn_open_seconds", "From asking for a bubble to having it", self.opened.clone());
        all.register("turn_end_seconds", "From asking for a bubble to its end in the cloud", self.ended.clone());
        all.register("leave_seconds", "What requests waited for rate limits", self.leave.clone());
        all.register("request_seconds", "Requests of turns with all their tries", self.requests.clone());
        all.register("connects", "How often the cloud was ready", self.connects.clone());
        all.register("updates", "Updates that came, repeats too", self.updates.clone());
        all.register("retries", "Requests that are tried again, by why", self.retries.clone());
        all.register("redials", "How often the cloud is dialled again, by what ended before", self.redials.clone());
        all.register("sent_bytes", "Frames and bodies to the cloud", self.sent.clone());
        all.register("received_bytes", "Frames and bodies from the cloud", self.received.clone());
        all.register("connected", "Whether the cloud is ready", self.now.connected.clone());
        all.register("turns_running", "Turns with an agent, or about to get one", self.now.running.clone());
        all.register("turns_waiting", "Turns behind another of their session", self.now.waiting.clone());
        all.register("events_waiting", "What the socket brought and nobody has taken", self.now.events.clone());
        all.register("requests_waiting", "Requests that wait for rate limits", self.now.requests.clone());
        all.register("questions_waiting", "Questions that wait for an answer", self.now.questions.clone());
        all.register("text_waiting_bytes", "Text and cards that wait for the cloud", self.now.text.clone());
        all.register("updates_unrecorded", "Updates on their way to the disk", self.now.unrecorded.clone());
        self
    }

    pub(super) fn connected(&self) {
        self.connects.inc();
        self.now.connected.set(1);
    }

    pub(super) fn update(&self) {
        self.updates.inc();
    }

    /// A question to a user is over.
    pub(super) fn asked(&self, asked: Asked) {
        let result = match asked {
            Asked::Once => "once",
            Asked::Always => "always",
            Asked::Denied => "denied",
            Asked::Expired => "expired",
            Asked::Stopped => "stopped",
            Asked::Unasked => "unasked",
        };
        self.approvals.get_or_create(&ByResult { result }).inc();
    }

    /// A request is tried again.
    pub(super) fn retried(&self, kind: &'static str, why: &'static str) {
        self.retries.get_or_create(&ByWhy { kind, why }).inc();
    }

    /// The cloud is dialled again.
    pub(super) fn redials(&self, reason: &'static str) {
        self.redials.get_or_create(&ByReason { reason }).inc();
    }

    /// So many bytes went up to the cloud, or came down.
    pub(super) fn carried(&self, way: &'static str, up: bool, bytes: usize) {
        let family = if up { &self.sent } else { &self.received };
        family.get_or_create(&ByWay { way }).inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// A bubble is open, so long after it was asked for.
    pub(super) fn opened(&self, after: Duration) {
        self.opened.observe(after.as_secs_f64());
    }

    /// A turn has ended; `after`, if its bubble was asked for by this process.
    pub(super) fn ended(&self, fate: Option<Fate>, after: Option<Duration>) {
        let result = result(fate);
        self.turns.get_or_create(&ByResult { result }).inc();
        if let Some(after) = after {
            self.ended.observe(after.as_secs_f64());
        }
    }

    /// A request had leave, so long after it was asked for.
    pub(super) fn leave(&self, kind: Kind, after: Duration) {
        self.leave.get_or_create(&ByKind { kind: word(kind) }).observe(after.as_secs_f64());
    }

    /// A request is over, with all its tries.
    pub(super) fn request(&self, kind: Kind, lost: Option<Lost>, took: Duration) {
        let outcome = match lost {
            None => "done",
            Some(Lost::Gone) => "gone",
            Some(Lost::Refused) => "refused",
            Some(Lost::Failed) => "failed",
        };
        self.requests.get_or_create(&ByOutcome { kind: word(kind), outcome }).observe(took.as_secs_f64());
    }

    /// All of it, as OpenMetrics text.
    pub(super) fn text(&self) -> String {
        let mut written = String::new();
        text::encode(&mut written, &self.registry).expect("a string takes everything");
        written
    }
}

/// What came of a turn, in a word.
pub(super) fn result(fate: Option<Fate>) -> &'static str {
    match fate {
        Some(Fate::Answered) => "answered",
        Some(Fate::Host) => "host",
        Some(Fate::Failed) => "failed",
        Some(Fate::Limited) => "limited",
        Some(Fate::Crashed) => "crashed",
        Some(Fate::Busy) => "busy",
        Some(Fate::Stopped) => "stopped",
        None => "not_run",
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "open",
        Kind::Delta => "delta",
        Kind::Card => "card",
        Kind::Ask => "approval",
        Kind::End => "end",
    }
}
