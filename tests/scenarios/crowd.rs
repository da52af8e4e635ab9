//! More messages than there is room for.

use anyhow::Result;
use serde_json::json;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Event, World, guests};

#[tokio::test]
async fn a_message_for_which_the_host_has_no_room_is_answered_with_a_note() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    world.config.turns.open_at_most = 2;
    world.start_host().await?;
    let (one, two, three) = (world.user.session().await?, world.user.session().await?, world.user.session().await?);
    for session in [&one, &two] {
        world.user.ask(session, "/use tireless").await?;
    }
    let mut running = Vec::new();
    for session in [&one, &two] {
        let interaction = world.user.say(session, "sleep 600000").await?;
        let begun =
            |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == interaction.as_str();
        world.user.wait("the first words", begun).await?;
        running.push(interaction);
    }
    let refused = world.user.ask(&three, "no room").await?;
    assert!(refused.text.contains("Too many messages wait on this host"), "{}", refused.text);

    // A cancel comes through, and makes room.
    world.user.post(&format!("/v1/me/sessions/{one}/cancel"), json!({})).await?;
    assert_eq!(world.user.answer(&running[0]).await?.text, "asleep,\n\n_Stopped._");
    loop {
        // The room is there a moment after the end was seen.
        let answer = world.user.ask(&three, "room again").await?.text;
        if answer == "room again" {
            return Ok(());
        }
        assert!(answer.contains("Too many messages wait on this host"), "{answer}");
    }
}
