//! Which file a program's name means, and what is in it.

use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The longest name, in bytes.
const MAX_NAME: usize = 4_096;

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The name it was asked by, where that was no path.
    pub(super) name: Option<String>,
    /// The file itself, links resolved.
    pub(super) file: PathBuf,
    /// What is in it.
    pub(super) digest: [u8; 32],
}

/// Finds a program by a bare name in these folders, or by its whole path. Blocks.
///
/// # Errors
/// Why there is none, for the agent's author.
pub(super) fn find(asked: &str, path: &[PathBuf], data_dir: &Path) -> Result<Found, String> {
    let shown = crate::text::code(asked, 200);
    if asked.is_empty() || asked.len() > MAX_NAME || asked.contains('\0') {
        return Err(format!("{shown} is not a program's name"));
    }
    let (name, file) = match asked.contains('/') {
        false => (Some(asked.to_owned()), path.iter().map(|folder| folder.join(asked)).find(|file| can_run(file))),
        true if asked.starts_with('/') => (None, Some(PathBuf::from(asked)).filter(|file| can_run(file))),
        true => return Err(format!("{shown} is neither a name nor a whole path, which begins with /")),
    };
    let folders = || path.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
    let missing = || match &name {
        Some(_) => format!("there is no program {shown} in {} of this machine", folders()),
        None => format!("there is no program {shown} on this machine"),
    };
    let file = file.and_then(|file| file.canonicalize().ok()).ok_or_else(missing)?;
    // What an agent can write it cannot have run as a program: nobody could tell what they allow.
    if data_dir.canonicalize().is_ok_and(|data| file.starts_with(data)) {
        return Err(format!("{shown} lies in the host's data folder, whose files are not run as programs"));
    }
    let unreadable = |error| format!("the program {shown} cannot be read: {error}");
    let digest = open(&file).and_then(|opened| digest(&opened)).map_err(unreadable)?;
    Ok(Found { name, file, digest })
}

fn can_run(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Opens a program: a plain file, and not what was put in its place to keep its reader waiting.
pub(super) fn open(file: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = File::from(rustix::fs::open(file, flags, Mode::empty())?);
    if opened.metadata()?.is_file() { Ok(opened) } else { Err(io::Error::other("it is not a file")) }
}

/// SHA-256 of a file.
pub(super) fn digest(mut file: &File) -> io::Result<[u8; 32]> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            len => hash.update(&buffer[..len]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_name_is_found_where_the_operator_keeps_programs_and_nowhere_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("there");
        let make = |name: &str, mode: u32| {
            let file = root.join(name);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
            std::fs::write(&file, name).expect("written");
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
            file
        };
        let (first, second, data) = (root.join("first"), root.join("second"), root.join("data"));
        make("first/plain", 0o644);
        let (tool, theirs) = (make("second/tool", 0o755), make("data/work/probe/tool", 0o755));
        make("second/plain", 0o755);
        symlink(&tool, first.join("alias")).expect("linked");
        symlink(&theirs, second.join("planted")).expect("linked");
        let path = [first, second];
        let file = |asked: &str| find(asked, &path, &data).map(|found| found.file);
        assert_eq!(file("tool"), Ok(tool.clone()));
        assert_eq!(file("alias"), Ok(tool.clone()), "a link is the file that it leads to");
        assert_eq!(file("plain"), Ok(root.join("second/plain")), "a file without the right to run is none");
        assert_eq!(file(&tool.display().to_string()), Ok(tool));
        for (wrong, words) in [
            ("", "not a program's name"),
            ("a\0b", "not a program's name"),
            ("./tool", "whole path"),
            ("../second/tool", "whole path"),
            ("missing", "no program `missing` in "),
            (".", "no program"),
            ("/missing", "no program"),
            ("planted", "data folder"),
            (&theirs.display().to_string(), "data folder"),
        ] {
            let message = file(wrong).expect_err(wrong);
            assert!(message.contains(words), "{message}");
        }
    }
}
