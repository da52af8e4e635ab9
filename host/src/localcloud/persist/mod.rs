//! The cloud's file: an SQLite database with one row for each thing that is remembered. SQL is here only.
//!
//! Rows hold their thing as JSON and, in columns of their own, what is looked up or must not reach the page.
//! Secrets are in it as SHA-256 only. The file is locked while a cloud has it open.

mod load;
mod write;

pub(in crate::localcloud) use load::Loaded;
pub(in crate::localcloud) use write::Row;

use crate::localcloud::clock::Millis;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::time::Duration;

/// Marks the file as ours ("SpnC"), so that a wrong path does not become a cloud.
const APPLICATION_ID: i64 = 0x5370_6e43;
/// The form of the tables. A file with a larger number was written by a newer program.
const VERSION: i64 = 2;

/// The first form.
const SCHEMA: &str = "
CREATE TABLE installation (id TEXT PRIMARY KEY, token BLOB, last_update INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE session (id TEXT PRIMARY KEY, deleted_at INTEGER, body TEXT NOT NULL) STRICT;
CREATE TABLE message (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL,
                      ended INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX message_session ON message (session);
CREATE TABLE chunk (seq INTEGER PRIMARY KEY, message TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX chunk_message ON chunk (message);
CREATE TABLE task (seq INTEGER PRIMARY KEY, interaction TEXT NOT NULL, id TEXT NOT NULL, session TEXT NOT NULL,
                   created_by BLOB, finished_by BLOB, body TEXT NOT NULL, UNIQUE (interaction, id)) STRICT;
CREATE INDEX task_session ON task (session);
CREATE TABLE pending (installation TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, frame TEXT NOT NULL,
                      PRIMARY KEY (installation, number)) STRICT, WITHOUT ROWID;
CREATE TABLE answer (key BLOB PRIMARY KEY, body BLOB NOT NULL, at INTEGER NOT NULL, result TEXT NOT NULL) STRICT;
CREATE INDEX answer_at ON answer (at);
CREATE TABLE cookie (digest BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT;";

/// What the second form adds. One row for each question to the user, with the digest of the body that asked it.
const APPROVALS: &str = "
CREATE TABLE approval (id TEXT PRIMARY KEY, session TEXT NOT NULL, at INTEGER NOT NULL, asked_by BLOB NOT NULL,
                       body TEXT NOT NULL) STRICT;
CREATE INDEX approval_session ON approval (session);
CREATE INDEX approval_at ON approval (at);";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A newer version of this program wrote it.
    #[error("it was written by a newer version of this program (form {0}, this one reads {VERSION})")]
    Newer(i64),
    /// It is a database of another program.
    #[error("it belongs to another program")]
    Foreign,
    /// Another cloud has it open.
    #[error("another process has it open")]
    InUse,
    /// It cannot be opened, read or written, or is damaged.
    #[error("{0}")]
    Unreadable(String),
}

impl From<rusqlite::Error> for FileError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for FileError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(format!("a row is damaged: {error}"))
    }
}

/// The open file.
pub(in crate::localcloud) struct Persist {
    connection: Connection,
}

impl Persist {
    /// Opens or creates the file; without a path, keeps everything in memory.
    ///
    /// # Errors
    /// [`FileError`] says why the file cannot be used. It is unchanged then.
    pub(in crate::localcloud) fn open(path: Option<&Path>) -> Result<Self, FileError> {
        let connection = match path {
            None => Connection::open_in_memory()?,
            Some(path) => {
                create_private(path).map_err(|error| FileError::Unreadable(error.to_string()))?;
                Connection::open(path)?
            }
        };
        // A cloud that is just closing the file may take a moment.
        connection.busy_timeout(Duration::from_millis(500))?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // What is deleted is overwritten, or a chat could be read out of the free pages for ever.
        connection.pragma_update(None, "secure_delete", "ON")?;
        let mut this = Self { connection };
        this.prepare()?;
        Ok(this)
    }

    fn prepare(&mut self) -> Result<(), FileError> {
        let number = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let tables: i64 = self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let (owner, version) = (number("application_id")?, number("user_version")?);
        match (tables, owner) {
            (0, 0) | (_, APPLICATION_ID) => {}
            _ => return Err(FileError::Foreign),
        }
        if version > VERSION {
            return Err(FileError::Newer(version));
        }
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.set_prepared_statement_cache_capacity(32);
        // Also takes the exclusive lock, for as long as the connection lives.
        let change = self.connection.transaction()?;
        if version == 0 {
            change.execute_batch(SCHEMA)?;
            change.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        if version < 2 {
            change.execute_batch(APPROVALS)?;
        }
        change.pragma_update(None, "user_version", VERSION)?;
        change.commit()?;
        Ok(())
    }

    /// Writes all rows or none.
    pub(in crate::localcloud) fn save(&mut self, rows: &[Row]) -> rusqlite::Result<()> {
        let change = self.connection.transaction()?;
        for row in rows {
            write::write(&change, row)?;
        }
        change.commit()
    }

    /// Forgets what is too old to be asked for: answers, updates and cookies. Of the answers and of the questions to the
    /// user no more are kept than `keep` says, in this order.
    pub(in crate::localcloud) fn sweep(
        &mut self,
        answers: Millis,
        pending: Millis,
        cookies: Millis,
        keep: (u32, u32),
    ) -> rusqlite::Result<()> {
        let change = self.connection.transaction()?;
        change.execute("DELETE FROM answer WHERE at <= ?1", [write::signed(answers)])?;
        for (table, keep) in [("answer", keep.0), ("approval", keep.1)] {
            let newest = format!("SELECT at FROM {table} ORDER BY at DESC LIMIT 1 OFFSET ?1");
            change.execute(&format!("DELETE FROM {table} WHERE at < ({newest})"), [keep])?;
        }
        change.execute("DELETE FROM pending WHERE at <= ?1", [write::signed(pending)])?;
        change.execute("DELETE FROM cookie WHERE at <= ?1", [write::signed(cookies)])?;
        change.commit()
    }

    /// Writes rows that delete something, and empties the write-ahead log, which would still hold it.
    pub(in crate::localcloud) fn purge(&mut self, rows: &[Row]) -> rusqlite::Result<()> {
        self.save(rows)?;
        checkpoint(&self.connection)
    }

    /// Brings everything into the one file and lets go of it. Writing fails from then on.
    pub(in crate::localcloud) fn close(&mut self) -> rusqlite::Result<()> {
        let closed = Connection::open_in_memory()?;
        let connection = std::mem::replace(&mut self.connection, closed);
        checkpoint(&connection)?;
        connection.close().map_err(|(_, error)| error)
    }
}

/// Moves the write-ahead log into the file.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Makes the file if it is not there. It holds chats: nobody but its owner may read it.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
