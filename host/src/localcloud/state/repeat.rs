//! Idempotency: the first answer to each key, for 24 hours.

use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::secret::Digest;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};

/// How long a key is remembered.
pub(crate) const MAX_AGE: Millis = 24 * 60 * 60 * 1000;
/// The most keys that are remembered, the newest; about 20 MB.
const MAX_ANSWERS: usize = 100_000;

/// A request's key and what was asked under it. The pair (installation, key) is unique, whatever the route.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) id: Digest,
    pub(crate) body: Digest,
}

impl Key {
    /// The key of a request. `key` and `body` are the client's; `route` keeps equal bodies of two routes apart.
    pub(crate) fn new(installation: &str, key: &str, route: &str, body: &Value) -> Self {
        let id = Digest::of_parts(&[installation.as_bytes(), key.as_bytes()]);
        Self { id, body: body_digest(route, body) }
    }
}

/// The digest of a body, whatever the order of its fields and its white space.
pub(crate) fn body_digest(route: &str, body: &Value) -> Digest {
    let mut canonical = String::new();
    canonicalize(body, &mut canonical);
    Digest::of_parts(&[route.as_bytes(), canonical.as_bytes()])
}

fn canonicalize(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, field) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonicalize(field, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonicalize(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// What was answered under a key.
pub(crate) struct Answer {
    pub(crate) key: Key,
    pub(crate) at: Millis,
    pub(crate) result: Value,
}

/// All remembered answers.
#[derive(Default)]
pub(crate) struct Repeats {
    answers: HashMap<Digest, Answer>,
    order: VecDeque<(Millis, Digest)>,
}

impl Repeats {
    /// The answer to a repeat: the first one's result plus `idempotent: true`. None when the key is new.
    ///
    /// # Errors
    /// [`Refusal::IdempotencyConflict`] when the key stands for another body.
    pub(crate) fn find(&self, key: Option<&Key>, now: Millis) -> Result<Option<Value>, Refusal> {
        let Some(key) = key else { return Ok(None) };
        let Some(answer) = self.answers.get(&key.id).filter(|answer| answer.at + MAX_AGE > now) else {
            return Ok(None);
        };
        if !answer.key.body.matches(&key.body) {
            return Err(Refusal::IdempotencyConflict);
        }
        Ok(Some(idempotent(answer.result.clone())))
    }

    /// Remembers an answer, and forgets the old and the too many.
    pub(crate) fn remember(&mut self, answer: Answer) {
        let now = answer.at;
        self.order.push_back((now, answer.key.id));
        self.answers.insert(answer.key.id, answer);
        while self.order.front().is_some_and(|(at, _)| at + MAX_AGE <= now || self.order.len() > MAX_ANSWERS) {
            let Some((at, id)) = self.order.pop_front() else { break };
            // A key that was used again after a day has a younger entry; that one stays.
            if self.answers.get(&id).is_some_and(|answer| answer.at == at) {
                self.answers.remove(&id);
            }
        }
    }
}

/// `result` with the mark of a repeat.
pub(crate) fn idempotent(mut result: Value) -> Value {
    result["idempotent"] = true.into();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answered(repeats: &mut Repeats, key: Key, at: Millis) {
        repeats.remember(Answer { key, at, result: json!({ "message_id": "msg_1" }) });
    }

    #[test]
    fn another_body_or_route_is_a_conflict_and_the_same_a_repeat() {
        let mut repeats = Repeats::default();
        answered(&mut repeats, Key::new("inst_1", "k", "sendMessage", &json!({ "a": 1, "b": [2, {}] })), 0);
        for other in [
            Key::new("inst_1", "k", "sendMessage", &json!({ "a": 1 })),
            Key::new("inst_1", "k", "sendMessageEnd", &json!({ "a": 1, "b": [2, {}] })),
        ] {
            assert!(matches!(repeats.find(Some(&other), 1), Err(Refusal::IdempotencyConflict)));
        }
        let body: Value = serde_json::from_str(r#"{ "b":[2,{}], "a":1 }"#).expect("json");
        let same = Key::new("inst_1", "k", "sendMessage", &body);
        let result = repeats.find(Some(&same), 1).expect("no conflict").expect("a repeat");
        assert_eq!(result, json!({ "message_id": "msg_1", "idempotent": true }));
    }

    #[test]
    fn installations_do_not_share_keys_and_a_day_ends_them() {
        let mut repeats = Repeats::default();
        let key = Key::new("inst_1", "k", "r", &json!({}));
        answered(&mut repeats, key, 0);
        assert!(matches!(repeats.find(Some(&Key::new("inst_2", "k", "r", &json!({}))), 1), Ok(None)));
        assert!(matches!(repeats.find(Some(&key), MAX_AGE), Ok(None)));
        answered(&mut repeats, key, MAX_AGE);
        assert_eq!((repeats.answers.len(), repeats.order.len()), (1, 1));
        assert!(matches!(repeats.find(Some(&key), MAX_AGE + 1), Ok(Some(_))));
    }
}
