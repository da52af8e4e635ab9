//! Cards and bubbles whose requests come in an odd order, or late.

use super::*;
use crate::localcloud::state::stream::Subscription;

fn created() -> CardChange {
    let (kind, status_label) = (Some("bash".to_owned()), Some("ls".to_owned()));
    CardChange { kind, status_label, args: Some(json!({ "command": "ls" })), ..CardChange::default() }
}

fn half() -> CardChange {
    CardChange { progress_percent: Some(50), ..CardChange::default() }
}

fn done() -> CardChange {
    CardChange { status: Some(TaskState::Completed), ..CardChange::default() }
}

/// The event that came last: its name and data.
fn last(events: &mut Subscription) -> (String, Value) {
    let mut newest = None;
    while let Ok(frame) = events.live.try_recv() {
        newest = Some(String::from_utf8_lossy(&frame).into_owned());
    }
    let frame = newest.expect("an event");
    let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
    (field("event: ").to_owned(), serde_json::from_str(field("data: ")).expect("JSON"))
}

#[test]
fn a_card_that_was_updated_or_finished_first_can_still_be_created() {
    let mut chat = chat();
    chat.open(" ");
    let digest = |n: u8| body_digest("createTask", &json!(n));
    let end = body_digest("finishTask", &json!({}));
    let mut events = chat.state.subscribe(None, NOW).expect("a place");
    chat.state.update_task(&chat.by, chat.card("a"), half(), None, NOW).expect("an upsert");
    chat.state.finish_task(&chat.by, chat.card("b"), done(), end, NOW).expect("an upsert");
    for (id, event, status) in [("a", "task_progress", "running"), ("b", "task_completed", "completed")] {
        let first = chat.state.create_task(&chat.by, chat.card(id), created(), digest(1), NOW).expect("adopted");
        assert_eq!(first, json!({ "task_id": id }));
        let (name, card) = last(&mut events);
        assert_eq!((name.as_str(), &card["status"]), (event, &json!(status)));
        assert_eq!((&card["kind"], &card["args"]["command"]), (&json!("bash"), &json!("ls")));
        assert_eq!(card["status_label"], "ls");
        let again = chat.state.create_task(&chat.by, chat.card(id), created(), digest(1), NOW).expect("a repeat");
        assert_eq!(again["idempotent"], true);
        let other = chat.state.create_task(&chat.by, chat.card(id), created(), digest(2), NOW);
        assert_eq!(code(other), "idempotency_conflict");
    }
    assert_eq!(chat.messages()[1]["tasks"][0]["progress_percent"], 50);
}

#[test]
fn no_route_begins_a_card_after_the_followup_window() {
    let mut chat = chat();
    let (digest, late) = (body_digest("finishTask", &json!({})), NOW + FOLLOWUP + 1);
    chat.state.update_task(&chat.by, chat.card("open"), half(), None, NOW).expect("an upsert");
    let updated = chat.state.update_task(&chat.by, chat.card("new"), half(), None, late);
    assert_eq!(code(updated), "interaction_expired");
    let finished = chat.state.finish_task(&chat.by, chat.card("new"), done(), digest, late);
    assert_eq!(code(finished), "interaction_expired");
    assert_eq!(code(chat.state.finish_task(&chat.by, chat.card("open"), done(), digest, late)), "ok");
}

#[test]
fn an_update_that_changes_nothing_keeps_its_key() {
    let mut chat = chat();
    let key = |n: u8| Some(Key::new("i", "k", "updateTask", &json!(n)));
    chat.state.update_task(&chat.by, chat.card("t"), half(), None, NOW).expect("an upsert");
    let first = chat.state.update_task(&chat.by, chat.card("t"), half(), key(1), NOW).expect("nothing changed");
    assert_eq!(first, json!({ "task_id": "t" }));
    let again = chat.state.update_task(&chat.by, chat.card("t"), half(), key(1), NOW).expect("a repeat");
    assert_eq!(again["idempotent"], true);
    let other = chat.state.update_task(&chat.by, chat.card("t"), done(), key(2), NOW);
    assert_eq!(code(other), "idempotency_conflict");
}

#[test]
fn a_bubble_that_was_whole_is_shown_again_when_it_streams() {
    let mut chat = chat();
    let bubble = chat.open("Hi");
    let mut events = chat.state.subscribe(None, NOW).expect("a place");
    chat.state.append(&chat.by, &bubble, " there".into(), None, NOW).expect("a delta");
    let (name, view) = last(&mut events);
    assert_eq!((name.as_str(), &view["text"]), ("message_added", &json!("Hi there")));
    assert_eq!((&view["state"], &view["message_id"]), (&json!("streaming"), &json!(bubble)));
    chat.state.append(&chat.by, &bubble, "!".into(), None, NOW).expect("a delta");
    let (name, data) = last(&mut events);
    assert_eq!((name.as_str(), &data["delta"]), ("message_delta", &json!("!")));
    assert_eq!(data["interaction_id"], json!(chat.interaction));
    assert_eq!(chat.messages()[1]["text"], "Hi there!");
}

#[test]
fn a_session_without_a_named_agent_is_at_the_newest_that_has_its_token() {
    let mut chat = chat();
    let waiting = chat.state.start_pairing("echo".to_owned(), None, NOW);
    let claimed = chat.state.claim(&waiting.code, NOW).expect("a claim");
    let session = chat.state.create_session(None, None, NOW).expect("a session");
    assert_eq!(session["installation_id"], json!(chat.by));
    assert!(matches!(chat.state.poll_token(&waiting.poll_token, NOW), Ok(Polled::Paired { .. })));
    let session = chat.state.create_session(None, None, NOW).expect("a session");
    assert_eq!(session["installation_id"], claimed["installation_id"]);
}
