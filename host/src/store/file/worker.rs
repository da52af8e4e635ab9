//! The thread that works on the file.
//!
//! An agent that has used the store for more than its share of late gives way: its calls wait for each other, in rounds
//! with those of other such agents, and rest after each as long as anybody else uses the store.

use super::desk::Desk;
use super::{Job, Reply, Shared, StoreError, failed};
use crate::fair::Rounds;
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Jobs of one transaction.
const BATCH: usize = 128;
/// How long those who give way rest, in times of what the last of them took; and at most.
const REST: u32 = 19;
const LONGEST_REST: Duration = Duration::from_millis(20);
/// How often it is looked whether the log is in the file, and how long that is waited for.
const A_WHILE: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_millis(50);

/// What the thread has before it.
pub(super) struct Worker {
    shared: Arc<Shared>,
    queue: Receiver<Job>,
    /// What has come.
    jobs: Vec<Job>,
    /// What gives way, by agent.
    behind: Rounds<String, Job>,
    rests_until: Instant,
    /// When one of those was done last.
    last: Instant,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, queue: Receiver<Job>) -> Self {
        let (jobs, behind, now) = (Vec::with_capacity(BATCH), Rounds::default(), Instant::now());
        Self { shared, queue, jobs, behind, rests_until: now, last: now }
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
        let mut batch = Batch::default();
        for job in self.jobs.drain(..) {
            match &job.caller {
                // Looked at before each: many of one agent's may have come together.
                Some(caller) if desk.is_heavy(&caller.agent, now) => self.behind.push(caller.agent.clone(), job),
                _ if job.is_given_up() => {}
                _ => drop(batch.work(&mut desk, job)),
            }
        }
        let behind = self.next_behind(now).map(|job| batch.work(&mut desk, job));
        let (count, (replies, committed, each)) = (batch.replies.len(), batch.end(&mut desk));
        if let Some((agent, took)) = behind.flatten() {
            self.last = now;
            if desk.is_shared(&agent, now) {
                self.rests_until = Instant::now() + ((took + each) * REST).min(LONGEST_REST);
            }
        }
        drop(desk);
        shared.log.note(count);
        shared.room.add_permits(came);
        replies.into_iter().for_each(|reply| reply(committed.clone()));
    }

    /// One of what gives way, if it has rested. So it does while the log is brought into the file, for a while.
    fn next_behind(&mut self, now: Instant) -> Option<Job> {
        if self.shared.log.is_due() && now < self.last + LONG {
            self.rests_until = self.rests_until.max(now + A_WHILE);
        }
        if now < self.rests_until {
            return None;
        }
        std::iter::from_fn(|| self.behind.next()).find(|job| !job.is_given_up())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nobody waits for room that never comes.
        self.shared.room.close();
    }
}

/// Jobs that are done in one transaction.
#[derive(Default)]
struct Batch {
    /// Whether it has begun, if anything was to be done.
    begun: Option<Result<(), StoreError>>,
    replies: Vec<Reply>,
    /// The agents it is done for.
    agents: Vec<String>,
    /// What it took beside their own time: to begin and to end it.
    besides: Duration,
}

impl Batch {
    /// Does a job; for whom, and what that took, if an agent called for it.
    fn work(&mut self, desk: &mut Desk, job: Job) -> Option<(String, Duration)> {
        let begins = Instant::now();
        let begun = self.begun.get_or_insert_with(|| execute(&desk.connection, "BEGIN IMMEDIATE")).clone();
        let starts = Instant::now();
        self.besides += starts - begins;
        let reply = (job.work)(begun.map(|()| &desk.connection));
        let ends = Instant::now();
        self.replies.push(reply);
        let Some(caller) = job.caller else {
            desk.note(ends);
            return None;
        };
        desk.charge(&caller.agent, ends - starts, ends);
        self.agents.push(caller.agent.clone());
        Some((caller.agent, ends - starts))
    }

    /// Gives whom to tell what became of it, and what each had of the time that it took to begin and to end.
    fn end(self, desk: &mut Desk) -> (Vec<Reply>, Result<(), StoreError>, Duration) {
        let Some(begun) = self.begun else { return (Vec::new(), Ok(()), Duration::ZERO) };
        let ends = Instant::now();
        let committed = begun.and_then(|()| execute(&desk.connection, "COMMIT"));
        if committed.is_err() && !desk.connection.is_autocommit() {
            // Nothing to be done about a rollback that fails: the next BEGIN says so.
            let _ = execute(&desk.connection, "ROLLBACK");
        }
        let now = Instant::now();
        let jobs = u32::try_from(self.replies.len()).unwrap_or(u32::MAX).max(1);
        let each = (self.besides + (now - ends)) / jobs;
        self.agents.iter().for_each(|agent| desk.charge(agent, each, now));
        (self.replies, committed, each)
    }
}

fn execute(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement).and_then(|mut statement| statement.execute([])).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
