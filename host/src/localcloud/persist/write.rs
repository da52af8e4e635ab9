//! Writes single rows.

use crate::localcloud::clock::Millis;
use crate::localcloud::secret::Digest;
use crate::localcloud::state::approval::Approval;
use crate::localcloud::state::record::{Installation, Message, Session, Task};
use crate::localcloud::state::repeat;
use crate::protocol::{InstallationId, MessageId, SessionId};
use rusqlite::{ToSql, Transaction, params};

/// One change of the file.
pub(in crate::localcloud) enum Row {
    Installation {
        body: Installation,
        token: Option<Digest>,
        last_update: u64,
    },
    Session {
        body: Session,
        deleted_at: Option<Millis>,
    },
    Message(Message),
    /// Text that a delta appended to a message.
    Chunk {
        message: MessageId,
        text: String,
    },
    Task(Task),
    Approval(Approval),
    Pending {
        installation: InstallationId,
        number: u64,
        at: Millis,
        frame: String,
    },
    /// Updates of the installation up to and with this number are done.
    Acked {
        installation: InstallationId,
        up_to: u64,
    },
    Answer(repeat::Key, Millis, String),
    Cookie(Digest, Millis),
    NoCookie(Digest),
    /// A deleted session is forgotten for good.
    Purged(SessionId),
}

const INSTALLATION: &str = "INSERT INTO installation VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET token = excluded.token, last_update = excluded.last_update, body = excluded.body";
const SESSION: &str = "INSERT INTO session VALUES (?1, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET deleted_at = excluded.deleted_at, body = excluded.body";
const MESSAGE: &str = "INSERT INTO message (id, session, ended, body) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, body = excluded.body";
const TASK: &str = "INSERT INTO task (interaction, id, session, created_by, finished_by, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (interaction, id) DO UPDATE
    SET created_by = excluded.created_by, finished_by = excluded.finished_by, body = excluded.body";
const APPROVAL: &str = "INSERT INTO approval VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const PURGE: [&str; 5] = [
    "DELETE FROM approval WHERE session = ?1",
    "DELETE FROM chunk WHERE message IN (SELECT id FROM message WHERE session = ?1)",
    "DELETE FROM message WHERE session = ?1",
    "DELETE FROM task WHERE session = ?1",
    "DELETE FROM session WHERE id = ?1",
];

/// Writes one row, over an older one of the same thing.
pub(super) fn write(change: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    let run = |sql, values: &[&dyn ToSql]| change.prepare_cached(sql)?.execute(values).map(drop);
    match row {
        Row::Installation { body, token, last_update } => {
            let id = body.installation_id.as_str();
            run(INSTALLATION, params![id, blob(token.as_ref()), signed(*last_update), json(body)])
        }
        Row::Session { body, deleted_at } => {
            run(SESSION, params![body.session_id.as_str(), deleted_at.map(signed), json(body)])
        }
        Row::Message(body) => {
            let id = body.message_id.as_str();
            run(MESSAGE, params![id, body.session_id.as_str(), body.ended, json(body)])?;
            // The body holds the whole text now.
            run("DELETE FROM chunk WHERE message = ?1", params![id])
        }
        Row::Chunk { message, text } => {
            run("INSERT INTO chunk (message, text) VALUES (?1, ?2)", params![message.as_str(), text])
        }
        Row::Task(task) => write_task(change, task),
        Row::Approval(approval) => write_approval(change, approval),
        Row::Pending { installation, number, at, frame } => {
            let values = params![installation.as_str(), signed(*number), signed(*at), frame];
            run("INSERT INTO pending VALUES (?1, ?2, ?3, ?4)", values)
        }
        Row::Acked { installation, up_to } => {
            let values = params![installation.as_str(), signed(*up_to)];
            run("DELETE FROM pending WHERE installation = ?1 AND number <= ?2", values)
        }
        Row::Answer(key, at, result) => {
            let values = params![key.id.0.as_slice(), key.body.0.as_slice(), signed(*at), result];
            run("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3, ?4)", values)
        }
        Row::Cookie(digest, at) => run("INSERT INTO cookie VALUES (?1, ?2)", params![digest.0.as_slice(), signed(*at)]),
        Row::NoCookie(digest) => run("DELETE FROM cookie WHERE digest = ?1", params![digest.0.as_slice()]),
        Row::Purged(session) => PURGE.into_iter().try_for_each(|sql| run(sql, params![session.as_str()])),
    }
}

fn write_task(change: &Transaction<'_>, task: &Task) -> rusqlite::Result<()> {
    let (interaction, id, session) = (&task.interaction_id, &task.task_id, &task.session_id);
    let (created, finished) = (blob(task.created_by.as_ref()), blob(task.finished_by.as_ref()));
    let values = params![interaction.as_str(), id.as_str(), session.as_str(), created, finished, json(task)];
    change.prepare_cached(TASK)?.execute(values).map(drop)
}

fn write_approval(change: &Transaction<'_>, approval: &Approval) -> rusqlite::Result<()> {
    let (id, session) = (approval.approval_id.as_str(), approval.session_id.as_str());
    let values = params![id, session, signed(approval.ts), blob(Some(&approval.asked_by)), json(approval)];
    change.prepare_cached(APPROVAL)?.execute(values).map(drop)
}

/// SQLite's integers are signed; milliseconds and update numbers stay far below the border.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn json<T: serde::Serialize>(thing: &T) -> String {
    serde_json::to_string(thing).expect("records are plain data and always serialize")
}

fn blob(digest: Option<&Digest>) -> Option<&[u8]> {
    digest.map(|digest| digest.0.as_slice())
}
