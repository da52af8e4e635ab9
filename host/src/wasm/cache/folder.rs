//! A folder of code: its owner's alone, and read and written so that no link leads elsewhere.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is half written ends like this.
const FRESH: &str = ".new";

/// The folder, open: everything is done below it, wherever its path leads by now.
pub(super) struct Folder(OwnedFd);

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    /// When it was last used, in milliseconds since 1970.
    pub(super) used: u64,
}

impl Entry {
    /// Whether it is what a process was writing.
    pub(super) fn is_fresh(&self) -> bool {
        self.name.ends_with(FRESH)
    }
}

impl Folder {
    /// Opens it; makes it where it is not there.
    ///
    /// # Errors
    /// When it is a link or another user's, or cannot be made.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        crate::private::folder(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&folder)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("the folder belongs to another user"));
        }
        if stat.st_mode & 0o077 != 0 {
            rustix::fs::fchmod(&folder, Mode::RWXU)?;
        }
        Ok(Self(folder))
    }

    /// Reads a file of at most so many bytes, whole. Nothing where there is none.
    ///
    /// # Errors
    /// When it is not a private file of this user alone, too large, or cannot be read.
    pub(super) fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        // Without waiting: a pipe would hold the thread for good.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            file => File::from(file?),
        };
        let about = file.metadata()?;
        let is_ours = about.uid() == rustix::process::geteuid().as_raw() && about.nlink() == 1;
        if !about.is_file() || !is_ours || about.mode() & 0o077 != 0 {
            return Err(io::Error::other("it is not a private file of this user"));
        }
        if about.len() > most {
            return Err(io::Error::other("it is too large"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1);
        file.take(about.len()).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts a file in the place of what has this name: written whole, then renamed.
    ///
    /// # Errors
    /// When it cannot be written. Nothing of it stays.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let fresh = format!("{name}.{}-{number}{FRESH}", std::process::id());
        let written = self.make(&fresh, parts, false);
        let placed = written.and_then(|()| Ok(rustix::fs::renameat(&self.0, &fresh, &self.0, name)?));
        if placed.is_err() {
            self.remove(&fresh);
        }
        placed
    }

    /// Makes a file that must not be there.
    ///
    /// # Errors
    /// When it is, or cannot be written.
    pub(super) fn make(&self, name: &str, parts: &[&[u8]], lasting: bool) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?);
        for part in parts {
            file.write_all(part)?;
        }
        if lasting { file.sync_all() } else { Ok(()) }
    }

    /// Notes that a file was used. One that cannot be noted goes earlier.
    pub(super) fn touch(&self, name: &str) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let same = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access: same, last_modification: now };
        if let Err(error) = rustix::fs::utimensat(&self.0, name, &times, AtFlags::SYMLINK_NOFOLLOW) {
            tracing::debug!("cannot note that compiled code was used: {error}");
        }
    }

    /// Removes what has this name, if that can be.
    pub(super) fn remove(&self, name: &str) {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => tracing::debug!("cannot remove {name} from among compiled code: {error}"),
        }
    }

    /// All files.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            // One that another process has just removed.
            let Ok(stat) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                let millis = stat.st_mtime.saturating_mul(1_000);
                let used = u64::try_from(millis).unwrap_or(0).saturating_add(stat.st_mtime_nsec / 1_000_000);
                let size = u64::try_from(stat.st_size).unwrap_or(0);
                entries.push(Entry { name: name.to_owned(), size, used });
            }
        }
        Ok(entries)
    }
}
