//! An agent asks, a person answers: each answer, and each way not to get one.

use crate::http;
use anyhow::Result;
use serde_json::{Value, json};
use sophon_host::localcloud::{Buckets, Fault, Options, RequestFault, Rule};
use sophon_tests::{Event, World, guests, hello};
use std::time::Duration;

const PROBE: &str = "/use probe";

/// A world in whose session the probe answers.
pub(crate) async fn world() -> Result<(World, String)> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, PROBE).await?;
    Ok((world, session))
}

#[tokio::test]
async fn a_person_sees_what_is_asked_and_each_answer_reaches_the_agent() -> Result<()> {
    let (world, session) = world().await?;
    let interaction = world.user.say(&session, "ask eat drink eat sleep").await?;
    let asked = world.user.asked("eat?”").await?;
    assert_eq!(asked["title"], "probe: The agent asks: “May I eat?”");
    assert_eq!((&asked["command"], &asked["severity"]), (&json!("do eat"), &json!("medium")));
    let message = asked["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("The agent says: “I was told\\nto \\u{202e}ask”"), "{message}");
    for covered in ["session: in this session: its own question `eat`", "all: always: whatever it asks you"] {
        assert!(message.contains(covered), "{covered} is not in {message}");
    }
    world.user.decide(&asked, json!({ "decision": "approve" })).await?;
    world.user.decide(&world.user.asked("drink?”").await?, json!({ "decision": "deny" })).await?;
    // A yes for once is asked again.
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    world.user.decide(&world.user.asked("sleep?”").await?, json!({ "decision": "approve" })).await?;
    let answer = world.user.answer(&interaction).await?;
    assert_eq!(
        answer.text,
        "eat? Decision::Once. drink? Decision::Denied. eat? Decision::Once. sleep? Decision::Once. "
    );
    let kinds = world.user.kinds_of(&interaction);
    let first = kinds.iter().position(|kind| kind == "approval_requested");
    assert!(first > kinds.iter().position(|kind| kind == "message_delta"), "asked before what was said: {kinds:?}");
    Ok(())
}

#[tokio::test]
async fn who_said_no_is_not_asked_the_same_again_in_that_turn() -> Result<()> {
    let (world, session) = world().await?;
    let interaction = world.user.say(&session, "ask eat eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. eat? Decision::Denied. ");
    assert_eq!(questions(&world), 1);
    // In another turn it is.
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Once. ");
    Ok(())
}

fn questions(world: &World) -> usize {
    world.user.events().iter().filter(|event| event.kind == "approval_requested").count()
}

#[tokio::test]
async fn an_always_reaches_as_far_as_it_says() -> Result<()> {
    let (world, session) = world().await?;
    let always = |scope: &str| json!({ "decision": "approve_always", "scope": scope });
    let elsewhere = world.user.session().await?;
    world.user.ask(&elsewhere, PROBE).await?;

    let interaction = world.user.say(&session, "ask eat eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, always("session")).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Always. eat? Decision::Always. ");
    let other = world.user.say(&elsewhere, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, always("tool")).await?;
    assert_eq!(world.user.answer(&other).await?.text, "eat? Decision::Always. ");
    let third = world.user.session().await?;
    world.user.ask(&third, PROBE).await?;
    assert_eq!(world.user.ask(&third, "ask eat").await?.text, "eat? Decision::Always. ");

    let interaction = world.user.say(&third, "ask drink").await?;
    world.user.decide(&world.user.asked("drink?”").await?, always("all")).await?;
    world.user.answer(&interaction).await?;
    assert_eq!(world.user.ask(&session, "ask sleep").await?.text, "sleep? Decision::Always. ");
    assert_eq!(questions(&world), 3);
    Ok(())
}

/// Takes back the one grant that there is, in the chat, in a session of its own.
pub(crate) async fn take_back(world: &World) -> Result<()> {
    let session = world.user.session().await?;
    let list = world.user.ask(&session, "/grants").await?.text;
    let ids: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("- ")?.split('`').nth(1)).collect();
    let [id] = ids[..] else { anyhow::bail!("not one grant: {list}") };
    let told = world.user.ask(&session, &format!("/revoke {id}")).await?.text;
    anyhow::ensure!(told.contains("taken back"), "{told}");
    Ok(())
}

#[tokio::test]
async fn the_user_lists_what_is_allowed_in_the_chat_and_takes_it_back() -> Result<()> {
    let (world, session) = world().await?;
    assert!(world.user.ask(&session, "/grants").await?.text.starts_with("Nothing"));
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "tool" })).await?;
    world.user.answer(&interaction).await?;
    let list = world.user.ask(&session, "/grants").await?.text;
    let id = list.split('`').nth(1).unwrap_or_default().to_owned();
    assert!(list.contains("**probe**: `own eat`"), "{list}");
    assert!(world.user.ask(&session, &format!("/revoke {id}")).await?.text.contains("taken back"));
    assert!(world.user.ask(&session, &format!("/revoke {id}")).await?.text.contains("There is no grant"));
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. ");
    Ok(())
}

#[tokio::test]
async fn an_always_is_remembered_over_a_restart() -> Result<()> {
    let (mut world, session) = world().await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    world.user.decide(&asked, json!({ "decision": "approve_always", "scope": "tool" })).await?;
    world.user.answer(&interaction).await?;
    world.stop_host().await;
    world.start_host().await?;
    assert_eq!(world.user.ask(&session, "ask eat").await?.text, "eat? Decision::Always. ");
    assert_eq!(questions(&world), 1);
    Ok(())
}

#[tokio::test]
async fn a_turn_that_is_stopped_while_it_asks_ends_and_the_question_with_it() -> Result<()> {
    let (world, session) = world().await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({ "interaction_id": interaction })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat?\n\n_Stopped._");
    let resolved =
        |event: &Event| event.kind == "approval_resolved" && event.data["approval_id"] == asked["approval_id"];
    assert_eq!(world.user.wait("the question's end", resolved).await?.data["decision"], "deny");
    assert_eq!(world.user.ask(&session, "state get k").await?.finish, "stop", "the session goes on");
    Ok(())
}

#[tokio::test]
async fn a_question_whose_answers_get_lost_on_the_way_is_asked_once() -> Result<()> {
    let (world, session) = world().await?;
    let fault = Fault::Request { route: Some("requestApproval".to_owned()), what: RequestFault::LoseAnswer };
    world.cloud().faults().add(Rule::times(fault, 2));
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Once. ");
    assert_eq!(questions(&world), 1);
    Ok(())
}

#[tokio::test]
async fn a_question_that_nobody_answers_in_time_is_a_no() -> Result<()> {
    let moment = Duration::from_millis(1);
    let cloud = Options { approval_expiry: moment, buckets: Buckets::unlimited(), ..Options::default() };
    let mut world = World::on(guests(), cloud).await?;
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, PROBE).await?;
    let text = world.user.ask(&session, "ask eat eat").await?.text;
    assert_eq!(text, "eat? Decision::Expired. eat? Decision::Expired. ");
    assert_eq!(questions(&world), 1, "and nobody is asked the same again in that turn");
    Ok(())
}

#[tokio::test]
async fn a_host_that_was_stopped_while_it_asked_ends_the_turn_and_takes_no_late_answer() -> Result<()> {
    let (mut world, session) = world().await?;
    world.config.turns.grace = Duration::ZERO;
    world.stop_host().await;
    world.start_host().await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    let asked = world.user.asked("eat?”").await?;
    world.stop_host().await;
    assert!(world.user.answer(&interaction).await?.text.contains("shut down"));
    let late = world.user.decide(&asked, json!({ "decision": "approve" })).await;
    assert!(late.is_err_and(|error| error.to_string().contains("approval_resolved")), "its turn is over");
    world.start_host().await?;
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. ");
    Ok(())
}

#[tokio::test]
async fn an_agent_that_asks_for_ever_is_stopped() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, PROBE).await?;
    let interaction = world.user.say(&session, "nag").await?;
    for _ in 0..50 {
        let asked: Value = world.user.asked("Please?”").await?;
        world.user.decide(&asked, json!({ "decision": "deny" })).await?;
        let seen =
            |event: &Event| event.kind == "approval_resolved" && event.data["approval_id"] == asked["approval_id"];
        world.user.wait("its end", seen).await?;
    }
    let answer = world.user.answer(&interaction).await?;
    assert!(answer.text.contains("its limit of 50 questions"), "{}", answer.text);
    Ok(())
}

#[tokio::test]
async fn equal_requests_that_are_started_at_once_are_one_question_and_a_no_is_for_both() -> Result<()> {
    let ((world, session), site) = (http::world(http::asking()).await?, hello().await?);
    world.user.ask(&session, "/use tireless").await?;
    let url = site.url("/");
    let interaction = world.user.say(&session, &format!("http pair {url} {url}")).await?;
    world.user.decide(&world.user.asked("").await?, json!({ "decision": "deny" })).await?;
    let text = world.user.answer(&interaction).await?.text;
    let ends: Vec<&str> = text.split(" and ").collect();
    assert!(ends.len() == 2 && ends.iter().all(|end| end.contains("a person, who said no")), "{text}");
    assert_eq!((questions(&world), site.asked().len()), (1, 0));
    // What differs is asked about by itself.
    let interaction = world.user.say(&session, &format!("http pair {url} {}", site.url("/other"))).await?;
    for _ in 0..2 {
        world.user.decide(&world.user.asked("").await?, json!({ "decision": "approve" })).await?;
    }
    assert_eq!(world.user.answer(&interaction).await?.text, "200 and 200");
    assert_eq!(questions(&world), 3);
    Ok(())
}
