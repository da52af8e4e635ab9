//! The thread that works on the file.
//!
//! An agent that has used the store for more than its share of late gives way: its calls wait for each other, in rounds
//! with those of other such agents, and rest after each as long as anybody else uses the store.

use super::{Job, Reply, Shared, StoreError, failed};
use crate::fair::{Account, Rounds};
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Jobs of one transaction.
const BATCH: usize = 128;
/// What an agent may use the store for at a stretch, and of each second in the long run, before it gives way: in seconds.
const AT_A_STRETCH: f64 = 0.010;
const OF_A_SECOND: f64 = 0.1;
/// No more than this is held against it, in seconds: it is forgiven three seconds after it stopped.
const MOST: f64 = 3.0 * OF_A_SECOND;
/// How long those who give way rest, in times of what the last of them took; and at most.
const REST: u32 = 19;
const LONGEST_REST: Duration = Duration::from_millis(20);
/// How often it is looked whether the log is in the file.
const A_WHILE: Duration = Duration::from_millis(1);
/// Who has used the store so recently is still at it.
const LATELY: Duration = Duration::from_millis(20);

/// What is used by one at a time: the connection, and by whom it was of late.
pub(super) struct Desk {
    pub(super) connection: Connection,
    agents: HashMap<String, Account>,
    /// When anybody used it who need not give way.
    others: Option<Instant>,
}

impl Desk {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, agents: HashMap::new(), others: None }
    }

    /// Whether this agent has to give way.
    pub(super) fn is_heavy(&mut self, agent: &str, now: Instant) -> bool {
        let account = self.agents.get_mut(agent);
        account.is_some_and(|account| account.charge(Duration::ZERO, OF_A_SECOND, MOST, now) > AT_A_STRETCH)
    }

    /// Does work for an agent, and charges it with the time.
    pub(super) fn work_for<T>(&mut self, agent: &str, work: impl FnOnce(&Connection) -> T) -> T {
        let begun = Instant::now();
        let done = work(&self.connection);
        self.charge(agent, begun.elapsed(), Instant::now());
        done
    }

    fn charge(&mut self, agent: &str, used: Duration, now: Instant) {
        // As many as there are agents.
        let account = self.agents.entry(agent.to_owned()).or_insert_with(|| Account::new(now));
        account.charge(used, OF_A_SECOND, MOST, now);
    }

    /// Notes that somebody uses it who need not give way.
    pub(super) fn note(&mut self, now: Instant) {
        self.others = Some(now);
    }

    /// Whether somebody used it lately who need not give way.
    fn is_shared(&self, now: Instant) -> bool {
        self.others.is_some_and(|at| now.saturating_duration_since(at) < LATELY)
    }
}

/// What the thread has before it.
pub(super) struct Worker {
    shared: Arc<Shared>,
    queue: Receiver<Job>,
    /// What is done next, together.
    jobs: Vec<Job>,
    /// What gives way, by agent.
    behind: Rounds<String, Job>,
    rests_until: Instant,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, queue: Receiver<Job>) -> Self {
        let (jobs, behind) = (Vec::with_capacity(BATCH), Rounds::default());
        Self { shared, queue, jobs, behind, rests_until: Instant::now() }
    }

    /// Works until the last handle is gone.
    pub(super) fn work(mut self) {
        while self.take() {
            self.round(Instant::now());
        }
    }

    /// Takes what has come, and waits for it while there is nothing else to do. Says whether there may be more.
    fn take(&mut self) -> bool {
        let rest = self.rests_until.saturating_duration_since(Instant::now());
        let first = match self.behind.is_empty() {
            true => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => self.queue.recv_timeout(rest),
        };
        match first {
            Ok(job) => {
                self.jobs.push(job);
                self.jobs.extend(self.queue.try_iter().take(BATCH - 1));
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Does what has come, and one of what gives way if that has rested: so that it goes on however much comes.
    fn round(&mut self, now: Instant) {
        let (came, shared) = (self.jobs.len(), self.shared.clone());
        let mut desk = shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        self.sort(&mut desk, now);
        let behind = self.next_behind(now);
        let gives_way = behind.is_some();
        self.jobs.extend(behind);
        let count = self.jobs.len();
        let (replies, committed) = if count > 0 { batch(&mut desk, self.jobs.drain(..)) } else { (Vec::new(), Ok(())) };
        if gives_way && desk.is_shared(now) {
            self.rests_until = Instant::now() + (now.elapsed() * REST).min(LONGEST_REST);
        }
        drop(desk);
        shared.log.note(count);
        shared.room.add_permits(came);
        replies.into_iter().for_each(|reply| reply(committed.clone()));
    }

    /// One of what gives way, if it has rested. So does what is written into the file meanwhile: see [`Log::is_due`].
    fn next_behind(&mut self, now: Instant) -> Option<Job> {
        if self.shared.log.is_due() {
            self.rests_until = self.rests_until.max(now + A_WHILE);
        }
        (now >= self.rests_until).then(|| self.behind.next()).flatten()
    }

    /// Puts behind what gives way, and notes that there is something else.
    fn sort(&mut self, desk: &mut Desk, now: Instant) {
        for job in std::mem::take(&mut self.jobs) {
            match &job.agent {
                Some(agent) if desk.is_heavy(agent, now) => self.behind.push(agent.clone(), job),
                _ => {
                    desk.note(now);
                    self.jobs.push(job);
                }
            }
        }
    }
}

/// Does jobs in one transaction; gives whom to tell what became of it.
fn batch(desk: &mut Desk, jobs: impl Iterator<Item = Job>) -> (Vec<Reply>, Result<(), StoreError>) {
    let begun = execute(&desk.connection, "BEGIN IMMEDIATE");
    let mut replies = Vec::with_capacity(BATCH);
    for Job { agent, work } in jobs {
        let within = |connection: &Connection| work(begun.clone().map(|()| connection));
        replies.push(match agent {
            Some(agent) => desk.work_for(&agent, within),
            None => within(&desk.connection),
        });
    }
    let committed = begun.and_then(|()| execute(&desk.connection, "COMMIT"));
    if committed.is_err() && !desk.connection.is_autocommit() {
        // Nothing to be done about a rollback that fails: the next BEGIN says so.
        let _ = execute(&desk.connection, "ROLLBACK");
    }
    (replies, committed)
}

fn execute(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement).and_then(|mut statement| statement.execute([])).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
