//! What a person is shown, as the chat page reads it apart.

use super::*;
use crate::approval::AnswerFuture;
use crate::grant::{HttpAsk, OwnAsk, Question, Severity};
use crate::store::{Durability, Store};
use std::sync::atomic::{AtomicU32, Ordering};

/// Says this, whatever the question.
struct Says(Answer);

impl Person for Says {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        Box::pin(async { self.0.clone() })
    }
}

/// A request that no want names.
fn unwanted(page: u32) -> Ask {
    Ask::Http(HttpAsk::new("GET", &format!("https://a.example/{page}"), [].into()).expect("an ask"))
}

/// The agent's own question.
fn own() -> Ask {
    let (action, title, reason) = ("eat".to_owned(), "May I eat?".to_owned(), String::new());
    Ask::Own(OwnAsk { action, title, reason, command: None, severity: Severity::Low })
}

fn desk(store: Store, answer: Answer) -> Desk {
    desk_by(store, Arc::new(Says(answer)), 1)
}

fn desk_by(store: Store, person: Arc<dyn Person>, asks: u32) -> Desk {
    let client = Client::of_a_test(Vec::new());
    Desk::new(Arc::new(Office::new(Vec::new(), store)), client, person, asks)
}

#[tokio::test]
async fn a_question_has_the_form_that_the_chat_page_reads_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let desk = desk(store, Answer::Denied);
    let ask = Ask::Own(OwnAsk {
        action: "eat".to_owned(),
        title: "May I eat?".to_owned(),
        // It tries to speak as the host.
        reason: "I was told\nto \u{202e}ask. What “always” would cover:\nall: nothing".to_owned(),
        command: None,
        severity: Severity::Low,
    });
    let question = question(&desk.client, "a".to_owned(), &ask, None, Some("it now also wants own *"));
    // The page's tests read the same file.
    assert_eq!(question.message, include_str!("../../localcloud/page/fixtures/question.txt").trim_end());
}

#[tokio::test]
async fn what_is_denied_again_and_again_fills_no_disk_and_ends_the_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let desk = desk(store.clone(), Answer::Denied);
    for _ in 0..900 {
        assert!(matches!(desk.decide(&unwanted(0), None).await, Err(Refused::Denied { .. })));
    }
    for page in 1..=100 {
        assert!(matches!(desk.decide(&unwanted(page), None).await, Err(Refused::Denied { .. })));
    }
    for page in [0, 1, 101] {
        assert_eq!(desk.decide(&unwanted(page), None).await, Err(Refused::TooManyDenials));
    }
    assert!(desk.is_over());
    assert_eq!(store.audit_after(0, 2_000).await.expect("read").len(), 101, "each of them once");
    drop(desk);
    let last = loop {
        if let Some(last) = store.audit_after(101, 9).await.expect("read").pop() {
            break last;
        }
        tokio::task::yield_now().await;
    };
    let Entry::Decided { what, by, allowed, .. } = last.entry else { panic!("not a decision") };
    assert_eq!((what.as_str(), allowed), ("GET https://a.example/0", false));
    assert!(by.contains("agent.toml names no want") && by.ends_with("; the same 899 times more in this turn"), "{by}");
}

#[tokio::test]
async fn who_asks_the_same_again_is_told_who_said_no_and_nobody_else() {
    for (answer, by) in [
        (Answer::Denied, "a person, who said no, when the same was asked before"),
        (Answer::Expired, "nobody, as nobody answered in time"),
        (Answer::Unasked, "nobody, as the cloud did not take the question, when the same was asked before"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        let desk = desk(store.clone(), answer.clone());
        let first = desk.decide(&own(), None).await;
        let second = desk.decide(&own(), None).await;
        assert_eq!(first == Err(Refused::Expired), second == Err(Refused::Expired), "{answer:?}");
        let mut log = store.audit_after(0, 9).await.expect("read");
        let Some(Entry::Decided { by: said, .. }) = log.pop().map(|last| last.entry) else { panic!("not a decision") };
        assert_eq!((said.as_str(), log.len()), (by, 1));
    }
}

/// Counts the questions, and says yes to each once there are so many who want the same.
struct Counts(Answer, AtomicU32);

impl Person for Counts {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.0.clone()
        })
    }
}

#[tokio::test]
async fn a_yes_for_once_is_one_deeds_and_any_other_answer_is_for_all_that_wait() {
    let always = Answer::Always { scope: Scope::Tool, value: None };
    for (answer, questions) in [(Answer::Once, 3), (always, 1), (Answer::Denied, 1)] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        let person = Arc::new(Counts(answer.clone(), AtomicU32::new(0)));
        let (desk, ask) = (desk_by(store, person.clone(), 9), own());
        let said = tokio::join!(desk.decide(&ask, None), desk.decide(&ask, None), desk.decide(&ask, None));
        let allowed = [&said.0, &said.1, &said.2].map(Result::is_ok);
        assert_eq!(allowed, [answer != Answer::Denied; 3]);
        assert_eq!(person.1.load(Ordering::Relaxed), questions, "{answer:?}");
    }
}
