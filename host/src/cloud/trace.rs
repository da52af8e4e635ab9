//! W3C trace context: all requests of a turn carry one trace id, so that the cloud's log and ours can be joined.
//!
//! The updates of the protocol carry no `traceparent`, so a turn's trace begins here.

use crate::protocol::InteractionId;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// One trace: 16 bytes by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(u128);

/// The traces of this process' turns. A turn's is made from its id and a number by chance, so none is remembered.
#[derive(Debug)]
pub struct Traces(u128);

impl Traces {
    /// Traces of a new process.
    #[expect(clippy::new_without_default, reason = "what is made by chance is no default")]
    pub fn new() -> Self {
        Self(rand::random())
    }

    /// The trace of a turn.
    pub fn of(&self, turn: &InteractionId) -> Trace {
        let digest = Sha256::new().chain_update(self.0.to_be_bytes()).chain_update(turn.as_str()).finalize();
        let (half, _) = digest.split_at(16);
        Trace(half.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)).max(1))
    }
}

impl Trace {
    /// One for a request that belongs to no turn.
    pub fn fresh() -> Self {
        // Nought is no trace.
        Self(rand::random::<u128>().max(1))
    }

    /// `traceparent` of a further request: a new span of this trace, sampled.
    pub(super) fn parent(self) -> HeaderValue {
        let span = rand::random::<u64>().max(1);
        HeaderValue::from_str(&format!("00-{self}-{span:016x}-01")).expect("made of digits and letters")
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Whether a text is a `traceparent` of the version that there is.
pub(super) fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize, may_be_nought: bool| {
        parts.next().is_some_and(|part| {
            let digits = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            part.len() == length && digits && (may_be_nought || part.bytes().any(|byte| byte != b'0'))
        })
    };
    let is_well_formed = hex(2, true) && hex(32, false) && hex(16, false) && hex(2, true);
    is_well_formed && text.starts_with("00-") && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_keeps_its_trace_and_each_request_has_a_span() {
        let (traces, turn) = (Traces::new(), |id: &str| InteractionId::try_from(id).expect("an id"));
        let trace = traces.of(&turn("int_1"));
        assert_eq!(trace, traces.of(&turn("int_1")));
        assert_ne!(trace, traces.of(&turn("int_2")));
        assert_ne!(trace, Traces::new().of(&turn("int_1")));
        let (one, other) = (trace.parent(), trace.parent());
        assert_ne!(one, other);
        for header in [one, other, Trace::fresh().parent()] {
            assert!(is_traceparent(header.to_str().expect("text")), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_traceparent_is_told() {
        let (id, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert!(is_traceparent(&format!("00-{id}-{span}-01")));
        let (upper, none) = (id.to_uppercase(), "0".repeat(32));
        for text in [
            String::new(),
            format!("01-{id}-{span}-01"),
            format!("00-{id}-{span}"),
            format!("00-{id}-{span}-01-x"),
            format!("00-{upper}-{span}-01"),
            format!("00-{none}-{span}-01"),
            format!("00-{id}-{span}-1"),
            format!("00-{id}-{span}\n-01"),
        ] {
            assert!(!is_traceparent(&text), "{text:?}");
        }
    }
}
