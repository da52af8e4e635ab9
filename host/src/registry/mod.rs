//! Who answers: the versions of each agent, and how a new one takes over while turns run.
//!
//! A turn takes an agent from here and keeps it to its end, so a swap is the change of a pointer. [`keeper`] looks at
//! what lies in the agents' folders and lets what is new and fit take over; the first turns of a version are counted, and
//! the version before answers again when too many of them fail.

mod behind;
mod built;
mod candidate;
mod carry;
mod hands;
mod held;
mod keeper;
mod line;
mod opening;
mod prove;
mod report;
mod share;
mod shelf;
mod swap;
mod trial;
pub(crate) mod watch;

use crate::config::{AgentName, AgentsConfig, Manifest};
use crate::store::Store;
use crate::wasm::{Agent, Engine};
use keeper::Order;
use line::Line;
pub use report::{CandidateReport, LineReport, TrialReport, VersionReport, short};
use shelf::Shelf;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
pub use swap::Blame;
use tokio::sync::{Semaphore, mpsc, watch as changes};
use tokio_util::sync::CancellationToken;

/// The longest reason that is kept, in bytes.
const MAX_WHY: usize = 1_000;

/// The agents of a host.
pub struct Registry {
    engine: Arc<Engine>,
    store: Store,
    shelf: Shelf,
    config: AgentsConfig,
    lines: Mutex<Lines>,
    /// Held while another version comes to answer: the store first, then the lines.
    moves: tokio::sync::Mutex<()>,
    held: Arc<held::Held>,
    /// Whether something may be kept in another schema than the first. Until then no turn need look.
    varied: AtomicBool,
    /// Parts in the number of drawers that are carried over at once.
    converts: Semaphore,
    /// Held by whoever carries sessions over that had no turn.
    passes: Arc<tokio::sync::Mutex<()>>,
    /// Ends what nobody waits for.
    stop: CancellationToken,
    orders: mpsc::Sender<Order>,
    /// How often something changed.
    changes: changes::Sender<u64>,
}

/// What is known of agents.
#[derive(Default)]
struct Lines {
    by_name: BTreeMap<AgentName, Line>,
    /// Where something lies that is no agent, and why.
    problems: BTreeMap<PathBuf, String>,
    /// Where building failed, and how.
    builds: BTreeMap<PathBuf, CandidateReport>,
    /// Sessions that stay with one version.
    pins: BTreeMap<String, Arc<Agent>>,
    /// The version of each agent that the store has last heard of.
    recorded: BTreeMap<AgentName, String>,
}

impl Lines {
    /// A version that is ready somewhere: its code takes room only once.
    fn is_there(&self, id: &str) -> Option<Arc<Agent>> {
        let answers = self.by_name.values().map(|line| &line.current);
        answers.chain(self.pins.values()).find(|agent| agent.id.to_string() == id).cloned()
    }

    fn forget(&mut self, name: &AgentName) {
        self.by_name.remove(name);
        self.pins.retain(|_, agent| agent.manifest.name != *name);
        self.recorded.remove(name);
    }
}

impl Registry {
    /// Who answers in a session: the agent of this name, in the version that the session is to see.
    pub fn take(&self, name: &str, session: &str) -> Option<Arc<Agent>> {
        let name = AgentName::try_from(name.to_owned()).ok()?;
        let lines = self.lines();
        let pinned = lines.pins.get(session).filter(|agent| agent.manifest.name == name);
        pinned.or_else(|| lines.by_name.get(&name).map(|line| line.answers(session))).cloned()
    }

    /// Who answers in a session that chose nobody: the configured default, else the first by name.
    pub fn default_name(&self) -> Option<AgentName> {
        self.config.default.clone().or_else(|| self.lines().by_name.keys().next().cloned())
    }

    /// The versions that answer, by name.
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        self.lines().by_name.values().map(|line| line.current.clone()).collect()
    }

    /// Where something lies that is no agent, and why.
    pub fn problems(&self) -> Vec<(PathBuf, String)> {
        let lines = self.lines();
        let mut problems = lines.problems.clone();
        problems.extend(lines.unbuilt().map(|(path, build)| (path.clone(), build.in_words())));
        problems.into_iter().collect()
    }

    /// What is told of each agent, by name.
    pub fn report(&self) -> Vec<LineReport> {
        let default = self.default_name();
        let lines = self.lines();
        let report = |(name, line): (&AgentName, &Line)| {
            let report = line.report(default.as_ref() == Some(name));
            // What is not even built is newer than what was looked at.
            let build = lines.builds.get(&report.origin).cloned();
            LineReport { candidate: build.or(report.candidate), ..report }
        };
        lines.by_name.iter().map(report).collect()
    }

    /// Tells whenever something has changed in what is reported, and how often it did.
    pub fn changes(&self) -> changes::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The host stops: what nobody waits for ends now.
    pub fn close(&self) {
        self.stop.cancel();
    }

    /// A version may come to answer: what it keeps has its schema from then on.
    fn may_keep(&self, agent: &Agent) {
        if agent.manifest.schema != Manifest::FIRST_SCHEMA {
            self.varied.store(true, Ordering::Release);
        }
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Registry {
    /// One without agents, which looks nowhere.
    pub(crate) fn empty() -> Arc<Self> {
        let (orders, _) = mpsc::channel(1);
        Arc::new(Self {
            engine: Arc::new(Engine::new(1).expect("an engine")),
            store: Store::scratch().expect("a store"),
            shelf: Shelf::new(std::path::Path::new("nowhere")),
            config: AgentsConfig::default(),
            lines: Mutex::default(),
            moves: tokio::sync::Mutex::default(),
            held: Arc::default(),
            varied: AtomicBool::new(false),
            converts: Semaphore::new(1),
            passes: Arc::default(),
            stop: CancellationToken::new(),
            orders,
            changes: changes::Sender::default(),
        })
    }
}
