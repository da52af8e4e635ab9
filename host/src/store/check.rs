//! Looks at a store's file without changing it.

use super::StoreError;
use super::open::{NEWEST, Whose, cannot_open, whose};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How a store's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is wrong with it.
    Sound,
    /// SQLite found damage.
    Damaged(String),
    /// It was not looked through in time; what was seen is fine.
    TooLarge,
}

/// Opens a store's file read-only and looks it through, for `limit` at most. Blocks.
///
/// # Errors
/// When the file cannot be opened, is another program's, or newer than this program.
pub fn check(file: &Path, limit: Duration) -> Result<Condition, StoreError> {
    let open = |error| cannot_open(file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(open)?;
    connection.busy_timeout(limit).map_err(open)?;
    match whose(&connection).map_err(open)? {
        Whose::Ours { version: found } if found > NEWEST => {
            Err(StoreError::Newer { file: file.to_owned(), found, known: NEWEST })
        }
        // An older one is brought up to date by the next start, and so is an empty one.
        Whose::Ours { .. } | Whose::Nobodys => look_through(&connection, limit),
        Whose::Foreign => Err(StoreError::Foreign { file: file.to_owned() }),
    }
}

fn look_through(connection: &Connection, limit: Duration) -> Result<Condition, StoreError> {
    let failed = |error: std::io::Error| StoreError::Failed(error.to_string());
    let interrupt = connection.get_interrupt_handle();
    let (done, waiting) = sync_channel::<()>(1);
    // It ends with the look, which it must not outlive: the sender is dropped then.
    crate::tasks::thread("store timer", move || {
        if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    })
    .map_err(failed)?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    drop(done);
    Ok(match found {
        Ok(found) if found == "ok" => Condition::Sound,
        Ok(found) => Condition::Damaged(crate::text::line(&found, 500)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Condition::TooLarge,
        Err(error) => Condition::Damaged(crate::text::line(&error.to_string(), 500)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open::APPLICATION;
    use crate::store::{Durability, Store};

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn what_the_store_writes_is_sound() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inst_1.db");
        let store = Store::open(&file, Durability::Process).expect("a store");
        assert_eq!(check(&file, LIMIT).expect("a look beside a running host"), Condition::Sound);
        drop(store);
        assert_eq!(check(&file, LIMIT).expect("a look"), Condition::Sound);
    }

    #[test]
    fn what_is_not_a_store_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inst_1.db");
        assert!(matches!(check(&file, LIMIT), Err(StoreError::Open { .. })), "and it is not made");
        assert!(!file.exists());
        std::fs::write(&file, "no database at all, but long enough to be looked at").expect("written");
        assert!(check(&file, LIMIT).is_err());
        let other = folder.path().join("other.db");
        let connection = Connection::open(&other).expect("a database");
        connection.pragma_update(None, "application_id", 7).expect("marked");
        assert!(matches!(check(&other, LIMIT), Err(StoreError::Foreign { .. })));
        connection.pragma_update(None, "application_id", APPLICATION).expect("marked");
        connection.pragma_update(None, "user_version", NEWEST + 1).expect("marked");
        assert!(matches!(check(&other, LIMIT), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("inst_1.db");
        let connection = Connection::open(&file).expect("a database");
        let filled = format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {NEWEST}; CREATE TABLE t (x TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
             INSERT INTO t SELECT hex(randomblob(100)) FROM n;"
        );
        connection.execute_batch(&filled).expect("filled");
        drop(connection);
        let mut bytes = std::fs::read(&file).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8_192].fill(0xff);
        std::fs::write(&file, bytes).expect("damaged");
        assert!(matches!(check(&file, LIMIT), Ok(Condition::Damaged(_))));
    }
}
