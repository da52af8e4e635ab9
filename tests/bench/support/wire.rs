//! The stub's share of the protocol: frames down, calls up, and the ids that tie a call to its turn.
//!
//! A turn is a number, counted from 0 in each run. All its ids are made from it, so that a call is told apart without
//! a look into any table.

use super::bucket::Quota;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Who the host is to the stub.
pub(super) const INSTALLATION: &str = "inst_bench00000000000";

/// What a POST means to a turn.
pub(super) enum Call {
    /// `sendMessage`.
    Open,
    /// `sendMessageDelta`, with its text.
    Delta(String),
    /// `sendMessageEnd`, with the canonical text if it has one.
    End(Option<String>),
    /// `createTask`, with the card's number.
    Card(u32),
    /// `requestApproval`, with the question's id.
    Ask(String),
}

/// The first frame.
pub(super) fn ready() -> String {
    json!({ "type": "ready", "installation_id": INSTALLATION }).to_string()
}

/// A user's message, as the wire reference shows it.
pub(super) fn update(turn: usize, slot: usize, text: &str) -> String {
    let payload = json!({
        "session": { "id": session(slot), "title": "Benchmark" },
        "message": { "id": format!("msg_user_{turn:016}"), "text": text, "attachments": [] }
    });
    frame(turn, turn, slot, "session.message", &payload)
}

/// A user's no to a question, as the update of this number. Its turn is the only one of its session.
pub(super) fn denied(number: usize, turn: usize, question: &str) -> String {
    frame(number, turn, turn, "approval.resolved", &json!({ "approval_id": question, "decision": "deny" }))
}

fn frame(number: usize, turn: usize, slot: usize, kind: &str, payload: &Value) -> String {
    json!({
        "type": "update",
        "update": {
            "update_id": update_id(number).to_string(),
            "type": kind,
            "session_id": session(slot),
            "interaction_id": interaction(turn),
            "installation_id": INSTALLATION,
            "created_at": "2026-05-05T12:34:56Z",
            "payload": payload
        }
    })
    .to_string()
}

fn session(slot: usize) -> String {
    format!("ses_{slot:016}")
}

/// The number of the update that starts a turn. They start at 1.
pub(super) fn update_id(turn: usize) -> u64 {
    turn as u64 + 1
}

/// The newest update that a frame of the host acks; nothing where it is another frame.
pub(super) fn acked(frame: &str) -> Result<Option<u64>> {
    let frame: Value = serde_json::from_str(frame).context("the host sent a frame that is not JSON")?;
    match (frame["type"].as_str(), frame["up_to_update_id"].as_str()) {
        (Some("ack"), Some(id)) => Ok(Some(id.parse().context("the host acked an update that it was never sent")?)),
        (Some("ack"), None) => bail!("the host acked without `up_to_update_id`"),
        _ => Ok(None),
    }
}

/// Reads a POST: its turn and what it means to it. Nothing for routes that a turn of this benchmark does not need.
pub(super) fn call(path: &str, body: &[u8]) -> Result<Option<(usize, Call)>> {
    let Some(route) = path.strip_prefix("/v1/bridge/") else { return Ok(None) };
    let mut body: Value =
        serde_json::from_slice(body).with_context(|| format!("{path} got a body that is not JSON"))?;
    let bubble = || turn_of(body["message_id"].as_str().and_then(|id| id.strip_prefix("msg_")), path);
    let turn = || turn_of(body["interaction_id"].as_str(), path);
    match route {
        "sendMessage" => Ok(Some((turn()?, Call::Open))),
        "createTask" => {
            let number = body["task_id"].as_str().and_then(|id| id.rsplit_once("-c")?.1.parse().ok());
            Ok(Some((turn()?, Call::Card(number.context("a card without a number")?))))
        }
        "requestApproval" => {
            Ok(Some((turn()?, Call::Ask(text(body["approval_id"].take()).context("a question without its id")?))))
        }
        "sendMessageDelta" => {
            Ok(Some((bubble()?, Call::Delta(text(body["delta"].take()).context("a delta without its text")?))))
        }
        "sendMessageEnd" => Ok(Some((bubble()?, Call::End(text(body["text"].take()))))),
        _ => Ok(None),
    }
}

/// What the stub answers to a call, as a whole HTTP response.
pub(super) fn answer(call: Option<&(usize, Call)>, quota: &Quota) -> Vec<u8> {
    let body = match call {
        Some((turn, Call::Open)) => format!(r#"{{"ok":true,"result":{{"message_id":"msg_{}"}}}}"#, interaction(*turn)),
        _ => r#"{"ok":true,"result":{}}"#.to_owned(),
    };
    response("200 OK", &quota.headers(), &body)
}

/// What the stub answers when a bucket is empty.
pub(super) fn refusal(quota: &Quota) -> Vec<u8> {
    let millis = quota.retry_after.unwrap_or_default().as_micros().div_ceil(1_000);
    let body = format!(r#"{{"ok":false,"error":{{"code":"rate_limited","retry_after_ms":{millis}}}}}"#);
    let headers = format!("{}retry-after: {}\r\n", quota.headers(), millis.div_ceil(1_000));
    response("429 Too Many Requests", &headers, &body)
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {length}");
    format!("{head}\r\n\r\n{body}").into_bytes()
}

fn interaction(turn: usize) -> String {
    format!("int_{turn:016}")
}

fn turn_of(interaction: Option<&str>, path: &str) -> Result<usize> {
    let digits = interaction.and_then(|id| id.strip_prefix("int_"));
    digits.and_then(|digits| digits.parse().ok()).with_context(|| format!("{path} names no turn of this benchmark"))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
