//! How the host is doing, told to whoever asks on its socket.
//!
//! [`Status`] is fed where things happen, and asks nobody; [`socket`] shows it to the same user's `sophon-host status`.

mod report;
mod socket;
mod troubles;

use super::metrics::{Metrics, result};
use super::scrape::Depths;
use crate::cloud::Cause;
use crate::protocol::{InstallationId, InteractionId, SessionId};
use crate::registry::Registry;
use crate::time::ms;
use crate::turn::{Asked, Fate, Kind, Lost, Stage};
use crate::wasm::Breaches;
pub use report::{AgentLine, AgentsReport, LinkReport, Problem, Queues, Report, TurnsReport};
pub use socket::ask;
pub(super) use socket::open;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
pub use troubles::{Trouble, Troubles};

/// Agents and problems that a report names; the rest is counted.
const MAX_NAMED: usize = 100;
/// The longest sentence of a report, in bytes.
const MAX_SENTENCE: usize = 1_000;

/// What is known of a running host. Locks are held for moments only.
pub(super) struct Status {
    cloud: String,
    started_at: u64,
    registry: Arc<Registry>,
    breaches: Arc<Breaches>,
    link: Mutex<Link>,
    turns: Mutex<Tally>,
    /// Updates that came, and those of them that are recorded.
    received: AtomicU64,
    recorded: AtomicU64,
    /// Questions that wait for their users.
    questions: AtomicU64,
    metrics: Metrics,
}

struct Link {
    stand: LinkReport,
    /// How often the cloud was ready.
    readies: u64,
}

/// Turns that are open, and what came of the others.
#[derive(Default)]
struct Tally {
    open: HashMap<InteractionId, Open>,
    ended: TurnsReport,
}

#[derive(Default)]
struct Open {
    session: Option<SessionId>,
    running: bool,
    fate: Option<Fate>,
    /// When its bubble was first asked for.
    asked_at: Option<Instant>,
}

impl Status {
    /// A host that starts at `now`.
    pub(super) fn new(cloud: String, registry: Arc<Registry>, breaches: Arc<Breaches>, now: SystemTime) -> Self {
        let started_at = ms(now);
        let link = Link { stand: LinkReport::Connecting { since: started_at }, readies: 0 };
        let (received, recorded, questions) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let (link, turns, metrics) = (Mutex::new(link), Mutex::default(), Metrics::new(breaches.clone()));
        Self { cloud, started_at, registry, breaches, link, turns, received, recorded, questions, metrics }
    }

    /// The cloud is ready.
    pub(super) fn connected(&self, installation: &InstallationId, now: SystemTime) {
        self.metrics.connected();
        let mut link = lock(&self.link);
        link.readies += 1;
        link.stand = LinkReport::Connected { since: ms(now), installation: installation.to_string() };
    }

    /// The connection is gone, or could not be had. What is told is the first reason's time and the last reason.
    pub(super) fn disconnected(&self, reason: &str, retry_in: Duration, now: SystemTime) {
        self.metrics.now.connected.set(0);
        let mut link = lock(&self.link);
        let since = match link.stand {
            LinkReport::Waiting { since, .. } => since,
            _ => ms(now),
        };
        let next_dial_at = ms(now + retry_in);
        link.stand = LinkReport::Waiting { since, reason: sentence(reason), next_dial_at };
    }

    /// An update came.
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.metrics.update();
    }

    /// An update is recorded, and may be acked.
    pub(super) fn recorded(&self) {
        self.recorded.fetch_add(1, Ordering::Relaxed);
    }

    /// A user is about to be asked.
    pub(super) fn asks(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }

    /// A question is over.
    pub(super) fn asked(&self, asked: Asked) {
        self.questions.fetch_sub(1, Ordering::Relaxed);
        self.metrics.asked(asked);
    }

    /// A bubble is about to be opened: leave for it is asked for.
    pub(super) fn opens(&self, turn: &InteractionId) {
        lock(&self.turns).open.entry(turn.clone()).or_default().asked_at.get_or_insert_with(Instant::now);
    }

    /// A request had leave, so long after it was asked for.
    pub(super) fn leave(&self, kind: Kind, after: Duration) {
        self.metrics.leave(kind, after);
    }

    /// A turn's request is over, with all its tries.
    pub(super) fn request(&self, turn: &InteractionId, kind: Kind, lost: Option<Lost>, took: Duration) {
        self.metrics.request(kind, lost, took);
        if kind == Kind::Open && lost.is_none() {
            let asked_at = lock(&self.turns).open.get(turn).and_then(|open| open.asked_at);
            asked_at.iter().for_each(|asked| self.metrics.opened(asked.elapsed()));
        }
    }

    /// The cloud is dialled again.
    pub(super) fn redials(&self, cause: Cause) {
        self.metrics.redials(cause.word());
    }

    /// What is counted.
    pub(super) fn counts(&self) -> &Metrics {
        &self.metrics
    }

    /// What Prometheus reads, with what waits elsewhere.
    pub(super) fn metrics(&self, Depths { events, requests, text }: Depths) -> String {
        let (turns, _) = lock(&self.turns).report();
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.now.running.set(gauge(turns.running));
        self.metrics.now.waiting.set(gauge(turns.waiting));
        self.metrics.now.unrecorded.set(gauge(self.unrecorded()));
        self.metrics.now.events.set(gauge(number(events)));
        self.metrics.now.requests.set(gauge(number(requests)));
        self.metrics.now.questions.set(gauge(self.questions.load(Ordering::Relaxed)));
        self.metrics.now.text.set(gauge(number(text)));
        self.metrics.text()
    }

    /// Updates that came and are not recorded.
    fn unrecorded(&self) -> u64 {
        // Read in this order, so that an update that is recorded meanwhile cannot make it negative.
        let recorded = self.recorded.load(Ordering::Relaxed);
        self.received.load(Ordering::Relaxed).saturating_sub(recorded)
    }

    /// A turn moved on. What came of it is added to the span that it is called in.
    pub(super) fn moved(&self, turn: &InteractionId, session: &SessionId, stage: Stage) {
        let mut turns = lock(&self.turns);
        match stage {
            Stage::Ended { told } => {
                let open = turns.open.remove(turn).unwrap_or_default();
                tracing::Span::current().record("result", result(open.fate));
                turns.ended.count(open.fate, told);
                self.metrics.ended(open.fate, open.asked_at.filter(|_| told).map(|asked| asked.elapsed()));
            }
            stage => {
                let open = turns.open.entry(turn.clone()).or_default();
                open.session.get_or_insert_with(|| session.clone());
                match stage {
                    Stage::Running => open.running = true,
                    Stage::Settled(fate) => open.fate = Some(fate),
                    Stage::Opening | Stage::Ended { .. } => {}
                }
            }
        }
    }

    /// All of it, at `now`.
    pub(super) fn report(&self, troubles: &Troubles, now: SystemTime) -> Report {
        let link = lock(&self.link);
        let (stand, reconnects) = (link.stand.clone(), link.readies.saturating_sub(1));
        drop(link);
        let (turns, sessions) = lock(&self.turns).report();
        let (unacked, questions) = (self.unrecorded(), self.questions.load(Ordering::Relaxed));
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            started_at: self.started_at,
            now: ms(now),
            cloud: self.cloud.clone(),
            link: stand,
            reconnects,
            agents: agents(&self.registry),
            turns,
            limits: self
                .breaches
                .all()
                .filter(|(_, count)| *count > 0)
                .map(|(key, count)| (key.to_owned(), count))
                .collect(),
            queues: Queues { sessions, unacked, questions },
            errors: troubles.list(),
        }
    }
}

impl Tally {
    /// The turns, and the sessions in which some wait.
    fn report(&self) -> (TurnsReport, u64) {
        let running = self.open.values().filter(|open| open.running).count();
        let waiting = self.open.values().filter(|open| !open.running);
        let sessions: HashSet<_> = waiting.filter_map(|open| open.session.as_ref()).collect();
        let (running, waiting) = (number(running), number(self.open.len() - running));
        (TurnsReport { running, waiting, ..self.ended.clone() }, number(sessions.len()))
    }
}

fn agents(registry: &Registry) -> AgentsReport {
    let (agents, problems) = (registry.agents(), registry.problems());
    let default = registry.default_name().map(|name| name.as_str().to_owned());
    let line = |agent: &Arc<crate::wasm::Agent>| AgentLine {
        name: agent.manifest.name.as_str().to_owned(),
        version: agent.manifest.version.clone(),
    };
    let problem =
        |(path, why): &(PathBuf, String)| Problem { path: sentence(&path.display().to_string()), error: sentence(why) };
    AgentsReport {
        count: number(agents.len()),
        loaded: agents.iter().take(MAX_NAMED).map(line).collect(),
        default,
        problems: problems.iter().take(MAX_NAMED).map(problem).collect(),
    }
}

fn sentence(text: &str) -> String {
    crate::text::line(text, MAX_SENTENCE)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
