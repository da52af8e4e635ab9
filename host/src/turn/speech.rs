//! A bubble shared between the agent that speaks and the writer that sends.

use super::bubble::{Bubble, Due, Ending};
use super::outgoing::{Kind, Outgoing};
use crate::approval::{AnswerFuture, Person, Waiting};
use crate::capability::{Act, Chat, Stopped, Wait};
use crate::grant::{Answer, Question};
use crate::protocol::{ApprovalId, MessageId, Verdict};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One turn's bubble, behind a lock that is never held across a wait.
pub(super) struct Speech {
    bubble: Mutex<Bubble>,
    /// What its user is asked, beside the questions of all other turns.
    waiting: Waiting,
    /// Which version of which agent speaks, for people.
    by: Mutex<Option<String>>,
    /// There is something new to send. One writer listens.
    news: Notify,
    /// There is room for another act. One agent listens.
    room: Notify,
    /// The turn is to stop: its user, its host or the cloud wants it to.
    pub(super) stop: CancellationToken,
    /// The end is there and says all: what is sent before it may be lost.
    pub(super) moot: CancellationToken,
}

impl Speech {
    pub(super) fn new(bubble: Bubble, waiting: Waiting) -> Self {
        let (news, room) = (Notify::new(), Notify::new());
        let (stop, moot) = (CancellationToken::new(), CancellationToken::new());
        Self { bubble: Mutex::new(bubble), waiting, by: Mutex::default(), news, room, stop, moot }
    }

    fn bubble(&self) -> MutexGuard<'_, Bubble> {
        self.bubble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the bubble. Only the first end counts.
    pub(super) fn end(&self, ending: Ending) {
        let mut bubble = self.bubble();
        bubble.end(ending);
        if bubble.end_says_all() {
            self.moot.cancel();
        }
        drop(bubble);
        self.news.notify_one();
    }

    /// What the writer should do at `now`.
    pub(super) fn due(&self, now: Instant) -> Due {
        self.bubble().due(now)
    }

    /// The request that is due at `now`, if it is of this kind. It counts as sent.
    pub(super) fn take(&self, kind: Kind, now: Instant) -> Option<Outgoing> {
        let outgoing = self.bubble().take(kind, now);
        self.room.notify_one();
        outgoing
    }

    /// The bubble is open under this id.
    pub(super) fn opened(&self, id: MessageId) {
        self.bubble().opened(id);
    }

    /// The user is asked a question, which may be decided already.
    pub(super) fn asked(&self, id: Option<&ApprovalId>, expires_in: Option<Duration>, verdict: Option<Verdict>) {
        match (id, verdict) {
            (Some(id), Some(verdict)) => drop(self.waiting.answered(id, verdict)),
            (Some(id), None) => self.waiting.asked(id, expires_in),
            (None, _) => {}
        }
    }

    /// The cloud did not take a request; whoever waits for the answer to it, if it was a question, waits no more.
    pub(super) fn unasked(&self, id: Option<&ApprovalId>) {
        if let Some(id) = id {
            self.waiting.unasked(id);
        }
    }

    /// Text was given up that the end says again.
    pub(super) fn skip_text(&self) {
        self.bubble().skip_text();
    }

    /// The cloud will not take the end as it is.
    pub(super) fn end_refused(&self) {
        self.bubble().end_refused();
    }

    /// Nothing more can be written: the turn is to stop.
    pub(super) fn gone(&self) {
        self.bubble().gone();
        self.stop.cancel();
    }

    /// Bytes of text and cards that wait to be sent.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bubble().waiting_bytes()
    }

    /// Waits until there is something new to send.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// A version of an agent speaks from now on.
    pub(super) fn given_to(&self, version: String) {
        *self.by.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }

    /// Which version of which agent speaks, if one does.
    pub(super) fn by(&self) -> Option<String> {
        self.by.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the agent has said or done something in the bubble.
    pub(super) fn is_touched(&self) -> bool {
        self.bubble().is_touched()
    }

    /// What the bubble says.
    pub(super) fn said(&self) -> String {
        self.bubble().said().to_owned()
    }

    fn push(&self, act: &mut Option<Act>) -> bool {
        let mut bubble = self.bubble();
        if !bubble.has_room() {
            return false;
        }
        if let Some(act) = act.take() {
            bubble.push(act);
        }
        true
    }
}

impl Chat for Speech {
    fn act(&self, act: Act) -> Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + '_>> {
        Box::pin(async move {
            let mut act = Some(act);
            loop {
                if self.stop.is_cancelled() {
                    return Err(Stopped);
                }
                if self.push(&mut act) {
                    self.news.notify_one();
                    return Ok(());
                }
                tokio::select! {
                    () = self.room.notified() => {}
                    () = self.stop.cancelled() => {}
                }
            }
        })
    }

    fn waits(&self, wait: Option<Wait>) {
        if self.bubble().waits(wait) {
            self.news.notify_one();
        }
    }
}

impl Person for Speech {
    fn ask(&self, question: Question) -> AnswerFuture<'_> {
        Box::pin(async move {
            let (ask, id) = self.bubble().next_ask();
            let mut wait = self.waiting.on(id);
            if self.act(Act::Ask { ask, question: Box::new(question) }).await.is_err() {
                return Answer::Stopped;
            }
            tokio::select! {
                answer = wait.answer() => answer,
                () = self.stop.cancelled() => Answer::Stopped,
            }
        })
    }
}
