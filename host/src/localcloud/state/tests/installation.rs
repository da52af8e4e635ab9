//! Rotated and revoked installations, without a server.

use super::*;
use crate::localcloud::secret::Digest;

#[test]
fn who_dialled_with_a_token_that_died_meanwhile_is_not_admitted() {
    let mut chat = chat();
    let (by, token) = paired(&mut chat.state);
    let old = Digest::of(&token);
    assert!(chat.state.admit(&by, &old, NOW).is_ok());
    chat.state.rotate(&by, NOW).expect("rotated");
    assert_eq!(code(chat.state.admit(&by, &old, NOW).map(|_| Value::Null)), "invalid_token");
    chat.state.revoke(&by, NOW).expect("revoked");
    assert_eq!(code(chat.state.admit(&by, &old, NOW).map(|_| Value::Null)), "installation_revoked");
}

#[test]
fn a_revoked_installation_stays_revoked_over_a_restart_and_owes_nothing() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    let (other, token) = paired(&mut chat.state);
    chat.state.revoke(&chat.by, NOW).expect("revoked");
    assert_eq!(code(chat.state.revoke(&chat.by, NOW).map(|()| Value::Null)), "installation_revoked");
    chat.state.close();
    let mut state = State::open(Some(&path), NOW).expect("the file");
    assert_eq!(code(state.send(&chat.session, say("x"), NOW).map(|_| Value::Null)), "installation_revoked");
    assert_eq!(state.me()["installations"].as_array().map(Vec::len), Some(1));
    assert!(state.bridge_of(&token).is_ok_and(|by| by == other));
    let left = state.create_session(None, None, NOW).expect("a session");
    assert_eq!(left["installation_id"], json!(other));
    state.delete_session(&chat.session, NOW).expect("deleted");
}
