//! The end of a host that is told to stop.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, Event, World, guests, probe};

#[tokio::test]
async fn the_grace_of_running_turns_is_told_and_a_second_signal_ends_at_once() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "run", &agent];
    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let session = world.user.session().await?;
    let running = world.user.say(&session, "sleep 600000").await?;
    let begun = |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == running.as_str();
    world.user.wait("the first words", begun).await?;

    host.signal().await?;
    host.says("waiting up to 20 s for turns that run running=1").await?;
    let (status, words) = host.terminate().await?;
    assert!(status.success() && words.contains("stopped at once; the next start ends the turns"), "{words}");
    let ended = |event: &Event| event.kind == "message_finalized" && event.data["interaction_id"] == running.as_str();
    assert!(!world.user.events().iter().any(ended), "it did not stop at once");

    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let text = world.user.answer(&running).await?.text;
    assert!(text.contains("The host stopped in the middle of this turn"), "{text}");
    host.terminate().await?;
    Ok(())
}
