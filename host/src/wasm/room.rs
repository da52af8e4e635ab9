//! What all turns of one agent have together, whichever version of it they run.

use super::allowance::Computed;
use super::engine::Engine;
use crate::config::{AgentName, Lowered, Totals, TotalsTable};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Room for all turns of an agent. It outlives the versions that are loaded under the agent's name.
pub(super) struct Room {
    /// As many as the operator lets run.
    turns: Arc<Semaphore>,
    /// The bytes of linear memory that turns have now.
    memory: AtomicU64,
    /// What they have computed.
    account: Computed,
}

/// What one version has of its agent's room: all of it, unless its manifest is content with less.
#[derive(Clone)]
pub(super) struct Share {
    pub(super) totals: Totals,
    room: Arc<Room>,
    /// As many turns as this version lets run.
    turns: Arc<Semaphore>,
}

/// A turn's place among those of its agent.
pub(super) struct Place {
    _version: OwnedSemaphorePermit,
    _agent: OwnedSemaphorePermit,
}

impl Engine {
    /// What a version of an agent gets that asks for this, and what of it is less than it asks for.
    pub(super) fn share(&self, agent: &AgentName, asked: TotalsTable) -> (Share, Vec<Lowered>) {
        let most = self.totals.of(agent);
        let (totals, lowered) = asked.within(most);
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(agent.clone()).or_insert_with(|| Arc::new(Room::of(most.turns))).clone();
        (Share { totals, room, turns: semaphore(totals.turns) }, lowered)
    }
}

impl Room {
    fn of(turns: u32) -> Self {
        Self { turns: semaphore(turns), memory: AtomicU64::new(0), account: Computed::new(Instant::now()) }
    }
}

fn semaphore(turns: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(turns as usize))
}

impl Share {
    /// Waits until there is room for one more turn.
    pub(super) async fn place(&self) -> Place {
        const OPEN: &str = "a room is never closed";
        let version = self.turns.clone().acquire_owned().await.expect(OPEN);
        Place { _version: version, _agent: self.room.turns.clone().acquire_owned().await.expect(OPEN) }
    }

    /// Whether a further turn has to wait for others of its agent.
    pub(super) fn is_full(&self) -> bool {
        [&self.turns, &self.room.turns].iter().any(|turns| turns.available_permits() == 0)
    }

    /// What all turns of the agent have computed.
    pub(super) fn account(&self) -> &Computed {
        &self.room.account
    }

    /// The memory that one turn may have of it. It has none yet.
    pub(super) fn memory(&self) -> Portion {
        Portion { room: self.room.clone(), most: self.totals.memory.0, own: 0, would_fit: false }
    }
}

/// The memory that one turn has of its agent's. Dropped, it is free for others.
pub(super) struct Portion {
    room: Arc<Room>,
    most: u64,
    own: u64,
    would_fit: bool,
}

impl Portion {
    /// Takes so many bytes more, if all turns of the agent together may have them.
    pub(super) fn grow(&mut self, by: usize) -> bool {
        let by = by as u64;
        let next = |used: u64| used.checked_add(by).filter(|used| *used <= self.most);
        let fits = self.room.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok();
        if fits {
            self.own += by;
        } else {
            self.would_fit = self.own.saturating_add(by) <= self.most;
        }
        fits
    }

    /// Whether what was refused last would have been there without other turns.
    pub(super) fn would_fit(&self) -> bool {
        self.would_fit
    }

    /// For a turn that begins anew.
    pub(super) fn anew(&self) -> Self {
        Self { room: self.room.clone(), most: self.most, own: 0, would_fit: false }
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.room.memory.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Portion {
    /// Of an agent whose turns may have so much together.
    pub(super) fn of(most: u64) -> Self {
        Self { room: Arc::new(Room::of(1)), most, own: 0, would_fit: false }
    }
}

#[cfg(test)]
impl Share {
    /// Of an agent whose turns may compute so many percent of a processor.
    pub(super) fn of(cpu: u32) -> Self {
        let totals = Totals { cpu, ..Totals::default() };
        Self { totals, room: Arc::new(Room::of(1)), turns: semaphore(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_share_their_agents_memory_and_give_it_back() {
        let mut first = Portion::of(100);
        let mut second = first.anew();
        assert!(first.grow(60) && !second.grow(60) && second.grow(40));
        assert!(!first.grow(1) && !first.grow(usize::MAX));
        drop(first);
        assert!(second.grow(60) && !second.grow(1));
    }
}
