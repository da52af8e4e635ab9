//! What agents keep from turn to turn: keys with values, each in the drawer of an agent or of its session.
//!
//! How much fits is the caller's to say. The look at what is there and the change are one: nothing comes between.

use super::carry::Moved;
use super::{Store, StoreError};
pub use change::{Capacity, Change, Changed, Expected};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Whose state: an agent's, in one session or in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Drawer {
    pub(super) agent: String,
    /// Empty for all, as no session is.
    pub(super) session: String,
    /// The shape that the version who asks keeps it in.
    pub(super) schema: u32,
}

impl Drawer {
    /// That of an agent in all sessions.
    pub fn of_agent(agent: &str) -> Self {
        Self { agent: agent.to_owned(), session: String::new(), schema: 1 }
    }

    /// That of an agent in one session.
    pub fn of_session(agent: &str, session: &str) -> Self {
        Self { agent: agent.to_owned(), session: session.to_owned(), schema: 1 }
    }

    /// The same, as a version sees it that keeps it in this shape.
    #[must_use]
    pub fn of_schema(self, schema: u32) -> Self {
        Self { schema, ..self }
    }
}

impl Store {
    /// What a key holds. Of a drawer that was carried over, what it held before, as long as that is kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn recall(&self, drawer: Drawer, key: String) -> Result<Result<Option<Vec<u8>>, Moved>, StoreError> {
        self.run_for(drawer, 0, move |connection, drawer| {
            let Some(id) = (match locate(connection, drawer)?.to_read() {
                Ok(id) => id,
                Err(moved) => return Ok(Err(moved)),
            }) else {
                return Ok(Ok(None));
            };
            let mut value = connection.prepare_cached("SELECT value FROM entries WHERE drawer = ?1 AND key = ?2")?;
            value.query_row(params![id, key], |row| row.get(0)).optional().map(Ok)
        })
        .await
    }

    /// Changes one key, if it holds what is expected and there is room.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn change(&self, drawer: Drawer, change: Change, most: Capacity) -> Result<Changed, StoreError> {
        let size = change.new.as_ref().map_or(0, Vec::len);
        let alter = move |connection: &Connection, drawer: &Drawer| alter(connection, drawer, change, most);
        let changed = self.run_for(drawer, size, alter).await;
        if let Ok(Changed::Done) = changed {
            self.weigh(size);
        }
        changed
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
    ) -> Result<Result<Vec<String>, Moved>, StoreError> {
        self.run_for(drawer, 0, move |connection, drawer| {
            let id = match locate(connection, drawer)?.to_read() {
                Ok(id) => id,
                Err(moved) => return Ok(Err(moved)),
            };
            // One bound, which the index finds, and not whichever of two it takes.
            let from = if after > prefix { &after } else { &prefix };
            let mut statement = connection.prepare_cached(
                "SELECT key FROM entries WHERE drawer = ?1 AND key >= ?2 AND key <> ?3 ORDER BY key LIMIT ?4",
            )?;
            let keys = statement.query_map(params![id, from, after, most], |row| row.get::<_, String>(0))?;
            // Those with the prefix stand together, and first.
            keys.take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(&prefix)))
                .collect::<Result<_, _>>()
                .map(Ok)
        })
        .await
    }
}

/// Which drawer is meant.
enum Place {
    /// None was ever used.
    None,
    /// The one that is live.
    Live(Found),
    /// What it held before it was carried over to this shape.
    Before(i64, Moved),
    /// None: it has this shape now.
    Moved(Moved),
}

impl Place {
    /// The drawer to read, if there is any.
    fn to_read(&self) -> Result<Option<i64>, Moved> {
        match self {
            Self::None => Ok(None),
            Self::Live(found) => Ok(Some(found.drawer)),
            Self::Before(drawer, _) => Ok(Some(*drawer)),
            Self::Moved(moved) => Err(*moved),
        }
    }
}

fn locate(connection: &Connection, drawer: &Drawer) -> rusqlite::Result<Place> {
    let mut statement = connection.prepare_cached(
        "SELECT id, live, schema, entries, bytes FROM drawers WHERE agent = ?1 AND session = ?2 ORDER BY live DESC",
    )?;
    let mut rows = statement.query([&drawer.agent, &drawer.session])?;
    let Some(live) = rows.next()?.filter(|row| row.get(1).unwrap_or(false)) else { return Ok(Place::None) };
    let found = Found { drawer: live.get(0)?, entries: live.get(3)?, bytes: live.get(4)? };
    let schema = live.get(2)?;
    if schema == drawer.schema {
        return Ok(Place::Live(found));
    }
    match rows.next()? {
        Some(before) if before.get::<_, u32>(2)? == drawer.schema => {
            Ok(Place::Before(before.get(0)?, Moved { schema }))
        }
        _ => Ok(Place::Moved(Moved { schema })),
    }
}

/// What a drawer holds.
struct Found {
    drawer: i64,
    entries: u32,
    bytes: u32,
}

/// What stands under a key.
struct Entry {
    /// Bytes of the key and its value, if there is any.
    old: Option<u32>,
    is_expected: bool,
}

impl Entry {
    /// Whether it is what somebody expects.
    fn fits(&self, expected: &Expected) -> bool {
        match expected {
            Expected::Anything => true,
            Expected::Exactly(None) => self.old.is_none(),
            Expected::Exactly(Some(_)) => self.is_expected,
        }
    }
}

impl Found {
    /// Whether an entry of so many bytes may take the place of the old one. What does not grow always may.
    fn admits(&self, entry: &Entry, size: usize, most: Capacity) -> Changed {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let old = entry.old.unwrap_or(0);
        match entry.old {
            None if self.entries >= most.entries => Changed::TooMany,
            _ if size > old && self.bytes.saturating_sub(old).saturating_add(size) > most.bytes => Changed::TooLarge,
            _ => Changed::Done,
        }
    }
}

fn alter(connection: &Connection, drawer: &Drawer, change: Change, most: Capacity) -> rusqlite::Result<Changed> {
    let found = match locate(connection, drawer)? {
        Place::None => None,
        Place::Live(found) => Some(found),
        Place::Before(_, moved) => return note_wish(connection, drawer).map(|()| Changed::Moved(moved)),
        Place::Moved(moved) => return Ok(Changed::Moved(moved)),
    };
    let entry = match &found {
        Some(found) => find(connection, found.drawer, &change)?,
        None => Entry { old: None, is_expected: false },
    };
    if !entry.fits(&change.expected) {
        return Ok(Changed::Differs);
    }
    let Some(value) = change.new else {
        if let Some(found) = found.filter(|_| entry.old.is_some()) {
            let mut delete = connection.prepare_cached("DELETE FROM entries WHERE drawer = ?1 AND key = ?2")?;
            delete.execute(params![found.drawer, change.key])?;
        }
        return Ok(Changed::Done);
    };
    let found = match found {
        Some(found) => found,
        None => match make(connection, drawer)? {
            Ok(found) => found,
            Err(moved) => return Ok(Changed::Moved(moved)),
        },
    };
    let admitted = found.admits(&entry, change.key.len() + value.len(), most);
    if admitted == Changed::Done {
        let mut set = connection.prepare_cached(
            "INSERT INTO entries (drawer, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (drawer, key) DO UPDATE SET value = excluded.value",
        )?;
        set.execute(params![found.drawer, change.key, value])?;
    }
    Ok(admitted)
}

/// A turn wanted to keep something for all sessions where nothing is kept, in a shape that it has not any more: from now on
/// both versions cannot go on side by side ([`Store::keeps_for_all`]).
pub(super) fn note_wish(connection: &Connection, drawer: &Drawer) -> rusqlite::Result<()> {
    let mut note = connection.prepare_cached(
        "UPDATE drawers SET changes = changes + 1 WHERE agent = ?1 AND session = '' AND ?2 = '' AND live AND entries = 0",
    )?;
    note.execute([&drawer.agent, &drawer.session]).map(drop)
}

fn find(connection: &Connection, drawer: i64, change: &Change) -> rusqlite::Result<Entry> {
    let mut statement = connection.prepare_cached(
        "SELECT octet_length(key) + octet_length(value), ifnull(value = ?3, 0) FROM entries WHERE drawer = ?1 AND key = ?2",
    )?;
    let expected = match &change.expected {
        Expected::Exactly(value) => value.as_deref(),
        Expected::Anything => None,
    };
    let found = statement.query_row(params![drawer, change.key, expected], |row| {
        Ok(Entry { old: row.get(0)?, is_expected: row.get(1)? })
    });
    Ok(found.optional()?.unwrap_or(Entry { old: None, is_expected: false }))
}

/// Makes a drawer for its first entry, unless the agent's state has gone back to an older shape since. One that stays
/// empty does no harm.
fn make(connection: &Connection, drawer: &Drawer) -> rusqlite::Result<Result<Found, Moved>> {
    let mut ask = connection.prepare_cached("SELECT schema FROM drawers WHERE agent = ?1 AND session = '' AND live")?;
    let now: Option<u32> = ask.query_row([&drawer.agent], |row| row.get(0)).optional()?;
    if let Some(schema) = now.filter(|schema| *schema < drawer.schema) {
        return Ok(Err(Moved { schema }));
    }
    // What a version on trial begins is not there for the one before: going back takes it away.
    let mut nothing = connection.prepare_cached(
        "INSERT OR IGNORE INTO drawers (agent, session, live, schema) SELECT agent, ?2, 0, schema FROM drawers
         WHERE agent = ?1 AND session = '' AND NOT live AND schema <> ?3 AND ?2 <> ''",
    )?;
    nothing.execute(params![drawer.agent, drawer.session, drawer.schema])?;
    let mut insert = connection.prepare_cached("INSERT INTO drawers (agent, session, schema) VALUES (?1, ?2, ?3)")?;
    let drawer = insert.insert(params![drawer.agent, drawer.session, drawer.schema])?;
    Ok(Ok(Found { drawer, entries: 0, bytes: 0 }))
}

mod change;
#[cfg(test)]
mod tests;
