//! The data folder: its rights, its room and the store in it.

use super::CHECK_TIME;
use super::finding::Finding;
use crate::cli::exit::Kind;
use crate::cli::process;
use crate::config::Token;
use crate::store::{self, Condition, StoreError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Room below which a host is about to fail, and below which that is near, in KiB.
const NO_ROOM: u64 = 16 << 10;
const LITTLE_ROOM: u64 = 256 << 10;

/// Whether the folder is there, ours and ours alone.
pub(super) async fn data(folder: &Path) -> Finding {
    const NAME: &str = "data folder";
    let shown = folder.display();
    let metadata = match std::fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Finding::info(NAME, format!("{shown} is not there yet; the first start makes it"));
        }
        Err(error) => {
            let mend = "make the folder yours, or choose another with `--data-dir`";
            return Finding::broken(NAME, format!("cannot look at {shown}: {error}"), mend, Kind::Other);
        }
    };
    if !metadata.is_dir() {
        let mend = "move it away, or choose another with `--data-dir`";
        return Finding::broken(NAME, format!("{shown} is not a folder"), mend, Kind::Other);
    }
    let mode = metadata.permissions().mode() & 0o777;
    match our_uid(folder) {
        Err(error) => {
            let mend = "make the folder yours and writable, or choose another with `--data-dir`";
            Finding::broken(NAME, format!("cannot write to {shown}: {error}"), mend, Kind::Other)
        }
        Ok(uid) if uid != metadata.uid() => {
            let text = format!("{shown} belongs to user {}, and you are {uid}", metadata.uid());
            Finding::warning(NAME, text, "run as its owner, or choose another with `--data-dir`")
        }
        Ok(_) if mode & 0o077 != 0 => {
            let text = format!("{shown} can be looked into by others (mode {mode:o})");
            Finding::warning(NAME, text, "run: chmod 700 on the folder")
        }
        Ok(_) => Finding::ok(NAME, format!("{shown}, mode {mode:o}")),
    }
}

/// Who we are, by a file that we make; that it can be made is the point, too.
fn our_uid(folder: &Path) -> io::Result<u32> {
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    crate::private::file(&probe)?;
    let uid = std::fs::metadata(&probe).map(|metadata| metadata.uid());
    std::fs::remove_file(&probe)?;
    uid
}

/// Whether the disk has room.
pub(super) async fn space(folder: &Path) -> Finding {
    const NAME: &str = "disk";
    const MEND: &str = "make room, or choose a folder on another disk with `--data-dir`";
    // What is not there yet will be on the disk of what is.
    let Some(there) = folder.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::info(NAME, "free room is not known: the folder is relative");
    };
    let printed = process::ask("df", &["-Pk", "--", &there.to_string_lossy()], CHECK_TIME).await;
    match printed.as_deref().and_then(available) {
        None => Finding::info(NAME, "free room is not known: `df` did not tell"),
        Some(room) if room < NO_ROOM => {
            Finding::broken(NAME, format!("only {} MiB are free", room >> 10), MEND, Kind::Other)
        }
        Some(room) if room < LITTLE_ROOM => Finding::warning(NAME, format!("only {} MiB are free", room >> 10), MEND),
        Some(room) => Finding::ok(NAME, format!("{} MiB are free", room >> 10)),
    }
}

/// The KiB that `df -P` calls available: the word before the one that ends with `%`, on its last line. The words
/// before may be a name with blanks.
fn available(printed: &str) -> Option<u64> {
    let words: Vec<&str> = printed.lines().last()?.split_whitespace().collect();
    let percent = words.iter().position(|word| word.ends_with('%'))?;
    words.get(percent.checked_sub(1)?)?.parse().ok()
}

/// Whether the store's file can be used.
pub(super) async fn store(folder: &Path, token: Option<&Token>) -> Finding {
    const NAME: &str = "store";
    let Some(token) = token else {
        return Finding::info(NAME, "not checked: without a token it is not known which");
    };
    let file = folder.join(format!("{}.db", token.installation()));
    if !file.exists() {
        return Finding::info(NAME, format!("{} is not there yet; the first start makes it", file.display()));
    }
    let (shown, limit) = (file.display().to_string(), CHECK_TIME);
    match crate::tasks::blocking(move || store::check(&file, limit)).await {
        Ok(Condition::Sound) => Finding::ok(NAME, shown),
        Ok(Condition::TooLarge) => {
            Finding::ok(NAME, format!("{shown}: no damage in what could be seen within {} s", limit.as_secs()))
        }
        Ok(Condition::Damaged(how)) => {
            let mend = "stop the host and move the file away: chats go on, what agents remember of them is lost";
            Finding::broken(NAME, format!("{shown} is damaged: {how}"), mend, Kind::Other)
        }
        Err(error) => {
            let mend = match &error {
                StoreError::Newer { .. } => "run the newer version",
                StoreError::Foreign { .. } => "move it away",
                _ => "make the file yours and readable; if it is damaged, move it away",
            };
            Finding::broken(NAME, error.to_string(), mend, Kind::Other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_room_is_read_off_any_df() {
        let linux = "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 100 60 40 60% /\n";
        let blanks =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\nmy disk 1 100 60 41 60% /Volumes/a b\n";
        assert_eq!((available(linux), available(blanks)), (Some(40), Some(41)));
        for text in ["", "df: no such file", "%", "a % b", "x 10% /"] {
            assert_eq!(available(text), None, "{text}");
        }
    }
}
