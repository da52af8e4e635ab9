//! An agent's own work folder: `work/AGENT/SESSION/` of the data folder, where its programs run, and its `/work`.
//!
//! One a session, so that chats do not find each other's files. A session's name comes from outside, so the folder's is a
//! digest of it.

use super::meter::Amount;
use super::rights;
use crate::config::AgentName;
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The most that all work folders of one agent hold, in bytes on the disk, and the most files and folders in them.
pub(super) const MAX: Amount = Amount { bytes: 256 << 20, entries: 100_000 };

/// How often is looked how much there is while a program runs, and how often in a row that may fail.
const LOOK: Duration = Duration::from_secs(1);
const MAX_FAILURES: u32 = 3;

/// More than fits.
const TOO_MUCH: Amount = Amount { bytes: u64::MAX, entries: u64::MAX };

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
        "the agent's work folders hold more than {bytes} bytes or {entries} files; delete what is not needed below {0}",
        bytes = MAX.bytes,
        entries = MAX.entries
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
        let agent = of_agent(data_dir, agent);
        Self { here: agent.join(name), agent }
    }

    /// Where it is, whether it is there or not.
    pub(super) fn path(&self) -> &Path {
        &self.here
    }

    /// Makes the folder, with one for temporary files, and says where it really is. Blocks.
    ///
    /// # Errors
    /// When it cannot be made, or its agent's folders are full.
    pub(crate) fn open(&self) -> Result<PathBuf, WorkError> {
        let here = self.make()?;
        let all = measure(&self.agent)?;
        if is_full(all) {
            return Err(WorkError::Full(self.agent.clone()));
        }
        Ok(here)
    }

    /// Ready when its agent's folders hold too much, or cannot be looked through any more, while programs write there. One
    /// look at a time is made on the host, and looking takes a tenth of the time at most.
    pub(crate) async fn filled(&self, looks: &Semaphore) -> WorkError {
        let (mut pause, mut failures) = (LOOK, 0);
        loop {
            tokio::time::sleep(pause).await;
            // It is never closed; without it there would be one look more.
            let _one = looks.acquire().await;
            let (agent, start) = (self.agent.clone(), Instant::now());
            match crate::tasks::blocking(move || measure(&agent)).await {
                Ok(all) if !is_full(all) => failures = 0,
                Ok(_) => return WorkError::Full(self.agent.clone()),
                // A program that moves things about while they are counted is no reason yet.
                Err(_) if failures < MAX_FAILURES => failures += 1,
                Err(error) => return WorkError::Io(error),
            }
            pause = LOOK.max(10 * start.elapsed());
        }
    }

    /// Makes the folder, with one for temporary files, notes that it is used now, and says where it really is. Blocks.
    pub(super) fn make(&self) -> io::Result<PathBuf> {
        let tmp = self.here.join("tmp");
        rights::mend([self.agent.parent().unwrap_or(&self.agent), &self.agent, &self.here, &tmp])?;
        crate::private::folder(&tmp)?;
        std::fs::File::open(&self.here)?.set_modified(SystemTime::now())?;
        self.here.canonicalize()
    }
}

fn is_full(all: Amount) -> bool {
    all.bytes > MAX.bytes || all.entries > MAX.entries
}

/// Where all of an agent's work folders are.
pub(super) fn of_agent(data_dir: &Path, agent: &AgentName) -> PathBuf {
    of_all(data_dir).join(agent.as_str())
}

/// Where all agents' work folders are.
pub(super) fn of_all(data_dir: &Path) -> PathBuf {
    data_dir.join("work")
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

/// What is below a folder. Links are counted, not followed. More than fits is not counted to its end.
pub(super) fn measure(folder: &Path) -> io::Result<Amount> {
    let mut all = Amount::default();
    let mut folders = vec![(folder.to_owned(), false)];
    while let Some((here, was_mended)) = folders.pop() {
        let looked = look(&here, &mut all, |inner| folders.push((inner, false)));
        match looked.map_err(|error| error.kind()) {
            // Somebody deleted it in between, if not all of it.
            Ok(()) | Err(io::ErrorKind::NotFound) => {}
            // What is nested so deeply that it has no whole name any more cannot be looked through.
            Err(io::ErrorKind::InvalidFilename) => return Ok(TOO_MUCH),
            // A program keeps its own agent out.
            Err(io::ErrorKind::PermissionDenied) if !was_mended => {
                rights::give_back(folder, &here)?;
                folders.push((here, true));
            }
            Err(kind) => return Err(kind.into()),
        }
        if is_full(all) {
            return Ok(all);
        }
    }
    Ok(all)
}

/// Counts what is in one folder, up to what fits, and tells the folders in it.
fn look(folder: &Path, all: &mut Amount, mut found: impl FnMut(PathBuf)) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        all.bytes = all.bytes.saturating_add(metadata.blocks().saturating_mul(512));
        all.entries += 1;
        if is_full(*all) {
            break;
        }
        if metadata.is_dir() {
            found(entry.path());
        }
    }
    Ok(())
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
    fn rights_that_a_program_took_from_its_folders_are_given_back() {
        let data = tempfile::tempdir().expect("a folder");
        let work = folder(data.path(), "s");
        let here = work.open().expect("made");
        std::fs::create_dir_all(here.join("a/b")).expect("made");
        std::fs::write(here.join("a/b/file"), vec![1; 100_000]).expect("written");
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
        let all = [here.join("a/b"), here.join("a"), here.join("tmp"), here.clone(), work.agent.clone()];
        for (path, mode) in all.iter().zip([0o000, 0o600, 0o400, 0o000, 0o600]) {
            set(path, mode).expect("set");
        }
        assert_eq!(work.open().expect("made"), here);
        assert!(folder(data.path(), "other").open().is_ok(), "nor are others kept out");
        assert_eq!(measure(&work.agent).expect("looked").entries, 7);
        for path in [&here, &here.join("tmp"), &work.agent] {
            assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o700, "{}", path.display());
        }
        let mine = data.path().join("mine");
        std::fs::create_dir(&mine).and_then(|()| set(&mine, 0o500)).expect("made");
        symlink(&mine, here.join("link")).expect("linked");
        assert!(super::rights::give_back(&here, &here.join("link")).is_err(), "a link is not followed");
        assert_eq!(mine.metadata().expect("there").permissions().mode() & 0o777, 0o500);
    }

    #[test]
    fn a_full_folder_is_told() {
        let data = tempfile::tempdir().expect("a folder");
        let work = folder(data.path(), "s");
        let here = work.open().expect("made");
        std::fs::write(here.join("file"), vec![1; 100_000]).expect("written");
        symlink("/usr", here.join("usr")).expect("linked");
        let all = measure(&work.agent).expect("looked");
        // A file of 100 KB, two folders that may take a block each, and a link.
        assert!((100_000..130_000).contains(&all.bytes) && all.entries == 4, "{all:?}");
        std::fs::File::create(here.join("hole")).and_then(|file| file.set_len(1 << 40)).expect("made");
        assert!(work.open().is_ok(), "a hole takes no room");
        let file = std::fs::File::create(here.join("large")).expect("made");
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, MAX.bytes).expect("room on the disk");
        assert!(matches!(work.open(), Err(WorkError::Full(_))));
    }
}
