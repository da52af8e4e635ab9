//! State across versions: a drawer is copied, made into another shape elsewhere, and put in its place; what it was before
//! is kept beside it for as long as one can go back.

use super::state::Drawer;
use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};

/// A drawer was carried over to another shape than that of the version who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The shape that it has now.
    pub schema: u32,
}

/// What a drawer holds, copied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its shape.
    pub schema: u32,
    /// Keys with values.
    pub entries: Vec<(String, Vec<u8>)>,
    /// Which drawer it was, and how often it had been written to.
    seen: Option<(i64, i64)>,
}

/// A drawer in another shape, to be put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    from: u32,
    to: u32,
    entries: Vec<(String, Vec<u8>)>,
    seen: Option<(i64, i64)>,
}

/// What came of putting a drawer in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there.
    Done,
    /// Somebody wrote to it since it was copied.
    Changed,
    /// The agent's state has this shape, which is another one.
    Elsewhere(u32),
}

impl Contents {
    /// Of a drawer that nobody ever used, in this shape.
    pub fn none(schema: u32) -> Self {
        Self { schema, ..Self::default() }
    }

    /// What becomes of it in another shape.
    pub fn carried(&self, to: u32, entries: Vec<(String, Vec<u8>)>) -> Carried {
        Carried { from: self.schema, to, entries, seen: self.seen }
    }
}

impl Store {
    /// A copy of what a drawer holds, whatever its shape.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn contents(&self, drawer: Drawer) -> Result<Contents, StoreError> {
        self.run(move |connection| {
            let Some((seen, schema)) = live(connection, &drawer)? else { return Ok(Contents::none(drawer.schema)) };
            let mut entries = connection.prepare_cached("SELECT key, value FROM entries WHERE drawer = ?1")?;
            let entries = entries.query_map([seen.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Contents { schema, entries: entries.collect::<rusqlite::Result<_>>()?, seen: Some(seen) })
        })
        .await
    }

    /// Puts a drawer in its place. Of a session, keeping what it was before if one can go back. That of an agent is changed
    /// with a post ([`Store::appoint`]), unless there is none to go back to.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing has changed.
    pub async fn carry(&self, drawer: Drawer, carried: Carried) -> Result<Put, StoreError> {
        self.weigh(carried.size());
        self.run(move |connection| {
            whole(connection, |connection| {
                let agent = Drawer::of_agent(&drawer.agent);
                if drawer == agent.clone().of_schema(drawer.schema) {
                    return put(connection, &drawer, &carried, false);
                }
                if let Some((_, schema)) = live(connection, &agent)?.filter(|(_, schema)| *schema != carried.to) {
                    return Ok(Put::Elsewhere(schema));
                }
                let keeps = "SELECT EXISTS (SELECT 1 FROM drawers WHERE agent = ?1 AND session = '' AND NOT live)";
                let keeps = connection.query_row(keeps, [&drawer.agent], |row| row.get(0))?;
                put(connection, &drawer, &carried, keeps)
            })
        })
        .await
    }

    /// Gives a session back what its drawer was before it was carried over from this shape, unless somebody wrote to it
    /// since. Whether it did.
    ///
    /// # Errors
    /// When the file cannot be written. Then nothing has changed.
    pub async fn give_back(&self, drawer: Drawer) -> Result<bool, StoreError> {
        self.run(move |connection| {
            whole(connection, |connection| {
                let gone = "DELETE FROM drawers WHERE agent = ?1 AND session = ?2 AND live AND changes = 0 AND EXISTS
                    (SELECT 1 FROM drawers WHERE agent = ?1 AND session = ?2 AND NOT live AND schema = ?3)";
                if connection.execute(gone, params![drawer.agent, drawer.session, drawer.schema])? == 0 {
                    return Ok(false);
                }
                let back = "UPDATE drawers SET live = 1 WHERE agent = ?1 AND session = ?2";
                connection.execute(back, [&drawer.agent, &drawer.session]).map(|_| true)
            })
        })
        .await
    }
}

impl Carried {
    /// Bytes of its values.
    pub(super) fn size(&self) -> usize {
        self.entries.iter().map(|(_, value)| value.len()).sum()
    }
}

/// Puts an agent's own drawer in its place, as a version takes over from one that one can go back to, or from none.
pub(super) fn put_agents(
    connection: &Connection,
    agent: &str,
    carried: &Carried,
    keeps: bool,
) -> rusqlite::Result<Put> {
    put(connection, &Drawer::of_agent(agent), carried, keeps)
}

fn put(connection: &Connection, drawer: &Drawer, carried: &Carried, keeps: bool) -> rusqlite::Result<Put> {
    let seen = live(connection, drawer)?.map(|(seen, _)| seen);
    if seen != carried.seen {
        return Ok(Put::Changed);
    }
    let (agent, session) = (&drawer.agent, &drawer.session);
    if keeps {
        // Unless there is one of the version that one would go back to, over another that was tried in between.
        let keep = "UPDATE OR IGNORE drawers SET live = 0 WHERE agent = ?1 AND session = ?2 AND live";
        connection.execute(keep, [agent, session])?;
        let none = "INSERT OR IGNORE INTO drawers (agent, session, live, schema) VALUES (?1, ?2, 0, ?3)";
        connection.execute(none, params![agent, session, carried.from])?;
    }
    connection.execute("DELETE FROM drawers WHERE agent = ?1 AND session = ?2 AND live", [agent, session])?;
    let make = "INSERT INTO drawers (agent, session, schema) VALUES (?1, ?2, ?3)";
    let id = connection.prepare_cached(make)?.insert(params![agent, session, carried.to])?;
    fill(connection, id, &carried.entries)?;
    connection.execute("UPDATE drawers SET changes = 0 WHERE id = ?1", [id]).map(|_| Put::Done)
}

fn fill(connection: &Connection, drawer: i64, entries: &[(String, Vec<u8>)]) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached("INSERT INTO entries (drawer, key, value) VALUES (?1, ?2, ?3)")?;
    entries.iter().try_for_each(|(key, value)| add.execute(params![drawer, key, value]).map(drop))
}

/// The drawer that is live: which, how often it was written to, and its shape.
fn live(connection: &Connection, drawer: &Drawer) -> rusqlite::Result<Option<((i64, i64), u32)>> {
    let mut live = connection
        .prepare_cached("SELECT id, changes, schema FROM drawers WHERE agent = ?1 AND session = ?2 AND live")?;
    let row = live.query_row([&drawer.agent, &drawer.session], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
    row.optional()
}

/// All that an agent keeps is as it was before the version on trial: what that one wrote is gone.
pub(super) fn restore(connection: &Connection, agent: &str) -> rusqlite::Result<()> {
    let gone = "DELETE FROM drawers WHERE agent = ?1 AND live
                AND session IN (SELECT session FROM drawers WHERE agent = ?1 AND NOT live)";
    connection.execute(gone, [agent])?;
    let back = connection.execute("UPDATE drawers SET live = 1 WHERE agent = ?1 AND NOT live", [agent])?;
    if back == 0 {
        // What is empty has every shape.
        connection.execute("DELETE FROM drawers WHERE agent = ?1 AND entries = 0", [agent])?;
    }
    Ok(())
}

/// Whether something was kept, beside what is as it was before, that [`restore`] takes away.
pub(super) fn loses(connection: &Connection, agent: &str) -> rusqlite::Result<bool> {
    let kept = "SELECT EXISTS (SELECT 1 FROM drawers AS now JOIN drawers AS before USING (agent, session)
                WHERE agent = ?1 AND now.live AND now.changes > 0 AND now.entries > 0 AND NOT before.live)";
    connection.query_row(kept, [agent], |row| row.get(0))
}

/// There is no way back any more.
pub(super) fn forget_before(connection: &Connection, agent: &str) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM drawers WHERE agent = ?1 AND NOT live", [agent]).map(drop)
}

/// What is told of a job, if it is to be taken back when it did not do all.
pub(super) trait Outcome {
    /// Whether it did all.
    fn is_done(&self) -> bool;
}

impl Outcome for Put {
    fn is_done(&self) -> bool {
        *self == Self::Done
    }
}

impl Outcome for bool {
    fn is_done(&self) -> bool {
        *self
    }
}

impl Outcome for () {
    fn is_done(&self) -> bool {
        true
    }
}

/// Does a job as a whole or not at all: other jobs share its transaction.
pub(super) fn whole<T: Outcome>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT whole")?;
    let done = job(connection);
    let end = match &done {
        Ok(outcome) if outcome.is_done() => "RELEASE whole",
        _ => "ROLLBACK TO whole; RELEASE whole",
    };
    connection.execute_batch(end)?;
    done
}

#[cfg(test)]
mod tests;
