//! What agents keep: over turns and restarts, each its own, within bounds, and never lost between two who write.

use anyhow::Result;
use sophon_host::capability::Settings;
use sophon_tests::{Alone, World};

/// A world with so many sessions of the tireless probe.
async fn tireless(sessions: usize) -> Result<(World, Vec<String>)> {
    let world = World::start().await?;
    let mut all = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let session = world.user.session().await?;
        world.user.ask(&session, "/use tireless").await?;
        all.push(session);
    }
    Ok((world, all))
}

async fn ask(world: &World, session: &str, words: &str) -> Result<String> {
    Ok(world.user.ask(session, words).await?.text)
}

#[tokio::test]
async fn what_a_turn_keeps_is_there_for_the_next_and_after_a_restart() -> Result<()> {
    let (mut world, sessions) = tireless(1).await?;
    let session = &sessions[0];
    assert_eq!(ask(&world, session, "state session get k").await?, "nothing");
    assert_eq!(ask(&world, session, "state session set k grün").await?, "set");
    assert_eq!(ask(&world, session, "state agent set k rot").await?, "set");
    world.stop_host().await;
    world.start_host().await?;
    assert_eq!(ask(&world, session, "state session get k").await?, "grün");
    assert_eq!(ask(&world, session, "state agent get k").await?, "rot");
    assert_eq!(ask(&world, session, "state session swap k rot blau").await?, "false");
    assert_eq!(ask(&world, session, "state session swap k grün blau").await?, "true");
    assert_eq!(ask(&world, session, "state session swap k blau -").await?, "true");
    assert_eq!(ask(&world, session, "state session get k").await?, "nothing");
    assert_eq!(ask(&world, session, "state session delete k").await?, "deleted");
    Ok(())
}

#[tokio::test]
async fn agents_and_sessions_do_not_see_each_others_state() -> Result<()> {
    let (world, sessions) = tireless(2).await?;
    let (mine, other) = (&sessions[0], &sessions[1]);
    ask(&world, mine, "state session set k mine").await?;
    ask(&world, mine, "state agent set shared all").await?;
    assert_eq!(ask(&world, other, "state session get k").await?, "nothing");
    assert_eq!(ask(&world, other, "state session all -").await?, "0 keys");
    assert_eq!(ask(&world, other, "state agent get shared").await?, "all");
    assert_eq!(ask(&world, other, "state agent get k").await?, "nothing", "a session's is not the agent's");
    ask(&world, mine, "/use probe").await?;
    assert_eq!(ask(&world, mine, "state session get k").await?, "nothing");
    assert_eq!(ask(&world, mine, "state agent get shared").await?, "nothing");
    ask(&world, mine, "/use tireless").await?;
    assert_eq!(ask(&world, mine, "state session get k").await?, "mine");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_that_count_at_once_lose_nothing() -> Result<()> {
    let (world, sessions) = tireless(3).await?;
    let mut counting = Vec::new();
    for session in &sessions {
        counting.push(world.user.say(session, "state agent count visits 500").await?);
    }
    for interaction in &counting {
        world.user.answer(interaction).await?;
    }
    assert_eq!(ask(&world, &sessions[0], "state agent get visits").await?, "1500");
    Ok(())
}

#[tokio::test]
async fn bounds_are_told_to_the_agent_and_hold() -> Result<()> {
    let probe = Alone::new("tireless", Settings::default())?;
    for (words, answer) in [
        ("state session fill 200000", "5 taken, limit reached: the state of a session has at most 1048576 bytes"),
        ("state session fill 0", "1000 taken, limit reached: the state of a session has at most 1000 keys"),
        ("state session all fill", "1000 keys"),
        ("state agent fill 250000", "67 taken, limit reached: the state of an agent has at most 16777216 bytes"),
        ("state agent long 257 1", "invalid: a key has 1 to 256 bytes, not 257"),
        ("state agent long 1000000 1", "invalid: a key has 1 to 256 bytes, not 1000000"),
        ("state agent long 0 1", "invalid: a key has 1 to 256 bytes, not 0"),
        ("state agent long 1 262145", "limit reached: a value has at most 262144 bytes, not 262145"),
        ("state agent keys fill - 2", "fill 000000 fill 000001"),
        ("state agent keys fill fill 0", ""),
        ("state agent keys % - 100", ""),
    ] {
        let text = probe.ask(words).await?;
        assert!(text.starts_with(answer) && (!answer.is_empty() || text.is_empty()), "{words}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_string_that_is_none_ends_the_guest_and_nothing_else() -> Result<()> {
    let (world, sessions) = tireless(1).await?;
    let text = ask(&world, &sessions[0], "state session malformed").await?;
    assert!(text.contains("crashed"), "{text}");
    assert_eq!(ask(&world, &sessions[0], "state session all -").await?, "0 keys");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_sets_ends_at_a_limit_and_leaves_others_alone() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    let flooding = world.user.say(&session, "state session flood 100000").await?;
    let good = world.user.session().await?;
    for number in 0..5 {
        let words = format!("still going {number}");
        assert_eq!(ask(&world, &good, &words).await?, words);
    }
    let text = world.user.answer(&flooding).await?.text;
    assert!(text.contains("was stopped: it reached its"), "{text}");
    let kept = ask(&world, &session, "state session all -").await?;
    assert!(kept.ends_with(" keys") && kept != "0 keys", "what was set before the limit is kept: {kept}");
    Ok(())
}
