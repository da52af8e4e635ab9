//! A handle to the store, and the thread that works on its file.
//!
//! Jobs that wait together share a transaction, so a burst costs one commit. A job that a request waits for is done on
//! the spot when nothing is to be done before it: waking the thread and being woken by it costs more than a commit.

mod desk;
mod log;
mod worker;

use super::open::{Durability, again, in_memory, open};
use super::state::Drawer;
use desk::Desk;
use log::Log;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};
use worker::Worker;

/// Jobs that may wait; then callers do.
const QUEUE: usize = 1_024;
/// What an agent keeps above this is written by the store's thread, in bytes: copying it is too long for one on which
/// others wait.
pub(super) const SMALL: usize = 4 << 10;

/// A handle to the store. Cheap to clone; the file closes with the last one.
#[derive(Clone)]
pub struct Store {
    jobs: SyncSender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    desk: Mutex<Desk>,
    /// Places in the queue: all of [`QUEUE`], less those of jobs that are not committed.
    room: Semaphore,
    log: Log,
    /// A commit waits for the disk: too long for a thread on which others wait.
    waits_for_disk: bool,
}

/// Why the store could not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder.
    #[error("cannot open {file}: {reason}")]
    Open {
        /// The store's file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A newer host wrote it.
    #[error("{file} was written by a newer sophon-host (schema {found}, this one knows {known}); run that version")]
    Newer {
        /// The store's file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// The file is no database any more.
    #[error("{file} is damaged ({reason}); put a copy of it in its place, or move it away to begin without its chats")]
    Damaged {
        /// The store's file.
        file: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// Some other program's database.
    #[error("{file} is a database of another program; move it away, or choose another `data_dir`")]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// A statement failed: disk full, file damaged.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store has stopped.
    #[error("the store is closed")]
    Closed,
}

type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Does its work, if there is a transaction to do it in, and gives what is to be called after the commit.
type Work = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Reply + Send>;

struct Job {
    /// The agent that called for it by itself, if one did.
    caller: Option<Caller>,
    work: Work,
}

struct Caller {
    agent: String,
    /// As long as it waits.
    waits: Weak<()>,
}

impl Job {
    /// Whether its agent does not wait for it any more. Then it is not begun: it would come after what others did since.
    fn is_given_up(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.waits.strong_count() == 0)
    }
}

/// The outcome of a job that is queued. Jobs are done in the order they were queued.
pub type Receipt<T> = oneshot::Receiver<Result<T, StoreError>>;

impl Store {
    /// Opens the store, making or upgrading its file. Blocks for a moment.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, is another program's, or is newer than this program.
    pub fn open(file: &Path, durability: Durability) -> Result<Self, StoreError> {
        let (connection, other) = (open(file, durability)?, again(file, durability)?);
        let (store, worker, due) = Self::new(connection, durability);
        thread("store", file, move || worker.work())?;
        let shared = Arc::downgrade(&store.shared);
        thread("store log", file, move || log::keep(&other, &due, &shared))?;
        Ok(store)
    }

    /// A store that is in no file, and is gone with its last handle.
    ///
    /// # Errors
    /// When there is no memory, or no thread.
    pub fn scratch() -> Result<Self, StoreError> {
        // Nobody is told that its log is due: there is none.
        let (store, worker, _) = Self::new(in_memory()?, Durability::Process);
        thread("store", Path::new("memory"), move || worker.work())?;
        Ok(store)
    }

    /// With what is to be done on its threads.
    fn new(connection: Connection, durability: Durability) -> (Self, Worker, Receiver<()>) {
        let (log, due) = Log::new();
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk::new(connection, durability)),
            room: Semaphore::new(QUEUE),
            log,
            waits_for_disk: durability == Durability::Machine,
        });
        let (jobs, queue) = sync_channel(QUEUE);
        let worker = Worker::new(shared.clone(), queue);
        (Self { jobs, shared }, worker, due)
    }

    /// Queues a job; waits while too many do. The receipt comes after the commit.
    pub(super) async fn queue<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Receipt<T> {
        let (work, receipt) = work(job);
        self.push(Job { caller: None, work }).await;
        receipt
    }

    async fn push(&self, job: Job) {
        // It is closed when there is no thread any more.
        if let Ok(place) = self.shared.room.acquire().await {
            // Given back by the thread.
            place.forget();
            // That place is free, so this does not wait.
            let _ = self.jobs.send(job);
        }
    }

    /// Queues a job and waits for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(job).await.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Does one statement here and now, if all that was queued before is done, and nobody would wait for a thread that
    /// steps back; else like [`Store::run`].
    pub(super) async fn run_now<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(mut desk) = self.desk() {
            self.shared.log.note(1);
            desk.note(Instant::now());
            return statement(&desk.connection).map_err(failed);
        }
        self.run(statement).await
    }

    /// Does one statement on a drawer that its agent called for by itself, about a value of `size` bytes: like [`Store::run_now`] if that
    /// is little, and it has not used the store for more than its share of late. What its caller does not wait for any more is
    /// not begun.
    pub(super) async fn run_for<T: Send + 'static>(
        &self,
        drawer: Drawer,
        size: usize,
        statement: impl FnOnce(&Connection, &Drawer) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if size <= SMALL
            && let Some(mut desk) = self.desk()
            && !desk.is_heavy(&drawer.agent, Instant::now())
        {
            self.shared.log.note(1);
            return desk.work_for(&drawer.agent, |connection| statement(connection, &drawer)).map_err(failed);
        }
        let waits = Arc::new(());
        let caller = Caller { agent: drawer.agent.clone(), waits: Arc::downgrade(&waits) };
        let (work, receipt) = work(move |connection| statement(connection, &drawer));
        self.push(Job { caller: Some(caller), work }).await;
        let done = receipt.await.unwrap_or(Err(StoreError::Closed));
        drop(waits);
        done
    }

    /// The connection, if it can be used here and now, after all that was queued before.
    fn desk(&self) -> Option<MutexGuard<'_, Desk>> {
        let shared = &self.shared;
        let is_free = !shared.waits_for_disk && !crate::tasks::steps_back() && shared.room.available_permits() == QUEUE;
        is_free.then(|| shared.desk.try_lock().ok()).flatten()
    }

    /// Counts what a job is going to write by its size.
    pub(super) fn weigh(&self, bytes: usize) {
        self.shared.log.weigh(bytes);
    }
}

/// A job's work, with what tells what came of it.
fn work<T: Send + 'static>(
    job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> (Work, Receipt<T>) {
    let (sender, receipt) = oneshot::channel();
    let work: Work = Box::new(move |connection| {
        let done = connection.and_then(|connection| job(connection).map_err(failed));
        // A caller that is gone does not want to know.
        Box::new(move |committed| drop(sender.send(committed.and(done))))
    });
    (work, receipt)
}

/// Starts one of the threads of a store's file.
fn thread(name: &str, file: &Path, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Open { file: file.to_owned(), reason: error.to_string() };
    crate::tasks::thread(name, work).map(drop).map_err(failed)
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
