//! A turn that goes well, event by event.

use anyhow::Result;
use serde_json::json;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Log, World, guests};

#[tokio::test]
async fn a_message_is_answered_by_the_default_agent() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, "hello brave new world").await?;
    let answer = world.user.answer(&interaction).await?;
    assert_eq!((answer.text.as_str(), &answer.finish), ("hello brave new world", &json!("stop")));
    assert_eq!((&answer.usage["input_tokens"], &answer.usage["model"]), (&json!(4), &json!("echo")));

    let kinds = world.user.kinds_of(&interaction);
    assert_eq!((kinds.first(), kinds.last()), (Some(&"message_added".into()), Some(&"message_finalized".into())));
    assert_eq!(kinds.iter().filter(|kind| *kind == "message_finalized").count(), 1, "{kinds:?}");
    let stored = world.user.messages(&session).await?;
    let told: Vec<_> = stored.iter().map(|message| (&message["role"], &message["text"])).collect();
    let text = json!("hello brave new world");
    assert_eq!(told, [(&json!("user"), &text), (&json!("agent"), &text)]);
    Ok(())
}

#[tokio::test]
async fn a_stream_comes_in_merged_pieces_that_join_to_the_answer() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, "stream 200").await?;
    let answer = world.user.answer(&interaction).await?;
    let expected: String = (0..200).map(|piece| format!("{piece} ")).collect();
    assert_eq!(answer.text, expected);

    let deltas: Vec<String> = (world.user.events_of(&interaction).iter())
        .filter(|event| event.kind == "message_delta")
        .map(|event| event.data["delta"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(expected.starts_with(&deltas.concat()), "the stream is not a beginning of the answer: {deltas:?}");
    assert!(deltas.len() > 1 && deltas.len() < 100, "200 writes came as {} deltas", deltas.len());
    Ok(())
}

#[tokio::test]
async fn the_bubble_opens_before_the_agent_is_done_and_canonical_text_replaces_drafts() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, "sleep 300").await?;
    let opened = world.user.wait("the bubble", |event| {
        event.kind == "message_added"
            && event.data["role"] == "agent"
            && event.data["interaction_id"] == interaction.as_str()
    });
    assert_eq!(opened.await?.data["text"], "", "a placeholder is no text");
    assert_eq!(world.user.answer(&interaction).await?.text, "asleep, awake");

    let canonical = world.user.ask(&session, "canonical").await?;
    assert_eq!((canonical.text.as_str(), canonical.finish), ("the final text", json!("length")));
    Ok(())
}

#[tokio::test]
async fn cards_are_shown_in_their_place_and_end_once() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, "card: a \"quoted\" label").await?;
    world.user.answer(&interaction).await?;
    let tasks: Vec<String> =
        world.user.kinds_of(&interaction).into_iter().filter(|kind| kind.starts_with("task_")).collect();
    assert_eq!(tasks, ["task_created", "task_progress", "task_completed"]);
    let stored = world.user.messages(&session).await?;
    let task = &stored[1]["tasks"][0];
    assert_eq!(task["args"], json!({ "text": "a \"quoted\" label" }));
    assert_eq!((&task["status"], &task["result"]), (&json!("completed"), &json!({ "length": 16 })));
    assert_eq!(task["offset"], "Here is a card: ".len());

    world.user.ask(&session, "/use tireless").await?;
    let interaction = world.user.say(&session, "cards").await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "refused", "arguments that are not JSON are refused");
    let stored = world.user.messages(&session).await?;
    let tasks = stored.last().expect("an answer")["tasks"].as_array().expect("tasks").clone();
    let statuses: Vec<_> = tasks.iter().map(|task| task["status"].as_str().unwrap_or_default()).collect();
    assert_eq!(statuses, ["completed", "failed", "cancelled"]);
    assert_eq!(tasks[1]["error"], "it broke");
    Ok(())
}

#[tokio::test]
async fn history_is_given_to_an_agent_that_asks_for_it() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "first question").await?;
    world.user.ask(&session, "/use probe").await?;
    let answer = world.user.ask(&session, "history").await?;
    let expected = "Role::User: first question; Role::Agent: first question; Role::User: /use probe; \
                    Role::Agent: **probe** answers here from now on.";
    assert_eq!(answer.text, expected);
    let other = world.user.session().await?;
    world.user.ask(&other, "/use probe").await?;
    let answer = world.user.ask(&other, "history").await?;
    assert!(!answer.text.contains("first question"), "a session sees another's: {}", answer.text);
    Ok(())
}

#[tokio::test]
async fn a_rate_limit_slows_a_burst_down_and_loses_nothing() -> Result<()> {
    let log = Log::start();
    let world = World::with(guests(), Buckets::unlimited().with_msg(2, 20)).await?;
    let mut asked = Vec::new();
    // Two of the `msg` bucket a turn, which holds two and gets twenty a second.
    for number in 0..20 {
        let words = format!("burst number {number}");
        let session = world.user.session().await?;
        asked.push((world.user.say(&session, &words).await?, words));
    }
    for (interaction, words) in asked {
        assert_eq!(world.user.answer(&interaction).await?.text, words);
    }
    // Slowed down before it was told to: the first answer says how small the bucket is.
    let met: Vec<_> = log.text().lines().filter(|line| line.contains("status=429")).map(str::to_owned).collect();
    assert!(met.is_empty(), "{met:#?}");
    Ok(())
}

#[tokio::test]
async fn arguments_and_results_beyond_a_hundred_kilobytes_are_cut_with_a_note() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use tireless").await?;
    for (bytes, is_cut) in [(99_998, false), (99_999, true), (300_000, true)] {
        assert_eq!(world.user.ask(&session, &format!("bulky {bytes}")).await?.text, "shown");
        let stored = world.user.messages(&session).await?;
        let task = &stored.last().expect("an answer")["tasks"][0];
        for (field, letter) in [("args", "a"), ("result", "r")] {
            let shown = &task[field];
            assert!(shown.to_string().len() <= 100_000 && shown.is_object() == is_cut, "{bytes}: {field}");
            let note = format!("cut: {} bytes are more than the 100000 that a card shows", bytes + 2);
            let (told, beginning) = (shown["note"] == note.as_str(), shown["beginning"].as_str().unwrap_or_default());
            assert!(!is_cut || (told && beginning.starts_with(&format!("\"{letter}"))), "{bytes}: {}", shown["note"]);
        }
        assert_eq!(task["status"], "completed");
    }
    Ok(())
}
