//! Which versions of agents answer, may answer again, or must not be tried again.

use super::carry::{Carried, Put, forget_before, loses, put_agents, restore, whole};
use super::inbox::{millis, parse};
use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Barred versions of one agent that are remembered: the first of them give way, in the order of their names.
const MAX_BARRED: i64 = 100;

/// A version of an agent, as far as it takes to make it ready again. Its component is kept beside, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Tells it from all other versions.
    pub id: String,
    /// For people: what its manifest says.
    pub label: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// Its manifest's text.
    pub manifest: String,
    /// Where it was found.
    pub origin: PathBuf,
}

/// Who answers for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The agent's name.
    pub agent: String,
    /// The version that answers.
    pub current: Version,
    /// The one that did before, if it is still known.
    pub previous: Option<Version>,
    /// Whether the current one is still on trial.
    pub on_trial: bool,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// A version that is not to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barred {
    /// The agent's name.
    pub agent: String,
    /// The version's.
    pub id: String,
    /// Why.
    pub why: String,
}

impl Store {
    /// Who answers for each agent.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn posts(&self) -> Result<Vec<Post>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT posts.agent, now.body, before.body, on_trial, since FROM posts
                 JOIN versions AS now ON now.agent = posts.agent AND now.id = current
                 LEFT JOIN versions AS before ON before.agent = posts.agent AND before.id = previous",
            )?;
            let posts = statement.query_map([], |row| {
                let previous: Option<String> = row.get(2)?;
                Ok(Post {
                    agent: row.get(0)?,
                    current: parse(&row.get::<_, String>(1)?)?,
                    previous: previous.as_deref().map(parse).transpose()?,
                    on_trial: row.get(3)?,
                    since_ms: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
                })
            })?;
            posts.collect()
        })
        .await
    }

    /// A version takes over: from now on it answers, and the one that did is the one before. What the agent keeps is in its
    /// new shape from then on, if it has one. Not done if somebody wrote to it since it was copied.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing has changed.
    pub async fn appoint(
        &self,
        agent: &str,
        version: Version,
        on_trial: bool,
        state: Option<Carried>,
        now_ms: u64,
    ) -> Result<Put, StoreError> {
        let agent = agent.to_owned();
        self.weigh(state.as_ref().map_or(0, Carried::size));
        self.run(move |connection| {
            whole(connection, |connection| {
                let put = change_state(connection, &agent, &version, state.as_ref())?;
                if put != Put::Done {
                    return Ok(put);
                }
                keep(connection, &agent, &version)?;
                // While the one before is on trial, the one to go back to is still the one before that: unless it is that
                // one which takes over again.
                let mut appoint = connection.prepare_cached(
                    "INSERT INTO posts (agent, current, on_trial, since) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (agent) DO UPDATE SET
                         previous = CASE WHEN current = ?2 OR (on_trial AND previous IS NOT NULL) THEN nullif(previous, ?2)
                                         ELSE current END,
                         current = ?2, on_trial = ?3, since = ?4",
                )?;
                appoint.execute(params![agent, version.id, on_trial, millis(now_ms)])?;
                tidy(connection).map(|()| Put::Done)
            })
        })
        .await
    }

    /// The trial of this version is over, and it stays, if it is the one that answers. What the agent kept before it stays
    /// beside until the next version takes over: somebody may go back by hand.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing has changed.
    pub async fn pass(&self, agent: &str, id: &str) -> Result<(), StoreError> {
        let (agent, id) = (agent.to_owned(), id.to_owned());
        let pass = "UPDATE posts SET on_trial = 0 WHERE agent = ?1 AND current = ?2";
        self.run(move |connection| connection.execute(pass, [&agent, &id]).map(drop)).await
    }

    /// The version before answers again, with what the agent kept then, and the one that did is barred for this reason.
    /// Whether it was done: not, unless `restore`, where what was kept since would be lost.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing has changed.
    pub async fn go_back(
        &self,
        agent: &str,
        to: Version,
        why: &str,
        now_ms: u64,
        restore_state: bool,
    ) -> Result<bool, StoreError> {
        let (agent, why) = (agent.to_owned(), why.to_owned());
        self.run(move |connection| {
            whole(connection, |connection| {
                if !restore_state && loses(connection, &agent)? {
                    return Ok(false);
                }
                let current = "SELECT current FROM posts WHERE agent = ?1";
                let current = connection.query_row(current, [&agent], |row| row.get::<_, String>(0)).optional()?;
                if let Some(current) = current {
                    bar(connection, &agent, &current, &why)?;
                }
                restore(connection, &agent)?;
                keep(connection, &agent, &to)?;
                let back = "UPDATE posts SET current = ?2, previous = NULL, on_trial = 0, since = ?3 WHERE agent = ?1";
                connection.execute(back, params![agent, to.id, millis(now_ms)])?;
                tidy(connection).map(|()| true)
            })
        })
        .await
    }

    /// All versions of an agent may be tried again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn unbar(&self, agent: &str) -> Result<(), StoreError> {
        self.of_agent("DELETE FROM barred WHERE agent = ?1", agent).await
    }

    /// The versions that are not to be tried again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn barred(&self) -> Result<Vec<Barred>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT agent, id, why FROM barred")?;
            let rows =
                statement.query_map([], |row| Ok(Barred { agent: row.get(0)?, id: row.get(1)?, why: row.get(2)? }))?;
            rows.collect()
        })
        .await
    }

    /// The versions of an agent that are still known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn versions(&self, agent: &str) -> Result<Vec<Version>, StoreError> {
        let agent = agent.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare("SELECT body FROM versions WHERE agent = ?1")?;
            let versions = statement.query_map([agent], |row| parse(&row.get::<_, String>(0)?))?;
            versions.collect()
        })
        .await
    }

    /// Forgets an agent's versions, its pins, and who answered for it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn dismiss(&self, agent: &str) -> Result<(), StoreError> {
        let agent = agent.to_owned();
        self.run(move |connection| {
            forget_before(connection, &agent)?;
            for table in ["posts", "pins", "barred"] {
                connection.execute(&format!("DELETE FROM {table} WHERE agent = ?1"), [&agent])?;
            }
            tidy(connection)
        })
        .await
    }

    /// The digests of the components that are still needed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn needed(&self) -> Result<Vec<String>, StoreError> {
        self.run(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT body ->> '$.digest' FROM versions")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
        .await
    }

    async fn of_agent(&self, sql: &'static str, agent: &str) -> Result<(), StoreError> {
        let agent = agent.to_owned();
        self.run(move |connection| connection.prepare_cached(sql)?.execute([agent]).map(drop)).await
    }
}

/// Puts what an agent keeps into its new shape. What it was before is kept if there is a version to go back to; what was
/// before that one is not needed any more, unless it is on trial itself and another one takes over.
fn change_state(
    connection: &Connection,
    agent: &str,
    version: &Version,
    state: Option<&Carried>,
) -> rusqlite::Result<Put> {
    let now = "SELECT on_trial AND previous IS NOT NULL, on_trial AND previous IS ?2 FROM posts
               WHERE agent = ?1 AND current <> ?2";
    let now = connection.query_row(now, [agent, &version.id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    // On trial there is an older one; that may be the one which comes back.
    if let Some((false, _) | (_, true)) = now {
        forget_before(connection, agent)?;
    }
    let goes_back = matches!(now, Some((_, false)));
    state.map_or(Ok(Put::Done), |carried| put_agents(connection, agent, carried, goes_back))
}

fn keep(connection: &Connection, agent: &str, version: &Version) -> rusqlite::Result<()> {
    let body = serde_json::to_string(version).expect("text always serializes");
    let mut keep =
        connection.prepare_cached("INSERT OR REPLACE INTO versions (agent, id, body) VALUES (?1, ?2, ?3)")?;
    keep.execute([agent, &version.id, &body]).map(drop)
}

fn bar(connection: &Connection, agent: &str, id: &str, why: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR REPLACE INTO barred (agent, id, why) VALUES (?1, ?2, ?3)", [agent, id, why])?;
    let forget = "DELETE FROM barred WHERE agent = ?1 AND id <> ?2 AND id NOT IN
                  (SELECT id FROM barred WHERE agent = ?1 ORDER BY id DESC LIMIT ?3)";
    connection.execute(forget, params![agent, id, MAX_BARRED]).map(drop)
}

/// Forgets the versions that nobody needs any more.
pub(super) fn tidy(connection: &Connection) -> rusqlite::Result<()> {
    let forget = "DELETE FROM versions WHERE
        NOT EXISTS (SELECT 1 FROM posts WHERE posts.agent = versions.agent AND versions.id IN (current, previous))
        AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.agent = versions.agent AND pins.id = versions.id)";
    connection.execute(forget, []).map(drop)
}

#[cfg(test)]
mod tests;
