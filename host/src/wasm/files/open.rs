//! Opening what is below a folder, and nothing else: the kernel resolves the whole path at once and does not leave the
//! folder, whatever links there are and whoever changes them meanwhile.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

/// How often it is tried when others rename something at the same moment.
const TRIES: u32 = 64;
/// Bits of files that run with their owner's rights.
const SET_ID: u32 = 0o6000;

/// How something is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct How {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) create: bool,
    pub(super) exclusive: bool,
    pub(super) truncate: bool,
    pub(super) folder: bool,
    /// Whether it may be a link at its end.
    pub(super) follow: bool,
}

impl How {
    /// Whether it could change something.
    pub(super) fn changes(self) -> bool {
        self.write || self.create || self.truncate
    }

    fn flags(self) -> OFlags {
        let access = match (self.changes(), self.read) {
            (false, _) => OFlags::RDONLY,
            (true, false) => OFlags::WRONLY,
            (true, true) => OFlags::RDWR,
        };
        // A pipe would be waited for, and a terminal would become the host's.
        let mut flags = access | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        flags.set(OFlags::CREATE, self.create);
        flags.set(OFlags::EXCL, self.create && self.exclusive);
        flags.set(OFlags::DIRECTORY, self.folder);
        flags.set(OFlags::NOFOLLOW, !self.follow);
        flags
    }
}

/// Opens a file or folder below another; says whether it is a folder. Blocks.
///
/// # Errors
/// `EXDEV` when the path leads elsewhere, `EPERM` when it is something else: a pipe, a device, a socket; or when it is to be
/// changed and runs with its owner's rights.
pub(super) fn below(folder: &File, path: &str, how: How) -> io::Result<(File, bool)> {
    let file = resolve(folder, path, how)?;
    let about = file.metadata()?;
    let is_kept = how.changes() && about.mode() & SET_ID != 0;
    if !(about.is_file() || about.is_dir()) || about.is_file() && is_kept {
        return Err(Errno::PERM.into());
    }
    if how.truncate && about.is_file() {
        // Not while it was opened: it could have been something else.
        file.set_len(0)?;
    }
    Ok((file, about.is_dir()))
}

fn resolve(folder: &File, path: &str, how: How) -> io::Result<File> {
    let mode = if how.create { Mode::from_raw_mode(0o666) } else { Mode::empty() };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..TRIES {
        match openat2(folder, path, how.flags(), mode, beneath) {
            Err(Errno::AGAIN) => {}
            opened => return Ok(File::from(opened?)),
        }
    }
    Err(Errno::AGAIN.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    const READ: How =
        How { read: true, write: false, create: false, exclusive: false, truncate: false, folder: false, follow: true };
    const WRITE: How = How { write: true, ..READ };
    const CREATE: How = How { create: true, truncate: true, ..WRITE };

    /// A folder `in` with a file and links, beside a secret.
    fn scene() -> (tempfile::TempDir, File) {
        let home = tempfile::tempdir().expect("a folder");
        let inside = home.path().join("in");
        std::fs::create_dir_all(inside.join("sub")).expect("made");
        std::fs::write(home.path().join("secret"), "the secret").expect("written");
        std::fs::write(inside.join("sub/mine"), "mine").expect("written");
        for (to, name) in [
            ("../secret", "up"),
            (home.path().join("secret").to_str().expect("text"), "whole"),
            ("sub/mine", "fine"),
            ("loop", "loop"),
            ("/proc/self/environ", "proc"),
            ("sub/../../in/sub/mine", "around"),
        ] {
            symlink(to, inside.join(name)).expect("linked");
        }
        let folder = File::open(&inside).expect("opened");
        (home, folder)
    }

    fn errno(result: io::Result<(File, bool)>) -> Option<Errno> {
        result.err().as_ref().and_then(Errno::from_io_error)
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let (home, folder) = scene();
        let root = "/".to_owned() + home.path().strip_prefix("/").expect("whole").to_str().expect("text");
        for path in ["..", "../secret", "sub/../../secret", "up", "whole", "proc", "around", "/", "/etc/passwd", &root]
        {
            for how in [READ, WRITE, CREATE, How { folder: true, ..READ }] {
                assert!(below(&folder, path, how).is_err(), "{path} {how:?}");
            }
        }
        assert_eq!(errno(below(&folder, "up", READ)), Some(Errno::XDEV));
        assert_eq!(errno(below(&folder, "loop", READ)), Some(Errno::LOOP));
        assert_eq!(errno(below(&folder, "fine", How { follow: false, ..READ })), Some(Errno::LOOP));
        assert_eq!(errno(below(&folder, &"x".repeat(5_000), CREATE)), Some(Errno::NAMETOOLONG));
        assert_eq!(errno(below(&folder, &"x/".repeat(3_000), CREATE)), Some(Errno::NAMETOOLONG));
        assert_eq!(errno(below(&folder, "a\0b", CREATE)), Some(Errno::INVAL));
        assert_eq!(std::fs::read_to_string(home.path().join("secret")).expect("there"), "the secret");
        let mut text = String::new();
        below(&folder, "fine", READ).expect("its own").0.read_to_string(&mut text).expect("read");
        assert!(text == "mine" && below(&folder, "sub/..", READ).expect("itself").1);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let (home, folder) = scene();
        let (pipe, kept) = (home.path().join("in/pipe"), home.path().join("in/kept"));
        let made =
            |path: &Path| rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0);
        made(&pipe).expect("made");
        let _socket = std::os::unix::net::UnixListener::bind(home.path().join("in/socket")).expect("bound");
        std::fs::write(&kept, "runs as its owner").expect("written");
        std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o4755)).expect("set");
        for path in ["pipe", "socket"] {
            for how in [READ, WRITE, CREATE, How { read: false, ..WRITE }] {
                assert!(below(&folder, path, how).is_err(), "{path} {how:?}");
            }
        }
        assert!(below(&folder, "kept", READ).is_ok());
        assert_eq!(errno(below(&folder, "kept", CREATE)), Some(Errno::PERM));
        assert_eq!(std::fs::read_to_string(&kept).expect("there"), "runs as its owner", "it was not emptied, either");
    }

    #[test]
    fn who_swaps_a_folder_against_a_link_meanwhile_gains_nothing() {
        let (home, folder) = scene();
        let inside = home.path().join("in");
        std::fs::create_dir(home.path().join("out")).expect("made");
        std::fs::write(home.path().join("out/mine"), "the secret").expect("written");
        symlink("../out", inside.join("link")).expect("linked");
        let (over, mut seen) = (AtomicBool::new(false), [0_u32; 2]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (sub, aside, link) = (inside.join("sub"), inside.join("aside"), inside.join("link"));
                while !over.load(Ordering::Relaxed) {
                    for (from, to) in [(&sub, &aside), (&link, &sub), (&sub, &link), (&aside, &sub)] {
                        std::fs::rename(from, to).expect("renamed");
                    }
                }
            });
            for _ in 0..2_000_000 {
                if seen[0] > 10_000 && seen[1] > 100 {
                    break;
                }
                let mut text = String::new();
                match below(&folder, "sub/mine", READ) {
                    Ok((mut file, _)) => drop(file.read_to_string(&mut text)),
                    Err(_) => seen[1] += 1,
                }
                assert!(text.is_empty() || text == "mine", "read {text}");
                seen[0] += u32::from(text == "mine");
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(seen[0] > 0 && seen[1] > 0, "it was never swapped: {seen:?}");
    }
}
