//! The shapes of what agents keep: what is asked before a version takes over, and before its turns.

use super::state::{Drawer, note_wish};
use super::{Store, StoreError};
use rusqlite::{OptionalExtension as _, params};

/// The shapes of what an agent keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shapes {
    /// That of its own state; without any, the newest of its sessions'.
    pub now: Option<u32>,
    /// Whether it keeps nothing at all.
    pub is_empty: bool,
}

/// What is told of one drawer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The shape it has.
    pub schema: u32,
    /// That of what it was before, if this is kept.
    pub before: Option<u32>,
    /// That of what the agent keeps in all sessions.
    pub agents: Option<u32>,
}

impl Store {
    /// The shapes of what an agent keeps.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn shapes(&self, agent: &str) -> Result<Shapes, StoreError> {
        let agent = agent.to_owned();
        self.run(move |connection| {
            let now = "SELECT schema FROM drawers WHERE agent = ?1 AND live AND (session = '' OR entries > 0)
                       ORDER BY session <> '', schema DESC LIMIT 1";
            let some = "SELECT EXISTS (SELECT 1 FROM drawers WHERE agent = ?1 AND live AND entries > 0)";
            Ok(Shapes {
                now: connection.query_row(now, [&agent], |row| row.get(0)).optional()?,
                is_empty: !connection.query_row(some, [&agent], |row| row.get::<_, bool>(0))?,
            })
        })
        .await
    }

    /// Whether an agent keeps something for all sessions, or a turn wanted to while that was of another version's shape.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn keeps_for_all(&self, agent: &str) -> Result<bool, StoreError> {
        let agent = agent.to_owned();
        let kept = "SELECT EXISTS (SELECT 1 FROM drawers
                    WHERE agent = ?1 AND session = '' AND (entries > 0 OR live AND changes > 0))";
        self.run(move |connection| connection.query_row(kept, [agent], |row| row.get(0))).await
    }

    /// From now on an agent counts as one that keeps something for all sessions.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn keep_for_all(&self, agent: &str) -> Result<(), StoreError> {
        let drawer = Drawer::of_agent(agent);
        self.run(move |connection| note_wish(connection, &drawer)).await
    }

    /// Sessions in which an agent keeps something in another shape than this, those last used first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn sessions_behind(&self, agent: &str, schema: u32, most: u32) -> Result<Vec<String>, StoreError> {
        let agent = agent.to_owned();
        self.run(move |connection| {
            let mut sessions = connection.prepare(
                "SELECT session FROM drawers WHERE agent = ?1 AND session <> '' AND live AND entries > 0 AND schema <> ?2
                 ORDER BY (SELECT max(seq) FROM turns WHERE turns.session = drawers.session) DESC LIMIT ?3",
            )?;
            sessions.query_map(params![agent, schema, most], |row| row.get(0))?.collect()
        })
        .await
    }

    /// Whether anything is kept in another schema than this.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn has_other_schemas(&self, schema: u32) -> Result<bool, StoreError> {
        let other = "SELECT EXISTS (SELECT 1 FROM drawers WHERE schema <> ?1)";
        self.run(move |connection| connection.query_row(other, [schema], |row| row.get(0))).await
    }

    /// What is told of a drawer, if it was ever used.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn shape(&self, drawer: Drawer) -> Result<Option<Shape>, StoreError> {
        self.run_now(move |connection| {
            let mut shape = connection.prepare_cached(
                "SELECT schema,
                     (SELECT schema FROM drawers WHERE agent = ?1 AND session = ?2 AND NOT live),
                     (SELECT schema FROM drawers WHERE agent = ?1 AND session = '' AND live)
                 FROM drawers WHERE agent = ?1 AND session = ?2 AND live",
            )?;
            let shape = shape.query_row([&drawer.agent, &drawer.session], |row| {
                Ok(Shape { schema: row.get(0)?, before: row.get(1)?, agents: row.get(2)? })
            });
            shape.optional()
        })
        .await
    }
}
