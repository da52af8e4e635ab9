//! The cloud's rate limits: kept without being told, and nothing is lost to them.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Log, World, guests};

/// The requests that met a limit, as the cloud logged them.
fn met(log: &Log) -> Vec<String> {
    log.text().lines().filter(|line| line.contains("status=429")).map(str::to_owned).collect()
}

/// A world with these limits, in which `sessions` sessions have chosen the probe. The user has limits as well, so they
/// are few.
async fn probes(buckets: Buckets, sessions: usize) -> Result<(World, Vec<String>)> {
    let world = World::with(guests(), buckets).await?;
    let mut all = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let session = world.user.session().await?;
        world.user.ask(&session, "/use tireless").await?;
        all.push(session);
    }
    Ok((world, all))
}

#[tokio::test]
async fn many_streams_keep_the_documented_limits_and_lose_nothing() -> Result<()> {
    stream(Buckets::documented().with_msg(1_000, 1_000)).await?;
    Ok(())
}

/// However busy the machine is, it sends more than this bucket gives.
#[tokio::test]
async fn many_streams_use_up_their_bucket_and_lose_nothing() -> Result<()> {
    let deltas = stream(Buckets::documented().with_msg(1_000, 1_000).with_delta(10, 5)).await?;
    assert!(deltas > 10, "{deltas} deltas: the bucket of 10 was never used up");
    Ok(())
}

/// Lets eight agents stream, and checks that nothing is lost and no limit met; gives the number of deltas.
async fn stream(buckets: Buckets) -> Result<usize> {
    let log = Log::start();
    let (world, sessions) = probes(buckets, 8).await?;
    let mut streams = Vec::new();
    for session in &sessions {
        streams.push(world.user.say(session, "tokens 300").await?);
    }
    let expected: String = (0..300).map(|token| format!("{token} ")).collect();
    for interaction in &streams {
        let answer = world.user.answer(interaction).await?;
        let (text, _) = answer.text.split_once("ended ").expect("the agent's last word");
        assert_eq!(text, expected);
    }
    assert!(met(&log).is_empty(), "{:#?}", met(&log));
    Ok(world.user.events().iter().filter(|event| event.kind == "message_delta").count())
}

#[tokio::test]
async fn a_host_that_finds_its_bucket_empty_waits_and_meets_it_at_most_once() -> Result<()> {
    let log = Log::start();
    let mut world = World::with(guests(), Buckets::unlimited().with_msg(4, 8)).await?;
    for run in 0..2 {
        let mut asked = Vec::new();
        for number in 0..4 {
            let (session, words) = (world.user.session().await?, format!("run {run} number {number}"));
            asked.push((world.user.say(&session, &words).await?, words));
        }
        for (interaction, words) in asked {
            assert_eq!(world.user.answer(&interaction).await?.text, words);
        }
        // The next process knows nothing of what this one left in the bucket.
        world.stop_host().await;
        world.start_host().await?;
    }
    assert!(met(&log).len() <= 1, "{:#?}", met(&log));
    Ok(())
}

#[tokio::test]
async fn an_end_does_not_wait_for_the_deltas_of_others() -> Result<()> {
    let log = Log::start();
    let (world, sessions) = probes(Buckets::documented().with_msg(1_000, 1_000), 8).await?;
    let mut streams = Vec::new();
    for session in &sessions {
        streams.push(world.user.say(session, "tokens 1500").await?);
    }
    let session = world.user.session().await?;
    let answer = world.user.ask(&session, "short").await?;
    assert_eq!(answer.text, "short");
    for interaction in &streams {
        let kinds = world.user.kinds_of(interaction);
        assert!(!kinds.contains(&"message_finalized".to_owned()), "it came behind a stream of 12 s");
    }
    for interaction in &streams {
        world.user.answer(interaction).await?;
    }
    assert!(met(&log).is_empty(), "{:#?}", met(&log));
    Ok(())
}
