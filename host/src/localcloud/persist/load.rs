//! Reads the whole file at the start.

use super::{FileError, Persist};
use crate::localcloud::clock::Millis;
use crate::localcloud::secret::Digest;
use crate::localcloud::state::approval::Approval;
use crate::localcloud::state::record::{Installation, Message, Session, Task};
use crate::localcloud::state::repeat::{Answer, Key};
use crate::protocol::InstallationId;
use rusqlite::Row;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Everything that the file holds, each list oldest first.
pub(in crate::localcloud) struct Loaded {
    /// With the digest of its token and the number of its newest update.
    pub(in crate::localcloud) installations: Vec<(Installation, Option<Digest>, u64)>,
    /// With the time of its deletion.
    pub(in crate::localcloud) sessions: Vec<(Session, Option<Millis>)>,
    pub(in crate::localcloud) messages: Vec<Message>,
    pub(in crate::localcloud) tasks: Vec<Task>,
    pub(in crate::localcloud) approvals: Vec<Approval>,
    /// Installation, number, time and frame of the updates that were not acked.
    pub(in crate::localcloud) pending: Vec<(InstallationId, u64, Millis, String)>,
    pub(in crate::localcloud) answers: Vec<Answer>,
    pub(in crate::localcloud) cookies: Vec<(Digest, Millis)>,
}

impl Persist {
    /// Reads everything.
    ///
    /// # Errors
    /// [`FileError::Unreadable`] when a row does not hold what it should.
    pub(in crate::localcloud) fn load(&self) -> Result<Loaded, FileError> {
        Ok(Loaded {
            installations: self.read("SELECT body, token, last_update FROM installation ORDER BY rowid", |row| {
                Ok((body(row, 0)?, digest(row, 1)?, number(row, 2)?))
            })?,
            sessions: self.read("SELECT body, deleted_at FROM session ORDER BY rowid", |row| {
                let deleted_at = row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs);
                Ok((body(row, 0)?, deleted_at))
            })?,
            messages: self.messages()?,
            tasks: self.read("SELECT body, created_by, finished_by FROM task ORDER BY seq", |row| {
                let task: Task = body(row, 0)?;
                Ok(Task { created_by: digest(row, 1)?, finished_by: digest(row, 2)?, ..task })
            })?,
            approvals: self.read("SELECT body, asked_by FROM approval ORDER BY at", |row| {
                Ok(Approval { asked_by: Digest(row.get(1)?), ..body(row, 0)? })
            })?,
            pending: self.read("SELECT installation, number, at, frame FROM pending ORDER BY 1, 2", |row| {
                let id = InstallationId::try_from(row.get::<_, String>(0)?);
                let id = id.map_err(|error| FileError::Unreadable(error.to_string()))?;
                Ok((id, number(row, 1)?, number(row, 2)?, row.get(3)?))
            })?,
            answers: self.read("SELECT key, body, at, result FROM answer ORDER BY at", |row| {
                let key = Key { id: Digest(row.get(0)?), body: Digest(row.get(1)?) };
                Ok(Answer { key, at: number(row, 2)?, result: body(row, 3)? })
            })?,
            cookies: self
                .read("SELECT digest, at FROM cookie ORDER BY at", |row| Ok((Digest(row.get(0)?), number(row, 1)?)))?,
        })
    }

    fn messages(&self) -> Result<Vec<Message>, FileError> {
        let mut chunks: HashMap<String, (String, u64)> = HashMap::new();
        for (message, text) in self.read("SELECT message, text FROM chunk ORDER BY seq", |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })? {
            let (all, count) = chunks.entry(message).or_default();
            all.push_str(&text);
            *count += 1;
        }
        self.read("SELECT body, ended FROM message ORDER BY seq", |row| {
            let mut message = Message { ended: row.get(1)?, ..body(row, 0)? };
            if let Some((text, count)) = chunks.remove(message.message_id.as_str()) {
                message.text.push_str(&text);
                message.deltas += count;
            }
            Ok(message)
        })
    }

    fn read<T>(&self, sql: &str, read: impl FnMut(&Row<'_>) -> Result<T, FileError>) -> Result<Vec<T>, FileError> {
        self.connection.prepare(sql)?.query_and_then([], read)?.collect()
    }
}

fn body<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, FileError> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)?)
}

fn digest(row: &Row<'_>, column: usize) -> Result<Option<Digest>, FileError> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Digest))
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, FileError> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}
