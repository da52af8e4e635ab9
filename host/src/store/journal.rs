//! What turns sent: noted before it is sent, so that a later process knows what may have arrived.

use super::inbox::{add, keys, millis, parse};
use super::{Store, StoreError};
use crate::protocol::{Outgoing, UserMessage};
use rusqlite::{Connection, params};
use std::sync::Arc;

/// A turn whose bubble was not ended when the process ended.
#[derive(Debug, PartialEq)]
pub struct Unfinished {
    /// What the user said.
    pub message: UserMessage,
    /// What may have been sent but its opening, in order. What stands before the last has arrived, or was given up.
    pub sent: Vec<Outgoing>,
    /// How often a start has run it again.
    pub reruns: u32,
    /// Whether its user stopped it.
    pub cancelled: bool,
    /// Whether it has done something that would be done again.
    pub touched: bool,
    /// When it was received, in milliseconds since the epoch.
    pub received_ms: u64,
}

impl Store {
    /// Notes that a turn is about to send a request, its `number`th from 0.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn note(
        &self,
        message: &UserMessage,
        number: u32,
        request: &Outgoing,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let (interaction, id) = keys(message);
        let request = serde_json::to_string(request).expect("requests of strings and numbers always serialize");
        let note = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(
                "INSERT INTO sent (turn, number, request)
                 SELECT seq, ?3, ?4 FROM turns WHERE interaction = ?1 AND message = ?2",
            )?;
            statement.execute(params![interaction, id, number, request]).map(|notes| notes > 0)
        };
        if self.run_now(note.clone()).await? {
            return Ok(());
        }
        self.add_late(message, now_ms).await?;
        self.run_now(note).await.map(drop)
    }

    /// Records the end of a turn's bubble, and what it finally said.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn finish(
        &self,
        message: &UserMessage,
        answer: String,
        by: Option<String>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let (interaction, id) = keys(message);
        // Not copied for a second try.
        let answer = Arc::new(answer);
        let finish = move |connection: &Connection| {
            let mut finish = connection.prepare_cached(
                "UPDATE turns SET answer = ?3, answered_at = ?4, version = ?5
                 WHERE interaction = ?1 AND message = ?2 RETURNING seq",
            )?;
            let mut forget = connection.prepare_cached("DELETE FROM sent WHERE turn = ?1")?;
            let turns = finish.query_map(params![interaction, id, *answer, millis(now_ms), by], |row| row.get(0))?;
            let turns = turns.collect::<rusqlite::Result<Vec<i64>>>()?;
            turns.iter().try_for_each(|turn| forget.execute([turn]).map(drop))?;
            Ok(!turns.is_empty())
        };
        if self.run(finish.clone()).await? {
            return Ok(());
        }
        self.add_late(message, now_ms).await?;
        self.run(finish).await.map(drop)
    }

    /// Adds a turn whose update could not be recorded, and is tried again: that must find what became of it meanwhile.
    async fn add_late(&self, message: &UserMessage, now_ms: u64) -> Result<(), StoreError> {
        let message = message.clone();
        self.run(move |connection| add(connection, &message, now_ms)).await
    }

    /// Notes that the turn of an interaction is about to do something that would be done again if it ran again.
    ///
    /// # Errors
    /// When the file cannot be written: then it must not be done.
    pub async fn touch(&self, interaction: String) -> Result<(), StoreError> {
        self.run_now(move |connection| touch(connection, &interaction)).await
    }

    /// Records that a turn is run again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn run_again(&self, message: &UserMessage) -> Result<(), StoreError> {
        let (interaction, id) = keys(message);
        self.run(move |connection| {
            let rerun = "UPDATE turns SET reruns = reruns + 1 WHERE interaction = ?1 AND message = ?2";
            connection.execute(rerun, [interaction, id]).map(drop)
        })
        .await
    }

    /// Turns whose bubble was not ended when the process ended, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, StoreError> {
        self.run(|connection| {
            let mut turns = connection.prepare(
                "SELECT seq, body, reruns, cancelled, touched, received_at FROM turns
                 WHERE answered_at IS NULL ORDER BY seq",
            )?;
            let mut turns = turns.query([])?;
            let mut unfinished = Vec::new();
            while let Some(row) = turns.next()? {
                // A row that makes no sense must not keep the host from starting.
                let Ok(message) = parse(&row.get::<_, String>(1)?).inspect_err(tell) else { continue };
                let sent = sent(connection, row.get(0)?)?;
                let (reruns, cancelled, touched) = (row.get(2)?, row.get(3)?, row.get(4)?);
                let received_ms = u64::try_from(row.get::<_, i64>(5)?).unwrap_or_default();
                unfinished.push(Unfinished { message, sent, reruns, cancelled, touched, received_ms });
            }
            Ok(unfinished)
        })
        .await
    }
}

pub(super) fn touch(connection: &Connection, interaction: &str) -> rusqlite::Result<()> {
    let mut touch = connection.prepare_cached("UPDATE turns SET touched = 1 WHERE interaction = ?1")?;
    touch.execute([interaction]).map(drop)
}

/// What a turn sent, up to the first that cannot be read.
fn sent(connection: &Connection, turn: i64) -> rusqlite::Result<Vec<Outgoing>> {
    let mut requests = connection.prepare_cached("SELECT request FROM sent WHERE turn = ?1 ORDER BY number")?;
    let requests = requests.query_map([turn], |row| row.get::<_, String>(0))?;
    let requests = requests.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(requests.iter().map_while(|request| parse(request).inspect_err(tell).ok()).collect())
}

fn tell(error: &rusqlite::Error) {
    tracing::error!("a record of a turn cannot be read and is left out: {error}");
}
