//! One host with many turns that wait for a person at once, and what becomes of them.

use super::SILENCE;
use super::cloud::{Cloud, Event, Updates};
use super::host::Host;
use super::streams::dialled;
use super::wire::{self, Call};
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::SinkExt as _;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Cards from here on are the host's own: the turn waits for room.
const FIRST_OF_HOST: u32 = 1 << 31;
/// What the agent `fetch` says to a no.
const DENIED: &str = "I did not read it";

/// The users of one host, each in a session of their own.
pub(crate) struct Crowd {
    cloud: Cloud,
    updates: Updates,
    turns: Vec<Turn>,
    /// Updates that were sent.
    sent: usize,
    opened: usize,
    waiting: usize,
    asked: usize,
    ended: usize,
}

#[derive(Default)]
struct Turn {
    is_open: bool,
    waits: bool,
    /// Its question, until it is answered.
    question: Option<String>,
    ended: bool,
}

impl Crowd {
    /// Waits for the host to dial.
    ///
    /// # Errors
    /// When it ends, does something else first, or is silent.
    pub(crate) async fn connect(mut cloud: Cloud, host: &mut Host) -> Result<Self> {
        let updates = dialled(&mut cloud, host).await?;
        Ok(Self { cloud, updates, turns: Vec::new(), sent: 0, opened: 0, waiting: 0, asked: 0, ended: 0 })
    }

    /// Lets so many users say `text` at once, and waits until `room` of the turns have asked, the others have said that
    /// they wait, and all bubbles are open. How long that took.
    ///
    /// # Errors
    /// When the host does something that no host should, is silent or gone.
    pub(crate) async fn gather(&mut self, text: &str, count: usize, room: usize) -> Result<Duration> {
        let (begun, still) = (Instant::now(), count.min(room));
        self.turns.resize_with(count, Turn::default);
        for turn in 0..count {
            self.send(wire::update(turn, turn, text)).await?;
            while let Ok(event) = self.cloud.events.try_recv() {
                self.note(event)?;
            }
        }
        while self.asked < still || self.waiting < count - still || self.opened < count {
            self.next().await?;
        }
        ensure!((self.asked, self.waiting) == (still, count - still), "{} asked, {} wait", self.asked, self.waiting);
        ensure!(self.ended == 0, "a turn ended before it was answered");
        Ok(begun.elapsed())
    }

    /// Says no to every question, also to those that come now that there is room, until all turns have ended as their
    /// agent does after a no. How long that took.
    ///
    /// # Errors
    /// When a turn ends in another way, and as [`Crowd::gather`].
    pub(crate) async fn deny(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        while self.ended < self.turns.len() {
            for turn in 0..self.turns.len() {
                if let Some(question) = self.turns[turn].question.take() {
                    self.send(wire::denied(self.sent, turn, &question)).await?;
                }
            }
            self.next().await?;
            while let Ok(event) = self.cloud.events.try_recv() {
                self.note(event)?;
            }
        }
        ensure!(self.asked == self.turns.len(), "{} of {} turns asked", self.asked, self.turns.len());
        Ok(begun.elapsed())
    }

    async fn send(&mut self, frame: String) -> Result<()> {
        self.sent += 1;
        self.updates.send(Message::text(frame)).await.context("cannot send an update")
    }

    async fn next(&mut self) -> Result<()> {
        let Ok(event) = timeout(SILENCE, self.cloud.events.recv()).await else {
            let Self { opened, asked, waiting, ended, .. } = self;
            bail!("the host was silent for 20 s: {opened} are open, {asked} asked, {waiting} wait, {ended} ended");
        };
        self.note(event.context("the stub ended")?)
    }

    fn note(&mut self, event: Event) -> Result<()> {
        let (number, call) = match event {
            Event::Called { turn, call, .. } => (turn, call),
            Event::Connected(_) | Event::Gone => bail!("the host's socket closed amid a run"),
            Event::Fault(error) => return Err(error),
        };
        let turn = self.turns.get_mut(number).with_context(|| format!("a call for turn {number}, never begun"))?;
        match call {
            Call::Open => {
                ensure!(!std::mem::replace(&mut turn.is_open, true), "turn {number} opened twice");
                self.opened += 1;
            }
            Call::Card(card) if card >= FIRST_OF_HOST => {
                ensure!(!std::mem::replace(&mut turn.waits, true), "turn {number} said twice that it waits");
                self.waiting += 1;
            }
            Call::Ask(question) => {
                turn.question = Some(question);
                self.asked += 1;
            }
            Call::End(text) => {
                let said = text.unwrap_or_default();
                ensure!(said.starts_with(DENIED), "turn {number} ended with {said:?}");
                ensure!(!std::mem::replace(&mut turn.ended, true), "turn {number} ended twice");
                self.ended += 1;
            }
            Call::Card(_) | Call::Delta(_) => {}
        }
        Ok(())
    }
}
