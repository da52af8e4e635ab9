//! New versions of agents, while turns run.

mod bad;
mod behind;
mod faults;
mod hands;
mod leave;
mod noticed;
mod share;
mod state;
mod trial;

use anyhow::{Context as _, Result};
use sophon_host::localcloud::Buckets;
use sophon_host::registry::LineReport;
use sophon_tests::{PATIENCE, World, agents, component};
use std::fs;
use std::path::{Path, PathBuf};

/// A host with one agent, `vary`, whose versions the test writes.
pub(crate) struct Workshop {
    pub(crate) world: World,
    pub(crate) session: String,
    dir: tempfile::TempDir,
}

/// What a version does: answers with a text.
pub(crate) fn answers(text: &str) -> String {
    let length = text.len();
    format!(
        "(data (i32.const 1024) \"{text}\")
         (func (export \"handle\") (param i32) (result i32) (call $answer (i32.const 1024) (i32.const {length})))"
    )
}

/// It crashes, having said nothing.
pub(crate) const CRASHES: &str = "(func (export \"handle\") (param i32) (result i32) unreachable)";

/// It crashes in the middle of a sentence.
pub(crate) const STUMBLES: &str = "(func (export \"handle\") (param i32) (result i32)
    (call $say (i32.const 16) (i32.const 5)) unreachable)";

/// It asks whether it may send a request, and answers with a text.
pub(crate) fn asks_first(text: &str) -> String {
    answers(text).replace("(call $answer", "(call $finish (call $op) (i32.const 256)) (call $answer")
}

impl Workshop {
    /// A host that runs version 1, which answers with `one`, and looks for others as `settings` say.
    pub(crate) async fn start(configure: impl FnOnce(&mut sophon_host::config::Config)) -> Result<Self> {
        Self::with(&answers("one"), "", configure).await
    }

    /// The same with another version 1.
    pub(crate) async fn with(
        body: &str,
        manifest: &str,
        configure: impl FnOnce(&mut sophon_host::config::Config),
    ) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        write(dir.path(), "vary", "1", body, manifest)?;
        let mut world = World::paired(agents(vec![dir.path().to_owned()]), Buckets::unlimited()).await?;
        world.config.agents.paths = vec![dir.path().to_owned()];
        configure(&mut world.config);
        world.start_host().await?;
        let session = world.user.session().await?;
        Ok(Self { world, session, dir })
    }

    /// A host that looks only when the test says so.
    pub(crate) async fn quiet() -> Result<Self> {
        Self::start(|config| config.agents.swap.watch = sophon_host::config::Watch::Off).await
    }

    /// Where the agents are.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Where `vary` is.
    pub(crate) fn vary(&self) -> PathBuf {
        self.dir.path().join("vary")
    }

    /// Writes a version of `vary`, and lets the host look.
    pub(crate) async fn put(&self, version: &str, body: &str, manifest: &str) -> Result<LineReport> {
        write(self.folder(), "vary", version, body, manifest)?;
        self.world.host().registry().look().await;
        self.report()
    }

    /// What is told of `vary`.
    pub(crate) fn report(&self) -> Result<LineReport> {
        let report = self.world.host().registry().report();
        report.into_iter().find(|line| line.name == "vary").context("vary is not there")
    }

    /// Waits until what is told of `vary` is as it should be.
    pub(crate) async fn until(&self, what: &str, is: impl Fn(&LineReport) -> bool) -> Result<LineReport> {
        let mut changes = self.world.host().registry().changes();
        let changed = async {
            loop {
                if let Ok(report) = self.report()
                    && is(&report)
                {
                    return Ok(report);
                }
                changes.changed().await?;
            }
        };
        tokio::time::timeout(PATIENCE, changed).await.with_context(|| format!("{what}: {:?}", self.report()))?
    }

    /// What `vary` answers in a session of its own.
    pub(crate) async fn ask(&self) -> Result<String> {
        self.ask_in(&self.world.user.session().await?).await
    }

    /// What `vary` answers in a session.
    pub(crate) async fn ask_in(&self, session: &str) -> Result<String> {
        Ok(self.world.user.ask(session, "hello").await?.text)
    }

    /// Stops the host and starts it again, as a new process would.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.world.stop_host().await;
        self.world.replace_agents(agents(vec![self.folder().to_owned()]));
        self.world.start_host().await
    }
}

/// Writes a version of an agent, its component in the place of the one before at once.
pub(crate) fn write(folder: &Path, name: &str, version: &str, body: &str, manifest: &str) -> Result<()> {
    let agent = folder.join(name);
    fs::create_dir_all(&agent)?;
    fs::write(agent.join("draft"), component(&format!(";; Version {version}.\n{body}"))?)?;
    fs::rename(agent.join("draft"), agent.join("c.wasm"))?;
    let table = format!("[agent]\nname = \"{name}\"\nversion = \"{version}\"\ncomponent = \"c.wasm\"\n{manifest}");
    if fs::read_to_string(agent.join("agent.toml")).ok().as_deref() != Some(&table) {
        fs::write(agent.join("draft"), table)?;
        fs::rename(agent.join("draft"), agent.join("agent.toml"))?;
    }
    Ok(())
}
