//! Work folders that nobody comes back to are removed: those of sessions that the store has forgotten.

use super::{Folders, WorkFolder, rights, work};
use crate::config::AgentName;
use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
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

    /// Takes a folder out of the way while no turn can take it, then removes what is in it.
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
            true => {
                rights::give_back(gone.parent().unwrap_or(&gone), &gone)?;
                empty(&gone).and_then(|()| std::fs::remove_dir(&gone))?;
            }
            false => std::fs::remove_file(&gone)?,
        }
        Ok(true)
    }
}

/// Removes all that is in a folder. A program may have nested folders so deeply that whoever follows them runs out of stack
/// or open files: so each folder is moved up before it is emptied. Links are removed and never followed.
fn empty(folder: &Path) -> io::Result<()> {
    let open = |name: &str, within: BorrowedFd<'_>| {
        openat(within, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    };
    let top = File::open(folder)?;
    let (mut moved, mut done) = (Moved { tag: rand::random(), count: 0 }, 0);
    empty_one(top.as_fd(), top.as_fd(), &mut moved)?;
    while done < moved.count {
        done += 1;
        let name = moved.name(done);
        empty_one(open(&name, top.as_fd())?.as_fd(), top.as_fd(), &mut moved)?;
        unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Removes what is in one folder, and moves the folders in it to the top.
fn empty_one(folder: BorrowedFd<'_>, top: BorrowedFd<'_>, moved: &mut Moved) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(folder)?.collect::<Result<Vec<_>, _>>()? {
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match unlinkat(folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {
                // Its owner may have kept everybody out.
                rights::give_back_in(folder, name)?;
                moved.count += 1;
                renameat(folder, name, top, moved.name(moved.count))?;
            }
            removed => removed?,
        }
    }
    Ok(())
}

/// Folders that were moved up. No program could know their names, and so none in the folder has one.
struct Moved {
    tag: u128,
    count: u64,
}

impl Moved {
    fn name(&self, number: u64) -> String {
        format!("{GONE}{:032x}-{number}", self.tag)
    }
}

/// Whether it was being removed when a host ended.
fn is_gone(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(GONE.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
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
        std::fs::create_dir_all(here.join(format!(".gone-{:0200}/x", 1))).expect("made");
        std::fs::set_permissions(here.join("tmp"), std::fs::Permissions::from_mode(0o0)).expect("kept out");
        std::fs::set_permissions(&here, std::fs::Permissions::from_mode(0o0)).expect("kept out");
        std::fs::rename(&here, here.with_file_name(format!("{GONE}s"))).expect("renamed");
        symlink(outside.path(), here.with_file_name("link")).expect("linked");
        let tomorrow = SystemTime::now() + 2 * UNUSED;
        assert_eq!(folders.remove(&folders.unused(&agent(), tomorrow), &[]), 2);
        assert_eq!(std::fs::read_dir(data.path().join("work/probe")).expect("there").count(), 0);
        assert!(outside.path().join("mine").exists());
    }

    #[test]
    fn folders_that_are_nested_without_end_are_no_trap() {
        let data = tempfile::tempdir().expect("a folder");
        let folders = Folders::new(data.path());
        let here = made(&folders, "s");
        let mut deepest = rustix::fs::openat(CWD, &here, OFlags::DIRECTORY, Mode::empty()).expect("opened");
        for _ in 0..5_000 {
            rustix::fs::mkdirat(&deepest, "d", Mode::RWXU).expect("made");
            rustix::fs::mkdirat(&deepest, "e", Mode::RWXU).expect("made");
            deepest = rustix::fs::openat(&deepest, "d", OFlags::DIRECTORY, Mode::empty()).expect("opened");
        }
        let agents = work::of_agent(&folders.data_dir, &agent());
        assert_eq!(work::measure(&agents).expect("looked").entries, u64::MAX, "it counts as full");
        let tomorrow = SystemTime::now() + 2 * UNUSED;
        assert_eq!((folders.remove(&folders.unused(&agent(), tomorrow), &[]), here.exists()), (1, false));
        assert_eq!(work::measure(&agents).expect("looked").entries, 0);
    }
}
