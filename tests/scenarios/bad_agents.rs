//! Agents that cannot run: told with the file's name, and the others go on.

use anyhow::Result;
use sophon_host::localcloud::Buckets;
use sophon_tests::{World, agents, guest};
use std::fs;

#[tokio::test]
async fn a_bad_agent_is_told_and_the_others_go_on() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let folder = |name: &str, manifest: &str| -> Result<std::path::PathBuf> {
        let folder = dir.path().join(name);
        fs::create_dir(&folder)?;
        fs::write(folder.join("agent.toml"), manifest)?;
        Ok(folder)
    };
    let table = |name: &str| format!("[agent]\nname = \"{name}\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n");
    fs::copy(guest("echo"), folder("good", &table("good"))?.join("c.wasm"))?;
    fs::copy(guest("echo"), folder("twin", &table("good"))?.join("c.wasm"))?;
    fs::copy(guest("echo"), folder("older", &format!("{}contract = \"0.3\"\n", table("older")))?.join("c.wasm"))?;
    fs::write(folder("text", &table("text"))?.join("c.wasm"), "this is not WebAssembly")?;
    folder("absent", &table("absent"))?;
    folder("typo", &table("typo").replace("version", "versoin"))?;

    let loaded = agents(vec![dir.path().to_owned(), dir.path().join("nowhere")]);
    let problems: Vec<String> = loaded.problems().iter().map(|problem| problem.error.to_string()).collect();
    for parts in [
        ["twin", "`good` is taken"],
        ["older/c.wasm", "built for version 0.3"],
        ["text/c.wasm", "not a WebAssembly component"],
        ["absent/c.wasm", "is not there"],
        ["typo/agent.toml", "unknown field `versoin`"],
        ["nowhere", "neither an agent's folder"],
    ] {
        let told = problems.iter().any(|problem| parts.iter().all(|part| problem.contains(part)));
        assert!(told, "nobody tells of {parts:?}: {problems:#?}");
    }
    assert_eq!(problems.len(), 6, "{problems:#?}");

    let world = World::with(loaded, Buckets::unlimited()).await?;
    let session = world.user.session().await?;
    assert_eq!(world.user.ask(&session, "the good one answers").await?.text, "the good one answers");
    let list = world.user.ask(&session, "/agents").await?.text;
    assert!(list.contains("not loaded") && list.contains("text/c.wasm"), "{list}");
    Ok(())
}
