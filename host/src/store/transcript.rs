//! What was said in a session, for agents that ask for history.

use super::inbox::{keys, parse};
use super::{Store, StoreError};
use crate::protocol::UserMessage;
use rusqlite::params;

/// One message of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its id: the user's message, or the interaction for the answer to it.
    pub id: String,
    /// Whose it is.
    pub by: Speaker,
    /// What it says.
    pub text: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The person.
    User,
    /// The agent.
    Agent,
}

/// Turns of a session whose versions are told: the newest.
const MAX_TOLD: u32 = 5_000;

impl Store {
    /// Which version of which agent answered in a session, in words, by interaction: oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn versions_of(&self, session: &str) -> Result<Vec<(String, String)>, StoreError> {
        let session = session.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT interaction, version FROM turns WHERE session = ?1 AND version IS NOT NULL
                 ORDER BY seq DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![session, MAX_TOLD], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut told = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            told.reverse();
            Ok(told)
        })
        .await
    }

    /// All sessions that something is known of.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sessions(&self) -> Result<Vec<String>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT session FROM turns")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })
        .await
    }

    /// What was said in the session before `message`, newest last: at most `messages` of at most `bytes` of text.
    /// Whole messages only; older ones give way.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn history(&self, message: &UserMessage, messages: u32, bytes: u64) -> Result<Vec<Said>, StoreError> {
        if messages == 0 {
            return Ok(Vec::new());
        }
        let (interaction, id) = keys(message);
        let session = message.session.to_string();
        let rows = self.run(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT body, received_at, answer, answered_at FROM turns
                 WHERE session = ?1 AND answered_at IS NOT NULL AND NOT (interaction = ?2 AND message = ?3)
                 ORDER BY seq DESC LIMIT ?4",
            )?;
            let rows = statement.query_map(params![session, interaction, id, messages], |row| {
                let at = |column| row.get::<_, i64>(column).map(|at| u64::try_from(at).unwrap_or(0));
                Ok((parse::<UserMessage>(&row.get::<_, String>(0)?)?, at(1)?, row.get::<_, String>(2)?, at(3)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let newest_first = rows.await?.into_iter().flat_map(|(message, at_ms, answer, answered_ms)| {
            let answer =
                Said { id: message.interaction.to_string(), by: Speaker::Agent, text: answer, at_ms: answered_ms };
            let id = message.message.as_ref().map_or_else(String::new, ToString::to_string);
            [answer, Said { id, by: Speaker::User, text: message.text, at_ms }]
        });
        let mut left = bytes;
        let mut kept: Vec<Said> = newest_first
            .take(messages as usize)
            .take_while(|said| {
                let fits = said.text.len() as u64 <= left;
                left = left.saturating_sub(said.text.len() as u64);
                fits
            })
            .collect();
        kept.reverse();
        Ok(kept)
    }
}
