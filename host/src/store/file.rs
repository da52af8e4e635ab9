//! A handle to the store, and the thread that works on its file.
//!
//! Jobs that wait together share a transaction, so a burst costs one commit. A job that a request waits for is done on
//! the spot when nothing is to be done before it: waking the thread and being woken by it costs more than a commit.

use super::open::{Durability, in_memory, open};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; then callers do.
const QUEUE: usize = 1_024;
/// Jobs of one transaction.
const BATCH: usize = 128;
/// Jobs between two checkpoints, which bring the log into the file and wait for the disk: the thread's work, not that of
/// whoever happens to commit.
const CHECKPOINT: usize = 1_000;
/// What SQLite writes at once, in bytes.
const PAGE: usize = 4 << 10;

/// A handle to the store. Cheap to clone; the file closes with the last one.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

struct Shared {
    connection: Mutex<Connection>,
    /// Jobs that are queued and not committed.
    queued: AtomicUsize,
    /// Jobs since the last checkpoint.
    since_checkpoint: AtomicUsize,
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
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Reply + Send>;

/// The outcome of a job that is queued. Jobs are done in the order they were queued.
pub type Receipt<T> = oneshot::Receiver<Result<T, StoreError>>;

impl Store {
    /// Opens the store, making or upgrading its file. Blocks for a moment.
    ///
    /// # Errors
    /// When the file cannot be opened, is damaged, is another program's, or is newer than this program.
    pub fn open(file: &Path, durability: Durability) -> Result<Self, StoreError> {
        Self::on(open(file, durability)?, file, durability)
    }

    /// A store that is in no file, and is gone with its last handle.
    ///
    /// # Errors
    /// When there is no memory, or no thread.
    pub fn scratch() -> Result<Self, StoreError> {
        Self::on(in_memory()?, Path::new("memory"), Durability::Process)
    }

    fn on(connection: Connection, file: &Path, durability: Durability) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            connection: Mutex::new(connection),
            queued: AtomicUsize::new(0),
            since_checkpoint: AtomicUsize::new(0),
            waits_for_disk: durability == Durability::Machine,
        });
        let (jobs, queue) = mpsc::channel(QUEUE);
        let failed = |error: std::io::Error| StoreError::Open { file: file.to_owned(), reason: error.to_string() };
        let worker = shared.clone();
        crate::tasks::thread("store", move || work(&worker, queue)).map_err(failed)?;
        Ok(Self { jobs, shared })
    }

    /// Queues a job; waits while too many do. The receipt comes after the commit.
    pub(super) async fn queue<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Receipt<T> {
        let (sender, receipt) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let done = connection.and_then(|connection| job(connection).map_err(failed));
            // A caller that is gone does not want to know.
            Box::new(move |committed| drop(sender.send(committed.and(done))))
        });
        let Ok(place) = self.jobs.reserve().await else { return receipt };
        // Counted before it can be done.
        self.shared.queued.fetch_add(1, Ordering::AcqRel);
        place.send(job);
        receipt
    }

    /// Does one statement here and now, if all that was queued before is done, and nobody would wait for a thread that
    /// steps back; else like [`Store::run`].
    pub(super) async fn run_now<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if !self.shared.waits_for_disk
            && !crate::tasks::steps_back()
            && self.shared.queued.load(Ordering::Acquire) == 0
            // The thread is to make a checkpoint, however few jobs come its way.
            && self.shared.since_checkpoint.load(Ordering::Relaxed) < CHECKPOINT
            && let Ok(connection) = self.shared.connection.try_lock()
        {
            self.shared.since_checkpoint.fetch_add(1, Ordering::Relaxed);
            return statement(&connection).map_err(failed);
        }
        self.run(statement).await
    }

    /// Counts what a job is going to write by its size, so that large ones bring the next checkpoint sooner.
    pub(super) fn weigh(&self, bytes: usize) {
        self.shared.since_checkpoint.fetch_add(bytes / PAGE, Ordering::Relaxed);
    }

    /// Queues a job and waits for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.queue(job).await.await.unwrap_or(Err(StoreError::Closed))
    }
}

fn failed(error: rusqlite::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn work(shared: &Shared, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    loop {
        let count = queue.blocking_recv_many(&mut jobs, BATCH);
        if count == 0 {
            return;
        }
        let connection = shared.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let (replies, committed) = batch(&connection, &mut jobs);
        if shared.since_checkpoint.fetch_add(count, Ordering::Relaxed) + count >= CHECKPOINT {
            shared.since_checkpoint.store(0, Ordering::Relaxed);
            // One that fails leaves the log longer; the next tries again, and so does the next start.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        drop(connection);
        shared.queued.fetch_sub(count, Ordering::AcqRel);
        replies.into_iter().for_each(|reply| reply(committed.clone()));
    }
}

/// Does jobs in one transaction; gives whom to tell what became of it.
fn batch(connection: &Connection, jobs: &mut Vec<Job>) -> (Vec<Reply>, Result<(), StoreError>) {
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let within = begun.as_ref().map(|()| connection).map_err(Clone::clone);
    let replies: Vec<Reply> = jobs.drain(..).map(|job| job(within.clone())).collect();
    let committed = begun.and_then(|()| execute(connection, "COMMIT"));
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing to be done about a rollback that fails: the next BEGIN says so.
        let _ = execute(connection, "ROLLBACK");
    }
    (replies, committed)
}

fn execute(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement).and_then(|mut statement| statement.execute([])).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
