//! Whether a request is worth another try, and when. Pure: chance and time are parameters.
//!
//! The table of the errors page: `429` and `503` wait as long as they are told, other `5xx`, the network and what is no
//! answer of the cloud's get up to three more tries, all else is final. What a turn cannot do without is tried for as long
//! as the cloud remembers its key: "the bridge POSTs until it gets a 2xx". It says itself when it wants no more.

use super::backoff::jitter;
use super::error::RestError;
use super::meter::Again;
use std::time::Duration;

/// What to do after a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Try again after this long.
    Again(Duration),
    /// It is final.
    GiveUp,
}

/// How much depends on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A later request repairs its loss: three more tries after a fault.
    Usual,
    /// Nothing repairs it: tried for a day, which is how long the cloud knows a key. Where it wants no more of a turn
    /// before (`410 interaction_expired` after 30 minutes) it says so.
    Must,
}

/// What is known of a request so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub(super) effort: Effort,
    /// Tries so far, from 1.
    pub(super) tries: u32,
    /// Time since the first.
    pub(super) elapsed: Duration,
}

/// More tries for a fault that says nothing about when it ends.
const TRIES_AFTER_FAULT: u32 = 3;
/// More tries when the cloud says when to come back.
const TRIES_AFTER_WAIT: u32 = 30;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
/// Waits of a fault grow up to this.
const LONGEST_FAULT_WAIT: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Decides after a failed try; `chance` is within 0 to 1.
pub(super) fn decide(error: &RestError, tried: Tried, chance: f64) -> Decision {
    let (most, wait) = match error {
        RestError::Api { status: 429 | 503, retry_after, .. }
        | RestError::Malformed { status: 429 | 503, retry_after, .. } => (TRIES_AFTER_WAIT, told(error, *retry_after)),
        // What is not the envelope is not the cloud's word, whatever its status: a proxy or a portal answered for it.
        RestError::Api { status: 500.., .. } | RestError::Malformed { .. } | RestError::Network { .. } => {
            let doubled = FIRST_WAIT.saturating_mul(1 << (tried.tries.clamp(1, 8) - 1));
            (TRIES_AFTER_FAULT, doubled.min(LONGEST_FAULT_WAIT))
        }
        _ => return Decision::GiveUp,
    };
    let worth = match tried.effort {
        Effort::Usual => tried.tries <= most,
        Effort::Must => tried.elapsed < WINDOW,
    };
    if worth { Decision::Again(jitter(wait, chance)) } else { Decision::GiveUp }
}

/// What is worth another try, in a word.
pub(super) fn why(error: &RestError) -> Again {
    match error {
        RestError::Network { .. } => Again::Network,
        error => match error.status() {
            Some(429) => Again::Limited,
            Some(500..) => Again::Broken,
            _ => Again::Malformed,
        },
    }
}

/// How long the cloud wants to be left alone after a `429`; nothing, when it did not say that.
pub(super) fn shut(error: &RestError) -> Duration {
    match error {
        RestError::Api { status: 429, retry_after, .. } | RestError::Malformed { status: 429, retry_after, .. } => {
            told(error, *retry_after)
        }
        _ => Duration::ZERO,
    }
}

fn told(error: &RestError, retry_after: Option<Duration>) -> Duration {
    let own = match error {
        RestError::Api { error, .. } => error.retry_after_ms.map(Duration::from_millis),
        _ => None,
    };
    own.or(retry_after).unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ApiError;

    fn api(status: u16, retry_after_ms: Option<u64>, retry_after: Option<u64>) -> RestError {
        RestError::Api {
            path: "/x",
            status,
            error: ApiError { code: "c".into(), message: String::new(), errors: vec![], details: None, retry_after_ms },
            retry_after: retry_after.map(Duration::from_secs),
            request_id: None,
        }
    }

    fn usual(tries: u32) -> Tried {
        Tried { effort: Effort::Usual, tries, elapsed: Duration::ZERO }
    }

    /// What a proxy answers.
    fn page(status: u16) -> RestError {
        let retry_after = Some(Duration::from_secs(2));
        RestError::Malformed { path: "/x", status, reason: "a page".into(), retry_after, request_id: None }
    }

    #[test]
    fn client_errors_are_final_when_the_cloud_itself_says_so() {
        for status in [200, 401, 403, 404, 410] {
            assert_eq!(decide(&page(status), usual(1), 0.5), Decision::Again(FIRST_WAIT), "{status}");
            assert!(!page(status).is_gone() && !page(status).is_refused() && !page(status).is_unauthorized());
        }
        for status in [400, 401, 403, 404, 409, 410, 413, 422, 451] {
            assert_eq!(decide(&api(status, None, None), usual(1), 0.5), Decision::GiveUp, "{status}");
        }
    }

    #[test]
    fn limits_wait_as_told_and_the_body_comes_before_the_header() {
        assert_eq!(decide(&api(429, Some(700), Some(9)), usual(1), 0.5), Decision::Again(Duration::from_millis(700)));
        assert_eq!(decide(&api(503, None, Some(9)), usual(4), 0.5), Decision::Again(Duration::from_secs(9)));
        assert_eq!(decide(&api(429, None, None), usual(1), 0.5), Decision::Again(DEFAULT_WAIT));
        assert_eq!(decide(&page(429), usual(1), 0.5), Decision::Again(Duration::from_secs(2)));
        assert_eq!(shut(&api(429, Some(700), Some(9))), Duration::from_millis(700));
        assert_eq!(shut(&api(429, Some(u64::MAX), None)), LONGEST_WAIT);
        assert_eq!(shut(&api(503, Some(700), None)), Duration::ZERO, "an overloaded cloud is no empty bucket");
    }

    #[test]
    fn faults_get_three_more_tries_and_what_must_arrive_a_day() {
        let network = RestError::Network { path: "/x", reason: "refused".into() };
        for error in [api(500, None, None), api(502, None, None), page(200), network] {
            let tries = (1..10).take_while(|tries| decide(&error, usual(*tries), 0.5) != Decision::GiveUp).count();
            assert_eq!(tries, 3);
            let must = |elapsed| Tried { effort: Effort::Must, tries: 50, elapsed: Duration::from_secs(elapsed) };
            assert_eq!(decide(&error, must(86_399), 0.5), Decision::Again(LONGEST_FAULT_WAIT));
            assert_eq!(decide(&error, must(86_400), 0.5), Decision::GiveUp);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_wait_is_bounded(
            status in 400..600_u16, told in 0..u64::MAX, tries in 1..u32::MAX, seconds in 0..100_000_u64, must: bool,
            chance in 0.0..1.0_f64,
        ) {
            let effort = if must { Effort::Must } else { Effort::Usual };
            let tried = Tried { effort, tries, elapsed: Duration::from_secs(seconds) };
            if let Decision::Again(wait) = decide(&api(status, Some(told), None), tried, chance) {
                assert!(wait <= LONGEST_WAIT.mul_f64(1.25));
                assert!(status >= 429 && (must || tries <= TRIES_AFTER_WAIT));
                assert!(!must || seconds < 86_400);
            }
        }
    }
}
