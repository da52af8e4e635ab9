//! Runs the build commands of agents.

use super::{output, process};
use crate::config::Manifest;
use crate::wasm::find_manifests;
use std::path::Path;
use std::process::Stdio;

/// Builds all agents that have a build command, one after the other. A build that fails is told, and the agent is
/// used as it was built last, if it was.
pub(super) async fn build_all(paths: &[std::path::PathBuf]) {
    for (folder, manifest) in paths.iter().flat_map(|path| find_manifests(path)) {
        let Ok(manifest) = manifest else { continue };
        if let Err(why) = build(&folder, &manifest).await {
            output::error(&format!("building {} failed: {why}", manifest.name));
        }
    }
}

async fn build(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    let Some(build) = &manifest.build else { return Ok(()) };
    let mut words = build.command.split_whitespace();
    let program = words.next().ok_or("`build.command` of its agent.toml is empty")?;
    output::say(&format!("building {}: {}", manifest.name, crate::text::line(&build.command, 200)));
    let mut command = process::command(program);
    // What it prints is for people; stdout is for data.
    let stderr = std::io::stderr();
    command.args(words).current_dir(folder).stdin(Stdio::null()).stdout(stderr).kill_on_drop(true);
    let status = command.status().await.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", build.command)) }
}
