//! The real binary, killed at random instants while its users talk. Afterwards the cloud's own record has exactly one
//! finished bubble with the right text for every message, and no card that runs.
//!
//! `tests/run crash --kills N`; 200 unless told. The seed is printed, and `--seed N` repeats its traffic, though not
//! what the two processes had done at each instant.

mod model;
mod swap;
mod town;

use anyhow::{Context as _, Result};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Chance, Dev, Event, Said, Tally, World, check, deed, guests, number, probe};
use std::path::Path;
use std::time::Duration;

/// Kills on one cloud; then another begins, so that the record stays small enough to be looked at often.
const KILLS_A_WORLD: u32 = 20;
/// Sessions that talk.
const SESSIONS: usize = 3;
/// Messages in the life of one process.
const MESSAGES: u32 = 3;
/// The longest pause before a message and before the kill, in milliseconds. A start takes about 400.
const PAUSE: u64 = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_gets_exactly_one_finished_bubble_however_often_the_host_is_killed() -> Result<()> {
    let kills = number("SOPHON_TEST_KILLS")?.unwrap_or(200);
    let seed = number("SOPHON_TEST_SEED")?.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{kills} kills, seed {seed}");
    let mut chance = Chance::new(seed);
    let (mut left, mut tally) = (u32::try_from(kills)?, Tally::default());
    while left > 0 {
        let round = left.min(KILLS_A_WORLD);
        tally +=
            world(round, &mut chance).await.with_context(|| format!("{left} kills before the end, seed {seed}"))?;
        left -= round;
    }
    println!("{tally}");
    Ok(())
}

/// One cloud, and one host after the other.
async fn world(kills: u32, chance: &mut Chance) -> Result<Tally> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let arguments = ["--cloud-url", &url, "--log", "warn", "run", &agent];
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(world.user.session().await?);
    }

    let mut said = Vec::new();
    for _ in 0..kills {
        said.extend(life(&world, data.path(), &arguments, &sessions, chance).await?);
    }
    let mut host = Dev::start(data.path(), &arguments, &[])?;
    // Where all is answered already, it would be asked to stop before it listens to that.
    host.says("stop with Ctrl-C").await?;
    for message in &said {
        world.user.answer(&message.interaction).await.with_context(|| format!("no end of {message:?}"))?;
    }
    let tally = check(&world, &said)?;
    let (status, words) = host.terminate().await?;
    anyhow::ensure!(status.success(), "the host did not stop well: {words}");
    Ok(tally)
}

/// A process from its start to its kill, and what was said to it.
async fn life(
    world: &World,
    data: &Path,
    arguments: &[&str],
    sessions: &[String],
    chance: &mut Chance,
) -> Result<Vec<Said>> {
    let mut host = Dev::start(data, arguments, &[])?;
    let mut said = Vec::new();
    for _ in 0..MESSAGES {
        tokio::time::sleep(Duration::from_millis(chance.below(PAUSE))).await;
        let deed = deed(chance);
        let session = &sessions[usize::try_from(chance.below(SESSIONS as u64))?];
        let interaction = world.user.say(session, &deed.words).await?;
        said.push(Said { interaction, deed });
    }
    // Half of the processes die wherever they are, on a slow machine mostly at their start; the others at work.
    if let Some(last) = said.last().filter(|_| chance.below(2) == 0) {
        let is_its = |event: &Event| event.data["interaction_id"] == last.interaction.as_str();
        world.user.wait("a bubble", |event| event.data["role"] == "agent" && is_its(event)).await?;
    }
    tokio::time::sleep(Duration::from_millis(chance.below(PAUSE))).await;
    host.kill().await?;
    Ok(said)
}
