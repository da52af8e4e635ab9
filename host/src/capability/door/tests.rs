//! What becomes of a card whose question nobody waits for.

use super::*;
use crate::capability::ActFuture;
use crate::grant::{Answer, HttpAsk, Want};
use crate::store::{Durability, Store};
use tokio::sync::mpsc;

/// Shows what happens, and answers no question.
struct Silent(mpsc::Sender<Act>);

impl Person for Silent {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        Box::pin(std::future::pending::<Answer>())
    }
}

impl Chat for Silent {
    fn act(&self, act: Act) -> ActFuture<'_> {
        Box::pin(async { self.0.send(act).await.map_err(|_| Stopped) })
    }
}

#[tokio::test]
async fn a_card_is_cancelled_when_nobody_waits_for_its_question() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let want =
        Want { pattern: "http https://a.example/*".parse().expect("a pattern"), why: String::new(), memory: None };
    let client = Client::of_a_test(vec![want]);
    let (sender, mut acts) = mpsc::channel(4);
    let silent = Arc::new(Silent(sender));
    let door = Arc::new(Door::new(Arc::new(Office::new(vec![], store)), client, silent.clone(), silent, 1));
    let ask = Ask::Http(HttpAsk::new("GET", "https://a.example/", [].into()).expect("an ask"));
    let card = tokio::select! {
        _ = door.open(&ask, None) => panic!("nobody answers"),
        Some(Act::Open { card, .. }) = acts.recv() => card,
    };
    assert_eq!(acts.recv().await, Some(Act::Cancel { card }));
}
