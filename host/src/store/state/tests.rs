//! State over restarts, at its bounds, and side by side.

use super::*;
use crate::protocol::{UpdateId, UserMessage};
use crate::store::{Brought, Durability};

const MOST: Capacity = Capacity { entries: 3, bytes: 100 };

fn shared() -> Drawer {
    Drawer::of_agent("probe")
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens")
}

async fn set(store: &Store, drawer: Drawer, key: &str, value: impl Into<Vec<u8>>) -> Changed {
    let change = Change { key: key.to_owned(), expected: Expected::Anything, new: Some(value.into()) };
    store.change(drawer, change, MOST).await.expect("asked")
}

async fn delete(store: &Store, drawer: Drawer, key: &str) {
    let change = Change { key: key.to_owned(), expected: Expected::Anything, new: None };
    assert_eq!(store.change(drawer, change, MOST).await.expect("asked"), Changed::Done);
}

async fn swap(store: &Store, expected: Option<&[u8]>, new: Option<&[u8]>) -> Changed {
    let expected = Expected::Exactly(expected.map(<[u8]>::to_vec));
    let change = Change { key: "k".to_owned(), expected, new: new.map(<[u8]>::to_vec) };
    store.change(shared(), change, MOST).await.expect("asked")
}

async fn get(store: &Store, drawer: Drawer, key: &str) -> Option<Vec<u8>> {
    store.recall(drawer, key.to_owned()).await.expect("asked").expect("its shape")
}

/// The sums as they are kept, and as they are counted.
async fn sums(store: &Store) -> [(i64, i64); 2] {
    let pair = async |sql: &'static str| -> (i64, i64) {
        let row = move |connection: &Connection| connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        store.run(row).await.expect("read")
    };
    let kept = pair("SELECT sum(entries), sum(bytes) FROM drawers").await;
    [kept, pair("SELECT count(*), ifnull(sum(octet_length(key) + octet_length(value)), 0) FROM entries").await]
}

#[tokio::test]
async fn a_value_lasts_and_is_its_drawers_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let drawers = [
        shared(),
        Drawer::of_agent("other"),
        Drawer::of_session("probe", "ses_1"),
        Drawer::of_session("probe", "ses_2"),
        Drawer::of_session("other", "ses_1"),
    ];
    for (number, drawer) in (0_u8..).zip(&drawers) {
        assert_eq!(get(&store, drawer.clone(), "k").await, None, "a drawer sees another's");
        assert_eq!(set(&store, drawer.clone(), "k", [number]).await, Changed::Done);
    }
    assert_eq!(set(&store, shared(), "", []).await, Changed::Done);
    drop(store);
    let store = open(&folder);
    for (number, drawer) in (0_u8..).zip(&drawers) {
        assert_eq!(get(&store, drawer.clone(), "k").await, Some(vec![number]));
    }
    assert_eq!(get(&store, shared(), "").await, Some(Vec::new()), "an empty value is a value");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_the_sums_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    for key in ["a", "b", "ü"] {
        assert_eq!(set(&store, shared(), key, vec![0; 20]).await, Changed::Done);
    }
    assert_eq!(set(&store, shared(), "d", []).await, Changed::TooMany);
    assert_eq!(set(&store, shared(), "a", vec![0; 56]).await, Changed::Done, "100 bytes are within the bound");
    assert_eq!(set(&store, shared(), "a", vec![0; 57]).await, Changed::TooLarge);
    assert_eq!(get(&store, shared(), "a").await, Some(vec![0; 56]), "a refused value was kept");
    assert_eq!(sums(&store).await, [(3, 100), (3, 100)]);
    let less = Capacity { entries: 1, bytes: 10 };
    let shrink = Change { key: "a".to_owned(), expected: Expected::Anything, new: Some(vec![0; 55]) };
    assert_eq!(store.change(shared(), shrink, less).await.expect("asked"), Changed::Done, "less is never refused");
    delete(&store, shared(), "b").await;
    delete(&store, shared(), "b").await;
    delete(&store, Drawer::of_agent("nobody"), "b").await;
    assert_eq!(sums(&store).await, [(2, 78), (2, 78)]);
    assert_eq!(set(&store, Drawer::of_agent("other"), "d", []).await, Changed::Done, "bounds are a drawer's own");
}

#[tokio::test]
async fn a_swap_is_done_only_from_what_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    assert_eq!(swap(&store, Some(b"1"), Some(b"2")).await, Changed::Differs);
    assert_eq!(swap(&store, None, None).await, Changed::Done, "nothing stays nothing");
    assert_eq!(swap(&store, None, Some(b"1")).await, Changed::Done);
    assert_eq!(swap(&store, None, Some(b"2")).await, Changed::Differs);
    assert_eq!(swap(&store, Some(b"1\0"), Some(b"2")).await, Changed::Differs);
    assert_eq!(swap(&store, Some(b"1"), Some(b"")).await, Changed::Done);
    assert_eq!(swap(&store, Some(b""), None).await, Changed::Done);
    assert_eq!(get(&store, shared(), "k").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost_among_many_that_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let count = async || {
        for _ in 0..200 {
            loop {
                let old = get(&store, shared(), "k").await;
                let new = old.as_ref().map_or(0, |old| u32::from_le_bytes(old[..4].try_into().expect("four"))) + 1;
                // Longer than what is written on the spot, every other time: both ways meet.
                let size = if new % 2 == 0 { 2 * crate::store::file::SMALL } else { 4 };
                let mut value = new.to_le_bytes().to_vec();
                value.resize(size, 0);
                let change = Change { key: "k".into(), expected: Expected::Exactly(old), new: Some(value) };
                let most = Capacity { entries: 1, bytes: 1 << 20 };
                if store.change(shared(), change, most).await.expect("asked") == Changed::Done {
                    break;
                }
            }
        }
    };
    tokio::join!(count(), count(), count());
    let last = get(&store, shared(), "k").await.expect("there");
    assert_eq!(u32::from_le_bytes(last[..4].try_into().expect("four")), 600);
}

#[tokio::test]
async fn keys_are_listed_in_the_order_of_their_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let most = Capacity { entries: 100, bytes: 10_000 };
    for key in ["b", "a%", "a_", "ab", "a", "A", "a\0b", "aü", "z'\"", "\u{10ffff}"] {
        let change = Change { key: key.to_owned(), expected: Expected::Anything, new: Some(Vec::new()) };
        store.change(shared(), change, most).await.expect("set");
    }
    let list = async |prefix: &str, after: &str, most| {
        store.keys(shared(), prefix.to_owned(), after.to_owned(), most).await.expect("read").expect("its shape")
    };
    assert_eq!(
        list("", "", 100).await,
        ["A", "a", "a\0b", "a%", "a_", "ab", "aü", "b", "z'\"", "\u{10ffff}"],
        "not in the order of their bytes"
    );
    assert_eq!(list("a%", "", 100).await, ["a%"]);
    assert_eq!(list("a_", "", 100).await, ["a_"]);
    assert_eq!(list("a", "", 2).await, ["a", "a\0b"]);
    assert_eq!(list("a", "a\0b", 2).await, ["a%", "a_"]);
    assert_eq!(list("a", "b", 2).await, [""; 0]);
    assert_eq!(list("z'\"", "", 9).await, ["z'\""]);
    assert_eq!(list("a", "", 0).await, [""; 0]);
}

#[tokio::test]
async fn a_forgotten_session_takes_its_state_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    for number in 1..=3 {
        let session = if number == 3 { "ses_2" } else { "ses_1" };
        let message = UserMessage::example(session, &format!("int_{number}"));
        let update = UpdateId::try_from(number.to_string()).expect("an id");
        let receipt = store.receive(update, Brought::Message(Box::new(message)), 0).await;
        receipt.await.expect("queued").expect("recorded");
    }
    for session in ["ses_1", "ses_2"] {
        set(&store, Drawer::of_session("probe", session), "k", "v").await;
    }
    set(&store, shared(), "k", "v").await;
    let forget =
        |turn: u32| move |connection: &Connection| connection.execute("DELETE FROM turns WHERE seq = ?1", [turn]);
    store.run(forget(1)).await.expect("done");
    assert!(get(&store, Drawer::of_session("probe", "ses_1"), "k").await.is_some(), "it has a turn left");
    store.run(forget(2)).await.expect("done");
    assert_eq!(get(&store, Drawer::of_session("probe", "ses_1"), "k").await, None);
    assert!(get(&store, Drawer::of_session("probe", "ses_2"), "k").await.is_some());
    assert!(get(&store, shared(), "k").await.is_some());
    assert_eq!(sums(&store).await, [(2, 4), (2, 4)]);
}

#[tokio::test]
async fn a_flood_of_large_values_does_not_grow_the_log_without_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    let most = Capacity { entries: 1, bytes: 1 << 20 };
    for _ in 0..200 {
        let change = Change { key: "k".into(), expected: Expected::Anything, new: Some(vec![7; 256 << 10]) };
        store.change(shared(), change, most).await.expect("set");
    }
    let log = std::fs::metadata(folder.path().join("host.db-wal")).expect("there").len();
    assert!(log < 16 << 20, "the log has {} MiB after 50 MiB of writes", log >> 20);
}
