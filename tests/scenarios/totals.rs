//! What all turns of an agent may use together.

use crate::breaches::{named, reached};
use anyhow::Result;
use serde_json::json;
use sophon_tests::{Event, World};

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

#[tokio::test]
async fn turns_that_are_modest_each_have_no_more_memory_together_than_their_agent() -> Result<()> {
    let (world, session) = named("hoarder", "memory = \"30MiB\"\n[total]\nmemory = \"60MiB\"").await?;
    let (one, two) = (begun(&world, "hoard 20").await?, begun(&world, "hoard 20").await?);
    let before = reached(&world, "total.memory").await?;
    let text = world.user.ask(&session, "hoard 20").await?.text;
    let said = "was stopped: it reached its total of 60 MiB of memory, which all its turns share. Try again when fewer of \
                its turns run, or raise `total.memory` in its agent.toml.";
    assert!(text.ends_with(said), "{text}");
    assert_eq!(reached(&world, "total.memory").await?, before + 1);
    // Whatever way a turn ends, what it had is there for the next.
    for held in [one, two] {
        stop(&world, held).await?;
        assert_eq!(world.user.ask(&session, "memory").await?.text.matches("memory limit of 30 MiB").count(), 1);
        let again = begun(&world, "hoard 20").await?;
        stop(&world, again).await?;
    }
    Ok(())
}
