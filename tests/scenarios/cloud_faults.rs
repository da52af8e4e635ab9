//! The host against an embedded cloud that misbehaves on demand, over the admin port.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::localcloud::Buckets;
use sophon_tests::{World, guests};

/// Asks the admin port for something.
async fn admin(world: &World, path: &str, body: Value) -> Result<()> {
    let url = format!("http://{}{path}", world.cloud().admin_addr().context("an admin port")?);
    let client = reqwest::Client::builder().no_proxy().build()?;
    client.post(url).bearer_auth(&world.user_token).json(&body).send().await?.error_for_status()?;
    Ok(())
}

#[tokio::test]
async fn a_turn_comes_out_once_whatever_gets_lost_on_the_way() -> Result<()> {
    let mut world = World::with(guests(), Buckets::unlimited()).await?;
    for rule in [
        json!({ "on": "update", "do": "duplicate" }),
        json!({ "on": "request", "route": "sendMessage", "do": "lose_answer" }),
        json!({ "on": "request", "route": "sendMessageDelta", "do": "refuse", "status": 503, "retry_after_ms": 1 }),
        json!({ "on": "request", "route": "sendMessageEnd", "do": "lose_answer" }),
    ] {
        admin(&world, "/faults", rule).await?;
    }
    let session = world.user.session().await?;
    let answer = world.user.ask(&session, "hello").await?;
    admin(&world, "/cut", json!({})).await?;
    let after = world.user.ask(&session, "after the cut").await?;
    world.stop_host().await;
    let record = world.cloud().record();
    for (turn, answer) in [(&record["turns"][0], answer), (&record["turns"][1], after)] {
        let bubbles = turn["bubbles"].as_array().context("bubbles")?;
        assert_eq!(bubbles.len(), 1, "{turn}");
        assert_eq!((&bubbles[0]["text"], &bubbles[0]["finalized"]), (&json!(answer.text), &json!(true)));
    }
    Ok(())
}
