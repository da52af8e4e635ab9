//! The stub's rate limits: the documented buckets, exact to the microsecond, and no kinder than the documents.

use std::time::{Duration, Instant};

/// Name, capacity and tokens a second.
const DOCUMENTED: [(&str, f64, f64); 5] = [
    ("msg", 30.0, 10.0),
    ("delta", 200.0, 100.0),
    ("task", 60.0, 30.0),
    ("approval", 10.0, 2.0),
    ("default", 30.0, 10.0),
];

/// All buckets, and what came of them.
pub(crate) struct Buckets {
    buckets: Vec<Bucket>,
    /// Requests that were answered with 429.
    pub(super) refused: usize,
}

struct Bucket {
    name: &'static str,
    capacity: f64,
    per_second: f64,
    tokens: f64,
    at: Instant,
}

/// What a bucket holds after a request.
pub(super) struct Quota {
    name: &'static str,
    limit: f64,
    remaining: f64,
    reset_after: f64,
    /// Until a request fits; nothing when this one did.
    pub(super) retry_after: Option<Duration>,
}

impl Buckets {
    /// The published table.
    pub(crate) fn documented() -> Self {
        Self::of(DOCUMENTED)
    }

    /// The published table, filled again a hundred times as fast. As many requests are under way as the documents allow,
    /// and thousands of questions are open before the first of them expires.
    pub(crate) fn hurried() -> Self {
        Self::of(DOCUMENTED.map(|(name, capacity, per_second)| (name, capacity, per_second * 100.0)))
    }

    /// Buckets that nobody can empty. The headers are there all the same.
    pub(crate) fn unlimited() -> Self {
        Self::of(DOCUMENTED.map(|(name, ..)| (name, 1e9, 1e9)))
    }

    fn of(table: [(&'static str, f64, f64); 5]) -> Self {
        let full =
            |(name, capacity, per_second)| Bucket { name, capacity, per_second, tokens: capacity, at: Instant::now() };
        Self { buckets: table.map(full).into(), refused: 0 }
    }

    /// Draws a token for a request.
    pub(super) fn draw(&mut self, path: &str, now: Instant) -> Quota {
        let name = match path {
            "/v1/bridge/sendMessage" | "/v1/bridge/sendMessageEnd" => "msg",
            "/v1/bridge/sendMessageDelta" => "delta",
            "/v1/bridge/createTask" | "/v1/bridge/updateTask" | "/v1/bridge/finishTask" => "task",
            "/v1/bridge/requestApproval" => "approval",
            _ => "default",
        };
        let bucket = self.buckets.iter_mut().find(|bucket| bucket.name == name).expect("each of the table is there");
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * bucket.per_second).min(bucket.capacity);
        bucket.at = bucket.at.max(now);
        let fits = bucket.tokens >= 1.0;
        let retry_after = (!fits).then(|| Duration::from_secs_f64((1.0 - bucket.tokens) / bucket.per_second));
        bucket.tokens -= if fits { 1.0 } else { 0.0 };
        self.refused += usize::from(!fits);
        let reset_after = (bucket.capacity - bucket.tokens) / bucket.per_second;
        Quota { name, limit: bucket.capacity, remaining: bucket.tokens.floor(), reset_after, retry_after }
    }
}

impl Quota {
    pub(super) fn is_refused(&self) -> bool {
        self.retry_after.is_some()
    }

    /// As lines of a response's head.
    pub(super) fn headers(&self) -> String {
        let Self { name, limit, remaining, reset_after, .. } = self;
        format!(
            "x-ratelimit-limit: {limit}\r\nx-ratelimit-remaining: {remaining}\r\n\
             x-ratelimit-reset-after: {reset_after:.3}\r\nx-ratelimit-bucket: {name}\r\n\
             x-ratelimit-scope: installation\r\n"
        )
    }
}
