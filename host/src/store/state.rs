//! What agents keep from turn to turn: keys with values, each in the drawer of an agent or of its session.
//!
//! How much fits is the caller's to say. The look at what is there and the change are one: nothing comes between.

use super::{Store, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Values above this are written by the store's thread, in bytes: copying them is too long for one on which others wait.
const SMALL: usize = 4 << 10;

/// Whose state: an agent's, in one session or in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Drawer {
    agent: String,
    /// Empty for all, as no session is.
    session: String,
}

impl Drawer {
    /// That of an agent in all sessions.
    pub fn of_agent(agent: &str) -> Self {
        Self { agent: agent.to_owned(), session: String::new() }
    }

    /// That of an agent in one session.
    pub fn of_session(agent: &str, session: &str) -> Self {
        Self { agent: agent.to_owned(), session: session.to_owned() }
    }
}

/// How much a drawer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Keys.
    pub entries: u32,
    /// Bytes of keys and values together.
    pub bytes: u32,
}

/// What is to become of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// What it must hold for anything to happen.
    pub expected: Expected,
    /// Its new value; none deletes it.
    pub new: Option<Vec<u8>>,
}

/// What a key must hold to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it holds.
    Anything,
    /// This value, or nothing.
    Exactly(Option<Vec<u8>>),
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// The key holds something else than was expected.
    Differs,
    /// There would be too many keys.
    TooMany,
    /// There would be too many bytes.
    TooLarge,
}

impl Store {
    /// What a key holds.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn recall(&self, drawer: Drawer, key: String) -> Result<Option<Vec<u8>>, StoreError> {
        self.run_now(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT value FROM drawers JOIN entries ON drawer = id WHERE agent = ?1 AND session = ?2 AND key = ?3",
            )?;
            statement.query_row(params![drawer.agent, drawer.session, key], |row| row.get(0)).optional()
        })
        .await
    }

    /// Changes one key, if it holds what is expected and there is room.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn change(&self, drawer: Drawer, change: Change, most: Capacity) -> Result<Changed, StoreError> {
        let size = change.new.as_ref().map_or(0, Vec::len);
        self.weigh(size);
        let job = move |connection: &Connection| alter(connection, &drawer, change, most);
        if size > SMALL { self.run(job).await } else { self.run_now(job).await }
    }

    /// The keys that begin with `prefix` and come after `after`, in the order of their bytes: at most `most`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn keys(
        &self,
        drawer: Drawer,
        prefix: String,
        after: String,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        self.run_now(move |connection| {
            // One bound, which the index finds, and not whichever of two it takes.
            let from = if after > prefix { &after } else { &prefix };
            let mut statement = connection.prepare_cached(
                "SELECT key FROM drawers JOIN entries ON drawer = id
                 WHERE agent = ?1 AND session = ?2 AND key >= ?3 AND key <> ?4 ORDER BY key LIMIT ?5",
            )?;
            let keys = statement
                .query_map(params![drawer.agent, drawer.session, from, after, most], |row| row.get::<_, String>(0))?;
            // Those with the prefix stand together, and first.
            keys.take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(&prefix))).collect()
        })
        .await
    }
}

/// What a drawer holds, and what stands under one of its keys.
struct Found {
    drawer: i64,
    entries: u32,
    bytes: u32,
    /// Bytes of the key and its value.
    old: Option<u32>,
    is_expected: bool,
}

impl Found {
    /// Whether an entry of so many bytes may take the place of the old one. What does not grow always may.
    fn admits(&self, size: usize, most: Capacity) -> Changed {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let old = self.old.unwrap_or(0);
        match self.old {
            None if self.entries >= most.entries => Changed::TooMany,
            _ if size > old && self.bytes.saturating_sub(old).saturating_add(size) > most.bytes => Changed::TooLarge,
            _ => Changed::Done,
        }
    }
}

fn alter(connection: &Connection, drawer: &Drawer, change: Change, most: Capacity) -> rusqlite::Result<Changed> {
    let found = find(connection, drawer, &change)?;
    let is_there = found.as_ref().is_some_and(|found| found.old.is_some());
    let fits = match &change.expected {
        Expected::Anything => true,
        Expected::Exactly(None) => !is_there,
        Expected::Exactly(Some(_)) => found.as_ref().is_some_and(|found| found.is_expected),
    };
    if !fits {
        return Ok(Changed::Differs);
    }
    let Some(value) = change.new else {
        if let Some(found) = found.filter(|_| is_there) {
            let mut delete = connection.prepare_cached("DELETE FROM entries WHERE drawer = ?1 AND key = ?2")?;
            delete.execute(params![found.drawer, change.key])?;
        }
        return Ok(Changed::Done);
    };
    let found = found.map_or_else(|| make(connection, drawer), Ok)?;
    let admitted = found.admits(change.key.len() + value.len(), most);
    if admitted == Changed::Done {
        let mut set = connection.prepare_cached(
            "INSERT INTO entries (drawer, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (drawer, key) DO UPDATE SET value = excluded.value",
        )?;
        set.execute(params![found.drawer, change.key, value])?;
    }
    Ok(admitted)
}

/// The drawer, if it was ever used, and the key in it.
fn find(connection: &Connection, drawer: &Drawer, change: &Change) -> rusqlite::Result<Option<Found>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, drawers.entries, bytes, octet_length(key) + octet_length(value), ifnull(value = ?4, 0)
         FROM drawers LEFT JOIN entries ON drawer = id AND key = ?3 WHERE agent = ?1 AND session = ?2",
    )?;
    let expected = match &change.expected {
        Expected::Exactly(value) => value.as_deref(),
        Expected::Anything => None,
    };
    let found = statement.query_row(params![drawer.agent, drawer.session, change.key, expected], |row| {
        let (drawer, entries, bytes) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Found { drawer, entries, bytes, old: row.get(3)?, is_expected: row.get(4)? })
    });
    found.optional()
}

/// Makes a drawer for its first entry. One that stays empty does no harm.
fn make(connection: &Connection, drawer: &Drawer) -> rusqlite::Result<Found> {
    let mut insert = connection.prepare_cached("INSERT INTO drawers (agent, session) VALUES (?1, ?2)")?;
    let drawer = insert.insert(params![drawer.agent, drawer.session])?;
    Ok(Found { drawer, entries: 0, bytes: 0, old: None, is_expected: false })
}

#[cfg(test)]
mod tests;
