//! No room for compiled code: agents answer all the same, it is told once, and kept again once there is room.

use crate::agents::{answers, answers_in_words};
use anyhow::{Context as _, Result, ensure};
use sophon_host::daemon::{Order, order};
use sophon_host::localcloud::Buckets;
use sophon_host::wasm::Agents;
use sophon_tests::{Dev, World, component};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

const TOLD: &str = "compiled code is not kept in";
/// In a name space of its own compiled code lies on a disk of memory, which something else has filled.
const FULL: &str = "mount -t tmpfs -o size=512k,mode=700 tmpfs compiled || exit 1
    head -c 1m /dev/zero > compiled/filler 2> /dev/null
    exec \"$0\" \"$@\"";
/// No file may have more than 1,024 blocks of 512 bytes, and who tries is told by an error.
const SMALL_FILES: &str = "trap '' XFSZ; ulimit -S -f 1024; exec \"$0\" \"$@\"";

/// A host to be, and where its agent is.
struct Place {
    world: World,
    data: tempfile::TempDir,
    url: String,
}

impl Place {
    async fn new() -> Result<Self> {
        let mut world = World::paired(Arc::new(Agents::default()), Buckets::unlimited()).await?;
        let data = tempfile::tempdir()?;
        world.hand_over(data.path())?;
        fs::write(data.path().join("sophon-host.toml"), "[agents]\nwatch = \"off\"\n")?;
        fs::create_dir_all(data.path().join("authors/vary"))?;
        let url = world.base_url();
        Ok(Self { world, data, url })
    }

    fn write(&self, version: &str, component: &[u8]) -> Result<()> {
        let vary = self.data.path().join("authors/vary");
        fs::write(vary.join("c.wasm"), component)?;
        let manifest = format!("[agent]\nname = \"vary\"\nversion = \"{version}\"\ncomponent = \"c.wasm\"\n");
        Ok(fs::write(vary.join("agent.toml"), manifest)?)
    }

    /// The same, and lets the host look at it.
    async fn put(&self, version: &str, component: &[u8]) -> Result<()> {
        self.write(version, component)?;
        let done = order(self.data.path(), &Order::Look).await?;
        ensure!(done.agents[0].answers.version == version, "{done:?}");
        Ok(())
    }

    fn start(&self, script: &[&str]) -> Result<Dev> {
        let words = ["--cloud-url", &self.url, "--log", "info", "run", "authors"];
        match script {
            [] => Dev::start(self.data.path(), &words, &[]),
            script => Dev::start_by(self.data.path(), script, &words),
        }
    }

    async fn ask(&self) -> Result<String> {
        Ok(self.world.user.ask(&self.world.user.session().await?, "hello").await?.text)
    }
}

/// What lies in a folder, by name.
fn names(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder).with_context(|| format!("cannot look into {}", folder.display()))?;
    let mut names: Vec<_> =
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// Whether this system lets a test mount a disk for itself alone.
fn may_mount(folder: &Path) -> bool {
    let words = ["-rm", "mount", "-t", "tmpfs", "tmpfs"];
    let tried = Command::new("unshare").args(words).arg(folder).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

#[tokio::test]
async fn on_a_full_disk_agents_answer_and_their_code_is_kept_again_once_there_is_room() -> Result<()> {
    let place = Place::new().await?;
    fs::create_dir(place.data.path().join("compiled"))?;
    let may_mount = may_mount(&place.data.path().join("compiled"));
    ensure!(may_mount, "`unshare -rm mount` fails: this test needs root, or a system that lets users mount a disk");
    place.write("1", &answers("one")?)?;
    let mut host = place.start(&["unshare", "-rm", "sh", "-c", FULL])?;
    host.says(TOLD).await?;
    host.says("No space left on device").await?;
    ensure!(place.ask().await? == "one");
    place.put("2", &answers("two")?).await?;
    ensure!(place.ask().await? == "two");
    // Its disk, which is not ours.
    let its = PathBuf::from(format!("/proc/{}/root", host.id().context("it has ended")?));
    let its = its.join(place.data.path().strip_prefix("/")?).join("compiled");
    ensure!(names(&its)? == ["filler"], "something was left: {:?}", names(&its)?);
    fs::remove_file(its.join("filler"))?;
    place.put("3", &answers("three")?).await?;
    let kept = names(&its)?;
    ensure!(kept.len() == 2 && kept[0].ends_with(".code") && kept[1] == "key", "not kept: {kept:?}");
    place.put("4", &answers("three")?).await?;
    host.says("cached=true").await?;
    let (_, words) = host.terminate().await?;
    ensure!(!words.contains(TOLD), "told again: {words}");
    Ok(())
}

#[tokio::test]
async fn code_that_is_too_large_for_this_process_is_not_kept_and_is_by_the_next() -> Result<()> {
    let place = Place::new().await?;
    // Small as a component, and large as code.
    let functions = "(func (param f64) (result f64) (f64.div (f64.nearest (local.get 0)) (f64.sqrt (local.get 0))))\n";
    let text = answers_in_words("large");
    let large = component(&format!(";; A version.\n{}{text}", functions.repeat(8_000)))?;
    place.write("1", &large)?;
    let mut host = place.start(&["sh", "-c", SMALL_FILES])?;
    host.says(TOLD).await?;
    host.says("File too large").await?;
    ensure!(place.ask().await? == "large");
    let left = names(&place.data.path().join("compiled"))?;
    ensure!(left == ["key"], "something was left: {left:?}");
    let (_, words) = host.terminate().await?;
    ensure!(!words.contains(TOLD), "told again: {words}");
    for cached in ["cached=false", "cached=true"] {
        let mut host = place.start(&[])?;
        host.says(cached).await?;
        ensure!(place.ask().await? == "large");
        ensure!(host.terminate().await?.0.success());
    }
    Ok(())
}
