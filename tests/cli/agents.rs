//! `agent`: what is done to agents by hand, beside a host that runs and without one.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sophon_tests::{Dev, Run, User, component, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A component that answers with a text.
pub(crate) fn answers(text: &str) -> Result<Vec<u8>> {
    component(&format!(";; Answers.\n{}", answers_in_words(text)))
}

/// The same as text, without the first line.
pub(crate) fn answers_in_words(text: &str) -> String {
    let length = text.len();
    format!(
        "(data (i32.const 1024) \"{text}\")
         (func (export \"handle\") (param i32) (result i32) (call $answer (i32.const 1024) (i32.const {length})))"
    )
}

/// A folder with a version of `vary`, as its author has it.
fn author(folder: &Path, version: &str) -> Result<String> {
    let here = folder.join(format!("vary-{version}"));
    fs::create_dir_all(here.join("target"))?;
    fs::write(here.join("target/vary.wasm"), answers(version)?)?;
    let manifest = format!(
        "[agent]\nname = \"vary\"\nversion = \"{version}\"\ncomponent = \"target/vary.wasm\"\n\
         [build]\ncommand = \"true\"\n[[want.http]]\nurl = \"https://a.example/*\"\nwhy = \"to \\u001b[31mlook\"\n"
    );
    fs::write(here.join("agent.toml"), manifest)?;
    Ok(here.display().to_string())
}

async fn agent(data: &Path, words: &[&str]) -> Result<Run> {
    run(data, &[&["agent"], words].concat(), &[]).await
}

/// The same for one that must work.
async fn done(data: &Path, words: &[&str]) -> Result<Run> {
    let ended = agent(data, words).await?;
    ensure!(ended.code == Some(0), "{words:?}: {ended:?}");
    Ok(ended)
}

pub(crate) async fn list(data: &Path) -> Result<Vec<Value>> {
    let listed: Value = serde_json::from_str(&done(data, &["list", "--json"]).await?.stdout)?;
    Ok(listed["agents"].as_array().context("a list")?.clone())
}

#[tokio::test]
async fn what_one_command_compiled_the_next_takes_from_the_disk() -> Result<()> {
    let root = tempfile::tempdir()?;
    let (data, agent) = (root.path().join("data"), author(root.path(), "1")?);
    fs::create_dir_all(&data)?;
    for cached in ["cached=false", "cached=true"] {
        let listed = run(&data, &["agent", "list", &agent], &[("SOPHON_HOST_LOG", "info")]).await?;
        ensure!(listed.code == Some(0) && listed.stderr.contains(cached), "{cached}: {listed:?}");
    }
    let mode = |path: &Path| fs::metadata(path).map(|about| about.permissions().mode() & 0o777);
    ensure!(mode(&data.join("compiled"))? == 0o700, "others may look into the folder");
    let files: Vec<_> = fs::read_dir(data.join("compiled"))?.collect::<Result<_, _>>()?;
    ensure!(files.len() == 2, "not a key and code: {files:?}");
    for file in files {
        ensure!(mode(&file.path())? == 0o600, "others may read {file:?}");
    }
    Ok(())
}

/// The user of a `dev`.
pub(crate) async fn user(data: &Path) -> Result<User> {
    let session: Value = serde_json::from_slice(&fs::read(data.join("dev/session.json"))?)?;
    let text = |key: &str| session[key].as_str().context("text");
    User::connect(text("url")?, text("user_token")?).await
}

#[tokio::test]
async fn an_agent_is_installed_replaced_taken_back_pinned_and_removed_while_its_host_runs() -> Result<()> {
    let root = tempfile::tempdir()?;
    let (data, work) = (root.path().join("data"), root.path().join("work"));
    fs::create_dir_all(&data)?;
    let installed = done(&data, &["install", &author(&work, "1")?]).await?;
    ensure!(installed.stderr.contains("vary 1 is installed"), "{installed:?}");
    ensure!(installed.stderr.contains("wants: ") && !installed.stderr.contains('\u{1b}'), "{installed:?}");
    let mut dev = Dev::start(&data, &["dev", "--port", "0"], &[])?;
    dev.line().await?;
    let user = user(&data).await?;
    let (first, second) = (user.session().await?, user.session().await?);
    ensure!(user.ask(&first, "hello").await?.text == "1");
    let pinned = done(&data, &["pin", &first, "vary"]).await?;
    ensure!(pinned.stderr.contains("vary 1 ("), "{pinned:?}");

    // The host is told: what is installed answers when the command is back.
    done(&data, &["install", &author(&work, "2")?]).await?;
    ensure!(user.ask(&second, "hello").await?.text == "2" && user.ask(&first, "hello").await?.text == "1");
    let line = list(&data).await?.remove(0);
    ensure!(line["answers"]["version"] == "2" && line["before"]["version"] == "1", "{line}");
    ensure!(line["turns"] == 1 && line["is_default"] == true && line["trial"]["turns"] == 1, "{line}");
    done(&data, &["unpin", &first]).await?;
    ensure!(user.ask(&first, "hello").await?.text == "2");

    let back = done(&data, &["rollback", "vary"]).await?;
    ensure!(back.stderr.contains("version 1 answers again"), "{back:?}");
    ensure!(user.ask(&first, "hello").await?.text == "1");
    let told = done(&data, &["list"]).await?.stdout;
    ensure!(told.contains("vary 1 (") && told.contains("version 2 (") && told.contains("by hand"), "{told}");
    done(&data, &["reload", "vary"]).await?;
    ensure!(user.ask(&first, "hello").await?.text == "2");

    let removed = done(&data, &["remove", "vary"]).await?;
    ensure!(removed.stderr.contains("removed, with its state"), "{removed:?}");
    ensure!(user.ask(&first, "hello").await?.text.contains("No agent is installed"));
    ensure!(!data.join("agents/vary").exists() && list(&data).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_what_to_do() -> Result<()> {
    let root = tempfile::tempdir()?;
    let data = root.path().join("data");
    let text = root.path().join("text.wasm");
    fs::create_dir_all(&data)?;
    fs::write(&text, "this is not WebAssembly")?;
    let text = text.display().to_string();
    for (words, code, part) in [
        (vec!["reload"], 6, "no sophon-host runs in"),
        (vec!["rollback", "vary"], 6, "no sophon-host runs in"),
        (vec!["pin", "ses_1", "vary"], 6, "no sophon-host runs in"),
        (vec!["install", &text], 1, "text.wasm is not a WebAssembly component"),
        (vec!["install", "nowhere"], 1, "nowhere"),
        (vec!["remove", "vary"], 1, "`vary` is not installed in"),
        (vec!["remove", "../vary"], 2, "is not an agent's name"),
    ] {
        let ended = agent(&data, &words).await?;
        ensure!(ended.code == Some(code) && ended.stderr.contains(part), "{words:?}: {ended:?}");
    }
    ensure!(!data.join("agents").exists(), "something was installed");
    Ok(())
}

#[tokio::test]
async fn a_host_that_runs_says_why_it_does_not_do_something() -> Result<()> {
    let root = tempfile::tempdir()?;
    let data = root.path().join("data");
    fs::create_dir_all(&data)?;
    let elsewhere = author(root.path(), "1")?;
    let mut dev = Dev::start(&data, &["dev", "--port", "0", "--no-build", &elsewhere], &[])?;
    dev.line().await?;
    for (words, part) in [
        (vec!["reload", "nobody"], "there is no agent `nobody`; there are: vary"),
        (vec!["rollback", "vary"], "no version of `vary` is known that answered before"),
        (vec!["pin", "ses_1", "vary", "beef"], "no version of `vary` that is kept is meant by `beef`"),
        (vec!["remove", "vary"], "which is not the host's to remove"),
    ] {
        let ended = agent(&data, &words).await?;
        ensure!(ended.code == Some(1) && ended.stderr.contains(part), "{words:?}: {ended:?}");
    }
    // What is wrong with a version is told where it is asked for.
    fs::write(Path::new(&elsewhere).join("target/vary.wasm"), "this is not WebAssembly")?;
    let told = loop {
        let told = agent(&data, &["reload", "vary"]).await?;
        if told.code == Some(1) {
            break told;
        }
    };
    ensure!(told.stdout.contains("does not answer") && told.stdout.contains("not a WebAssembly component"), "{told:?}");
    let socket = data.join("dev/host/run/control.sock");
    let answer = say(&socket, b"{\"do\":\"dance\"}").await?;
    ensure!(answer["error"].as_str().is_some_and(|error| error.contains("no order of this version")), "{answer}");
    let answer = say(&socket, &serde_json::to_vec(&json!({ "do": "agents" }))?).await?;
    ensure!(answer["error"].is_null() && answer["agents"][0]["name"] == "vary", "{answer}");
    Ok(())
}

#[tokio::test]
async fn what_a_host_refuses_is_not_installed_and_goes_without_harm_to_who_answers() -> Result<()> {
    let root = tempfile::tempdir()?;
    let (data, elsewhere) = (root.path().join("data"), author(root.path(), "1")?);
    fs::create_dir_all(&data)?;
    let mut dev = Dev::start(&data, &["dev", "--port", "0", "--no-build", &elsewhere], &[])?;
    dev.line().await?;
    let user = user(&data).await?;
    let session = user.session().await?;
    ensure!(user.ask(&session, "hello").await?.text == "1");
    done(&data, &["pin", &session, "vary"]).await?;
    let wrong = author(&root.path().join("wrong"), "3")?;
    let manifest = fs::read_to_string(Path::new(&wrong).join("agent.toml"))?.replace("\"vary\"", "\"wrong\"");
    fs::write(Path::new(&wrong).join("agent.toml"), format!("{manifest}[test]\nmessages = [\"x\"]\n"))?;
    let traps = component(";; Traps.\n(func (export \"handle\") (param i32) (result i32) (unreachable))")?;
    fs::write(Path::new(&wrong).join("target/vary.wasm"), traps)?;
    for (path, part) in [(author(root.path(), "2")?, "its name `vary` is taken by"), (wrong, "does not use it: ")] {
        let ended = agent(&data, &["install", &path]).await?;
        ensure!(ended.code == Some(1) && ended.stderr.contains(part), "{path}: {ended:?}");
        ensure!(!ended.stderr.contains("is installed"), "{ended:?}");
    }
    done(&data, &["remove", "wrong"]).await?;
    let removed = done(&data, &["remove", "vary"]).await?;
    ensure!(removed.stderr.contains("goes on, with what it keeps"), "{removed:?}");
    ensure!(!data.join("agents/vary").exists() && !data.join("agents/wrong").exists());
    // Who answers is the one before, and is known as before.
    ensure!(user.ask(&session, "hello").await?.text == "1");
    done(&data, &["reload", "vary"]).await?;
    dev.terminate().await?;
    let mut dev = Dev::start(&data, &["dev", "--port", "0", "--no-build", &elsewhere], &[])?;
    dev.line().await?;
    let pinned = rusqlite::Connection::open(records(&data.join("dev/host"))?)?;
    let pins: i64 = pinned.query_row("SELECT count(*) FROM pins", [], |row| row.get(0))?;
    ensure!(pins == 1, "the pin was forgotten");
    Ok(())
}

/// The one file of records in a data folder.
fn records(folder: &Path) -> Result<std::path::PathBuf> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|path| path.extension().is_some_and(|extension| extension == "db")).context("records")
}

#[tokio::test]
async fn what_is_removed_is_forgotten_by_the_hosts_of_run_and_dev() -> Result<()> {
    let root = tempfile::tempdir()?;
    let data = root.path().join("data");
    fs::create_dir_all(data.join("dev/host"))?;
    done(&data, &["install", &author(root.path(), "1")?]).await?;
    // Those of `run` come first where there are both.
    let files = [data.join("dev/host/ins_dev.db"), data.join("ins_old.db"), data.join("ins_new.db")];
    for file in &files {
        fs::write(file, "")?;
        let given = run(&data, &["grants", "add", "vary", "http GET https://a.example/x"], &[]).await?;
        ensure!(given.code == Some(0), "{given:?}");
    }
    let grants = |file: &Path| -> Result<i64> {
        Ok(rusqlite::Connection::open(file)?.query_row("SELECT count(*) FROM grants", [], |row| row.get(0))?)
    };
    for file in &files {
        ensure!(grants(file)? == 1, "nothing was given in {}", file.display());
    }
    done(&data, &["remove", "vary"]).await?;
    for file in &files {
        ensure!(grants(file)? == 0, "{} still allows something", file.display());
    }
    Ok(())
}

/// What the host's socket answers.
async fn say(socket: &Path, words: &[u8]) -> Result<Value> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut peer = tokio::net::UnixStream::connect(socket).await?;
    peer.write_all(words).await?;
    peer.shutdown().await?;
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}
