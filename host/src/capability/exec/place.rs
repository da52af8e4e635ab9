//! Room for programs: of a turn, of all turns of an agent, and of the host.

use super::super::tools::Refusal;
use crate::config::AgentName;
use crate::fair::Account;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Programs that run at once: of one turn, and of the host.
const AT_ONCE: usize = 4;
const AT_ONCE_HERE: usize = 64;
/// How many an agent may start at a stretch, and a second in the long run. Starting one takes the host some ten milliseconds,
/// and holds up the turns of others.
const AT_A_STRETCH: f64 = 20.0;
const A_SECOND: f64 = 25.0;

/// Room for the programs of all turns.
#[derive(Debug)]
pub(super) struct Room {
    slots: Arc<Semaphore>,
    /// How many run of each agent that has any.
    agents: Arc<Mutex<BTreeMap<AgentName, u32>>>,
    /// How many each agent has started of late. As many as there are agents.
    starts: Mutex<BTreeMap<AgentName, Account>>,
}

/// The programs of one turn.
#[derive(Debug)]
pub(in crate::capability) struct Runs {
    limit: u64,
    /// How many may run at once over all turns of the agent.
    together: u32,
    started: AtomicU64,
    slots: Arc<Semaphore>,
}

/// Room for one program.
#[derive(Debug)]
pub(super) struct Slot {
    _turn: OwnedSemaphorePermit,
    _agent: Counted,
    _host: OwnedSemaphorePermit,
}

/// One program among those of its agent.
#[derive(Debug)]
struct Counted {
    agent: AgentName,
    agents: Arc<Mutex<BTreeMap<AgentName, u32>>>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE_HERE)), agents: Arc::default(), starts: Mutex::default() }
    }

    /// Waits until an agent may start one more.
    pub(super) async fn pace(&self, agent: &AgentName) {
        let now = Instant::now().into_std();
        let rest = {
            let mut starts = lock(&self.starts);
            let account = starts.entry(agent.clone()).or_insert_with(|| Account::new(now));
            account.rest(1.0, A_SECOND, AT_A_STRETCH, now)
        };
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
    }

    /// Counts one more program of an agent, if it may have so many.
    fn count(&self, agent: &AgentName, most: u32) -> Option<Counted> {
        let mut agents = lock(&self.agents);
        let running = agents.get(agent).copied().unwrap_or_default();
        if running >= most {
            return None;
        }
        agents.insert(agent.clone(), running + 1);
        Some(Counted { agent: agent.clone(), agents: self.agents.clone() })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut agents = lock(&self.agents);
        if let Some(running) = agents.get_mut(&self.agent) {
            *running -= 1;
            if *running == 0 {
                agents.remove(&self.agent);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    /// A turn that may start so many, of an agent whose turns may have so many at once.
    pub(in crate::capability) fn new(limit: u64, together: u32) -> Self {
        Self { limit, together, started: AtomicU64::new(0), slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(super) fn place(&self, agent: &AgentName, room: &Room) -> Result<Slot, Refusal> {
        let next = |started| (started < self.limit).then_some(started + 1);
        if self.started.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_err() {
            return Err(Refusal::TooManyPrograms(self.limit));
        }
        let own = self.slots.clone().try_acquire_owned();
        let own = own.map_err(|_| Refusal::Limit(format!("{AT_ONCE} programs of a turn may run at once")))?;
        let counted = room.count(agent, self.together).ok_or(Refusal::TooManyTogether(self.together))?;
        let full = || Refusal::Unavailable(format!("{AT_ONCE_HERE} programs run on this host; try again later"));
        let host = room.slots.clone().try_acquire_owned().map_err(|_| full())?;
        Ok(Slot { _turn: own, _agent: counted, _host: host })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn an_agent_starts_some_at_once_and_then_so_many_a_second() {
        let name = |name: &str| AgentName::try_from(name.to_owned()).expect("a name");
        let (room, greedy, begins) = (Room::new(), name("greedy"), Instant::now());
        for _ in 0..20 {
            room.pace(&greedy).await;
        }
        assert_eq!(begins.elapsed(), Duration::ZERO);
        for _ in 0..50 {
            room.pace(&greedy).await;
        }
        assert!((1_990..2_100).contains(&begins.elapsed().as_millis()), "25 a second: {:?}", begins.elapsed());
        let then = Instant::now();
        room.pace(&name("other")).await;
        assert_eq!(then.elapsed(), Duration::ZERO);
    }

    #[test]
    fn an_agents_turns_share_their_places_and_leave_those_of_others() {
        let name = |name: &str| AgentName::try_from(name.to_owned()).expect("a name");
        let (room, runs, other) = (Room::new(), Runs::new(10, 3), Runs::new(10, 3));
        let greedy = name("greedy");
        let mut held: Vec<Slot> = (0..2).map(|_| runs.place(&greedy, &room).expect("room")).collect();
        held.push(other.place(&greedy, &room).expect("room"));
        let refused = other.place(&greedy, &room).expect_err("full");
        assert_eq!(refused, Refusal::TooManyTogether(3));
        assert!(refused.to_string().contains("`total.programs`"), "{refused}");
        let modest = Runs::new(10, 1).place(&name("modest"), &room).expect("room");
        held.pop();
        held.push(other.place(&greedy, &room).expect("room again"));
        drop((held, modest));
        assert!(lock(&room.agents).is_empty());
        assert_eq!(Runs::new(0, 3).place(&greedy, &room).expect_err("none"), Refusal::TooManyPrograms(0));
    }
}
