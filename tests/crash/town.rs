//! A cloud with hosts whose agent keeps words: what is said to it, and what must be answered.

use crate::model::Keeps;
use anyhow::{Context as _, Result, ensure};
use sophon_host::daemon::{Order, order};
use sophon_host::localcloud::Buckets;
use sophon_host::registry::LineReport;
use sophon_host::wasm::Agents;
use sophon_tests::{Dev, MIGRATES, PATIENCE, World, component, keeps};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Sessions that talk, and a further one that stays with the first version.
pub(crate) const SESSIONS: usize = 3;
const CONFIG: &str = "[agents]\nwatch = \"off\"\n[agents.trial]\nturns = 9\n";

/// One cloud, and one host after the other.
pub(crate) struct Town {
    pub(crate) world: World,
    pub(crate) data: TempDir,
    sessions: Vec<String>,
    pinned: String,
    /// The newest version that was written.
    pub(crate) version: u8,
    pub(crate) keeps: Keeps,
    /// Messages without an answer yet: whose drawer, the words, the turn.
    open: Vec<(usize, String, String)>,
    words: u32,
}

impl Town {
    /// With version 1, and words in all drawers.
    pub(crate) async fn build() -> Result<Self> {
        let mut world = World::paired(Arc::new(Agents::default()), Buckets::unlimited()).await?;
        let data = tempfile::tempdir()?;
        world.hand_over(data.path())?;
        fs::write(data.path().join("sophon-host.toml"), CONFIG)?;
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(world.user.session().await?);
        }
        let pinned = world.user.session().await?;
        let (keeps, open) = (Keeps::new(SESSIONS + 1), Vec::new());
        let mut town = Self { world, data, sessions, pinned, version: 0, keeps, open, words: 0 };
        town.write_next()?;
        let (mut host, _) = town.host().await?;
        order(town.data.path(), &Order::Look).await?;
        let pin = Order::Pin { session: town.pinned.clone(), agent: "vary".to_owned(), version: None };
        ensure!(order(town.data.path(), &pin).await?.error.is_none());
        ensure!(town.world.user.ask(&town.pinned, "s first").await?.text == "kept");
        for drawer in 0..=SESSIONS {
            town.say(drawer).await?;
        }
        town.hear().await?;
        host.kill().await?;
        Ok(town)
    }

    /// Puts the next version in its place.
    pub(crate) fn write_next(&mut self) -> Result<()> {
        self.version += 1;
        let (number, label) = (self.version, label(self.version));
        let body = format!(";; Version {number}.\n{}", keeps(label, 0, MIGRATES));
        let folder = self.agents().join("vary");
        fs::create_dir_all(&folder)?;
        let file = format!("{number}.wasm");
        fs::write(folder.join(&file), component(&body)?)?;
        let manifest = format!(
            "[agent]\nname = \"vary\"\nversion = \"{label}\"\ncomponent = \"{file}\"\n[state]\nschema = {number}\n"
        );
        fs::write(folder.join("draft"), manifest)?;
        Ok(fs::rename(folder.join("draft"), folder.join("agent.toml"))?)
    }

    pub(crate) fn agents(&self) -> PathBuf {
        self.data.path().join("authors")
    }

    /// A host, and what it tells of the agent.
    pub(crate) async fn host(&self) -> Result<(Dev, LineReport)> {
        let (url, folder) = (self.world.base_url(), self.agents().display().to_string());
        let host = Dev::start(self.data.path(), &["--cloud-url", &url, "--log", "warn", "run", &folder], &[])?;
        Ok((host, until_ready(self.data.path()).await?))
    }

    /// Lets a version keep other words: in a session, or behind all of them for all.
    pub(crate) async fn say(&mut self, drawer: usize) -> Result<()> {
        self.words += 1;
        let words = format!("w{}", self.words);
        let (session, scope) = self.place(drawer);
        let turn = self.world.user.say(session, &format!("{scope} {words}")).await?;
        self.open.push((drawer, words, turn));
        Ok(())
    }

    pub(crate) fn place(&self, drawer: usize) -> (&str, char) {
        self.sessions.get(drawer).map_or((&self.sessions[0], 'a'), |session| (session, 's'))
    }

    /// Waits for all answers that are still to come.
    pub(crate) async fn hear(&mut self) -> Result<()> {
        for (drawer, words, turn) in std::mem::take(&mut self.open) {
            let text = self.world.user.answer(&turn).await?.text;
            self.keeps.answered(drawer, &words, &text)?;
        }
        Ok(())
    }

    /// Looks at all that is kept. Which version answers.
    pub(crate) async fn look_at_all(&mut self) -> Result<u8> {
        self.hear().await?;
        let mut answered = None;
        for drawer in 0..=SESSIONS {
            let (session, scope) = self.place(drawer);
            let text = self.world.user.ask(session, &scope.to_ascii_uppercase().to_string()).await?.text;
            let version = self.keeps.told(drawer, &text)?;
            ensure!(*answered.get_or_insert(version) == version, "version {version} answers {drawer}: {answered:?}");
        }
        let pinned = self.world.user.ask(&self.pinned, "S").await?.text;
        ensure!(pinned == "1 first", "the session that stays with version 1 is told: {pinned}");
        answered.context("nobody answers")
    }

    /// The same, until the version's trial is over: only then it is one to go back to.
    pub(crate) async fn look_until_it_passed(&mut self) -> Result<u8> {
        loop {
            let version = self.look_at_all().await?;
            if until_ready(self.data.path()).await?.trial.is_none() {
                return Ok(version);
            }
        }
    }
}

/// A version's name.
pub(crate) fn label(version: u8) -> char {
    char::from(b'0' + version)
}

/// Waits until the host takes orders; gives what it tells of the agent.
pub(crate) async fn until_ready(data: &Path) -> Result<LineReport> {
    let asked = async {
        loop {
            if let Ok(mut done) = order(data, &Order::Agents).await {
                return done.agents.pop();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let line = tokio::time::timeout(PATIENCE, asked).await.context("the host takes no orders")?;
    line.context("the agent is not there")
}
