//! Turns that are stopped, however busy their agent is: by their user, and by a cloud that has lost what they write to.
//!
//! Time stands meanwhile. A session goes on with its next message when its agent has stopped, so an answer to that one
//! shows that no more time was needed than was let pass.

use anyhow::Result;
use serde_json::json;
use sophon_host::localcloud::{Fault, Gone, Refused, RequestFault, Rule};
use sophon_tests::{Event, Frozen, Log, World};
use std::time::Duration;

/// What a stop may take.
const SOON: Duration = Duration::from_millis(100);
/// An agent that computes, one that waits in a host call, and what both say before.
const BUSY: [(&str, &str); 2] = [("churn", "churning,"), ("sleep 600000", "asleep,")];

async fn session(world: &World) -> Result<String> {
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    Ok(session)
}

#[tokio::test]
async fn a_cancel_stops_an_agent_that_computes_and_one_that_waits_within_a_tenth_of_a_second() -> Result<()> {
    let world = World::start().await?;
    for (deed, said) in BUSY {
        let session = session(&world).await?;
        let running = world.user.say(&session, deed).await?;
        let begun = |event: &Event| event.kind == "message_delta" && event.data["interaction_id"] == running.as_str();
        world.user.wait("the first words", begun).await?;
        let mut time = Frozen::start();
        world.user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
        assert_eq!(world.user.answer(&running).await?.text, format!("{said}\n\n_Stopped._"));
        let next = world.user.say(&session, "long 3").await?;
        time.pass(SOON).await;
        assert_eq!(world.user.answer(&next).await?.text, "xxx", "after {deed}");
    }
    Ok(())
}

#[tokio::test]
async fn a_410_stops_an_agent_that_computes_and_one_that_waits_within_a_tenth_of_a_second() -> Result<()> {
    let world = World::start().await?;
    for (deed, _) in BUSY {
        let session = session(&world).await?;
        let (log, mut time) = (Log::start(), Frozen::start());
        let gone = RequestFault::Refuse { status: Refused::Gone(Gone::Interaction), retry_after: None };
        world.cloud().faults().add(Rule::once(Fault::request("sendMessageDelta", gone)));
        let running = world.user.say(&session, deed).await?;
        let next = world.user.say(&session, "long 3").await?;
        log.wait("request failed: /v1/bridge/sendMessageDelta").await?;
        time.pass(SOON).await;
        assert_eq!(world.user.answer(&next).await?.text, "xxx", "after {deed}");
        assert!(!world.user.kinds_of(&running).contains(&"message_finalized".to_owned()), "something more was sent");
    }
    Ok(())
}
