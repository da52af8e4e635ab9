//! Every way a turn can end badly ends its bubble, once, with a sentence that helps.

use anyhow::Result;
use sophon_tests::{World, agents, guests};

/// What `agent` answers to `words`.
async fn ask(world: &World, agent: &str, words: &str) -> Result<String> {
    let session = world.user.session().await?;
    if agent == "probe" {
        world.user.ask(&session, "/use probe").await?;
    }
    let interaction = world.user.say(&session, words).await?;
    let answer = world.user.answer(&interaction).await?;
    let kinds = world.user.kinds_of(&interaction);
    assert_eq!(kinds.iter().filter(|kind| *kind == "message_finalized").count(), 1, "{words}: {kinds:?}");
    Ok(answer.text)
}

#[tokio::test]
async fn every_bad_end_is_told() -> Result<()> {
    let world = World::start().await?;
    for (agent, words, parts) in [
        ("echo", "fail: out of tea", vec!["⚠️ The agent `echo` failed: out of tea"]),
        ("echo", "trap", vec!["crashed", "unreachable", "`echo was told to trap`"]),
        ("echo", "spin", vec!["CPU limit of 2 s", "`limits.cpu`"]),
        ("probe", "memory", vec!["memory limit of 8 MiB", "`limits.memory`"]),
        ("probe", "calls", vec!["limit of 20000 host calls", "`limits.calls`"]),
        ("probe", "flood", vec!["flood flood", "output limit of 1 MiB", "`limits.output`"]),
        ("probe", "sleep 60000", vec!["asleep,", "time limit of 2 s", "`limits.wall`"]),
        ("probe", "silent", vec!["ended its turn without an answer"]),
        ("probe", "abandon", vec!["crashed", "`with a card open`"]),
        ("probe", "dance", vec!["the probe knows no dance"]),
    ] {
        let text = ask(&world, agent, words).await?;
        for part in parts {
            assert!(text.contains(part), "{words}: {part:?} is not in {:?}", &text[text.len().saturating_sub(600)..]);
        }
    }
    assert_eq!(ask(&world, "echo", "and the host goes on").await?, "and the host goes on");
    Ok(())
}

#[tokio::test]
async fn a_card_that_a_crash_left_open_is_closed() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    world.user.ask(&session, "abandon").await?;
    let stored = world.user.messages(&session).await?;
    assert_eq!(stored.last().expect("an answer")["tasks"][0]["status"], "cancelled");
    Ok(())
}

#[tokio::test]
async fn an_answer_longer_than_one_request_is_whole() -> Result<()> {
    let world = World::start().await?;
    let text = ask(&world, "probe", "long 150000").await?;
    assert_eq!(text.len(), 150_000);
    Ok(())
}

#[tokio::test]
async fn an_unknown_agent_and_none_at_all_are_told() -> Result<()> {
    let world = World::start().await?;
    let text = ask(&world, "echo", "/use nobody").await?;
    let names: Vec<String> = guests().iter().map(|agent| format!("`{}`", agent.manifest.name)).collect();
    let named = format!("There are: {}.", names.join(", "));
    assert!(names.len() > 3 && text.contains("There is no agent `nobody`") && text.contains(&named), "{text}");

    let empty = World::with(agents(vec![]), sophon_host::localcloud::Buckets::unlimited()).await?;
    for words in ["hello", "/agents", "/use echo"] {
        let text = ask(&empty, "echo", words).await?;
        assert!(text.contains("No agent is installed") && text.contains("agents.paths"), "{words}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_card_of_a_turn_that_its_user_stopped_is_closed() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, "hold 600000").await?;
    world.user.wait("the text behind the card", |event| event.kind == "message_delta").await?;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), serde_json::json!({})).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "asleep,\n\n_Stopped._");
    let stored = world.user.messages(&session).await?;
    assert_eq!(stored.last().expect("an answer")["tasks"][0]["status"], "cancelled");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_stops_a_turn() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    let spinning = world.user.say(&session, "spin").await?;
    let waiting = world.user.say(&session, "spin").await?;
    let bubble = spinning.clone();
    world
        .user
        .wait("the bubble", move |event| {
            event.data["interaction_id"] == bubble.as_str() && event.data["role"] == "agent"
        })
        .await?;
    world.user.post(&format!("/v1/me/sessions/{session}/cancel"), serde_json::json!({})).await?;
    for interaction in [spinning, waiting] {
        assert_eq!(world.user.answer(&interaction).await?.text, "_Stopped._");
    }
    assert_eq!(world.user.ask(&session, "and on").await?.text, "and on");
    Ok(())
}
