//! Compiled code on the disk: a start with what an earlier one compiled.

use anyhow::{Context as _, Result};
use sophon_host::config::{AgentsConfig, CacheConfig};
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::{Agents, Cache, Engine};
use sophon_tests::{World, guests};
use std::fs;
use std::path::Path;

/// Loads two agents of one component with a cache in this folder. How many were compiled, and which come from there.
fn start(folder: &Path) -> Result<(u64, Vec<bool>)> {
    let cache = Cache::new(&CacheConfig { folder: folder.join("compiled"), most: 1 << 30 });
    let engine = Engine::new(1)?.with_cache(cache);
    let origin = |name: &str| guests().get(name).map(|agent| agent.manifest.origin.clone());
    let paths = ["echo", "restless"].map(|name| origin(name).expect("a guest")).to_vec();
    let agents = Agents::load(&engine, &AgentsConfig { paths, ..AgentsConfig::default() });
    assert!(agents.problems().is_empty(), "{:?}", agents.problems());
    Ok((engine.compiled(), agents.iter().map(|agent| agent.made.cached).collect()))
}

#[tokio::test]
async fn a_start_with_what_was_compiled_before_compiles_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (compiled, cached) = start(folder.path())?;
    assert_eq!((compiled, cached.iter().filter(|cached| **cached).count()), (1, 1), "one component, compiled once");
    assert_eq!(start(folder.path())?, (0, vec![true, true]));
    // Damaged: compiled anew, and whole again.
    let code = fs::read_dir(folder.path().join("compiled"))?.filter_map(Result::ok).map(|entry| entry.path());
    let code = code.filter(|path| path.extension().is_some_and(|end| end == "code")).collect::<Vec<_>>();
    let [code] = code.as_slice() else { anyhow::bail!("not one file: {code:?}") };
    let mut bytes = fs::read(code)?;
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).context("an empty file")? ^= 1;
    fs::write(code, bytes)?;
    assert_eq!(start(folder.path())?.0, 1);
    assert_eq!(start(folder.path())?, (0, vec![true, true]));
    Ok(())
}

#[tokio::test]
async fn code_that_was_compiled_before_answers() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let folder = tempfile::tempdir()?;
    start(folder.path())?;
    let cache = Cache::new(&CacheConfig { folder: folder.path().join("compiled"), most: 1 << 30 });
    world.run_on(Engine::new(2)?.with_cache(cache), "echo");
    world.start_host().await?;
    let session = world.user.session().await?;
    assert_eq!(world.user.ask(&session, "hello").await?.text, "hello");
    Ok(())
}
