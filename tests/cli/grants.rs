//! What agents may do: given in the chat, listed, taken back, given on the command line, and written down.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, World, guest, guests, probe, run};
use std::path::Path;

/// A running host with the probe; its data folder, and how it was started.
async fn host(world: &mut World, data: &Path) -> Result<(Dev, Vec<String>)> {
    world.hand_over(data)?;
    let agent = probe(data)?;
    let config = data.join("host.toml");
    std::fs::write(&config, format!("[agents]\npaths = [{agent:?}]\n[cloud]\nurl = {:?}\n", world.base_url()))?;
    let config = vec!["--config".to_owned(), config.display().to_string()];
    let host = Dev::start(data, &[&config[0], &config[1], "run"], &[])?;
    Ok((host, config))
}

async fn command(data: &Path, config: &[String], words: &[&str]) -> Result<(Option<i32>, String, String)> {
    let arguments: Vec<&str> = config.iter().map(String::as_str).chain(words.iter().copied()).collect();
    let ended = run(data, &arguments, &[]).await?;
    Ok((ended.code, ended.stdout, ended.stderr))
}

#[tokio::test]
async fn a_grant_is_listed_taken_back_at_once_and_given_from_the_command_line() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    let (mut host, config) = host(&mut world, data.path()).await?;
    let session = world.user.session().await?;
    let always = json!({ "decision": "approve_always", "scope": "tool" });
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, always).await?;
    world.user.answer(&interaction).await?;

    let (code, listed, _) = command(data.path(), &config, &["grants", "list"]).await?;
    let id = listed.split_whitespace().next().context("a grant")?.to_owned();
    assert!(code == Some(0) && listed.contains("probe (") && listed.contains("own eat"), "{listed}");
    let (code, _, words) = command(data.path(), &config, &["grants", "revoke", &id]).await?;
    assert_eq!(code, Some(0), "{words}");
    // The host that runs asks again at once, and what the cloud remembers does not answer for it.
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. ");
    let (code, _, words) = command(data.path(), &config, &["grants", "revoke", &id]).await?;
    assert!(code == Some(1) && words.contains(&id) && words.contains("grants list"), "{words}");

    let add = ["grants", "add", "probe", "own eat", "--for", "30m", "--uses", "1"];
    let (code, added, words) = command(data.path(), &config, &add).await?;
    assert!(code == Some(0) && added.contains("1 more times") && added.contains("min more"), "{added}{words}");
    assert_eq!(world.user.ask(&session, "ask eat").await?.text, "eat? Decision::Always. ");
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Once. ");
    host.terminate().await.map(drop)
}

#[tokio::test]
async fn a_grant_for_some_time_and_uses_is_listed_with_both_and_ends_with_its_last_use() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    let (mut host, config) = host(&mut world, data.path()).await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "long 1").await?;
    let add = ["grants", "add", "probe", "own eat", "--for", "30m", "--uses", "3"];
    let (code, added, words) = command(data.path(), &config, &add).await?;
    assert!(code == Some(0) && added.ends_with("own eat, for 30 min more, 3 more times\n"), "{added}{words}");
    for left in [3, 2, 1] {
        let (_, listed, _) = command(data.path(), &config, &["grants", "list"]).await?;
        let shown = listed.split_once("own eat, for ").context("it ends some time")?.1.trim_end().to_owned();
        assert!(shown.ends_with(&format!(" more, {left} more times")), "{listed}");
        assert_eq!(world.user.ask(&session, "ask eat").await?.text, "eat? Decision::Always. ");
    }
    let (_, listed, _) = command(data.path(), &config, &["grants", "list"]).await?;
    // It is there for as long as what its last use began, and allows nothing more.
    assert!(listed.ends_with(", 0 more times\n"), "{listed}");
    let interaction = world.user.say(&session, "ask eat").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "deny" })).await?;
    assert_eq!(world.user.answer(&interaction).await?.text, "eat? Decision::Denied. ");
    host.terminate().await.map(drop)
}

#[tokio::test]
async fn a_grant_from_the_command_line_says_what_comes_with_it_and_how_far_it_reaches() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    let (mut host, config) = host(&mut world, data.path()).await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "long 1").await?;
    for (what, shown) in [
        (&["exec git log", "--network", "--read", "/srv/a"][..], "exec git log, with network, reading /srv/a\n"),
        (
            &["http https://*/*", "--secret", "KEY", "--secret", "B"],
            "http https://*/* (that is any host), with the secrets B, KEY\n",
        ),
    ] {
        let (code, added, words) = command(data.path(), &config, &[&["grants", "add", "probe"], what].concat()).await?;
        assert!(code == Some(0) && added.ends_with(shown), "{added}{words}");
        let (_, listed, _) = command(data.path(), &config, &["grants", "list"]).await?;
        assert!(listed.contains(&added), "{listed}");
    }
    for (what, why) in [
        (&["http https://a.example/*", "--network"][..], "`--network` goes with `exec`, and this is of `http`"),
        (&["http https://a.example/*", "--read", "/srv"], "`--read` goes with `exec`"),
        (&["exec git", "--secret", "KEY"], "`--secret` goes with `http`"),
        (&["exec git", "--read", "srv/../a"], "must be a whole path"),
        (&["http https://a.example/*", "--secret", "a b"], "is not a secret's name"),
        (&["files /srv"], "folders are given by a rule"),
    ] {
        let (code, added, words) = command(data.path(), &config, &[&["grants", "add", "probe"], what].concat()).await?;
        assert!(code == Some(2) && words.contains(why) && added.is_empty(), "{code:?} {added}{words}");
    }
    host.terminate().await.map(drop)
}

#[tokio::test]
async fn all_that_was_asked_and_decided_is_in_a_log_that_tells_of_changes() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    let (mut host, config) = host(&mut world, data.path()).await?;
    let session = world.user.session().await?;
    let interaction = world.user.say(&session, "ask eat drink").await?;
    world.user.decide(&world.user.asked("eat?”").await?, json!({ "decision": "approve" })).await?;
    world.user.decide(&world.user.asked("drink?”").await?, json!({ "decision": "deny" })).await?;
    world.user.answer(&interaction).await?;
    host.terminate().await?;

    let (_, log, _) = command(data.path(), &config, &["audit"]).await?;
    for part in
        ["probe may approval: do eat, says a person, once", "came of 1", "may not approval: do drink, says a person"]
    {
        assert!(log.contains(part), "{part} is not in: {log}");
    }
    let (_, programs, _) = command(data.path(), &config, &["audit", "--json", "--after", "2"]).await?;
    let entry: Value = serde_json::from_str(programs.lines().next().context("an entry")?)?;
    assert_eq!((&entry["number"], &entry["entry"]["allowed"]), (&json!(3), &json!(false)));
    let (code, whole, _) = command(data.path(), &config, &["audit", "--check"]).await?;
    assert!(code == Some(0) && whole.contains("3 entries, whole"), "{whole}");

    let file = data.path().join(format!("{}.db", world.token.installation()));
    let forger = rusqlite::Connection::open(file)?;
    forger.execute_batch("DROP TRIGGER audit_is_not_changed; UPDATE audit SET body = replace(body, 'eat', 'nap');")?;
    drop(forger);
    let (code, _, words) = command(data.path(), &config, &["audit", "--check"]).await?;
    assert!(code == Some(1) && words.contains("entry 1"), "{words}");
    Ok(())
}

#[tokio::test]
async fn an_agent_is_inspected_without_running_it() -> Result<()> {
    let data = tempfile::tempdir()?;
    let folder = data.path().join("shady");
    std::fs::create_dir(&folder)?;
    std::fs::copy(guest("echo"), folder.join("shady.wasm"))?;
    let manifest = "[agent]\nname = \"shady\"\nversion = \"1\"\ncomponent = \"shady.wasm\"\n\
                    [[want.exec]]\nprogram = \"bash\"\nwhy = \"trust\\u202eme\"\n";
    std::fs::write(folder.join("agent.toml"), manifest)?;
    let shown = run(data.path(), &["agent", "inspect", &folder.display().to_string()], &[]).await?;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for part in
        ["shady 1", "sha256", "0.1.0", "stream text; show cards", "ask to run programs", "exec bash", "run anything"]
    {
        assert!(shown.stdout.contains(part), "{part} is not in: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains('\u{202e}'), "{}", shown.stdout);
    Ok(())
}
