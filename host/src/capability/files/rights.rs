//! Rights that programs took from their own folders are given back: otherwise one of them could keep its agent out of the
//! folders of all its chats.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, chmodat, open, openat2};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::Path;

/// A folder as a name alone, which needs no right to what is in it.
const NAME: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Gives the owner of a folder, which is `top` or below it, all rights to it. No link below `top` is followed.
pub(super) fn give_back(top: &Path, folder: &Path) -> io::Result<()> {
    let below = folder.strip_prefix(top).map_err(io::Error::other)?;
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    give_back_in(open(top, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.as_fd(), below)
}

/// The same, from a folder that is open.
pub(super) fn give_back_in(top: BorrowedFd<'_>, below: impl rustix::path::Arg) -> io::Result<()> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let folder = openat2(top, below, NAME, Mode::empty(), resolve)?;
    // What is open as a name alone has no other way to its rights.
    Ok(chmodat(CWD, format!("/proc/self/fd/{}", folder.as_raw_fd()), Mode::RWXU, AtFlags::empty())?)
}

/// Gives them back to each of these folders, the outer before the inner, where it has lost them.
pub(super) fn mend(folders: [&Path; 4]) -> io::Result<()> {
    for folder in folders {
        if has_lost(folder) {
            give_back(folder.parent().unwrap_or(folder), folder)?;
        }
    }
    Ok(())
}

fn has_lost(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    folder.symlink_metadata().is_ok_and(|about| about.is_dir() && about.permissions().mode() & 0o700 != 0o700)
}
