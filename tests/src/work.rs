//! Where the programs of agents work, and who is still there.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use tokio::task::JoinHandle;

/// The work folder of the one session where an agent has run something, of the host that has this data folder.
///
/// # Errors
/// When it has run nothing.
pub fn work(host: &Path, agent: &str) -> Result<PathBuf> {
    let mut folders = std::fs::read_dir(host.join("work").join(agent))?;
    Ok(folders.next().context("no work folder")??.path())
}

/// Ready when nobody is left who has the pipe `f` of a folder open, which who starts a program inherits. Whoever opens it
/// for writing goes on from here.
pub fn nobody(folder: &Path) -> JoinHandle<std::io::Result<u64>> {
    let pipe = folder.join("f");
    tokio::task::spawn_blocking(move || std::io::copy(&mut std::fs::File::open(pipe)?, &mut std::io::sink()))
}
