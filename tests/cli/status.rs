//! `status`: what a running host tells of itself.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_tests::{Dev, PATIENCE, Run, guest, run};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const TOKEN: &str = "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567";

/// Asks until the status is as wanted.
async fn until(data: &Path, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let asked = async {
        loop {
            let told = run(data, &["status", "--json"], &[]).await?;
            if told.code == Some(0) {
                let status: Value = serde_json::from_str(&told.stdout)?;
                if wanted(&status) {
                    return Ok(status);
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.context("the status never was as wanted")?
}

fn nobody(ended: &Run) {
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    assert!(ended.stderr.contains("no sophon-host runs in ") && ended.stdout.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn a_host_tells_its_link_agents_and_turns_as_long_as_it_runs() -> Result<()> {
    let data = tempfile::tempdir()?;
    nobody(&run(data.path(), &["status"], &[]).await?);
    let echo = guest("echo").display().to_string();
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &echo], &[])?;
    dev.line().await?;
    let socket = data.path().join("dev/host/run/status.sock");
    assert_eq!(std::fs::metadata(&socket)?.permissions().mode() & 0o777, 0o600);

    run(data.path(), &["chat", "hello"], &[]).await?;
    run(data.path(), &["chat", "/agents"], &[]).await?;
    let status = until(data.path(), |status| status["turns"]["host"] == 1).await?;
    assert_eq!((&status["link"]["state"], &status["turns"]["answered"]), (&json!("connected"), &json!(1)));
    assert_eq!(status["agents"]["loaded"], json!([{ "name": "echo", "version": "0.0.0" }]));
    assert_eq!((&status["turns"]["running"], &status["turns"]["waiting"]), (&json!(0), &json!(0)));
    assert_eq!((&status["queues"]["unacked"], &status["errors"]), (&json!(0), &json!([])));
    let people = run(data.path(), &["status"], &[]).await?;
    for part in ["link    connected for ", "agents  echo 0.0.0 (default)", "ended   1 answered, 1 answered by the host"]
    {
        assert!(people.stdout.contains(part), "{part} is not in: {}", people.stdout);
    }

    dev.terminate().await?;
    assert!(!socket.exists());
    nobody(&run(data.path(), &["status", "--json"], &[]).await?);
    Ok(())
}

#[tokio::test]
async fn a_host_without_a_cloud_says_why_and_a_killed_one_is_not_taken_for_alive() -> Result<()> {
    let data = tempfile::tempdir()?;
    let echo = guest("echo").display().to_string();
    let arguments = ["--cloud-url", "http://127.0.0.1:1", "--log", "off", "run", &echo];
    let mut host = Dev::start(data.path(), &arguments, &[("SOPHON_TOKEN", TOKEN)])?;
    let status = until(data.path(), |status| status["link"]["state"] == "waiting").await?;
    let reason = status["link"]["reason"].as_str().context("a reason")?;
    assert!(reason.contains("cannot reach the cloud"), "{status:#}");
    let error = status["errors"][0]["text"].as_str().context("an error, though the log is off")?;
    assert!(error.contains("not connected: cannot reach the cloud"), "{status:#}");
    assert!(!status.to_string().contains("s_test_"), "the token is in the status");

    host.kill().await?;
    nobody(&run(data.path(), &["status"], &[]).await?);
    let mut host = Dev::start(data.path(), &arguments, &[("SOPHON_TOKEN", TOKEN)])?;
    until(data.path(), |again| again["process"] != status["process"]).await?;
    host.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn turns_that_wait_are_told_apart_from_the_one_that_runs() -> Result<()> {
    let data = tempfile::tempdir()?;
    let probe = guest("probe").display().to_string();
    let mut dev = Dev::start(data.path(), &["dev", "--port", "0", &probe], &[])?;
    dev.line().await?;
    let first = run(data.path(), &["chat", "--json", "long 3"], &[]).await?;
    let answer: Value = serde_json::from_str(&first.stdout)?;
    let session = answer["session_id"].as_str().context("a session")?;
    let ask = || Dev::start(data.path(), &["chat", "--session", session, "sleep 600000"], &[]);
    let _chats = [ask()?, ask()?, ask()?];
    let status = until(data.path(), |status| status["turns"]["waiting"] == 2).await?;
    assert_eq!((&status["turns"]["running"], &status["queues"]["sessions"]), (&json!(1), &json!(1)));
    dev.terminate().await?;
    Ok(())
}
