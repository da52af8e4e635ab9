//! How a host comes to know its agents at a start: what lies in their folders, and what answered before.

use super::carry::AT_ONCE;
use super::keeper::Keeper;
use super::line::Line;
use super::shelf::Shelf;
use super::{Lines, Registry, candidate};
use crate::config::{AgentName, Config, Manifest};
use crate::store::{Post, Store, StoreError, Version};
use crate::time::now_ms;
use crate::wasm::{Agent, Agents, Engine, Stamp};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, mpsc, watch};

/// Orders to look that may wait; then who gives them does.
const ORDERS: usize = 16;

impl Registry {
    /// The agents of a host that starts: `found` lies in the folders now. Who answered before goes on to do so where the
    /// folder has another version by now: that one takes over as any other. Watches from then on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        engine: Arc<Engine>,
        store: Store,
        config: &Config,
        found: &Agents,
    ) -> Result<Arc<Self>, StoreError> {
        let installed = &config.agents.installed;
        if let Err(error) = crate::private::folder(installed) {
            tracing::warn!("agents cannot be installed in {}: {error}", installed.display());
        }
        let (orders, queue) = mpsc::channel(ORDERS);
        let lines = Mutex::new(Lines::default());
        let (shelf, config) = (Shelf::new(&config.data_dir), config.agents.clone());
        let registry = Arc::new(Self {
            engine,
            store,
            shelf,
            config,
            lines,
            moves: Default::default(),
            held: Default::default(),
            varied: AtomicBool::new(false),
            converts: Semaphore::new(AT_ONCE),
            passes: Default::default(),
            stop: Default::default(),
            orders,
            changes: watch::Sender::default(),
        });
        registry.begin(found).await?;
        registry.agents().iter().for_each(|agent| registry.catch_up_sessions(agent));
        let keeper = Keeper::new(Arc::downgrade(&registry), &registry.config, queue, registry.known_of(found));
        crate::tasks::spawn_apart("agents", keeper.keep());
        Ok(registry)
    }

    /// Where versions lie that answer and were read just now, and what their files looked like: nobody need read them again.
    fn known_of(&self, found: &Agents) -> Vec<(PathBuf, Stamp)> {
        let lines = self.lines();
        let is_known = |agent: &Agent| {
            let answers = lines.by_name.get(&agent.manifest.name).is_some_and(|line| line.current.id == agent.id);
            answers && lines.recorded.get(&agent.manifest.name) == Some(&agent.id.to_string())
        };
        let known = found.iter().filter(|agent| is_known(agent)).map(|agent| agent.manifest.origin.clone());
        known.filter_map(|origin| Some((origin.clone(), found.stamp(&origin)?))).collect()
    }

    async fn begin(&self, found: &Agents) -> Result<(), StoreError> {
        let posts = self.store.posts().await?;
        self.varied.store(self.store.has_other_schemas(Manifest::FIRST_SCHEMA).await?, Ordering::Release);
        for agent in found.iter() {
            self.may_keep(agent);
            let post = posts.iter().find(|post| post.agent == agent.manifest.name.as_str());
            let line = self.line_of(agent, post).await;
            self.lines().by_name.insert(agent.manifest.name.clone(), line);
        }
        for problem in found.problems() {
            let post = posts.iter().find(|post| post.current.origin == problem.path);
            let why = problem.error.to_string();
            if !self.hold(post, &why).await {
                self.lines().problems.insert(problem.path.clone(), why);
            }
        }
        for post in &posts {
            self.known(&post.agent, &post.current);
        }
        self.record_new(found).await;
        for agent in self.agents() {
            self.catch_up(&agent).await;
        }
        for barred in self.store.barred().await? {
            let Ok(name) = AgentName::try_from(barred.agent) else { continue };
            if let Some(line) = self.lines().by_name.get_mut(&name) {
                line.bar(barred.id, barred.why);
            }
        }
        self.take_up_pins().await
    }

    async fn take_up_pins(&self) -> Result<(), StoreError> {
        for pin in self.store.pins().await? {
            let id = pin.version.id.clone();
            match self.make(pin.version).await {
                Ok(agent) => drop(self.lines().pins.insert(pin.session, agent)),
                Err(why) => {
                    let (session, why) = (crate::text::line(&pin.session, 80), crate::text::line(&why, 1_000));
                    tracing::warn!(%session, %id, "a session does not stay with its version, which cannot be used: {why}");
                }
            }
        }
        Ok(())
    }

    /// Keeps what was never seen before, so that it is there to go back to.
    async fn record_new(&self, found: &Agents) {
        for agent in found.iter() {
            let (name, id) = (agent.manifest.name.clone(), agent.id);
            let is_known = self.lines().recorded.get(&name) == Some(&id.to_string());
            let answers = self.lines().by_name.get(&name).is_some_and(|line| line.current.id == id);
            if is_known || !answers {
                continue;
            }
            let place = agent.manifest.origin.clone();
            let read = crate::tasks::blocking(move || candidate::read_now(&place)).await;
            // One that was written meanwhile is the keeper's to look at.
            if let Ok(candidate) = read
                && candidate.id == id
                && let Err(why) = self.record(&candidate, false, None).await
            {
                tracing::warn!(agent = %name, "a version is not known to the next start: {why}");
            }
        }
    }

    /// An agent whose folder has this version.
    async fn line_of(&self, agent: &Arc<Agent>, post: Option<&Post>) -> Line {
        let Some(post) = post else { return Line::new(agent.clone(), now_ms()) };
        if post.current.id == agent.id.to_string() {
            return self.line_with(agent.clone(), post).await;
        }
        // Written while nobody looked: it must prove itself like any other.
        match self.make(post.current.clone()).await {
            Ok(current) => self.line_with(current, post).await,
            Err(why) => {
                let name = &agent.manifest.name;
                tracing::warn!(agent = %name, "the version that answered before is gone: {why}");
                Line::new(agent.clone(), now_ms())
            }
        }
    }

    /// An agent whose version goes on to answer: on trial, if it was.
    async fn line_with(&self, current: Arc<Agent>, post: &Post) -> Line {
        let Some(previous) = post.previous.clone().filter(|_| post.on_trial) else {
            return Line::new(current, post.since_ms);
        };
        match self.make(previous).await {
            Ok(previous) => {
                let mut line = Line::new(previous, post.since_ms);
                let in_all = self.has_no_share(line.beside(current.manifest.schema), &current.manifest.name).await;
                line.appoint(current, self.config.swap.trial, in_all, now_ms());
                line
            }
            Err(why) => {
                let name = &current.manifest.name;
                tracing::warn!(agent = %name, "the version to go back to is gone, and the trial with it: {why}");
                Line::new(current, post.since_ms)
            }
        }
    }

    /// Lets who answered before go on, though its folder has something that is no agent by now. Whether it can.
    async fn hold(&self, post: Option<&Post>, why: &str) -> bool {
        let Some(post) = post else { return false };
        let Ok(agent) = self.make(post.current.clone()).await else { return false };
        let mut line = self.line_with(agent.clone(), post).await;
        let _ = line.refuse("", String::new(), why, now_ms());
        tracing::warn!(agent = %agent.manifest.name, "the version that answered before still does");
        self.lines().by_name.insert(agent.manifest.name.clone(), line);
        true
    }

    /// Makes a version ready that was kept, if it is not so already.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) async fn make(&self, version: Version) -> Result<Arc<Agent>, String> {
        let ready = self.lines().is_there(&version.id);
        if let Some(agent) = ready {
            return Ok(agent);
        }
        let (engine, place) = (self.engine.clone(), self.shelf.place(&version.digest));
        let made = crate::tasks::blocking(move || {
            let manifest =
                Manifest::kept(version.manifest, &version.origin, place).map_err(|error| error.to_string())?;
            let agent = engine.load(manifest).map_err(|error| error.to_string())?;
            match agent.digest.to_string() == version.digest {
                true => Ok(Arc::new(agent)),
                false => Err(format!("{} is not what was kept there", agent.manifest.component.display())),
            }
        });
        let made = made.await;
        made.iter().for_each(|agent| self.may_keep(agent));
        made
    }

    /// The store knows this version.
    fn known(&self, agent: &str, version: &Version) {
        if let Ok(name) = AgentName::try_from(agent.to_owned()) {
            self.lines().recorded.insert(name, version.id.clone());
        }
    }
}
