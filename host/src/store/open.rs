//! Opening the file: whose it is, whether it is whole, and bringing it to the newest schema.

use super::StoreError;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::time::Duration;

/// Marks the file as ours: "soph".
pub(super) const APPLICATION: i64 = 0x736f_7068;
/// The schema, each step from the version before it. A step that was released is never changed.
const STEPS: [&str; 5] = [
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-5.sql"),
];
/// The schema that this version writes.
pub(super) const NEWEST: i64 = STEPS.len() as i64;

/// What a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of this process at any instant. The death of the machine leaves the file whole, but may cost the
    /// last moments.
    Process,
    /// The death of the machine as well, at the price of waiting for the disk (`fsync`) with each commit.
    Machine,
}

/// Opens the file, making it or bringing it up to date.
pub(super) fn open(file: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let io = |error: std::io::Error| StoreError::Open { file: file.to_owned(), reason: error.to_string() };
    if let Some(folder) = file.parent() {
        crate::private::folder(folder).map_err(io)?;
    }
    crate::private::file(file).map_err(io)?;
    let sql = |error| cannot_open(file, &error);
    let mut connection = connect(file).map_err(sql)?;
    // Nothing is changed before it is known to be ours.
    let version = match whose(&connection).map_err(sql)? {
        Whose::Nobodys => 0,
        Whose::Ours { version } if version <= NEWEST => version,
        Whose::Ours { version: found } => {
            return Err(StoreError::Newer { file: file.to_owned(), found, known: NEWEST });
        }
        Whose::Foreign => return Err(StoreError::Foreign { file: file.to_owned() }),
    };
    set_up(&connection, durability).map_err(sql)?;
    upgrade(&mut connection, version).map_err(sql)?;
    Ok(connection)
}

/// Another connection to a file that is open.
pub(super) fn again(file: &Path, durability: Durability) -> Result<Connection, StoreError> {
    let set_up = |connection: Connection| set_up(&connection, durability).map(|()| connection);
    connect(file).and_then(set_up).map_err(|error| cannot_open(file, &error))
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

/// A database of its own, in memory alone.
pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let sql = |error| cannot_open(Path::new("memory"), &error);
    let mut connection = Connection::open_in_memory().map_err(sql)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(sql)?;
    upgrade(&mut connection, 0).map_err(sql)?;
    Ok(connection)
}

/// Why a file cannot be opened.
pub(super) fn cannot_open(file: &Path, error: &rusqlite::Error) -> StoreError {
    let (file, reason) = (file.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged { file, reason },
        _ => StoreError::Open { file, reason },
    }
}

/// Whose a file is.
pub(super) enum Whose {
    /// It is empty.
    Nobodys,
    /// Ours, of this schema.
    Ours { version: i64 },
    /// Another program's.
    Foreign,
}

/// Looks whose a file is, and changes nothing.
pub(super) fn whose(connection: &Connection) -> rusqlite::Result<Whose> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, version, tables) {
        (0, 0, 0) => Whose::Nobodys,
        (APPLICATION, 1.., _) => Whose::Ours { version },
        _ => Whose::Foreign,
    })
}

fn set_up(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Machine => "FULL",
    };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Takes all steps that are missing, or none.
fn upgrade(connection: &mut Connection, version: i64) -> rusqlite::Result<()> {
    let taken = usize::try_from(version).unwrap_or_default();
    if taken == STEPS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in &STEPS[taken..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &Path) -> String {
        open(file, Durability::Process).map(drop).expect_err("it is refused").to_string()
    }

    #[test]
    fn files_that_are_not_ours_are_refused_in_words_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let newer = folder.path().join("newer.db");
        let set = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 99;");
        Connection::open(&newer).expect("opens").execute_batch(&set).expect("set");
        assert!(refusal(&newer).contains("schema 99, this one knows 5"));

        for (name, content) in [("versioned", "PRAGMA user_version = 3;"), ("plain", "CREATE TABLE theirs (x);")] {
            let foreign = folder.path().join(name);
            Connection::open(&foreign).expect("opens").execute_batch(content).expect("set");
            let before = std::fs::read(&foreign).expect("read");
            assert!(refusal(&foreign).contains("another program"));
            assert_eq!(std::fs::read(&foreign).expect("read"), before, "{name} was changed");
        }

        let text = folder.path().join("text.db");
        std::fs::write(&text, "this is not a database, and long enough to be looked at as one".repeat(20)).expect("ok");
        assert!(refusal(&text).contains("is damaged"));
        assert!(refusal(folder.path()).contains("cannot open"));
    }

    #[test]
    fn a_file_of_the_first_schema_is_upgraded_with_all_its_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let old = Connection::open(&file).expect("opens");
        old.execute_batch(&format!(
            "{} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1;
             INSERT INTO turns (interaction, message, session, body, received_at) VALUES ('i', 'm', 's', '{{}}', 1);",
            STEPS[0]
        ))
        .expect("made");
        drop(old);
        for _ in 0..2 {
            let connection = open(&file, Durability::Machine).expect("upgrades");
            let row = "SELECT interaction || reruns FROM turns";
            assert_eq!(connection.query_row(row, [], |row| row.get::<_, String>(0)).expect("a row"), "i0");
        }
    }

    #[test]
    fn what_agents_kept_before_schemas_is_kept_and_of_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("host.db");
        let old = Connection::open(&file).expect("opens");
        let made = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 3;");
        old.execute_batch(&[STEPS[0], STEPS[1], STEPS[2], &made].concat()).expect("made");
        let filled = "INSERT INTO drawers (agent, session) VALUES ('vary', 's'), ('vary', '');
                      INSERT INTO entries VALUES (1, 'k', x'0102'), (2, 'a', x'03'), (2, 'b', x'');";
        old.execute_batch(filled).expect("filled");
        drop(old);
        let connection = open(&file, Durability::Process).expect("upgrades");
        let row = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).expect("a row");
        let drawers = "SELECT group_concat(concat_ws('/', session, live, schema, entries, bytes), ' ') FROM drawers";
        assert_eq!(row(drawers), "s/1/1/1/3 /1/1/2/3");
        assert_eq!(row("SELECT group_concat(drawer || key || hex(value), ' ') FROM entries"), "1k0102 2a03 2b");
        connection.execute("DELETE FROM drawers WHERE id = 2", []).expect("deleted");
        assert_eq!(row("SELECT group_concat(key) FROM entries"), "k", "the entries of a drawer do not go with it");
    }
}
