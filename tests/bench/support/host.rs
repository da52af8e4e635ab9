//! The host under test: the release binary in a process of its own, with a data folder of its own.

use super::SILENCE;
use super::proc::Process;
use super::wire::INSTALLATION;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const CONFIG: &str = "sophon-host.toml";

/// A running host. Dropped, it is killed.
pub(crate) struct Host {
    child: Child,
    pub(crate) process: Process,
    /// Gone with it, where it is its own.
    _folder: Option<TempDir>,
}

/// A folder with a host's configuration and agents, for several starts.
pub(crate) struct Home(TempDir);

impl Host {
    /// Starts `binary` against the stub at `cloud`, with the one agent `name`, made of `component`.
    ///
    /// # Errors
    /// When its folder cannot be made or the program not started.
    pub(crate) fn start(binary: &Path, name: &str, component: &Path, cloud: SocketAddr) -> Result<Self> {
        Self::with(binary, &[(name, component, "")], cloud)
    }

    /// The same with several agents, of which the first answers: each its name, its component, and more of its manifest.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub(crate) fn with(binary: &Path, agents: &[(&str, &Path, &str)], cloud: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the host")?;
        let config = configure(folder.path(), agents, cloud).context("cannot write the host's configuration")?;
        let host = Self::spawn(binary, folder.path(), &config, None)?;
        Ok(Self { _folder: Some(folder), ..host })
    }

    /// Starts `binary` with what a folder holds.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn start_in(binary: &Path, home: &Home) -> Result<Self> {
        Self::spawn(binary, home.0.path(), &home.0.path().join(CONFIG), None)
    }

    /// The same with a file that it writes its log to, as JSON.
    ///
    /// # Errors
    /// As [`Host::start_in`], and when the file cannot be made.
    pub(crate) fn start_told(binary: &Path, home: &Home, log: &Path) -> Result<Self> {
        Self::spawn(binary, home.0.path(), &home.0.path().join(CONFIG), Some(log))
    }

    fn spawn(binary: &Path, folder: &Path, config: &Path, log: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(binary);
        if let Some(log) = log {
            command.args(["--log", "info", "--log-format", "json"]).stderr(fs::File::create(log)?);
        }
        let child = command
            .args(["run", "--config"])
            .arg(config)
            // Nothing of the developer's own configuration may reach it.
            .env_clear()
            .env("HOME", folder)
            .env("SOPHON_TOKEN", format!("{INSTALLATION}:s_test_{}", "a".repeat(40)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let process = Process::new(child.id().context("the host ended at once")?);
        Ok(Self { child, process, _folder: None })
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for the host")
    }

    /// Asks it to end, as a service manager would, and waits.
    ///
    /// # Errors
    /// When it is already gone, or does not end in time.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("cannot look at the host")? {
            bail!("the host ended by itself: {status}");
        }
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().await;
        ensure!(asked.context("cannot run kill")?.success(), "kill -TERM failed");
        timeout(SILENCE, self.ended()).await.context("the host did not end within 20 s of SIGTERM")??;
        Ok(())
    }
}

/// Writes the configuration and the agents' manifests, and says where the configuration is.
fn configure(folder: &Path, agents: &[(&str, &Path, &str)], cloud: SocketAddr) -> Result<PathBuf> {
    let all = folder.join("agents");
    for (name, component, more) in agents {
        let agent = all.join(name);
        fs::create_dir_all(&agent)?;
        // A JSON string is a TOML string too.
        let manifest = format!(
            "[agent]\nname = {}\nversion = \"0.1.0\"\ncontract = \"0.1\"\ncomponent = {}\n{more}",
            json!(name),
            json!(component)
        );
        fs::write(agent.join("agent.toml"), manifest)?;
    }
    let default = agents.first().map_or("", |(name, ..)| name);
    point(folder, &all, &format!("default = {}\n", json!(default)), cloud)?;
    Ok(folder.join(CONFIG))
}

/// Writes the configuration.
fn point(folder: &Path, agents: &Path, default: &str, cloud: SocketAddr) -> Result<()> {
    let text = format!(
        "data_dir = {}\n[cloud]\nurl = \"http://{cloud}\"\n[agents]\npaths = [{}]\n{default}[log]\nlevel = \"warn\"\n\
         [[policy]]\neffect = \"allow\"\nexec = \"/usr/bin/true\"\n\
         [[policy]]\neffect = \"allow\"\naction = \"*\"\n\
         [[policy]]\neffect = \"allow\"\nhttp = \"http://127.0.0.1:*/*\"\naddresses = [\"127.0.0.1/32\"]\n",
        json!(folder.join("data")),
        json!(agents),
    );
    fs::write(folder.join(CONFIG), text).context("cannot write the host's configuration")
}

impl Home {
    /// With so many agents, whose components differ in a section that means nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn with_copies(component: &[u8], count: usize, cloud: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the host")?;
        for number in 0..count {
            let agent = folder.path().join("agents").join(format!("echo-{number:03}"));
            fs::create_dir_all(&agent)?;
            // A custom section: its kind, its length, then its name with the length of that.
            let copy = [component, &[0, 5, 4], format!("{number:04}").as_bytes()].concat();
            fs::write(agent.join("c.wasm"), copy)?;
            let manifest =
                format!("[agent]\nname = \"echo-{number:03}\"\nversion = \"0.1.0\"\ncomponent = \"c.wasm\"\n");
            fs::write(agent.join("agent.toml"), manifest)?;
        }
        let home = Self(folder);
        home.points_to(cloud)?;
        Ok(home)
    }

    /// The next host dials there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn points_to(&self, cloud: SocketAddr) -> Result<()> {
        point(self.0.path(), &self.0.path().join("agents"), "", cloud)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The component of an agent.
    pub(crate) fn component_of(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("agents/echo-{number:03}/c.wasm"))
    }
}
