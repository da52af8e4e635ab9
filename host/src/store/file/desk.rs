//! What is used by one at a time: the connection, and who used it of late.

use super::Durability;
use crate::fair::Account;
use rusqlite::Connection;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What an agent may use the store for of each second in the long run before it gives way, and at a stretch: more where a
/// commit waits for the disk.
const OF_A_SECOND: f64 = 0.1;
const AT_A_STRETCH: Duration = Duration::from_millis(10);
const AT_A_STRETCH_OF_DISK: Duration = Duration::from_millis(200);
/// Who has used the store so recently is still at it.
const LATELY: Duration = Duration::from_millis(20);

pub(super) struct Desk {
    pub(super) connection: Connection,
    /// As many as there are agents.
    agents: HashMap<String, Use>,
    /// When the host used it for itself.
    host: Option<Instant>,
    stretch: Duration,
}

/// An agent's use.
struct Use {
    account: Account,
    last: Instant,
}

impl Use {
    /// Notes so much more; says whether it was more than it may.
    fn is_heavy(&mut self, more: Duration, stretch: Duration, now: Instant) -> bool {
        self.account.is_heavy(more, OF_A_SECOND, stretch, now)
    }
}

impl Desk {
    pub(super) fn new(connection: Connection, durability: Durability) -> Self {
        let stretch = if durability == Durability::Machine { AT_A_STRETCH_OF_DISK } else { AT_A_STRETCH };
        Self { connection, agents: HashMap::new(), host: None, stretch }
    }

    /// Whether this agent has to give way.
    pub(super) fn is_heavy(&mut self, agent: &str, now: Instant) -> bool {
        self.agents.get_mut(agent).is_some_and(|used| used.is_heavy(Duration::ZERO, self.stretch, now))
    }

    /// Does work for an agent, and charges it with the time.
    pub(super) fn work_for<T>(&mut self, agent: &str, work: impl FnOnce(&Connection) -> T) -> T {
        let begins = Instant::now();
        let done = work(&self.connection);
        let ends = Instant::now();
        self.charge(agent, ends - begins, ends);
        done
    }

    /// Charges an agent with so much.
    pub(super) fn charge(&mut self, agent: &str, used: Duration, now: Instant) {
        let agent = match self.agents.get_mut(agent) {
            Some(agent) => agent,
            None => self.agents.entry(agent.to_owned()).or_insert(Use { account: Account::new(now), last: now }),
        };
        agent.is_heavy(used, self.stretch, now);
        agent.last = now;
    }

    /// Notes that the host uses it for itself.
    pub(super) fn note(&mut self, now: Instant) {
        self.host = Some(now);
    }

    /// Whether anybody but this agent used it lately, and need not give way.
    pub(super) fn is_shared(&mut self, agent: &str, now: Instant) -> bool {
        let is_late = |at: Instant| now.saturating_duration_since(at) < LATELY;
        let stretch = self.stretch;
        self.host.is_some_and(is_late)
            || self
                .agents
                .iter_mut()
                .any(|(name, used)| name != agent && is_late(used.last) && !used.is_heavy(Duration::ZERO, stretch, now))
    }
}
