//! A handle to the store, and the one thread that works on its file.
//!
//! Jobs that wait together share a transaction, so a burst costs one commit.

use super::open::{Durability, open};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; then callers do.
const QUEUE: usize = 1_024;
/// Jobs of one transaction.
const BATCH: usize = 128;

/// A handle to the store. Cheap to clone; the file closes with the last one.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
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
        let connection = open(file, durability)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let failed = |error: std::io::Error| StoreError::Open { file: file.to_owned(), reason: error.to_string() };
        crate::tasks::thread("store", move || work(connection, queue)).map_err(failed)?;
        Ok(Self { jobs })
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
        // When the thread is gone the job is dropped, and its receipt says so.
        let _ = self.jobs.send(job).await;
        receipt
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

fn work(connection: Connection, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
        let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(failed);
        let within = begun.as_ref().map(|()| &connection).map_err(Clone::clone);
        let replies: Vec<Reply> = jobs.drain(..).map(|job| job(within.clone())).collect();
        let committed = begun.and_then(|()| connection.execute_batch("COMMIT").map_err(failed));
        if committed.is_err() && !connection.is_autocommit() {
            // Nothing to be done about a rollback that fails: the next BEGIN says so.
            let _ = connection.execute_batch("ROLLBACK");
        }
        replies.into_iter().for_each(|reply| reply(committed.clone()));
    }
}

#[cfg(test)]
mod tests;
