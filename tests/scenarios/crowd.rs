//! More messages than there is room for.

use crate::link::{config, host_with, message, ready};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::daemon::{Troubles, ask};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Event, PATIENCE, Script, World, guests};

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

#[tokio::test]
async fn where_even_the_notes_cannot_be_told_intake_waits() -> Result<()> {
    let later = json!({ "ok": false, "error": { "code": "temporarily_unavailable", "retry_after_ms": 60_000 } });
    let script = Script::with(101, move |_| (503, later.clone())).await?;
    let dir = tempfile::tempdir()?;
    let mut config = config(&dir, &script)?;
    config.turns.open_at_most = 1;
    let mut host = host_with(config).await?;
    host.serve_programs(&Troubles::default());
    script.send(ready()).await?;
    // One that runs, a thousand that are refused, and one beyond.
    for update in 1..=1_002 {
        script.send(message(update, &format!("int_{update}"), "hello")).await?;
    }
    let count = |status: &Value, name: &str| status["turns"][name].as_u64().unwrap_or_default();
    let full = async {
        // Often enough that it is no moment on the way.
        let mut seen = 0;
        while seen < 50 {
            let status = ask(dir.path()).await?;
            let open = count(&status, "running") + count(&status, "waiting");
            let stands = status["queues"]["unacked"] == 1 && open == 1_001;
            seen = if stands { seen + 1 } else { 0 };
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, full).await.context("intake did not stop at the bound")?
}
