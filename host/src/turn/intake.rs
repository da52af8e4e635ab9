//! Where updates come in: told from repeats, recorded, and turned into turns.

use super::bubble::Bubble;
use super::ending;
use super::journal::Notes;
use super::lane::{Added, Crowd, Lanes, Turn};
use super::outgoing::{Outbox, Stage};
use super::seen::Seen;
use super::speech::Speech;
use super::writer::{self, Written};
use crate::approval::{Office, Waiting};
use crate::capability::http::Connector;
use crate::capability::{Folders, Programs, Settings, Vault};
use crate::config::AgentName;
use crate::protocol::{Event, SessionId, Update, UpdateId, UserMessage};
use crate::registry::Registry;
use crate::store::{Brought, Receipt, Store, StoreError};
use crate::time::now_ms;
use crate::wasm::Engine;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Updates that may wait for their record to be durable.
const MAX_UNRECORDED: usize = 1_024;
/// Messages that may be on their way to be answered with a note that too many wait; then intake waits.
const MAX_REFUSALS: usize = 1_000;
/// Between two tries to record an update.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// The note on a message for which there is no room in its session.
const TOO_MANY_HERE: &str = "Too many messages wait in this chat. Send this one again when some are answered.";
/// The note on a message for which there is no room in the host.
const TOO_MANY: &str = "Too many messages wait on this host. Send this one again in a while.";

/// All that turns work with.
pub struct House {
    /// Runs guests.
    pub engine: Arc<Engine>,
    /// Who there is.
    pub registry: Arc<Registry>,
    /// Remembers.
    pub store: Store,
    /// Decides what agents may do.
    pub office: Arc<Office>,
    /// What the operator set for agents, by name.
    pub settings: BTreeMap<AgentName, Arc<Settings>>,
    /// The folders that agents work in, or are given.
    pub folders: Arc<Folders>,
    /// Runs programs for agents.
    pub programs: Arc<Programs>,
    /// Carries requests of agents.
    pub connector: Arc<Connector>,
    /// The operator's secrets.
    pub vault: Vault,
    /// Carries requests to the cloud.
    pub outbox: Arc<dyn Outbox>,
    /// The most turns that wait or run, in all sessions together.
    pub open_at_most: u32,
}

/// Takes updates and runs turns.
pub struct Turns {
    pub(super) house: Arc<House>,
    seen: Mutex<Seen>,
    lanes: Arc<Mutex<Lanes>>,
    waiting: Waiting,
    refusals: Arc<Semaphore>,
    unrecorded: mpsc::Sender<Unrecorded>,
    running: TaskTracker,
    /// What is not done by now is left to the next start.
    abandoned: CancellationToken,
}

/// An update on its way to the disk.
struct Unrecorded {
    update: UpdateId,
    brought: Brought,
    receipt: Receipt<()>,
}

impl Turns {
    /// Starts taking updates. What an earlier process left is taken up first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(house: House) -> Result<Self, StoreError> {
        let house = Arc::new(house);
        let recent = house.store.recent().await?;
        let unfinished = house.store.unfinished().await?;
        let interrupted = house.store.close_interrupted(now_ms()).await?;
        if interrupted > 0 {
            tracing::info!(interrupted, "closed in the log what an earlier process had asked or begun");
        }
        let (unrecorded, queue) = mpsc::channel(MAX_UNRECORDED);
        let abandoned = CancellationToken::new();
        let recorder = record(house.clone(), queue);
        crate::tasks::spawn("recorder", abandoned.clone().run_until_cancelled_owned(recorder));
        let lanes = Lanes::new(usize::try_from(house.open_at_most).unwrap_or(usize::MAX));
        let turns = Self {
            house,
            seen: Mutex::new(Seen::new(recent)),
            lanes: Arc::new(Mutex::new(lanes)),
            waiting: Waiting::default(),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
            unrecorded,
            running: TaskTracker::new(),
            abandoned,
        };
        turns.resume(unfinished);
        Ok(turns)
    }

    /// Takes one update. It is acked, through [`Outbox::recorded`], once it is durable.
    pub async fn accept(&self, update: Update) {
        let id = update.update_id.clone();
        let event = update.event();
        let brought = match &event {
            Event::Message(message) => Brought::Message(message.clone()),
            Event::Cancelled { session, interaction } => {
                Brought::Cancel { session: session.clone(), interaction: interaction.clone() }
            }
            Event::Answered { .. } | Event::Incomplete { .. } | Event::Ignored => Brought::Nothing,
        };
        // Queued before anything begins, so that a turn's end cannot be recorded before its beginning.
        let receipt = self.house.store.receive(id.clone(), brought.clone(), now_ms()).await;
        if lock(&self.seen).is_news(&id) {
            self.happen(event, &update).await;
        }
        // A recorder that is gone was abandoned: without an ack the cloud sends the update again.
        let _ = self.unrecorded.send(Unrecorded { update: id, brought, receipt }).await;
    }

    /// Does what an update says, for the first time.
    async fn happen(&self, event: Event, update: &Update) {
        match event {
            Event::Message(message) => {
                let is_new = lock(&self.seen).is_new_turn(&message);
                if is_new {
                    // In case it must be refused. Places are never closed, so there is always one in the end.
                    let place = self.refusals.clone().acquire_owned().await.ok();
                    self.begin(*message, place);
                }
            }
            Event::Cancelled { session, interaction } => lock(&self.lanes).cancel(&session, interaction.as_ref()),
            Event::Answered { approval, verdict } => {
                if !self.waiting.answered(&approval, verdict) {
                    tracing::info!(%approval, "an answer came to a question that nobody waits for any more");
                }
            }
            Event::Incomplete { missing } => {
                let kind = crate::text::line(&update.kind, 80);
                tracing::warn!(update = %update.update_id, kind, "an update without `{missing}` was acked and dropped");
            }
            Event::Ignored => {}
        }
    }

    /// Bytes of text and cards that wait for the cloud. Counted when it is asked for, which costs nobody else anything.
    pub fn waiting_bytes(&self) -> usize {
        lock(&self.lanes).waiting_bytes()
    }

    /// Ends in good order: turns that wait are stopped, those that run have `grace` to come to their own end and are
    /// stopped then. What the cloud does not take within `closing` after that is abandoned: the next start ends it.
    pub async fn close(&self, grace: Duration, closing: Duration) {
        let running = lock(&self.lanes).drain();
        self.running.close();
        if running > 0 {
            tracing::info!(running, "waiting up to {} s for turns that run", grace.as_secs());
        }
        if tokio::time::timeout(grace, self.running.wait()).await.is_err() {
            lock(&self.lanes).close();
            if tokio::time::timeout(closing, self.running.wait()).await.is_err() {
                tracing::warn!(turns = self.running.len(), "turns were left without an end; the next start ends them");
            }
        }
        self.abandon();
        self.running.wait().await;
    }

    /// Stops everything at once. Ends that are not sent by now are left to the next start.
    pub fn abandon(&self) {
        // First of all: an end in words that still left would not be what the next start expects.
        self.abandoned.cancel();
        lock(&self.lanes).close();
        self.running.close();
    }

    /// Opens a turn's bubble at once; the turn runs when its session comes to it.
    fn begin(&self, message: UserMessage, place: Option<OwnedSemaphorePermit>) {
        self.enqueue(self.open(message.clone(), Bubble::new(message), 0), place);
    }

    /// Lets the turn's session run it in order. Where there is no room, it is refused in `place`.
    pub(super) fn enqueue(&self, turn: Turn, place: Option<OwnedSemaphorePermit>) {
        let session = turn.message.session.clone();
        let added = lock(&self.lanes).add(turn);
        let house = self.house.clone();
        match added {
            Added::First => {
                let lanes = self.lanes.clone();
                self.track("session", work(house, lanes, session));
            }
            Added::Behind => {}
            Added::Full(turn, crowd) => {
                turn.speech.end(ending::noted(match crowd {
                    Crowd::Session => TOO_MANY_HERE,
                    Crowd::Host => TOO_MANY,
                }));
                let refused = async move {
                    house.finish(*turn).await;
                    drop(place);
                };
                self.track("refusal", refused);
            }
        }
    }

    /// Opens a bubble, of whose requests `noted` are in the journal.
    pub(super) fn open(&self, message: UserMessage, bubble: Bubble, noted: u32) -> Turn {
        self.house.outbox.moved(&message.interaction, &message.session, Stage::Opening);
        let speech = Arc::new(Speech::new(bubble, self.waiting.clone()));
        let (shared, outbox, interaction) = (speech.clone(), self.house.outbox.clone(), message.interaction.clone());
        let journal = Notes::new(self.house.store.clone(), message.clone(), noted);
        let abandoned = self.abandoned.clone();
        let write = async move {
            tokio::select! {
                biased;
                () = abandoned.cancelled() => Written::Lost,
                written = writer::write(&shared, &interaction, &journal, &*outbox) => written,
            }
        };
        let span = self.house.outbox.begins(&message);
        let writer = crate::tasks::spawn("writer", write.instrument(span.clone()));
        Turn { message, speech, writer, is_rerun: false, span }
    }

    pub(super) fn track(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        crate::tasks::spawn(name, self.running.track_future(work));
    }
}

/// Runs the turns of one session until there are none. Each is a task of its own, so that a defect in one of them
/// ends that turn and not its session.
async fn work(house: Arc<House>, lanes: Arc<Mutex<Lanes>>, session: SessionId) {
    loop {
        // In a box: this task holds what it hands on as long as the turn lives.
        let next = lock(&lanes).next(&session).map(Box::new);
        let Some(turn) = next else { return };
        let (interaction, span) = (turn.message.interaction.clone(), turn.span.clone());
        run(house.clone(), turn).instrument(span).await;
        if !lock(&lanes).done(&session, &interaction) {
            return;
        }
    }
}

/// Runs one turn to its end.
async fn run(house: Arc<House>, turn: Box<Turn>) {
    let (message, speech, span, shared) = (turn.message.clone(), turn.speech.clone(), turn.span.clone(), house.clone());
    if turn.is_rerun
        && let Err(error) = house.store.run_again(&message).await
    {
        tracing::error!("cannot count the runs of a turn: {error}");
    }
    let run = crate::tasks::spawn("turn", async move { shared.run(&message, &speech, &span).await });
    if run.await.is_err() {
        turn.speech.end(ending::noted("Something went wrong inside the host; its log says what."));
    }
    Box::pin(house.finish(*turn)).await;
}

/// Tells the cloud what is durable, in order. What cannot be recorded is tried again, and holds up all after it: an
/// ack is cumulative.
async fn record(house: Arc<House>, mut queue: mpsc::Receiver<Unrecorded>) {
    while let Some(Unrecorded { update, brought, mut receipt }) = queue.recv().await {
        loop {
            let error = match receipt.await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => error,
                Err(_dropped) => StoreError::Closed,
            };
            tracing::error!(%update, "cannot record an update, trying again: {error}");
            tokio::time::sleep(RECORD_AGAIN).await;
            receipt = house.store.receive(update.clone(), brought.clone(), now_ms()).await;
        }
        house.outbox.recorded(update);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
