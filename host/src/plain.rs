//! Files that somebody else names, such as an agent's author: plain ones are read, up to a bound. A device would give bytes
//! without end, and a pipe would hold its reader for good.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `most` bytes, wherever links lead. Blocks.
///
/// # Errors
/// When it is no plain file, is larger, or cannot be read.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening is enough for some devices to do something.
    check(&std::fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let about = file.metadata()?;
    // It may be another by now.
    check(&about)?;
    let too_large = || io::Error::other(format!("it has more than the {most} bytes that it may have"));
    if about.len() > most {
        return Err(too_large());
    }
    // What the system makes up while it is read says that it has none.
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
}

fn check(about: &std::fs::Metadata) -> io::Result<()> {
    match about.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a file that can be read as a whole")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn plain_files_are_read_and_nothing_else_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "four").expect("written");
        symlink("file", at("link")).expect("linked");
        symlink("/dev/zero", at("zeros")).expect("linked");
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), Mode::RUSR).expect("a pipe");
        assert_eq!(read(&at("link"), 4).expect("read"), b"four");
        for (name, most, part) in [
            ("file", 3, "more than the 3 bytes"),
            ("zeros", 100, "not a file"),
            ("pipe", 100, "not a file"),
            ("", 100, "not a file"),
            ("/proc/self/maps", 100, "more than the 100 bytes"),
        ] {
            let error = read(&at(name), most).expect_err(name).to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
        assert_eq!(read(&at("none"), 1).expect_err("nothing").kind(), io::ErrorKind::NotFound);
    }
}
