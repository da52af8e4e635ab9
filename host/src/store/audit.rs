//! Who asked for what, who decided, and what happened: only ever appended to, each entry sealed with those before it.
//!
//! A seal is SHA-256 over what stands in the file, without a key: it shows a change whose maker did not seal anew all that
//! comes after it. Who compares the head with one that was kept elsewhere sees any change before that.

use super::grant::forget_used_up;
use super::inbox::{millis, parse};
use super::{Store, StoreError};
use crate::grant::Capability;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What came of a deed that the host did not live to see the end of.
const UNKNOWN: &str = "not known, as the host stopped meanwhile";
/// Entries that are looked through at once.
const CHUNK: i64 = 1_000;

/// What is written down. All text is bounded and escaped by who writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// An agent wanted to do something, and it was decided whether it may.
    Decided {
        /// The agent.
        agent: String,
        /// SHA-256 of its component, in hex.
        digest: String,
        /// The session.
        session: String,
        /// The turn.
        interaction: String,
        /// `http`, `exec`, …
        capability: String,
        /// What exactly.
        what: String,
        /// Whether it may.
        allowed: bool,
        /// Who said so: a rule by its place, a grant by its id, `a person` with what they said, the manifest.
        by: String,
    },
    /// What came of a deed that was allowed.
    Done {
        /// The entry of the decision.
        decision: i64,
        /// What came of it.
        outcome: String,
    },
    /// Something is allowed from now on.
    Granted {
        /// The grant.
        grant: String,
        /// What it covers, in words.
        covers: String,
        /// Who gave it.
        by: String,
    },
    /// A grant was taken back.
    Revoked {
        /// The grant.
        grant: String,
        /// Who took it back.
        by: String,
    },
}

/// An entry as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Its number, from 1.
    pub number: i64,
    /// When it was written, in milliseconds since the epoch.
    pub at_ms: u64,
    /// What it says.
    pub entry: Entry,
}

/// Whether the log is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// Each entry fits those before it. What was cut off at the end, or sealed anew from some entry on, cannot be seen
    /// from within: keep the head somewhere else to compare.
    Whole {
        /// How many there are.
        entries: i64,
        /// The last entry's seal, in hex.
        head: String,
    },
    /// This entry was changed, or one before it was changed or taken out.
    Broken {
        /// The first that does not fit.
        at: i64,
    },
}

impl Store {
    /// Appends an entry; gives its number.
    ///
    /// # Errors
    /// When the file cannot be written: then what it is about must not happen.
    pub async fn audit(&self, entry: Entry, now_ms: u64) -> Result<i64, StoreError> {
        self.decided(entry, None, now_ms).await
    }

    /// Notes a question that a person is about to be asked; gives its number. Should this process end before the
    /// decision is written down, the next one writes `unanswered`.
    ///
    /// # Errors
    /// When the file cannot be written: then nobody must be asked.
    pub async fn asking(&self, unanswered: Entry) -> Result<i64, StoreError> {
        self.run(move |connection| {
            connection.prepare_cached("INSERT INTO interrupted (body) VALUES (?1)")?.execute([body(&unanswered)])?;
            Ok(connection.last_insert_rowid())
        })
        .await
    }

    /// Appends a decision, of the question of this number if a person was asked; gives the decision's number.
    ///
    /// # Errors
    /// When the file cannot be written: then what it is about must not happen.
    pub async fn decided(&self, entry: Entry, asked: Option<i64>, now_ms: u64) -> Result<i64, StoreError> {
        self.run(move |connection| {
            if let Some(asked) = asked {
                connection.prepare_cached("DELETE FROM interrupted WHERE id = ?1")?.execute([asked])?;
            }
            if let Some(interaction) = deed_of(&entry) {
                super::journal::touch(connection, interaction)?;
            }
            let number = append(connection, &entry, now_ms)?;
            expect_end(connection, &entry, number)?;
            Ok(number)
        })
        .await
    }

    /// Writes down what an earlier process did not live to: that what it asked was not done, and that nobody knows what
    /// came of what it did. How much that was. With it go the grants that it used up.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub async fn close_interrupted(&self, now_ms: u64) -> Result<usize, StoreError> {
        self.run(move |connection| {
            let mut all = connection.prepare("DELETE FROM interrupted RETURNING id, body")?;
            let all = all.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
            let mut all = all.collect::<rusqlite::Result<Vec<_>>>()?;
            all.sort_unstable();
            // What ran by grants that are used up has ended with it.
            forget_used_up(connection)?;
            for (_, body) in &all {
                // One that makes no sense must not keep the host from starting.
                match parse(body) {
                    Ok(entry) => drop(append(connection, &entry, now_ms)?),
                    Err(error) => tracing::error!("cannot read what an earlier process was about to do: {error}"),
                }
            }
            Ok(all.len())
        })
        .await
    }

    /// At most `max` entries after this number, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn audit_after(&self, number: i64, max: u32) -> Result<Vec<Sealed>, StoreError> {
        self.run(move |connection| {
            let mut entries =
                connection.prepare_cached("SELECT seq, at, body FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
            let rows = entries.query_map([number, i64::from(max)], |row| {
                let (number, at, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Sealed { number, at_ms: u64::try_from(at).unwrap_or_default(), entry: parse(&body)? })
            })?;
            rows.collect()
        })
        .await
    }

    /// Looks whether the log is as it was written.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn check_audit(&self) -> Result<Seal, StoreError> {
        let (mut number, mut head) = (0, [0; 32]);
        loop {
            let (start, before) = (number, head);
            let looked = self.run(move |connection| look(connection, start, before)).await?;
            match looked {
                Err(at) => return Ok(Seal::Broken { at }),
                Ok((last, _)) if last == number => {
                    return Ok(Seal::Whole { entries: number, head: crate::text::hex(&head) });
                }
                Ok((last, seal)) => (number, head) = (last, seal),
            }
        }
    }
}

/// The turn that is about to do something, if this entry lets it. That a folder is given is no deed: what is done with it
/// is noted as it is done, and it has no end.
fn deed_of(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::Decided { allowed: true, interaction, capability, .. } => {
            (capability != Capability::Files.as_str()).then_some(interaction)
        }
        _ => None,
    }
}

/// A deed that is allowed has an outcome, which is written down by this process or by the next.
fn expect_end(connection: &Connection, entry: &Entry, number: i64) -> rusqlite::Result<()> {
    match entry {
        Entry::Decided { .. } if deed_of(entry).is_some() => {
            let unknown = Entry::Done { decision: number, outcome: UNKNOWN.to_owned() };
            let mut insert = connection.prepare_cached("INSERT INTO interrupted (decision, body) VALUES (?1, ?2)")?;
            insert.execute(params![number, body(&unknown)]).map(drop)
        }
        Entry::Done { decision, .. } => {
            connection.prepare_cached("DELETE FROM interrupted WHERE decision = ?1")?.execute([decision]).map(drop)
        }
        Entry::Decided { .. } | Entry::Granted { .. } | Entry::Revoked { .. } => Ok(()),
    }
}

fn body(entry: &Entry) -> String {
    serde_json::to_string(entry).expect("text always serializes")
}

/// Appends an entry; gives its number.
pub(super) fn append(connection: &Connection, entry: &Entry, now_ms: u64) -> rusqlite::Result<i64> {
    let (body, at) = (body(entry), millis(now_ms));
    let mut last = connection.prepare_cached("SELECT seq, seal FROM audit ORDER BY seq DESC LIMIT 1")?;
    let last = last.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))).optional()?;
    let (number, before) = last.unwrap_or((0, [0; 32]));
    let number = number + 1;
    let mut insert = connection.prepare_cached("INSERT INTO audit (seq, at, body, seal) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![number, at, body, seal(&before, number, at, &body)])?;
    Ok(number)
}

/// Goes on with the check behind an entry; gives the last that was looked at and its seal, or the first that is wrong.
fn look(connection: &Connection, start: i64, before: [u8; 32]) -> rusqlite::Result<Result<(i64, [u8; 32]), i64>> {
    let mut entries =
        connection.prepare_cached("SELECT seq, at, body, seal FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = entries.query([start, CHUNK])?;
    let (mut number, mut head) = (start, before);
    while let Some(row) = rows.next()? {
        let (seq, at, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        number += 1;
        head = seal(&head, seq, at, &body);
        if seq != number || row.get::<_, Vec<u8>>(3)? != head {
            return Ok(Err(number));
        }
    }
    Ok(Ok((number, head)))
}

/// Seals an entry with all before it. What has a fixed length comes first, so that no two entries read alike.
fn seal(before: &[u8; 32], number: i64, at: i64, body: &str) -> [u8; 32] {
    let sealed = Sha256::new().chain_update(before).chain_update(number.to_be_bytes());
    sealed.chain_update(at.to_be_bytes()).chain_update(body).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;

    fn done(decision: i64) -> Entry {
        Entry::Done { decision, outcome: "200".to_owned() }
    }

    #[tokio::test]
    async fn whatever_is_changed_or_taken_out_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let store = Store::open(&file, Durability::Process).expect("opens");
        for number in 0..1_234 {
            assert_eq!(store.audit(done(number), 1_000).await.expect("written"), number + 1);
        }
        let Seal::Whole { entries: 1_234, head } = store.check_audit().await.expect("read") else { panic!("broken") };
        assert_eq!(head.len(), 64);
        let read = store.audit_after(1_232, 10).await.expect("read");
        assert_eq!(read.iter().map(|one| one.number).collect::<Vec<_>>(), [1_233, 1_234]);
        assert_eq!(read[0].entry, done(1_232));

        let other = Connection::open(&file).expect("opens");
        for refused in ["UPDATE audit SET at = 2", "DELETE FROM audit WHERE seq = 7"] {
            assert!(other.execute(refused, []).is_err(), "{refused}");
        }
        other.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;").expect("ours");
        for (forgery, at) in [
            ("UPDATE audit SET at = at + 1 WHERE seq = 1100", 1_100),
            ("UPDATE audit SET body = replace(body, '200', '500') WHERE seq = 900", 900),
            ("DELETE FROM audit WHERE seq = 7", 7),
            ("DELETE FROM audit WHERE seq = 1", 1),
        ] {
            other.execute(forgery, []).expect("forged");
            assert_eq!(store.check_audit().await.expect("read"), Seal::Broken { at }, "{forgery}");
        }
    }

    #[tokio::test]
    async fn entries_that_change_places_or_close_a_gap_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let store = Store::open(&file, Durability::Process).expect("opens");
        for number in 0..50 {
            store.audit(done(number), 1_000).await.expect("written");
        }
        let other = Connection::open(&file).expect("opens");
        other.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_shortened;").expect("ours");
        // Their numbers go on without a gap, so only the seals tell.
        for (forgery, at) in [
            (
                "UPDATE audit SET seq = -seq WHERE seq > 40; DELETE FROM audit WHERE seq = -41;
              UPDATE audit SET seq = -seq - 1 WHERE seq < 0;",
                41,
            ),
            (
                "UPDATE audit SET seq = -30 WHERE seq = 30; UPDATE audit SET seq = 30 WHERE seq = 31;
              UPDATE audit SET seq = 31 WHERE seq = -30;",
                30,
            ),
            (
                "UPDATE audit SET seq = -10 WHERE seq = 10; UPDATE audit SET seq = 10 WHERE seq = 20;
              UPDATE audit SET seq = 20 WHERE seq = -10;",
                10,
            ),
        ] {
            other.execute_batch(forgery).expect("forged");
            assert_eq!(store.check_audit().await.expect("read"), Seal::Broken { at }, "{forgery}");
        }
    }

    #[tokio::test]
    async fn a_deed_whose_end_nobody_saw_is_closed_once_by_the_next_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let store = Store::open(&file, Durability::Process).expect("opens");
        let text = |text: &str| text.to_owned();
        let (agent, digest, session, interaction) = (text("a"), text("d"), text("s"), text("i"));
        let (capability, what, by) = (text("http"), text("GET"), text("a rule"));
        let decided = Entry::Decided { agent, digest, session, interaction, capability, what, allowed: true, by };
        for number in 1..3 {
            assert_eq!(store.audit(decided.clone(), 1).await.expect("written"), number);
        }
        store.audit(done(1), 1).await.expect("written");
        // A folder that is given has no end.
        let mut given = decided;
        if let Entry::Decided { capability, .. } = &mut given {
            *capability = text("files");
        }
        store.audit(given, 1).await.expect("written");
        drop(store);
        let store = Store::open(&file, Durability::Process).expect("opens");
        assert_eq!(store.close_interrupted(2).await.expect("closed"), 1);
        assert_eq!(store.close_interrupted(2).await.expect("closed"), 0);
        let last = store.audit_after(4, 9).await.expect("read");
        let expected = Entry::Done { decision: 2, outcome: UNKNOWN.to_owned() };
        assert_eq!(last, [Sealed { number: 5, at_ms: 2, entry: expected }]);
        assert!(matches!(store.check_audit().await.expect("read"), Seal::Whole { entries: 5, .. }));
    }

    #[tokio::test]
    async fn an_empty_log_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
        assert!(matches!(store.check_audit().await.expect("read"), Seal::Whole { entries: 0, .. }));
    }
}
