//! What the cloud says of it all.

use crate::traffic::{End, Said};
use crate::{Event, World};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::ops::AddAssign;

/// How the turns ended.
#[derive(Debug, Default)]
pub struct Tally {
    /// With their answers.
    pub whole: u32,
    /// With what they had.
    pub interrupted: u32,
    /// Without another try.
    pub given_up: u32,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.whole += other.whole;
        self.interrupted += other.interrupted;
        self.given_up += other.given_up;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.whole + self.interrupted + self.given_up;
        write!(f, "{all} messages: {} answered, {} interrupted, ", self.whole, self.interrupted)?;
        write!(f, "{} given up", self.given_up)
    }
}

/// Checks every message against the cloud's own record and what its user saw.
pub fn check(world: &World, said: &[Said]) -> Result<Tally> {
    let mut record = world.cloud().record();
    let mut turns: HashMap<String, Vec<Value>> = HashMap::new();
    for turn in record["turns"].as_array_mut().context("no record")?.drain(..) {
        turns.entry(text(&turn["interaction_id"])).or_default().push(turn);
    }
    let mut events: HashMap<String, Vec<Event>> = HashMap::new();
    for event in world.user.events() {
        events.entry(text(&event.data["interaction_id"])).or_default().push(event);
    }
    ensure!(record["unasked"].as_array().is_some_and(Vec::is_empty), "bubbles of no turn: {}", record["unasked"]);
    let mut tally = Tally::default();
    for message in said {
        let turn = turns.get(&message.interaction).context("a message that the cloud does not know")?;
        let seen = events.get(&message.interaction).context("a turn that nobody saw")?;
        match one(message, turn, seen).with_context(|| format!("{message:?}: {turn:#?}"))? {
            End::Whole => tally.whole += 1,
            End::Interrupted => tally.interrupted += 1,
            End::GivenUp => tally.given_up += 1,
        }
    }
    Ok(tally)
}

fn one(message: &Said, turns: &[Value], events: &[Event]) -> Result<End> {
    ensure!(turns.len() == 1, "recorded {} times", turns.len());
    let list = |name: &str| turns[0][name].as_array().map_or(&[][..], Vec::as_slice);
    let over = |task: &Value| matches!(task["status"].as_str(), Some("completed" | "failed" | "cancelled"));
    ensure!(list("tasks").iter().all(over), "a card is left running");
    let [bubble] = list("bubbles") else { bail!("{} bubbles for one message", list("bubbles").len()) };
    ensure!(bubble["finalized_times"] == 1 && bubble["late_ends"] == 0, "not finished exactly once");
    let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).collect::<Vec<_>>();
    ensure!(of_kind("message_finalized").len() == 1, "not seen to be finished exactly once");
    let deltas: String = of_kind("message_delta").iter().map(|event| text(&event.data["delta"])).collect();
    ensure!(message.deed.may_stream(&deltas), "the stream is not a beginning of the answer: {deltas:?}");
    let last = events.iter().rfind(|event| event.kind.starts_with("message_")).context("nothing was seen")?;
    ensure!(last.kind == "message_finalized", "{} came after the end", last.kind);
    message.deed.end(&text(&bubble["text"])).context("another text than was said")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
