//! Clouds that are away, or seem to be there and are not.

use crate::approvals;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sophon_host::localcloud::{Fault, Refused, RequestFault, Rule, SocketFault};
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

/// The questions of a session, as the cloud keeps them.
async fn questions(world: &World, session: &str) -> Result<Vec<serde_json::Value>> {
    let messages = world.user.messages(session).await?;
    let lists = messages.iter().filter_map(|message| message["approvals"].as_array());
    Ok(lists.flatten().cloned().collect())
}

#[tokio::test]
async fn a_question_outlasts_a_cloud_that_goes_away_and_its_answer_comes_over_the_next_connection() -> Result<()> {
    let (mut world, session) = approvals::world().await?;
    let interaction = world.user.say(&session, "ask eat drink").await?;
    let asked = world.user.asked("eat?”").await?;
    world.restart_cloud().await?;
    world.user.decide(&asked, json!({ "decision": "approve" })).await?;
    // The next one is asked over the new connection, which is then cut while the question stands.
    let asked = world.user.asked("drink?”").await?;
    world.cloud().cut();
    world.user.decide(&asked, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Once. drink? Decision::Denied. ");
    let told = questions(&world, &session).await?;
    let told: Vec<_> = told.iter().map(|one| (one["decision"].as_str(), one["by"].as_str())).collect();
    assert_eq!(told, [(Some("approve"), Some("user")), (Some("deny"), Some("user"))]);
    Ok(())
}

#[tokio::test]
async fn a_question_that_the_cloud_refuses_at_first_is_asked_again_until_it_is_taken_and_once_in_all() -> Result<()> {
    let (world, session) = approvals::world().await?;
    let mut rules = Vec::new();
    for status in [Refused::Internal, Refused::BadGateway, Refused::Unavailable] {
        let retry_after = (status == Refused::Unavailable).then_some(Duration::from_millis(1));
        let fault = Fault::request("requestApproval", RequestFault::Refuse { status, retry_after });
        rules.extend(world.cloud().faults().add(Rule::once(fault)));
    }
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    for rule in rules {
        world.cloud().faults().bitten(rule, 1).await;
    }
    world.user.decide(&asked, json!({ "decision": "approve" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Once. ");
    assert_eq!(questions(&world, &session).await?.len(), 1);
    Ok(())
}
