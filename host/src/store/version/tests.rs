//! Posts, pins and bars.

use super::*;
use crate::store::{Durability, Pin};

fn version(id: &str) -> Version {
    Version {
        id: id.to_owned(),
        label: "1".to_owned(),
        digest: format!("d-{id}"),
        manifest: String::new(),
        origin: "/agents/echo".into(),
    }
}

async fn ids(store: &Store) -> (String, Option<String>) {
    let post = store.posts().await.expect("read").pop().expect("a post");
    (post.current.id, post.previous.map(|previous| previous.id))
}

fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens")
}

#[tokio::test]
async fn the_one_to_go_back_to_is_the_last_that_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder);
    store.appoint("echo", version("a"), false, None, 1).await.expect("written");
    assert_eq!(ids(&store).await, ("a".into(), None));
    store.appoint("echo", version("b"), true, None, 2).await.expect("written");
    assert_eq!(ids(&store).await, ("b".into(), Some("a".into())));
    store.appoint("echo", version("c"), true, None, 3).await.expect("written");
    assert_eq!(ids(&store).await, ("c".into(), Some("a".into())), "one on trial is none to go back to");
    store.pass("echo", "c").await.expect("written");
    store.appoint("echo", version("c"), false, None, 4).await.expect("written");
    assert_eq!(ids(&store).await, ("c".into(), Some("a".into())), "the same again is no new one");
    store.appoint("echo", version("d"), true, None, 5).await.expect("written");
    assert_eq!(ids(&store).await, ("d".into(), Some("c".into())));
    store.go_back("echo", version("c"), "it crashed", 6, true).await.expect("written");
    assert_eq!(ids(&store).await, ("c".into(), None));
    let barred = store.barred().await.expect("read");
    assert_eq!(barred, [Barred { agent: "echo".into(), id: "d".into(), why: "it crashed".into() }]);
    store.unbar("echo").await.expect("written");
    assert_eq!(store.barred().await.expect("read"), []);
}

#[tokio::test]
async fn the_version_before_the_one_on_trial_comes_back_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder);
    for (id, on_trial) in [("a", false), ("b", true), ("a", false)] {
        store.appoint("echo", version(id), on_trial, None, 1).await.expect("written");
    }
    assert_eq!(ids(&store).await, ("a".into(), None), "there is nothing that it could go back to");
    store.appoint("echo", version("c"), true, None, 2).await.expect("written");
    assert_eq!(ids(&store).await, ("c".into(), Some("a".into())));
}

#[tokio::test]
async fn what_is_needed_is_kept_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder);
    for (id, now) in [("a", 1), ("b", 2)] {
        store.appoint("echo", version(id), false, None, now).await.expect("written");
    }
    assert!(store.pin("ses_1", "echo", Some("a")).await.expect("written"));
    assert!(!store.pin("ses_1", "echo", Some("unknown")).await.expect("written"));
    let pin = Pin { session: "ses_1".into(), version: version("a") };
    assert_eq!(store.pins().await.expect("read"), [pin]);
    for (id, now) in [("c", 3), ("d", 4)] {
        store.appoint("echo", version(id), false, None, now).await.expect("written");
    }
    let needed = async || {
        let mut needed = store.needed().await.expect("read");
        needed.sort();
        needed.concat()
    };
    assert_eq!(needed().await, "d-ad-cd-d", "a is pinned, c is the one before");
    assert!(store.pin("ses_1", "echo", None).await.expect("written"));
    assert_eq!(needed().await, "d-cd-d");
    assert_eq!(store.versions("echo").await.expect("read"), [version("c"), version("d")]);
    store.dismiss("echo").await.expect("written");
    assert_eq!((needed().await, store.posts().await.expect("read").len()), (String::new(), 0));
}
