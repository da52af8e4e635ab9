//! What is known of one of the cloud's token buckets. Pure: `now` is a parameter.
//!
//! The cloud counts a request at some moment between its sending and its answer. Counting it here at the sending would
//! let our bucket refill earlier than the cloud's, and a few requests that overtake each other would meet a 429. So
//! [`Bucket::level`] counts a request only once its answer is here, and each one under way is set against it as if it
//! were to be counted this moment. That is never more than the cloud has, whatever the network does.
//!
//! An answer bounds the level from both sides, because it is old when it is here. Below: what it left, less all that
//! may have been counted since. Above: what it left, and what may have come back since. A level within these bounds
//! stays as it is, so that answers that overtake each other neither give tokens back nor take any.

use super::headers::{Heard, Limits, Reset, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// Before the cloud's first answer only one request is under way, or one more after each of these: what an earlier
/// process left in the bucket is not known.
const PACE: Duration = Duration::from_millis(100);
/// Tokens come back this much slower here than there: clocks differ, and so does rounding.
const CAUTION: f64 = 0.99;
/// The slowest refill that is believed, in tokens a second.
const SLOWEST: f64 = 1.0 / 60.0;
/// The longest that a 429 may shut a bucket.
const LONGEST: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: f64,
    /// Tokens a second.
    rate: f64,
    /// The rate is the documented one, or was seen in answers.
    rate_is_known: bool,
    /// Tokens at `at`, if nothing were under way.
    level: f64,
    at: Instant,
    /// The numbers of the draws under way, rising.
    under_way: Vec<u64>,
    drawn: u64,
    settled: u64,
    last_draw: Option<Instant>,
    shut_until: Option<Instant>,
    /// Whether any answer was heard.
    heard: bool,
}

/// One token, taken for a request.
#[derive(Debug)]
pub(super) struct Draw {
    number: u64,
    at: Instant,
    /// Draws that were settled before.
    settled: u64,
}

impl Bucket {
    /// A full one; nothing under way.
    pub(super) fn new(capacity: u32, per_second: u32, now: Instant) -> Self {
        Self {
            capacity: f64::from(capacity),
            rate: f64::from(per_second),
            rate_is_known: true,
            level: f64::from(capacity),
            at: now,
            under_way: Vec::new(),
            drawn: 0,
            settled: 0,
            last_draw: None,
            shut_until: None,
            heard: false,
        }
    }

    /// One that the cloud has just named.
    pub(super) fn found(limits: &Limits, now: Instant) -> Self {
        let mut bucket = Self { rate_is_known: false, ..Self::new(limits.limit, 1, now) };
        bucket.learn_rate(limits);
        bucket.level = f64::from(limits.remaining);
        bucket.heard = true;
        bucket
    }

    /// Takes a token, if there is one.
    pub(super) fn draw(&mut self, now: Instant) -> Option<Draw> {
        self.refill(now);
        if self.due(now).is_none_or(|due| due > now) {
            return None;
        }
        let draw = Draw { number: self.drawn, at: now, settled: self.settled };
        self.under_way.push(self.drawn);
        self.drawn += 1;
        self.last_draw = Some(now);
        Some(draw)
    }

    /// When there will be a token; never, as long as no answer comes.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let mut open = self.shut_until.map_or(now, |until| until.max(now));
        if !self.heard && !self.under_way.is_empty() {
            open = self.last_draw.map_or(open, |last| open.max(last + PACE));
        }
        let need = 1.0 + self.spare() + self.under_way.len() as f64;
        if need > self.capacity {
            return None;
        }
        let short = (need - self.level_at(now)) / (self.rate * CAUTION);
        Some(if short > 0.0 { open.max(now + Duration::from_secs_f64(short)) } else { open })
    }

    /// A draw whose request was never sent.
    pub(super) fn give_back(&mut self, draw: &Draw) {
        if let Ok(index) = self.under_way.binary_search(&draw.number) {
            self.under_way.remove(index);
        }
    }

    /// A draw whose request is over.
    pub(super) fn settle(&mut self, draw: &Draw, heard: &Heard, now: Instant) {
        self.refill(now);
        let Ok(older) = self.under_way.binary_search(&draw.number) else { return };
        self.under_way.remove(older);
        let since = (self.settled - draw.settled) as f64;
        self.settled += 1;
        if let Some(limits) = &heard.limits {
            self.learn_size(limits);
            self.learn_rate(limits);
        }
        match (heard.verdict, &heard.limits) {
            (Verdict::Empty(wait), _) => self.shut(wait, now),
            (Verdict::Taken | Verdict::Unclear, Some(limits)) => {
                self.level -= 1.0;
                let left = f64::from(limits.remaining);
                let back = self.rate * now.saturating_duration_since(draw.at).as_secs_f64();
                self.learn_level(left - since, left + older as f64, 1.0 + back);
            }
            (Verdict::Taken | Verdict::Unclear, None) => self.level -= 1.0,
        }
        self.heard |= heard.limits.is_some() || heard.verdict != Verdict::Unclear;
        self.level = self.level.min(self.capacity);
    }

    /// An answer to a request that was taken for another bucket's.
    pub(super) fn observe(&mut self, heard: &Heard, now: Instant) {
        self.refill(now);
        if let Some(limits) = &heard.limits {
            self.learn_size(limits);
            self.learn_rate(limits);
            self.level = self.level.min(f64::from(limits.remaining) + self.under_way.len() as f64);
        }
        if let Verdict::Empty(wait) = heard.verdict {
            self.shut(wait, now);
        }
    }

    /// The level is at least `least`, and at most `most` with some `slack`. One beyond that was wrong all along.
    fn learn_level(&mut self, least: f64, most: f64, slack: f64) {
        if !self.heard {
            self.level = least;
        } else if self.level > most + slack {
            self.level = most;
        } else {
            self.level = self.level.max(least);
        }
    }

    fn learn_size(&mut self, limits: &Limits) {
        let limit = f64::from(limits.limit);
        // A bucket of another size than the documented one fills by another rate, too.
        self.rate_is_known &= limit == self.capacity;
        self.capacity = limit;
    }

    /// Whole tokens are told, so an answer leaves the rate within bounds. One that is out of them is wrong; a guess is
    /// replaced by the lower bound.
    fn learn_rate(&mut self, limits: &Limits) {
        let Some(Reset { after, within }) = limits.reset else { return };
        let missing = f64::from(limits.limit - limits.remaining);
        if missing < 1.0 {
            return;
        }
        let least = (missing - 1.0) / (after + within);
        let most = if after > within { missing / (after - within) } else { f64::INFINITY };
        let is_telling = missing >= 2.0;
        if self.rate > most || (!self.rate_is_known && is_telling) {
            self.rate = if is_telling { least } else { most.min(self.rate) };
            self.rate_is_known = is_telling;
        }
        self.rate = self.rate.max(least).max(SLOWEST);
    }

    /// Nothing is left, and nothing leaves for a while.
    fn shut(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST);
        self.shut_until = Some(self.shut_until.map_or(until, |shut| shut.max(until)));
        self.level = self.level.min(self.under_way.len() as f64);
    }

    fn refill(&mut self, now: Instant) {
        self.level = self.level_at(now);
        self.at = self.at.max(now);
        self.shut_until = self.shut_until.filter(|until| *until > now);
    }

    fn level_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level + passed * self.rate * CAUTION).min(self.capacity)
    }

    /// What is never drawn: the cloud rounds down, and asks its clients to stop at `X-RateLimit-Remaining: 0`.
    fn spare(&self) -> f64 {
        ((self.capacity - 1.0) / 8.0).min(1.0)
    }
}

#[cfg(test)]
mod tests;
