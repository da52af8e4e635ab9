//! Many at once: sessions side by side, turns of one in order, and who answers where.
//!
//! What spins does so until the others are done, however busy the machine is: a turn is charged for the clock on the wall
//! while it computes, so a limit would come first on one that is busy enough.

use anyhow::{Result, ensure};
use serde_json::json;
use sophon_tests::{User, World};

/// A session in which a turn spins until it is stopped; gives the turn.
async fn spin(user: &User) -> Result<(String, String)> {
    let session = user.session().await?;
    user.ask(&session, "/use restless").await?;
    let turn = user.say(&session, "spin").await?;
    Ok((session, turn))
}

/// Stops a turn, which must not have ended by itself.
async fn stop(user: &User, (session, turn): &(String, String)) -> Result<()> {
    let ended = user.kinds_of(turn).iter().any(|kind| kind == "message_finalized");
    ensure!(!ended, "the spinning turn held the others up");
    user.post(&format!("/v1/me/sessions/{session}/cancel"), json!({})).await?;
    let text = user.answer(turn).await?.text;
    ensure!(text.ends_with("_Stopped._"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_stream_while_a_third_spins_and_is_stopped() -> Result<()> {
    let world = World::start().await?;
    let user = &world.user;
    let (first, second, third) = (user.session().await?, user.session().await?, user.session().await?);
    let spinning = spin(user).await?;
    user.ask(&first, "/use tireless").await?;
    user.ask(&second, "/use tireless").await?;
    let (one, two) = (user.say(&first, "stream 500").await?, user.say(&second, "stream 500").await?);
    let expected: String = (0..500).map(|piece| format!("{piece} ")).collect();
    assert_eq!(user.answer(&one).await?.text, expected);
    assert_eq!(user.answer(&two).await?.text, expected);
    stop(user, &spinning).await?;
    let limited = user.ask(&third, "spin").await?.text;
    assert!(limited.contains("CPU limit"), "{limited}");

    let deltas: Vec<String> = (user.events().iter())
        .filter(|event| event.kind == "message_delta")
        .map(|event| event.data["interaction_id"].as_str().unwrap_or_default().to_owned())
        .collect();
    let changes = deltas.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 2, "the streams did not run side by side: {deltas:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_spinning_turns_as_there_are_workers_leave_the_others_going() -> Result<()> {
    let world = World::start().await?;
    let user = &world.user;
    let mut spinning = Vec::new();
    for _ in 0..3 {
        spinning.push(spin(user).await?);
    }
    let session = user.session().await?;
    for number in 0..5 {
        let words = format!("still going {number}");
        assert_eq!(user.ask(&session, &words).await?.text, words);
    }
    for spinning in &spinning {
        stop(user, spinning).await?;
    }
    Ok(())
}

#[tokio::test]
async fn turns_of_one_session_run_in_order_with_their_bubbles_open_at_once() -> Result<()> {
    let world = World::start().await?;
    let user = &world.user;
    let session = user.session().await?;
    user.ask(&session, "/use tireless").await?;
    let slow = user.say(&session, "sleep 2000").await?;
    let mut waiting = Vec::new();
    for number in 0..5 {
        waiting.push(user.say(&session, &format!("long {}", 10 + number)).await?);
    }
    for (number, interaction) in waiting.iter().enumerate() {
        assert_eq!(user.answer(interaction).await?.text.len(), 10 + number);
    }
    let order: Vec<(String, String)> = (user.events().iter())
        .filter(|event| {
            event.kind == "message_finalized" || (event.kind == "message_added" && event.data["role"] == "agent")
        })
        .map(|event| (event.kind.clone(), event.data["interaction_id"].as_str().unwrap_or_default().to_owned()))
        .collect();
    let place = |kind: &str, interaction: &String| {
        order.iter().position(|(k, i)| k == kind && i == interaction).expect("it was seen")
    };
    assert!(place("message_added", &waiting[4]) < place("message_finalized", &slow), "a bubble waited: {order:?}");
    let ends: Vec<usize> = std::iter::once(&slow).chain(&waiting).map(|i| place("message_finalized", i)).collect();
    assert!(ends.is_sorted(), "the turns ended out of order: {order:?}");
    Ok(())
}

#[tokio::test]
async fn a_session_lists_and_chooses_its_agent_and_others_do_not_notice() -> Result<()> {
    let mut world = World::start().await?;
    let (mine, other) = (world.user.session().await?, world.user.session().await?);
    let list = world.user.ask(&mine, "/agents").await?.text;
    assert!(list.contains("**echo** 0.1.0 (answers here)") && list.contains("**probe**"), "{list}");
    world.user.ask(&mine, "/use probe").await?;
    assert!(world.user.ask(&mine, "/agents").await?.text.contains("**probe** 0.1.0 (answers here)"));
    assert_eq!(world.user.ask(&other, "dance").await?.text, "dance");

    world.stop_host().await;
    world.start_host().await?;
    let text = world.user.ask(&mine, "dance").await?.text;
    assert!(text.contains("the probe knows no dance"), "the choice was forgotten over a restart: {text}");
    Ok(())
}
