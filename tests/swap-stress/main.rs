//! Versions are swapped under fifty sessions that talk without pause: no turn fails, none is a mixture, each is answered
//! by a version that was current when it began, and memory stays where it was.
//!
//! `tests/run swap-stress --swaps N`; 200 unless told.

use anyhow::{Context as _, Result, ensure};
use sophon_host::daemon::{Order, order};
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::Agents;
use sophon_tests::{Dev, User, World, component, number};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const SESSIONS: usize = 50;
/// Whose sessions they are.
const USERS: usize = 5;
/// Turns of a session before another one takes its place.
const TALK: u64 = 50;
/// Swaps after which the host has all that it needs in memory.
const WARM: u64 = 20;

/// The versions that there are.
#[derive(Default)]
struct Versions {
    /// The newest that is surely answering.
    current: AtomicU64,
    /// The newest that may be answering.
    written: AtomicU64,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_turn_notices_that_versions_are_swapped() -> Result<()> {
    let swaps = number("SOPHON_TEST_SWAPS")?.unwrap_or(200);
    let mut world = World::paired(Arc::new(Agents::default()), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let agents = data.path().join("authors");
    write(&agents, 0)?;
    let (url, folder) = (world.base_url(), agents.display().to_string());
    let mut host = Dev::start(data.path(), &["--cloud-url", &url, "--log", "warn", "run", &folder], &[])?;
    let versions = Arc::new(Versions::default());
    let users: Vec<_> =
        (0..USERS).map(|_| tokio::spawn(talk(world.base_url(), world.user_token.clone(), versions.clone()))).collect();
    until_ready(data.path()).await?;

    let (began, mut warm) = (Instant::now(), 0.0);
    for version in 1..=swaps {
        versions.written.store(version, Ordering::SeqCst);
        write(&agents, version)?;
        let done = order(data.path(), &Order::Look).await?;
        let line = done.agents.first().context("the agent is gone")?;
        ensure!(done.error.is_none() && line.candidate.is_none(), "version {version} does not answer: {done:?}");
        ensure!(line.answers.version == version.to_string(), "version {} answers, not {version}", line.answers.version);
        versions.current.store(version, Ordering::SeqCst);
        if version == WARM {
            warm = host.resident()?;
        }
    }
    let (took, end) = (began.elapsed().as_secs_f64(), host.resident()?);
    versions.over.store(true, Ordering::SeqCst);
    let turns: u64 = futures_util::future::try_join_all(users).await?.into_iter().sum::<Result<_>>()?;
    println!(
        "{swaps} swaps in {took:.1} s under {turns} turns of {SESSIONS} sessions; {warm:.1} MiB, then {end:.1} MiB"
    );
    ensure!(turns > swaps, "only {turns} turns were talked");
    ensure!(swaps <= WARM || end <= warm * 1.1, "memory grew from {warm:.1} to {end:.1} MiB");
    host.terminate().await.map(drop)
}

/// Puts a version in place: it says its number, waits, and says it again.
fn write(agents: &Path, version: u64) -> Result<()> {
    let folder = agents.join("vary");
    fs::create_dir_all(&folder)?;
    let body = format!(
        ";; Version {version}.
         (data (i32.const 1024) \"{version:06} {version:06}\")
         (func (export \"handle\") (param i32) (result i32)
           (call $say (i32.const 1024) (i32.const 7))
           (call $wait (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 5) (i32.const 256))
           (call $answer (i32.const 1024) (i32.const 13)))"
    );
    let file = format!("{version}.wasm");
    fs::write(folder.join(&file), component(&body)?)?;
    // The manifest last, and at once.
    let manifest = format!("[agent]\nname = \"vary\"\nversion = \"{version}\"\ncomponent = \"{file}\"\n");
    fs::write(folder.join("draft"), manifest)?;
    fs::rename(folder.join("draft"), folder.join("agent.toml"))?;
    if let Some(old) = version.checked_sub(2) {
        fs::remove_file(folder.join(format!("{old}.wasm")))?;
    }
    Ok(())
}

/// Waits until the host takes orders.
async fn until_ready(data: &Path) -> Result<()> {
    let asked = async { while order(data, &Order::Agents).await.is_err() {} };
    tokio::time::timeout(sophon_tests::PATIENCE, asked).await.context("the host takes no orders")
}

/// What is said in some of the sessions, until all is over; gives how many turns there were.
async fn talk(url: String, token: String, versions: Arc<Versions>) -> Result<u64> {
    let mut turns = 0;
    while !versions.over.load(Ordering::SeqCst) {
        // A user of its own for a while: what was seen before need not be looked through.
        let user = User::connect(&url, &token).await?;
        let sessions = (0..SESSIONS / USERS).map(|_| talk_in_session(&user, &versions));
        turns += futures_util::future::try_join_all(sessions).await?.into_iter().sum::<u64>();
    }
    Ok(turns)
}

/// Some turns of one session, without a pause.
async fn talk_in_session(user: &User, versions: &Versions) -> Result<u64> {
    let (session, mut turns) = (user.session().await?, 0);
    while turns < TALK && !versions.over.load(Ordering::SeqCst) {
        let at_least = versions.current.load(Ordering::SeqCst);
        let answer = user.ask(&session, "which?").await?;
        let at_most = versions.written.load(Ordering::SeqCst);
        let (first, second) = answer.text.split_once(' ').with_context(|| format!("it failed: {}", answer.text))?;
        ensure!(first == second, "a mixture: {}", answer.text);
        let version: u64 = first.parse().with_context(|| format!("it failed: {}", answer.text))?;
        ensure!((at_least..=at_most).contains(&version), "{version} answered, of {at_least} to {at_most}");
        turns += 1;
    }
    Ok(turns)
}
