//! What can be followed from the host's log into the cloud's.

use crate::link::{host_in, message, ready};
use anyhow::{Context as _, Result};
use serde_json::json;
use sophon_tests::{Log, Script, World};
use std::collections::BTreeSet;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const STATE: &str = "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE";

/// The values of a field in these lines.
fn values<'l>(lines: &[&'l str], field: &str) -> BTreeSet<&'l str> {
    let value = |line: &&'l str| line.split_once(field)?.1.split([' ', '}']).next();
    lines.iter().filter_map(value).collect()
}

#[tokio::test]
async fn the_requests_of_a_turn_share_a_trace_and_each_can_be_found_in_the_clouds_log() -> Result<()> {
    let log = Log::start();
    let world = World::start().await?;
    let mut traces = BTreeSet::new();
    for words in ["one", "two"] {
        let session = world.user.session().await?;
        let interaction = world.user.say(&session, words).await?;
        world.user.answer(&interaction).await?;
        let text = log.text();
        let turn = format!("turn{{session={session} interaction={interaction}");
        let parts = [&turn, "}:request{route=\"/v1/bridge/", "answered"];
        let is_ours = |line: &&str| parts.iter().all(|part| line.contains(part));
        let ours: Vec<&str> = text.lines().filter(is_ours).collect();
        let trace = values(&ours, " trace=");
        assert!(!ours.is_empty() && trace.len() == 1, "{ours:#?}");
        // The cloud's spans begin with the id of the request.
        for id in values(&ours, "request_id=\"") {
            let (id, trace) = (id.trim_end_matches('"'), trace.first().expect("one"));
            let theirs = format!("request{{request_id={id} trace_id={trace} ");
            assert!(text.contains(&theirs), "the cloud did not log {theirs}");
        }
        traces.extend(trace.into_iter().map(str::to_owned));
    }
    assert_eq!(traces.len(), 2, "two turns, two traces");
    assert!(!log.text().contains(":s_"), "a token is in the log");
    Ok(())
}

/// The `traceparent`s of a turn's requests up to its end; each carries this `tracestate`.
async fn parents(script: &mut Script, state: Option<&str>) -> Result<Vec<String>> {
    let mut parents = Vec::new();
    loop {
        let request = script.request().await?;
        assert_eq!(request.header("tracestate"), state);
        parents.push(request.header("traceparent").context("a traceparent")?.to_owned());
        if request.route == "sendMessageEnd" {
            return Ok(parents);
        }
    }
}

#[tokio::test]
async fn a_turn_goes_on_with_the_trace_of_its_update_and_passes_on_what_others_say() -> Result<()> {
    let log = Log::start();
    let dir = tempfile::tempdir()?;
    let mut script = Script::start().await?;
    let _host = host_in(&dir, &script).await?;
    script.send(ready()).await?;
    for (number, flags) in [(1, "01"), (2, "00")] {
        let mut update = message(number, &format!("int_{number}"), "hello");
        update["update"]["traceparent"] = json!(format!("00-{TRACE}-{SPAN}-{flags}"));
        update["update"]["tracestate"] = json!(STATE);
        script.send(update).await?;
        let parents = parents(&mut script, Some(STATE)).await?;
        let spans: BTreeSet<&str> = parents.iter().filter_map(|parent| parent.split('-').nth(2)).collect();
        assert!(parents.iter().all(|parent| parent.starts_with(&format!("00-{TRACE}-"))), "{parents:#?}");
        assert!(parents.iter().all(|parent| parent.ends_with(flags)), "{parents:#?}");
        assert!(spans.len() == parents.len() && !spans.contains(SPAN), "each request has a span of its own");
    }
    assert!(log.text().contains(&format!("trace={TRACE} span_id=")), "the turn's own span is not logged");
    assert!(log.text().contains(&format!(" parent_id=\"{SPAN}\"")), "what it is a child of is not logged");

    for (number, bad) in [(3, json!("00-0-0-01")), (4, json!({ "a": [] })), (5, json!(null))] {
        let mut update = message(number, &format!("int_{number}"), "hello");
        (update["update"]["traceparent"], update["update"]["tracestate"]) = (bad, json!("a=1"));
        script.send(update).await?;
        let parents = parents(&mut script, None).await?;
        assert!(parents.iter().all(|parent| !parent.contains(TRACE) && parent.ends_with("-01")), "{parents:#?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_trace_outlives_the_host() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut script = Script::with(101, |_| (500, json!({}))).await?;
    let host = host_in(&dir, &script).await?;
    script.send(ready()).await?;
    let mut update = message(1, "int_1", "hello");
    update["update"]["traceparent"] = json!(format!("00-{TRACE}-{SPAN}-01"));
    update["update"]["tracestate"] = json!(STATE);
    script.send(update).await?;
    // Acked, so recorded.
    script.hear().await?;
    drop(host);
    let mut script = Script::start().await?;
    let _host = host_in(&dir, &script).await?;
    let parents = parents(&mut script, Some(STATE)).await?;
    assert!(parents.iter().all(|parent| parent.starts_with(&format!("00-{TRACE}-"))), "{parents:#?}");
    Ok(())
}

#[tokio::test]
async fn the_users_trace_reaches_the_requests_of_the_turn_through_the_cloud() -> Result<()> {
    let log = Log::start();
    let world = World::start().await?;
    let session = world.user.session().await?;
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let (interaction, theirs) = world.user.say_in(&session, "hello", &parent, STATE).await?;
    world.user.answer(&interaction).await?;
    // The cloud is in between: the turn is a child of its span.
    let span = theirs.split('-').nth(2).context("a span")?;
    assert!(theirs.starts_with(&format!("00-{TRACE}-")) && span != SPAN, "{theirs}");
    let text = log.text();
    assert!(text.contains(&format!("parent_id=\"{span}\"")), "the turn is no child of the cloud's span");
    let is_end = |line: &&str| line.contains("trace_id=") && line.contains("sendMessageEnd");
    let end = text.lines().find(is_end).context("the end is in the cloud's log")?;
    assert!(end.contains(&format!("trace_id={TRACE} ")), "{end}");
    let is_answer = |line: &&str| line.contains(&format!(" link=\"00-{TRACE}-")) && line.contains("answered");
    assert!(text.lines().any(|line| is_answer(&line)), "the cloud's span is not linked");
    Ok(())
}
