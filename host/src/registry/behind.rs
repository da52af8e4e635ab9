//! Sessions that had no turn since a version took over with another schema: what is kept there is carried over once the
//! version stays, one at a time and without haste, so that later versions need not know the older shape.

use super::Registry;
use crate::store::{Drawer, Put};
use crate::wasm::{Agent, Slots};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two sessions: turns come first.
const PACE: Duration = Duration::from_millis(20);
/// Sessions that are looked up at once.
const BATCH: u32 = 100;
/// Sessions that are passed over, after which the rest is left to their next turns.
const MOST_SKIPPED: usize = 1_000;

/// What became of the sessions so far.
#[derive(Default)]
struct Pass {
    carried: u64,
    /// Those that are left to their next turn: it is running, stays with another version, or will be told why.
    skipped: HashSet<String>,
    /// The first that could not be carried over, how many there were.
    refused: Option<(String, u64)>,
}

impl Registry {
    /// Carries over what a version's agent keeps in sessions, from now on, unless the version is on trial.
    pub(super) fn catch_up_sessions(self: &Arc<Self>, agent: &Arc<Agent>) {
        if !agent.migrates() {
            return;
        }
        let (registry, agent, stop) = (Arc::downgrade(self), agent.clone(), self.stop.clone());
        let pass = async move {
            let Some(one_at_a_time) = registry.upgrade().map(|registry| registry.passes.clone()) else { return };
            let _alone = one_at_a_time.lock().await;
            carry_all(&registry, &agent).await.tell(&agent);
        };
        crate::tasks::spawn_apart("sessions", stop.run_until_cancelled_owned(pass));
    }

    /// Whether a version answers, and stays.
    fn stays(&self, agent: &Agent) -> bool {
        let lines = self.lines();
        let line = lines.by_name.get(&agent.manifest.name);
        line.is_some_and(|line| line.current.id == agent.id && !line.is_on_trial())
    }

    /// Whether a session of an agent stays with another version.
    fn is_pinned_elsewhere(&self, agent: &Agent, session: &str) -> bool {
        let of = |pinned: &Arc<Agent>| pinned.manifest.name == agent.manifest.name && pinned.id != agent.id;
        self.lines().pins.get(session).is_some_and(of)
    }

    async fn next_behind(&self, agent: &Agent, skipped: &HashSet<String>) -> Vec<String> {
        let most = BATCH.saturating_add(u32::try_from(skipped.len()).unwrap_or(u32::MAX));
        let (name, schema) = (agent.manifest.name.as_str(), agent.manifest.schema);
        let mut sessions = self.store.sessions_behind(name, schema, most).await.unwrap_or_else(|error| {
            tracing::error!("which sessions are behind cannot be looked up: {error}");
            Vec::new()
        });
        sessions.retain(|session| !skipped.contains(session));
        sessions
    }

    /// One session. Breaks when the version does not stay, after all.
    async fn carry_one(&self, agent: &Agent, session: &str, pass: &mut Pass) -> ControlFlow<()> {
        if !self.stays(agent) {
            return ControlFlow::Break(());
        }
        let drawer = Drawer::of_session(agent.manifest.name.as_str(), session);
        let hold = self.held.try_hold(&drawer).filter(|_| !self.is_pinned_elsewhere(agent, session));
        let Some(_hold) = hold else {
            pass.skipped.insert(session.to_owned());
            return ControlFlow::Continue(());
        };
        match self.make_ready(agent, session, Slots::Aside).await {
            Ok(Put::Done) => pass.carried += 1,
            Ok(Put::Changed) => drop(pass.skipped.insert(session.to_owned())),
            Ok(Put::Elsewhere(_)) => return ControlFlow::Break(()),
            Err(why) => {
                pass.skipped.insert(session.to_owned());
                pass.refused.get_or_insert((why.to_string(), 0)).1 += 1;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The registry is held for one session at a time: it may go at any instant.
async fn carry_all(registry: &Weak<Registry>, agent: &Agent) -> Pass {
    let mut pass = Pass::default();
    while pass.skipped.len() <= MOST_SKIPPED {
        let Some(now) = registry.upgrade() else { return pass };
        let sessions = now.next_behind(agent, &pass.skipped).await;
        drop(now);
        if sessions.is_empty() {
            return pass;
        }
        for session in sessions {
            let Some(now) = registry.upgrade() else { return pass };
            if now.carry_one(agent, &session, &mut pass).await.is_break() {
                return pass;
            }
            drop(now);
            tokio::time::sleep(PACE).await;
        }
    }
    pass
}

impl Pass {
    fn tell(&self, agent: &Agent) {
        let (name, schema) = (&agent.manifest.name, agent.manifest.schema);
        if self.carried > 0 {
            let sessions = self.carried;
            tracing::info!(agent = %name, schema, sessions, "what it keeps in sessions without a turn is carried over");
        }
        if let Some((why, sessions)) = &self.refused {
            let why = crate::text::line(why, 1_000);
            tracing::warn!(agent = %name, sessions, "in sessions it cannot use what it keeps, as their next turns will say: {why}");
        }
    }
}
