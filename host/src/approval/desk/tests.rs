//! What a person is shown, as the chat page reads it apart.

use super::*;
use crate::approval::AnswerFuture;
use crate::grant::Question;
use crate::grant::{OwnAsk, Severity};
use crate::store::{Durability, Store};

/// Says no.
struct Nay;

impl Person for Nay {
    fn ask(&self, _: Question) -> AnswerFuture<'_> {
        Box::pin(async { Answer::Denied })
    }
}

fn desk(store: Store) -> Desk {
    let client = Client {
        agent: "probe".to_owned(),
        digest: "d".repeat(64),
        session: "ses_1".to_owned(),
        interaction: "int_1".to_owned(),
        wants: Arc::default(),
    };
    Desk::new(Arc::new(Office::new(Vec::new(), store)), client, Arc::new(Nay), 1)
}

#[tokio::test]
async fn a_question_has_the_form_that_the_chat_page_reads_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let desk = desk(Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens"));
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
