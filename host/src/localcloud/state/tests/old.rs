//! Files of earlier versions: they are read, and become files of this one.

use super::*;
use rusqlite::Connection;

/// The first form, as it was written.
const FIRST: &str = r#"
CREATE TABLE installation (id TEXT PRIMARY KEY, token BLOB, last_update INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE session (id TEXT PRIMARY KEY, deleted_at INTEGER, body TEXT NOT NULL) STRICT;
CREATE TABLE message (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL,
                      ended INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX message_session ON message (session);
CREATE TABLE chunk (seq INTEGER PRIMARY KEY, message TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX chunk_message ON chunk (message);
CREATE TABLE task (seq INTEGER PRIMARY KEY, interaction TEXT NOT NULL, id TEXT NOT NULL, session TEXT NOT NULL,
                   created_by BLOB, finished_by BLOB, body TEXT NOT NULL, UNIQUE (interaction, id)) STRICT;
CREATE INDEX task_session ON task (session);
CREATE TABLE pending (installation TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, frame TEXT NOT NULL,
                      PRIMARY KEY (installation, number)) STRICT, WITHOUT ROWID;
CREATE TABLE answer (key BLOB PRIMARY KEY, body BLOB NOT NULL, at INTEGER NOT NULL, result TEXT NOT NULL) STRICT;
CREATE INDEX answer_at ON answer (at);
CREATE TABLE cookie (digest BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT;
INSERT INTO installation VALUES ('inst_1', NULL, 7, '{"installation_id":"inst_1","connector_type":"echo",
  "display_name":"echo","custom_display_name":null,"custom_emoji":null,"host_label":null,"created_at":1}');
INSERT INTO session VALUES ('ses_1', NULL, '{"session_id":"ses_1","installation_id":"inst_1","title":"old",
  "state":"active","created_at":1,"last_activity_at":1,"snippet":null}');
INSERT INTO message VALUES (1, 'msg_1', 'ses_1', 0, '{"message_id":"msg_1","session_id":"ses_1",
  "interaction_id":null,"role":"agent","text":"o","attachments":[],"reply_to":null,"state":"streaming",
  "created_at":1,"usage":null,"finish_reason":null}');
INSERT INTO chunk VALUES (1, 'msg_1', 'ld');
PRAGMA application_id = 1399877187;
PRAGMA user_version = 1;
"#;

#[test]
fn a_file_of_the_first_form_keeps_everything_and_takes_questions() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let old = Connection::open(&path).expect("a database");
    old.execute_batch(FIRST).expect("the first form");
    drop(old);
    for _ in 0..2 {
        let mut state = State::open(Some(&path), NOW).expect("the file");
        let session = SessionId::try_from("ses_1").expect("an id");
        let messages = state.messages(&session, None, 9).expect("messages");
        assert_eq!((&messages[0]["text"], &messages[0]["deltas"]), (&json!("old"), &json!(1)));
        assert_eq!(state.me()["installations"][0]["approval_grants"], json!([]));
        assert_eq!(state.snapshot(NOW)["pending_approvals"], json!([]));
        state.close();
    }
    let new = Connection::open(&path).expect("a database");
    let version: i64 = new.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    assert_eq!(version, 2);
    new.execute("DELETE FROM approval", []).expect("the table is there");
}
