//! What Prometheus is told.

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use sophon_host::daemon::Daemon;
use sophon_host::localcloud::Buckets;
use sophon_tests::{World, engine, guests};

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

    let addr = world.host().metrics_addr().context("metrics are served")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("http://{addr}/metrics");
    let text = client.get(&url).send().await?.error_for_status()?.text().await?;
    for line in [
        "sophon_host_turns_total{result=\"answered\"} 1",
        "sophon_host_turns_total{result=\"failed\"} 1",
        "sophon_host_turn_open_seconds_count 3",
        "sophon_host_leave_seconds_count{kind=\"open\"} 3",
        "sophon_host_request_seconds_count{kind=\"open\",outcome=\"done\"} 3",
        "sophon_host_connects_total 1",
        "sophon_host_connected 1",
        "sophon_host_turns_waiting 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in:\n{text}");
    }
    let token = world.token.installation();
    assert!(![session.as_str(), &interaction, token, "echo"].iter().any(|name| text.contains(name)), "{text}");

    let rebound = client.get(&url).header("host", "metrics.example").send().await?;
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(client.get(format!("http://{addr}/")).send().await?.status(), StatusCode::NOT_FOUND);
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
