//! Questions that wait for their answers.

use crate::grant::{Answer, Scope};
use crate::protocol::{ApprovalId, GrantScope, Verdict};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How long a question waits unless the cloud says so, and the least that is waited: our clock may not be the cloud's.
const EXPIRY: Duration = Duration::from_secs(300);
/// The longest that is believed.
const MAX_EXPIRY: Duration = Duration::from_secs(3_600);
/// The cloud says that a question expired. Should that get lost, nobody waits longer than this for it.
const SLACK: Duration = Duration::from_secs(60);

/// All questions of a host that wait. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<ApprovalId, Arc<Line>>>>);

/// Tells one that waits. Not a channel, of which each would take a kilobyte: thousands may wait.
#[derive(Debug, Default)]
struct Line {
    news: Mutex<News>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct News {
    /// The cloud has the question, for so long.
    asked: Option<Duration>,
    answer: Option<Answer>,
}

/// One question's wait. Dropped, its answer is of no interest any more.
#[derive(Debug)]
pub struct Wait {
    waiting: Waiting,
    id: ApprovalId,
    line: Arc<Line>,
}

impl Line {
    fn tell(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    fn take(&self) -> News {
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting {
    /// Waits for the answer to a question that is about to be sent.
    pub fn on(&self, id: ApprovalId) -> Wait {
        let line = Arc::<Line>::default();
        // Those of turns never take another's id. One that did would leave that without an answer.
        if let Some(other) = self.lock().insert(id.clone(), line.clone()) {
            other.tell(|news| news.answer = Some(Answer::Unasked));
        }
        Wait { waiting: self.clone(), id, line }
    }

    /// The cloud has a question, and will drop it after `expires_in`.
    pub fn asked(&self, id: &ApprovalId, expires_in: Option<Duration>) {
        let expires_in = expires_in.unwrap_or(EXPIRY).clamp(EXPIRY, MAX_EXPIRY) + SLACK;
        if let Some(line) = self.lock().get(id) {
            line.tell(|news| news.asked = Some(expires_in));
        }
    }

    /// An answer has come. Whether anybody waited for it: a later one, or one from before a restart, finds nobody.
    pub fn answered(&self, id: &ApprovalId, verdict: Verdict) -> bool {
        self.settle(id, verdict.into())
    }

    /// The cloud did not take a question.
    pub fn unasked(&self, id: &ApprovalId) {
        self.settle(id, Answer::Unasked);
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn settle(&self, id: &ApprovalId, answer: Answer) -> bool {
        let Some(line) = self.lock().remove(id) else { return false };
        line.tell(|news| news.answer = Some(answer));
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApprovalId, Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    /// The answer, when it comes. However long it takes to ask; but once asked, an answer that never comes is a no.
    pub async fn answer(&mut self) -> Answer {
        let mut due = None;
        loop {
            let news = self.line.take();
            if let Some(answer) = news.answer {
                return answer;
            }
            due = news.asked.map(|expires_in| Instant::now() + expires_in).or(due);
            let expired = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.line.changed.notified() => {}
                () = expired => return Answer::Expired,
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Once => Self::Once,
            Verdict::Always { scope, value } => Self::Always { scope: scope.into(), value },
            Verdict::Denied => Self::Denied,
            Verdict::Expired => Self::Expired,
        }
    }
}

impl From<GrantScope> for Scope {
    fn from(scope: GrantScope) -> Self {
        match scope {
            GrantScope::Session => Self::Session,
            GrantScope::Tool => Self::Tool,
            GrantScope::Domain => Self::Domain,
            GrantScope::All => Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> ApprovalId {
        id.try_into().expect("an id")
    }

    #[tokio::test]
    async fn an_answer_reaches_the_one_that_waits_and_only_once() {
        let waiting = Waiting::default();
        let (mut one, mut other) = (waiting.on(id("a")), waiting.on(id("b")));
        waiting.asked(&id("b"), None);
        assert!(waiting.answered(&id("b"), Verdict::Denied));
        assert_eq!(other.answer().await, Answer::Denied);
        assert!(!waiting.answered(&id("b"), Verdict::Once), "a second answer must find nobody");
        waiting.unasked(&id("a"));
        assert_eq!(one.answer().await, Answer::Unasked);
        assert!(!waiting.answered(&id("c"), Verdict::Once));
    }

    #[tokio::test]
    async fn who_waits_no_more_is_forgotten() {
        let waiting = Waiting::default();
        let wait = waiting.on(id("a"));
        assert_eq!(waiting.count(), 1);
        drop(wait);
        assert_eq!(waiting.count(), 0);
        assert!(!waiting.answered(&id("a"), Verdict::Once));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_gets_lost_is_a_no_but_a_cloud_that_is_away_is_waited_for() {
        let (waiting, start) = (Waiting::default(), Instant::now());
        let mut wait = waiting.on(id("a"));
        let hours = tokio::time::timeout(Duration::from_secs(7_200), wait.answer());
        assert!(hours.await.is_err(), "it is not asked yet");
        // A clock that is wrong must not end it early, nor keep it for ever.
        for (told, expected) in [(Some(0), 360), (None, 360), (Some(600), 660), (Some(1 << 40), 3_660)] {
            let mut wait = waiting.on(id("b"));
            waiting.asked(&id("b"), told.map(Duration::from_secs));
            let asked = Instant::now();
            assert_eq!(wait.answer().await, Answer::Expired);
            assert_eq!(asked.elapsed(), Duration::from_secs(expected));
        }
        assert!(start.elapsed() > Duration::from_secs(7_200));
    }
}
