//! The forms of the bodies: each function reads one route's body into what the state takes.

use crate::localcloud::refusal::Refusal;
use crate::localcloud::state::record::{Card, CardChange, Ending, Opening, Say, TaskState};
use crate::localcloud::validate::{Form, MAX_INTEGER};
use crate::protocol::{Attachment, MAX_TEXT, TaskStatus, ThoughtLevel, Usage};
use serde_json::Value;

/// Bytes of a label, a title or another line for people.
pub(super) const MAX_LINE: usize = 1000;
/// Bytes of an idempotency key. The documents say 64; clients in the field send longer ones.
pub(super) const MAX_KEY: usize = 400;
/// Bytes of a card's arguments or result as compact JSON: the protocol's 100,000, and some slack for JSON that the
/// client writes shorter than this cloud does (a number in another form).
const MAX_TASK_JSON: usize = 110_000;
/// Attachments of one message.
const MAX_ATTACHMENTS: usize = 20;
/// Bytes of one attachment, which this cloud does not store.
const MAX_ATTACHMENT: u64 = 26_214_400;

fn attachments(form: &mut Form<'_>) -> Vec<Attachment> {
    form.list("attachments", MAX_ATTACHMENTS, |item| {
        let (key, mime) = (item.line("key", 1..=MAX_LINE), item.line("mime", 1..=MAX_LINE));
        let size = item.integer("size", MAX_ATTACHMENT);
        let name = item.line("name", 0..=MAX_LINE).map(str::to_owned);
        let (key, mime) = (item.required("key", key), item.required("mime", mime));
        let size = item.required("size", size);
        Some(Attachment { key: key?.to_owned(), mime: mime?.to_owned(), size: size?, name })
    })
}

fn usage(form: &mut Form<'_>) -> Option<Usage> {
    form.object("usage", |usage| {
        let input = usage.integer("input_tokens", MAX_INTEGER);
        let output = usage.integer("output_tokens", MAX_INTEGER);
        let (input, output) = (usage.required("input_tokens", input), usage.required("output_tokens", output));
        let estimated_cost_usd = usage.amount("estimated_cost_usd");
        let model = usage.line("model", 0..=MAX_LINE).map(str::to_owned);
        let provider = usage.line("provider", 0..=MAX_LINE).map(str::to_owned);
        Some(Usage { input_tokens: input?, output_tokens: output?, estimated_cost_usd, model, provider })
    })
}

fn required_text(form: &mut Form<'_>, name: &str) -> Option<String> {
    let text = form.text(name, 0..=MAX_TEXT);
    form.required(name, text).map(str::to_owned)
}

pub(super) fn required_id<T: TryFrom<String>>(form: &mut Form<'_>, name: &str) -> Option<T> {
    let id = form.id(name);
    form.required(name, id)
}

/// The key, as it came, of a body whose other fields are read elsewhere.
fn key(form: &mut Form<'_>) -> Option<String> {
    form.text("idempotency_key", 1..=MAX_KEY).map(str::to_owned)
}

/// `sendMessage`.
pub(super) fn opening(body: &Value) -> Result<(Opening, Option<String>), Refusal> {
    let mut form = Form::of(body)?;
    let (session_id, interaction_id) = (required_id(&mut form, "session_id"), form.id("interaction_id"));
    let (text, attachments) = (required_text(&mut form, "text"), attachments(&mut form));
    let (reply_to, usage, key) = (form.id("reply_to"), usage(&mut form), key(&mut form));
    let all = session_id.zip(text).map(|(session_id, text)| Opening {
        session_id,
        interaction_id,
        text,
        attachments,
        reply_to,
        usage,
    });
    Ok((form.finish(all)?, key))
}

/// `sendMessageDelta`: bubble, text and key.
pub(super) fn delta<T: TryFrom<String>>(body: &Value) -> Result<(T, String, Option<String>), Refusal> {
    let mut form = Form::of(body)?;
    let (message, delta, key) =
        (required_id(&mut form, "message_id"), required_text(&mut form, "delta"), key(&mut form));
    let (message, delta) = form.finish(message.zip(delta))?;
    Ok((message, delta, key))
}

/// `sendMessageEnd`.
pub(super) fn ending(body: &Value) -> Result<(Ending, Option<String>), Refusal> {
    let mut form = Form::of(body)?;
    let message_id = required_id(&mut form, "message_id");
    let text = form.text("text", 0..=MAX_TEXT).map(str::to_owned);
    let (usage, key) = (usage(&mut form), key(&mut form));
    let finish_reason = form.name_of("finish_reason", "'stop' | 'length' | 'content_filter' | 'tool_call'");
    let all = message_id.map(|message_id| Ending { message_id, text, usage, finish_reason });
    Ok((form.finish(all)?, key))
}

/// `createTask`, `updateTask` and `finishTask`, whose fields are one set.
pub(super) fn task(body: &Value, route: TaskRoute) -> Result<(Card, CardChange, Option<String>), Refusal> {
    let mut form = Form::of(body)?;
    let session_id = required_id(&mut form, "session_id");
    let interaction_id = required_id(&mut form, "interaction_id");
    let task_id = required_id(&mut form, "task_id");
    let (change, key) = match route {
        TaskRoute::Create => (created(&mut form), None),
        TaskRoute::Update => (updated(&mut form), key(&mut form)),
        TaskRoute::Finish => (finished(&mut form), None),
    };
    let card = session_id.zip(interaction_id).zip(task_id).map(|((session_id, interaction_id), task_id)| Card {
        session_id,
        interaction_id,
        task_id,
    });
    let (card, change) = form.finish(card.zip(change))?;
    Ok((card, change, key))
}

/// Which of the three task routes a body is for.
#[derive(Clone, Copy)]
pub(super) enum TaskRoute {
    Create,
    Update,
    Finish,
}

fn label(form: &mut Form<'_>) -> Option<String> {
    form.text("status_label", 0..=MAX_LINE).map(str::to_owned)
}

fn created(form: &mut Form<'_>) -> Option<CardChange> {
    let kind = form.line("kind", 1..=MAX_LINE);
    let kind = form.required("kind", kind).map(str::to_owned);
    let (status_label, args) = (label(form), form.json("args", MAX_TASK_JSON).cloned());
    kind.is_some().then(|| CardChange { kind, status_label, args, ..CardChange::default() })
}

fn updated(form: &mut Form<'_>) -> Option<CardChange> {
    let progress = form.integer("progress_percent", 100);
    Some(CardChange {
        progress_percent: progress.and_then(|percent| u8::try_from(percent).ok()),
        status_label: label(form),
        partial_result: form.json("partial_result", MAX_TASK_JSON).cloned(),
        ..CardChange::default()
    })
}

fn finished(form: &mut Form<'_>) -> Option<CardChange> {
    let status = form.name_of("status", "'completed' | 'failed' | 'cancelled'");
    let status = form.required("status", status).map(|status| match status {
        TaskStatus::Completed => TaskState::Completed,
        TaskStatus::Failed => TaskState::Failed,
        TaskStatus::Cancelled => TaskState::Cancelled,
    });
    let error = form.text("error", 0..=MAX_TEXT).map(str::to_owned);
    let (status_label, result) = (label(form), form.json("result", MAX_TASK_JSON).cloned());
    status.is_some().then(|| CardChange { status, status_label, error, result, ..CardChange::default() })
}

/// `/v1/me/sessions/:id/send`.
pub(super) fn say(body: &Value) -> Result<Say, Refusal> {
    let mut form = Form::of(body)?;
    let text = form.text("text", 0..=MAX_TEXT);
    let text = form.required("text", text).map(str::to_owned);
    let attachments = attachments(&mut form);
    if attachments.is_empty() && text.as_deref().is_some_and(|text| text.trim().is_empty()) {
        form.refuse("text", "too_small", "String must contain at least 1 character(s)".to_owned());
    }
    let (reply_to, thought_level) = (form.id("reply_to"), thought_level(&mut form));
    let all = text.map(|text| Say { text, attachments, reply_to, thought_level, trace: None });
    form.finish(all)
}

/// Read by name: the shared type takes every unknown name for the default, as a reader of updates should.
fn thought_level(form: &mut Form<'_>) -> ThoughtLevel {
    match form.text("thought_level", 0..=MAX_LINE) {
        None | Some("default") => ThoughtLevel::Default,
        Some("extended") => ThoughtLevel::Extended,
        Some("max") => ThoughtLevel::Max,
        Some(_) => {
            let message = "Invalid enum value. Expected 'default' | 'extended' | 'max'".to_owned();
            form.refuse("thought_level", "invalid_enum_value", message);
            ThoughtLevel::Default
        }
    }
}

/// A title or name that may be null: `None` when the field is absent.
pub(super) fn name(form: &mut Form<'_>, name: &str, max: usize) -> Option<Option<String>> {
    form.has(name).then(|| form.line(name, 0..=max).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_card_shows_may_be_as_long_as_the_protocol_says_and_a_little_longer() {
        for (route, field) in
            [(TaskRoute::Create, "args"), (TaskRoute::Update, "partial_result"), (TaskRoute::Finish, "result")]
        {
            let read = |bytes: usize| {
                let mut body = json!({
                    "session_id": "ses_a", "interaction_id": "int_a", "task_id": "t", "kind": "k", "status": "failed",
                });
                body[field] = json!("x".repeat(bytes - 2));
                task(&body, route).is_ok()
            };
            assert!(read(100_000) && read(110_000), "{field}");
            assert!(!read(110_001), "{field}");
        }
    }
}
