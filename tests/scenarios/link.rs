//! The link against clouds that misbehave.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use sophon_host::config::{Config, Environment, Overrides, Token};
use sophon_host::daemon::{Daemon, State};
use sophon_tests::{Event, Log, Script, World, engine, guests};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const TOKEN: &str = "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567";

/// A host on a scripted cloud, not waited for.
pub(crate) async fn host(script: &Script) -> Result<(Daemon, TempDir)> {
    let dir = tempfile::tempdir()?;
    Ok((host_in(&dir, script).await?, dir))
}

/// The same, with its state in `dir`.
pub(crate) async fn host_in(dir: &TempDir, script: &Script) -> Result<Daemon> {
    host_with(config(dir, script)?).await
}

/// The configuration of a host on a scripted cloud.
pub(crate) fn config(dir: &TempDir, script: &Script) -> Result<Config> {
    let flags = Overrides {
        data_dir: Some(dir.path().to_owned()),
        cloud_url: Some(script.base.clone()),
        ..Overrides::default()
    };
    Ok(Config::load(flags, &Environment::default())?)
}

/// A host that is configured like this.
pub(crate) async fn host_with(config: Config) -> Result<Daemon> {
    let token = Token::parse(TOKEN, "a test")?;
    Ok(Daemon::start(&config, token, engine(), guests()).await?)
}

pub(crate) fn ready() -> Value {
    json!({ "type": "ready", "installation_id": "inst_0123456789abcdef" })
}

pub(crate) fn message(update: u32, interaction: &str, text: &str) -> Value {
    json!({ "type": "update", "update": {
        "update_id": update.to_string(), "type": "session.message", "session_id": "ses_1", "interaction_id": interaction,
        "payload": { "session": { "id": "ses_1" }, "message": { "id": format!("msg_u{interaction}"), "text": text } }
    }})
}

/// Requests up to and with the end of a bubble.
pub(crate) async fn until_end(script: &mut Script) -> Result<Vec<(String, Value)>> {
    let mut requests = Vec::new();
    loop {
        let request = script.request().await?;
        let is_end = request.route == "sendMessageEnd";
        requests.push((request.route, request.body));
        if is_end {
            return Ok(requests);
        }
    }
}

#[tokio::test]
async fn bad_frames_and_updates_without_a_session_are_passed_over() -> Result<()> {
    let mut script = Script::start().await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    for bad in
        ["not json".to_owned(), "[]".to_owned(), json!({ "type": "confetti" }).to_string(), "x".repeat(2_000_000)]
    {
        script.send(bad).await?;
    }
    let no_session = json!({ "update_id": "1", "type": "session.message", "payload": { "message": { "text": "hi" } } });
    script.send(json!({ "type": "update", "update": no_session })).await?;
    assert_eq!(script.hear().await?, json!({ "type": "ack", "up_to_update_id": "1" }));
    script.send(json!({ "type": "ping" })).await?;
    assert_eq!(script.hear().await?, json!({ "type": "pong" }));
    script.send(message(2, "int_1", "still here")).await?;
    assert_eq!(script.hear().await?, json!({ "type": "ack", "up_to_update_id": "2" }));
    let requests = until_end(&mut script).await?;
    assert_eq!(requests[0].0, "sendMessage");
    assert_eq!(requests.last().context("an end")?.1["text"], "still here");
    Ok(())
}

#[tokio::test]
async fn updates_that_come_again_make_no_second_bubble() -> Result<()> {
    let mut script = Script::start().await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    script.send(message(1, "int_1", "once")).await?;
    until_end(&mut script).await?;
    assert_eq!(script.hear().await?["up_to_update_id"], "1");
    // The same update; the same message under another number; after a new connection as well.
    script.send(message(1, "int_1", "once")).await?;
    script.send(message(2, "int_1", "once")).await?;
    while script.hear().await?["up_to_update_id"] != "2" {}
    script.send("cut").await?;
    script.send(ready()).await?;
    script.send(message(2, "int_1", "once")).await?;
    script.send(message(3, "int_2", "twice")).await?;
    let requests = until_end(&mut script).await?;
    assert!(requests.iter().all(|(_, body)| !body.to_string().contains("int_1")), "{requests:?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_token_ends_the_host_with_a_clear_word() -> Result<()> {
    let script = Script::with(401, |_| (401, json!({}))).await?;
    let (mut host, _dir) = host(&script).await?;
    let State::Refused(why) = host.stopped().await else { panic!("it was not refused") };
    assert!(why.contains("sophon-host pair"), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_turn_whose_end_did_not_arrive_is_ended_by_the_next_start() -> Result<()> {
    for status in [401, 503] {
        let refused = AtomicUsize::new(0);
        let mut script = Script::with(101, move |request| {
            if request.route == "sendMessageEnd" && refused.fetch_add(1, Ordering::SeqCst) == 0 {
                let error = json!({ "code": "whatever", "retry_after_ms": 60_000 });
                return (status, json!({ "ok": false, "error": error }));
            }
            (200, json!({ "ok": true, "result": { "message_id": "msg_1" } }))
        })
        .await?;
        let (mut first, dir) = host(&script).await?;
        script.send(ready()).await?;
        script.send(message(1, "int_1", "hello")).await?;
        let first_end = until_end(&mut script).await?.pop().context("an end")?.1;
        if status == 401 {
            assert!(matches!(first.stopped().await, State::Refused(_)));
            first.stop().await;
        } else {
            drop(first);
        }

        let _second = host_in(&dir, &script).await?;
        let requests = until_end(&mut script).await?;
        let keys: Vec<_> = requests.iter().map(|(_, body)| body["idempotency_key"].as_str().unwrap_or("")).collect();
        assert_eq!(keys, ["int_1-open", "int_1-end"], "after {status}");
        assert_eq!(requests[1].1, first_end, "another end was sent than the one that may have arrived");
    }
    Ok(())
}

#[tokio::test]
async fn a_turn_that_its_user_stopped_is_not_run_by_the_next_start() -> Result<()> {
    let tries = AtomicUsize::new(0);
    let mut script = Script::with(101, move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => (503, json!({ "ok": false, "error": { "code": "whatever", "retry_after_ms": 60_000 } })),
        _ => (200, json!({ "ok": true, "result": { "message_id": "msg_1" } })),
    })
    .await?;
    let (first, dir) = host(&script).await?;
    script.send(ready()).await?;
    script.send(message(1, "int_1", "hello")).await?;
    assert_eq!(script.request().await?.route, "sendMessage");
    let cancelled = json!({ "update_id": "2", "type": "session.cancelled", "session_id": "ses_1", "payload": {} });
    script.send(json!({ "type": "update", "update": cancelled })).await?;
    while script.hear().await?["up_to_update_id"] != "2" {}
    drop(first);

    let _second = host_in(&dir, &script).await?;
    let requests = until_end(&mut script).await?;
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[1].1["text"], "_Stopped._");
    Ok(())
}

#[tokio::test]
async fn faults_are_tried_again_with_the_same_bytes() -> Result<()> {
    let tries = AtomicUsize::new(0);
    let mut script = Script::with(101, move |request| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => (503, json!({ "ok": false, "error": { "code": "temporarily_unavailable", "retry_after_ms": 5 } })),
        1 => (429, json!({ "ok": false, "error": { "code": "rate_limited", "retry_after_ms": 5 } })),
        2 => (502, json!("<html>")),
        _ => (200, json!({ "ok": true, "result": { "message_id": format!("msg_{}", request.route) } })),
    })
    .await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    script.send(message(1, "int_1", "persistent")).await?;
    let requests = until_end(&mut script).await?;
    let opens: Vec<_> = requests.iter().filter(|(route, _)| route == "sendMessage").collect();
    assert_eq!(opens.len(), 4, "{requests:?}");
    assert!(opens.iter().all(|open| *open == opens[0]), "a retry sent other bytes: {opens:?}");
    assert_eq!(opens[0].1["idempotency_key"], "int_1-open");
    assert_eq!(requests.last().context("an end")?.1["text"], "persistent");
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_gone_gets_nothing_more() -> Result<()> {
    let mut script = Script::with(101, |request| match request.body.to_string().contains("int_1") {
        true => (410, json!({ "ok": false, "error": { "code": "session_deleted" } })),
        false => (200, json!({ "ok": true, "result": { "message_id": "msg_2" } })),
    })
    .await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    script.send(message(1, "int_1", "to a deleted session")).await?;
    assert_eq!(script.request().await?.route, "sendMessage");
    script.send(message(2, "int_2", "to another")).await?;
    let requests = until_end(&mut script).await?;
    assert!(requests.iter().all(|(_, body)| !body.to_string().contains("int_1")), "{requests:?}");
    Ok(())
}

#[tokio::test]
async fn the_link_comes_back_when_the_cloud_does() -> Result<()> {
    let mut world = World::start().await?;
    let session = world.user.session().await?;
    world.restart_cloud().await?;
    let answer = world.user.ask(&session, "are you still there").await?;
    assert_eq!(answer.text, "are you still there");
    Ok(())
}

#[tokio::test]
async fn a_turn_goes_on_when_the_cloud_is_away_in_its_middle() -> Result<()> {
    let mut world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, "stream 1500").await?;
    let stream = interaction.clone();
    let begun = move |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == stream.as_str();
    world.user.wait("the first words", begun).await?;
    world.restart_cloud().await?;
    let expected: String = (0..1_500).map(|piece| format!("{piece} ")).collect();
    assert_eq!(world.user.answer(&interaction).await?.text, expected);
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_deleted_in_the_middle_of_a_turn_stops_it() -> Result<()> {
    let world = World::start().await?;
    let (session, other) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&session, "/use tireless").await?;
    let running = world.user.say(&session, "stream 60000").await?;
    let begun = |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == running.as_str();
    world.user.wait("the first words", begun).await?;
    let log = Log::start();
    world.user.call(Method::DELETE, &format!("/v1/me/sessions/{session}"), Value::Null).await?;
    log.wait("a turn has nothing left to write to").await?;
    assert_eq!(world.user.ask(&other, "and on").await?.text, "and on");
    Ok(())
}
