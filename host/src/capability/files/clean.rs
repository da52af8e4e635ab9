//! Work folders that nobody comes back to are removed: those of sessions that the store has forgotten.

use super::{Folders, WorkFolder, work};
use crate::config::AgentName;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

/// How long nobody has used a work folder that is removed: a session may be new to the store.
const UNUSED: Duration = Duration::from_secs(86_400);
/// What a folder is called that is being removed, before its name.
const GONE: &str = ".gone-";

/// Work folders that may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    agent: AgentName,
    folders: Vec<PathBuf>,
}

impl Forgotten {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }
}

impl Folders {
    /// The work folders of this agent that nobody has used for a day. Blocks.
    pub fn unused(&self, agent: &AgentName, now: SystemTime) -> Forgotten {
        let entries = std::fs::read_dir(work::of_agent(&self.data_dir, agent)).into_iter().flatten().flatten();
        let unused = |path: &Path| {
            let used = path.symlink_metadata().and_then(|about| about.modified());
            used.is_ok_and(|used| now.duration_since(used).is_ok_and(|since| since > UNUSED))
        };
        let folders = entries.map(|entry| entry.path()).filter(|path| is_gone(path) || unused(path));
        Forgotten { agent: agent.clone(), folders: folders.collect() }
    }

    /// Removes those of them whose session is none of these, and that no turn uses; says how many. Blocks.
    pub fn remove(&self, forgotten: &Forgotten, known: &[String]) -> usize {
        let known = known.iter().map(|session| WorkFolder::new(&self.data_dir, &forgotten.agent, session));
        let known: HashSet<PathBuf> = known.map(|folder| folder.path().to_owned()).collect();
        let gone = forgotten.folders.iter().filter(|folder| !known.contains(*folder));
        gone.filter(|folder| match self.remove_one(folder) {
            Ok(is_removed) => is_removed,
            Err(error) => {
                tracing::warn!("cannot remove a work folder that is no longer used, {}: {error}", folder.display());
                false
            }
        })
        .count()
    }

    /// Takes a folder out of the way while no turn can take it, then removes what is in it. Links in it are removed, not
    /// followed: `remove_dir_all` goes by open folders, and not by names that could change.
    fn remove_one(&self, folder: &Path) -> io::Result<bool> {
        let mut gone = folder.to_owned();
        if !is_gone(folder) {
            let mut name = OsString::from(GONE);
            name.push(folder.file_name().unwrap_or_default());
            gone.set_file_name(name);
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.contains_key(folder) {
                return Ok(false);
            }
            std::fs::rename(folder, &gone)?;
        }
        match gone.symlink_metadata()?.is_dir() {
            true => std::fs::remove_dir_all(&gone)?,
            false => std::fs::remove_file(&gone)?,
        }
        Ok(true)
    }
}

/// Whether it was being removed when a host ended.
fn is_gone(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(GONE.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    fn agent() -> AgentName {
        "probe".to_owned().try_into().expect("a name")
    }

    fn made(folders: &Folders, session: &str) -> PathBuf {
        WorkFolder::new(&folders.data_dir, &agent(), session).open().expect("made")
    }

    #[test]
    fn what_the_store_forgot_and_nobody_uses_goes_after_a_day() {
        let data = tempfile::tempdir().expect("a folder");
        let folders = Arc::new(Folders::new(&data.path().canonicalize().expect("there")));
        let (known, forgotten, used) = (made(&folders, "known"), made(&folders, "forgotten"), made(&folders, "used"));
        let turn = folders.hold(&agent(), "used");
        let sessions = ["known".to_owned()];
        let now = SystemTime::now();
        let clean = |now| folders.remove(&folders.unused(&agent(), now), &sessions);
        assert_eq!(clean(now), 0, "they were just used");
        let tomorrow = now + 2 * UNUSED;
        assert_eq!(clean(tomorrow), 1);
        assert!(known.is_dir() && !forgotten.exists() && used.is_dir());
        drop(turn);
        assert_eq!((clean(tomorrow), used.exists()), (1, false));
        assert_eq!(
            std::fs::read_dir(data.path().join("work/probe")).expect("there").count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn links_are_not_followed_and_the_rest_of_an_earlier_removal_goes() {
        let (data, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::fs::write(outside.path().join("mine"), "x").expect("written");
        let folders = Folders::new(data.path());
        let here = made(&folders, "s");
        symlink(outside.path(), here.join("tmp/link")).expect("linked");
        std::fs::rename(&here, here.with_file_name(format!("{GONE}s"))).expect("renamed");
        symlink(outside.path(), here.with_file_name("link")).expect("linked");
        let tomorrow = SystemTime::now() + 2 * UNUSED;
        assert_eq!(folders.remove(&folders.unused(&agent(), tomorrow), &[]), 2);
        assert_eq!(std::fs::read_dir(data.path().join("work/probe")).expect("there").count(), 0);
        assert!(outside.path().join("mine").exists());
    }
}
