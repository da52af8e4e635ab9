//! The process dies in the middle of a turn.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, Event, Script, World, good, guests, probe, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const TOKEN: [(&str, &str); 1] =
    [("SOPHON_TOKEN", "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567")];

fn ready() -> Value {
    json!({ "type": "ready", "installation_id": "inst_0123456789abcdef" })
}

fn message(text: &str) -> Value {
    json!({ "type": "update", "update": {
        "update_id": "1", "type": "session.message", "session_id": "ses_1", "interaction_id": "int_1",
        "payload": { "session": { "id": "ses_1" }, "message": { "id": "msg_u1", "text": text } }
    }})
}

/// A cloud that takes nothing until it is told to.
async fn later() -> Result<(Script, Arc<AtomicBool>)> {
    let takes = Arc::new(AtomicBool::new(false));
    let switch = takes.clone();
    let later = json!({ "ok": false, "error": { "code": "temporarily_unavailable", "retry_after_ms": 60_000 } });
    let script = Script::with(101, move |request| match switch.load(Ordering::SeqCst) {
        true => good(request),
        false => (503, later.clone()),
    });
    Ok((script.await?, takes))
}

/// Requests up to and with the end of a bubble.
async fn until_end(script: &mut Script) -> Result<Vec<(String, Value)>> {
    let mut sent: Vec<(String, Value)> = Vec::new();
    while sent.last().is_none_or(|(route, _)| route != "sendMessageEnd") {
        let request = script.request().await?;
        sent.push((request.route, request.body));
    }
    Ok(sent)
}

#[tokio::test]
async fn a_turn_that_a_crash_interrupted_is_ended_at_the_next_start_and_only_once() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    // Paired by the test, so that the binary finds the token where it looks for it.
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "run", &agent];

    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let session = world.user.session().await?;
    let running = world.user.say(&session, "sleep 600000").await?;
    let stream = running.clone();
    let streams = move |kind: &str, data: &serde_json::Value| {
        kind == "message_delta" && data["interaction_id"] == stream.as_str()
    };
    world.user.wait("the first words", |event| streams(&event.kind, &event.data)).await?;
    // Behind it one that has its bubble, and nothing in it.
    let waiting = world.user.say(&session, "long 4").await?;
    let opened = |event: &Event| event.data["role"] == "agent" && event.data["interaction_id"] == waiting.as_str();
    world.user.wait("the second bubble", opened).await?;
    host.kill().await?;

    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let text = world.user.answer(&running).await?.text;
    let note = "The host stopped in the middle of this turn. Send your message again.";
    assert_eq!(text, format!("asleep,\n\n⚠️ {note}"));
    assert_eq!(world.user.answer(&waiting).await?.text, "xxxx", "what had not begun runs again");
    assert_eq!(world.user.ask(&session, "long 3").await?.text, "xxx");
    let (status, words) = host.terminate().await?;
    assert!(status.success(), "{words}");
    let stored = world.user.messages(&session).await?;
    assert_eq!(stored.iter().filter(|message| message["role"] == "agent").count(), 3, "{stored:#?}");
    Ok(())
}

#[tokio::test]
async fn what_was_acked_outlives_a_kill_and_is_begun_under_the_same_key() -> Result<()> {
    let (mut script, takes) = later().await?;
    let data = tempfile::tempdir()?;
    let agent = probe(data.path())?;
    let url = script.base.clone();
    let arguments = ["--cloud-url", &url, "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    script.send(ready()).await?;
    script.send(message("long 3")).await?;
    assert_eq!(script.hear().await?["up_to_update_id"], "1");
    host.kill().await?;
    takes.store(true, Ordering::SeqCst);

    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    let sent = until_end(&mut script).await?;
    let end = &sent.last().context("an end")?.1;
    assert_eq!((&end["text"], &end["idempotency_key"]), (&json!("xxx"), &json!("int_1-end")));
    let opens: Vec<_> = sent.iter().filter(|(route, _)| route == "sendMessage").map(|(_, body)| body).collect();
    let first = opens.first().context("a bubble")?;
    assert!(first["idempotency_key"] == "int_1-open" && opens.iter().all(|open| open == first), "{opens:#?}");
    host.kill().await
}

#[tokio::test]
async fn a_turn_that_changed_something_is_not_run_again_though_its_user_saw_nothing() -> Result<()> {
    let (mut script, takes) = later().await?;
    let data = tempfile::tempdir()?;
    let agent = probe(data.path())?;
    let url = script.base.clone();
    let arguments = ["--cloud-url", &url, "--log", "sophon_host::turn=debug", "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    script.send(ready()).await?;
    script.send(message("state agent count kills 1")).await?;
    assert_eq!(script.hear().await?["up_to_update_id"], "1");
    host.says("answered").await?;
    host.kill().await?;
    takes.store(true, Ordering::SeqCst);

    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    let sent = until_end(&mut script).await?;
    let text = sent.last().context("an end")?.1["text"].clone();
    assert!(text.as_str().is_some_and(|text| text.contains("The host stopped in the middle of this turn.")), "{text}");
    script.send(ready()).await?;
    let mut next = message("state agent get kills");
    next["update"]["update_id"] = json!("2");
    next["update"]["interaction_id"] = json!("int_2");
    script.send(next).await?;
    let sent = until_end(&mut script).await?;
    assert_eq!(sent.last().context("an end")?.1["text"], "1");
    host.kill().await
}

#[tokio::test]
async fn what_may_have_been_sent_before_a_kill_is_sent_again_byte_for_byte() -> Result<()> {
    // Nothing that comes after the opening is ever answered to the first process: it may have arrived.
    let answers = Arc::new(AtomicBool::new(false));
    let switch = answers.clone();
    let mut script = Script::with(101, move |request| match switch.load(Ordering::SeqCst) {
        false if request.route == "createTask" => (502, json!("a page")),
        _ => good(request),
    })
    .await?;
    let data = tempfile::tempdir()?;
    let agent = probe(data.path())?;
    let url = script.base.clone();
    let arguments = ["--cloud-url", &url, "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    script.send(ready()).await?;
    script.send(message("hold 600000")).await?;
    let card = loop {
        let request = script.request().await?;
        if request.route == "createTask" {
            break request.body;
        }
    };
    host.kill().await?;
    answers.store(true, Ordering::SeqCst);

    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    let sent = until_end(&mut script).await?;
    // The first process may have tried it several times.
    let from = sent.iter().position(|(route, _)| route == "sendMessage").context("a bubble")?;
    let routes: Vec<_> = sent[from..].iter().map(|(route, _)| route.as_str()).collect();
    assert_eq!(routes, ["sendMessage", "createTask", "finishTask", "sendMessageEnd"]);
    assert_eq!(sent[from + 1].1, card);
    let (closed, end) = (&sent[from + 2].1, &sent[from + 3].1);
    assert_eq!((&closed["task_id"], &closed["status"]), (&card["task_id"], &json!("cancelled")));
    assert_eq!(end["idempotency_key"], "int_1-end");
    host.kill().await
}

#[tokio::test]
async fn a_turn_that_its_host_does_not_survive_is_run_four_times_and_then_ended_in_words() -> Result<()> {
    let mut script = Script::start().await?;
    let data = tempfile::tempdir()?;
    let (url, agent) = (script.base.clone(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    script.send(ready()).await?;
    script.send(message("mull")).await?;
    for _ in 0..3 {
        host.says("churning").await?;
        host.kill().await?;
        host = Dev::start(data.path(), &arguments, &TOKEN)?;
    }
    host.says("churning").await?;
    host.kill().await?;
    let mut host = Dev::start(data.path(), &arguments, &TOKEN)?;
    let sent = until_end(&mut script).await?;
    let end = &sent.last().context("an end")?.1;
    assert_eq!(end["text"].as_str().map(|text| text.contains("The host stopped 4 times")), Some(true), "{end}");
    host.kill().await
}

/// Kills a host while a question is open, lets the user answer meanwhile or not, and starts it again; how the question
/// ended in the chat, and what the log says.
async fn killed_while_it_asks(answer: Option<&str>) -> Result<(Value, String)> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    host.kill().await?;
    if let Some(decision) = answer {
        world.user.decide(&asked, json!({ "decision": decision })).await?;
    }

    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("The host stopped in the middle of this turn."), "{text}");
    let pending = world.user.call(Method::GET, "/v1/me/snapshot", Value::Null).await?["pending_approvals"].clone();
    assert_eq!(pending, json!([]), "the sheet still asks");
    // Another turn asks and is answered: what came for the first one did no harm.
    let next = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    assert_eq!(world.user.answer(&next).await?.text, "eat? Decision::Once. ");
    host.terminate().await?;
    let log = run(data.path(), &["--cloud-url", &url, "audit"], &[]).await?;
    let whole = run(data.path(), &["--cloud-url", &url, "audit", "--check"], &[]).await?;
    assert!(whole.code == Some(0) && whole.stdout.contains("entries, whole"), "{}{}", whole.stdout, whole.stderr);
    let messages = world.user.messages(&session).await?;
    let bubble = messages.iter().find(|message| message["role"] == "agent").context("a bubble")?;
    Ok((bubble["approvals"][0].clone(), log.stdout))
}

#[tokio::test]
async fn a_question_that_a_crash_left_open_is_closed_in_the_chat_and_in_the_log() -> Result<()> {
    let (question, log) = killed_while_it_asks(None).await?;
    assert_eq!((&question["decision"], &question["by"]), (&json!("deny"), &json!("turn_over")));
    let first = log.lines().next().context("an entry")?;
    assert!(first.contains("probe may not approval: do eat, says nobody, as the host stopped while it was"), "{log}");
    assert_eq!(log.lines().count(), 3, "and the second turn's decision and outcome: {log}");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_comes_after_a_crash_finds_nobody_and_nothing_is_done_by_it() -> Result<()> {
    let (question, log) = killed_while_it_asks(Some("approve")).await?;
    assert_eq!((&question["decision"], &question["by"]), (&json!("approve"), &json!("user")));
    assert!(log.lines().next().is_some_and(|first| first.contains("may not approval: do eat")), "{log}");
    assert_eq!(log.lines().count(), 3, "{log}");
    Ok(())
}
