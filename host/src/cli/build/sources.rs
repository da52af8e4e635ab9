//! What an agent is built from, as it looks from outside: enough to see that something was written, cheap enough to look
//! often.

use crate::config::Manifest;
use crate::wasm::Digest;
use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// Files that are looked at for one agent.
const MAX_FILES: usize = 20_000;
/// Folders that are looked at and watched for one agent.
const MAX_FOLDERS: usize = 5_000;
/// By this file a folder says that it is made of something else, such as Cargo's `target`.
const CACHE: &str = "CACHEDIR.TAG";

/// The sources of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sources {
    /// A digest over the command and over path, size, time and inode of each file.
    pub(super) stamp: Digest,
    /// The folders in which something happens when one changes, with device and inode.
    pub(super) folders: BTreeMap<PathBuf, (u64, u64)>,
    /// What is not looked at though the manifest names it, in words.
    pub(super) remark: Option<String>,
}

/// A look at all files of an agent.
struct Walk<'a> {
    /// The agent's folder. No link leads out of it.
    root: PathBuf,
    /// The component is what is built, wherever it lies.
    component: &'a Path,
    looks: Vec<u8>,
    files: usize,
    seen: HashSet<(u64, u64)>,
    folders: BTreeMap<PathBuf, (u64, u64)>,
    /// Folders that are still to be read.
    todo: Vec<PathBuf>,
    remark: Option<String>,
}

/// Looks at what `build.watch` of a manifest names. Blocks.
pub(super) fn look(folder: &Path, manifest: &Manifest) -> Sources {
    let build = manifest.build.as_ref();
    let root = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut walk = Walk {
        root: root.clone(),
        component: &absolute(&root, folder, &manifest.component),
        looks: build.map(|build| build.command.clone().into_bytes()).unwrap_or_default(),
        files: 0,
        seen: HashSet::new(),
        folders: BTreeMap::new(),
        todo: Vec::new(),
        remark: None,
    };
    for path in [folder, &root].into_iter().chain(root.parent()) {
        walk.watch(path);
    }
    for named in build.iter().flat_map(|build| &build.watch) {
        walk.begin(named);
    }
    while let Some(folder) = walk.todo.pop() {
        walk.read(&folder);
    }
    Sources { stamp: Digest::of(&walk.looks), folders: walk.folders, remark: walk.remark }
}

/// Where the component lies, as the walk comes to it.
fn absolute(root: &Path, folder: &Path, component: &Path) -> PathBuf {
    component.strip_prefix(folder).map_or_else(|_| component.to_owned(), |below| root.join(below))
}

impl Walk<'_> {
    /// Looks at a path of the manifest.
    fn begin(&mut self, named: &Path) {
        if !named.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return self.remark(format!("{} is not below the agent's folder", shown(named)));
        }
        // Where it is not there yet, it comes to be in one of these.
        let mut parent = self.root.clone();
        for part in named {
            self.watch(&parent);
            parent.push(part);
        }
        let path = self.root.join(named);
        match path.canonicalize() {
            Ok(real) if !real.starts_with(&self.root) => {
                self.remark(format!("{} leads out of the agent's folder", shown(named)));
                self.note(&path, std::fs::symlink_metadata(&path));
            }
            _ => self.visit(&path),
        }
    }

    /// Looks at a file, a folder or a link.
    fn visit(&mut self, path: &Path) {
        if path == self.component {
            return;
        }
        if self.files >= MAX_FILES {
            return self.remark(format!("there are more than {MAX_FILES} files"));
        }
        self.files += 1;
        let Some(found) = self.note(path, std::fs::symlink_metadata(path)) else { return };
        if found.is_dir() {
            self.todo.push(path.to_owned());
        } else if found.is_symlink()
            && let Ok(real) = path.canonicalize()
            && real.starts_with(&self.root)
            && real != self.component
            && let Some(found) = self.note(path, std::fs::metadata(&real))
        {
            if found.is_dir() {
                self.todo.push(real);
            } else if let Some(folder) = real.parent() {
                self.watch(folder);
            }
        }
    }

    /// Reads a folder, once.
    fn read(&mut self, folder: &Path) {
        let Ok(found) = std::fs::metadata(folder) else { return };
        if !self.seen.insert((found.dev(), found.ino())) || folder.join(CACHE).exists() {
            return;
        }
        if self.seen.len() > MAX_FOLDERS {
            return self.remark(format!("there are more than {MAX_FOLDERS} folders"));
        }
        self.watch(folder);
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).take(MAX_FILES);
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().for_each(|path| self.visit(path));
    }

    /// Notes what a file looks like, or that it is not there. A folder looks like its files.
    fn note(&mut self, path: &Path, found: io::Result<Metadata>) -> Option<Metadata> {
        let found = found.ok();
        let look = found.as_ref().map(|found| match found.is_dir() {
            true => (0, 0, 0, 0),
            false => (found.ino(), found.len(), found.mtime(), found.mtime_nsec()),
        });
        self.looks.push(0);
        self.looks.extend(path.as_os_str().as_bytes());
        self.looks.extend(format!("\0{look:?}").into_bytes());
        found
    }

    fn watch(&mut self, folder: &Path) {
        if let Ok(found) = std::fs::metadata(folder)
            && found.is_dir()
        {
            self.folders.insert(folder.to_owned(), (found.dev(), found.ino()));
        }
    }

    fn remark(&mut self, what: String) {
        self.remark.get_or_insert(format!("`build.watch` of its agent.toml: {what}, and what is there is not watched"));
    }
}

fn shown(path: &Path) -> String {
    crate::text::line(&path.display().to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const MANIFEST: &str = "[agent]\nname = \"vary\"\nversion = \"1\"\ncomponent = \"src/vary.wasm\"\n[build]\n\
                            command = \"make\"\nwatch = [\"src\", \"Cargo.toml\", \"WATCH\"]\n";

    /// An agent's folder, and what is seen of it.
    struct Rig(tempfile::TempDir);

    impl Rig {
        fn new(also: &str) -> Self {
            let rig = Self(tempfile::tempdir().expect("a folder"));
            fs::create_dir_all(rig.at("src/deep")).expect("made");
            fs::write(rig.at("agent.toml"), MANIFEST.replace("WATCH", also)).expect("written");
            rig
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.at(path), text).expect("written");
        }

        fn look(&self) -> Sources {
            let manifest = Manifest::read(self.0.path()).expect("a manifest");
            look(self.0.path(), &manifest)
        }

        /// Whether a change is seen.
        fn sees(&self, change: impl FnOnce()) -> bool {
            let before = self.look().stamp;
            change();
            before != self.look().stamp
        }
    }

    #[test]
    fn every_way_to_change_a_source_is_seen_and_nothing_else() {
        let rig = Rig::new("a/b");
        assert!(rig.sees(|| rig.write("src/deep/a.rs", "one")));
        assert!(rig.sees(|| rig.write("src/deep/a.rs", "three")));
        rig.write("new", "three");
        assert!(rig.sees(|| fs::rename(rig.at("new"), rig.at("src/deep/a.rs")).expect("replaced")));
        assert!(rig.sees(|| fs::rename(rig.at("src/deep"), rig.at("src/deeper")).expect("moved")));
        assert!(rig.sees(|| rig.write("Cargo.toml", "")));
        assert!(rig.sees(|| fs::remove_dir_all(rig.at("src/deeper")).expect("removed")));
        fs::create_dir_all(rig.at("a")).expect("made");
        assert!(rig.look().folders.contains_key(&rig.0.path().canonicalize().expect("real").join("a")));
        fs::create_dir_all(rig.at("a/b")).expect("made");
        assert!(rig.sees(|| rig.write("a/b/c", "")));
        let command = MANIFEST.replace("WATCH", "a/b").replace("make", "make all");
        assert!(rig.sees(|| rig.write("agent.toml", &command)));
        assert!(!rig.sees(|| rig.write("src/vary.wasm", "built")), "the component is what is built");
        assert!(!rig.sees(|| rig.write("elsewhere", "")));
        fs::create_dir(rig.at("src/target")).expect("made");
        rig.write("src/target/CACHEDIR.TAG", "");
        assert!(!rig.sees(|| rig.write("src/target/object", "")), "a cache is no source");
    }

    #[test]
    fn links_are_followed_within_the_folder_and_never_out_of_it() {
        let outside = tempfile::tempdir().expect("a folder");
        let rig = Rig::new("link/shared");
        rig.write("real", "one");
        symlink("../real", rig.at("src/inside")).expect("linked");
        symlink("..", rig.at("src/loop")).expect("linked");
        assert!(rig.sees(|| rig.write("real", "three")));
        fs::create_dir(outside.path().join("shared")).expect("made");
        symlink(outside.path(), rig.at("link")).expect("linked");
        symlink(outside.path().join("shared"), rig.at("src/out")).expect("linked");
        assert!(!rig.sees(|| fs::write(outside.path().join("shared/x"), "").expect("written")));
        let seen = rig.look();
        assert!(seen.remark.is_some_and(|words| words.contains("link/shared leads out of the agent's folder")));
        assert!(!seen.folders.keys().any(|folder| folder.starts_with(outside.path())));
        for bad in ["../x", "/etc"] {
            assert!(Rig::new(bad).look().remark.is_some_and(|words| words.contains("not below the agent's folder")));
        }
    }

    #[test]
    fn more_files_than_are_looked_at_are_told() {
        let rig = Rig::new("none");
        for number in 0..=MAX_FILES {
            rig.write(&format!("src/{number}"), "");
        }
        let seen = rig.look();
        assert!(seen.remark.as_deref().is_some_and(|words| words.contains("more than 20000 files")), "{seen:?}");
        assert_eq!(seen.stamp, rig.look().stamp);
    }
}
