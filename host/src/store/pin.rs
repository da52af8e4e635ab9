//! Sessions that stay with one version of an agent.

use super::inbox::parse;
use super::version::{Version, tidy};
use super::{Store, StoreError};

/// A session that stays with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The session.
    pub session: String,
    /// The version.
    pub version: Version,
}

impl Store {
    /// The sessions that stay with a version.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT session, body FROM pins JOIN versions ON versions.agent = pins.agent AND versions.id = pins.id",
            )?;
            let pins = statement
                .query_map([], |row| Ok(Pin { session: row.get(0)?, version: parse(&row.get::<_, String>(1)?)? }))?;
            pins.collect()
        })
        .await
    }

    /// A session stays with a version of an agent that is known, or with none any more. Whether it is known.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn pin(&self, session: &str, agent: &str, id: Option<&str>) -> Result<bool, StoreError> {
        let (session, agent, id) = (session.to_owned(), agent.to_owned(), id.map(str::to_owned));
        self.run(move |connection| {
            let Some(id) = id else {
                connection.execute("DELETE FROM pins WHERE session = ?1", [&session])?;
                return tidy(connection).map(|()| true);
            };
            let pin = "INSERT OR REPLACE INTO pins (session, agent, id)
                       SELECT ?1, agent, id FROM versions WHERE agent = ?2 AND id = ?3";
            Ok(connection.execute(pin, [session, agent, id])? == 1)
        })
        .await
    }
}
