//! One agent over its versions: who answers, who would answer again, and what came of the last candidate.

use super::MAX_WHY;
use super::report::{CandidateReport, LineReport, TrialReport, VersionReport};
use super::trial::{Trial, Verdict};
use crate::config::{Manifest, TrialConfig};
use crate::wasm::{Agent, Digest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Versions that are barred; the first of them give way, in the order of their ids.
const MAX_BARRED: usize = 100;

/// One agent over its versions.
pub(super) struct Line {
    /// Answers.
    pub(super) current: Arc<Agent>,
    since_ms: u64,
    /// Answered before, and answers again when the current one fails its trial.
    good: Option<Arc<Agent>>,
    trial: Option<Trial>,
    /// On trial it answers in all sessions, whatever share of them it is to have.
    in_all: bool,
    /// It has failed its trial, and the one before is about to answer again.
    falls: bool,
    /// What came of the last version that did not take over.
    candidate: Option<Candidate>,
    /// Versions that are not tried again until somebody says so, and why.
    barred: BTreeMap<String, String>,
    /// Turns that the current version has ended, and those that failed.
    tally: (u64, u64),
}

/// A version that does not answer.
struct Candidate {
    label: String,
    id: String,
    /// Why it does not; none while it is being looked at.
    why: Option<String>,
    at_ms: u64,
}

/// Whether a version may answer in some sessions while the one before does in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// It may.
    Always,
    /// Unless something is kept for all sessions: that has one shape at a time.
    UnlessKept,
    /// Sessions have been carried over to a third shape.
    Never,
}

/// What follows from the end of a turn.
pub(super) enum Settled {
    /// Nothing.
    Nothing,
    /// The version stays.
    Stays,
    /// The version before is to answer again, for this reason.
    Back(String),
}

impl Line {
    /// An agent with one version.
    pub(super) fn new(current: Arc<Agent>, since_ms: u64) -> Self {
        let (good, trial, in_all, falls, candidate) = (None, None, false, false, None);
        Self { current, since_ms, good, trial, in_all, falls, candidate, barred: BTreeMap::new(), tally: (0, 0) }
    }

    /// Whether a version with this schema may answer beside the one to go back to.
    pub(super) fn beside(&self, schema: u32) -> Beside {
        let shares = |agent: &Agent| agent.manifest.schema == schema;
        match &self.good {
            Some(good) if shares(good) && shares(&self.current) => Beside::Always,
            Some(_) => Beside::Never,
            None if shares(&self.current) => Beside::Always,
            None => Beside::UnlessKept,
        }
    }

    /// A version takes over: in all sessions, or in its share of them while it is on trial. The one that answered before is
    /// kept for the trial; while that is on trial itself, the one before it is.
    pub(super) fn appoint(&mut self, agent: Arc<Agent>, config: TrialConfig, in_all: bool, now_ms: u64) {
        self.in_all = in_all;
        let before = std::mem::replace(&mut self.current, agent);
        let good = if self.trial.is_some() { self.good.take() } else { Some(before) };
        (self.trial, self.falls) = (Trial::begin(config, now_ms), false);
        self.good = good.filter(|good| self.trial.is_some() && good.id != self.current.id);
        if self.good.is_none() {
            self.trial = None;
        }
        (self.since_ms, self.tally, self.candidate) = (now_ms, (0, 0), None);
    }

    /// Whether a version would be on trial if it took over. One that answered before the one on trial comes back for good.
    pub(super) fn tries(&self, id: Digest, config: TrialConfig) -> bool {
        let good = self.good.as_ref().unwrap_or(&self.current);
        Trial::begin(config, 0).is_some() && good.id != id
    }

    /// Whether versions of different schemas answer side by side, each in its sessions.
    pub(super) fn is_mixed(&self) -> bool {
        let mine = self.current.manifest.schema;
        !self.in_all && self.trial.is_some() && self.good.as_ref().is_some_and(|good| good.manifest.schema != mine)
    }

    /// From now on the version that is on trial answers in all sessions.
    pub(super) fn join(&mut self) {
        self.in_all = true;
    }

    /// Who answers in a session.
    pub(super) fn answers(&self, session: &str) -> &Arc<Agent> {
        match (&self.trial, &self.good) {
            (Some(trial), Some(good)) if !self.in_all && !trial.takes(share(session, self.current.id)) => good,
            _ => &self.current,
        }
    }

    /// Whether a version is on trial, and which one would answer in its place.
    pub(super) fn stand_in(&self, of: Digest) -> Option<&Arc<Agent>> {
        match () {
            // It went back while the turn ran.
            () if of != self.current.id && self.barred.contains_key(&of.to_string()) => Some(&self.current),
            () if of == self.current.id && self.trial.is_some() => self.good.as_ref(),
            () => None,
        }
    }

    /// A turn of a version has ended.
    pub(super) fn settle(&mut self, id: Digest, failed: bool, now_ms: u64) -> Settled {
        if id != self.current.id {
            return Settled::Nothing;
        }
        self.tally = (self.tally.0 + 1, self.tally.1 + u64::from(failed));
        match self.trial.as_mut().filter(|_| !self.falls).map(|trial| trial.count(failed, now_ms)) {
            None | Some(Verdict::Open) => Settled::Nothing,
            Some(Verdict::Passed) => {
                self.pass();
                Settled::Stays
            }
            Some(Verdict::Failed { failures, turns }) => {
                self.falls = true;
                Settled::Back(format!("{failures} of its first {turns} turns failed"))
            }
        }
    }

    /// Whether the trial has ended by its time.
    pub(super) fn passes_by_time(&mut self, now_ms: u64) -> bool {
        let over = !self.falls && self.trial.is_some_and(|trial| trial.is_over(now_ms));
        if over {
            self.pass();
        }
        over
    }

    fn pass(&mut self) {
        (self.trial, self.good, self.falls) = (None, None, false);
    }

    /// Who answers again when this version has failed its trial, as it has.
    pub(super) fn falls_back(&self, from: Digest) -> Option<Arc<Agent>> {
        self.good.clone().filter(|_| self.falls && self.current.id == from)
    }

    /// This version answers again; the one that did is barred.
    pub(super) fn replace(&mut self, agent: Arc<Agent>, why: &str, now_ms: u64) {
        let gone = std::mem::replace(&mut self.current, agent);
        (self.since_ms, self.tally) = (now_ms, (0, 0));
        self.pass();
        self.bar(gone.id.to_string(), why.to_owned());
        let _ = self.refuse(&gone.manifest.version, gone.id.to_string(), why, now_ms);
    }

    /// A version is not tried again.
    pub(super) fn bar(&mut self, id: String, why: String) {
        if self.barred.len() >= MAX_BARRED {
            self.barred.pop_first();
        }
        self.barred.insert(id, why);
    }

    /// All versions may be tried again.
    pub(super) fn unbar(&mut self) {
        self.barred.clear();
    }

    /// Why a version is not to be tried.
    pub(super) fn barred(&self, id: Digest) -> Option<&str> {
        self.barred.get(&id.to_string()).map(String::as_str)
    }

    /// A version is being looked at.
    pub(super) fn looks_at(&mut self, label: &str, id: Digest, now_ms: u64) {
        let (label, id) = (label.to_owned(), id.to_string());
        self.candidate = Some(Candidate { label, id, why: None, at_ms: now_ms });
    }

    /// A version does not take over. Whether that is news.
    pub(super) fn refuse(&mut self, label: &str, id: String, why: &str, now_ms: u64) -> bool {
        let (label, why) = (label.to_owned(), Some(crate::text::line(why, MAX_WHY)));
        let is_news = self.candidate.as_ref().is_none_or(|before| (&before.id, &before.why) != (&id, &why));
        self.candidate = Some(Candidate { label, id, why, at_ms: now_ms });
        is_news
    }

    /// Whether a candidate is a version of this agent, and not of another one with its name.
    ///
    /// # Errors
    /// What to do, if not.
    pub(super) fn is_of(&self, candidate: &Manifest) -> Result<(), String> {
        let ours = &self.current.manifest.origin;
        if *ours == candidate.origin || !ours.exists() {
            return Ok(());
        }
        let (name, ours) = (&candidate.name, ours.display());
        Err(format!("its name `{name}` is taken by {ours}; change `agent.name` of one of them"))
    }

    /// Whether its version is on trial.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// There is nothing but the version that answers. Whether that is news.
    pub(super) fn is_alone(&mut self) -> bool {
        self.candidate.take().is_some()
    }

    /// What is told of it.
    pub(super) fn report(&self, is_default: bool) -> LineReport {
        let manifest = &self.current.manifest;
        LineReport {
            name: manifest.name.to_string(),
            description: manifest.description.clone(),
            is_default,
            origin: manifest.origin.clone(),
            size: self.current.size,
            lowered: self.current.lowered.iter().map(ToString::to_string).collect(),
            answers: VersionReport::of(&self.current),
            since: self.since_ms,
            turns: self.tally.0,
            failures: self.tally.1,
            before: self.good.as_deref().map(VersionReport::of),
            trial: self.trial.map(|trial| {
                let (turns, failures) = trial.tally();
                let share = trial.share();
                let in_all = self.in_all && share < 100;
                TrialReport { turns, failures, share: if in_all { 100 } else { share }, in_all }
            }),
            candidate: self.candidate.as_ref().map(|candidate| CandidateReport {
                version: candidate.label.clone(),
                id: candidate.id.clone(),
                why: candidate.why.clone(),
                at: candidate.at_ms,
                output: None,
            }),
        }
    }
}

/// Where a session stands among all, for one version.
fn share(session: &str, id: Digest) -> u64 {
    let digest = Digest::of(format!("{session} {id}").as_bytes());
    u64::from_str_radix(&digest.to_string()[..15], 16).unwrap_or(0)
}
