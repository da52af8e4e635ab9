//! Limits that do not end a turn, and how often each was reached.

use anyhow::{Context as _, Result};
use sophon_host::grant::Effect;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Log, World, agents, guest, rule};
use std::fs;
use std::sync::Arc;

/// Every limit of a turn by its key, and those of all turns of an agent.
const KEYS: [&str; 18] = [
    "cpu",
    "memory",
    "tables",
    "stack",
    "wall",
    "output",
    "calls",
    "lines",
    "programs",
    "asks",
    "total.turns",
    "total.memory",
    "total.cpu",
    "total.programs",
    "total.tables",
    "total.output",
    "total.calls",
    "total.lines",
];

/// A world whose probe has these limits, and a session with it.
async fn frugal(limits: &str) -> Result<(World, String)> {
    named("frugal", limits).await
}

/// The same with a name of its own: what all turns of an agent have together is kept by that, in an engine of all tests.
pub(crate) async fn named(name: &str, limits: &str) -> Result<(World, String)> {
    let dir = tempfile::tempdir()?;
    fs::copy(guest("probe"), dir.path().join("c.wasm"))?;
    let manifest = format!(
        "[agent]\nname = \"{name}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n[[want.exec]]\nprogram = \"*\"\n\
         args = [\"...\"]\nwhy = \"to try them\"\n[limits]\n{limits}"
    );
    fs::write(dir.path().join("agent.toml"), manifest)?;
    let agents = agents(vec![dir.path().to_owned()]);
    let mut world = World::paired(Arc::clone(&agents), Buckets::unlimited()).await?;
    world.config.metrics_port = Some(0);
    world.config.policy.rules = vec![rule(Effect::Allow, "exec * ...")];
    world.start_host().await?;
    let session = world.user.session().await?;
    Ok((world, session))
}

/// How often a limit was reached. The engine, and so its count, is that of all tests.
pub(crate) async fn reached(world: &World, key: &str) -> Result<u64> {
    let addr = world.host().metrics_addr().context("metrics are served")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let text = client.get(format!("http://{addr}/metrics")).send().await?.text().await?;
    let name = format!("sophon_host_limit_breaches_total{{limit=\"{key}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name)).context(name.clone())?;
    Ok(line.parse()?)
}

#[tokio::test]
async fn each_limit_is_counted_from_the_start_on() -> Result<()> {
    let (world, session) = frugal("calls = 5").await?;
    for key in KEYS {
        reached(&world, key).await?;
    }
    let before = reached(&world, "calls").await?;
    let text = world.user.ask(&session, "calls").await?.text;
    assert!(text.contains("limit of 5 host calls") && text.contains("`limits.calls` in its agent.toml"), "{text}");
    assert!(reached(&world, "calls").await? > before);
    Ok(())
}

#[tokio::test]
async fn log_lines_beyond_the_limit_are_dropped_with_a_note_and_the_turn_goes_on() -> Result<()> {
    let log = Log::start();
    let (world, session) = frugal("lines = 3").await?;
    let before = reached(&world, "lines").await?;
    assert_eq!(world.user.ask(&session, "lines 3").await?.text, "logged");
    assert_eq!(world.user.ask(&session, "lines 9").await?.text, "logged");
    let text = log.text();
    let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("of the probe"), count("line 2 of the probe"), count("line 3 of the probe")), (6, 2, 0));
    assert_eq!(count("are dropped: it has written `limits.lines` of them"), 1);
    assert!(reached(&world, "lines").await? > before);
    Ok(())
}

#[tokio::test]
async fn programs_beyond_the_limit_are_refused_by_name() -> Result<()> {
    let (world, session) = frugal("programs = 0").await?;
    let before = reached(&world, "programs").await?;
    let text = world.user.ask(&session, "exec run 1 true").await?.text;
    assert!(text.contains("its limit of 0 programs is reached (`limits.programs`)"), "{text}");
    assert!(reached(&world, "programs").await? > before);
    Ok(())
}
