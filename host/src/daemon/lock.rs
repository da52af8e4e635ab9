//! One host at a time in a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Held while a host works in its folder. The system frees it with the process, however that ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another host is there.
    #[error("another sophon-host (process {holder}) works in {folder}; stop it, or use another `--data-dir`")]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// Its process id, as it wrote it.
        holder: String,
    },
    /// The folder or the lock file.
    #[error("cannot use {folder}: {source}")]
    Io {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DataLock {
    /// Takes the folder, making it if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { folder: folder.to_owned(), source };
        crate::private::folder(folder).map_err(io)?;
        let path = folder.join("lock");
        crate::private::file(&path).map_err(io)?;
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = written(&mut file);
                return Err(LockError::Held { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }

    /// The process that works in a folder, as it wrote itself down. Takes nothing and makes nothing.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub fn holder(folder: &Path) -> std::io::Result<Option<String>> {
        let mut file = match File::open(folder.join("lock")) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(written(&mut file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn written(file: &mut File) -> String {
    let mut holder = String::new();
    // Who holds it is a courtesy; that it is held is the point.
    let _ = file.take(20).read_to_string(&mut holder);
    crate::text::line(holder.trim(), 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_host_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = DataLock::take(folder.path()).expect("free");
        let error = DataLock::take(folder.path()).expect_err("held").to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        let holder = DataLock::holder(folder.path()).expect("looked at");
        assert_eq!(holder, Some(std::process::id().to_string()));
        drop(first);
        assert_eq!(DataLock::holder(folder.path()).expect("looked at"), None);
        DataLock::take(folder.path()).expect("free again");
    }
}
