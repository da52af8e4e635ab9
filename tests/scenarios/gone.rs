//! Clouds that have lost what a turn writes to, and clouds that do not know the token any more.

use crate::link::{host, message, ready};
use anyhow::{Context as _, Result};
use serde_json::json;
use sophon_host::daemon::State;
use sophon_host::localcloud::{Fault, Refused, RequestFault, Rule};
use sophon_tests::{Script, World, good};

/// In the order in which a turn with a card uses them.
const ROUTES: [&str; 6] =
    ["sendMessage", "sendMessageDelta", "createTask", "updateTask", "finishTask", "sendMessageEnd"];

/// The turn that is to meet a 410 of this code on this route.
fn turn(code: &str, route: &str) -> String {
    format!("int_{code}_{route}_x")
}

/// A cloud that has lost what turns write to, each where its name says.
async fn forgetful(cases: Vec<(&'static str, &'static str)>) -> Result<Script> {
    Script::with(101, move |request| {
        let is_it = |(code, route): &&(&str, &str)| {
            request.route == *route && request.body.to_string().contains(&turn(code, route))
        };
        match cases.iter().find(is_it) {
            Some((code, _)) => (410, json!({ "ok": false, "error": { "code": code } })),
            None => good(request),
        }
    })
    .await
}

#[tokio::test]
async fn whatever_a_410_is_of_and_whichever_request_meets_it_the_turn_sends_nothing_more() -> Result<()> {
    let codes = ["interaction_expired", "session_deleted", "installation_revoked"];
    let cases: Vec<_> = codes.iter().flat_map(|code| ROUTES.map(|route| (*code, route))).collect();
    let mut script = forgetful(cases.clone()).await?;
    let (_host, _dir) = host(&script).await?;
    script.send(ready()).await?;
    let mut sent: Vec<(String, String)> = Vec::new();
    for (number, (code, route)) in cases.iter().enumerate() {
        script.send(message(u32::try_from(number)? + 1, &turn(code, route), "card: one")).await?;
        loop {
            let request = script.request().await?;
            let (body, met) = (request.body.to_string(), request.route == *route);
            sent.push((request.route, body.clone()));
            if met && body.contains(&turn(code, route)) {
                break;
            }
        }
    }
    script.send(message(100, "int_after", "after")).await?;
    while sent.last().is_none_or(|(route, body)| route != "sendMessageEnd" || !body.contains("int_after")) {
        let request = script.request().await?;
        sent.push((request.route, request.body.to_string()));
    }
    for (code, route) in cases {
        let turn = turn(code, route);
        let its: Vec<_> =
            sent.iter().filter(|(_, body)| body.contains(&turn)).map(|(route, _)| route.as_str()).collect();
        let until = ROUTES.iter().position(|known| *known == route).context("a route")?;
        assert_eq!(its, &ROUTES[..=until], "{code} on {route}");
    }
    Ok(())
}

#[tokio::test]
async fn whichever_request_meets_a_401_the_host_ends_and_the_next_start_finishes_the_turn() -> Result<()> {
    let mut world = World::start().await?;
    let session = world.user.session().await?;
    for route in ROUTES {
        let refuse = RequestFault::Refuse { status: Refused::Unauthorized, retry_after: None };
        world.cloud().faults().add(Rule::once(Fault::request(route, refuse)));
        let turn = world.user.say(&session, "card: one").await?;
        let State::Refused(why) = world.host_stopped().await else { panic!("{route}: it was not refused") };
        assert!(why.contains("sophon-host pair"), "{why}");
        world.stop_host().await;
        world.start_host().await?;
        let text = world.user.answer(&turn).await?.text;
        let interrupted = text.contains("The host stopped in the middle") || text.contains("The host was shut down");
        assert!(text == "Here is a card: and it is done." || interrupted, "{route}: {text}");
        let record = world.cloud().record();
        let last = record["turns"].as_array().and_then(|turns| turns.last()).context("a turn")?;
        assert_eq!(last["bubbles"][0]["finalized_times"], 1, "{route}: {last:#}");
        assert_eq!(last["bubbles"].as_array().map(Vec::len), Some(1), "{route}: {last:#}");
        let running = |task: &serde_json::Value| task["status"] == "running";
        assert!(!last["tasks"].as_array().context("tasks")?.iter().any(running), "{route}: {last:#}");
    }
    Ok(())
}

#[tokio::test]
async fn a_conflict_on_a_key_of_our_own_is_told_as_a_defect_and_the_turn_ends_all_the_same() -> Result<()> {
    for route in ["sendMessageDelta", "finishTask", "sendMessageEnd"] {
        let log = sophon_tests::Log::start();
        let mut script = Script::with(101, move |request| match request.route == route {
            true => (409, json!({ "ok": false, "error": { "code": "idempotency_conflict" } })),
            false => good(request),
        })
        .await?;
        let (_host, _dir) = host(&script).await?;
        script.send(ready()).await?;
        script.send(message(1, "int_1", "card: one")).await?;
        log.wait("this is a defect of the host").await?;
        while script.request().await?.route != "sendMessageEnd" {}
        let line = log.text().lines().find(|line| line.contains("defect")).map(str::to_owned).context("a line")?;
        assert!(line.contains("ERROR") && line.contains(route) && line.contains("req_0123456789abcdef"), "{line}");
    }
    Ok(())
}
