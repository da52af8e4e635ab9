//! One host at a time in a data folder, and one host at a time for an installation.

use crate::config::Token;
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// What is read of a lock file, in bytes.
const MAX_WORDS: u64 = 8 << 10;
/// The longest process id and the longest folder that are told, in bytes.
const MAX_PROCESS: usize = 20;
const MAX_FOLDER: usize = 1_000;

/// Held while a host works in its folder. The system frees it with the process, however that ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Held while a host serves an installation, where the hosts of this user see each other, whatever their data folders:
/// two with one token would take the connection from each other for ever. The system frees it with the process.
#[derive(Debug)]
pub struct InstallationLock {
    _files: Vec<File>,
}

/// Who holds a lock, as it wrote itself down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub process: String,
    /// Its data folder, where it wrote that.
    pub folder: String,
}

/// Why a host cannot work here.
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
    /// Another host has the token.
    #[error(
        "another sophon-host (process {}) serves {installation} from {}; stop it, or pair this one for itself with \
         `sophon-host pair`",
        .holder.process, .holder.folder
    )]
    Served {
        /// Who both would be.
        installation: String,
        /// Who it is.
        holder: Holder,
    },
    /// The folder or the lock file.
    #[error("cannot use {folder}: {source}")]
    Io {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl DataLock {
    /// Takes the folder, making it if it is not there.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        match take(&file_in(folder), &std::process::id().to_string()) {
            Ok(Ok(file)) => Ok(Self { _file: file }),
            Ok(Err(holder)) => Err(LockError::Held { folder: folder.to_owned(), holder: holder.process }),
            Err(source) => Err(LockError::Io { folder: folder.to_owned(), source }),
        }
    }

    /// The process that works in a folder, as it wrote itself down. Takes nothing and makes nothing.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub fn holder(folder: &Path) -> io::Result<Option<String>> {
        Ok(holder(&file_in(folder))?.map(|holder| holder.process))
    }
}

impl InstallationLock {
    /// Takes the installation of a token in all of `places` that can be used: another host may see only some of them.
    /// A host without any works all the same.
    ///
    /// # Errors
    /// [`LockError::Served`] names the host that has it.
    pub fn take(places: &[PathBuf], token: &Token, data_dir: &Path) -> Result<Self, LockError> {
        let folder = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
        let words = format!("{}\n{}", std::process::id(), folder.display());
        let mut files = Vec::new();
        for place in places {
            match take(&file_of(place, token), &words) {
                Ok(Ok(file)) => files.push(file),
                Ok(Err(holder)) => {
                    return Err(LockError::Served { installation: token.installation().to_owned(), holder });
                }
                Err(error) => tracing::debug!("hosts cannot see each other in {}: {error}", place.display()),
            }
        }
        if files.is_empty() {
            tracing::debug!("another host with this token would not be noticed: there is no place to tell each other");
        }
        Ok(Self { _files: files })
    }

    /// The host that serves the installation of a token. Takes nothing and makes nothing.
    pub fn holder(places: &[PathBuf], token: &Token) -> Option<Holder> {
        // A place that cannot be looked at is one that no host could use either.
        places.iter().find_map(|place| holder(&file_of(place, token)).ok().flatten())
    }
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// The lock file of an installation. Its name tells nothing of the token, not even whose it is.
fn file_of(place: &Path, token: &Token) -> PathBuf {
    let digest = Sha256::digest(format!("sophon-host installation {}", token.installation()));
    place.join(format!("{}.lock", crate::text::hex(&digest[..8])))
}

/// Takes a lock file and writes `words` into it, making it and its folder if they are not there; else its holder.
fn take(path: &Path, words: &str) -> io::Result<Result<File, Holder>> {
    crate::private::folder(path.parent().unwrap_or(Path::new("")))?;
    crate::private::file(path)?;
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Err(written(file))),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{words}")?;
    Ok(Ok(file))
}

fn holder(path: &Path) -> io::Result<Option<Holder>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(written(file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn written(file: File) -> Holder {
    let mut words = Vec::new();
    // Who holds it is a courtesy; that it is held is the point.
    let _ = file.take(MAX_WORDS).read_to_end(&mut words);
    let words = String::from_utf8_lossy(&words);
    let (process, folder) = words.split_once('\n').unwrap_or((&words, ""));
    let told = |text: &str, most| match text.trim() {
        "" => "unknown".to_owned(),
        text => crate::text::line(text, most),
    };
    Holder { process: told(process, MAX_PROCESS), folder: told(folder, MAX_FOLDER) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn token(id: &str) -> Token {
        Token::parse(&format!("inst_{id}:s_test_secret0123456789"), "a test").expect("a token")
    }

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

    #[test]
    fn the_second_host_with_a_token_is_told_who_has_it_in_whichever_place_they_meet() {
        let (home, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let both = [home.path().join("run"), home.path().join("state")];
        let (one, other) = (token("1"), token("2"));
        let first = InstallationLock::take(&both, &one, data.path()).expect("free");
        let mode = std::fs::metadata(&both[0]).expect("made").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
        for places in [&both[..1], &both[1..], &both] {
            let error = InstallationLock::take(places, &one, home.path()).expect_err("held").to_string();
            for part in [&std::process::id().to_string(), data.path().to_str().expect("text"), "inst_1", "pair"] {
                assert!(error.contains(part), "{part} is not in: {error}");
            }
            assert!(InstallationLock::holder(places, &one).is_some());
        }
        InstallationLock::take(&both, &other, home.path()).expect("another token is another lock");
        let names = std::fs::read_dir(&both[0]).expect("read").map(|file| file.expect("a file").file_name());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("inst")), "a name tells the token");
        drop(first);
        assert_eq!(InstallationLock::holder(&both, &one), None, "what a dead process wrote is no lock");
        InstallationLock::take(&both, &one, home.path()).expect("free again");
    }

    #[test]
    fn without_a_place_that_can_be_used_a_host_goes_on_without() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").expect("written");
        for places in [vec![], vec![file.join("run")]] {
            for _ in 0..2 {
                InstallationLock::take(&places, &token("1"), folder.path()).expect("nobody is there");
            }
            assert_eq!(InstallationLock::holder(&places, &token("1")), None);
        }
    }

    #[test]
    fn what_a_lock_file_says_is_bounded_and_escaped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let _held = take(&path, &format!("1\u{1b}[2J\n/x\u{202e}{}", "y".repeat(20_000))).expect("made").expect("free");
        let holder = holder(&path).expect("looked at").expect("held");
        let told = format!("{}{}", holder.process, holder.folder);
        assert!(told.len() < 1_100 && !told.contains(['\u{1b}', '\u{202e}']), "{told}");
    }
}
