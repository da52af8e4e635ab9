//! What an answer says of its bucket, read strictly: the headers come from outside, and nonsense says nothing.

use http::HeaderMap;
use std::fmt;
use std::time::Duration;

/// The longest name of a bucket or a scope, in bytes.
const MAX_NAME: usize = 32;
/// The longest time until a bucket is full that is believed, in seconds.
const MAX_RESET: f64 = 86_400.0;
/// Decimals of `X-RateLimit-Reset-After` that are read.
const MAX_DECIMALS: usize = 9;

/// The name of a bucket or a scope: up to 32 of `[A-Za-z0-9._:-]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    bytes: [u8; MAX_NAME],
    length: usize,
}

/// A bucket as an answer describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limits {
    /// The largest burst; at least 1.
    pub(super) limit: u32,
    /// Whole tokens left after the request; at most `limit`.
    pub(super) remaining: u32,
    /// Until it is full.
    pub(super) reset: Option<Reset>,
    pub(super) bucket: Option<Name>,
    pub(super) scope: Option<Name>,
}

/// Seconds until a bucket is full, and how far the decimals given may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reset {
    pub(super) after: f64,
    pub(super) within: f64,
}

/// What an answer means to the limiter.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cloud) struct Heard {
    pub(super) limits: Option<Limits>,
    pub(super) verdict: Verdict,
}

/// Whether the request drew on the bucket that the answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It did.
    Taken,
    /// The bucket was empty (429), and there is no use in coming back before this long.
    Empty(Duration),
    /// Nobody knows: the cloud may refuse a request before it counts it, and names any bucket then.
    Unclear,
}

impl Heard {
    /// Reads an answer. `wait` is what a 429 asks for.
    pub(in crate::cloud) fn of(status: u16, headers: &HeaderMap, wait: Duration) -> Self {
        let verdict = match status {
            200..=299 => Verdict::Taken,
            429 => Verdict::Empty(wait),
            _ => Verdict::Unclear,
        };
        Self { limits: Limits::of(headers), verdict }
    }

    /// There was no answer.
    pub(in crate::cloud) fn nothing() -> Self {
        Self { limits: None, verdict: Verdict::Unclear }
    }
}

impl Limits {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let limit = whole(one(headers, "x-ratelimit-limit")?)?;
        let remaining = whole(one(headers, "x-ratelimit-remaining")?)?;
        // `X-RateLimit-Reset` says the same as `Reset-After` by the clock on the cloud's wall; ours may differ.
        let reset = one(headers, "x-ratelimit-reset-after").and_then(Reset::read);
        let bucket = one(headers, "x-ratelimit-bucket").and_then(Name::new);
        let scope = one(headers, "x-ratelimit-scope").and_then(Name::new);
        (limit > 0 && remaining <= limit).then_some(Self { limit, remaining, reset, bucket, scope })
    }
}

impl Reset {
    fn read(text: &str) -> Option<Self> {
        let (whole_part, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole_part) || !digits(decimals) || decimals.len() > MAX_DECIMALS || whole_part.len() > 10 {
            return None;
        }
        let places = if text.contains('.') { decimals.len() } else { 0 };
        let after: f64 = text.parse().ok()?;
        (after <= MAX_RESET).then_some(Self { after, within: 0.1_f64.powi(i32::try_from(places).ok()?) })
    }
}

impl Name {
    pub(super) fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(plain) {
            return None;
        }
        let mut bytes = [0; MAX_NAME];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.bytes[..self.length]).unwrap_or_default())
    }
}

/// A header that is there once. Whoever says two things says nothing.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

fn whole(text: &str) -> Option<u32> {
    // `parse` also takes a sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &str)]) -> Option<Limits> {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        let pairs = pairs.iter().map(|(name, text)| (HeaderName::from_static(name), value(text)));
        Limits::of(&pairs.collect())
    }

    const LIMIT: &str = "x-ratelimit-limit";
    const REMAINING: &str = "x-ratelimit-remaining";
    const AFTER: &str = "x-ratelimit-reset-after";

    #[test]
    fn the_documented_example_is_read() {
        let bucket = ("x-ratelimit-bucket", "msg");
        let scope = ("x-ratelimit-scope", "installation");
        let limits = read(&[(LIMIT, "30"), (REMAINING, "27"), (AFTER, "0.300"), bucket, scope]).expect("limits");
        assert_eq!((limits.limit, limits.remaining), (30, 27));
        let reset = limits.reset.expect("a time");
        assert!((reset.after - 0.3).abs() < 1e-12 && (reset.within - 0.001).abs() < 1e-12, "{reset:?}");
        assert_eq!((limits.bucket, limits.scope), (Name::new("msg"), Name::new("installation")));
    }

    #[test]
    fn nonsense_says_nothing() {
        for (limit, remaining) in
            [("0", "0"), ("-1", "0"), ("+3", "1"), ("3", "4"), ("3", ""), ("1e3", "1"), ("30 ", "x")]
        {
            assert_eq!(read(&[(LIMIT, limit), (REMAINING, remaining)]), None, "{limit} {remaining}");
        }
        assert_eq!(read(&[(LIMIT, "99999999999999999999"), (REMAINING, "1")]), None);
        assert_eq!(read(&[(LIMIT, "3"), (REMAINING, "1\u{e9}")]), None);
        for after in ["-1", "inf", "NaN", "1e5", "99999", ".5", "5.", "0x1", "1.0000000000", ""] {
            let limits = read(&[(LIMIT, "3"), (REMAINING, "1"), (AFTER, after)]).expect("limits");
            assert_eq!(limits.reset, None, "{after}");
        }
        for name in ["", "a b", "mesg\u{e9}", "a\tb", &"x".repeat(33)] {
            let limits = read(&[(LIMIT, "3"), (REMAINING, "1"), ("x-ratelimit-bucket", name)]).expect("limits");
            assert_eq!(limits.bucket, None, "{name:?}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_says_nothing() {
        let mut headers = HeaderMap::new();
        for (name, value) in [(LIMIT, "3"), (REMAINING, "1"), (REMAINING, "2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(Limits::of(&headers), None);
    }
}
