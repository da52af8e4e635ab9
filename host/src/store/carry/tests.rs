//! State over changes of versions: whole or not at all, and back again.

use super::*;
use crate::protocol::{UpdateId, UserMessage};
use crate::store::{Brought, Capacity, Change, Changed, Durability, Expected, Shape, Shapes, Version};

const MOST: Capacity = Capacity { entries: 10, bytes: 1_000 };

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens")
}

fn shared(schema: u32) -> Drawer {
    Drawer::of_agent("vary").of_schema(schema)
}

fn session(schema: u32) -> Drawer {
    Drawer::of_session("vary", "ses_1").of_schema(schema)
}

fn version(id: &str) -> Version {
    let text = String::new;
    Version { id: id.into(), label: text(), digest: format!("d-{id}"), manifest: text(), origin: "/vary".into() }
}

async fn set(store: &Store, drawer: Drawer, key: &str, value: &str) -> Changed {
    let change = Change { key: key.into(), expected: Expected::Anything, new: Some(value.into()) };
    store.change(drawer, change, MOST).await.expect("asked")
}

async fn get(store: &Store, drawer: Drawer, key: &str) -> Result<Option<String>, Moved> {
    let value = store.recall(drawer, key.into()).await.expect("asked")?;
    Ok(value.map(|value| String::from_utf8(value).expect("text")))
}

/// What a migrator makes of it: each value with another word.
async fn made(store: &Store, drawer: Drawer, to: u32) -> Carried {
    let contents = store.contents(drawer).await.expect("read");
    let change = |(key, value): &(String, Vec<u8>)| (key.clone(), [value.as_slice(), b" new"].concat());
    let entries = contents.entries.iter().map(change).collect();
    contents.carried(to, entries)
}

async fn appoint(store: &Store, id: &str, on_trial: bool, state: Option<Carried>) -> Put {
    store.appoint("vary", version(id), on_trial, state, 1).await.expect("written")
}

async fn current(store: &Store) -> String {
    store.posts().await.expect("read").pop().expect("a post").current.id
}

/// Drawers and what lies in them, the live ones first; the sums are looked at besides.
async fn all(store: &Store) -> String {
    let wrong = "SELECT count(*) FROM drawers WHERE entries <> (SELECT count(*) FROM entries WHERE drawer = id)
        OR bytes <> (SELECT ifnull(sum(octet_length(key) + octet_length(value)), 0) FROM entries WHERE drawer = id)";
    let wrong = store.run(move |connection| connection.query_row(wrong, [], |row| row.get::<_, u32>(0)));
    assert_eq!(wrong.await.expect("read"), 0, "the sums are wrong");
    let rows = "SELECT group_concat(session || '/' || live || '/' || schema || ':' || ifnull((SELECT
        group_concat(key || '=' || CAST(value AS TEXT)) FROM entries WHERE drawer = id), ''), ' ')
        FROM (SELECT * FROM drawers ORDER BY live DESC, session)";
    let rows = move |connection: &Connection| connection.query_row(rows, [], |row| row.get::<_, Option<String>>(0));
    store.run(rows).await.expect("read").unwrap_or_default()
}

/// A store with version `a` of schema 1, and what it keeps.
async fn filled(folder: &tempfile::TempDir) -> Store {
    let store = open(folder);
    appoint(&store, "a", false, None).await;
    set(&store, shared(1), "k", "all").await;
    set(&store, session(1), "k", "one").await;
    store
}

/// The same, with version `b` of schema 2 on trial.
async fn on_trial(folder: &tempfile::TempDir) -> Store {
    let store = filled(folder).await;
    let state = made(&store, shared(1), 2).await;
    assert_eq!(appoint(&store, "b", true, Some(state)).await, Put::Done);
    store
}

#[tokio::test]
async fn the_post_and_the_state_change_together_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = filled(&folder).await;
    let state = made(&store, shared(1), 2).await;
    set(&store, shared(1), "late", "word").await;
    assert_eq!(appoint(&store, "b", true, Some(state)).await, Put::Changed, "a write would be lost");
    assert_eq!(
        (current(&store).await.as_str(), all(&store).await.as_str()),
        ("a", "/1/1:k=all,late=word ses_1/1/1:k=one")
    );
    // A value that cannot be written, as on a disk that is full: after the drawer was taken away.
    let broken = Carried { entries: vec![("k".into(), vec![]); 2], ..made(&store, shared(1), 2).await };
    assert!(store.appoint("vary", version("b"), true, Some(broken), 1).await.is_err());
    assert_eq!(
        (current(&store).await.as_str(), all(&store).await.as_str()),
        ("a", "/1/1:k=all,late=word ses_1/1/1:k=one")
    );
    let state = made(&store, shared(1), 2).await;
    assert_eq!(appoint(&store, "b", true, Some(state)).await, Put::Done);
    drop(store);
    let store = open(&folder);
    let after = "/1/2:k=all new,late=word new ses_1/1/1:k=one /0/1:k=all,late=word";
    assert_eq!((current(&store).await.as_str(), all(&store).await.as_str()), ("b", after));
}

#[tokio::test]
async fn an_old_version_reads_what_was_before_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let moved = Moved { schema: 2 };
    assert_eq!(get(&store, shared(1), "k").await, Ok(Some("all".into())));
    assert_eq!(get(&store, shared(2), "k").await, Ok(Some("all new".into())));
    assert_eq!(set(&store, shared(1), "k", "old").await, Changed::Moved(moved));
    assert_eq!(get(&store, shared(3), "k").await, Err(moved), "a shape that never was");
    assert_eq!(store.keys(shared(3), String::new(), String::new(), 9).await.expect("asked"), Err(moved));
    assert_eq!(set(&store, session(1), "k", "still").await, Changed::Done, "its session is its own");
    store.pass("vary", "a").await.expect("written");
    assert_eq!(get(&store, shared(1), "k").await, Ok(Some("all".into())), "another version passed, long ago");
    store.pass("vary", "b").await.expect("written");
    assert_eq!(get(&store, shared(1), "k").await, Ok(Some("all".into())), "somebody may go back by hand");
    assert_eq!(appoint(&store, "c", true, None).await, Put::Done);
    assert_eq!(get(&store, shared(1), "k").await, Err(moved), "there is another one to go back to");
    assert_eq!(all(&store).await, "/1/2:k=all new ses_1/1/1:k=still");
}

#[tokio::test]
async fn going_back_brings_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let carried = made(&store, session(1), 2).await;
    assert_eq!(store.carry(session(2), carried).await.expect("written"), Put::Done);
    set(&store, session(2), "more", "words").await;
    let begun = Drawer::of_session("vary", "ses_2");
    set(&store, begun.clone().of_schema(2), "k", "new").await;
    let untouched = Drawer::of_session("vary", "ses_3");
    set(&store, untouched, "k", "old").await;
    store.go_back("vary", version("a"), "it fell", 2, true).await.expect("written");
    assert_eq!(all(&store).await, "/1/1:k=all ses_1/1/1:k=one ses_2/1/1: ses_3/1/1:k=old");
    // A turn of the version that is gone may still run.
    let moved = Changed::Moved(Moved { schema: 1 });
    for drawer in [shared(2), session(2), begun.of_schema(2), Drawer::of_session("vary", "ses_4").of_schema(2)] {
        assert_eq!(set(&store, drawer, "k", "late").await, moved);
    }
    let late = made(&store, session(1), 2).await;
    assert_eq!(store.carry(session(2), late).await.expect("asked"), Put::Elsewhere(1));
}

#[tokio::test]
async fn what_was_kept_since_is_lost_only_if_that_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let back = async |restore_state| store.go_back("vary", version("a"), "by hand", 2, restore_state).await;
    store.pass("vary", "b").await.expect("written");
    let carried = made(&store, session(1), 2).await;
    store.carry(session(2), carried).await.expect("written");
    let before = all(&store).await;
    set(&store, session(2), "k", "since").await;
    assert!(!back(false).await.expect("asked"));
    assert_eq!((current(&store).await, store.barred().await.expect("read").len()), ("b".to_owned(), 0));
    assert_eq!(all(&store).await, before.replace("one new", "since"));
    assert!(back(true).await.expect("written"));
    assert_eq!((current(&store).await.as_str(), all(&store).await.as_str()), ("a", "/1/1:k=all ses_1/1/1:k=one"));
    // What was only carried over is not lost.
    let state = made(&store, shared(1), 2).await;
    assert_eq!(appoint(&store, "c", true, Some(state)).await, Put::Done);
    assert!(back(false).await.expect("written"));
}

#[tokio::test]
async fn a_session_that_nobody_wrote_to_since_is_given_back_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let carried = made(&store, session(1), 2).await;
    store.carry(session(2), carried.clone()).await.expect("written");
    let seen = store.shape(session(1)).await.expect("read");
    assert_eq!(seen, Some(Shape { schema: 2, before: Some(1), agents: Some(2) }));
    assert!(store.give_back(session(1)).await.expect("written"));
    assert_eq!(get(&store, session(1), "k").await, Ok(Some("one".into())));
    assert_eq!(store.carry(session(2), carried).await.expect("asked"), Put::Done, "the same again");
    set(&store, session(2), "k", "two").await;
    assert!(!store.give_back(session(1)).await.expect("asked"), "what was written would be lost");
    assert_eq!(all(&store).await, "/1/2:k=all new ses_1/1/2:k=two /0/1:k=all ses_1/0/1:k=one");
}

#[tokio::test]
async fn what_the_version_before_kept_does_not_come_back_after_it_has_come_back_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let state = made(&store, shared(2), 1).await;
    assert_eq!(appoint(&store, "a", false, Some(state)).await, Put::Done);
    assert_eq!(all(&store).await, "/1/1:k=all new new ses_1/1/1:k=one");
    assert_eq!(appoint(&store, "c", true, None).await, Put::Done);
    assert!(store.go_back("vary", version("a"), "it failed", 9, true).await.expect("written"));
    assert_eq!(all(&store).await, "/1/1:k=all new new ses_1/1/1:k=one", "days of work are gone");
}

#[tokio::test]
async fn over_several_on_trial_what_the_last_good_one_kept_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    let state = made(&store, shared(2), 3).await;
    assert_eq!(appoint(&store, "c", true, Some(state)).await, Put::Done);
    assert_eq!(all(&store).await, "/1/3:k=all new new ses_1/1/1:k=one /0/1:k=all");
    store.pass("vary", "c").await.expect("written");
    // Without a trial it stays, too, until the next version comes.
    let state = made(&store, shared(3), 4).await;
    assert_eq!(appoint(&store, "d", false, Some(state)).await, Put::Done);
    let state = made(&store, shared(4), 5).await;
    assert_eq!(appoint(&store, "e", false, Some(state)).await, Put::Done);
    let after = "/1/5:k=all new new new new ses_1/1/1:k=one /0/4:k=all new new new";
    assert_eq!(all(&store).await, after);
    store.dismiss("vary").await.expect("written");
    assert_eq!(all(&store).await, "/1/5:k=all new new new new ses_1/1/1:k=one");
}

#[tokio::test]
async fn what_is_behind_is_found_and_goes_with_its_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = on_trial(&folder).await;
    for (number, session) in [(1, "ses_2"), (2, "ses_1")] {
        let message = UserMessage::example(session, &format!("int_{number}"));
        let update = UpdateId::try_from(number.to_string()).expect("an id");
        let receipt = store.receive(update, Brought::Message(Box::new(message)), 0).await;
        receipt.await.expect("queued").expect("recorded");
    }
    set(&store, Drawer::of_session("vary", "ses_2"), "k", "two").await;
    assert_eq!(store.shapes("vary").await.expect("read"), Shapes { now: Some(2), is_empty: false });
    assert_eq!(store.shapes("nobody").await.expect("read"), Shapes { now: None, is_empty: true });
    assert_eq!(store.sessions_behind("vary", 2, 9).await.expect("read"), ["ses_1", "ses_2"], "last used, first");
    assert_eq!(store.sessions_behind("vary", 2, 1).await.expect("read"), ["ses_1"]);
    let carried = made(&store, session(1), 2).await;
    store.carry(session(2), carried).await.expect("written");
    assert_eq!(store.sessions_behind("vary", 2, 9).await.expect("read"), ["ses_2"]);
    let forget = |connection: &Connection| connection.execute("DELETE FROM turns WHERE session = 'ses_1'", []);
    store.run(forget).await.expect("done");
    assert_eq!(all(&store).await, "/1/2:k=all new ses_2/1/1:k=two /0/1:k=all", "with what it was before");
}

#[tokio::test]
async fn what_is_kept_for_all_is_told_and_so_is_a_wish_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder);
    appoint(&store, "a", false, None).await;
    set(&store, session(1), "k", "one").await;
    let kept = async || store.keeps_for_all("vary").await.expect("read");
    assert!(!kept().await);
    let state = made(&store, shared(1), 2).await;
    assert_eq!(appoint(&store, "b", true, Some(state)).await, Put::Done);
    assert!(!kept().await, "it has another shape, and is empty");
    assert_eq!(set(&store, session(1), "k", "still").await, Changed::Done, "each in its sessions");
    assert!(!kept().await);
    assert_eq!(set(&store, shared(1), "k", "all").await, Changed::Moved(Moved { schema: 2 }));
    assert!(kept().await);
    let back = store.go_back("vary", version("a"), "by hand", 2, false).await;
    assert!(back.expect("written"), "nothing was kept since");
    assert!(!kept().await);
    set(&store, shared(1), "k", "all").await;
    assert!(kept().await);
}
