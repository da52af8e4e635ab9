//! The one way out of a turn: what an agent wants to do is checked, shown, decided and written down, then done, and what
//! came of it is written down, too.

use super::chat::{Act, CardId, Chat, Stopped};
use super::tools::Refusal;
use super::wall::WallClock;
use crate::approval::{Allowed, AnswerFuture, By, Client, Desk, Office, Person, Refused};
use crate::grant::{Ask, FilesAsk, Question, Rule, Wants, Withheld};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Cards that one turn may show.
const MAX_CARDS: u32 = 1_000;
/// How often a deed that goes on by a grant looks whether that still stands.
const LOOK: Duration = Duration::from_millis(200);
/// The longest label of a card, and the longest error, in bytes.
const MAX_LABEL: usize = 500;
const MAX_ERROR: usize = 2_000;

/// The door of one turn. Whatever an agent does to the world passes it.
pub struct Door {
    desk: Desk,
    chat: Arc<dyn Chat>,
    cards: AtomicU32,
    /// Something was done, or is kept, that would be done again if the turn ran again.
    touched: AtomicBool,
    clock: Clock,
}

/// The turn's time, once it has begun.
type Clock = Arc<OnceLock<WallClock>>;

/// Asks a person, and lets the turn's time stand still meanwhile.
struct Patient {
    person: Arc<dyn Person>,
    clock: Clock,
}

impl Person for Patient {
    fn ask(&self, question: Question) -> AnswerFuture<'_> {
        Box::pin(async {
            let _pause = self.clock.get().map(WallClock::pause);
            self.person.ask(question).await
        })
    }
}

/// Leave to do what was asked for, now.
pub struct Leave {
    door: Arc<Door>,
    allowed: Allowed,
    card: Option<CardId>,
    told: bool,
}

impl Door {
    /// The door of a client's turn, with the chat that shows what passes it, and who can be asked there.
    pub fn new(office: Arc<Office>, client: Client, chat: Arc<dyn Chat>, person: Arc<dyn Person>, asks: u32) -> Self {
        let clock = Clock::default();
        let patient = Arc::new(Patient { person, clock: clock.clone() });
        Self {
            desk: Desk::new(office, client, patient, asks),
            chat,
            cards: AtomicU32::new(0),
            touched: AtomicBool::new(false),
            clock,
        }
    }

    /// The turn begins.
    pub fn begin(&self, clock: WallClock) {
        // A turn begins once.
        let _ = self.clock.set(clock);
    }

    /// Something is about to be done that would be done again if the turn ran again. That is written down first, once: a
    /// later process must not run the turn again.
    ///
    /// # Errors
    /// When it cannot be written down: then it must not be done.
    pub async fn touch(&self) -> Result<(), Refusal> {
        if !self.is_touched() {
            self.desk.touch().await?;
            self.touched.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether something was done that would be done again if the turn ran again.
    pub fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// The operator's rule that speaks of something, whatever it says: it also says what comes with leave.
    pub fn rule(&self, ask: &Ask) -> Option<&Rule> {
        self.desk.rule(ask)
    }

    /// What the agent said beforehand.
    pub(super) fn wants(&self) -> &Wants {
        self.desk.wants()
    }

    /// The rule that gives a folder, by its place.
    ///
    /// # Errors
    /// What withholds it, and what would give it.
    pub fn gives(&self, ask: &FilesAsk) -> Result<String, Withheld> {
        self.desk.gives(ask)
    }

    /// Writes down that a folder is given, before it is.
    ///
    /// # Errors
    /// When it cannot be written down: then it is not given.
    pub async fn given(&self, ask: &FilesAsk, by: &str) -> Result<(), Refusal> {
        Ok(self.desk.given(ask, by).await?)
    }

    /// Whether the turn was denied too much, and is to end: also if it never hears of that.
    pub(super) fn is_over(&self) -> bool {
        self.desk.is_over()
    }

    /// Whether a program that is asked for by this could be one that the agent wants. If not, [`Door::open`] denies it.
    pub(super) fn may_run(&self, asked: &str) -> bool {
        self.desk.may_run(asked)
    }

    /// Asks for leave, which may take as long as a person needs to answer.
    ///
    /// # Errors
    /// When it is not given, which a person and the agent are told why.
    pub async fn open(self: &Arc<Self>, ask: &Ask, reason: Option<&str>) -> Result<Leave, Refusal> {
        let card = match self.shows(ask) {
            true => Some(self.show(ask).await?),
            false => None,
        };
        let mut shown = Shown { door: self.clone(), card };
        match self.desk.decide(ask, reason).await {
            Ok(allowed) => {
                // The decision says so to a later process.
                self.touched.store(true, Ordering::Relaxed);
                Ok(Leave { door: self.clone(), allowed, card: shown.card.take(), told: false })
            }
            Err(refused) => {
                let refusal = Refusal::from(refused);
                if let Some(card) = shown.card.take() {
                    // A turn that is stopped closes its cards itself.
                    let _ = self.chat.act(Act::Fail { card, error: clip(&refusal.to_string()) }).await;
                }
                Err(refusal)
            }
        }
    }

    /// A new card's number.
    ///
    /// # Errors
    /// When the turn may show no more.
    pub fn next_card(&self) -> Result<CardId, Refusal> {
        let next = |count| (count < MAX_CARDS).then_some(count + 1);
        let card = self.cards.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map(CardId);
        card.map_err(|_| Refusal::Limit(format!("a turn may show {MAX_CARDS} cards")))
    }

    /// Whether a card shows it: what a person may be asked about, and all programs. The agent's own question is seen
    /// as it is asked.
    fn shows(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Exec(_) => true,
            Ask::Http(_) => self.desk.may_ask(ask),
            Ask::Own(_) => false,
        }
    }

    async fn show(&self, ask: &Ask) -> Result<CardId, Refusal> {
        let card = self.next_card()?;
        let kind = ask.capability().as_str().to_owned();
        let label = crate::text::line(&ask.title(), MAX_LABEL);
        let args = Some(json!({ "command": ask.command(), "host": ask.host() }));
        self.chat.act(Act::Open { card, kind, label, args }).await?;
        Ok(card)
    }
}

/// The card of what is being decided. Dropped before that, nobody waits for the decision, and the card says so.
struct Shown {
    door: Arc<Door>,
    card: Option<CardId>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let Some(card) = self.card.take() else { return };
        let door = self.door.clone();
        crate::tasks::spawn("card given up", async move {
            // A turn that is stopped closes its cards itself.
            let _ = door.chat.act(Act::Cancel { card }).await;
        });
    }
}

impl Leave {
    /// Whether it was given for this once, or stands.
    pub fn is_once(&self) -> bool {
        self.allowed.by == By::Person
    }

    /// Whether the operator's own rule gave it, and nobody who saw but this deed.
    pub(super) fn is_by_rule(&self) -> bool {
        matches!(self.allowed.by, By::Rule(_))
    }

    /// Ready when what allowed it was taken back. What goes on by it ends then.
    pub async fn revoked(&self) {
        if !matches!(self.allowed.by, By::Grant(_)) {
            return std::future::pending().await;
        }
        while self.door.desk.stands(&self.allowed.by).await {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Shows how far it is, on the card if there is one.
    ///
    /// # Errors
    /// When the turn was stopped.
    pub async fn progress(&self, partial: Value) -> Result<(), Stopped> {
        let Some(card) = self.card else { return Ok(()) };
        let partial = Some(crate::text::upright(partial));
        self.door.chat.act(Act::Progress { card, percent: None, label: None, partial }).await
    }

    /// It is done, and this came of it: a few words for the log, and what the card shows.
    pub async fn done(mut self, outcome: &str, result: Option<Value>) {
        let result = result.map(crate::text::upright);
        let close = self.card.map(|card| Act::Complete { card, result });
        self.tell(outcome, close).await;
    }

    /// It failed, for this reason.
    pub async fn failed(mut self, why: &str) {
        let close = self.card.map(|card| Act::Fail { card, error: clip(why) });
        self.tell(why, close).await;
    }

    async fn tell(&mut self, outcome: &str, close: Option<Act>) {
        self.told = true;
        if let Some(close) = close {
            // A turn that is stopped closes its cards itself.
            let _ = self.door.chat.act(close).await;
        }
        self.door.desk.done(self.allowed.decision, outcome).await;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let (door, card, decision) = (self.door.clone(), self.card, self.allowed.decision);
        crate::tasks::spawn("given up", async move {
            if let Some(card) = card {
                let _ = door.chat.act(Act::Cancel { card }).await;
            }
            door.desk.done(decision, "given up").await;
        });
    }
}

impl From<Stopped> for Refusal {
    fn from(_: Stopped) -> Self {
        Self::Cancelled
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied { rule, hint } => Self::Denied { rule, hint },
            Refused::Expired => Self::Expired,
            Refused::Stopped => Self::Cancelled,
            Refused::TooMany => Self::TooManyAsks,
            Refused::TooManyDenials => Self::TooManyDenials,
            Refused::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

fn clip(words: &str) -> String {
    crate::text::clip(words, MAX_ERROR)
}

#[cfg(test)]
mod tests;
