//! Which agent a session chose.

use super::{Store, StoreError};
use crate::protocol::SessionId;
use rusqlite::OptionalExtension as _;

impl Store {
    /// Remembers that `agent` answers in a session from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn choose_agent(&self, session: &SessionId, agent: &str) -> Result<(), StoreError> {
        let (session, agent) = (session.to_string(), agent.to_owned());
        self.run(move |connection| {
            let mut statement = connection.prepare_cached("INSERT OR REPLACE INTO choices VALUES (?1, ?2)")?;
            statement.execute([session, agent]).map(drop)
        })
        .await
    }

    /// The agent that a session chose, if it did.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn agent_of(&self, session: &SessionId) -> Result<Option<String>, StoreError> {
        let session = session.to_string();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached("SELECT agent FROM choices WHERE session = ?1")?;
            statement.query_row([session], |row| row.get(0)).optional()
        })
        .await
    }
}
