//! An agent's own work folder: `work/AGENT/SESSION/` of the data folder, where its programs run.
//!
//! One a session, so that chats do not find each other's files. A session's name comes from outside, so the folder's is a
//! digest of it.

use crate::config::AgentName;
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Component, Path, PathBuf};

/// The most that all work folders of one agent hold, in bytes on the disk, and the most files and folders in them.
const MAX_BYTES: u64 = 256 << 20;
const MAX_ENTRIES: u64 = 100_000;

/// Where one session of an agent works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkFolder {
    agent: PathBuf,
    here: PathBuf,
}

/// Why a work folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    /// There is too much in them.
    #[error(
        "the agent's work folders hold more than {MAX_BYTES} bytes or {MAX_ENTRIES} files; delete what is not needed \
         below {0}"
    )]
    Full(PathBuf),
    /// The system says so.
    #[error("the agent's work folder cannot be used: {0}")]
    Io(#[from] io::Error),
}

impl WorkFolder {
    /// The folder of a session.
    pub(crate) fn new(data_dir: &Path, agent: &AgentName, session: &str) -> Self {
        let digest = Sha256::digest(session);
        let name = crate::text::hex(&digest[..16]);
        let agent = data_dir.join("work").join(agent.as_str());
        Self { here: agent.join(name), agent }
    }

    /// Makes the folder, with one for temporary files, and says where it really is. Blocks.
    ///
    /// # Errors
    /// When it cannot be made, or its agent's folders are full.
    pub(crate) fn open(&self) -> Result<PathBuf, WorkError> {
        crate::private::folder(&self.here.join("tmp"))?;
        let mut room = (MAX_BYTES, MAX_ENTRIES);
        if !fits(&self.agent, &mut room)? {
            return Err(WorkError::Full(self.agent.clone()));
        }
        Ok(self.here.canonicalize()?)
    }
}

/// A folder below `work`, from how an agent names it.
///
/// # Errors
/// What is wrong with the name. What the folder's links lead to is not looked at: nobody may do anything there that they
/// may not do from here.
pub(crate) fn below(work: &Path, named: Option<&str>) -> Result<PathBuf, String> {
    let named = Path::new(named.unwrap_or("."));
    let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !named.components().all(plain) {
        let shown = crate::text::line(&named.to_string_lossy(), 200);
        return Err(format!("`{shown}` is not a folder in the work folder: it has no / before it and no .. in it"));
    }
    let folder = work.join(named);
    match folder.canonicalize() {
        Ok(real) if real.starts_with(work) && real.is_dir() => Ok(real),
        _ => {
            Err(format!("there is no folder `{}` in the work folder", crate::text::line(&named.to_string_lossy(), 200)))
        }
    }
}

/// Whether what is below a folder fits, and takes it off what is left. Links are counted, not followed.
fn fits(folder: &Path, room: &mut (u64, u64)) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Somebody deleted it in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let (Some(bytes), Some(entries)) = (room.0.checked_sub(metadata.blocks() * 512), room.1.checked_sub(1))
            else {
                return Ok(false);
            };
            *room = (bytes, entries);
            if metadata.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn folder(data: &Path, session: &str) -> WorkFolder {
        WorkFolder::new(data, &"probe".to_owned().try_into().expect("a name"), session)
    }

    #[test]
    fn each_session_works_for_itself_wherever_its_name_leads() {
        let data = tempfile::tempdir().expect("a folder");
        let one = folder(data.path(), "../../etc").open().expect("made");
        let other = folder(data.path(), "ses_2").open().expect("made");
        assert!(one != other && one.starts_with(data.path().canonicalize().expect("there").join("work/probe")));
        let mode = one.metadata().expect("there").permissions().mode();
        assert_eq!((mode & 0o777, one.join("tmp").is_dir()), (0o700, true));
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let data = tempfile::tempdir().expect("a folder");
        let work = folder(data.path(), "s").open().expect("made");
        std::fs::create_dir_all(work.join("a/b")).expect("made");
        symlink("/etc", work.join("etc")).expect("linked");
        symlink("a", work.join("link")).expect("linked");
        std::fs::write(work.join("file"), "x").expect("written");
        assert_eq!(below(&work, None), Ok(work.clone()));
        assert_eq!(below(&work, Some("./a/b")), Ok(work.join("a/b")));
        assert_eq!(below(&work, Some("link/b")), Ok(work.join("a/b")));
        for wrong in ["/etc", "..", "a/../..", "etc", "etc/ssl", "file", "missing", "a\0b"] {
            assert!(below(&work, Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_full_folder_is_told() {
        let data = tempfile::tempdir().expect("a folder");
        let work = folder(data.path(), "s");
        let here = work.open().expect("made");
        std::fs::write(here.join("file"), vec![1; 100_000]).expect("written");
        symlink("/usr", here.join("usr")).expect("linked");
        // A file of 100 KB, and a few folders that take a block each.
        assert!(fits(&work.agent, &mut (200_000, 10)).expect("looked"));
        assert!(!fits(&work.agent, &mut (90_000, 10)).expect("looked"));
        assert!(!fits(&work.agent, &mut (200_000, 2)).expect("looked"));
    }
}
