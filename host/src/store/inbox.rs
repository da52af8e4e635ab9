//! Updates and turns, received once.

use super::{Receipt, Store, StoreError};
use crate::protocol::{InteractionId, MessageId, SessionId, UpdateId, UserMessage};
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

/// How many update ids are kept.
const KEPT_UPDATES: i64 = 10_000;
/// How many turns are kept, for history. One without an end is kept, however old.
const KEPT_TURNS: i64 = 100_000;

/// What an update brought that must be remembered.
#[derive(Debug, Clone, PartialEq)]
pub enum Brought {
    /// A user's message.
    Message(Box<UserMessage>),
    /// The user stopped the turns of a session that are not ended, or one of them.
    Cancel {
        /// The session.
        session: SessionId,
        /// The one turn.
        interaction: Option<InteractionId>,
    },
    /// Nothing.
    Nothing,
}

/// What a restart must know to tell a repeat from news.
#[derive(Debug, Default)]
pub struct Recent {
    /// Update ids, oldest first.
    pub updates: Vec<UpdateId>,
    /// Turns, oldest first.
    pub turns: Vec<(InteractionId, Option<MessageId>)>,
}

impl Store {
    /// Records an update, and what it brought. Repeats change nothing. Queued in order; when the receipt says so it is
    /// durable, and may be acked.
    pub async fn receive(&self, update: UpdateId, brought: Brought, now_ms: u64) -> Receipt<()> {
        self.queue(move |connection| receive(connection, &update, &brought, now_ms)).await
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

fn receive(connection: &Connection, update: &UpdateId, brought: &Brought, now_ms: u64) -> rusqlite::Result<()> {
    // What it brought first: an update that is recorded without it would never be looked at again.
    match brought {
        Brought::Message(message) => add(connection, message, now_ms)?,
        Brought::Cancel { session, interaction } => {
            // A repeat means the turns of its time, not those that came since.
            let mut cancel = connection.prepare_cached(
                "UPDATE turns SET cancelled = 1
                 WHERE session = ?1 AND interaction = ifnull(?2, interaction) AND answered_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM updates WHERE update_id = ?3)",
            )?;
            let interaction = interaction.as_ref().map(InteractionId::as_str);
            cancel.execute(params![session.as_str(), interaction, update.as_str()])?;
        }
        Brought::Nothing => {}
    }
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO updates (update_id) VALUES (?1)")?;
    if insert.execute([update.as_str()])? == 1 {
        let newest = connection.last_insert_rowid();
        connection.prepare_cached("DELETE FROM updates WHERE seq <= ?1")?.execute([newest - KEPT_UPDATES])?;
    }
    Ok(())
}

/// Adds a turn, and forgets the oldest.
pub(super) fn add(connection: &Connection, message: &UserMessage, now_ms: u64) -> rusqlite::Result<()> {
    let (interaction, id) = keys(message);
    let body = serde_json::to_string(message).expect("messages of strings and numbers always serialize");
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO turns (interaction, message, session, body, received_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    if insert.execute(params![interaction, id, message.session.as_str(), body, millis(now_ms)])? == 1 {
        let newest = connection.last_insert_rowid();
        let mut forget = connection.prepare_cached("DELETE FROM turns WHERE seq <= ?1 AND answered_at IS NOT NULL")?;
        forget.execute([newest - KEPT_TURNS])?;
    }
    Ok(())
}

pub(super) fn keys(message: &UserMessage) -> (String, String) {
    let id = message.message.as_ref().map_or_else(String::new, ToString::to_string);
    (message.interaction.to_string(), id)
}

/// Reads a record back.
pub(super) fn parse<T: DeserializeOwned>(body: &str) -> rusqlite::Result<T> {
    serde_json::from_str(body)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into()))
}

pub(super) fn millis(now_ms: u64) -> i64 {
    i64::try_from(now_ms).unwrap_or(i64::MAX)
}
