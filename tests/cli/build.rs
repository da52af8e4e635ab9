//! `dev` builds an agent again when its sources change. The build commands are small scripts: no compiler is needed.

use crate::agents::{answers, list, user};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sophon_tests::{Dev, PATIENCE, User, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::task::JoinHandle;

/// Puts the newest source into the place of the component.
const COPY: &str = "cp src/next.wasm new.wasm && mv new.wasm agent.wasm";

/// Never ends, and starts something that does not either. All of it holds the pipe `alive` open.
const HANG: &str = "exec 3>alive; echo held >&3; sleep 1000 & echo hanging; sleep 1000";

/// An agent whose source is a component, and a `dev` that builds it.
struct Rig {
    root: tempfile::TempDir,
    dev: Dev,
    user: User,
}

/// An agent's folder in which `script` is what builds it, and its first source.
fn author(root: &Path, script: &str) -> Result<PathBuf> {
    let folder = root.join("agent");
    fs::create_dir_all(folder.join("src"))?;
    let manifest = "[agent]\nname = \"vary\"\nversion = \"1\"\ncomponent = \"agent.wasm\"\n\
                    [build]\ncommand = \"sh build.sh\"\n";
    fs::write(folder.join("agent.toml"), manifest)?;
    fs::write(folder.join("build.sh"), script)?;
    fs::write(folder.join("src/next.wasm"), answers("one")?)?;
    Ok(folder)
}

impl Rig {
    async fn start(script: &str) -> Result<Self> {
        let root = tempfile::tempdir()?;
        let folder = author(root.path(), script)?.display().to_string();
        fs::create_dir(root.path().join("data"))?;
        let pipe = Command::new("mkfifo").arg(root.path().join("agent/alive")).status()?;
        ensure!(pipe.success(), "no pipe");
        let mut dev = Dev::start(&root.path().join("data"), &["dev", "--port", "0", &folder], &[])?;
        dev.line().await?;
        let user = user(&root.path().join("data")).await?;
        Ok(Self { root, dev, user })
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Saves a source.
    fn save(&self, text: &str) -> Result<()> {
        Ok(fs::write(self.root.path().join("agent/src/next.wasm"), answers(text)?)?)
    }

    /// Replaces what builds it. That is no source: nothing is built for it.
    fn build_by(&self, script: &str) -> Result<()> {
        let place = self.root.path().join("agent/build.sh");
        fs::write(place.with_extension("new"), script)?;
        Ok(fs::rename(place.with_extension("new"), place)?)
    }

    /// Waits for new versions until the answer is this one.
    async fn answers(&mut self, text: &str) -> Result<()> {
        while self.ask().await? != text {
            self.dev.says("a new version answers").await?;
        }
        Ok(())
    }

    async fn ask(&self) -> Result<String> {
        Ok(self.user.ask(&self.user.session().await?, "hello").await?.text)
    }

    /// What is told of the version that does not answer.
    async fn candidate(&self) -> Result<Value> {
        Ok(list(&self.data()).await?.first().context("an agent")?["candidate"].clone())
    }

    /// Waits until somebody holds the pipe `alive`, and then until nobody does: what is said there meanwhile.
    fn alive(&self) -> JoinHandle<std::io::Result<String>> {
        let pipe = self.root.path().join("agent/alive");
        tokio::task::spawn_blocking(move || std::io::read_to_string(fs::File::open(pipe)?))
    }
}

/// Waits until all that held the pipe are gone.
async fn gone(alive: JoinHandle<std::io::Result<String>>) -> Result<String> {
    Ok(tokio::time::timeout(PATIENCE, alive).await.context("somebody is left")???)
}

#[tokio::test]
async fn saving_a_source_is_enough_and_a_burst_ends_on_the_last() -> Result<()> {
    let mut rig = Rig::start(COPY).await?;
    ensure!(rig.ask().await? == "one");
    rig.save("two")?;
    rig.dev.says("building vary: sh build.sh").await?;
    rig.dev.says("a new version answers").await?;
    ensure!(rig.ask().await? == "two");
    for number in 1..=100 {
        rig.save(&number.to_string())?;
    }
    rig.answers("100").await?;
    ensure!(rig.candidate().await?.is_null(), "{}", rig.candidate().await?);
    Ok(())
}

#[tokio::test]
async fn a_build_that_fails_is_told_while_the_old_version_answers_until_it_is_mended() -> Result<()> {
    let mut rig = Rig::start(COPY).await?;
    rig.build_by("echo 'error[E0308]: mismatched types'; printf '\\033[31m  --> src/lib.rs:7\\n' >&2; exit 101")?;
    rig.save("two")?;
    rig.dev.says("error[E0308]: mismatched types").await?;
    rig.dev.says("\\u{1b}[31m  --> src/lib.rs:7").await?;
    rig.dev.says("building vary failed: `sh build.sh` ended with exit status: 101").await?;
    let told = rig.candidate().await?;
    ensure!(told["why"] == "`sh build.sh` ended with exit status: 101", "{told}");
    ensure!(told["output"] == "error[E0308]: mismatched types\n\\u{1b}[31m  --> src/lib.rs:7\n", "{told}");
    ensure!(rig.ask().await? == "one");
    // Looking at what lies there mends nothing.
    run(&rig.data(), &["agent", "reload"], &[]).await?;
    let listed = run(&rig.data(), &["agent", "list"], &[]).await?;
    ensure!(listed.stdout.contains("build failed: `sh build.sh`"), "{listed:?}");
    ensure!(listed.stdout.contains("\n        error[E0308]: mismatched types\n"), "{listed:?}");
    let said = rig.user.ask(&rig.user.session().await?, "/agents").await?.text;
    ensure!(said.contains("build failed") && said.contains("```text\nerror[E0308]"), "{said}");

    rig.build_by(COPY)?;
    rig.save("three")?;
    rig.answers("three").await?;
    ensure!(rig.candidate().await?.is_null(), "{}", rig.candidate().await?);
    Ok(())
}

#[tokio::test]
async fn a_newer_change_ends_a_build_that_hangs_and_nothing_of_it_is_left() -> Result<()> {
    let mut rig = Rig::start(COPY).await?;
    rig.build_by(HANG)?;
    let alive = rig.alive();
    rig.save("two")?;
    rig.dev.says("hanging").await?;
    rig.build_by(COPY)?;
    rig.save("three")?;
    rig.answers("three").await?;
    ensure!(gone(alive).await? == "held\n");
    Ok(())
}

#[tokio::test]
async fn what_is_built_ends_with_dev() -> Result<()> {
    let mut rig = Rig::start(COPY).await?;
    rig.build_by(HANG)?;
    let alive = rig.alive();
    rig.save("two")?;
    rig.dev.says("hanging").await?;
    let (status, _) = rig.dev.terminate().await?;
    ensure!(status.success() && gone(alive).await? == "held\n");
    Ok(())
}

#[tokio::test]
async fn a_first_build_is_begun_anew_by_a_change_and_ends_with_dev() -> Result<()> {
    let root = tempfile::tempdir()?;
    let folder = author(root.path(), &HANG.replace("alive", "/dev/null"))?;
    fs::create_dir(root.path().join("data"))?;
    let shown = folder.display().to_string();
    let mut dev = Dev::start(&root.path().join("data"), &["dev", "--port", "0", &shown], &[])?;
    dev.says("hanging").await?;
    fs::write(folder.join("src/more"), "")?;
    dev.says("hanging").await?;
    let (status, _) = dev.terminate().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[tokio::test]
async fn without_building_no_change_is_built() -> Result<()> {
    let root = tempfile::tempdir()?;
    let folder = author(root.path(), COPY)?;
    fs::write(folder.join("agent.wasm"), answers("made by hand")?)?;
    fs::create_dir(root.path().join("data"))?;
    let (data, shown) = (root.path().join("data"), folder.display().to_string());
    let mut dev = Dev::start(&data, &["dev", "--port", "0", "--no-build", &shown], &[])?;
    dev.line().await?;
    let user = user(&data).await?;
    fs::write(folder.join("src/next.wasm"), answers("two")?)?;
    ensure!(user.ask(&user.session().await?, "hello").await?.text == "made by hand");
    let (_, words) = dev.terminate().await?;
    ensure!(!words.contains("building vary"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_manifest_that_is_mended_is_built_at_the_start_and_later() -> Result<()> {
    let root = tempfile::tempdir()?;
    let folder = author(root.path(), COPY)?;
    let manifest = fs::read_to_string(folder.join("agent.toml"))?;
    let write = |text: &str| fs::write(folder.join("agent.toml"), text);
    write("[agent")?;
    fs::create_dir(root.path().join("data"))?;
    let (data, shown) = (root.path().join("data"), folder.display().to_string());
    let mut dev = Dev::start(&data, &["dev", "--port", "0", &shown], &[])?;
    dev.line().await?;
    write(&manifest)?;
    dev.says("building vary: sh build.sh").await?;
    dev.says("a new version answers").await?;
    write("[agent")?;
    dev.says("a version is not used").await?;
    write(&manifest.replace("sh build.sh", "sh ./build.sh"))?;
    dev.says("building vary: sh ./build.sh").await?;
    Ok(())
}
