//! W3C trace context: which trace something is part of, and below which of its spans.

use serde::{Deserialize, Serialize};
use std::num::{NonZeroU64, NonZeroU128};

/// The longest `tracestate` that is passed on, in bytes, and the most members it may have.
const MAX_STATE: usize = 512;
const MAX_MEMBERS: usize = 32;
/// The longest key and value of a member, in bytes.
const MAX_PART: usize = 256;
const SAMPLED: u8 = 1;

/// A `traceparent`, with the `tracestate` that came beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct TraceContext {
    /// The trace.
    pub trace: NonZeroU128,
    /// The span that what comes now is a child of.
    pub span: NonZeroU64,
    /// Whether somebody records the trace, and other bits that are passed on as they are.
    pub flags: u8,
    /// What others pass along. Nobody here looks into it.
    pub state: Option<String>,
}

/// As it is written in updates and records.
#[derive(Serialize, Deserialize)]
struct Written {
    traceparent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl TraceContext {
    /// Flags of a trace that begins here: it is recorded.
    pub const RECORDED: u8 = SAMPLED;

    /// Reads both. Nothing, where the first makes no sense; where only the second does not, it is left out.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let parts: Vec<&str> = traceparent.splitn(5, '-').collect();
        let ["00", trace, span, flags] = parts[..] else { return None };
        let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_hex = |text: &str, length: usize| text.len() == length && text.bytes().all(digits);
        if !(is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2)) {
            return None;
        }
        Some(Self {
            trace: NonZeroU128::new(u128::from_str_radix(trace, 16).ok()?)?,
            span: NonZeroU64::new(u64::from_str_radix(span, 16).ok()?)?,
            flags: u8::from_str_radix(flags, 16).ok()?,
            state: tracestate.filter(|state| is_state(state)).map(str::to_owned),
        })
    }

    /// As a header has it.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }

    /// Whether somebody records the trace.
    pub fn is_recorded(flags: u8) -> bool {
        flags & SAMPLED != 0
    }
}

impl TryFrom<Written> for TraceContext {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::parse(&written.traceparent, written.tracestate.as_deref()).ok_or("not a traceparent")
    }
}

impl From<TraceContext> for Written {
    fn from(context: TraceContext) -> Self {
        Self { traceparent: context.traceparent(), tracestate: context.state }
    }
}

/// Whether a text is a list of `key=value` as W3C has it, and short enough to be passed on.
fn is_state(text: &str) -> bool {
    let members = || text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let is_member = |member: &str| member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value));
    text.len() <= MAX_STATE && (1..=MAX_MEMBERS).contains(&members().count()) && members().all(is_member)
}

fn is_key(key: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let begins_well = key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    begins_well && key.len() <= MAX_PART && key.bytes().all(may)
}

fn is_value(value: &str) -> bool {
    let may = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=MAX_PART).contains(&value.len()) && value.bytes().all(may)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_and_written_as_it_came() {
        for flags in ["00", "01", "03", "ff"] {
            let text = format!("00-{ID}-{SPAN}-{flags}");
            let context = TraceContext::parse(&text, Some("rojo=1,congo=t61rcWkgMzE")).expect("good");
            assert_eq!(context.traceparent(), text);
            assert_eq!(context.state.as_deref(), Some("rojo=1,congo=t61rcWkgMzE"));
            let record = serde_json::to_string(&context).expect("plain");
            assert_eq!(serde_json::from_str::<TraceContext>(&record).expect("the same"), context);
        }
    }

    #[test]
    fn what_is_no_traceparent_is_told() {
        let (upper, none) = (ID.to_uppercase(), "0".repeat(32));
        for text in [
            String::new(),
            format!("01-{ID}-{SPAN}-01"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}"),
            format!("00-{ID}-{SPAN}-01-x"),
            format!("00-{ID}-{SPAN}-01-"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{none}-{SPAN}-01"),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-+{}-{SPAN}-01", &ID[1..]),
            format!("00-{ID}-{SPAN}-1"),
            format!("00-{ID}-{SPAN}\n-01"),
        ] {
            assert_eq!(TraceContext::parse(&text, None), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_tracestate_that_others_would_take_is_kept() {
        for good in ["a=1", "a=1, b=2", "a=1,,b=2", "1x@t=a b", &format!("k={}", "v".repeat(256))] {
            assert!(is_state(good), "{good:?}");
        }
        let many = vec!["a=1"; 33].join(",");
        for bad in [
            "",
            " ",
            ",",
            "a",
            "=1",
            "a=",
            "A=1",
            "a=1\r\nb=2",
            "a=ä",
            "a=1=2",
            &format!("k={}", "v".repeat(257)),
            &many,
        ] {
            assert!(!is_state(bad), "{bad:?}");
        }
        let long = vec![format!("a={}", "v".repeat(200)); 3].join(",");
        assert!(long.len() > MAX_STATE && !is_state(&long));
    }
}
