//! A version takes over, and is watched.

use super::Registry;
use super::candidate::{Candidate, Proven, Unfit, kept};
use super::carry::TRIES;
use super::line::{Line, Settled};
use crate::store::{Carried, Put};
use crate::time::now_ms;
use crate::wasm::{Agent, Digest, Ended, Failure};
use std::path::{Path, PathBuf};
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
            // It ran into what other turns of its agent had.
            Ended::Limit(breach) if breach.is_total() => Self::Nobody,
            Ended::Trapped { .. } | Ended::Limit(_) | Ended::Stranded { .. } => Self::Version,
            Ended::Failed(Failure::Invalid(_) | Failure::Limit(_) | Failure::Other(_)) => Self::Version,
            Ended::Answered(_) | Ended::Busy { .. } => Self::Nobody,
            Ended::Failed(Failure::Denied(_) | Failure::Cancelled | Failure::Unavailable(_)) => Self::Nobody,
        }
    }
}

impl Registry {
    /// A turn of this version has ended. Gives who answers in its place, if it failed and there is somebody: for turns
    /// that have shown nothing and done nothing. What the agent kept is as that one needs it by then.
    pub async fn settle(self: &Arc<Self>, agent: &Arc<Agent>, blame: Blame) -> Option<Arc<Agent>> {
        let failed = blame == Blame::Version;
        let name = &agent.manifest.name;
        self.join_if_kept_for_all(name).await;
        let settled = self.lines().by_name.get_mut(name)?.settle(agent.id, failed, now_ms());
        match settled {
            Settled::Nothing => {}
            Settled::Stays => {
                self.changed();
                if self.passed(agent).await.is_err() {
                    tracing::error!(agent = %name, "recording that a version stays was ended in between");
                }
            }
            Settled::Back(why) => {
                let (registry, from) = (self.clone(), agent.clone());
                let back = crate::tasks::spawn_apart("go back", async move { registry.fall_back(&from, &why).await });
                if back.await.is_err() {
                    tracing::error!(agent = %name, "going back was ended in between");
                }
            }
        }
        if !failed {
            return None;
        }
        // A change of versions that is under way is over first.
        drop(self.moves.lock().await);
        self.lines().by_name.get(name)?.stand_in(agent.id).cloned()
    }

    /// Ends the trials whose time is up.
    pub(super) fn trials_by_time(self: &Arc<Self>, now: u64) {
        let mut lines = self.lines();
        let over = lines.by_name.values_mut().filter_map(|line| line.passes_by_time(now).then(|| line.current.clone()));
        let over: Vec<_> = over.collect();
        drop(lines);
        if !over.is_empty() {
            self.changed();
        }
        over.iter().for_each(|agent| drop(self.passed(agent)));
    }

    /// Whether a version is on trial.
    pub(super) fn tries(&self) -> bool {
        self.lines().by_name.values().any(Line::is_on_trial)
    }

    fn passed(self: &Arc<Self>, agent: &Arc<Agent>) -> tokio::task::JoinHandle<()> {
        let (name, version) = (agent.manifest.name.clone(), agent.manifest.version.clone());
        tracing::info!(agent = %name, version, id = %agent.id, "the new version has proven itself, and stays");
        let (registry, agent) = (self.clone(), agent.clone());
        crate::tasks::spawn_apart("pass", async move {
            if let Err(error) = registry.store.pass(name.as_str(), &agent.id.to_string()).await {
                tracing::error!(agent = %name, "cannot record that a version stays: {error}");
            }
            registry.tidy().await;
            registry.catch_up_sessions(&agent);
        })
    }

    /// The version before answers again: first what was kept before is back, then it answers.
    async fn fall_back(&self, from: &Agent, why: &str) {
        let name = &from.manifest.name;
        {
            let _order = self.moves.lock().await;
            let to = self.lines().by_name.get(name).and_then(|line| line.falls_back(from.id));
            // Somebody else changed it meanwhile.
            let Some(to) = to else { return };
            let (version, before) = (&from.manifest.version, &to.manifest.version);
            tracing::warn!(
                agent = %name, version, before, id = %from.id,
                "went back to the version before: {why}. It is not tried again until `sophon-host agent reload {name}`"
            );
            if let Err(error) =
                self.store.go_back(name.as_str(), kept(&to.manifest, to.id, to.digest), why, now_ms(), true).await
            {
                tracing::error!(agent = %name, "cannot record which version answers: {error}");
            }
            if let Some(line) = self.lines().by_name.get_mut(name) {
                line.replace(to, why, now_ms());
            }
        }
        self.changed();
        self.tidy().await;
    }

    /// Whether a version is to be tried: it is new, and nobody barred it.
    pub(super) async fn wants(&self, candidate: &Candidate) -> Result<bool, Unfit> {
        let (name, id) = (&candidate.manifest.name, candidate.id);
        let is_recorded = {
            let mut lines = self.lines();
            if lines.problems.remove(&candidate.manifest.origin).is_some() {
                self.changed();
            }
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
            if line.is_alone() {
                self.changed();
            }
            recorded
        };
        if !is_recorded {
            let _order = self.moves.lock().await;
            self.record(candidate, false, None).await.map_err(|why| candidate.unfit(why))?;
        }
        Ok(false)
    }

    /// A version takes over, with what its agent keeps.
    pub(super) async fn take_over(self: &Arc<Self>, proven: Proven, candidate: &Candidate) -> Result<(), Unfit> {
        let (begun, agent) = (Instant::now(), proven.agent.clone());
        let agent = &agent;
        self.may_keep(agent);
        for _ in 0..TRIES {
            let state = self.carried(agent).await.map_err(|why| candidate.unfit(why))?;
            let order = self.moves.lock().await;
            if !self.is_still_due(agent, state.is_some()).await {
                continue;
            }
            // Removed by hand meanwhile, with all that it kept.
            if !candidate.manifest.origin.exists() {
                return Err(Unfit::Moving);
            }
            let name = &candidate.manifest.name;
            let on_trial =
                self.lines().by_name.get(name).is_some_and(|line| line.tries(agent.id, self.config.swap.trial));
            // First on the disk: a crash in between leaves the file that was found, which is this version.
            let put = self.record(candidate, on_trial, state).await.map_err(|why| candidate.unfit(why))?;
            if put == Put::Done {
                let in_all = self.is_for_all(agent).await;
                self.swap(proven, candidate, in_all, begun);
                drop(order);
                self.tidy().await;
                // Unless it is on trial.
                self.catch_up_sessions(agent);
                return Ok(());
            }
        }
        let name = &candidate.manifest.name;
        Err(candidate.unfit(format!(
            "what it keeps was changed by turns each of the {TRIES} times that it was carried over; \
             try again with `sophon-host agent reload {name}` when there are fewer"
        )))
    }

    fn swap(&self, Proven { agent, proved }: Proven, candidate: &Candidate, in_all: bool, begun: Instant) {
        let made = agent.made;
        let name = &candidate.manifest.name;
        let before = {
            let mut lines = self.lines();
            let before = lines.by_name.get(name).map(|line| line.current.manifest.version.clone());
            match lines.by_name.get_mut(name) {
                Some(line) => line.appoint(agent, self.config.swap.trial, in_all, now_ms()),
                None => drop(lines.by_name.insert(name.clone(), Line::new(agent, now_ms()))),
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
    }

    /// Keeps a version for a restart, and writes down that it answers.
    pub(super) async fn record(
        &self,
        candidate: &Candidate,
        on_trial: bool,
        state: Option<Carried>,
    ) -> Result<Put, String> {
        let (shelf, digest, bytes) = (self.shelf.clone(), candidate.digest, candidate.bytes.clone());
        let kept = crate::tasks::blocking(move || shelf.keep(digest, &bytes)).await;
        let name = candidate.manifest.name.clone();
        if let Err(error) = kept {
            tracing::warn!(agent = %name, "a version cannot be kept, and will not be there to go back to: {error}");
        }
        let appointed = self.store.appoint(name.as_str(), candidate.version(), on_trial, state, now_ms()).await;
        let put = appointed.map_err(|error| format!("it cannot be recorded, and so does not take over: {error}"))?;
        if put == Put::Done {
            self.lines().recorded.insert(name, candidate.id.to_string());
        }
        Ok(put)
    }

    /// What lies in a place cannot be used. Told once.
    pub(super) fn refuse(&self, origin: &Path, label: Option<(String, Digest)>, why: &str) {
        self.refuse_quietly(origin, label, why);
        self.changed();
    }

    /// What was wrong in these places is not any more.
    pub(super) fn are_gone(&self, places: &[PathBuf]) {
        let mut lines = self.lines();
        let before = lines.problems.len();
        lines.problems.retain(|origin, _| !places.contains(origin));
        let some_went = lines.problems.len() < before;
        drop(lines);
        if some_went {
            self.changed();
        }
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

    /// Forgets the components that nobody needs any more. A version that is about to be recorded needs its own already.
    pub(super) async fn tidy(&self) {
        let _order = self.moves.lock().await;
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
