//! Questions to the user: refusals, repeats, grants, expiry, and what a restart keeps.

use super::*;
use crate::localcloud::state::approval::Outcome;
use crate::localcloud::state::grant::Reach;
use crate::protocol::{ApprovalId, Decision, GrantScope, RequestApproval, Severity};

const EXPIRY: Millis = 300_000;

fn id(id: &str) -> ApprovalId {
    ApprovalId::try_from(id).expect("an id")
}

impl Chat {
    fn question(&self, name: &str) -> RequestApproval {
        RequestApproval {
            session_id: self.session.clone(),
            interaction_id: self.interaction.clone(),
            approval_id: id(name),
            action: "shell.exec".to_owned(),
            title: "Run delete?".to_owned(),
            command: Some("rm -rf /tmp/foo".to_owned()),
            host: Some("Example.org".to_owned()),
            message: "About to delete".to_owned(),
            severity: Severity::High,
            tool_call_id: None,
            idempotency_key: None,
        }
    }

    fn put(&mut self, question: RequestApproval, at: Millis) -> Result<Value, Refusal> {
        let body = body_digest("requestApproval", &value(&question));
        self.state.request_approval(&self.by, question, body, EXPIRY, at)
    }

    fn ask(&mut self, name: &str) -> Value {
        let question = self.question(name);
        self.put(question, NOW).expect("asked")
    }

    fn decide(&mut self, name: &str, decision: Decision, scope: Option<GrantScope>) -> Result<Value, Refusal> {
        let reach = scope.map(|scope| Reach { scope, scope_value: None });
        self.state.decide(&id(name), decision, reach, NOW)
    }

    fn pending(&self) -> Vec<Value> {
        self.state.snapshot(NOW)["pending_approvals"].as_array().expect("a list").clone()
    }

    /// Type and payload of the newest update of the bridge.
    fn newest(&mut self) -> (String, Value) {
        let feed = self.state.connect(&self.by, NOW).expect("a feed");
        let update: Value = serde_json::from_str(feed.replay.last().expect("an update")).expect("json");
        let update = &update["update"];
        (update["type"].as_str().expect("a type").to_owned(), update["payload"].clone())
    }

    fn grants(&self) -> Vec<Value> {
        let view = self.state.installation(&self.by).expect("there");
        view["approval_grants"].as_array().expect("grants").clone()
    }
}

#[test]
fn questions_without_their_place_are_refused() {
    let mut chat = chat();
    let mut question = chat.question("apr_1");
    question.session_id = "ses_other".try_into().expect("an id");
    assert_eq!(code(chat.put(question, NOW)), "session_not_found");
    let mut question = chat.question("apr_1");
    question.interaction_id = "int_other".try_into().expect("an id");
    assert_eq!(code(chat.put(question, NOW)), "interaction_not_found");
    let question = chat.question("apr_1");
    assert_eq!(code(chat.put(question, NOW + FOLLOWUP + 1)), "interaction_expired");
    let (question, (other, _)) = (chat.question("apr_1"), paired(&mut chat.state));
    let body = body_digest("requestApproval", &json!({}));
    assert_eq!(code(chat.state.request_approval(&other, question, body, EXPIRY, NOW)), "permission_denied");
    assert!(chat.pending().is_empty());
}

#[test]
fn a_repeat_is_no_second_question_and_another_body_is_a_conflict() {
    let mut chat = chat();
    let first = chat.ask("apr_1");
    assert_eq!(first, json!({ "approval_id": "apr_1", "expires_at": NOW + EXPIRY }));
    assert_eq!(chat.ask("apr_1")["idempotent"], true);
    let mut other = chat.question("apr_1");
    other.command = Some("rm -rf /".to_owned());
    assert_eq!(code(chat.put(other, NOW)), "idempotency_conflict");
    assert_eq!(chat.pending().len(), 1);
    chat.decide("apr_1", Decision::Deny, None).expect("denied");
    let again = chat.ask("apr_1");
    assert_eq!((&again["decision"], &again["idempotent"]), (&json!("deny"), &json!(true)));
}

#[test]
fn decisions_are_final() {
    let mut chat = chat();
    assert_eq!(code(chat.decide("apr_1", Decision::Deny, None)), "approval_not_found");
    chat.ask("apr_1");
    chat.decide("apr_1", Decision::Approve, None).expect("approved");
    assert_eq!(chat.decide("apr_1", Decision::Approve, None).expect("a repeat")["idempotent"], true);
    assert_eq!(code(chat.decide("apr_1", Decision::Deny, None)), "approval_resolved");
    let (kind, payload) = chat.newest();
    assert_eq!((kind.as_str(), &payload["decision"]), ("approval.resolved", &json!("approve")));
    assert_eq!((&payload["approval_id"], &payload["interaction_id"]), (&json!("apr_1"), &json!(chat.interaction)));
    assert!(chat.pending().is_empty());
}

#[test]
fn a_question_expires_once_and_cannot_be_answered_then() {
    let mut chat = chat();
    chat.ask("apr_1");
    assert_eq!(chat.state.expire(NOW + EXPIRY - 1).expect("nothing"), Some(1));
    let late = chat.state.decide(&id("apr_1"), Decision::Approve, None, NOW + EXPIRY);
    assert_eq!(code(late), "approval_expired", "also before the sweeper comes by");
    assert_eq!(chat.state.expire(NOW + EXPIRY).expect("expired"), None);
    assert_eq!(code(chat.decide("apr_1", Decision::Approve, None)), "approval_expired");
    let (kind, payload) = chat.newest();
    assert_eq!((kind.as_str(), &payload["approval_id"]), ("approval.expired", &json!("apr_1")));
    assert_eq!(chat.state.approvals.of(&chat.interaction)[0].outcome, Some(Outcome::Expired));
}

#[test]
fn always_means_the_same_action_within_the_scope_and_can_be_taken_back() {
    for (scope, elsewhere) in [(GrantScope::Domain, "other.example"), (GrantScope::All, ""), (GrantScope::Tool, "")] {
        let mut chat = chat();
        chat.ask("apr_1");
        chat.decide("apr_1", Decision::ApproveAlways, Some(scope)).expect("always");
        assert_eq!(chat.newest().1["scope"], json!(scope));
        assert_eq!(chat.ask("apr_2")["decision"], "approve", "{scope:?}");
        assert_eq!((chat.newest().1["approval_id"].clone(), chat.grants().len()), (json!("apr_2"), 1));
        let mut other = chat.question("apr_3");
        other.action = "file.delete".to_owned();
        assert!(chat.put(other, NOW).expect("asked").get("decision").is_none(), "another action");
        if !elsewhere.is_empty() {
            let mut other = chat.question("apr_4");
            other.host = Some(elsewhere.to_owned());
            assert!(chat.put(other, NOW).expect("asked").get("decision").is_none(), "another host");
        }
        let grant = chat.grants()[0]["grant_id"].as_str().expect("an id").to_owned();
        chat.state.revoke_grant(&chat.by, &grant, NOW).expect("revoked");
        assert_eq!(code(chat.state.revoke_grant(&chat.by, &grant, NOW)), "grant_not_found");
        assert!(chat.ask("apr_5").get("decision").is_none());
    }
}

#[test]
fn a_grant_of_one_session_does_not_reach_into_another() {
    let mut chat = chat();
    chat.ask("apr_1");
    let reach = Reach { scope: GrantScope::Session, scope_value: Some("ses_other".to_owned()) };
    let wrong = chat.state.decide(&id("apr_1"), Decision::ApproveAlways, Some(reach), NOW);
    assert_eq!(code(wrong), "invalid_request");
    chat.decide("apr_1", Decision::ApproveAlways, Some(GrantScope::Session)).expect("always");
    assert_eq!(chat.ask("apr_2")["decision"], "approve");
    let other = chat.state.create_session(None, None, NOW).expect("a session");
    chat.session = SessionId::try_from(other["session_id"].as_str().expect("an id")).expect("an id");
    chat.interaction = chat.state.send(&chat.session, say("hi"), NOW).expect("sent").0;
    assert!(chat.ask("apr_3").get("decision").is_none());
    let mut nowhere = chat.question("apr_4");
    nowhere.host = None;
    chat.put(nowhere, NOW).expect("asked");
    assert_eq!(code(chat.decide("apr_4", Decision::ApproveAlways, Some(GrantScope::Domain))), "invalid_request");
}

#[test]
fn a_stopped_turn_and_a_deleted_session_are_denied_what_they_ask() {
    let mut chat = chat();
    chat.ask("apr_1");
    let (other, _) = chat.state.send(&chat.session, say("more"), NOW).expect("sent");
    let mut question = chat.question("apr_2");
    question.interaction_id = other;
    chat.put(question, NOW).expect("asked");
    chat.state.cancel(&chat.session, Some(&chat.interaction), NOW).expect("cancelled");
    assert_eq!(chat.pending().len(), 1);
    let outcome = |chat: &Chat, name: &str| chat.state.account()["turns"][0]["approvals"][0][name].clone();
    assert_eq!(outcome(&chat, "decision"), "deny");
    chat.state.delete_session(&chat.session, NOW).expect("deleted");
    assert!(chat.pending().is_empty());
    assert_eq!(chat.newest().0, "session.cancelled", "the last word");
    assert_eq!(code(chat.decide("apr_2", Decision::Approve, None)), "approval_resolved");
}

#[test]
fn the_number_of_questions_is_bounded() {
    let mut chat = chat();
    for n in 0..500 {
        chat.ask(&format!("apr_{n}"));
    }
    let question = chat.question("apr_more");
    assert_eq!(code(chat.put(question, NOW)), "payload_too_large");
}

#[test]
fn questions_answers_and_grants_survive_a_restart() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    chat.ask("apr_1");
    chat.ask("apr_2");
    chat.decide("apr_1", Decision::ApproveAlways, Some(GrantScope::Session)).expect("always");
    let (pending, grants) = (chat.pending(), chat.grants());
    chat.state.close();
    chat.state = State::open(Some(&path), NOW).expect("the file");
    assert_eq!((chat.pending(), chat.grants()), (pending, grants));
    assert_eq!(chat.ask("apr_1")["idempotent"], true);
    assert_eq!(chat.ask("apr_3")["decision"], "approve");
    assert_eq!(chat.state.expire(NOW + EXPIRY).expect("expired"), None);
    chat.state.sweep(NOW + 9 * GRACE).expect("swept");
    assert_eq!(chat.state.approvals.of(&chat.interaction).len(), 3, "a history outlives the day");
    chat.state.delete_session(&chat.session, NOW + 9 * GRACE).expect("deleted");
    let titles = chat.state.approvals.of(&chat.interaction).into_iter().map(|one| one.question.title.clone());
    assert_eq!(titles.collect::<String>(), "", "but not its session");
    chat.state.sweep(NOW + 10 * GRACE).expect("swept");
    assert!(chat.state.approvals.of(&chat.interaction).is_empty());
}

#[test]
fn what_became_of_a_question_stays_in_the_bubble_that_it_was_asked_in() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("cloud.db");
    let mut chat = chat_in(State::open(Some(&path), NOW).expect("a file"));
    chat.ask("apr_early");
    let bubble = chat.open("Wéll 🦀");
    for name in ["apr_1", "apr_2", "apr_old"] {
        chat.ask(name);
    }
    chat.decide("apr_early", Decision::Deny, None).expect("denied");
    chat.decide("apr_1", Decision::Approve, None).expect("approved");
    chat.decide("apr_2", Decision::ApproveAlways, Some(GrantScope::Domain)).expect("always");
    chat.ask("apr_3");
    chat.state.cancel(&chat.session, Some(&chat.interaction), NOW + 1).expect("cancelled");
    let history = |chat: &Chat| -> Vec<Value> {
        let messages = chat.state.messages(&chat.session, None, 9).expect("messages");
        assert_eq!(messages[0]["approvals"], json!([]), "the user's message");
        messages[1]["approvals"].as_array().expect("a list").clone()
    };
    let seen = history(&chat);
    let brief = |one: &Value| json!([one["approval_id"], one["decision"], one["by"], one["scope"], one["offset"]]);
    let expected = json!([
        ["apr_1", "approve", "user", null, 7],
        ["apr_2", "approve_always", "user", "domain", 7],
        ["apr_3", "approve", "grant", null, 7],
        ["apr_early", "deny", "user", null, 0],
        ["apr_old", "deny", "stop", null, 7],
    ]);
    assert_eq!(json!(seen.iter().map(brief).collect::<Vec<_>>()), expected);
    let first = &seen[0];
    assert_eq!((&first["title"], &first["command"]), (&json!("Run delete?"), &json!("rm -rf /tmp/foo")));
    assert_eq!((&first["asked_at"], &first["message_id"]), (&json!(NOW), &json!(bubble)));
    assert_eq!(seen[4]["resolved_at"], NOW + 1);
    assert_eq!(chat.grants()[0]["title"], "Run delete?");
    chat.state.close();
    chat.state = State::open(Some(&path), NOW).expect("the file");
    assert_eq!(history(&chat), seen);
}

#[test]
fn a_question_ends_with_the_bubble_that_it_was_asked_in() {
    let mut chat = chat();
    let first = chat.open(" ");
    chat.ask("apr_1");
    chat.decide("apr_1", Decision::Approve, None).expect("approved");
    chat.ask("apr_2");
    let second = chat.open(" ");
    chat.ask("apr_3");
    chat.state.end_bubble(&chat.by, Chat::ending(&first, Some("Interrupted.")), None, NOW).expect("ended");
    assert_eq!(chat.pending().len(), 1, "the other bubble's question waits");
    let (kind, payload) = chat.newest();
    assert_eq!((kind.as_str(), &payload["decision"]), ("approval.resolved", &json!("deny")));
    assert_eq!(code(chat.decide("apr_2", Decision::Approve, None)), "approval_resolved");
    let ends = |chat: &Chat| -> Vec<Value> {
        let asked = chat.state.account()["turns"][0]["approvals"].as_array().expect("a list").clone();
        asked.into_iter().map(|one| one["by"].clone()).collect()
    };
    assert_eq!(ends(&chat), [json!("user"), json!("turn_over"), Value::Null]);
    chat.state.end_bubble(&chat.by, Chat::ending(&second, None), None, NOW).expect("ended");
    assert!(chat.pending().is_empty());
}
