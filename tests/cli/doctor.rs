//! `doctor`: what it finds, and that it leaves alone what works.

use anyhow::{Context as _, Result};
use serde_json::Value;
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, Run, World, guest, guests, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// The state and the words of a check.
fn check<'a>(found: &'a Value, name: &str) -> Result<(&'a str, &'a str)> {
    let checks = found["checks"].as_array().context("checks")?;
    let one = checks.iter().find(|check| check["check"] == name).with_context(|| format!("no {name}: {found:#}"))?;
    Ok((one["state"].as_str().context("a state")?, one["text"].as_str().context("words")?))
}

fn found(ended: &Run) -> Result<Value> {
    serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))
}

#[tokio::test]
async fn what_works_is_said_to_work_and_goes_on_working() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o700))?;
    world.hand_over(data.path())?;
    let (url, echo) = (world.config.cloud.url.join(""), guest("echo").display().to_string());
    let doctor = ["--cloud-url", &url, "doctor", "--json", &echo];

    let alone = run(data.path(), &doctor, &[]).await?;
    assert_eq!(alone.code, Some(0), "{alone:?}");
    let alone = found(&alone)?;
    for name in ["configuration", "data folder", "token", "host", "cloud", "clock", "connection", "agents"] {
        assert_eq!(check(&alone, name)?.0, "ok", "{alone:#}");
    }
    assert!(check(&alone, "disk")?.1.contains("free"), "{alone:#}");
    assert!(check(&alone, "connection")?.1.contains("takes the token") && alone["broken"] == 0, "{alone:#}");

    let mut host = Dev::start(data.path(), &["--cloud-url", &url, "run", &echo], &[])?;
    let session = world.user.session().await?;
    assert_eq!(world.user.ask(&session, "hello").await?.text, "hello");
    let beside = found(&run(data.path(), &doctor, &[]).await?)?;
    assert_eq!(check(&beside, "connection")?, ("ok", "the host that runs here is connected"), "{beside:#}");
    assert_eq!(check(&beside, "store")?.0, "ok", "{beside:#}");
    let status: Value = serde_json::from_str(&run(data.path(), &["status", "--json"], &[]).await?.stdout)?;
    assert_eq!(status["reconnects"], 0, "the doctor took the host's connection");
    host.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_broken_is_told_with_what_to_do_and_every_check_is_made() -> Result<()> {
    let data = tempfile::tempdir()?;
    let secret = "s_test_0123456789abcdef0123456789abcdef01234567";
    let token = format!("inst_0123456789abcdef:{secret}");
    fs::write(data.path().join("inst_0123456789abcdef.db"), "long enough to be looked at, and no database at all")?;
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755))?;
    let arguments = ["--cloud-url", "http://127.0.0.1:1", "--log", "a=b=c", "doctor", "--json", "missing.wasm"];
    let sick = run(data.path(), &arguments, &[("SOPHON_TOKEN", &token)]).await?;
    assert_eq!(sick.code, Some(1), "{sick:?}");
    assert!(!format!("{sick:?}").contains(secret), "the token was printed");
    let sick = found(&sick)?;
    for (name, state, words) in [
        ("configuration", "ok", "none"),
        ("log", "warning", "is not a log filter"),
        ("data folder", "warning", "mode 755"),
        ("store", "broken", "not a database"),
        ("cloud", "broken", "TCP: "),
        ("clock", "info", "not checked"),
        ("connection", "info", "cannot be reached"),
        ("agents", "broken", "is not there"),
    ] {
        let (is, says) = check(&sick, name)?;
        assert!(is == state && says.contains(words), "{name} is {is}: {says}");
    }
    Ok(())
}

#[tokio::test]
async fn a_broken_configuration_keeps_no_other_check_from_being_made() -> Result<()> {
    let data = tempfile::tempdir()?;
    fs::write(data.path().join("sophon-host.toml"), "[cluod]\nurl = \"https://mine.example\"\n")?;
    let token = data.path().join("token");
    fs::write(&token, "inst_0123456789abcdef:s_test_0123456789abcdef")?;
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644))?;
    let arguments = ["--cloud-url", "http://127.0.0.1:1", "doctor"];
    let ended = run(data.path(), &arguments, &[]).await?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for part in
        ["broken   configuration", "unknown field `cluod`", "broken   token", "chmod 600", "must not go to a cloud"]
    {
        assert!(ended.stdout.contains(part), "{part} is not in: {}", ended.stdout);
    }
    fs::remove_file(data.path().join("sophon-host.toml"))?;
    let ended = run(data.path(), &arguments, &[]).await?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    fs::remove_file(&token)?;
    let ended = run(data.path(), &arguments, &[("SOPHON_TOKEN", "sesame")]).await?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(!format!("{ended:?}").contains("sesame"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_the_cloud_refuses_is_told() -> Result<()> {
    let world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    let url = world.config.cloud.url.join("");
    let token = [("SOPHON_TOKEN", "inst_0123456789abcdef:s_test_0123456789abcdef")];
    let ended = run(data.path(), &["--cloud-url", &url, "doctor"], &token).await?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("→ run `sophon-host pair`"), "{}", ended.stdout);
    Ok(())
}

#[tokio::test]
async fn folders_that_no_rule_gives_are_told_and_those_that_were_left() -> Result<()> {
    let data = tempfile::tempdir()?;
    let home = data.path().join("agents/reader");
    let (one, other) = (data.path().join("one"), data.path().join("other"));
    [&home, &one, &other, &data.path().join("state/work/old/x")].into_iter().try_for_each(fs::create_dir_all)?;
    fs::copy(guest("echo"), home.join("c.wasm"))?;
    let want = |path: &std::path::Path| format!("[[want.files]]\npath = \"{}\"\nwhy = \"to read\"\n", path.display());
    let manifest = "[agent]\nname = \"reader\"\nversion = \"1\"\ncomponent = \"c.wasm\"\n";
    fs::write(home.join("agent.toml"), format!("{manifest}{}{}", want(&one), want(&other)))?;
    let rule = format!("[[policy]]\neffect = \"allow\"\nfiles = \"{}\"\n", one.display());
    fs::write(data.path().join("sophon-host.toml"), rule)?;
    let state = data.path().join("state").display().to_string();
    let agents = data.path().join("agents").display().to_string();
    let arguments = ["--cloud-url", "http://127.0.0.1:1", "--data-dir", &state, "doctor", &agents];
    let ended = run(data.path(), &arguments, &[]).await?;
    for part in [
        format!("reader may read {}, by sophon-host.toml, [[policy]] no. 1", one.display()),
        format!("reader cannot read {}", other.display()),
        "withheld by the policy, which has no rule for it".to_owned(),
        "allow it in sophon-host.toml by a rule with `files`".to_owned(),
        "work/old is of an agent that is no more".to_owned(),
    ] {
        assert!(ended.stdout.contains(&part), "{part} is not in: {}", ended.stdout);
    }
    Ok(())
}
