//! Rules as JSON, for the admin port.

use super::plan::Standing;
use super::rule::{Fault, Gone, Often, Refused, RequestFault, Rule, SocketFault, UpdateFault};
use crate::localcloud::refusal::Refusal;
use crate::localcloud::validate::{Form, MAX_INTEGER};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest wait that can be asked for, in milliseconds.
const MAX_WAIT: u64 = 600_000;
/// Bytes of a name.
const MAX_NAME: usize = 100;
/// What every rule may say.
const COMMON: [&str; 6] = ["on", "do", "times", "probability", "seed", "skip"];

/// Reads a rule: `on` and `do` say where it bites and what happens, other fields what they need.
///
/// # Errors
/// Names every field that does not fit, and those that the rule does not know.
pub(in crate::localcloud) fn read(body: &Value) -> Result<Rule, Refusal> {
    let mut form = Form::of(body)?;
    let mut known = COMMON.to_vec();
    let fault = match form.text("on", 1..=MAX_NAME) {
        Some("update") => update(&mut form, &mut known),
        Some("socket") => socket(&mut form, &mut known),
        Some("request") => request(&mut form, &mut known),
        place => {
            form.required("on", place);
            unknown(&mut form, "on", place, "'update' | 'socket' | 'request'");
            None
        }
    };
    let skip = u32::try_from(form.integer("skip", u32::MAX.into()).unwrap_or_default()).unwrap_or(u32::MAX);
    let often = often(&mut form);
    // Without a place and a deed it is not known which fields belong to the rule.
    if fault.is_some() {
        form.only(&known);
    }
    form.finish(fault.zip(often).map(|(fault, often)| Rule { fault, skip, often }))
}

fn unknown(form: &mut Form<'_>, name: &str, value: Option<&str>, names: &str) {
    if value.is_some() {
        form.refuse(name, "invalid_enum_value", format!("Invalid enum value. Expected {names}"));
    }
}

fn often(form: &mut Form<'_>) -> Option<Often> {
    let times = form.integer("times", u32::MAX.into());
    let (probability, seed) = (form.amount("probability"), form.integer("seed", MAX_INTEGER));
    if form.value("probability").is_none() {
        if form.value("seed").is_some() {
            form.refuse("seed", "custom", "Goes with a probability only".to_owned());
        }
        let times = if form.value("times").is_some() { times? } else { 1 };
        return u32::try_from(times).ok().map(Often::Times);
    }
    if form.value("times").is_some() {
        form.refuse("times", "custom", "Either a number of times or a probability".to_owned());
    }
    let probability = probability?;
    if probability > 1.0 {
        form.refuse("probability", "too_big", "Number must be less than or equal to 1".to_owned());
    }
    Some(Often::Chance { probability, seed: seed.unwrap_or_default() })
}

fn wait(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<Duration> {
    known.push("ms");
    let wait = form.integer("ms", MAX_WAIT);
    form.required("ms", wait).map(Duration::from_millis)
}

fn deed<'a>(form: &mut Form<'a>) -> Option<&'a str> {
    let deed = form.text("do", 1..=MAX_NAME);
    form.required("do", deed)
}

fn update(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<Fault> {
    known.push("kind");
    let kind = form.text("kind", 1..=MAX_NAME).map(str::to_owned);
    let what = match deed(form) {
        Some("drop") => UpdateFault::Drop,
        Some("delay") => UpdateFault::Delay(wait(form, known)?),
        Some("duplicate") => UpdateFault::Duplicate,
        Some("swap") => UpdateFault::Swap,
        other => {
            unknown(form, "do", other, "'drop' | 'delay' | 'duplicate' | 'swap'");
            return None;
        }
    };
    Some(Fault::Update { kind, what })
}

fn socket(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<Fault> {
    let what = match deed(form) {
        Some("cut_before") => SocketFault::CutBefore,
        Some("cut_after") => SocketFault::CutAfter,
        Some("half_open") => SocketFault::HalfOpen,
        Some("slow_reads") => {
            return Some(Fault::Socket { frame: None, what: SocketFault::SlowReads(wait(form, known)?) });
        }
        other => {
            unknown(form, "do", other, "'cut_before' | 'cut_after' | 'half_open' | 'slow_reads'");
            return None;
        }
    };
    known.push("frame");
    Some(Fault::Socket { frame: form.integer("frame", MAX_INTEGER), what })
}

fn request(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<Fault> {
    known.push("route");
    let route = form.text("route", 1..=MAX_NAME).map(str::to_owned);
    let what = match deed(form) {
        Some("refuse") => refuse(form, known)?,
        Some("lose_answer") => RequestFault::LoseAnswer,
        Some("hold_then_do") => RequestFault::HoldThenDo(wait(form, known)?),
        Some("do_then_hold") => RequestFault::DoThenHold(wait(form, known)?),
        other => {
            unknown(form, "do", other, "'refuse' | 'lose_answer' | 'hold_then_do' | 'do_then_hold'");
            return None;
        }
    };
    Some(Fault::Request { route, what })
}

fn refuse(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<RequestFault> {
    known.push("status");
    let number = form.integer("status", 599);
    let status = match form.required("status", number)? {
        401 => Refused::Unauthorized,
        410 => Refused::Gone(gone(form, known)?),
        429 => Refused::TooMany,
        500 => Refused::Internal,
        502 => Refused::BadGateway,
        503 => Refused::Unavailable,
        _ => {
            let message = "Invalid enum value. Expected 401 | 410 | 429 | 500 | 502 | 503".to_owned();
            form.refuse("status", "invalid_enum_value", message);
            return None;
        }
    };
    if status.waits() {
        known.push("retry_after_ms");
    }
    let retry_after = form.integer("retry_after_ms", MAX_WAIT).map(Duration::from_millis);
    Some(RequestFault::Refuse { status, retry_after })
}

/// What a 410 says is gone: the interaction, where the rule does not say.
fn gone(form: &mut Form<'_>, known: &mut Vec<&str>) -> Option<Gone> {
    known.push("code");
    if form.value("code").is_none() {
        return Some(Gone::default());
    }
    let code = form.text("code", 1..=MAX_NAME);
    let what = Gone::ALL.into_iter().find(|what| code == Some(what.code()));
    if what.is_none() {
        unknown(form, "code", code, "'interaction_expired' | 'session_deleted' | 'installation_revoked'");
    }
    what
}

/// A rule as it stands.
pub(in crate::localcloud) fn view(standing: &Standing) -> Value {
    let mut view = match &standing.rule.fault {
        Fault::Update { kind, what } => {
            let (what, ms) = match what {
                UpdateFault::Drop => ("drop", None),
                UpdateFault::Delay(wait) => ("delay", Some(wait)),
                UpdateFault::Duplicate => ("duplicate", None),
                UpdateFault::Swap => ("swap", None),
            };
            json!({ "on": "update", "kind": kind, "do": what, "ms": ms.map(Duration::as_millis) })
        }
        Fault::Socket { frame, what } => {
            let (what, ms) = match what {
                SocketFault::CutBefore => ("cut_before", None),
                SocketFault::CutAfter => ("cut_after", None),
                SocketFault::HalfOpen => ("half_open", None),
                SocketFault::SlowReads(wait) => ("slow_reads", Some(wait)),
            };
            json!({ "on": "socket", "frame": frame, "do": what, "ms": ms.map(Duration::as_millis) })
        }
        Fault::Request { route, what } => request_view(route.as_deref(), what),
    };
    match standing.rule.often {
        Often::Times(times) => view["times"] = times.into(),
        Often::Chance { probability, seed } => (view["probability"], view["seed"]) = (probability.into(), seed.into()),
    }
    let (id, skip) = (standing.id, standing.rule.skip);
    let more = json!({ "id": id, "skip": skip, "bites": standing.bites, "spent": standing.spent });
    let all =
        [view, more].into_iter().filter_map(|part| if let Value::Object(part) = part { Some(part) } else { None });
    all.flatten().filter(|(_, value)| !value.is_null()).collect()
}

fn request_view(route: Option<&str>, what: &RequestFault) -> Value {
    let mut view = json!({ "on": "request", "route": route });
    let (name, ms) = match what {
        RequestFault::Refuse { status, retry_after } => {
            view["status"] = status.code().0.as_u16().into();
            if let Refused::Gone(what) = status {
                view["code"] = what.code().into();
            }
            view["retry_after_ms"] = json!(retry_after.map(|wait| wait.as_millis()));
            ("refuse", None)
        }
        RequestFault::LoseAnswer => ("lose_answer", None),
        RequestFault::HoldThenDo(wait) => ("hold_then_do", Some(wait)),
        RequestFault::DoThenHold(wait) => ("do_then_hold", Some(wait)),
    };
    (view["do"], view["ms"]) = (name.into(), json!(ms.map(Duration::as_millis)));
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(body: Value) -> Vec<String> {
        match read(&body) {
            Err(Refusal::InvalidRequest(errors)) => {
                errors.into_iter().map(|error| format!("{}:{}", error.path, error.code)).collect()
            }
            other => panic!("{:?}", other.map(drop)),
        }
    }

    #[test]
    fn rules_that_do_not_fit_are_refused_with_every_field_that_does_not() {
        for (body, expected) in [
            (json!([]), vec![":invalid_type"]),
            (json!({}), vec!["on:invalid_type"]),
            (json!({ "on": "moon", "do": "drop" }), vec!["on:invalid_enum_value"]),
            (json!({ "on": "update" }), vec!["do:invalid_type"]),
            (json!({ "on": "update", "do": "cut_before" }), vec!["do:invalid_enum_value"]),
            (json!({ "on": "update", "do": "delay" }), vec!["ms:invalid_type"]),
            (json!({ "on": "update", "do": "delay", "ms": 600_001 }), vec!["ms:too_big"]),
            (
                json!({ "on": "update", "do": "drop", "ms": 1, "oops": 1 }),
                vec!["ms:unrecognized_keys", "oops:unrecognized_keys"],
            ),
            (json!({ "on": "socket", "do": "half_open", "route": "x" }), vec!["route:unrecognized_keys"]),
            (json!({ "on": "request", "do": "refuse" }), vec!["status:invalid_type"]),
            (json!({ "on": "request", "do": "refuse", "status": 418 }), vec!["status:invalid_enum_value"]),
            (
                json!({ "on": "request", "do": "refuse", "status": 500, "retry_after_ms": 1 }),
                vec!["retry_after_ms:unrecognized_keys"],
            ),
            (json!({ "on": "request", "do": "refuse", "status": 410, "code": "x" }), vec!["code:invalid_enum_value"]),
            (json!({ "on": "request", "do": "refuse", "status": 410, "code": 7 }), vec!["code:invalid_type"]),
            (
                json!({ "on": "request", "do": "refuse", "status": 401, "code": "invalid_token" }),
                vec!["code:unrecognized_keys"],
            ),
            (json!({ "on": "update", "do": "drop", "times": 1, "probability": 0.5 }), vec!["times:custom"]),
            (json!({ "on": "update", "do": "drop", "seed": 1 }), vec!["seed:custom"]),
            (json!({ "on": "update", "do": "drop", "probability": 1.1 }), vec!["probability:too_big"]),
            (json!({ "on": "update", "do": "drop", "times": -1 }), vec!["times:too_small"]),
        ] {
            assert_eq!(errors(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_read_is_shown_as_it_came() {
        for rule in [
            json!({ "on": "update", "kind": "session.message", "do": "delay", "ms": 5, "times": 3 }),
            json!({ "on": "update", "do": "drop", "times": 1 }),
            json!({ "on": "update", "do": "duplicate", "times": 1 }),
            json!({ "on": "socket", "do": "cut_before", "times": 1 }),
            json!({ "on": "socket", "do": "half_open", "times": 1 }),
            json!({ "on": "socket", "frame": 3, "do": "half_open", "times": 1 }),
            json!({ "on": "request", "do": "refuse", "status": 401, "times": 1 }),
            json!({ "on": "request", "do": "refuse", "status": 429, "times": 1 }),
            json!({ "on": "request", "do": "refuse", "status": 500, "times": 1 }),
            json!({ "on": "request", "do": "refuse", "status": 502, "times": 1 }),
            json!({ "on": "request", "do": "lose_answer", "times": 1 }),
            json!({ "on": "request", "do": "do_then_hold", "ms": 9, "times": 1 }),
            json!({ "on": "update", "do": "swap", "probability": 0.25, "seed": 9, "skip": 2 }),
            json!({ "on": "socket", "do": "cut_after", "frame": 2, "times": 1 }),
            json!({ "on": "socket", "do": "slow_reads", "ms": 50, "probability": 1.0, "seed": 0 }),
            json!({ "on": "request", "do": "refuse", "status": 503, "retry_after_ms": 40, "times": 1 }),
            json!({ "on": "request", "do": "refuse", "status": 410, "code": "session_deleted", "times": 1 }),
            json!({ "on": "request", "route": "sendMessageEnd", "do": "hold_then_do", "ms": 9, "times": 1 }),
        ] {
            let standing = Standing { id: 4, rule: read(&rule).expect("a rule"), bites: 1, spent: false };
            let mut expected = rule.clone();
            for (name, value) in [("id", json!(4)), ("bites", json!(1)), ("spent", json!(false))] {
                expected[name] = value;
            }
            expected["skip"] = rule.get("skip").cloned().unwrap_or(json!(0));
            assert_eq!(view(&standing), expected);
        }
    }
}
