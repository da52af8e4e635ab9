//! The file: what a restart keeps, what is never in it, and which files are refused.

use super::*;
use crate::localcloud::persist::FileError;
use crate::localcloud::state::record::SessionState;
use crate::localcloud::state::user;
use std::path::Path;

fn reopened(chat: Chat, path: &Path, now: Millis) -> Chat {
    let Chat { mut state, by, session, interaction } = chat;
    state.close();
    let state = State::open(Some(path), now).expect("the file");
    Chat { state, by, session, interaction }
}

#[test]
fn a_restart_keeps_what_was_said_and_what_is_owed() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    let (_, token) = paired(&mut chat.state);
    let key = Key::new("i", "k", "sendMessageDelta", &json!({}));
    let bubble = chat.open(" ");
    chat.state.append(&chat.by, &bubble, "one ".into(), Some(key), NOW).expect("a delta");
    chat.state.append(&chat.by, &bubble, "two".into(), None, NOW).expect("a delta");
    let digest = body_digest("createTask", &json!({}));
    chat.state.create_task(&chat.by, chat.card("t"), CardChange::default(), digest, NOW).expect("a card");
    chat.state.file_session(&chat.session, SessionState::Archived, NOW).expect("filed");
    let (messages, me) = (chat.messages(), chat.state.me());
    assert!(matches!(State::open(Some(&path), NOW), Err(FileError::InUse)));

    let mut chat = reopened(chat, &path, NOW + 1000);
    assert_eq!((chat.messages(), chat.state.me()), (messages, me));
    assert!(chat.state.bridge_of(&token).is_ok());
    assert!(chat.state.bridge_of(&format!("{token}x")).is_err());
    assert_eq!(chat.state.connect(&chat.by, NOW + 1000).expect("a feed").replay.len(), 1);
    let again = chat.state.append(&chat.by, &bubble, "one ".into(), Some(key), NOW + 1000).expect("a repeat");
    assert_eq!(again["idempotent"], true);
    let again = chat.state.create_task(&chat.by, chat.card("t"), CardChange::default(), digest, NOW + 1000);
    assert_eq!(again.expect("a repeat")["idempotent"], true);
    chat.state.end_bubble(&chat.by, Chat::ending(&bubble, None), None, NOW).expect("an end");
    chat.state.ack(&chat.by, 1).expect("acked");

    let mut chat = reopened(chat, &path, NOW + 2000);
    assert_eq!((&chat.messages()[1]["text"], &chat.messages()[1]["state"]), (&json!("one two"), &json!("final")));
    assert_eq!(code(chat.state.append(&chat.by, &bubble, "x".into(), None, NOW)), "message_finalized");
    chat.state.send(&chat.session, say("next"), NOW + 2000).expect("sent");
    let replay = chat.state.connect(&chat.by, NOW + 2000).expect("a feed").replay;
    assert!(replay.len() == 1 && replay[0].contains("\"update_id\":\"2\""), "numbers rise across restarts");
}

#[test]
fn no_secret_is_in_the_file_in_clear() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut state = State::open(Some(&path), NOW).expect("a file");
    let (_, token) = paired(&mut state);
    let page_key = state.mint_page_key();
    let cookie = state.redeem_page_key(&page_key, NOW).expect("saved").expect("a cookie");
    assert!(state.is_cookie(&cookie, NOW) && !state.is_cookie(&cookie, NOW + user::COOKIE_AGE));
    assert!(state.redeem_page_key(&page_key, NOW).expect("nothing saved").is_none());
    state.close();
    let bytes = std::fs::read(&path).expect("the file");
    let secret = token.split_once("s_test_").expect("a token").1;
    for clear in [secret, &page_key, &cookie] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear.as_bytes()));
    }
    assert!(State::open(Some(&path), NOW).expect("the file").is_cookie(&cookie, NOW));
}

#[test]
fn a_purged_chat_cannot_be_read_out_of_the_file() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    chat.state.send(&chat.session, say(&"confidential ".repeat(2000)), NOW).expect("sent");
    let bubble = chat.open(" ");
    for _ in 0..50 {
        chat.state.append(&chat.by, &bubble, "confidential ".repeat(100), None, NOW).expect("a delta");
    }
    let holds_it = || {
        let files = std::fs::read_dir(home.path()).expect("a directory");
        files.filter_map(Result::ok).any(|file| {
            let bytes = std::fs::read(file.path()).expect("a file");
            bytes.windows(12).any(|window| window == b"confidential")
        })
    };
    assert!(holds_it());
    chat.state.delete_session(&chat.session, NOW).expect("deleted");
    chat.state.sweep(NOW + GRACE).expect("swept");
    assert!(!holds_it(), "also while the cloud is still running");
    chat.state.close();
    assert!(!holds_it());
}

#[test]
fn files_that_are_not_ours_are_refused_and_left_alone() {
    let home = tempfile::tempdir().expect("a directory");
    let open = |name: &str| State::open(Some(&home.path().join(name)), NOW).err().map(|error| error.to_string());
    std::fs::write(home.path().join("text"), "not a database, but long enough to be read as one".repeat(40))
        .expect("text");
    assert!(open("text").expect("an error").contains("not a database"));
    assert!(open("no/such/directory").is_some());
    let foreign = rusqlite::Connection::open(home.path().join("foreign")).expect("a database");
    foreign.execute_batch("CREATE TABLE t (a)").expect("a table");
    drop(foreign);
    assert_eq!(open("foreign").as_deref(), Some("it belongs to another program"));
    State::open(Some(&home.path().join("newer")), NOW).expect("a file").close();
    let newer = rusqlite::Connection::open(home.path().join("newer")).expect("a database");
    newer.pragma_update(None, "user_version", 3).expect("a version");
    drop(newer);
    assert!(open("newer").expect("an error").contains("newer version"));
}
