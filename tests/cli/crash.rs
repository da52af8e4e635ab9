//! The process dies in the middle of a turn.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guests, probe};

#[tokio::test]
async fn a_turn_that_a_crash_interrupted_is_ended_at_the_next_start_and_only_once() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    // Paired by the test, so that the binary finds the token where it looks for it.
    let data = tempfile::tempdir()?;
    world.config.cloud.token_file.0 = data.path().join("token");
    world.config.cloud.token_file.write(&world.token)?;
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
    host.kill().await?;

    let mut host = Dev::start(data.path(), &arguments, &[])?;
    let text = world.user.answer(&running).await?.text;
    let note = "The host stopped in the middle of this turn. Send your message again.";
    assert_eq!(text, format!("asleep,\n\n⚠️ {note}"));
    assert_eq!(world.user.ask(&session, "long 3").await?.text, "xxx");
    let (status, words) = host.terminate().await?;
    assert!(status.success(), "{words}");
    let stored = world.user.messages(&session).await?;
    let bubbles =
        stored.iter().filter(|message| message["interaction_id"] == running.as_str() && message["role"] == "agent");
    assert_eq!(bubbles.count(), 1, "{stored:#?}");
    Ok(())
}
