//! Updates and turns: received once, ended once.

use super::{Receipt, Store, StoreError};
use crate::protocol::{InteractionId, MessageId, UpdateId, UserMessage};
use rusqlite::{Connection, params};

/// How many update ids are kept.
const KEPT_UPDATES: i64 = 10_000;
/// How many turns are kept, for history. One without an end is kept, however old.
const KEPT_TURNS: i64 = 100_000;

/// What a restart must know to tell a repeat from news.
#[derive(Debug, Default)]
pub struct Recent {
    /// Update ids, oldest first.
    pub updates: Vec<UpdateId>,
    /// Turns, oldest first.
    pub turns: Vec<(InteractionId, Option<MessageId>)>,
}

impl Store {
    /// Records an update, with the user's message if it brought one. Repeats change nothing. Queued in order; when
    /// the receipt says so it is durable, and may be acked.
    pub async fn receive(&self, update: UpdateId, message: Option<UserMessage>, now_ms: u64) -> Receipt<()> {
        self.queue(move |connection| receive(connection, &update, message.as_ref(), now_ms)).await
    }

    /// Records the end of a turn's bubble, and what it finally said.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn finish(&self, message: &UserMessage, answer: String, now_ms: u64) -> Result<(), StoreError> {
        let (interaction, id) = keys(message);
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE turns SET answer = ?3, answered_at = ?4 WHERE interaction = ?1 AND message = ?2",
            )?;
            statement.execute(params![interaction, id, answer, millis(now_ms)]).map(drop)
        })
        .await
    }

    /// Turns whose bubble was not ended when the process ended, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<UserMessage>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT body FROM turns WHERE answered_at IS NULL ORDER BY seq")?;
            let bodies = statement.query_map([], |row| row.get::<_, String>(0))?;
            let bodies = bodies.collect::<rusqlite::Result<Vec<_>>>()?;
            // A row that makes no sense must not keep the host from starting.
            Ok(bodies.iter().filter_map(|body| parse(body).inspect_err(tell).ok()).collect())
        })
        .await
    }

    /// The last updates and turns.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn recent(&self) -> Result<Recent, StoreError> {
        self.run(|connection| {
            let mut updates = connection.prepare("SELECT update_id FROM updates ORDER BY seq")?;
            let updates = updates.query_map([], |row| row.get::<_, String>(0))?;
            let mut turns = connection.prepare(
                "SELECT interaction, message FROM (SELECT * FROM turns ORDER BY seq DESC LIMIT ?1) ORDER BY seq",
            )?;
            let turns =
                turns.query_map([KEPT_UPDATES], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            Ok(Recent {
                updates: updates.filter_map(|id| UpdateId::try_from(id.ok()?).ok()).collect(),
                turns: turns
                    .filter_map(|row| {
                        let (interaction, message) = row.ok()?;
                        Some((InteractionId::try_from(interaction).ok()?, MessageId::try_from(message).ok()))
                    })
                    .collect(),
            })
        })
        .await
    }
}

fn receive(
    connection: &Connection,
    update: &UpdateId,
    message: Option<&UserMessage>,
    now_ms: u64,
) -> rusqlite::Result<()> {
    // The message first: an update that is recorded without it would never be looked at again.
    if let Some(message) = message {
        let (interaction, id) = keys(message);
        let body = serde_json::to_string(message).expect("messages of strings and numbers always serialize");
        let mut insert = connection.prepare_cached(
            "INSERT OR IGNORE INTO turns (interaction, message, session, body, received_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        if insert.execute(params![interaction, id, message.session.as_str(), body, millis(now_ms)])? == 1 {
            let newest = connection.last_insert_rowid();
            connection
                .prepare_cached("DELETE FROM turns WHERE seq <= ?1 AND answered_at IS NOT NULL")?
                .execute([newest - KEPT_TURNS])?;
        }
    }
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO updates (update_id) VALUES (?1)")?;
    if insert.execute([update.as_str()])? == 1 {
        let newest = connection.last_insert_rowid();
        connection.prepare_cached("DELETE FROM updates WHERE seq <= ?1")?.execute([newest - KEPT_UPDATES])?;
    }
    Ok(())
}

pub(super) fn keys(message: &UserMessage) -> (String, String) {
    let id = message.message.as_ref().map_or_else(String::new, ToString::to_string);
    (message.interaction.to_string(), id)
}

pub(super) fn parse(body: &str) -> rusqlite::Result<UserMessage> {
    serde_json::from_str(body)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into()))
}

fn tell(error: &rusqlite::Error) {
    tracing::error!("a recorded turn cannot be read and is left out: {error}");
}

fn millis(now_ms: u64) -> i64 {
    i64::try_from(now_ms).unwrap_or(i64::MAX)
}
