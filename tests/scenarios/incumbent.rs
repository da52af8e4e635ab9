//! What the connector that others use gets wrong. One test a mistake, in the order in which they are listed.

use crate::link::{host, host_in, message, ready, until_end};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::daemon::State;
use sophon_host::localcloud::{Buckets, Fault, Options, Refused, RequestFault, Rule};
use sophon_tests::{Event, Frozen, Log, Script, World, good, guests};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A cloud that takes no request until the switch is on.
async fn reluctant() -> Result<(Script, Arc<AtomicBool>)> {
    let switch = Arc::new(AtomicBool::new(false));
    let takes = switch.clone();
    let later = json!({ "ok": false, "error": { "code": "temporarily_unavailable", "retry_after_ms": 60_000 } });
    let script = Script::with(101, move |request| match takes.load(Ordering::SeqCst) {
        true => good(request),
        false => (503, later.clone()),
    });
    Ok((script.await?, switch))
}

#[tokio::test]
async fn first_it_acks_on_receipt_so_that_a_crash_loses_the_turn() -> Result<()> {
    let (mut script, switch) = reluctant().await?;
    let (first, dir) = host(&script).await?;
    script.send(ready()).await?;
    script.send(message(1, "int_1", "not lost")).await?;
    assert_eq!(script.hear().await?["up_to_update_id"], "1");
    // The cloud will not send it again, and no word of it has arrived there.
    drop(first);
    while script.request().await?.route != "sendMessage" {}
    switch.store(true, Ordering::SeqCst);
    let _second = host_in(&dir, &script).await?;
    assert_eq!(until_end(&mut script).await?.pop().context("an end")?.1["text"], "not lost");
    Ok(())
}

#[tokio::test]
async fn second_its_keys_are_random_so_that_a_retry_doubles_a_bubble() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    for route in ["sendMessage", "sendMessageDelta", "sendMessageEnd"] {
        world.cloud().faults().add(Rule::times(Fault::request(route, RequestFault::LoseAnswer), 3));
    }
    assert_eq!(world.user.ask(&session, "said once").await?.text, "said once");
    let record = world.cloud().record();
    assert_eq!(record["turns"][0]["bubbles"].as_array().map(Vec::len), Some(1), "{record:#}");
    assert_eq!(record["unasked"], json!([]));
    Ok(())
}

#[tokio::test]
async fn third_it_neither_retries_nor_reads_the_limits_and_dies_on_the_first_429() -> Result<()> {
    let world = World::with(guests(), Buckets::documented()).await?;
    let session = world.user.session().await?;
    let wait = Some(Duration::from_millis(20));
    let refuse = RequestFault::Refuse { status: Refused::TooMany, retry_after: wait };
    world.cloud().faults().add(Rule::times(Fault::Request { route: None, what: refuse }, 4));
    assert_eq!(world.user.ask(&session, "after four of them").await?.text, "after four of them");
    // Two of the 30 that the bucket holds a turn: without reading, the sixteenth would be refused.
    let log = Log::start();
    for number in 0..20 {
        let words = format!("number {number}");
        assert_eq!(world.user.ask(&session, &words).await?.text, words);
    }
    assert!(!log.text().contains("status=429"), "a limit was met");
    Ok(())
}

#[tokio::test]
async fn fourth_it_waits_for_its_agent_before_it_opens_the_bubble() -> Result<()> {
    let world = World::start().await?;
    let mut turns = Vec::new();
    for _ in 0..20 {
        let session = world.user.session().await?;
        world.user.ask(&session, "/use tireless").await?;
        turns.push((session.clone(), world.user.say(&session, "sleep 600000").await?));
    }
    for (session, turn) in turns {
        let opened = |event: &Event| event.data["role"] == "agent" && event.data["interaction_id"] == turn.as_str();
        world.user.wait("the bubble", opened).await?;
        world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
        world.user.answer(&turn).await?;
    }
    Ok(())
}

#[tokio::test]
async fn fifth_it_never_ends_some_turns() -> Result<()> {
    let world = World::start().await?;
    let mut turns = Vec::new();
    for (agent, words) in [
        ("echo", "hello"),
        ("echo", "fail: no"),
        ("echo", "trap"),
        ("echo", "/use nobody"),
        ("probe", "abandon"),
        ("probe", "silent"),
        ("probe", "churn"),
        ("probe", "sleep 600000"),
        ("probe", "flood"),
        ("probe", "cards"),
    ] {
        let session = world.user.session().await?;
        world.user.ask(&session, &format!("/use {agent}")).await?;
        turns.push(world.user.say(&session, words).await?);
    }
    for turn in &turns {
        world.user.answer(turn).await?;
    }
    let record = world.cloud().record();
    for turn in record["turns"].as_array().context("turns")? {
        let bubbles = turn["bubbles"].as_array().context("bubbles")?;
        assert!(bubbles.len() == 1 && bubbles[0]["finalized_times"] == 1 && bubbles[0]["late_ends"] == 0, "{turn:#}");
        assert!(turn["tasks"].as_array().context("tasks")?.iter().all(|task| task["status"] != "running"), "{turn:#}");
    }
    Ok(())
}

#[tokio::test]
async fn sixth_it_ignores_that_a_question_expired_and_how_far_an_answer_goes() -> Result<()> {
    let soon =
        Options { approval_expiry: Duration::from_millis(1), buckets: Buckets::unlimited(), ..Options::default() };
    let mut hasty = World::on(guests(), soon).await?;
    hasty.start_host().await?;
    let session = hasty.user.session().await?;
    hasty.user.ask(&session, "/use probe").await?;
    let interaction = hasty.user.say(&session, "ask eat").await?;
    assert_eq!(hasty.user.answer(&interaction).await?.text, "eat? Decision::Expired. ", "the agent is told");
    let expired = |event: &Event| event.kind == "approval_resolved" && event.data["decision"] == "expired";
    hasty.user.wait("the question's end", expired).await?;

    let world = World::start().await?;
    let (here, elsewhere) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&here, "/use probe").await?;
    world.user.ask(&elsewhere, "/use probe").await?;
    let interaction = world.user.say(&here, "ask eat").await?;
    let always = json!({ "decision": "approve_always", "scope": "session" });
    world.user.decide(&world.user.asked("eat?”").await?, always).await?;
    world.user.answer(&interaction).await?;
    // As far as it goes nobody is asked again.
    assert_eq!(world.user.ask(&here, "ask eat").await?.text, "eat? Decision::Always. ");
    assert_eq!(world.user.events().iter().filter(|event| event.kind == "approval_requested").count(), 1);
    // And no further.
    let interaction = world.user.say(&elsewhere, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. ");
    Ok(())
}

#[tokio::test]
async fn sixth_and_what_answers_no_question_of_ours_is_taken_for_nothing_else() -> Result<()> {
    let mut script = Script::start().await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    let resolved = json!({ "approval_id": "apr_1", "decision": "approve_always", "scope": "session" });
    for (number, kind, payload) in
        [(1, "approval.resolved", resolved), (2, "approval.expired", json!({ "approval_id": "apr_2" }))]
    {
        let update = json!({ "update_id": number.to_string(), "type": kind, "session_id": "ses_1",
            "interaction_id": "int_1", "payload": payload });
        script.send(json!({ "type": "update", "update": update })).await?;
        assert_eq!(script.hear().await?, json!({ "type": "ack", "up_to_update_id": number.to_string() }));
    }
    script.send(message(3, "int_1", "the turn of that very interaction")).await?;
    let requests = until_end(&mut script).await?;
    assert_eq!(requests.last().context("an end")?.1["text"], "the turn of that very interaction");
    Ok(())
}

#[tokio::test]
async fn seventh_it_dials_for_ever_with_a_token_that_is_refused() -> Result<()> {
    let mut world = World::start().await?;
    let refuse = RequestFault::Refuse { status: Refused::Unauthorized, retry_after: None };
    // The next dial would be taken.
    world.cloud().faults().add(Rule::once(Fault::request("ws", refuse)));
    world.cloud().cut();
    let State::Refused(why) = world.host_stopped().await else { panic!("it was not refused") };
    assert!(why.contains("sophon-host pair"), "{why}");
    let log = Log::start();
    let mut time = Frozen::start();
    for _ in 0..60 {
        time.pass(Duration::from_secs(60)).await;
        // A dial would be answered within these.
        world.user.session().await?;
    }
    assert!(!log.text().contains("/v1/bridge/ws"), "it dialled again: {}", log.text());
    Ok(())
}

#[tokio::test]
async fn eighth_it_sends_a_request_a_token_and_drops_those_that_fail() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let refuse = RequestFault::Refuse { status: Refused::Internal, retry_after: None };
    world.cloud().faults().add(Rule::chance(Fault::request("sendMessageDelta", refuse), 0.3, 8));
    let turn = world.user.say(&session, "stream 500").await?;
    let whole: String = (0..500).map(|token| format!("{token} ")).collect();
    assert_eq!(world.user.answer(&turn).await?.text, whole);
    let events = world.user.events_of(&turn);
    let deltas: Vec<&Value> =
        events.iter().filter(|event| event.kind == "message_delta").map(|event| &event.data["delta"]).collect();
    let streamed: String = deltas.iter().filter_map(|delta| delta.as_str()).collect();
    assert!(whole.starts_with(&streamed), "what failed was left out of the stream");
    assert!(deltas.len() < 100, "{} requests for 500 tokens", deltas.len());
    Ok(())
}
