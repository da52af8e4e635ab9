//! What a cloud that is full, or nearly, still takes, and what counts.

use super::*;
use crate::localcloud::state::bubble::MAX_STREAMED;
use crate::protocol::{Attachment, Usage};

fn attachment(name: &str) -> Attachment {
    Attachment { key: "u/1".into(), mime: "text/plain".into(), size: 1, name: Some(name.into()) }
}

fn card(kind: &str, bytes: usize) -> CardChange {
    CardChange { kind: Some(kind.into()), args: Some(json!("x".repeat(bytes))), ..CardChange::default() }
}

#[test]
fn a_full_cloud_lets_what_is_open_end() {
    let mut chat = chat();
    let (bubble, digest) = (chat.open(" "), body_digest("t", &json!({})));
    chat.state.append(&chat.by, &bubble, "streamed".repeat(1000), None, NOW).expect("a delta");
    chat.state.create_task(&chat.by, chat.card("t"), card("bash", 1000), digest, NOW).expect("a card");
    chat.state.bytes = MAX_BYTES;
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".into(), None, NOW)), "payload_too_large");
    assert_eq!(code(chat.state.open_bubble(&chat.by, chat.opening("x"), None, NOW)), "payload_too_large");
    let longer = "streamed".repeat(1000) + "!";
    let end = Chat::ending(&bubble, Some(&longer));
    assert_eq!(code(chat.state.end_bubble(&chat.by, end, None, NOW)), "payload_too_large");
    let done = || CardChange { status: Some(TaskState::Completed), ..CardChange::default() };
    let grown = CardChange { result: Some(json!("more")), ..done() };
    assert_eq!(code(chat.state.finish_task(&chat.by, chat.card("t"), grown, digest, NOW)), "payload_too_large");
    // A file that was written when less was counted may hold more than this cloud would take.
    chat.state.bytes = MAX_BYTES + 1;
    assert_eq!(code(chat.state.finish_task(&chat.by, chat.card("t"), done(), digest, NOW)), "ok");
    let end = Chat::ending(&bubble, Some(&longer[1..]));
    assert_eq!(code(chat.state.end_bubble(&chat.by, end, None, NOW)), "ok");
}

#[test]
fn attachments_and_usage_count() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    let before = chat.state.bytes;
    let mut opening = chat.opening("x");
    opening.attachments = vec![attachment(&"n".repeat(1000))];
    let result = chat.state.open_bubble(&chat.by, opening, None, NOW).expect("a bubble");
    let with = Say { attachments: vec![attachment(&"n".repeat(1000))], ..say("y") };
    chat.state.send(&chat.session, with, NOW).expect("sent");
    assert!(chat.state.bytes > before + 2000, "{}", chat.state.bytes);
    let message_id = result["message_id"].as_str().expect("an id").try_into().expect("an id");
    let model = Some("m".repeat(1000));
    let usage = Usage { input_tokens: 1, output_tokens: 1, estimated_cost_usd: None, model, provider: None };
    let end = Ending { message_id, text: None, usage: Some(usage), finish_reason: None };
    chat.state.end_bubble(&chat.by, end, None, NOW).expect("an end");
    let bytes = chat.state.bytes;
    assert!(bytes > before + 3000, "{bytes}");
    chat.state.close();
    let mut state = State::open(Some(&path), NOW).expect("the file");
    assert_eq!(state.bytes, bytes, "a restart counts the same");
    state.delete_session(&chat.session, NOW).expect("deleted");
    assert_eq!(state.bytes, 0);
}

#[test]
fn a_text_grows_as_long_as_an_agent_may_speak_and_no_longer() {
    let mut chat = chat();
    let bubble = chat.open(" ");
    let piece = 64_000;
    for _ in 0..MAX_STREAMED / piece {
        chat.state.append(&chat.by, &bubble, "x".repeat(piece), None, NOW).expect("a delta");
    }
    assert!(chat.state.bytes > 16 << 20, "{}", chat.state.bytes);
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".repeat(piece), None, NOW)), "payload_too_large");
    assert_eq!(chat.state.bytes, "hello".len() + MAX_STREAMED / piece * piece);
    chat.state.delete_session(&chat.session, NOW).expect("deleted");
    assert_eq!(chat.state.bytes, 0);
}

#[test]
fn an_interaction_has_a_thousand_cards_and_no_more() {
    let mut chat = chat();
    for n in 0..1000_usize {
        let digest = body_digest("createTask", &json!(n));
        let change = card("bash", 1);
        chat.state.create_task(&chat.by, chat.card(&n.to_string()), change, digest, NOW).expect("a card");
    }
    let one_more = chat.state.update_task(&chat.by, chat.card("more"), card("bash", 1), None, NOW);
    assert_eq!(code(one_more), "payload_too_large");
}

#[test]
fn who_has_too_many_messages_is_told_what_helps() {
    let mut chat = chat();
    for n in 0..MAX_MESSAGES {
        let id = MessageId::try_from(format!("msg_{n}")).expect("an id");
        chat.state.places.insert(id, (chat.session.clone(), 0));
    }
    let refused = chat.state.send(&chat.session, say("x"), NOW).expect_err("a refusal").to_string();
    // The messages of a deleted session count for another day, so deleting one does not help.
    assert!(refused.contains("200000 messages") && !refused.contains("delete"), "{refused}");
}
