//! The store over restarts, repeats, and files that are not ours.

use super::*;
use crate::protocol::{SessionId, UpdateId, UserMessage};
use crate::store::Speaker;
use std::os::unix::fs::PermissionsExt as _;

fn message(session: &str, number: u32) -> UserMessage {
    UserMessage {
        message: Some(format!("msg_{number}").try_into().expect("an id")),
        text: format!("question {number}"),
        ..UserMessage::example(session, &format!("int_{number}"))
    }
}

fn update(number: u32) -> UpdateId {
    UpdateId::try_from(number.to_string()).expect("an id")
}

async fn receive(store: &Store, number: u32, message: Option<UserMessage>) {
    store.receive(update(number), message, 1_000).await.await.expect("queued").expect("recorded");
}

#[tokio::test]
async fn what_was_received_is_there_after_a_restart_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.db");
    let store = Store::open(&file).expect("opens");
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 2, Some(message("ses_1", 1))).await;
    receive(&store, 3, Some(message("ses_1", 2))).await;
    store.finish(&message("ses_1", 1), "answer".into(), 2_000).await.expect("recorded");
    drop(store);

    let store = Store::open(&file).expect("opens again");
    assert_eq!(store.unfinished().await.expect("read"), [message("ses_1", 2)]);
    let recent = store.recent().await.expect("read");
    assert_eq!(recent.updates, [update(1), update(2), update(3)]);
    assert_eq!(recent.turns.len(), 2);
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn only_the_last_ten_thousand_updates_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db")).expect("opens");
    let mut last = None;
    for number in 0..10_050 {
        last = Some(store.receive(update(number), None, 0).await);
    }
    last.expect("some").await.expect("queued").expect("recorded");
    let recent = store.recent().await.expect("read");
    assert_eq!((recent.updates.len(), recent.updates[0].clone()), (10_000, update(50)));
}

#[tokio::test]
async fn old_turns_are_forgotten_but_not_one_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db")).expect("opens");
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 2, Some(message("ses_1", 2))).await;
    store.finish(&message("ses_1", 1), "answer".into(), 2_000).await.expect("recorded");
    // As if 100,000 had come since.
    let jump = |connection: &Connection| connection.execute("UPDATE sqlite_sequence SET seq = seq + 100000", []);
    store.run(jump).await.expect("done");
    receive(&store, 3, Some(message("ses_1", 3))).await;
    assert_eq!(store.recent().await.expect("read").turns.len(), 2);
    assert_eq!(store.unfinished().await.expect("read"), [message("ses_1", 2), message("ses_1", 3)]);
}

#[tokio::test]
async fn history_is_the_sessions_own_bounded_and_newest_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db")).expect("opens");
    for number in 1..=4 {
        let session = if number == 2 { "ses_other" } else { "ses_1" };
        receive(&store, number, Some(message(session, number))).await;
        if number < 4 {
            store.finish(&message(session, number), format!("answer {number}"), 2_000).await.expect("recorded");
        }
    }
    let history = store.history(&message("ses_1", 4), 3, 1_000).await.expect("read");
    let texts: Vec<(&str, Speaker)> = history.iter().map(|said| (said.text.as_str(), said.by)).collect();
    assert_eq!(texts, [("answer 1", Speaker::Agent), ("question 3", Speaker::User), ("answer 3", Speaker::Agent)]);
    let short = store.history(&message("ses_1", 4), 10, 20).await.expect("read");
    assert_eq!(short.len(), 2, "8 + 10 bytes fit into 20, the next 8 do not: {short:?}");
    assert!(store.history(&message("ses_1", 4), 0, 1_000).await.expect("read").is_empty());
}

#[tokio::test]
async fn the_choice_of_an_agent_lasts() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db")).expect("opens");
    let session = SessionId::try_from("ses_1").expect("an id");
    assert_eq!(store.agent_of(&session).await.expect("read"), None);
    store.choose_agent(&session, "echo").await.expect("recorded");
    store.choose_agent(&session, "other").await.expect("recorded");
    assert_eq!(store.agent_of(&session).await.expect("read").as_deref(), Some("other"));
}

#[test]
fn files_that_are_not_ours_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let newer = folder.path().join("newer.db");
    let connection = Connection::open(&newer).expect("opens");
    connection
        .execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 99;"))
        .expect("set");
    drop(connection);
    assert!(matches!(Store::open(&newer), Err(StoreError::Newer { found: 99, .. })));

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).expect("opens").execute_batch("PRAGMA user_version = 3;").expect("set");
    assert!(matches!(Store::open(&foreign), Err(StoreError::Foreign { .. })));

    let damaged = folder.path().join("damaged.db");
    std::fs::write(&damaged, [b'x'; 8_192]).expect("written");
    assert!(matches!(Store::open(&damaged), Err(StoreError::Open { .. })));
}
