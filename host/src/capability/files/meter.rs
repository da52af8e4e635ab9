//! How much may still be written to a folder.
//!
//! What is to be written is counted before it is, more of it rather than less: whole blocks. What the folder really holds is
//! measured only now and then, as that means looking at all of it: when the count says that it is full, or is old. So what
//! was deleted makes room again, and what programs wrote is seen, within seconds.

use super::work;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// What disks give room in, in bytes.
const BLOCK: u64 = 4 << 10;
/// How long a measurement is believed.
const BELIEVED: Duration = Duration::from_secs(10);
/// The least time between two measurements. Who writes to a full folder waits for the next one.
const BETWEEN: Duration = Duration::from_secs(1);
/// Files that are written to are looked through when there are so many, to forget those that are closed.
const CROWD: usize = 1_024;

/// Bytes, and files and folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Amount {
    pub(super) bytes: u64,
    pub(super) entries: u64,
}

/// What may still be written to a folder, by all who do.
#[derive(Debug)]
pub struct Meter {
    /// What is measured. None where what is written counts and nothing makes room again.
    folder: Option<PathBuf>,
    count: Mutex<Count>,
    /// One looks at a time.
    looking: tokio::sync::Mutex<()>,
    /// Files that are written to: who deletes one and keeps it open keeps its blocks.
    files: Mutex<Vec<Weak<File>>>,
}

#[derive(Debug, Default)]
struct Count {
    /// What was there when it was last measured.
    measured: Amount,
    at: Option<Instant>,
    /// What was written since then.
    written: Amount,
    /// What is being written.
    writing: Amount,
}

/// Room for what is about to be written. When it is dropped that counts as written.
#[derive(Debug)]
pub struct Room {
    meter: Arc<Meter>,
    amount: Amount,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.entries = self.entries.saturating_add(other.entries);
    }

    fn sub(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_sub(other.bytes);
        self.entries = self.entries.saturating_sub(other.entries);
    }
}

impl Count {
    /// Whether so much more fits; then it is being written.
    fn take(&mut self, amount: Amount) -> bool {
        let mut all = self.measured;
        [self.written, self.writing, amount].into_iter().for_each(|more| all.add(more));
        let fits = all.bytes <= work::MAX.bytes && all.entries <= work::MAX.entries;
        if fits {
            self.writing.add(amount);
        }
        fits
    }
}

impl Meter {
    /// Of an agent's work folders, all in one.
    pub(super) fn of_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::of_a_turn() }
    }

    /// Of what one turn writes elsewhere.
    pub(in super::super) fn of_a_turn() -> Self {
        Self { folder: None, count: Mutex::default(), looking: tokio::sync::Mutex::default(), files: Mutex::default() }
    }

    /// Room for so many bytes in a file from `offset` on.
    ///
    /// # Errors
    /// `ENOSPC` where there is none.
    pub async fn bytes(self: &Arc<Self>, offset: u64, bytes: u64) -> io::Result<Room> {
        let blocks = |end: u64| end.div_ceil(BLOCK).saturating_sub(offset / BLOCK).saturating_mul(BLOCK);
        let bytes = match self.folder {
            Some(_) if bytes > 0 => blocks(offset.saturating_add(bytes)),
            _ => bytes,
        };
        self.room(Amount { bytes, entries: 0 }).await
    }

    /// Room for one more file, folder or link.
    ///
    /// # Errors
    /// `ENOSPC` where there is none.
    pub async fn entry(self: &Arc<Self>) -> io::Result<Room> {
        self.room(Amount { bytes: BLOCK, entries: 1 }).await
    }

    /// A file is open and will be written to.
    pub fn watch(&self, file: &Arc<File>) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= CROWD {
            files.retain(|file| file.strong_count() > 0);
        }
        files.push(Arc::downgrade(file));
    }

    async fn room(self: &Arc<Self>, amount: Amount) -> io::Result<Room> {
        let room = || Room { meter: self.clone(), amount };
        if self.take(amount, false) {
            return Ok(room());
        }
        let Some(folder) = &self.folder else { return Err(Errno::NOSPC.into()) };
        let _looking = self.looking.lock().await;
        // Somebody may just have looked.
        if self.take(amount, false) {
            return Ok(room());
        }
        if let Some(last) = self.at() {
            tokio::time::sleep_until(last + BETWEEN).await;
        }
        self.measure(folder.clone()).await?;
        if self.take(amount, true) { Ok(room()) } else { Err(Errno::NOSPC.into()) }
    }

    fn at(&self) -> Option<Instant> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// Takes what fits by the count, unless that is too old, and this is not what was just measured.
    fn take(&self, amount: Amount, is_fresh: bool) -> bool {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = is_fresh || self.folder.is_none() || count.at.is_some_and(|at| at.elapsed() < BELIEVED);
        believed && count.take(amount)
    }

    async fn measure(self: &Arc<Self>, folder: PathBuf) -> io::Result<()> {
        let before = self.count.lock().unwrap_or_else(PoisonError::into_inner).written;
        let meter = self.clone();
        let measured = crate::tasks::blocking(move || {
            let mut all = work::measure(&folder)?;
            all.bytes = all.bytes.saturating_add(meter.deleted());
            io::Result::Ok(all)
        });
        let measured = measured.await?;
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        // What was written meanwhile may have been seen or not.
        count.written.sub(before);
        (count.measured, count.at) = (measured, Some(Instant::now()));
        Ok(())
    }

    /// The bytes of files that have no name any more, and are open.
    fn deleted(&self) -> u64 {
        let files: Vec<_> = self.files.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let open = files.iter().filter_map(Weak::upgrade).filter_map(|file| file.metadata().ok());
        open.filter(|about| about.nlink() == 0).map(|about| about.blocks().saturating_mul(512)).sum()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut count = self.meter.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.writing.sub(self.amount);
        count.written.add(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn meter(folder: &tempfile::TempDir) -> Arc<Meter> {
        Arc::new(Meter::of_folder(folder.path().to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_counts_until_the_folder_is_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        let meter = meter(&folder);
        // All that fits; nothing of it is really written.
        drop(meter.bytes(0, 255 * MIB).await.expect("room"));
        let began = Instant::now();
        drop(meter.bytes(0, 2 * MIB).await.expect("the folder was found empty"));
        assert!(began.elapsed() >= BETWEEN, "it is not measured at once");
        let held = meter.bytes(0, 255 * MIB).await.expect("room after a look");
        let refused = meter.bytes(0, 2 * MIB).await.expect_err("what is being written counts after a look");
        assert_eq!(Errno::from_io_error(&refused), Some(Errno::NOSPC));
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_wrote_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let meter = meter(&folder);
        drop(meter.bytes(0, 1).await.expect("room"));
        std::fs::write(folder.path().join("large"), vec![1; 3 << 20]).expect("written");
        tokio::time::sleep(BELIEVED).await;
        assert!(meter.bytes(0, 254 * MIB).await.is_err(), "a file of 3 MiB is there");
        std::fs::remove_file(folder.path().join("large")).expect("deleted");
        assert!(meter.bytes(0, 254 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_file_that_is_open_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let (meter, path) = (meter(&folder), folder.path().join("large"));
        std::fs::write(&path, vec![1; 3 << 20]).expect("written");
        let file = Arc::new(File::open(&path).expect("opened"));
        meter.watch(&file);
        std::fs::remove_file(&path).expect("deleted");
        assert!(meter.bytes(0, 254 * MIB).await.is_err());
        drop(file);
        assert!(meter.bytes(0, 254 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_elsewhere_is_bounded_for_good() {
        let meter = Arc::new(Meter::of_a_turn());
        drop(meter.bytes(0, 255 * MIB).await.expect("room"));
        assert!(meter.bytes(0, 2 * MIB).await.is_err());
        assert!(meter.bytes(0, MIB).await.is_ok());
        let meter = Arc::new(Meter::of_a_turn());
        for _ in 0..256 * MIB / BLOCK {
            drop(meter.entry().await.expect("room"));
        }
        assert!(meter.entry().await.is_err());
    }

    #[test]
    fn whole_blocks_are_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        for (offset, bytes, counted) in [(0, 1, BLOCK), (4_095, 2, 2 * BLOCK), (4_096, 4_096, BLOCK), (5, 0, 0)] {
            let room = runtime.block_on(meter(&folder).bytes(offset, bytes)).expect("room");
            assert_eq!(room.amount.bytes, counted, "{bytes} from {offset}");
        }
    }
}
