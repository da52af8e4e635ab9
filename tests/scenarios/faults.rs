//! One fault after the other: each message gets its one answer all the same.

use anyhow::{Result, ensure};
use serde_json::Value;
use sophon_host::localcloud::{Fault, Refused, RequestFault, Rule, SocketFault, UpdateFault};
use sophon_tests::World;
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(100);

/// Asks for text and cards while `rule` stands, and looks at what the cloud has of it.
async fn ask(world: &World, session: &str, rule: Rule) -> Result<()> {
    let before = world.cloud().record()["turns"].as_array().map_or(0, Vec::len);
    world.cloud().faults().add(rule);
    let streamed = world.user.say(session, "stream 60").await?;
    let cards = world.user.say(session, "cards").await?;
    let expected: String = (0..60).map(|piece| format!("{piece} ")).collect();
    ensure!(world.user.answer(&streamed).await?.text == expected, "the stream is not whole");
    ensure!(world.user.answer(&cards).await?.text == "refused", "the cards have another answer");
    let standing = world.cloud().faults().list();
    ensure!(standing.iter().all(|rule| rule.bites > 0), "the fault was not met: {standing:?}");
    world.cloud().faults().clear();
    let record = world.cloud().record();
    let turns = record["turns"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(turns.len() == before + 2, "{} turns", turns.len());
    for turn in &turns[before..] {
        let bubbles = turn["bubbles"].as_array().map_or(&[][..], Vec::as_slice);
        ensure!(bubbles.len() == 1 && bubbles[0]["finalized_times"] == 1, "not one finished bubble: {turn:#}");
        ensure!(bubbles[0]["late_ends"] == 0, "ended twice: {turn:#}");
        let over = |task: &Value| matches!(task["status"].as_str(), Some("completed" | "failed" | "cancelled"));
        ensure!(turn["tasks"].as_array().is_some_and(|tasks| tasks.iter().all(over)), "a card runs: {turn:#}");
    }
    Ok(())
}

/// Asks while each of these stands.
async fn ask_all(rules: impl IntoIterator<Item = Rule>) -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    for rule in rules {
        let named = format!("{rule:?}");
        ask(&world, &session, rule).await.map_err(|error| error.context(named))?;
    }
    Ok(())
}

#[tokio::test]
async fn updates_that_are_dropped_late_doubled_or_overtaken() -> Result<()> {
    let faults = [UpdateFault::Drop, UpdateFault::Delay(WAIT), UpdateFault::Duplicate, UpdateFault::Swap];
    ask_all(faults.map(|fault| Rule::once(Fault::update(fault)))).await
}

#[tokio::test]
async fn sockets_that_are_cut_or_slow() -> Result<()> {
    let cuts = [SocketFault::CutBefore, SocketFault::CutAfter];
    let cuts = cuts.map(|what| Rule::once(Fault::Socket { frame: None, what }));
    let slow = Rule::times(Fault::Socket { frame: None, what: SocketFault::SlowReads(WAIT) }, 3);
    ask_all(cuts.into_iter().chain([slow])).await
}

#[tokio::test]
async fn requests_that_are_refused_for_now() -> Result<()> {
    let mut rules = Vec::new();
    for route in ["sendMessage", "sendMessageDelta", "sendMessageEnd", "createTask", "updateTask", "finishTask"] {
        for status in [Refused::TooMany, Refused::Internal, Refused::BadGateway, Refused::Unavailable] {
            let retry_after = matches!(status, Refused::TooMany | Refused::Unavailable).then_some(WAIT / 10);
            rules.push(Rule::once(Fault::request(route, RequestFault::Refuse { status, retry_after })));
        }
    }
    ask_all(rules).await
}

#[tokio::test]
async fn requests_whose_answer_is_lost_or_late() -> Result<()> {
    let mut rules = Vec::new();
    for route in ["sendMessage", "sendMessageDelta", "sendMessageEnd", "createTask", "updateTask", "finishTask"] {
        for fault in [RequestFault::LoseAnswer, RequestFault::HoldThenDo(WAIT), RequestFault::DoThenHold(WAIT)] {
            rules.push(Rule::once(Fault::request(route, fault)));
        }
    }
    ask_all(rules).await
}

#[tokio::test]
async fn sockets_that_are_cut_at_any_of_their_first_frames() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    // `ready` and one update a message.
    for frame in 1..=3 {
        for what in [SocketFault::CutBefore, SocketFault::CutAfter] {
            let rule = Rule::once(Fault::socket(frame, what));
            // Frames are counted on each socket: the one that stands makes room for a new one.
            world.cloud().cut();
            ask(&world, &session, rule).await.map_err(|error| error.context(format!("{what:?} {frame}")))?;
        }
    }
    Ok(())
}
