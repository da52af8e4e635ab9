//! The store over restarts, repeats, and files that are not ours.

use super::*;
use crate::protocol::{Outgoing, SendMessageDelta, SessionId, UpdateId, UserMessage};
use crate::store::{Brought, Entry, Speaker, Unfinished};
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
    let brought = message.map_or(Brought::Nothing, |message| Brought::Message(Box::new(message)));
    store.receive(update(number), brought, 1_000).await.await.expect("queued").expect("recorded");
}

/// A turn of the first session that has sent this many deltas.
fn unfinished(number: u32, deltas: u32) -> Unfinished {
    Unfinished {
        message: message("ses_1", number),
        sent: (0..deltas).map(delta).collect(),
        reruns: 0,
        cancelled: false,
        touched: false,
        received_ms: 1_000,
    }
}

fn delta(number: u32) -> Outgoing {
    Outgoing::Delta(SendMessageDelta {
        message_id: "msg_a".try_into().expect("an id"),
        delta: format!("\"{number}\" ü"),
        idempotency_key: format!("k{number}"),
    })
}

#[tokio::test]
async fn what_a_turn_sent_is_there_after_a_restart_until_it_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.db");
    let store = Store::open(&file, Durability::Machine).expect("opens");
    for turn in 1..=3 {
        receive(&store, turn, Some(message("ses_1", turn))).await;
        for number in 0..turn {
            store.note(&message("ses_1", turn), number, &delta(number), 1_000).await.expect("noted");
        }
    }
    store.finish(&message("ses_1", 1), "answer".into(), None, 2_000).await.expect("recorded");
    store.run_again(&message("ses_1", 3)).await.expect("recorded");
    drop(store);

    let store = Store::open(&file, Durability::Machine).expect("opens again");
    let third = Unfinished { reruns: 1, ..unfinished(3, 3) };
    assert_eq!(store.unfinished().await.expect("read"), [unfinished(2, 2), third]);
    store.run(|connection| connection.execute("UPDATE sent SET request = '?' WHERE number = 1", [])).await.expect("ok");
    let left = store.unfinished().await.expect("read");
    assert_eq!(
        left.iter().map(|turn| turn.sent.len()).collect::<Vec<_>>(),
        [1, 1],
        "what is behind a gap is no record"
    );
    let rows = |connection: &Connection| connection.query_row("SELECT count(*) FROM sent", [], |row| row.get(0));
    assert_eq!(
        store.run(rows).await.map(|rows: i64| rows).expect("read"),
        5,
        "an ended turn leaves its requests behind"
    );
}

#[tokio::test]
async fn a_turn_whose_update_is_recorded_late_is_found_as_it_went_on_meanwhile() {
    let store = Store::scratch().expect("a store");
    store.note(&message("ses_1", 1), 0, &delta(0), 1_000).await.expect("noted");
    store.finish(&message("ses_1", 2), "answer".into(), None, 2_000).await.expect("recorded");
    for number in 1..=3 {
        receive(&store, number, Some(message("ses_1", number))).await;
    }
    assert_eq!(store.unfinished().await.expect("read"), [unfinished(1, 1), unfinished(3, 0)]);
}

#[tokio::test]
async fn what_must_not_be_done_twice_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.db");
    let store = Store::open(&file, Durability::Process).expect("opens");
    for number in 1..=4 {
        receive(&store, number, Some(message("ses_1", number))).await;
    }
    store.touch("int_1".to_owned()).await.expect("noted");
    for (number, capability, allowed) in [(2, "http", true), (3, "http", false), (4, "files", true)] {
        let words = |words: &str| words.to_owned();
        let entry = Entry::Decided {
            agent: words("a"),
            digest: words("d"),
            session: words("ses_1"),
            interaction: format!("int_{number}"),
            capability: words(capability),
            what: words("w"),
            allowed,
            by: words("b"),
        };
        store.decided(entry, None, 1_000).await.expect("written");
    }
    drop(store);
    let store = Store::open(&file, Durability::Process).expect("opens again");
    let touched: Vec<bool> = store.unfinished().await.expect("read").iter().map(|turn| turn.touched).collect();
    assert_eq!(touched, [true, true, false, false]);
}

#[tokio::test]
async fn what_is_done_at_once_never_overtakes_what_was_queued_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    for turn in 1..=2_000 {
        // The receipt is not waited for, as in the life of a turn.
        let brought = Brought::Message(Box::new(message("ses_1", turn)));
        drop(store.receive(update(turn), brought, 1_000).await);
        store.note(&message("ses_1", turn), 0, &delta(0), 1_000).await.expect("noted");
    }
    let unfinished = store.unfinished().await.expect("read");
    assert_eq!(unfinished.len(), 2_000);
    assert!(unfinished.iter().all(|turn| turn.sent.len() == 1), "a request was noted before its turn");
}

#[tokio::test]
async fn what_was_received_is_there_after_a_restart_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("host.db");
    let store = Store::open(&file, Durability::Process).expect("opens");
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 2, Some(message("ses_1", 1))).await;
    receive(&store, 3, Some(message("ses_1", 2))).await;
    store.finish(&message("ses_1", 1), "answer".into(), None, 2_000).await.expect("recorded");
    drop(store);

    let store = Store::open(&file, Durability::Process).expect("opens again");
    assert_eq!(store.unfinished().await.expect("read"), [unfinished(2, 0)]);
    let recent = store.recent().await.expect("read");
    assert_eq!(recent.updates, [update(1), update(2), update(3)]);
    assert_eq!(recent.turns.len(), 2);
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn only_the_last_ten_thousand_updates_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let mut last = None;
    for number in 0..10_050 {
        last = Some(store.receive(update(number), Brought::Nothing, 0).await);
    }
    last.expect("some").await.expect("queued").expect("recorded");
    let recent = store.recent().await.expect("read");
    assert_eq!((recent.updates.len(), recent.updates[0].clone()), (10_000, update(50)));
}

#[tokio::test]
async fn what_its_user_stopped_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    for number in 1..=3 {
        receive(&store, number, Some(message("ses_1", number))).await;
    }
    receive(&store, 4, Some(message("ses_2", 4))).await;
    let stopped =
        async || -> Vec<bool> { store.unfinished().await.expect("read").iter().map(|turn| turn.cancelled).collect() };
    let session = SessionId::try_from("ses_1").expect("an id");
    let one = Brought::Cancel { session: session.clone(), interaction: Some("int_2".try_into().expect("an id")) };
    store.receive(update(5), one, 0).await.await.expect("queued").expect("recorded");
    assert_eq!(stopped().await, [false, true, false, false]);
    let all = Brought::Cancel { session, interaction: None };
    store.receive(update(6), all.clone(), 0).await.await.expect("queued").expect("recorded");
    assert_eq!(stopped().await, [true, true, true, false]);
    receive(&store, 7, Some(message("ses_1", 7))).await;
    store.receive(update(6), all, 0).await.await.expect("queued").expect("recorded");
    assert_eq!(stopped().await, [true, true, true, false, false], "a repeat stopped what came since");
}

#[tokio::test]
async fn old_turns_are_forgotten_but_not_one_without_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    receive(&store, 1, Some(message("ses_1", 1))).await;
    receive(&store, 2, Some(message("ses_1", 2))).await;
    store.finish(&message("ses_1", 1), "answer".into(), None, 2_000).await.expect("recorded");
    // As if 100,000 had come since.
    let jump = |connection: &Connection| connection.execute("UPDATE sqlite_sequence SET seq = seq + 100000", []);
    store.run(jump).await.expect("done");
    receive(&store, 3, Some(message("ses_1", 3))).await;
    assert_eq!(store.recent().await.expect("read").turns.len(), 2);
    assert_eq!(store.unfinished().await.expect("read"), [unfinished(2, 0), unfinished(3, 0)]);
}

#[tokio::test]
async fn history_is_the_sessions_own_bounded_and_newest_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    for number in 1..=4 {
        let session = if number == 2 { "ses_other" } else { "ses_1" };
        receive(&store, number, Some(message(session, number))).await;
        if number < 4 {
            store.finish(&message(session, number), format!("answer {number}"), None, 2_000).await.expect("recorded");
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
async fn who_answered_is_told_by_interaction_where_a_version_did() {
    let store = Store::scratch().expect("opens");
    for (number, by) in [(1, Some("echo 1 (aa)")), (2, None), (3, Some("echo 2 (bb)"))] {
        receive(&store, number, Some(message("ses_1", number))).await;
        let by = by.map(str::to_owned);
        store.finish(&message("ses_1", number), "answer".into(), by, 2_000).await.expect("recorded");
    }
    let told = store.versions_of("ses_1").await.expect("read");
    let interaction = |number| message("ses_1", number).interaction.to_string();
    assert_eq!(told, [(interaction(1), "echo 1 (aa)".to_owned()), (interaction(3), "echo 2 (bb)".to_owned())]);
    assert!(store.versions_of("ses_2").await.expect("read").is_empty());
}

#[tokio::test]
async fn the_choice_of_an_agent_lasts() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let session = SessionId::try_from("ses_1").expect("an id");
    assert_eq!(store.agent_of(&session).await.expect("read"), None);
    store.choose_agent(&session, "echo").await.expect("recorded");
    store.choose_agent(&session, "other").await.expect("recorded");
    assert_eq!(store.agent_of(&session).await.expect("read").as_deref(), Some("other"));
}
