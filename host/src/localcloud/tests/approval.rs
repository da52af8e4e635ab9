//! Approvals over the wire: forms, the bucket, the stream and the socket, expiry.

use super::stream::Events;
use super::*;
use crate::localcloud::bucket::Rate;

/// The documented fields of a pending approval.
const PENDING: [&str; 13] = [
    "approval_id",
    "session_id",
    "installation_id",
    "agent_id",
    "interaction_id",
    "action",
    "title",
    "message",
    "severity",
    "command",
    "host",
    "tool_call_id",
    "expires_at",
];

fn question(session: &str, interaction: &str) -> Value {
    json!({
        "session_id": session, "interaction_id": interaction, "approval_id": "apr_1", "action": "shell.exec",
        "title": "Run delete?", "command": "rm -rf /tmp/foo", "host": "localhost", "message": "May I?",
        "severity": "critical", "idempotency_key": "k",
    })
}

fn paths(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.error(), refused(400, "invalid_request"));
    let errors = reply.json()["error"]["errors"].clone();
    errors.as_array().expect("errors").iter().map(|error| text(&error["path"])).collect()
}

#[tokio::test]
async fn forms_that_do_not_fit_are_refused_with_paths() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let empty = rig.bridge(&bridge, "requestApproval", json!({})).await;
        let all = ["session_id", "interaction_id", "approval_id", "action", "title", "message", "severity"];
        assert_eq!(paths(&empty), all);
        let mut bad = question(&session, "int_x");
        (bad["severity"], bad["title"], bad["command"]) = (json!("mild"), json!("a\nb"), json!(7));
        assert_eq!(paths(&rig.bridge(&bridge, "requestApproval", bad).await), ["title", "severity", "command"]);
        for (body, path) in [
            (json!({}), "decision"),
            (json!({ "decision": "maybe" }), "decision"),
            (json!({ "decision": "approve", "scope": "tool" }), "scope"),
            (json!({ "decision": "approve_always", "scope": "galaxy" }), "scope"),
            (json!({ "decision": "approve_always", "scope_value": "x" }), "scope"),
        ] {
            assert_eq!(paths(&rig.post("/v1/me/approvals/apr_1", body).await), [path]);
        }
        let unknown = rig.post("/v1/me/approvals/apr_1", json!({ "decision": "deny" })).await;
        assert_eq!(unknown.error(), refused(404, "approval_not_found"));
    })
    .await;
}

#[tokio::test]
async fn questions_have_a_bucket_of_their_own() {
    bounded(async {
        let approval = Rate { capacity: 2, per_second: 1 };
        let rig = Rig::with(Options { buckets: Buckets { approval, ..Buckets::unlimited() }, ..unlimited() }).await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let interaction = rig.say(&session, "hi").await;
        let mut body = question(&session, &interaction);
        let first = rig.bridge(&bridge, "requestApproval", body.clone()).await;
        assert_eq!((first.header("x-ratelimit-bucket"), first.header("x-ratelimit-limit")), ("approval", "2"));
        body["idempotency_key"] = json!("another attempt");
        assert_eq!(rig.bridge(&bridge, "requestApproval", body.clone()).await.result()["idempotent"], true);
        assert_eq!(rig.bridge(&bridge, "requestApproval", body).await.error(), refused(429, "rate_limited"));
    })
    .await;
}

#[tokio::test]
async fn the_user_is_asked_and_the_bridge_hears_the_answer() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let interaction = rig.say(&session, "hi").await;
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(socket.frame().await["update"]["type"], "session.message");
        let mut stream = Events::open(&rig, None).await;
        rig.bridge(&bridge, "requestApproval", question(&session, &interaction)).await.result();
        let asked = stream.until("approval_requested").await.2;
        let pending = rig.get("/v1/me/snapshot").await.result()["pending_approvals"][0].clone();
        for field in PENDING {
            assert_eq!(asked[field], pending[field], "{field}");
        }
        assert_eq!((&pending["command"], &pending["agent_id"]), (&json!("rm -rf /tmp/foo"), &Value::Null));
        let expires_in = pending["expires_at"].as_u64().expect("a time") - pending["ts"].as_u64().expect("a time");
        assert_eq!(expires_in, 300_000);
        let always = json!({ "decision": "approve_always", "scope": "domain" });
        rig.post("/v1/me/approvals/apr_1", always).await.result();
        assert_eq!(stream.until("approval_resolved").await.2["decision"], "approve_always");
        let update = socket.frame().await["update"].clone();
        assert_eq!((&update["type"], &update["interaction_id"]), (&json!("approval.resolved"), &json!(interaction)));
        let payload = &update["payload"];
        assert_eq!((&payload["scope"], &payload["scope_value"]), (&json!("domain"), &json!("localhost")));
        let path = format!("/v1/me/installations/{}", bridge.id);
        let grant = text(&rig.get(&path).await.result()["approval_grants"][0]["grant_id"]);
        let left = rig.call(Method::DELETE, &format!("{path}/grants/{grant}"), USER, Value::Null).await.result();
        assert_eq!(left["approval_grants"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn silence_is_told_as_an_expiry() {
    bounded(async {
        let rig = Rig::with(Options { approval_expiry: Duration::from_millis(30), ..unlimited() }).await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let interaction = rig.say(&session, "hi").await;
        let mut stream = Events::open(&rig, None).await;
        rig.bridge(&bridge, "requestApproval", question(&session, &interaction)).await.result();
        assert_eq!(stream.until("approval_resolved").await.2["decision"], "expired");
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(socket.frame().await["update"]["type"], "session.message");
        assert_eq!(socket.frame().await["update"]["type"], "approval.expired");
        let late = rig.post("/v1/me/approvals/apr_1", json!({ "decision": "approve" })).await;
        assert_eq!(late.error(), refused(410, "approval_expired"));
        assert_eq!(rig.get("/v1/me/snapshot").await.result()["pending_approvals"], json!([]));
    })
    .await;
}
