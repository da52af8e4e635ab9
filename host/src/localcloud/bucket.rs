//! Rate limits: token buckets, as pure code. The caller says what time it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The most buckets that are remembered; beyond it the one that was used least recently is forgotten.
const MAX_LEVELS: usize = 1000;

/// Size and refill of one bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    /// The largest burst, in requests; at least 1.
    pub(super) capacity: u32,
    /// Requests that come back each second; at least 1.
    pub(super) per_second: u32,
}

/// The buckets of the documents by name. Memory is not served, so its own is not here.
#[derive(Debug, Clone)]
pub struct Buckets {
    pub(super) msg: Rate,
    pub(super) delta: Rate,
    pub(super) task: Rate,
    pub(super) approval: Rate,
    pub(super) default: Rate,
}

impl Buckets {
    /// The published table (errors page, "Buckets").
    pub const fn documented() -> Self {
        Self {
            msg: Rate { capacity: 30, per_second: 10 },
            delta: Rate { capacity: 200, per_second: 100 },
            task: Rate { capacity: 60, per_second: 30 },
            approval: Rate { capacity: 10, per_second: 2 },
            default: Rate { capacity: 30, per_second: 10 },
        }
    }

    /// These, with another bucket for `sendMessage` and `sendMessageEnd`. Both numbers are at least 1.
    pub const fn with_msg(self, capacity: u32, per_second: u32) -> Self {
        Self { msg: Rate { capacity, per_second }, ..self }
    }

    /// These, with another bucket for `sendMessageDelta`. Both numbers are at least 1.
    pub const fn with_delta(self, capacity: u32, per_second: u32) -> Self {
        Self { delta: Rate { capacity, per_second }, ..self }
    }

    /// Buckets that no client can empty, for measurements. The headers are still there.
    pub const fn unlimited() -> Self {
        const VAST: Rate = Rate { capacity: 1_000_000_000, per_second: 1_000_000_000 };
        Self { msg: VAST, delta: VAST, task: VAST, approval: VAST, default: VAST }
    }
}

/// Which bucket a route draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bucket {
    Msg,
    Delta,
    Task,
    Approval,
    Default,
}

impl Bucket {
    /// The bucket of a route, given as its pattern.
    pub(super) fn of_route(route: &str) -> Self {
        match route.strip_prefix("/v1/bridge/") {
            Some("sendMessage" | "sendMessageEnd") => Self::Msg,
            Some("sendMessageDelta") => Self::Delta,
            Some("createTask" | "updateTask" | "finishTask") => Self::Task,
            Some("requestApproval") => Self::Approval,
            _ => Self::Default,
        }
    }

    /// The name in `X-RateLimit-Bucket`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Msg => "msg",
            Self::Delta => "delta",
            Self::Task => "task",
            Self::Approval => "approval",
            Self::Default => "default",
        }
    }
}

/// Whose buckets they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// One paired bridge, by its id.
    Installation(String),
    /// The one user of this cloud.
    User,
    /// Somebody who has not said who they are, by address.
    Peer(std::net::IpAddr),
}

impl Owner {
    /// The name in `X-RateLimit-Scope`. The documents know only `installation` on the routes that are served here.
    pub(super) fn scope(&self) -> &'static str {
        match self {
            Self::Installation(_) => "installation",
            Self::User => "user",
            Self::Peer(_) => "ip",
        }
    }
}

/// What a bucket holds after a request, for the headers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quota {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Until the bucket is full again.
    pub(super) reset_after: Duration,
    /// Until one request fits again; `None` when this one did.
    pub(super) retry_after: Option<Duration>,
    pub(super) bucket: Bucket,
    pub(super) scope: &'static str,
}

struct Level {
    /// Tokens left, in fractions of a request.
    tokens: f64,
    at: Instant,
}

/// All buckets of this cloud.
pub(super) struct Limiter {
    buckets: Buckets,
    levels: HashMap<(Owner, Bucket), Level>,
}

impl Limiter {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self { buckets, levels: HashMap::new() }
    }

    /// Draws one request, if there is one to draw.
    pub(super) fn draw(&mut self, owner: &Owner, bucket: Bucket, now: Instant) -> Quota {
        self.take(owner, bucket, 1.0, now)
    }

    /// Looks without drawing.
    pub(super) fn peek(&mut self, owner: &Owner, bucket: Bucket, now: Instant) -> Quota {
        self.take(owner, bucket, 0.0, now)
    }

    fn rate(&self, bucket: Bucket) -> Rate {
        match bucket {
            Bucket::Msg => self.buckets.msg,
            Bucket::Delta => self.buckets.delta,
            Bucket::Task => self.buckets.task,
            Bucket::Approval => self.buckets.approval,
            Bucket::Default => self.buckets.default,
        }
    }

    fn take(&mut self, owner: &Owner, bucket: Bucket, cost: f64, now: Instant) -> Quota {
        let Rate { capacity, per_second } = self.rate(bucket);
        let (full, refill) = (f64::from(capacity), f64::from(per_second));
        self.forget_one_if_crowded();
        let level = self.levels.entry((owner.clone(), bucket)).or_insert(Level { tokens: full, at: now });
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        (level.tokens, level.at) = ((level.tokens + passed * refill).min(full), now);
        let fits = level.tokens >= cost;
        if fits {
            level.tokens -= cost;
        }
        Quota {
            limit: capacity,
            // Not below zero and not above the capacity, so the conversion cuts the fraction and nothing else.
            remaining: level.tokens as u32,
            reset_after: Duration::from_secs_f64((full - level.tokens) / refill),
            retry_after: (!fits).then(|| Duration::from_secs_f64((cost - level.tokens) / refill)),
            bucket,
            scope: owner.scope(),
        }
    }

    fn forget_one_if_crowded(&mut self) {
        if self.levels.len() < MAX_LEVELS {
            return;
        }
        let oldest = self.levels.iter().min_by_key(|(_, level)| level.at).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.levels.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::Installation(name.to_owned())
    }

    #[test]
    fn a_burst_beyond_the_capacity_is_told_how_long_to_wait() {
        let (mut limiter, now) = (Limiter::new(Buckets::documented()), Instant::now());
        for left in (0..30).rev() {
            let quota = limiter.draw(&owner("a"), Bucket::Msg, now);
            assert_eq!((quota.remaining, quota.retry_after), (left, None));
        }
        let quota = limiter.draw(&owner("a"), Bucket::Msg, now);
        assert_eq!((quota.remaining, quota.retry_after), (0, Some(Duration::from_millis(100))));
        assert_eq!(quota.reset_after, Duration::from_secs(3));
        let later = limiter.draw(&owner("a"), Bucket::Msg, now + Duration::from_millis(101));
        assert_eq!(later.retry_after, None);
    }

    #[test]
    fn owners_and_buckets_do_not_share() {
        let (mut limiter, now) = (Limiter::new(Buckets::documented()), Instant::now());
        for _ in 0..31 {
            limiter.draw(&owner("a"), Bucket::Msg, now);
        }
        assert_eq!(limiter.draw(&owner("b"), Bucket::Msg, now).remaining, 29);
        assert_eq!(limiter.draw(&owner("a"), Bucket::Delta, now).remaining, 199);
    }

    #[test]
    fn a_bucket_does_not_fill_beyond_its_capacity_and_a_clock_that_stands_is_harmless() {
        let (mut limiter, now) = (Limiter::new(Buckets::documented()), Instant::now());
        limiter.draw(&owner("a"), Bucket::Task, now + Duration::from_secs(9));
        assert_eq!(limiter.peek(&owner("a"), Bucket::Task, now + Duration::from_secs(900)).remaining, 60);
        assert_eq!(limiter.peek(&owner("a"), Bucket::Task, now).remaining, 60);
    }

    #[test]
    fn strangers_cannot_grow_the_table_for_ever() {
        let (mut limiter, now) = (Limiter::new(Buckets::documented()), Instant::now());
        for n in 0..2 * MAX_LEVELS {
            limiter.draw(&owner(&n.to_string()), Bucket::Default, now);
        }
        assert!(limiter.levels.len() <= MAX_LEVELS);
    }

    #[test]
    fn routes_draw_from_the_documented_buckets() {
        for (route, name) in [
            ("/v1/bridge/sendMessage", "msg"),
            ("/v1/bridge/sendMessageEnd", "msg"),
            ("/v1/bridge/sendMessageDelta", "delta"),
            ("/v1/bridge/finishTask", "task"),
            ("/v1/bridge/requestApproval", "approval"),
            ("/v1/bridge/ws", "default"),
            ("/v1/me", "default"),
        ] {
            assert_eq!(Bucket::of_route(route).name(), name);
        }
    }
}
