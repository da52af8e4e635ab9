//! A version takes over, and is watched.

use super::Registry;
use super::candidate::{Candidate, Proven, Unfit};
use super::line::{Line, Settled};
use crate::time::now_ms;
use crate::wasm::{Agent, Digest, Ended, Failure};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Whose fault the end of a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The version's: it crashed, reached a limit, or failed by itself.
    Version,
    /// Nobody's: it answered, or could not for a reason that another version would have met, too.
    Nobody,
}

impl Blame {
    /// Whose fault an end is.
    pub fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Trapped { .. } | Ended::Limit(_) => Self::Version,
            Ended::Failed(Failure::Invalid(_) | Failure::Limit(_) | Failure::Other(_)) => Self::Version,
            Ended::Answered(_) | Ended::Busy { .. } => Self::Nobody,
            Ended::Failed(Failure::Denied(_) | Failure::Cancelled | Failure::Unavailable(_)) => Self::Nobody,
        }
    }
}

impl Registry {
    /// A turn of this version has ended. Gives who answers in its place, if it failed and there is somebody: for turns
    /// that have shown nothing and done nothing.
    pub fn settle(self: &Arc<Self>, agent: &Agent, blame: Blame) -> Option<Arc<Agent>> {
        let failed = blame == Blame::Version;
        let name = &agent.manifest.name;
        let (settled, stand_in) = {
            let mut lines = self.lines();
            let line = lines.by_name.get_mut(name)?;
            let settled = line.settle(agent.id, failed, now_ms());
            (settled, line.stand_in(agent.id).filter(|_| failed).cloned())
        };
        if !matches!(settled, Settled::Nothing) {
            self.changed();
        }
        match settled {
            Settled::Nothing => {}
            Settled::Stays => self.passed(agent),
            Settled::Back(to, why) => self.went_back(agent, &to, why),
        }
        stand_in
    }

    /// Ends the trials whose time is up.
    pub(super) fn trials_by_time(self: &Arc<Self>, now: u64) {
        let mut lines = self.lines();
        let over = lines.by_name.values_mut().filter_map(|line| line.passes_by_time(now).then(|| line.current.clone()));
        let over: Vec<_> = over.collect();
        drop(lines);
        over.iter().for_each(|agent| self.passed(agent));
    }

    /// Whether a version is on trial.
    pub(super) fn tries(&self) -> bool {
        self.lines().by_name.values().any(Line::is_on_trial)
    }

    fn passed(self: &Arc<Self>, agent: &Agent) {
        let (name, version) = (agent.manifest.name.clone(), agent.manifest.version.clone());
        tracing::info!(agent = %name, version, id = %agent.id, "the new version has proven itself, and stays");
        let registry = self.clone();
        crate::tasks::spawn_apart("pass", async move {
            if let Err(error) = registry.store.pass(name.as_str()).await {
                tracing::error!(agent = %name, "cannot record that a version stays: {error}");
            }
            registry.tidy().await;
        });
    }

    fn went_back(self: &Arc<Self>, from: &Agent, to: &Arc<Agent>, why: String) {
        let (name, version, before) = (from.manifest.name.clone(), &from.manifest.version, &to.manifest.version);
        tracing::warn!(
            agent = %name, version, before, id = %from.id,
            "went back to the version before: {why}. It is not tried again until `sophon-host agent reload {name}`"
        );
        let (registry, version) = (self.clone(), self.version_of(to));
        crate::tasks::spawn_apart("go back", async move {
            if let Err(error) = registry.store.go_back(name.as_str(), version, &why, now_ms()).await {
                tracing::error!(agent = %name, "cannot record which version answers: {error}");
            }
            registry.tidy().await;
        });
    }

    /// Whether a version is to be tried: it is new, and nobody barred it.
    pub(super) async fn wants(&self, candidate: &Candidate) -> Result<bool, Unfit> {
        let (name, id) = (&candidate.manifest.name, candidate.id);
        let is_recorded = {
            let mut lines = self.lines();
            lines.problems.remove(&candidate.manifest.origin);
            let recorded = lines.recorded.get(name) == Some(&id.to_string());
            let Some(line) = lines.by_name.get_mut(name) else { return Ok(true) };
            line.is_of(&candidate.manifest).map_err(|why| candidate.unfit(why))?;
            if line.current.id != id {
                if let Some(why) = line.barred(id) {
                    let why = format!("{why}; it is not tried again until `sophon-host agent reload {name}`");
                    return Err(candidate.unfit(why));
                }
                line.looks_at(&candidate.manifest.version, id, now_ms());
                self.changed();
                return Ok(true);
            }
            line.is_alone();
            recorded
        };
        if !is_recorded {
            self.record(candidate, false).await.map_err(|why| candidate.unfit(why))?;
        }
        Ok(false)
    }

    /// A version takes over.
    pub(super) async fn take_over(&self, made: Proven, candidate: &Candidate) -> Result<(), Unfit> {
        let begun = Instant::now();
        let Proven { agent, proved } = made;
        let made = agent.made;
        let name = &candidate.manifest.name;
        let on_trial = self.config.swap.trial.turns > 0 && self.lines().by_name.contains_key(name);
        // First on the disk: a crash in between leaves the file that was found, which is this version.
        self.record(candidate, on_trial).await.map_err(|why| candidate.unfit(why))?;
        let before = {
            let mut lines = self.lines();
            let before = lines.by_name.get(name).map(|line| line.current.manifest.version.clone());
            match lines.by_name.get_mut(name) {
                Some(line) => line.appoint(agent.clone(), self.config.swap.trial, now_ms()),
                None => drop(lines.by_name.insert(name.clone(), Line::new(agent.clone(), now_ms()))),
            }
            before
        };
        self.changed();
        tracing::info!(
            agent = %name, version = candidate.manifest.version, before, id = %candidate.id, digest = %candidate.digest,
            read_us = micros(candidate.read), compile_us = micros(made.compile), cached = made.cached,
            link_us = micros(made.link), prove_us = micros(proved), swap_us = micros(begun.elapsed()),
            "a new version answers"
        );
        self.tidy().await;
        Ok(())
    }

    /// Keeps a version for a restart, and writes down that it answers.
    pub(super) async fn record(&self, candidate: &Candidate, on_trial: bool) -> Result<(), String> {
        let (shelf, digest, bytes) = (self.shelf.clone(), candidate.digest, candidate.bytes.clone());
        let kept = crate::tasks::blocking(move || shelf.keep(digest, &bytes)).await;
        let name = candidate.manifest.name.clone();
        if let Err(error) = kept {
            tracing::warn!(agent = %name, "a version cannot be kept, and will not be there to go back to: {error}");
        }
        let appointed = self.store.appoint(name.as_str(), candidate.version(), on_trial, now_ms()).await;
        appointed.map_err(|error| format!("it cannot be recorded, and so does not take over: {error}"))?;
        self.lines().recorded.insert(name, candidate.id.to_string());
        Ok(())
    }

    /// What lies in a place cannot be used. Told once.
    pub(super) fn refuse(&self, origin: &Path, label: Option<(String, Digest)>, why: &str) {
        self.refuse_quietly(origin, label, why);
        self.changed();
    }

    fn refuse_quietly(&self, origin: &Path, label: Option<(String, Digest)>, why: &str) {
        let mut lines = self.lines();
        let line = lines.by_name.values_mut().find(|line| line.current.manifest.origin == origin);
        let Some(line) = line else {
            if lines.problems.insert(origin.to_owned(), why.to_owned()).as_deref() != Some(why) {
                tracing::warn!("{}", crate::text::line(why, 1_000));
            }
            return;
        };
        let name = line.current.manifest.name.clone();
        let (version, id) = label.map_or_else(Default::default, |(version, id)| (version, id.to_string()));
        if line.refuse(&version, id, why, now_ms()) {
            let answers = &line.current.manifest.version;
            tracing::warn!(agent = %name, answers, "a version is not used: {}", crate::text::line(why, 1_000));
        }
    }

    /// Forgets the components that nobody needs any more.
    pub(super) async fn tidy(&self) {
        let needed = match self.store.needed().await {
            Ok(needed) => needed.into_iter().collect(),
            Err(error) => return tracing::debug!("what versions are needed cannot be read: {error}"),
        };
        let shelf = self.shelf.clone();
        if let Err(error) = crate::tasks::blocking(move || shelf.tidy(&needed)).await {
            tracing::warn!("old versions cannot be removed: {error}");
        }
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
