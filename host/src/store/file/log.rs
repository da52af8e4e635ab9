//! The log of what is not in the file yet, and the thread that brings it there.
//!
//! That takes long, as it waits for the disk. It has a connection of its own, so that nobody else waits.

use super::{Shared, StoreError};
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{PoisonError, Weak};

/// Jobs between two times.
const DUE: usize = 1_000;
/// What SQLite writes at once, in bytes: a page.
const PAGE: usize = 4 << 10;
/// A log of more pages is begun anew, for which nobody may write meanwhile: for a moment, as all but its end is in the
/// file by then. A shorter one is begun anew when nobody happened to write.
const LONG: i64 = 2_048;

/// How much was written since it was brought into the file.
pub(super) struct Log {
    jobs: AtomicUsize,
    /// Whether it is due, or being done.
    is_due: AtomicBool,
    due: SyncSender<()>,
}

impl Log {
    /// With what tells its thread, if it gets one.
    pub(super) fn new() -> (Self, Receiver<()>) {
        let (due, told) = sync_channel(1);
        (Self { jobs: AtomicUsize::new(0), is_due: AtomicBool::new(false), due }, told)
    }

    /// Counts jobs that were done.
    pub(super) fn note(&self, jobs: usize) {
        let is_due = self.jobs.fetch_add(jobs, Ordering::Relaxed) + jobs >= DUE;
        let is_first = is_due && !self.is_due.swap(true, Ordering::AcqRel);
        if is_first && self.due.try_send(()).is_err() {
            // What is in memory alone has no thread.
            self.done();
        }
    }

    /// It is in the file, but for what came meanwhile: the next time is as far off as ever.
    fn done(&self) {
        self.jobs.store(0, Ordering::Relaxed);
        self.is_due.store(false, Ordering::Release);
    }

    /// Counts a job that writes so many bytes as what it weighs.
    pub(super) fn weigh(&self, bytes: usize) {
        self.note(bytes / PAGE);
    }

    /// Whether the thread is at it. What gives way waits for that, so that it cannot write faster than the disk takes it.
    pub(super) fn is_due(&self) -> bool {
        self.is_due.load(Ordering::Acquire)
    }
}

/// Brings the log into the file whenever that is due, as long as the store is there.
pub(super) fn keep(connection: &Connection, due: &Receiver<()>, store: &Weak<Shared>) {
    while due.recv().is_ok() {
        // What fails leaves the log longer; the next tries again, and so does the next start.
        let pages = into_file(connection);
        let Some(shared) = store.upgrade() else { return };
        if pages.is_ok_and(|pages| pages > LONG) {
            let _desk = shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = into_file(connection);
        }
        shared.log.done();
    }
}

/// Gives the log's length, in pages.
fn into_file(connection: &Connection) -> Result<i64, StoreError> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1)).map_err(super::failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open::again;
    use crate::store::{Durability, Store};
    use std::sync::Arc;

    #[tokio::test]
    async fn a_log_that_is_in_the_file_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let store = Store::open(&file, Durability::Process).expect("opens");
        let connection = again(&file, Durability::Process).expect("opens");
        let write = || store.run(|connection| connection.execute_batch("DROP TABLE IF EXISTS t; CREATE TABLE t (x)"));
        for _ in 0..100 {
            write().await.expect("written");
        }
        let long = into_file(&connection).expect("brought");
        write().await.expect("written");
        let short = into_file(&connection).expect("brought");
        assert!(long > 100 && short < 10, "{long} pages, then {short}");
    }

    #[tokio::test]
    async fn its_thread_tells_when_it_is_done_and_ends_with_the_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let store = Store::open(&file, Durability::Process).expect("opens");
        let (other, worker, due) = Store::new(again(&file, Durability::Process).expect("opens"), Durability::Process);
        other.weigh(64 << 20);
        assert!(other.shared.log.is_due());
        let (shared, connection) = (Arc::downgrade(&other.shared), again(&file, Durability::Process).expect("opens"));
        let thread = crate::tasks::thread("log", move || keep(&connection, &due, &shared)).expect("a thread");
        while other.shared.log.is_due() {
            tokio::task::yield_now().await;
        }
        drop((other, worker, store));
        thread.join().expect("it ended");
    }

    /// Before 3.51.3 SQLite could spoil a file that is written while another connection brings its log over.
    #[test]
    fn this_sqlite_may_be_asked_for_that() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }

    #[test]
    fn what_has_no_thread_is_never_due() {
        let (log, due) = Log::new();
        drop(due);
        log.weigh(64 << 20);
        assert!(!log.is_due());
    }
}
