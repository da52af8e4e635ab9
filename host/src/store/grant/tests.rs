//! Grants over their uses, their time, new versions and restarts.

use super::*;
use crate::grant::{Capability, Cover, Glob, OwnAsk, Pattern, Scope, Severity, Want};
use crate::store::Durability;

fn ask(action: &str) -> Ask {
    let (title, reason) = ("May I?".to_owned(), String::new());
    Ask::Own(OwnAsk { action: action.to_owned(), title, reason, command: None, severity: Severity::Low })
}

fn grant(id: &str) -> Grant {
    Grant {
        id: id.to_owned(),
        agent: "probe".to_owned(),
        digest: "one".to_owned(),
        capability: Capability::Approval,
        cover: Cover::of(vec![Pattern::Own(Glob::literal("eat"))]),
        scope: Scope::Tool,
        session: None,
        made_ms: 1,
        until_ms: None,
        uses_left: None,
        wants: Wants::default(),
    }
}

fn given(id: &str) -> Entry {
    Entry::Granted { grant: id.to_owned(), covers: "eating".to_owned(), by: "a test".to_owned() }
}

struct Kept {
    store: Store,
    _folder: tempfile::TempDir,
}

impl Kept {
    async fn of(grants: Vec<Grant>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        for grant in grants {
            let entry = given(&grant.id);
            assert!(store.add_grant(grant, entry, 1).await.expect("written"));
        }
        Self { store, _folder: folder }
    }

    async fn says(&self, digest: &str, session: &str, wants: &Wants, now_ms: u64) -> Standing {
        let wants = Arc::new(wants.clone());
        let by = ("probe", digest, session);
        self.store.use_grant(by, &wants, &ask("eat"), now_ms).await.expect("read")
    }

    async fn plain(&self, now_ms: u64) -> Standing {
        self.says("one", "s", &Wants::default(), now_ms).await
    }
}

fn allows(id: &str) -> Standing {
    Standing::Allows(id.to_owned())
}

#[tokio::test]
async fn a_grant_ends_by_use_by_time_and_by_being_taken_back_and_stands_for_what_began() {
    let kept = Kept::of(vec![Grant { uses_left: Some(2), ..grant("used") }]).await;
    assert_eq!((kept.plain(2).await, kept.plain(2).await), (allows("used"), allows("used")));
    assert!(kept.store.has_grant("used", 2).await.expect("read"), "what its last use began goes on");
    assert_eq!(kept.plain(2).await, Standing::Silent);
    assert_eq!(kept.store.close_interrupted(2).await.expect("closed"), 0);
    assert!(!kept.store.has_grant("used", 2).await.expect("read"), "until the next start");

    let kept = Kept::of(vec![Grant { until_ms: Some(100), ..grant("timed") }]).await;
    assert_eq!(kept.plain(99).await, allows("timed"));
    let stands = async |now_ms| kept.store.has_grant("timed", now_ms).await.expect("read");
    assert_eq!((stands(99).await, stands(100).await), (true, false), "whoever asks in between");
    assert_eq!(kept.plain(100).await, Standing::Silent);

    let kept = Kept::of(vec![grant("back")]).await;
    assert!(kept.store.revoke_grant("back", "a test", 5).await.expect("written"));
    assert!(!kept.store.revoke_grant("back", "a test", 5).await.expect("written"), "once");
    assert_eq!((kept.plain(6).await, kept.store.revocations().await.expect("read")), (Standing::Silent, 1));
    let entries = kept.store.audit_after(0, 10).await.expect("read");
    let revoked = Entry::Revoked { grant: "back".to_owned(), by: "a test".to_owned() };
    assert_eq!(entries.into_iter().map(|sealed| sealed.entry).collect::<Vec<_>>(), [given("back"), revoked]);
}

#[tokio::test]
async fn a_grant_is_its_agents_and_its_sessions_and_for_what_it_covers() {
    let kept = Kept::of(vec![Grant { session: Some("s".to_owned()), scope: Scope::Session, ..grant("one") }]).await;
    let (wants, other) = (Arc::new(Wants::default()), "other".to_owned());
    assert_eq!(kept.says("one", "other", &wants, 2).await, Standing::Silent);
    for (agent, action) in [("thief", "eat"), ("probe", &other)] {
        let said = kept.store.use_grant((agent, "one", "s"), &wants, &ask(action), 2).await;
        assert_eq!(said.expect("read"), Standing::Silent);
    }
    assert_eq!(kept.plain(2).await, allows("one"));
}

#[tokio::test]
async fn a_new_version_keeps_a_grant_only_if_it_wants_no_more() {
    let kept = Kept::of(vec![grant("old")]).await;
    assert_eq!(kept.says("two", "s", &Wants::default(), 2).await, allows("old"));
    assert_eq!(kept.store.grants(2).await.expect("read")[0].digest, "two");
    assert_eq!(kept.plain(2).await, allows("old"), "the older one wants no more either");

    let want = Want {
        pattern: "http GET https://a.example/*".parse().expect("a pattern"),
        why: "to look".to_owned(),
        memory: None,
    };
    let more = Wants { asks: vec![want], ..Wants::default() };
    let Standing::Lapsed(difference) = kept.says("three", "s", &more, 2).await else { panic!("it must be asked anew") };
    assert!(difference.contains("https://a.example/*") && difference.contains("to look"), "{difference}");
}

#[tokio::test]
async fn what_is_used_up_leaves_room_for_others() {
    let kept = Kept::of(vec![]).await;
    let fill = |connection: &Connection| {
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO grants (id, agent, body, uses_left) SELECT 'g' || i, 'other', '{}', i <> 1 FROM n",
            [MAX_GRANTS],
        )
    };
    kept.store.run(fill).await.expect("filled");
    let add = async |id: &str| kept.store.add_grant(grant(id), given(id), 1).await.expect("written");
    assert_eq!((add("one").await, add("more").await), (true, false), "one was used up");
}
