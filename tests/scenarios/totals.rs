//! What all turns of an agent may use together.

use crate::breaches::{named, reached};
use anyhow::{Context as _, Result};
use serde_json::json;
use sophon_tests::{Event, Frozen, Log, PATIENCE, World};

/// A turn in a session of its own, which has begun to speak and goes on until it is stopped.
async fn begun(world: &World, words: &str) -> Result<(String, String)> {
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, words).await?;
    let spoke = |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == interaction.as_str();
    world.user.wait("the first words", spoke).await?;
    Ok((session, interaction))
}

async fn stop(world: &World, (session, interaction): (String, String)) -> Result<()> {
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
    world.user.answer(&interaction).await.map(drop)
}

/// Asks until the answer is this: room is there a moment after an end was seen. Until then it is refused.
async fn until(world: &World, session: &str, words: &str, wanted: &str, refused: &str) -> Result<()> {
    loop {
        let text = world.user.ask(session, words).await?.text;
        if text == wanted {
            return Ok(());
        }
        anyhow::ensure!(text.contains(refused), "{text}");
    }
}

#[tokio::test]
async fn turns_that_are_modest_each_have_no_more_memory_together_than_their_agent() -> Result<()> {
    let (world, session) = named("hoarder", "memory = \"30MiB\"\n[total]\nmemory = \"60MiB\"").await?;
    let (one, two) = (begun(&world, "hoard 20").await?, begun(&world, "hoard 20").await?);
    let before = reached(&world, "total.memory").await?;
    let text = world.user.ask(&session, "take 20").await?.text;
    let said = "was stopped: it reached its total of 60 MiB of memory, which all its turns share. Try again when fewer of \
                its turns run, or raise `total.memory` in its agent.toml.";
    assert!(text.ends_with(said), "{text}");
    assert_eq!(reached(&world, "total.memory").await?, before + 1);
    // Whatever way a turn ends, what it had is there for the next.
    stop(&world, one).await?;
    until(&world, &session, "take 20", "20971520 bytes", "total of 60 MiB").await?;
    let text = world.user.ask(&session, "memory").await?.text;
    assert!(text.contains("its memory limit of 30 MiB"), "{text}");
    assert_eq!(world.user.ask(&session, "take 20").await?.text, "20971520 bytes");
    drop(two);
    Ok(())
}

#[tokio::test]
async fn a_turn_that_finds_no_memory_to_begin_with_waits_and_does_not_fail() -> Result<()> {
    let (world, session) = named("modest", "memory = \"30MiB\"\n[total]\nmemory = \"22MiB\"").await?;
    let first = begun(&world, "hoard 20").await?;
    let second = world.user.say(&session, "long 3").await?;
    let card = |event: &Event| event.kind == "task_created" && event.data["interaction_id"] == second.as_str();
    let told = world.user.wait("the wait", card).await?;
    let label = told.data["status_label"].as_str().unwrap_or_default();
    assert!(label.starts_with("Waiting: other turns of this agent have all the memory"), "{label}");
    stop(&world, first).await?;
    assert_eq!(world.user.answer(&second).await?.text, "xxx");
    Ok(())
}

#[tokio::test]
async fn programs_of_all_turns_of_an_agent_are_bounded_and_the_turn_goes_on() -> Result<()> {
    let (world, session) = named("crowded", "[total]\nprograms = 3").await?;
    let held = begun(&world, "exec hold 2 sleep 1000").await?;
    let before = reached(&world, "total.programs").await?;
    let text = world.user.ask(&session, "exec begin 2 sleep 1000").await?.text;
    let said =
        "limit reached: its total of 3 programs at once, which all its turns share, is reached (`total.programs`)";
    assert!(text.contains(said), "{text}");
    assert_eq!(reached(&world, "total.programs").await?, before + 1);
    stop(&world, held).await?;
    until(&world, &session, "exec begin 3 true", "3 begun", said).await
}

#[tokio::test]
async fn an_agent_that_has_computed_its_share_waits_and_can_be_stopped() -> Result<()> {
    // A hundredth of a processor: 600 ms at once, and then 5 ms in each half second.
    waits("busy", "cpu = \"10m\"\n[total]\ncpu = 1", "churn", "total.cpu").await
}

#[tokio::test]
async fn an_agent_that_has_called_the_host_for_its_share_waits_and_can_be_stopped() -> Result<()> {
    // 60 at once.
    waits("talkative", "[total]\ncalls = 1", "calls", "total.calls").await
}

#[tokio::test]
async fn an_agent_that_has_written_its_share_waits_and_can_be_stopped() -> Result<()> {
    // 60 KiB at once.
    waits("wordy", "output = \"16MiB\"\n[total]\noutput = \"1KiB\"", "flood", "total.output").await
}

/// Has an agent with these limits do what makes it wait for this total, and stops it while it does.
async fn waits(name: &str, limits: &str, deed: &str, total: &str) -> Result<()> {
    let (world, session) = named(name, limits).await?;
    let before = reached(&world, total).await?;
    let interaction = world.user.say(&session, deed).await?;
    let held = async {
        while reached(&world, total).await? == before {}
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, held).await.context("it never had to wait")??;
    stop(&world, (session, interaction)).await
}

#[tokio::test]
async fn an_agent_that_has_its_host_do_much_gives_way_to_others_and_comes_to_its_end() -> Result<()> {
    let log = Log::start();
    let world = World::start().await?;
    let (busy, other) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&busy, "/use tireless").await?;
    // However busy the machine is: nothing is forgotten, and the other ran just now.
    let time = Frozen::start();
    assert_eq!(world.user.ask(&other, "hello").await?.text, "hello");
    let dealing = world.user.say(&busy, "deal 200").await?;
    log.wait("its agent has the host do much, and gives way to others").await?;
    drop(time);
    assert_eq!(world.user.answer(&dealing).await?.text, "dealt");
    Ok(())
}

#[tokio::test]
async fn log_lines_of_all_turns_of_an_agent_are_bounded_and_the_turn_goes_on() -> Result<()> {
    let log = Log::start();
    let (world, session) = named("gossip", "[total]\nlines = 1").await?;
    let before = reached(&world, "total.lines").await?;
    for _ in 0..2 {
        assert_eq!(world.user.ask(&session, "lines 500").await?.text, "logged");
    }
    assert_eq!(reached(&world, "total.lines").await?, before + 2, "once a turn");
    let text = log.text();
    let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count("together write more than `total.lines` a second"), 2);
    // What a minute gives, and what came while it ran.
    assert!((60..500).contains(&count("of the probe")), "{}", count("of the probe"));
    Ok(())
}

#[tokio::test]
async fn a_turn_that_waits_for_others_of_its_agent_says_so() -> Result<()> {
    let (world, session) = named("single", "[total]\nturns = 1").await?;
    let first = begun(&world, "sleep 600000").await?;
    let before = reached(&world, "total.turns").await?;
    let second = world.user.say(&session, "long 3").await?;
    let card = |event: &Event| event.kind == "task_created" && event.data["interaction_id"] == second.as_str();
    let told = world.user.wait("the wait", card).await?;
    let label = told.data["status_label"].as_str().unwrap_or_default();
    assert!(label.starts_with("Waiting: 1 turns of this agent run, as many as may at once (`total.turns`)"), "{label}");
    assert_eq!(reached(&world, "total.turns").await?, before + 1);
    stop(&world, first).await?;
    assert_eq!(world.user.answer(&second).await?.text, "xxx");
    Ok(())
}
