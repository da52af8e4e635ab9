//! Commands that end by themselves.

use anyhow::Result;
use serde_json::{Value, json};
use sophon_host::localcloud::{LocalCloud, Options};
use sophon_tests::{Dev, User, guest, run};
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn help_teaches_and_names_the_exit_codes() -> Result<()> {
    let data = tempfile::tempdir()?;
    let help = run(data.path(), &["--help"], &[]).await?;
    assert_eq!(help.code, Some(0));
    for part in [
        "dev",
        "run",
        "pair",
        "chat",
        "agent",
        "grants",
        "audit",
        "status",
        "doctor",
        "Exit codes",
        "sophon-host.toml",
        "SOPHON_TOKEN",
    ] {
        assert!(help.stdout.contains(part), "{part} is not in: {}", help.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn each_sort_of_failure_has_its_code_and_a_word_on_what_to_do() -> Result<()> {
    let data = tempfile::tempdir()?;
    std::fs::write(data.path().join("bad.toml"), "[agents]\npahts = []\n")?;
    let text = data.path().join("text.wasm");
    std::fs::write(&text, "this is not WebAssembly")?;
    let text = text.display().to_string();
    for (arguments, environment, code, parts) in [
        (vec!["--config", "bad.toml", "run"], None, 2, vec!["unknown field `pahts`", "line 2", "`paths`"]),
        (vec!["--cloud-url", "http://example.com", "run"], None, 2, vec!["--cloud-url", "in clear"]),
        (vec!["dance"], None, 2, vec!["unrecognized subcommand"]),
        (vec!["dev"], None, 2, vec!["no agents", "agents.paths"]),
        (vec!["run"], None, 3, vec!["no token", "sophon-host pair"]),
        (vec!["run"], Some(("SOPHON_TOKEN", "sesame")), 3, vec!["SOPHON_TOKEN", "pair again"]),
        (vec!["--cloud-url", "http://127.0.0.1:1", "pair"], None, 4, vec!["pairing/start"]),
        (vec!["chat", "hello"], None, 4, vec!["sophon-host dev"]),
        (vec!["agent", "list", &text], None, 1, vec!["text.wasm is not a WebAssembly component"]),
    ] {
        let ended = run(data.path(), &arguments, environment.as_slice()).await?;
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        for part in parts {
            assert!(ended.stderr.contains(part), "{arguments:?}: {part} is not in: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("sesame") && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn agents_are_listed_for_people_and_for_programs() -> Result<()> {
    let data = tempfile::tempdir()?;
    let echo = guest("echo").display().to_string();
    let people = run(data.path(), &["agent", "list", &echo], &[]).await?;
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    let (id, digest) = people.stdout.split_once(" (default)  sha256:").unwrap_or_default();
    assert!(id.starts_with("echo 0.0.0 (") && id.len() == 25 && digest.trim().len() == 12, "{}", people.stdout);
    let programs = run(data.path(), &["agent", "list", "--json", &echo], &[]).await?;
    let list: Value = serde_json::from_str(&programs.stdout)?;
    assert_eq!((&list["agents"][0]["name"], &list["problems"]), (&json!("echo"), &json!([])));
    assert_eq!(list["agents"][0]["answers"]["digest"].as_str().map(str::len), Some(64));
    Ok(())
}

#[tokio::test]
async fn what_a_manifest_does_not_get_is_told_before_and_when_it_is_loaded() -> Result<()> {
    let data = tempfile::tempdir()?;
    std::fs::write(data.path().join("sophon-host.toml"), "[limits]\ncpu = \"1s\"\nprograms = 5\n")?;
    std::fs::copy(guest("echo"), data.path().join("c.wasm"))?;
    let manifest = "[agent]\nname = \"greedy\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n\
                    history = { messages = 7 }\n[limits]\nprograms = 2\n\
                    [total]\nturns = 7\nprograms = 64";
    std::fs::write(data.path().join("agent.toml"), manifest)?;
    let folder = data.path().display().to_string();
    for command in ["inspect", "list"] {
        let shown = run(data.path(), &["agent", command, &folder], &[]).await?;
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        let told = "`limits.cpu` is 1 s by sophon-host.toml, and not the 10 s of its agent.toml";
        assert!(shown.stdout.contains(told) && !shown.stdout.contains("limits.programs"), "{}", shown.stdout);
        let told = "`total.programs` is 32 by sophon-host.toml, and not the 64 of its agent.toml";
        assert!(shown.stdout.contains(told) && !shown.stdout.contains("`total.turns`"), "{}", shown.stdout);
    }
    let shown = run(data.path(), &["agent", "inspect", &folder], &[]).await?;
    assert!(
        shown.stdout.contains("history  reads up to 7 messages of the session before its turn"),
        "{}",
        shown.stdout
    );
    let shown = run(data.path(), &["agent", "inspect", "--json", &folder], &[]).await?;
    let seen: Value = serde_json::from_str(&shown.stdout)?;
    assert_eq!(seen["history"]["messages"], 7);
    assert_eq!((&seen["limits"]["cpu"], &seen["limits"]["programs"]), (&json!("1 s"), &json!("2")));
    let total = ["turns", "cpu", "programs"].map(|key| seen["total"][key].as_str());
    assert_eq!(total, [Some("7"), Some("100%"), Some("32")]);
    Ok(())
}

#[tokio::test]
async fn pairing_prints_a_code_and_stores_a_private_token() -> Result<()> {
    let data = tempfile::tempdir()?;
    let cloud = LocalCloud::start(Options::default()).await?;
    let user = User::connect(&cloud.base_url(), cloud.user_token()).await?;
    let url = cloud.base_url();
    let mut pairing = Dev::start(data.path(), &["--cloud-url", &url, "pair"], &[])?;
    let code = pairing.line().await?;
    assert_eq!(code.len(), 7, "{code}");
    user.post("/v1/me/pairing/claim", json!({ "code": code })).await?;
    let (status, words) = pairing.end().await?;
    assert_eq!(status, Some(0), "{words}");
    let file = data.path().join("token");
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file)?;
    let secret = token.trim().split(':').nth(1).unwrap_or_default();
    assert!(secret.len() > 30 && !words.contains(secret), "the token was printed");

    // With the token, `run` connects and answers.
    let echo = guest("echo").display().to_string();
    let mut host = Dev::start(data.path(), &["--cloud-url", &url, "run", &echo], &[])?;
    let session = user.session().await?;
    assert_eq!(user.ask(&session, "hello").await?.text, "hello");
    let (status, words) = host.terminate().await?;
    assert!(status.success() && words.contains("connected"), "{words}");
    cloud.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_token_that_others_can_read_is_refused() -> Result<()> {
    let data = tempfile::tempdir()?;
    let file = data.path().join("token");
    std::fs::write(&file, "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567")?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
    let ended = run(data.path(), &["run"], &[]).await?;
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("chmod 600") && !ended.stderr.contains("s_test_"), "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn a_token_that_the_cloud_refuses_ends_run_with_a_clear_word() -> Result<()> {
    let data = tempfile::tempdir()?;
    let cloud = LocalCloud::start(Options::default()).await?;
    let token = "inst_0123456789abcdef:s_test_0123456789abcdef0123456789abcdef01234567";
    let url = cloud.base_url();
    let echo = guest("echo").display().to_string();
    let ended = run(data.path(), &["--cloud-url", &url, "run", &echo], &[("SOPHON_TOKEN", token)]).await?;
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("sophon-host pair") && !ended.stderr.contains("s_test_"), "{}", ended.stderr);
    cloud.stop().await;
    Ok(())
}
