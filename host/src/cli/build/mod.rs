//! Runs the build commands of agents: all at the start of `dev`, and each again when what it builds from changes.
//!
//! Events are hints, looking is what counts, as for the components themselves. One command runs at a time over all
//! agents; one whose sources change meanwhile is ended and begun anew, so that the latest change wins.

mod program;
mod project;
mod sources;

use super::output;
use crate::config::Watch;
use crate::registry::Registry;
use crate::registry::watch::Watcher;
use crate::wasm::Digest;
use program::Failed;
use project::{Found, Project, find};
use std::collections::BTreeMap;
use std::future::pending;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// How long sources must stand still.
const SETTLE: Duration = Duration::from_millis(100);
/// How long a build may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Where a file system has no events.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks that hints ask for: a folder in which much happens must not keep it busy.
const REST: Duration = Duration::from_millis(25);

/// Builds agents.
pub(super) struct Builder {
    paths: Vec<PathBuf>,
    watches: bool,
    watcher: Watcher,
    hint: Arc<Notify>,
    clock: Interval,
    looked: Instant,
    projects: BTreeMap<PathBuf, Project>,
    running: Option<Running>,
    /// Who is told, once there is somebody.
    registry: Option<Arc<Registry>>,
}

/// A build that runs.
struct Running {
    origin: PathBuf,
    /// What it builds from.
    stamp: Digest,
    done: Pin<Box<dyn Future<Output = Result<(), Failed>> + Send>>,
}

/// What there is to do something about.
enum Wake {
    Look,
    Settled,
    Over(Running, Result<(), Failed>),
}

/// Builds go on until this is ended.
pub(super) struct Building(Option<JoinHandle<()>>);

impl Building {
    /// Ends them, and waits until nothing of them is left.
    pub(super) async fn end(self) {
        if let Some(task) = self.0 {
            task.abort();
            // It was aborted.
            let _ = task.await;
        }
    }
}

impl Builder {
    /// A builder of the agents at these paths.
    pub(super) fn new(paths: &[PathBuf], watch: Watch) -> Self {
        let hint = Arc::new(Notify::new());
        let mut clock = interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            paths: paths.to_owned(),
            watches: watch != Watch::Off,
            watcher: Watcher::start(watch, hint.clone()),
            hint,
            clock,
            looked: Instant::now(),
            projects: BTreeMap::new(),
            running: None,
            registry: None,
        }
    }

    /// Builds all agents that have a build command, one after the other. A build that fails is told, and the agent is
    /// used as it was built last, if it was.
    pub(super) async fn build_all(&mut self) {
        self.look(Duration::ZERO).await;
        while self.running.is_some() || self.projects.values().any(Project::is_due) {
            self.step().await;
        }
    }

    /// Goes on to build what changes, and tells this registry.
    pub(super) fn keep(mut self, registry: Arc<Registry>) -> Building {
        for (origin, project) in &self.projects {
            if let Some(Failed { why, output }) = &project.failed {
                registry.build_failed(origin, why, output);
            }
        }
        self.registry = Some(registry);
        let going_on = self.watches.then(|| {
            crate::tasks::spawn_apart("builds", async move {
                loop {
                    self.step().await;
                }
            })
        });
        Building(going_on)
    }

    /// Begins what is due, waits until something happens, and does something about it.
    async fn step(&mut self) {
        self.begin();
        match self.wait().await {
            Wake::Look => self.look(SETTLE).await,
            Wake::Settled => {}
            Wake::Over(running, outcome) => self.over(running, outcome),
        }
    }

    async fn wait(&mut self) -> Wake {
        let settled = self.projects.values().filter(|project| project.is_due()).map(|project| project.settled).min();
        let settled = settled.filter(|_| self.running.is_none());
        let (hint, rested) = (self.hint.clone(), self.looked + REST);
        tokio::select! {
            () = async { sleep_until(rested).await; hint.notified().await }, if self.watches => Wake::Look,
            _ = self.clock.tick(), if self.watcher.polls() => Wake::Look,
            () = sleep_until(settled.unwrap_or_else(Instant::now)), if settled.is_some() => Wake::Settled,
            (running, outcome) = end(&mut self.running) => Wake::Over(running, outcome),
        }
    }

    /// Looks at the sources of all agents. What changed is built once it has stood still for `settle`.
    async fn look(&mut self, settle: Duration) {
        let paths = self.paths.clone();
        let Found { projects, folders } = crate::tasks::blocking(move || find(&paths)).await;
        self.looked = Instant::now();
        if self.watches {
            self.watcher.follow(folders);
        }
        let registry = self.registry.clone();
        self.projects.retain(|origin, _| {
            let is_there = projects.contains_key(origin);
            if !is_there && let Some(registry) = &registry {
                registry.built(origin);
            }
            is_there
        });
        for (origin, seen) in projects {
            match self.projects.get_mut(&origin) {
                Some(project) => project.look(seen, self.looked, settle),
                None => drop(self.projects.insert(origin, Project::new(seen, self.looked + settle))),
            }
        }
        self.supersede();
    }

    /// Ends a build whose sources are others by now.
    fn supersede(&mut self) {
        let Some(running) = &self.running else { return };
        let project = self.projects.get_mut(&running.origin);
        if project.as_ref().is_some_and(|project| project.plan.sources.stamp == running.stamp) {
            return;
        }
        // With it goes what it has started.
        self.running = None;
        if let Some(project) = project {
            project.superseded();
        }
    }

    /// Begins one build, if one is due and none runs.
    fn begin(&mut self) {
        let now = Instant::now();
        let is_ready = |project: &Project| project.is_due() && project.settled <= now;
        if self.running.is_some() {
            return;
        }
        let Some((origin, project)) = self.projects.iter().find(|(_, project)| is_ready(project)) else { return };
        let (folder, plan, registry) = (origin.clone(), project.plan.clone(), self.registry.clone());
        output::say(&format!("building {}: {}", plan.name, crate::text::line(&plan.command, 200)));
        let done = Box::pin(async move {
            program::run(&folder, &plan.command, LIMIT).await?;
            if let Some(registry) = registry {
                registry.built(&folder);
                registry.look().await;
            }
            Ok(())
        });
        self.running = Some(Running { origin: origin.clone(), stamp: project.plan.sources.stamp, done });
    }

    /// A build has ended.
    fn over(&mut self, running: Running, outcome: Result<(), Failed>) {
        let Some(project) = self.projects.get_mut(&running.origin) else { return };
        project.built(running.stamp);
        project.failed = outcome.err();
        if let Some(Failed { why, output }) = &project.failed {
            output::error(&format!("building {} failed: {why}", project.plan.name));
            if let Some(registry) = &self.registry {
                registry.build_failed(&running.origin, why, output);
            }
        }
    }
}

/// Waits for the end of a build, for ever if none runs.
async fn end(running: &mut Option<Running>) -> (Running, Result<(), Failed>) {
    let outcome = match running {
        Some(running) => running.done.as_mut().await,
        None => pending().await,
    };
    match running.take() {
        Some(running) => (running, outcome),
        None => pending().await,
    }
}
