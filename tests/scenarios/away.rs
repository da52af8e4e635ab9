//! Clouds that are away, or seem to be there and are not.

use anyhow::{Context as _, Result, ensure};
use sophon_host::localcloud::{Fault, RequestFault, Rule, SocketFault};
use sophon_tests::{Event, Frozen, PATIENCE, World};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The answers of a session when it has so many that are whole: the stream of events does not tell what was before it.
async fn answers(world: &World, session: &str, count: usize) -> Result<Vec<String>> {
    let whole = async {
        loop {
            let messages = world.user.messages(session).await?;
            let ended = messages.iter().filter(|message| message["role"] == "agent" && message["state"] == "final");
            let texts: Vec<String> =
                ended.map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect();
            if texts.len() == count {
                return anyhow::Ok(texts);
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.context("turns without an end")?
}

#[tokio::test]
async fn turns_wait_for_a_cloud_that_is_away_for_an_hour_and_then_finish() -> Result<()> {
    let mut world = World::start().await?;
    let (first, second) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&first, "/use tireless").await?;
    let running = world.user.say(&first, "sleep 300000").await?;
    let waiting = world.user.say(&first, "long 3").await?;
    let begun = |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == running.as_str();
    world.user.wait("the first words", begun).await?;
    let opened = |event: &Event| event.data["role"] == "agent" && event.data["interaction_id"] == waiting.as_str();
    world.user.wait("the second bubble", opened).await?;

    world.stop_cloud().await;
    let mut time = Frozen::start();
    for _ in 0..60 {
        time.pass(MINUTE).await;
    }
    world.start_cloud().await?;
    // Both the next dial and the next try of a request are due within a minute.
    time.pass(MINUTE).await;
    drop(time);
    let told = answers(&world, &first, 3).await?;
    assert_eq!(told[1..], ["asleep, awake", "xxx"], "{told:?}");
    assert_eq!(world.user.ask(&second, "hello again").await?.text, "hello again");
    Ok(())
}

#[tokio::test]
async fn a_link_that_is_silent_for_forty_five_seconds_is_dialled_anew_and_brings_what_was_missed() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    let silent = Rule::once(Fault::Socket { frame: None, what: SocketFault::HalfOpen });
    let rule = world.cloud().faults().add(silent).unwrap_or_default();
    let missed = world.user.say(&session, "said into the silence").await?;
    world.cloud().faults().bitten(rule, 1).await;
    let mut time = Frozen::start();
    time.pass(Duration::from_secs(45)).await;
    drop(time);
    assert_eq!(world.user.answer(&missed).await?.text, "said into the silence");
    Ok(())
}

#[tokio::test]
async fn a_request_that_takes_effect_when_its_client_has_given_up_takes_effect_once() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    for route in ["sendMessage", "sendMessageDelta", "createTask", "finishTask", "sendMessageEnd"] {
        let held = Fault::request(route, RequestFault::HoldThenDo(Duration::from_secs(35)));
        let rule = world.cloud().faults().add(Rule::once(held)).unwrap_or_default();
        let turn = world.user.say(&session, "card: one").await?;
        world.cloud().faults().bitten(rule, 1).await;
        let mut time = Frozen::start();
        // The client's time is half a minute.
        time.pass(Duration::from_secs(31)).await;
        drop(time);
        let text = world.user.answer(&turn).await?.text;
        Frozen::start().pass(Duration::from_secs(10)).await;
        // Behind what came late.
        world.user.ask(&session, "and on").await?;
        ensure!(text == "Here is a card: and it is done.", "{route}: {text}");
        let record = world.cloud().record();
        for turn in record["turns"].as_array().map_or(&[][..], Vec::as_slice) {
            let bubbles = turn["bubbles"].as_array().map_or(&[][..], Vec::as_slice);
            ensure!(bubbles.len() == 1 && bubbles[0]["finalized_times"] == 1, "{route}: {turn:#}");
        }
        let cards = world.user.kinds_of(&turn).iter().filter(|kind| *kind == "task_created").count();
        ensure!(cards == 1, "{route}: {cards} cards");
    }
    Ok(())
}
