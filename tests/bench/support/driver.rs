//! The driver plays the user: it sends updates, follows each turn to its end, and checks that the host kept the rules.

use super::SILENCE;
use super::cloud::{Cloud, Event, Updates};
use super::host::Host;
use super::wire::{self, Call};
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::SinkExt as _;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// What the agent `twice` writes.
const ANSWER: &str = "first second";

/// The user of one run.
pub(crate) struct Driver {
    cloud: Cloud,
    updates: Updates,
    /// Every turn of the run, by its number. Kept to the end, so that a call that comes twice is found out.
    turns: Vec<Turn>,
}

/// What is said, how often, and how many at once.
pub(crate) struct Plan {
    pub(crate) text: &'static str,
    pub(crate) turns: usize,
    pub(crate) at_once: usize,
}

/// What came of a plan.
pub(crate) struct Pass<'a> {
    pub(crate) turns: &'a [Turn],
    /// From the first update to the last answer.
    pub(crate) took: Duration,
}

/// One turn, and when the host did what. Every time is that of the whole request's arrival.
pub(crate) struct Turn {
    slot: usize,
    sent: Instant,
    opened: Option<Instant>,
    delta: Option<Instant>,
    ended: Option<Instant>,
    streamed: String,
    /// One of those that only make it hard for the others. It may say what it likes.
    load: bool,
}

/// What others do during a plan: so many turns of another agent at once, each followed by the next.
pub(crate) struct Load {
    pub(crate) agent: &'static str,
    pub(crate) text: String,
    pub(crate) at_once: usize,
}

/// The first slot of a load. Plans have fewer.
const LOAD_SLOT: usize = 10_000;

impl Turn {
    /// Update sent to `sendMessage`.
    pub(crate) fn to_bubble(&self) -> Option<Duration> {
        self.opened.map(|at| at - self.sent)
    }

    /// Update sent to the first `sendMessageDelta`, if there was one.
    pub(crate) fn to_delta(&self) -> Option<Duration> {
        self.delta.map(|at| at - self.sent)
    }

    /// Update sent to whichever call brought text first: a fast agent is done before its bubble has an id, and then
    /// its end carries everything.
    pub(crate) fn to_text(&self) -> Option<Duration> {
        self.to_delta().or_else(|| self.to_end())
    }

    /// Update sent to `sendMessageEnd`.
    pub(crate) fn to_end(&self) -> Option<Duration> {
        self.ended.map(|at| at - self.sent)
    }

    fn note(&mut self, call: Call, at: Instant) -> Result<()> {
        ensure!(self.ended.is_none(), "a call after its end");
        match call {
            Call::Open => {
                ensure!(self.opened.replace(at).is_none(), "a second sendMessage");
            }
            _ if self.load => {
                if matches!(call, Call::End(_)) {
                    self.ended = Some(at);
                }
            }
            Call::Card(_) | Call::Ask(_) => bail!("a card or a question, which its agent has none of"),
            Call::Delta(text) => {
                ensure!(self.opened.is_some(), "a delta without a bubble");
                self.delta.get_or_insert(at);
                self.streamed.push_str(&text);
            }
            Call::End(text) => {
                ensure!(self.opened.is_some(), "an end without a bubble");
                let said = text.as_deref().unwrap_or(&self.streamed);
                ensure!(said == ANSWER, "{said:?} instead of {ANSWER:?}");
                ensure!(ANSWER.starts_with(&self.streamed), "{:?} was streamed", self.streamed);
                self.ended = Some(at);
            }
        }
        Ok(())
    }
}

impl Driver {
    /// Waits for the host to dial.
    ///
    /// # Errors
    /// When it ends, does something else first, or is silent.
    pub(crate) async fn connect(mut cloud: Cloud, host: &mut Host) -> Result<Self> {
        let first = tokio::select! {
            first = timeout(SILENCE, cloud.events.recv()) => first,
            status = host.ended() => bail!("the host ended before it dialled: {}", status?),
        };
        match first.context("the host did not dial within 20 s")?.context("the stub ended")? {
            Event::Connected(updates) => Ok(Self { cloud, updates, turns: Vec::new() }),
            Event::Called { .. } | Event::Gone => bail!("the host called before it dialled"),
            Event::Fault(error) => Err(error),
        }
    }

    /// Carries out a plan. Each of the `at_once` slots is a session and begins its next turn when its last is over.
    ///
    /// # Errors
    /// At the first turn that is not as it must be, and when the host is silent or gone.
    pub(crate) async fn pass(&mut self, plan: &Plan) -> Result<Pass<'_>> {
        let (first, started) = (self.turns.len(), Instant::now());
        for slot in 0..plan.at_once.min(plan.turns) {
            self.say(slot, plan.text).await?;
        }
        for _ in 0..plan.turns {
            let slot = self.next_end().await?;
            if self.turns.len() - first < plan.turns {
                self.say(slot, plan.text).await?;
            }
        }
        Ok(Pass { took: started.elapsed(), turns: &self.turns[first..] })
    }

    /// Carries out a plan beside a load, one turn at a time; gives its turns only. The load goes on afterwards.
    ///
    /// # Errors
    /// As [`Driver::pass`].
    pub(crate) async fn beside(&mut self, plan: &Plan, load: &Load) -> Result<Vec<&Turn>> {
        for slot in LOAD_SLOT..LOAD_SLOT + load.at_once {
            self.say(slot, &format!("/use {}", load.agent)).await?;
            while self.next_end().await? != slot {}
            self.say(slot, &load.text).await?;
        }
        let mut own = Vec::with_capacity(plan.turns);
        for _ in 0..plan.turns {
            own.push(self.turns.len());
            self.say(0, plan.text).await?;
            loop {
                match self.next_end().await? {
                    0 => break,
                    slot => self.say(slot, &load.text).await?,
                }
            }
        }
        Ok(own.into_iter().map(|number| &self.turns[number]).collect())
    }

    /// Waits until the last update is acked, stops the host, and looks at what it still said.
    ///
    /// # Errors
    /// When it does not ack or stop in time, or called for a turn that was over.
    pub(crate) async fn finish(mut self, host: Host) -> Result<()> {
        let last = self.turns.len() as u64;
        let acks = timeout(SILENCE, self.cloud.acked.wait_for(|acked| *acked >= last)).await;
        acks.context("the host did not ack the last update within 20 s")?.context("the stub ended")?;
        host.stop().await?;
        while let Ok(event) = self.cloud.events.try_recv() {
            if let Event::Called { turn, call, at } = event {
                self.note(turn, call, at)?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, slot: usize, text: &str) -> Result<()> {
        let frame = Message::text(wire::update(self.turns.len(), slot, text));
        let (sent, load) = (Instant::now(), slot >= LOAD_SLOT);
        self.turns.push(Turn { slot, sent, opened: None, delta: None, ended: None, streamed: String::new(), load });
        self.updates.send(frame).await.context("cannot send an update")
    }

    /// The slot of the next turn that is over.
    async fn next_end(&mut self) -> Result<usize> {
        loop {
            let Ok(event) = timeout(SILENCE, self.cloud.events.recv()).await else {
                let open = self.turns.iter().filter(|turn| turn.ended.is_none()).count();
                bail!("the host was silent for 20 s with {open} turns under way");
            };
            match event.context("the stub ended")? {
                Event::Called { turn, call, at } => {
                    let over = matches!(call, Call::End(_));
                    self.note(turn, call, at)?;
                    if over {
                        return Ok(self.turns[turn].slot);
                    }
                }
                Event::Connected(_) => bail!("the host dialled again amid a run"),
                Event::Gone => bail!("the host closed its socket amid a run"),
                Event::Fault(error) => return Err(error),
            }
        }
    }

    fn note(&mut self, number: usize, call: Call, at: Instant) -> Result<()> {
        let turn = self.turns.get_mut(number).with_context(|| format!("a call for turn {number}, never begun"))?;
        turn.note(call, at).with_context(|| format!("turn {number} went wrong"))
    }
}
