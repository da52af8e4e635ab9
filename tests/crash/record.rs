//! What the cloud says of it all.

use crate::traffic::{End, Said};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sophon_tests::{Event, World};
use std::collections::HashMap;
use std::fmt;
use std::ops::AddAssign;

/// How the turns ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    whole: u32,
    interrupted: u32,
    given_up: u32,
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

/// Checks every message.
pub(crate) async fn check(world: &World, sessions: &[String], said: &[Said]) -> Result<Tally> {
    let mut bubbles: HashMap<String, Vec<Value>> = HashMap::new();
    for session in sessions {
        for message in world.user.messages(session).await? {
            if message["role"] == "agent" {
                let interaction = message["interaction_id"].as_str().context("a bubble of no turn")?.to_owned();
                bubbles.entry(interaction).or_default().push(message);
            }
        }
    }
    let mut events: HashMap<String, Vec<Event>> = HashMap::new();
    for event in world.user.events() {
        let interaction = event.data["interaction_id"].as_str().unwrap_or_default().to_owned();
        events.entry(interaction).or_default().push(event);
    }
    let mut tally = Tally::default();
    for message in said {
        let of_it = bubbles.get(&message.interaction).context("a message without a bubble")?;
        let seen = events.get(&message.interaction).context("a turn that nobody saw")?;
        match bubble(message, of_it, seen).with_context(|| format!("{message:?}: {of_it:#?}"))? {
            End::Whole => tally.whole += 1,
            End::Interrupted => tally.interrupted += 1,
            End::GivenUp => tally.given_up += 1,
        }
    }
    Ok(tally)
}

fn bubble(message: &Said, bubbles: &[Value], events: &[Event]) -> Result<End> {
    ensure!(bubbles.len() == 1, "{} bubbles for one message", bubbles.len());
    let tasks = bubbles[0]["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    let over = |task: &Value| matches!(task["status"].as_str(), Some("completed" | "failed" | "cancelled"));
    ensure!(tasks.iter().all(over), "a card is left running");
    let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).collect::<Vec<_>>();
    ensure!(of_kind("message_finalized").len() == 1, "not finished exactly once");
    let deltas: String =
        of_kind("message_delta").iter().map(|event| event.data["delta"].as_str().unwrap_or("")).collect();
    ensure!(message.deed.may_stream(&deltas), "the stream is not a beginning of the answer: {deltas:?}");
    let last = events.iter().rfind(|event| event.kind.starts_with("message_")).context("nothing was seen")?;
    ensure!(last.kind == "message_finalized", "{} came after the end", last.kind);
    message.deed.end(bubbles[0]["text"].as_str().unwrap_or_default()).context("another text than was said")
}
