//! What is said while the host is away, and turns that its end interrupts.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Event, World, guests};
use std::time::Duration;

#[tokio::test]
async fn a_shutdown_lets_running_turns_come_to_their_end() -> Result<()> {
    let mut world = World::start().await?;
    let (first, second) = (world.user.session().await?, world.user.session().await?);
    world.user.ask(&first, "/use probe").await?;
    let running = world.user.say(&first, "sleep 500").await?;
    let waiting = world.user.say(&first, "long 3").await?;
    let stream = running.clone();
    let begun = move |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == stream.as_str();
    world.user.wait("the first words", begun).await?;
    world.stop_host().await;
    assert_eq!(world.user.answer(&running).await?.text, "asleep, awake");
    assert!(world.user.answer(&waiting).await?.text.contains("The host was shut down"));
    let late = world.user.say(&second, "said to nobody").await?;
    world.start_host().await?;
    assert_eq!(world.user.answer(&late).await?.text, "said to nobody");
    Ok(())
}

#[tokio::test]
async fn messages_sent_while_the_host_is_away_are_answered_when_it_is_back() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let session = world.user.session().await?;
    let first = world.user.say(&session, "said to nobody").await?;
    let second = world.user.say(&session, "and again").await?;
    world.start_host().await?;
    assert_eq!(world.user.answer(&first).await?.text, "said to nobody");
    assert_eq!(world.user.answer(&second).await?.text, "and again");
    Ok(())
}

#[tokio::test]
async fn a_shutdown_ends_running_turns_in_words() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.turns.grace = Duration::from_millis(10);
    world.start_host().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let running = world.user.say(&session, "sleep 600000").await?;
    let waiting = world.user.say(&session, "long 3").await?;
    let stream = running.clone();
    let begun = move |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == stream.as_str();
    world.user.wait("the first words", begun).await?;
    world.stop_host().await;
    let text = world.user.answer(&running).await?.text;
    assert!(text.starts_with("asleep,") && text.contains("The host was shut down"), "{text}");
    assert!(world.user.answer(&waiting).await?.text.contains("The host was shut down"));

    world.start_host().await?;
    assert_eq!(world.user.ask(&session, "long 3").await?.text, "xxx");
    let ends = world.user.events().iter().filter(|event| event.kind == "message_finalized").count();
    assert_eq!(ends, 4, "a restart ended a turn again");
    Ok(())
}
