//! The verbs of the state, without a server: what they refuse, what they remember, what a restart keeps.

mod approval;
mod card;
mod file;
mod installation;
mod old;
mod room;

use super::record::{Card, CardChange, Ending, Opening, Say, TaskState};
use super::repeat::{Key, body_digest};
use super::*;
use crate::localcloud::refusal::Refusal;
use crate::protocol::{FinishReason, ThoughtLevel};
use serde_json::json;

const NOW: Millis = 1_777_984_496_789;

struct Chat {
    state: State,
    by: InstallationId,
    session: SessionId,
    interaction: InteractionId,
}

fn say(text: &str) -> Say {
    let text = text.to_owned();
    Say { text, attachments: Vec::new(), reply_to: None, thought_level: ThoughtLevel::Default, trace: None }
}

fn paired(state: &mut State) -> (InstallationId, String) {
    let started = state.start_pairing("echo".to_owned(), None, NOW);
    state.claim(&started.code, NOW).expect("a claim");
    match state.poll_token(&started.poll_token, NOW).expect("a poll") {
        Polled::Paired { installation_id, token } => (installation_id, token),
        _ => panic!("not paired"),
    }
}

fn chat_in(mut state: State) -> Chat {
    let (by, _) = paired(&mut state);
    let session = state.create_session(None, None, NOW).expect("a session");
    let session = SessionId::try_from(session["session_id"].as_str().expect("an id")).expect("an id");
    let (interaction, _) = state.send(&session, say("hello"), NOW).expect("sent");
    Chat { state, by, session, interaction }
}

fn chat() -> Chat {
    chat_in(State::open(None, NOW).expect("a state"))
}

impl Chat {
    fn opening(&self, text: &str) -> Opening {
        Opening {
            session_id: self.session.clone(),
            interaction_id: Some(self.interaction.clone()),
            text: text.to_owned(),
            attachments: Vec::new(),
            reply_to: None,
            usage: None,
        }
    }

    fn open(&mut self, text: &str) -> MessageId {
        let opening = self.opening(text);
        let result = self.state.open_bubble(&self.by, opening, None, NOW).expect("a bubble");
        MessageId::try_from(result["message_id"].as_str().expect("an id")).expect("an id")
    }

    fn ending(message_id: &MessageId, text: Option<&str>) -> Ending {
        let (message_id, text) = (message_id.clone(), text.map(str::to_owned));
        Ending { message_id, text, usage: None, finish_reason: Some(FinishReason::Stop) }
    }

    fn card(&self, task_id: &str) -> Card {
        Card {
            session_id: self.session.clone(),
            interaction_id: self.interaction.clone(),
            task_id: crate::protocol::TaskId::try_from(task_id).expect("an id"),
        }
    }

    fn messages(&self) -> Vec<Value> {
        self.state.messages(&self.session, None, 500).expect("messages")
    }
}

fn code<T>(result: Result<T, Refusal>) -> &'static str {
    result.err().map_or("ok", |refusal| refusal.code().1)
}

#[test]
fn a_bridge_cannot_write_where_it_may_not() {
    let mut chat = chat();
    let bubble = chat.open(" ");
    let (other, _) = paired(&mut chat.state);
    assert_eq!(code(chat.state.open_bubble(&other, chat.opening("x"), None, NOW)), "permission_denied");
    assert_eq!(code(chat.state.append(&other, &bubble, "x".into(), None, NOW)), "permission_denied");
    let mut opening = chat.opening("x");
    opening.interaction_id = Some("int_other".try_into().expect("an id"));
    assert_eq!(code(chat.state.open_bubble(&chat.by, opening, None, NOW)), "interaction_not_found");
    let mut opening = chat.opening("x");
    opening.session_id = "ses_other".try_into().expect("an id");
    assert_eq!(code(chat.state.open_bubble(&chat.by, opening, None, NOW)), "session_not_found");
    let mut opening = chat.opening("x");
    opening.reply_to = Some("msg_other".try_into().expect("an id"));
    assert_eq!(code(chat.state.open_bubble(&chat.by, opening, None, NOW)), "message_not_found");
    let of_user = MessageId::try_from(chat.messages()[0]["message_id"].as_str().expect("an id")).expect("an id");
    assert_eq!(code(chat.state.append(&chat.by, &of_user, "x".into(), None, NOW)), "permission_denied");
}

#[test]
fn the_followup_window_closes_for_beginnings_but_what_is_open_can_end() {
    let mut chat = chat();
    let bubble = chat.open(" ");
    let late = NOW + FOLLOWUP + 1;
    assert_eq!(code(chat.state.open_bubble(&chat.by, chat.opening("x"), None, late)), "interaction_expired");
    let digest = body_digest("createTask", &json!({}));
    let change = CardChange::default();
    assert_eq!(code(chat.state.create_task(&chat.by, chat.card("t"), change, digest, late)), "interaction_expired");
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".into(), None, late)), "ok");
    assert_eq!(code(chat.state.end_bubble(&chat.by, Chat::ending(&bubble, None), None, late)), "ok");
}

#[test]
fn an_ended_bubble_takes_nothing_more() {
    let mut chat = chat();
    let bubble = chat.open("");
    let key = Key::new("i", "end", "sendMessageEnd", &json!({}));
    chat.state.append(&chat.by, &bubble, "streamed".into(), None, NOW).expect("a delta");
    chat.state.end_bubble(&chat.by, Chat::ending(&bubble, None), Some(key), NOW).expect("an end");
    assert_eq!(chat.messages()[1]["text"], "streamed");
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".into(), None, NOW)), "message_finalized");
    assert_eq!(code(chat.state.end_bubble(&chat.by, Chat::ending(&bubble, None), None, NOW)), "message_finalized");
    let again = chat.state.end_bubble(&chat.by, Chat::ending(&bubble, None), Some(key), NOW).expect("a repeat");
    assert_eq!(again, json!({ "idempotent": true }));
}

#[test]
fn a_bubble_opened_with_its_text_is_final_and_can_still_stream() {
    let mut chat = chat();
    let bubble = chat.open("whole");
    assert_eq!(chat.messages()[1]["state"], "final");
    chat.state.append(&chat.by, &bubble, "?".into(), None, NOW).expect("a delta");
    assert_eq!((&chat.messages()[1]["state"], &chat.messages()[1]["text"]), (&json!("streaming"), &json!("whole?")));
    chat.state.end_bubble(&chat.by, Chat::ending(&bubble, Some("canonical")), None, NOW).expect("an end");
    assert_eq!(chat.messages()[1]["text"], "canonical");
}

#[test]
fn cards_belong_to_the_bubble_of_their_interaction_also_when_they_come_first() {
    let mut chat = chat();
    let digest = |n: u8| body_digest("createTask", &json!({ "n": n }));
    let change = || CardChange { kind: Some("bash".into()), ..CardChange::default() };
    chat.state.create_task(&chat.by, chat.card("early"), change(), digest(1), NOW).expect("a card");
    assert_eq!(chat.messages().len(), 1);
    let bubble = chat.open(" ");
    chat.state.append(&chat.by, &bubble, "a🦀é".into(), None, NOW).expect("a delta");
    chat.state.create_task(&chat.by, chat.card("late"), change(), digest(2), NOW).expect("a card");
    let tasks = chat.messages()[1]["tasks"].clone();
    assert_eq!((&tasks[0]["task_id"], &tasks[0]["offset"]), (&json!("early"), &json!(0)));
    assert_eq!((&tasks[1]["task_id"], &tasks[1]["offset"]), (&json!("late"), &json!(4)));
    assert_eq!(tasks[0]["message_id"], json!(bubble));
    let again = chat.state.create_task(&chat.by, chat.card("late"), change(), digest(2), NOW).expect("a repeat");
    assert_eq!(again["idempotent"], true);
    let other = chat.state.create_task(&chat.by, chat.card("late"), change(), digest(3), NOW);
    assert_eq!(code(other), "idempotency_conflict");
}

#[test]
fn a_finished_card_takes_no_progress_and_only_its_own_finish() {
    let mut chat = chat();
    let card = || CardChange { status: Some(TaskState::Failed), error: Some("no".into()), ..CardChange::default() };
    let half = || CardChange { progress_percent: Some(50), ..CardChange::default() };
    chat.state.update_task(&chat.by, chat.card("t"), half(), None, NOW).expect("an upsert");
    let same = chat.state.update_task(&chat.by, chat.card("t"), half(), None, NOW).expect("a repeat");
    assert_eq!(same["idempotent"], true);
    let (first, other) = (body_digest("finishTask", &json!(1)), body_digest("finishTask", &json!(2)));
    chat.state.finish_task(&chat.by, chat.card("t"), card(), first, NOW).expect("finished");
    let again = chat.state.finish_task(&chat.by, chat.card("t"), card(), first, NOW).expect("a repeat");
    assert_eq!(again["idempotent"], true);
    assert_eq!(code(chat.state.finish_task(&chat.by, chat.card("t"), card(), other, NOW)), "idempotency_conflict");
    let more = CardChange { progress_percent: Some(51), ..CardChange::default() };
    assert_eq!(code(chat.state.update_task(&chat.by, chat.card("t"), more, None, NOW)), "task_finished");
}

#[test]
fn updates_wait_five_minutes_and_are_acked_cumulatively() {
    let mut chat = chat();
    chat.state.send(&chat.session, say("two"), NOW + 1).expect("sent");
    chat.state.cancel(&chat.session, None, NOW + 2).expect("cancelled");
    let replay = |state: &mut State, by: &InstallationId, now| state.connect(by, now).expect("a feed").replay;
    assert_eq!(replay(&mut chat.state, &chat.by, NOW + 3).len(), 3);
    chat.state.ack(&chat.by, 99).expect("ignored");
    assert_eq!(replay(&mut chat.state, &chat.by, NOW + 3).len(), 3);
    chat.state.ack(&chat.by, 2).expect("acked");
    let left = replay(&mut chat.state, &chat.by, NOW + 3);
    let update: Value = serde_json::from_str(&left[0]).expect("json");
    assert_eq!((&update["update"]["update_id"], &update["update"]["type"]), (&json!("3"), &json!("session.cancelled")));
    assert_eq!(update["update"]["created_at"], "2026-05-05T12:34:56.791Z");
    assert!(replay(&mut chat.state, &chat.by, NOW + 2 + line::MAX_AGE).is_empty());
}

#[test]
fn a_bridge_that_acks_nothing_makes_the_user_wait_and_loses_nothing() {
    let mut chat = chat();
    for _ in 1..1000 {
        chat.state.cancel(&chat.session, None, NOW).expect("room");
    }
    let before = chat.messages().len();
    assert_eq!(code(chat.state.send(&chat.session, say("more"), NOW)), "temporarily_unavailable");
    assert_eq!(chat.messages().len(), before);
    assert_eq!(code(chat.state.send(&chat.session, say("more"), NOW + line::MAX_AGE)), "ok");
}

#[test]
fn a_slow_bridge_is_cut_off_and_gets_all_of_it_when_it_redials() {
    let mut chat = chat();
    let mut feed = chat.state.connect(&chat.by, NOW).expect("a feed");
    for _ in 0..300 {
        chat.state.cancel(&chat.session, None, NOW).expect("room");
    }
    assert_eq!(feed.close.try_recv(), Ok(Close::Slow));
    assert_eq!(chat.state.me()["installations"][0]["online"], false);
    assert_eq!(chat.state.connect(&chat.by, NOW).expect("a feed").replay.len(), 301);
}

#[test]
fn pairing_codes_die_and_are_used_once() {
    let mut state = State::open(None, NOW).expect("a state");
    assert_eq!(code(state.claim("NOSUCH1", NOW)), "pairing_not_found");
    let started = state.start_pairing("echo".to_owned(), None, NOW);
    assert_eq!(code(state.claim(&started.code, NOW + 120_000)), "pairing_expired");
    assert!(matches!(state.poll_token(&started.poll_token, NOW + 120_000), Ok(Polled::Expired)));
    state.claim(&started.code.to_lowercase(), NOW).expect("codes are typed in any case");
    assert_eq!(code(state.claim(&started.code, NOW)), "pairing_consumed");
    assert!(matches!(state.poll_code(&started.code, NOW), Ok(Polled::Paired { .. })));
    assert_eq!(code(state.poll_token(&started.poll_token, NOW)), "pairing_consumed");
}

#[test]
fn a_deleted_session_is_gone_for_a_day_and_then_forgotten() {
    let mut chat = chat();
    let bubble = chat.open(" ");
    chat.state.delete_session(&chat.session, NOW).expect("deleted");
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".into(), None, NOW)), "session_deleted");
    assert_eq!(code(chat.state.send(&chat.session, say("x"), NOW)), "session_deleted");
    assert!(chat.state.sessions(None).is_empty());
    chat.state.sweep(NOW + GRACE).expect("swept");
    assert_eq!(code(chat.state.send(&chat.session, say("x"), NOW)), "session_not_found");
    assert!(chat.state.places.is_empty());
}
