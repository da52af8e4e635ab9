//! The agents of this host: who there is, who answers by default, and what could not be loaded.

use super::engine::Engine;
use super::load::{Agent, LoadError};
use super::stamp::Stamp;
use crate::config::{AgentName, AgentsConfig, Manifest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All agents, by name. A bad one is a [`Problem`], and the others go on.
#[derive(Default)]
pub struct Agents {
    by_name: BTreeMap<AgentName, Arc<Agent>>,
    default: Option<AgentName>,
    /// What the files looked like of which they were read.
    stamps: BTreeMap<PathBuf, Stamp>,
    problems: Vec<Problem>,
}

/// An agent that could not be loaded.
#[derive(Debug)]
pub struct Problem {
    /// Where it was looked for.
    pub path: PathBuf,
    /// What is wrong.
    pub error: LoadError,
}

impl Agents {
    /// Finds and loads the agents of a configuration, as many at a time as there are cores. Blocks while it compiles.
    pub fn load(engine: &Engine, config: &AgentsConfig) -> Self {
        let mut agents = Self { default: config.default.clone(), ..Self::default() };
        let load = |(path, found): (PathBuf, Result<Manifest, LoadError>)| {
            let stamp = found.as_ref().ok().and_then(|manifest| stamp(&path, manifest));
            (path, stamp, found.and_then(|manifest| engine.load(manifest)))
        };
        for (path, stamp, loaded) in crate::tasks::side_by_side(find_all(config), load) {
            agents.stamps.extend(stamp.map(|stamp| (path.clone(), stamp)));
            match loaded {
                Ok(agent) => agents.add(path, agent),
                Err(error) => agents.problems.push(Problem { path, error }),
            }
        }
        agents
    }

    fn add(&mut self, path: PathBuf, agent: Agent) {
        let name = agent.manifest.name.clone();
        if let Some(first) = self.by_name.get(&name) {
            let first = first.manifest.component.display();
            let reason = format!("its name `{name}` is taken by {first}; change `agent.name` of one of them");
            return self.problems.push(Problem { error: LoadError::Read { file: path.clone(), reason }, path });
        }
        self.by_name.insert(name, Arc::new(agent));
    }

    /// The agent of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Agent>> {
        let name = AgentName::try_from(name.to_owned()).ok()?;
        self.by_name.get(&name)
    }

    /// Who answers in a session that chose nobody: the configured default, else the first by name.
    pub fn default_name(&self) -> Option<&AgentName> {
        self.default.as_ref().or_else(|| self.by_name.keys().next())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.by_name.values()
    }

    /// What the files of an agent looked like before they were read, if that is sure.
    pub(crate) fn stamp(&self, origin: &Path) -> Option<Stamp> {
        self.stamps.get(origin).copied()
    }

    /// What could not be loaded.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// What an agent's files look like, if its manifest is still the one that was read.
fn stamp(path: &Path, manifest: &Manifest) -> Option<Stamp> {
    let stamp = Stamp::of(path, Some(&manifest.component));
    let again = if path.is_dir() { Manifest::read(path) } else { Manifest::bare(path) };
    again.is_ok_and(|again| again.source == manifest.source).then_some(stamp)
}

/// The manifests of a configuration, and those of what is installed.
pub(crate) fn find_all(config: &AgentsConfig) -> Vec<(PathBuf, Result<Manifest, LoadError>)> {
    let configured = config.paths.iter().flat_map(|path| find(path));
    // Nothing may be installed.
    let installed = find(&config.installed).into_iter().filter(|(path, _)| *path != config.installed);
    configured.chain(installed).collect()
}

/// The manifests at a path: that of a folder, those of the folders in it, or a bare component's.
pub(crate) fn find(path: &Path) -> Vec<(PathBuf, Result<Manifest, LoadError>)> {
    let manifest = |folder: &Path| (folder.to_owned(), Manifest::read(folder).map_err(LoadError::from));
    if path.extension().is_some_and(|extension| extension == "wasm") {
        return vec![(path.to_owned(), Manifest::bare(path).map_err(LoadError::from))];
    }
    if path.join(Manifest::FILE).exists() {
        return vec![manifest(path)];
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join(Manifest::FILE).exists())
        .collect();
    folders.sort();
    match folders.is_empty() {
        true => vec![(path.to_owned(), Err(LoadError::NotAnAgent { path: path.to_owned() }))],
        false => folders.iter().map(|folder| manifest(folder)).collect(),
    }
}
