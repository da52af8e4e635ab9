//! What Prometheus is told.

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde_json::json;
use sophon_host::daemon::Daemon;
use sophon_host::localcloud::{Buckets, Fault, Refused, RequestFault, Rule};
use sophon_tests::{PATIENCE, World, engine, guests};
use std::time::Duration;

const BYTES: [&str; 4] = [
    "sophon_host_sent_bytes_total{way=\"socket\"}",
    "sophon_host_received_bytes_total{way=\"socket\"}",
    "sophon_host_sent_bytes_total{way=\"requests\"}",
    "sophon_host_received_bytes_total{way=\"requests\"}",
];

/// What is served now.
async fn metrics(world: &World) -> Result<String> {
    let addr = world.host().metrics_addr().context("metrics are served")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    Ok(client.get(format!("http://{addr}/metrics")).send().await?.error_for_status()?.text().await?)
}

fn told(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|told| told == *line), "{line} is not in:\n{text}");
    }
}

/// The number on the line that begins so.
fn number(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[tokio::test]
async fn what_goes_wrong_on_the_link_is_counted_by_why() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.metrics_port = Some(0);
    world.start_host().await?;
    let session = world.user.session().await?;
    let refuse = |status, wait| RequestFault::Refuse { status, retry_after: wait };
    for (route, fault) in [
        ("sendMessage", refuse(Refused::TooMany, Some(Duration::from_millis(10)))),
        ("sendMessageEnd", refuse(Refused::BadGateway, None)),
        ("sendMessageEnd", RequestFault::LoseAnswer),
    ] {
        world.cloud().faults().add(Rule::once(Fault::request(route, fault)));
        world.user.ask(&session, "hello").await?;
    }
    let before = metrics(&world).await?;
    world.cloud().cut();
    world.user.ask(&session, "after the cut").await?;
    world.user.ask(&session, "and once more").await?;
    let text = metrics(&world).await?;
    told(
        &text,
        &[
            "sophon_host_retries_total{kind=\"open\",why=\"refused_429\"} 1",
            "sophon_host_retries_total{kind=\"end\",why=\"refused_5xx\"} 1",
            "sophon_host_retries_total{kind=\"end\",why=\"network\"} 1",
            "sophon_host_redials_total{reason=\"cut\"} 1",
            "sophon_host_connects_total 2",
        ],
    );
    for name in BYTES {
        let (was, is) = (number(&before, name), number(&text, name));
        assert!(was > Some(0) && is > was, "{name}: {was:?}, then {is:?}");
    }
    Ok(())
}

#[tokio::test]
async fn turns_are_counted_and_timed_and_nobody_is_named() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.metrics_port = Some(0);
    world.start_host().await?;
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, "hello").await?;
    world.user.answer(&interaction).await?;
    world.user.ask(&session, "fail: no").await?;
    // Answered behind the other two, so that these are counted.
    world.user.ask(&session, "/agents").await?;

    let text = metrics(&world).await?;
    told(
        &text,
        &[
            "sophon_host_turns_total{result=\"answered\"} 1",
            "sophon_host_turns_total{result=\"failed\"} 1",
            "sophon_host_turn_open_seconds_count 3",
            "sophon_host_leave_seconds_count{kind=\"open\"} 3",
            "sophon_host_request_seconds_count{kind=\"open\",outcome=\"done\"} 3",
            "sophon_host_connects_total 1",
            "sophon_host_connected 1",
            "sophon_host_turns_waiting 0",
            "sophon_host_events_waiting 0",
            "sophon_host_requests_waiting 0",
            "sophon_host_questions_waiting 0",
            "sophon_host_text_waiting_bytes 0",
        ],
    );
    let token = world.token.installation();
    assert!(![session.as_str(), &interaction, token, "echo"].iter().any(|name| text.contains(name)), "{text}");

    let addr = world.host().metrics_addr().context("metrics are served")?;
    let (client, url) = (reqwest::Client::builder().no_proxy().build()?, format!("http://{addr}/metrics"));
    let rebound = client.get(&url).header("host", "metrics.example").send().await?;
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(client.get(format!("http://{addr}/")).send().await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

/// What is served as soon as a number is as wanted.
async fn until(world: &World, name: &str, wanted: impl Fn(u64) -> bool) -> Result<String> {
    let asked = async {
        loop {
            let text = metrics(world).await?;
            if number(&text, name).is_some_and(&wanted) {
                return Ok(text);
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.with_context(|| format!("{name} never was as wanted"))?
}

#[tokio::test]
async fn questions_are_told_while_they_wait_and_by_what_came_of_them() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.metrics_port = Some(0);
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let turn = world.user.say(&session, "ask eat drink sleep").await?;
    let always = json!({ "decision": "approve_always", "scope": "session" });
    world.user.decide(&world.user.asked("eat?”").await?, always).await?;
    world.user.decide(&world.user.asked("drink?”").await?, json!({ "decision": "deny" })).await?;
    let last = world.user.asked("sleep?”").await?;
    told(&metrics(&world).await?, &["sophon_host_questions_waiting 1"]);
    world.user.decide(&last, json!({ "decision": "approve" })).await?;
    world.user.answer(&turn).await?;
    let results = ["always", "denied", "once"].map(|by| format!("sophon_host_approvals_total{{result=\"{by}\"}} 1"));
    let [always, denied, once] = results.each_ref().map(String::as_str);
    told(&metrics(&world).await?, &["sophon_host_questions_waiting 0", always, denied, once]);
    Ok(())
}

#[tokio::test]
async fn text_that_waits_for_the_cloud_is_told_and_bounded() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.metrics_port = Some(0);
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let later = RequestFault::Refuse { status: Refused::Unavailable, retry_after: Some(Duration::from_secs(60)) };
    world.cloud().faults().add(Rule::once(Fault::request("sendMessage", later)));
    world.user.say(&session, "flood").await?;
    let text = until(&world, "sophon_host_text_waiting_bytes ", |bytes| bytes >= 64 << 10).await?;
    // The bound, and the one act that passed it.
    assert!(number(&text, "sophon_host_text_waiting_bytes ") < Some(72 << 10), "{text}");
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn a_port_in_use_is_told_with_its_key() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    world.config.metrics_port = Some(taken.local_addr()?.port());
    let started = Daemon::start(&world.config, world.token.clone(), engine(), guests()).await;
    let error = started.map(drop).expect_err("the port is taken").to_string();
    assert!(error.contains(&taken.local_addr()?.to_string()) && error.contains("`metrics.port`"), "{error}");
    Ok(())
}
