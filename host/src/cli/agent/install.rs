//! `sophon-host agent install`: agents in the data folder.
//!
//! A component lies there under its digest, and the manifest names it: putting the manifest in place is all that changes
//! what a host finds.

use super::super::exit::Failure;
use super::{Place, homes, say, told};
use crate::config::{AgentsConfig, Config, Manifest};
use crate::daemon::{Done, Order};
use crate::wasm::{Agent, Cache, Engine, component};
use std::path::Path;
use std::sync::Arc;

/// Copies an agent into the data folder, if it could run, and lets the hosts that run take it up.
pub(super) async fn install(config: &Config, path: &Path) -> Result<(), Failure> {
    let (from, agents) = (path.to_owned(), config.agents.clone());
    let agent = crate::tasks::blocking(move || put(&from, &agents)).await?;
    let (name, version) = (&agent.manifest.name, &agent.manifest.version);
    let place = Place::of(config, name);
    for home in homes(config) {
        let Some(done) = told(&home, &Order::Look).await? else { continue };
        if let Some(why) = refused(&done, &place) {
            let (folder, home, why) = (place.folder.display(), home.display(), crate::text::terminal(&why));
            return Err(Failure::other(format!(
                "{name} {version} lies in {folder} now, but the host of {home} does not use it: {why}; mend it and install \
                 it again, or take it away with `sophon-host agent remove {name}`"
            )));
        }
    }
    say(&format!("{name} {version} is installed"));
    for want in agent.wants.in_words() {
        say(&format!("    wants: {want}"));
    }
    Ok(())
}

/// Why a host does not use what lies in a place, if it does not.
fn refused(done: &Done, place: &Place) -> Option<String> {
    let problem = done.problems.iter().find(|(path, _)| place.is(Path::new(path)));
    let candidate = || done.agents.iter().find(|line| place.is(&line.origin))?.candidate.as_ref()?.why.clone();
    problem.map(|(_, why)| why.clone()).or_else(candidate).or_else(|| done.error.clone())
}

/// Puts an agent into a folder of agents, its manifest last. Blocks.
fn put(from: &Path, agents: &AgentsConfig) -> Result<Agent, Failure> {
    let read = if from.is_dir() { Manifest::read(from) } else { Manifest::bare(from) };
    let manifest = read.map_err(Failure::other)?;
    let (bytes, digest) = component(&manifest).map_err(Failure::other)?;
    let bytes = Arc::new(bytes);
    let file = format!("{digest}.wasm");
    let text = rewritten(&manifest, &file).map_err(Failure::other)?;
    // What could not run is not installed.
    let engine = Engine::new(1).map_err(Failure::other)?.with_cache(Cache::new(&agents.cache));
    let agent = engine.ready(manifest, bytes.clone(), digest).map_err(Failure::other)?;
    let folder = agents.installed.join(agent.manifest.name.as_str());
    let written = || -> std::io::Result<()> {
        crate::private::replace(&folder.join(&file), &bytes)?;
        crate::private::replace(&folder.join(Manifest::FILE), text.as_bytes())?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != file.as_str() && Path::new(&name).extension().is_some_and(|extension| extension == "wasm") {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    written().map_err(|error| Failure::other(format!("cannot write to {}: {error}", folder.display())))?;
    Ok(agent)
}

/// The manifest with another component, and nothing that builds it.
fn rewritten(manifest: &Manifest, file: &str) -> Result<String, String> {
    let mut table: toml::Table = toml::from_str(&manifest.source).map_err(|error| error.to_string())?;
    table.remove("build");
    let agent = table.entry("agent").or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let agent = agent.as_table_mut().ok_or("`agent` is no table")?;
    agent.insert("name".to_owned(), manifest.name.as_str().into());
    agent.insert("version".to_owned(), manifest.version.clone().into());
    agent.insert("component".to_owned(), file.into());
    toml::to_string(&table).map_err(|error| error.to_string())
}
