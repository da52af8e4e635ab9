//! Two hosts with one token, in data folders of their own.

use anyhow::{Context as _, Result};
use serde_json::Value;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guest, guests, run};
use tempfile::TempDir;

/// A data folder with the token of a world.
fn paired(world: &mut World) -> Result<TempDir> {
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    Ok(data)
}

#[tokio::test]
async fn the_second_host_with_a_token_says_who_has_it_and_ends() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let (first, second) = (paired(&mut world)?, paired(&mut world)?);
    let (url, echo) = (world.base_url(), guest("echo").display().to_string());
    let arguments = ["--cloud-url", &url, "run", &echo];
    let home = tempfile::tempdir()?;
    // The first sees more places than the second: they meet where both look.
    let home = home.path().display().to_string();
    let mut host = Dev::start(first.path(), &arguments, &[("HOME", &home)])?;
    let session = world.user.session().await?;
    assert_eq!(world.user.ask(&session, "hello").await?.text, "hello");

    let process = host.id().context("it runs")?.to_string();
    let ended = run(second.path(), &arguments, &[("HOME", &home)]).await?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let folder = first.path().canonicalize()?.display().to_string();
    for part in [process.as_str(), &folder, "sophon-host pair"] {
        assert!(ended.stderr.contains(part), "{part} is not in: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains(":s_"), "the token was printed");
    let doctor = ["--cloud-url", &url, "doctor", "--json", &echo];
    let found: Value = serde_json::from_str(&run(second.path(), &doctor, &[("HOME", &home)]).await?.stdout)?;
    assert!(found.to_string().contains(&format!("process {process} serves this installation")), "{found:#}");
    assert_eq!(world.user.ask(&session, "still mine").await?.text, "still mine");

    // What a killed host wrote is no lock.
    host.kill().await?;
    let mut host = Dev::start(second.path(), &arguments, &[("HOME", &home)])?;
    assert_eq!(world.user.ask(&session, "and mine").await?.text, "and mine");
    host.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn hosts_with_tokens_of_their_own_run_side_by_side() -> Result<()> {
    let shared = tempfile::tempdir()?;
    let environment = [("XDG_RUNTIME_DIR", shared.path().to_str().context("a path in UTF-8")?)];
    let echo = guest("echo").display().to_string();
    let (one, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut hosts = Vec::new();
    for data in [&one, &other] {
        let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &echo], &environment)?;
        dev.line().await?;
        hosts.push(dev);
    }
    for data in [&one, &other] {
        assert_eq!(run(data.path(), &["chat", "hello"], &environment).await?.stdout, "hello\n");
    }
    assert_eq!(std::fs::read_dir(shared.path().join("sophon-host"))?.count(), 2);
    for mut host in hosts {
        host.terminate().await?;
    }
    Ok(())
}
