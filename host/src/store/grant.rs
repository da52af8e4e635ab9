//! What may be done without asking again.

use super::audit::append;
use super::inbox::{millis, parse};
use super::{Entry, Store, StoreError};
use crate::grant::{Ask, Asker, Grant, Regrant, Wants};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::sync::Arc;

/// Grants that are kept. One more is refused: somebody should look at them.
const MAX_GRANTS: i64 = 10_000;

/// What grants say to an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// This one allows it.
    Allows(String),
    /// One allowed it to an earlier version of the agent, which wanted less: what more, in words.
    Lapsed(String),
    /// Nothing.
    Silent,
}

/// A new grant's name.
pub fn grant_id() -> String {
    format!("g{:010x}", rand::random::<u64>() >> 24)
}

impl Store {
    /// Keeps a grant, and writes down that it was given. Whether there was room for it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn add_grant(&self, grant: Grant, entry: Entry, now_ms: u64) -> Result<bool, StoreError> {
        self.run(move |connection| {
            forget_ended(connection, now_ms)?;
            if count(connection)? >= MAX_GRANTS && forget_used_up(connection)? == 0 {
                return Ok(false);
            }
            let body = serde_json::to_string(&grant).expect("text and numbers always serialize");
            let mut insert = connection
                .prepare_cached("INSERT INTO grants (id, agent, body, uses_left, until) VALUES (?1, ?2, ?3, ?4, ?5)")?;
            insert.execute(params![grant.id, grant.agent, body, grant.uses_left, grant.until_ms.map(millis)])?;
            append(connection, &entry, now_ms).map(|_| true)
        })
        .await
    }

    /// What the grants say to an ask. One that allows it is used up by one use, and goes over to a new version of its
    /// agent that wants no more than the one before.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub async fn use_grant(
        &self,
        by: (&str, &str, &str),
        wants: &Arc<Wants>,
        ask: &Ask,
        now_ms: u64,
    ) -> Result<Standing, StoreError> {
        let (agent, digest, session) = (by.0.to_owned(), by.1.to_owned(), by.2.to_owned());
        let (wants, ask) = (wants.clone(), ask.clone());
        self.run(move |connection| {
            forget_ended(connection, now_ms)?;
            let mut lapsed = None;
            for grant in of(connection, &agent)? {
                let by = Asker { agent: &agent, digest: &grant.digest, session: &session };
                if !grant.allows(by, &ask, now_ms) {
                    continue;
                }
                if grant.digest != digest {
                    match grant.regrant(&wants) {
                        Regrant::Keep => hand_over(connection, &grant, &digest)?,
                        Regrant::Ask { difference } => {
                            lapsed = Some(difference);
                            continue;
                        }
                    }
                }
                let used = "UPDATE grants SET uses_left = uses_left - 1 WHERE id = ?1 AND uses_left IS NOT NULL";
                connection.prepare_cached(used)?.execute([&grant.id])?;
                return Ok(Standing::Allows(grant.id));
            }
            Ok(lapsed.map_or(Standing::Silent, Standing::Lapsed))
        })
        .await
    }

    /// Whether a grant still stands. One that is used up stands for what it was last used for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn has_grant(&self, id: &str, now_ms: u64) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| {
            let stands = "SELECT 1 FROM grants WHERE id = ?1 AND (until IS NULL OR until > ?2)";
            let mut find = connection.prepare_cached(stands)?;
            find.query_row(params![id, millis(now_ms)], |_| Ok(())).optional().map(|found| found.is_some())
        })
        .await
    }

    /// All grants that have not ended, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn grants(&self, now_ms: u64) -> Result<Vec<Grant>, StoreError> {
        self.run(move |connection| {
            forget_ended(connection, now_ms)?;
            let mut grants = connection.prepare_cached("SELECT body, uses_left FROM grants")?;
            let mut grants = read(&mut grants, [])?;
            grants.sort_by(|a, b| (a.made_ms, &a.id).cmp(&(b.made_ms, &b.id)));
            Ok(grants)
        })
        .await
    }

    /// Takes a grant back, and writes that down. Whether it was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn revoke_grant(&self, id: &str, by: &str, now_ms: u64) -> Result<bool, StoreError> {
        let entry = Entry::Revoked { grant: id.to_owned(), by: by.to_owned() };
        let id = id.to_owned();
        self.run(move |connection| {
            if connection.execute("DELETE FROM grants WHERE id = ?1", [id])? == 0 {
                return Ok(false);
            }
            connection.execute("UPDATE revocations SET count = count + 1", [])?;
            append(connection, &entry, now_ms).map(|_| true)
        })
        .await
    }

    /// Takes back all that an agent may do, and forgets what it keeps, unless that is to be kept.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn forget_agent(&self, agent: &str, by: &str, keep_state: bool, now_ms: u64) -> Result<(), StoreError> {
        let (agent, by) = (agent.to_owned(), by.to_owned());
        self.run(move |connection| {
            let mut revoke = connection.prepare("DELETE FROM grants WHERE agent = ?1 RETURNING id")?;
            let revoked = revoke.query_map([&agent], |row| row.get::<_, String>(0))?;
            for grant in revoked.collect::<rusqlite::Result<Vec<_>>>()? {
                connection.execute("UPDATE revocations SET count = count + 1", [])?;
                append(connection, &Entry::Revoked { grant, by: by.clone() }, now_ms)?;
            }
            if !keep_state {
                connection.execute("DELETE FROM drawers WHERE agent = ?1", [&agent])?;
            }
            connection.execute("DELETE FROM choices WHERE agent = ?1", [&agent]).map(drop)
        })
        .await
    }

    /// How often something was taken back.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn revocations(&self) -> Result<u32, StoreError> {
        self.run(|connection| connection.query_row("SELECT count FROM revocations", [], |row| row.get::<_, u32>(0)))
            .await
    }
}

/// Binds a grant to a new version of its agent.
fn hand_over(connection: &Connection, grant: &Grant, digest: &str) -> rusqlite::Result<()> {
    let grant = Grant { digest: digest.to_owned(), ..grant.clone() };
    let body = serde_json::to_string(&grant).expect("text and numbers always serialize");
    connection.prepare_cached("UPDATE grants SET body = ?2 WHERE id = ?1")?.execute([grant.id, body]).map(drop)
}

fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM grants", [], |row| row.get(0))
}

/// Forgets grants that are used up; says how many. What still runs by one ends by that, so it is done at a start, and where
/// there is no room for another.
pub(super) fn forget_used_up(connection: &Connection) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM grants WHERE uses_left = 0", [])
}

/// Forgets grants that have ended by time.
fn forget_ended(connection: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM grants WHERE until <= ?1")?.execute([millis(now_ms)]).map(drop)
}

fn of(connection: &Connection, agent: &str) -> rusqlite::Result<Vec<Grant>> {
    let mut grants =
        connection.prepare_cached("SELECT body, uses_left FROM grants WHERE agent = ?1 AND uses_left IS NOT 0")?;
    read(&mut grants, [agent])
}

/// Reads grants. One that makes no sense allows nothing.
fn read(statement: &mut rusqlite::Statement<'_>, by: impl rusqlite::Params) -> rusqlite::Result<Vec<Grant>> {
    let rows = statement.query_map(by, |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<u32>>(1)?)))?;
    let mut grants = Vec::new();
    for row in rows {
        let (body, uses_left) = row?;
        match parse::<Grant>(&body) {
            Ok(grant) => grants.push(Grant { uses_left, ..grant }),
            Err(error) => tracing::error!("a grant cannot be read and is left out: {error}"),
        }
    }
    Ok(grants)
}

#[cfg(test)]
mod tests;
