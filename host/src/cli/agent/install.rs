//! `sophon-host agent install` and `remove`: agents in the data folder.
//!
//! A component lies there under its digest, and the manifest names it: putting the manifest in place is all that changes
//! what a host finds.

use super::super::exit::Failure;
use super::super::records;
use super::{running, say};
use crate::config::{AgentName, AgentsConfig, Config, Manifest};
use crate::daemon::Order;
use crate::time::now_ms;
use crate::wasm::{Agent, Cache, Engine, component};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who it was, for the log.
const BY: &str = "the operator, who removed the agent";

/// Copies an agent into the data folder, if it could run.
pub(super) async fn install(config: &Config, path: &Path) -> Result<(), Failure> {
    let (from, agents) = (path.to_owned(), config.agents.clone());
    let agent = crate::tasks::blocking(move || put(&from, &agents)).await?;
    let (name, version) = (&agent.manifest.name, &agent.manifest.version);
    say(&format!("{name} {version} is installed"));
    for want in agent.wants.in_words() {
        say(&format!("    wants: {want}"));
    }
    match running(config, &Order::Look).await? {
        Ok(done) => {
            let line = done.agents.iter().find(|line| line.name == name.as_str());
            let refused = line.and_then(|line| line.candidate.as_ref()).and_then(|candidate| candidate.why.as_ref());
            match refused {
                Some(why) => Err(Failure::other(format!("the host does not use it: {}", crate::text::terminal(why)))),
                None => Ok(()),
            }
        }
        Err(_nobody) => Ok(()),
    }
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

/// Removes an agent from the data folder, and what the host's records say of it.
pub(super) async fn remove(config: &Config, agent: &str, keep_state: bool) -> Result<(), Failure> {
    let name = AgentName::try_from(agent.to_owned()).map_err(Failure::usage)?;
    let folder = config.agents.installed.join(name.as_str());
    if !folder.join(Manifest::FILE).is_file() {
        return Err(Failure::other(not_installed(config, &name, &folder).await?));
    }
    let gone = folder.clone();
    let removed = crate::tasks::blocking(move || std::fs::remove_dir_all(gone)).await;
    removed.map_err(|error| Failure::other(format!("cannot remove {}: {error}", folder.display())))?;
    let dismissed = running(config, &Order::Dismiss { agent: name.to_string() }).await?;
    // A host that does not run has its records all the same, if it ever did.
    if let Ok((store, _)) = records::open(config).await {
        if dismissed.is_err() {
            store.dismiss(name.as_str()).await.map_err(Failure::other)?;
        }
        store.forget_agent(name.as_str(), BY, keep_state, now_ms()).await.map_err(Failure::other)?;
    }
    let state = if keep_state { "its state is kept" } else { "with its state" };
    say(&format!("{name} is removed, {state}; what it may do is taken back"));
    Ok(())
}

async fn not_installed(config: &Config, name: &AgentName, folder: &Path) -> Result<String, Failure> {
    let origin = match running(config, &Order::Agents).await? {
        Ok(done) => done.agents.into_iter().find(|line| line.name == name.as_str()).map(|line| line.origin),
        Err(_nobody) => None,
    };
    let elsewhere = |place: PathBuf| format!("; it lies in {}, which is not the host's to remove", place.display());
    Ok(format!("`{name}` is not installed in {}{}", folder.display(), origin.map_or_else(String::new, elsewhere)))
}
