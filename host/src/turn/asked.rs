//! The person of a turn, with a word to the outbox about each question and what came of it.

use super::outgoing::{Asked, Outbox};
use crate::approval::{AnswerFuture, Person};
use crate::grant::{Answer, Question};
use std::sync::Arc;

/// See the module.
pub(super) struct Told {
    pub(super) person: Arc<dyn Person>,
    pub(super) outbox: Arc<dyn Outbox>,
}

/// A question that waits. Dropped without an answer, its turn was stopped.
struct Open<'o> {
    outbox: &'o dyn Outbox,
    asked: Asked,
}

impl Person for Told {
    fn ask(&self, question: Question) -> AnswerFuture<'_> {
        Box::pin(async move {
            self.outbox.asks();
            let mut open = Open { outbox: &*self.outbox, asked: Asked::Stopped };
            let answer = self.person.ask(question).await;
            open.asked = Asked::from(&answer);
            answer
        })
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.outbox.asked(self.asked);
    }
}

impl From<&Answer> for Asked {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Once => Self::Once,
            Answer::Always { .. } => Self::Always,
            Answer::Denied => Self::Denied,
            Answer::Expired => Self::Expired,
            Answer::Unasked => Self::Unasked,
            Answer::Stopped => Self::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{Scope, Severity};
    use crate::protocol::{InteractionId, UpdateId};
    use crate::turn::{Kind, PermitFuture};
    use std::sync::Mutex;

    /// Hears of questions; `None` is one that begins.
    #[derive(Default)]
    struct Ear(Mutex<Vec<Option<Asked>>>);

    impl Outbox for Ear {
        fn permit<'a>(&'a self, _kind: Kind, _turn: &'a InteractionId) -> PermitFuture<'a> {
            Box::pin(std::future::pending())
        }

        fn recorded(&self, _update: UpdateId) {}

        fn asks(&self) {
            self.0.lock().expect("whole").push(None);
        }

        fn asked(&self, asked: Asked) {
            self.0.lock().expect("whole").push(Some(asked));
        }
    }

    /// Gives this answer, or none.
    struct Someone(Option<Answer>);

    impl Person for Someone {
        fn ask(&self, _question: Question) -> AnswerFuture<'_> {
            match self.0.clone() {
                Some(answer) => Box::pin(async { answer }),
                None => Box::pin(std::future::pending()),
            }
        }
    }

    #[tokio::test]
    async fn each_question_is_told_once_and_one_that_is_given_up_was_stopped() {
        let always = Answer::Always { scope: Scope::Tool, value: None };
        for (answer, expected) in [
            (Some(Answer::Once), Asked::Once),
            (Some(always), Asked::Always),
            (Some(Answer::Denied), Asked::Denied),
            (Some(Answer::Expired), Asked::Expired),
            (Some(Answer::Unasked), Asked::Unasked),
            (Some(Answer::Stopped), Asked::Stopped),
            (None, Asked::Stopped),
        ] {
            let ear = Arc::new(Ear::default());
            let told = Told { person: Arc::new(Someone(answer.clone())), outbox: ear.clone() };
            let question = Question {
                action: "eat".to_owned(),
                title: "May I eat?".to_owned(),
                command: None,
                host: None,
                message: String::new(),
                severity: Severity::Low,
            };
            tokio::select! {
                biased;
                given = told.ask(question) => assert_eq!(Some(given), answer),
                () = tokio::task::yield_now() => assert_eq!(answer, None),
            }
            assert_eq!(*ear.0.lock().expect("whole"), [None, Some(expected)]);
        }
    }
}
