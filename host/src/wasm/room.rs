//! What all turns of one agent have together, whichever version of it they run.

use super::bustle::Bustle;
use super::engine::Engine;
use super::spending::{BURST, Spent};
use crate::config::{AgentName, Lowered, Totals, TotalsTable};
use crate::fair::Account;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Room for all turns of an agent. It outlives the versions that are loaded under the agent's name.
pub(super) struct Room {
    /// As many as the operator lets run.
    turns: Arc<Semaphore>,
    /// The bytes of linear memory that turns have now.
    memory: Arc<AtomicU64>,
    /// The elements of tables that they have.
    tables: Arc<AtomicU64>,
    /// What they have used in the long run.
    spent: Spent,
    /// Its number among the agents of its engine, from one on.
    number: u16,
    bustle: Arc<Bustle>,
    /// The lines that they have logged.
    lines: Mutex<Account>,
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
        let number = u16::try_from(rooms.len() + 1).unwrap_or(u16::MAX);
        let new = || Arc::new(Room::new(most.turns, number, self.bustle.clone()));
        let room = rooms.entry(agent.clone()).or_insert_with(new).clone();
        (Share { totals, room, turns: semaphore(totals.turns) }, lowered)
    }
}

impl Room {
    fn new(turns: u32, number: u16, bustle: Arc<Bustle>) -> Self {
        let now = Instant::now();
        Self {
            turns: semaphore(turns),
            memory: Arc::default(),
            tables: Arc::default(),
            spent: Spent::new(now),
            number,
            bustle,
            lines: Mutex::new(Account::new(now.into_std())),
        }
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

    /// What all turns of the agent have used in the long run.
    pub(super) fn spent(&self) -> &Spent {
        &self.room.spent
    }

    /// Notes that one of its guests runs; says whether those of other agents do, too.
    pub(super) fn is_beside_others(&self, now: Instant) -> bool {
        self.room.bustle.note(self.room.number, now)
    }

    /// Counts a line in the log, if the agent may write one more.
    pub(super) fn may_log(&self) -> bool {
        let share = self.totals.lines as f64;
        let mut lines = self.room.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.fits(1.0, share, share * BURST.as_secs_f64(), Instant::now().into_std())
    }

    /// The memory that one turn may have of it, in bytes. It has none yet.
    pub(super) fn memory(&self) -> Portion {
        Portion::new(self.room.memory.clone(), self.totals.memory.0)
    }

    /// The same of tables, in elements.
    pub(super) fn tables(&self) -> Portion {
        Portion::new(self.room.tables.clone(), self.totals.tables)
    }
}

/// What one turn has of something that all turns of its agent share. Dropped, it is free for others.
pub(super) struct Portion {
    /// What all have.
    used: Arc<AtomicU64>,
    most: u64,
    own: u64,
    would_fit: bool,
}

impl Portion {
    fn new(used: Arc<AtomicU64>, most: u64) -> Self {
        Self { used, most, own: 0, would_fit: false }
    }

    /// Takes so much more, if all turns of the agent together may have it.
    pub(super) fn grow(&mut self, by: usize) -> bool {
        let by = by as u64;
        let next = |used: u64| used.checked_add(by).filter(|used| *used <= self.most);
        let fits = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok();
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
        Self::new(self.used.clone(), self.most)
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.used.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Share {
    /// Of an agent that has this.
    pub(super) fn of(totals: Totals) -> Self {
        Self::among(totals, 1, Arc::new(Bustle::new(Instant::now())))
    }

    /// The same, by this number among those of others.
    pub(super) fn among(totals: Totals, number: u16, bustle: Arc<Bustle>) -> Self {
        Self { totals, room: Arc::new(Room::new(1, number, bustle)), turns: semaphore(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_share_their_agents_memory_and_give_it_back() {
        let mut first = Portion::new(Arc::default(), 100);
        let mut second = first.anew();
        assert!(first.grow(60) && !second.grow(60) && second.grow(40));
        assert!(!first.grow(1) && !first.grow(usize::MAX));
        drop(first);
        assert!(second.grow(60) && !second.grow(1));
    }

    #[test]
    fn lines_are_counted_over_all_turns_of_an_agent() {
        let share = Share::of(Totals { lines: 2, ..Totals::default() });
        let other = share.clone();
        let written = (0..1_000).filter(|line| if line % 2 == 0 { share.may_log() } else { other.may_log() }).count();
        // What a minute gives, and what came meanwhile.
        assert!((120..200).contains(&written), "{written}");
    }
}
