//! `dev` and `chat`, as a new user meets them.

use anyhow::{Context as _, Result};
use serde_json::Value;
use sophon_tests::{Dev, guest, run};
use std::fs;
use std::path::Path;

/// An agent's folder whose build command copies the built guest into place.
fn folder(below: &Path, command: &str) -> Result<String> {
    let folder = below.join("agent");
    fs::create_dir(&folder)?;
    let manifest = format!(
        "[agent]\nname = \"echo\"\nversion = \"1.2.3\"\ncomponent = \"built.wasm\"\n[build]\ncommand = \"{command}\"\n\
         [limits]\ncpu = \"300ms\"\n"
    );
    fs::write(folder.join("agent.toml"), manifest)?;
    Ok(folder.display().to_string())
}

#[tokio::test]
async fn dev_builds_and_connects_and_chat_streams_the_answer() -> Result<()> {
    let data = tempfile::tempdir()?;
    let agent = folder(data.path(), &format!("cp {} built.wasm", guest("echo").display()))?;
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &agent], &[])?;
    let address = dev.line().await?;
    assert!(address.starts_with("http://127.0.0.1:") && address.contains("/?key="), "{address}");

    let said = run(data.path(), &["chat", "hello brave new world"], &[]).await?;
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "hello brave new world\n"), "{}", said.stderr);
    let json = run(data.path(), &["chat", "--json", "as data"], &[]).await?;
    let answer: Value = serde_json::from_str(&json.stdout)?;
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&"as data".into(), &"stop".into()));
    let session = answer["session_id"].as_str().context("a session")?;
    let spun = run(data.path(), &["chat", "--session", session, "spin"], &[]).await?;
    assert_eq!(spun.code, Some(5));
    assert!(spun.stdout.contains("CPU limit of 300 ms"), "{}", spun.stdout);
    let hostile = run(data.path(), &["chat", "a\u{1b}[2Jb"], &[]).await?;
    assert_eq!(hostile.stdout, "a\\u{1b}[2Jb\n", "an escape reached the terminal");
    let wrong = run(data.path(), &["chat", "--session", "../../healthz", "x"], &[]).await?;
    assert_eq!(wrong.code, Some(2));

    let second = run(data.path(), &["dev", "--port", "0", &agent], &[]).await?;
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another sophon-host (process "), "{}", second.stderr);
    let other = tempfile::tempdir()?;
    let port = address.split(['/', ':']).nth(4).context("a port")?;
    let taken = run(other.path(), &["dev", "--no-build", "--port", port, &agent], &[]).await?;
    assert_eq!(taken.code, Some(1));
    assert!(
        taken.stderr.contains(&format!("port {port} is in use")) && taken.stderr.contains("--port"),
        "{}",
        taken.stderr
    );

    let (status, words) = dev.terminate().await?;
    assert!(status.success() && words.contains("building echo"), "{words}");
    let gone = run(data.path(), &["chat", "anyone"], &[]).await?;
    assert_eq!(gone.code, Some(4), "{}", gone.stderr);
    Ok(())
}

#[tokio::test]
async fn chats_and_the_pairing_are_kept_over_a_restart_of_dev() -> Result<()> {
    let data = tempfile::tempdir()?;
    let agent = guest("echo").display().to_string();
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &agent], &[])?;
    dev.line().await?;
    let first = run(data.path(), &["chat", "--json", "remember me"], &[]).await?;
    let session = serde_json::from_str::<Value>(&first.stdout)?["session_id"].as_str().context("a session")?.to_owned();
    dev.terminate().await?;

    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &agent], &[])?;
    dev.line().await?;
    let again = run(data.path(), &["chat", "--session", &session, "still here"], &[]).await?;
    assert_eq!((again.code, again.stdout.as_str()), (Some(0), "still here\n"), "{}", again.stderr);
    dev.terminate().await?;

    // The cloud's file is lost: `dev` pairs anew, and the first message is answered all the same.
    for file in ["cloud.db", "cloud.db-wal", "cloud.db-shm"] {
        let _ = fs::remove_file(data.path().join("dev").join(file));
    }
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &agent], &[])?;
    dev.line().await?;
    let anew = run(data.path(), &["chat", "anew"], &[]).await?;
    assert_eq!((anew.code, anew.stdout.as_str()), (Some(0), "anew\n"), "{}", anew.stderr);
    dev.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn a_build_that_fails_is_told_and_dev_goes_on() -> Result<()> {
    let data = tempfile::tempdir()?;
    let agent = folder(data.path(), "false")?;
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &agent], &[])?;
    dev.line().await?;
    let said = run(data.path(), &["chat", "hello"], &[]).await?;
    assert_eq!(said.code, Some(5));
    assert!(said.stdout.contains("No agent is installed"), "{}", said.stdout);
    let (_, words) = dev.terminate().await?;
    assert!(words.contains("building echo failed") && words.contains("built.wasm is not there"), "{words}");
    Ok(())
}
