//! More turns than there is room for: who waits says so, and nothing fails for it.

use anyhow::{Context as _, Result};
use serde_json::json;
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::Engine;
use sophon_tests::{Event, World, guest, guests};

/// A world on an engine of its own, with as many sleepers as fill it.
async fn full(engine: Engine, sleepers: usize) -> Result<(World, Vec<String>)> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.run_on(engine, "tireless");
    world.start_host().await?;
    let mut sessions = Vec::new();
    for _ in 0..sleepers {
        let session = world.user.session().await?;
        let sleeper = world.user.say(&session, "sleep 600000").await?;
        world.user.wait("the first words", |event| is(event, "message_delta", &sleeper)).await?;
        sessions.push(session);
    }
    Ok((world, sessions))
}

fn is(event: &Event, kind: &str, interaction: &str) -> bool {
    event.kind == kind && event.data["interaction_id"] == interaction
}

/// Says something, and waits until its bubble says that it waits.
async fn wait_for_room(world: &World, words: &str) -> Result<(String, String)> {
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, words).await?;
    let told = world.user.wait("the wait", |event| is(event, "task_created", &interaction)).await?;
    assert_eq!(told.data["kind"], "wait");
    let label = told.data["status_label"].as_str().context("a card without a label")?;
    assert!(label.starts_with("Waiting: this host runs as many turns as it can hold"), "{label}");
    Ok((session, interaction))
}

/// Checks what is left of the wait: a card that is done, and nothing in the text.
async fn answered(world: &World, session: &str, interaction: &str) -> Result<()> {
    assert_eq!(world.user.answer(interaction).await?.text, "xxx");
    let messages = world.user.messages(session).await?;
    let card = &messages.last().context("no answer")?["tasks"][0];
    assert_eq!((&card["kind"], &card["status"]), (&json!("wait"), &json!("completed")));
    Ok(())
}

#[tokio::test]
async fn at_the_bound_a_turn_waits_with_its_bubble_open_and_says_so() -> Result<()> {
    let (world, sleepers) = full(Engine::new(2)?, 2).await?;
    let (session, waiting) = wait_for_room(&world, "long 3").await?;
    let (_, given_up) = wait_for_room(&world, "long 3").await?;
    assert!(world.user.kinds_of(&waiting).iter().all(|kind| kind != "message_finalized"));
    // Who stops waiting is told so, and its card does not stay open.
    let stopped = world.user.events_of(&given_up);
    let other = stopped.first().and_then(|event| event.data["session_id"].as_str()).context("no session")?;
    world.user.post(&format!("/v1/me/sessions/{other}/cancel"), json!({})).await?;
    assert_eq!(world.user.answer(&given_up).await?.text, "_Stopped._");
    assert!(world.user.kinds_of(&given_up).iter().any(|kind| kind == "task_cancelled"));
    world.user.post(&format!("/v1/me/sessions/{}/cancel", sleepers[0]), json!({})).await?;
    answered(&world, &session, &waiting).await
}

#[tokio::test]
async fn where_the_system_refuses_an_instance_the_turn_waits_and_tries_again() -> Result<()> {
    // Two may run, and there is memory for one.
    let (world, sleepers) = full(Engine::overbooked(1, 2)?, 1).await?;
    let (session, waiting) = wait_for_room(&world, "long 3").await?;
    world.user.post(&format!("/v1/me/sessions/{}/cancel", sleepers[0]), json!({})).await?;
    answered(&world, &session, &waiting).await
}

#[tokio::test]
async fn a_host_that_is_full_takes_new_versions_all_the_same() -> Result<()> {
    let (world, _sleepers) = full(Engine::new(1)?, 1).await?;
    let folder = world.config.agents.installed.join("fresh");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(guest("echo"), folder.join("c.wasm"))?;
    let manifest =
        "[agent]\nname = \"fresh\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n[test]\nmessages = [\"hello\"]\n";
    std::fs::write(folder.join("agent.toml"), manifest)?;
    let registry = world.host().registry();
    registry.look().await;
    let names: Vec<_> = registry.report().into_iter().map(|line| line.name).collect();
    assert!(names.contains(&"fresh".to_owned()), "{names:?}: {:?}", registry.problems());
    Ok(())
}

#[tokio::test]
async fn a_turn_that_had_only_waited_when_its_host_died_runs_at_the_next_start() -> Result<()> {
    let (mut world, _) = full(Engine::new(1)?, 1).await?;
    let (session, waiting) = wait_for_room(&world, "long 3").await?;
    world.kill_host();
    world.start_host().await?;
    answered(&world, &session, &waiting).await
}
