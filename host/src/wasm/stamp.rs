//! What a file looks like from outside: enough to see that it was written, cheap enough to look often.

use crate::config::Manifest;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What a version's files look like. Two that are the same are, but for what changes nothing of this, the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    manifest: Option<Look>,
    component: Option<Look>,
}

/// One file, wherever links lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Looks at the manifest, and the component that it names if it can be read.
    pub(crate) fn of(origin: &Path, component: Option<&Path>) -> Self {
        Self { manifest: look(&origin.join(Manifest::FILE)), component: component.and_then(look) }
    }
}

fn look(file: &Path) -> Option<Look> {
    let seen: Metadata = std::fs::metadata(file).ok()?;
    Some(Look {
        device: seen.dev(),
        inode: seen.ino(),
        size: seen.len(),
        written: (seen.mtime(), seen.mtime_nsec()),
        changed: (seen.ctime(), seen.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_with_every_way_to_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let (here, file) = (folder.path(), folder.path().join("c.wasm"));
        let look = || Stamp::of(here, Some(&file));
        let mut looks = vec![look()];
        std::fs::write(&file, "one").expect("written");
        looks.push(look());
        std::fs::write(&file, "three").expect("truncated and written");
        looks.push(look());
        std::fs::write(here.join("new"), "three").expect("written");
        std::fs::rename(here.join("new"), &file).expect("replaced");
        looks.push(look());
        std::fs::rename(&file, here.join("far")).expect("moved");
        std::os::unix::fs::symlink("far", &file).expect("linked");
        std::fs::write(here.join(Manifest::FILE), "").expect("written");
        looks.push(look());
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[index + 1..].contains(look), "{looks:?}");
        }
        assert_eq!(look(), look());
    }
}
