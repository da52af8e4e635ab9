//! Hints that files may have changed. They are hints alone: what changed is seen by looking.

use crate::config::Watch;
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// File systems that tell nothing of what other machines do, or nothing at all: NFS, SMB (three), FUSE, 9P, VirtualBox,
/// Ceph, AFS. Their numbers are those of statfs(2).
const SILENT: [u64; 9] =
    [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x786f_4256, 0x00c3_6400, 0x5346_414f];

/// Watches folders, each by itself and without what is below it.
pub(crate) struct Watcher {
    system: Option<RecommendedWatcher>,
    /// Folders with the device and inode that are watched: one that was made anew is another one.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    /// Whether somebody has to look now and then.
    polls: bool,
}

impl Watcher {
    /// Begins to give hints.
    pub(crate) fn start(how: Watch, hint: Arc<Notify>) -> Self {
        let changed = move |event: notify::Result<notify::Event>| {
            // Looking opens files, and must not be a reason to look.
            let reads =
                |kind| matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write));
            if !event.is_ok_and(|event| reads(event.kind)) {
                hint.notify_one();
            }
        };
        let system = match how {
            Watch::Auto => notify::recommended_watcher(changed)
                .inspect_err(|error| tracing::warn!("files cannot be watched, and are looked at each second: {error}"))
                .ok(),
            Watch::Poll | Watch::Off => None,
        };
        let polls = how == Watch::Poll || (how == Watch::Auto && system.is_none());
        Self { system, watched: BTreeMap::new(), polls }
    }

    /// Watches these folders, and no others.
    pub(crate) fn follow(&mut self, folders: BTreeMap<PathBuf, (u64, u64)>) {
        let Some(system) = &mut self.system else { return };
        let gone = self.watched.iter().filter(|(path, inode)| folders.get(*path) != Some(inode));
        for (path, _) in gone {
            // One that was deleted is not watched any more.
            let _ = system.unwatch(path);
        }
        let mut watched = BTreeMap::new();
        for (path, inode) in folders {
            if self.watched.get(&path) != Some(&inode) {
                if is_silent(&path) {
                    self.polls = true;
                } else if let Err(error) = system.watch(&path, RecursiveMode::NonRecursive) {
                    let shown = path.display();
                    tracing::warn!("{shown} cannot be watched, and is looked at each second: {error}");
                    self.polls = true;
                }
            }
            watched.insert(path, inode);
        }
        self.watched = watched;
    }

    /// Whether somebody has to look now and then.
    pub(crate) fn polls(&self) -> bool {
        self.polls
    }
}

/// The folders in which something happens when one of these files or folders changes, wherever links lead. What is beside
/// `installed` are the host's own files, which change all the time.
pub(crate) fn around<'a>(paths: impl Iterator<Item = &'a Path>, installed: &Path) -> BTreeMap<PathBuf, (u64, u64)> {
    let mut folders = BTreeMap::new();
    let mut add = |path: &Path| {
        if let Ok(seen) = std::fs::metadata(path)
            && seen.is_dir()
        {
            folders.insert(path.to_owned(), (seen.dev(), seen.ino()));
        }
    };
    add(installed);
    for path in paths {
        for path in [Some(path.to_owned()), path.canonicalize().ok()].into_iter().flatten() {
            add(&path);
            let parent =
                path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
            parent.into_iter().for_each(&mut add);
        }
    }
    folders
}

fn is_silent(path: &Path) -> bool {
    // The kind is a signed word of another width on some machines.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "a number of 32 bits at most")]
    rustix::fs::statfs(path).is_ok_and(|found| SILENT.contains(&(found.f_type as u64 & 0xffff_ffff)))
}
