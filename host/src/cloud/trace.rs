//! W3C trace context: all requests of a turn carry one trace id, so that the cloud's log, ours and those of others can
//! be joined.
//!
//! A turn goes on with the trace that its update is part of; without one, a trace begins here. The ids are made here
//! and are fields of our own spans, so what is logged, exported and sent is the same.

use crate::protocol::{InteractionId, TraceContext};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::field::{DisplayValue, display};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// One trace, and what goes with it to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    id: NonZeroU128,
    flags: u8,
    state: Option<HeaderValue>,
}

/// One span of a trace, about to begin.
#[derive(Debug, Clone, Copy)]
pub struct Step<'t> {
    trace: &'t Trace,
    span: NonZeroU64,
}

/// The traces of the turns that are open.
#[derive(Debug, Default)]
pub struct Traces(Mutex<HashMap<InteractionId, Open>>);

#[derive(Debug)]
struct Open {
    trace: Trace,
    /// Two messages of one interaction are two turns of one trace.
    turns: u32,
}

impl Traces {
    /// A turn begins; `came` is what its update is part of.
    pub fn begin(&self, turn: &InteractionId, came: Option<&TraceContext>) -> Trace {
        match self.lock().entry(turn.clone()) {
            Entry::Occupied(mut open) => {
                open.get_mut().turns += 1;
                open.get().trace.clone()
            }
            Entry::Vacant(place) => {
                let trace = came.map_or_else(Trace::fresh, Trace::of);
                place.insert(Open { trace: trace.clone(), turns: 1 });
                trace
            }
        }
    }

    /// The trace of a turn.
    pub fn of(&self, turn: &InteractionId) -> Trace {
        self.lock().get(turn).map_or_else(Trace::fresh, |open| open.trace.clone())
    }

    /// A turn has ended.
    pub fn end(&self, turn: &InteractionId) {
        let mut all = self.lock();
        if let Entry::Occupied(mut open) = all.entry(turn.clone()) {
            open.get_mut().turns -= 1;
            if open.get().turns == 0 {
                open.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InteractionId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace {
    /// One that begins here: somebody should record it.
    pub fn fresh() -> Self {
        // Nought is no trace.
        let id = NonZeroU128::new(rand::random()).unwrap_or(NonZeroU128::MIN);
        Self { id, flags: TraceContext::RECORDED, state: None }
    }

    /// One that began elsewhere.
    fn of(came: &TraceContext) -> Self {
        let state = came.state.as_deref().and_then(|state| HeaderValue::from_str(state).ok());
        Self { id: came.trace, flags: came.flags, state }
    }

    /// A further span.
    pub fn step(&self) -> Step<'_> {
        Step { trace: self, span: NonZeroU64::new(rand::random()).unwrap_or(NonZeroU64::MIN) }
    }
}

impl Step<'_> {
    /// Its id for our own span, which is exported by it: nothing, where nobody wants the trace recorded.
    pub fn id(&self) -> Option<DisplayValue<String>> {
        TraceContext::is_recorded(self.trace.flags).then(|| display(format!("{:016x}", self.span)))
    }

    /// Says in a request's headers that it is this span.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Trace { id, flags, ref state } = *self.trace;
        let context = TraceContext { trace: id, span: self.span, flags, state: None };
        let parent = HeaderValue::from_str(&context.traceparent()).expect("made of digits and letters");
        headers.insert(TRACEPARENT, parent);
        headers.extend(state.iter().map(|state| (TRACESTATE, state.clone())));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(trace: &Trace) -> (TraceContext, Option<String>) {
        let mut headers = HeaderMap::new();
        trace.step().write(&mut headers);
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().expect("text").to_owned());
        let parent = text(TRACEPARENT).expect("there");
        (TraceContext::parse(&parent, None).expect("good"), text(TRACESTATE))
    }

    #[test]
    fn a_turn_keeps_its_trace_and_each_request_has_a_span() {
        let (traces, turn) = (Traces::default(), |id: &str| InteractionId::try_from(id).expect("an id"));
        let trace = traces.begin(&turn("int_1"), None);
        assert_eq!(trace, traces.of(&turn("int_1")));
        assert_ne!(trace, traces.begin(&turn("int_2"), None));
        let ((one, state), (other, _)) = (headers(&trace), headers(&trace));
        assert_eq!((one.trace, one.flags, state), (other.trace, 1, None));
        assert_ne!(one.span, other.span);

        assert_eq!(trace, traces.begin(&turn("int_1"), None), "one more message of the same interaction");
        traces.end(&turn("int_1"));
        assert_eq!(trace, traces.of(&turn("int_1")));
        traces.end(&turn("int_1"));
        traces.end(&turn("int_1"));
        assert_ne!(trace, traces.of(&turn("int_1")), "nothing is kept of turns that have ended");
        assert_eq!(traces.lock().len(), 1);
    }

    #[test]
    fn what_came_is_gone_on_with() {
        let came = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let came = TraceContext::parse(came, Some("rojo=00f067aa0ba902b7,congo=t61"));
        let (traces, turn) = (Traces::default(), InteractionId::try_from("int_1").expect("an id"));
        let trace = traces.begin(&turn, came.as_ref());
        let (sent, state) = headers(&trace);
        let came = came.expect("good");
        assert_eq!((sent.trace, sent.flags, state), (came.trace, 0, came.state));
        assert_ne!(sent.span, came.span);
        assert!(
            trace.step().id().is_none() && Trace::fresh().step().id().is_some(),
            "what nobody wants is not exported"
        );
    }
}
