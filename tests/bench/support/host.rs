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

/// A running host. Dropped, it is killed.
pub(crate) struct Host {
    child: Child,
    pub(crate) process: Process,
    _folder: TempDir,
}

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
        let child = Command::new(binary)
            .args(["run", "--config"])
            .arg(config)
            // Nothing of the developer's own configuration may reach it.
            .env_clear()
            .env("HOME", folder.path())
            .env("SOPHON_TOKEN", format!("{INSTALLATION}:s_test_{}", "a".repeat(40)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let process = Process::new(child.id().context("the host ended at once")?);
        Ok(Self { child, process, _folder: folder })
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
    pub(super) async fn stop(mut self) -> Result<()> {
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
    let config = folder.join("sophon-host.toml");
    let text = format!(
        "data_dir = {}\n[cloud]\nurl = \"http://{cloud}\"\n[agents]\npaths = [{}]\ndefault = {}\n[log]\nlevel = \"warn\"\n",
        json!(folder.join("data")),
        json!(all),
        json!(default)
    );
    fs::write(&config, text)?;
    Ok(config)
}
