//! The admin port: who may use it, what it takes, and the record that it shows.

use super::*;
use std::path::Path;

impl Rig {
    async fn with_admin() -> Self {
        Self::with(Options { admin: Some(([127, 0, 0, 1], 0).into()), ..unlimited() }).await
    }

    async fn admin(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Reply {
        let url = format!("http://{}{path}", self.cloud.admin_addr().expect("an admin port"));
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, body: response.text().await.expect("a body") }
    }

    async fn ask_admin(&self, method: Method, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {USER}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.admin(method, path, &[("authorization", &bearer)], body).await
    }
}

#[tokio::test]
async fn nobody_comes_in_without_the_users_token_or_from_elsewhere() {
    bounded(async {
        let rig = Rig::with_admin().await;
        let bridge = rig.pair().await;
        let (good, other) = (format!("Bearer {USER}"), format!("Bearer {}", bridge.token));
        let cookie = rig.cookie().await;
        for headers in [vec![], vec![("authorization", other.as_str())], vec![("cookie", cookie.as_str())]] {
            let reply = rig.admin(Method::GET, "/record", &headers, String::new()).await;
            assert_eq!(reply.error(), refused(401, "invalid_token"));
        }
        let main = rig.cloud.addr().to_string();
        for host in ["evil.example", main.as_str()] {
            let headers = [("authorization", good.as_str()), ("host", host)];
            let reply = rig.admin(Method::POST, "/cut", &headers, String::new()).await;
            assert_eq!(reply.error(), refused(421, "misdirected_request"), "{host}");
        }
        let headers = [("authorization", good.as_str()), ("origin", "http://evil.example")];
        let reply = rig.admin(Method::POST, "/cut", &headers, String::new()).await;
        assert_eq!(reply.error(), refused(403, "permission_denied"));
        let path = format!("/record?token={USER}");
        assert_eq!(
            rig.ask_admin(Method::GET, &path, Value::Null).await.error(),
            refused(400, "invalid_token_location")
        );
        assert_eq!(rig.ask_admin(Method::GET, "/v1/me", Value::Null).await.error(), refused(404, "not_found"));
        assert_eq!(
            rig.ask_admin(Method::PUT, "/faults", Value::Null).await.error(),
            refused(405, "method_not_allowed")
        );
        assert_eq!(rig.get("/record").await.error(), refused(404, "not_found"), "not on the main port");
    })
    .await;
}

#[tokio::test]
async fn it_is_off_unless_asked_for_and_takes_no_address_that_others_reach() {
    bounded(async {
        assert_eq!(Rig::start().await.cloud.admin_addr(), None);
        let options = Options { admin: Some(([0, 0, 0, 0], 0).into()), ..unlimited() };
        let refused = LocalCloud::start(options).await.err().expect("an error");
        assert!(refused.to_string().contains("neither 127.0.0.1 nor ::1"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn rules_are_made_listed_and_cleared() {
    bounded(async {
        let rig = Rig::with_admin().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        for (bad, path) in [
            (json!({ "on": "update", "do": "drop", "tims": 3 }), "tims"),
            (json!({ "on": "request", "do": "refuse", "status": 200 }), "status"),
            (json!(7), ""),
        ] {
            let reply = rig.ask_admin(Method::POST, "/faults", bad).await;
            assert_eq!(reply.error(), refused(400, "invalid_request"));
            assert_eq!(reply.json()["error"]["errors"][0]["path"], path);
        }
        let rule = json!({ "on": "request", "route": "sendMessage", "do": "refuse", "status": 503, "times": 2 });
        let id = rig.ask_admin(Method::POST, "/faults", rule).await.result()["id"].clone();
        let body = json!({ "session_id": session, "text": "x" });
        assert_eq!(rig.bridge(&bridge, "sendMessage", body.clone()).await.status, 503);
        let rules = rig.ask_admin(Method::GET, "/faults", Value::Null).await.result();
        assert_eq!((&rules["rules"][0]["id"], &rules["rules"][0]["bites"]), (&id, &json!(1)));
        rig.ask_admin(Method::DELETE, &format!("/faults/{id}"), Value::Null).await.result();
        let again = rig.ask_admin(Method::DELETE, &format!("/faults/{id}"), Value::Null).await;
        assert_eq!(again.error(), refused(404, "rule_not_found"));
        rig.ask_admin(Method::POST, "/faults", json!({ "on": "request", "do": "lose_answer" })).await.result();
        rig.ask_admin(Method::DELETE, "/faults", Value::Null).await.result();
        assert_eq!(rig.bridge(&bridge, "sendMessage", body).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn the_record_tells_what_became_of_each_message() {
    bounded(async {
        let rig = Rig::with_admin().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        let interaction = rig.say(&session, "do it").await;
        let open = json!({ "session_id": session, "interaction_id": interaction, "text": " " });
        let bubble = text(&rig.bridge(&bridge, "sendMessage", open).await.result()["message_id"]);
        for delta in ["a", "b"] {
            rig.bridge(&bridge, "sendMessageDelta", json!({ "message_id": bubble, "delta": delta })).await.result();
        }
        let card = json!({ "session_id": session, "interaction_id": interaction, "task_id": "t", "kind": "bash" });
        rig.bridge(&bridge, "createTask", card).await.result();
        let end = json!({ "message_id": bubble, "finish_reason": "stop" });
        rig.bridge(&bridge, "sendMessageEnd", end.clone()).await.result();
        assert_eq!(rig.bridge(&bridge, "sendMessageEnd", end).await.status, 409);
        rig.open(&bridge, &session).await;
        let record = rig.ask_admin(Method::GET, "/record", Value::Null).await.result();
        assert_eq!(record, rig.cloud.record());
        let turn = &record["turns"][0];
        assert_eq!((&turn["interaction_id"], &turn["text"]), (&json!(interaction), &json!("do it")));
        let told = &turn["bubbles"][0];
        assert_eq!((&told["text"], &told["deltas"], &told["finish_reason"]), (&json!("ab"), &json!(2), &json!("stop")));
        assert_eq!((&told["finalized_times"], &told["late_ends"]), (&json!(1), &json!(1)));
        assert_eq!((&turn["tasks"][0]["task_id"], &turn["tasks"][0]["status"]), (&json!("t"), &json!("running")));
        assert_eq!(record["unasked"].as_array().map(Vec::len), Some(1));
        let cut = rig.ask_admin(Method::POST, "/cut", Value::Null).await.result();
        assert_eq!(cut["sockets"], 1);
        while let Some(Ok(message)) = socket.stream.next().await {
            assert!(!message.is_close());
        }
    })
    .await;
}

/// What a process that is killed leaves behind are the files as they are.
fn killed(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("a folder").filter_map(Result::ok) {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    bounded(async {
        let (home, after) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let file = |home: &tempfile::TempDir| Some(home.path().join("cloud.db"));
        let rig = Rig::with(Options { file: file(&home), ..unlimited() }).await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let interaction = rig.say(&session, "one").await;
        let open = json!({ "session_id": session, "interaction_id": interaction, "text": " " });
        let bubble = text(&rig.bridge(&bridge, "sendMessage", open).await.result()["message_id"]);
        let delta = json!({ "message_id": bubble, "delta": "half", "idempotency_key": "d" });
        rig.bridge(&bridge, "sendMessageDelta", delta.clone()).await.result();
        let card = json!({ "session_id": session, "interaction_id": interaction, "task_id": "t", "kind": "bash" });
        rig.bridge(&bridge, "createTask", card.clone()).await.result();
        let before = rig.cloud.record();
        killed(home.path(), after.path());

        let rig = Rig::with(Options { file: file(&after), ..unlimited() }).await;
        assert_eq!(rig.cloud.record(), before);
        assert_eq!(before["turns"][0]["bubbles"][0]["deltas"], 1);
        assert_eq!(rig.bridge(&bridge, "sendMessageDelta", delta).await.result()["idempotent"], true);
        assert_eq!(rig.bridge(&bridge, "createTask", card).await.result()["idempotent"], true);
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(socket.frame().await["update"]["interaction_id"], interaction);
        rig.bridge(&bridge, "sendMessageEnd", json!({ "message_id": bubble })).await.result();
    })
    .await;
}

/// A cloud with a file and an admin port.
async fn with_file(home: &tempfile::TempDir) -> Rig {
    let (file, admin) = (Some(home.path().join("cloud.db")), Some(([127, 0, 0, 1], 0).into()));
    Rig::with(Options { file, admin, ..unlimited() }).await
}

/// Time that stands until this is dropped, though the runtime has nothing to do; or until a test takes too long.
fn frozen() -> std::sync::mpsc::SyncSender<()> {
    let (held, until) = std::sync::mpsc::sync_channel(1);
    #[expect(clippy::disallowed_methods, reason = "it only holds the clock")]
    tokio::task::spawn_blocking(move || until.recv_timeout(MAX_TEST).is_ok());
    tokio::time::pause();
    held
}

#[tokio::test]
async fn a_restart_closes_everything_and_comes_back_with_what_the_file_says() {
    bounded(async {
        let home = tempfile::tempdir().expect("a folder");
        let rig = with_file(&home).await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        let interaction = rig.say(&session, "one").await;
        let open = json!({ "session_id": session, "interaction_id": interaction, "text": " " });
        let bubble = text(&rig.bridge(&bridge, "sendMessage", open).await.result()["message_id"]);
        let delta = json!({ "message_id": bubble, "delta": "half", "idempotency_key": "d" });
        rig.bridge(&bridge, "sendMessageDelta", delta.clone()).await.result();
        let key = rig.cloud.page_url();
        let before = rig.cloud.record();

        let held = frozen();
        let restart = rig.ask_admin(Method::POST, "/restart", json!({ "away_ms": 10_000 }));
        let closed = async {
            let closed = socket.closed().await;
            // Until the server has heard it, too.
            while let Some(Ok(_)) = socket.stream.next().await {}
            closed
        };
        let (restarted, closed) = tokio::join!(restart, closed);
        assert_eq!((restarted.result()["away_ms"].clone(), closed.0), (json!(10_000), 1001));
        assert!(rig.dial(&bridge.token).await.is_err(), "a socket while it is away");
        let refused = rig.http.get(rig.cloud.base_url()).send().await;
        assert!(refused.is_err(), "an answer while it is away: {refused:?}");
        let again = rig.ask_admin(Method::POST, "/restart", json!({})).await;
        assert_eq!((again.status.as_u16(), rig.cloud.record()), (503, before));
        tokio::time::advance(Duration::from_secs(11)).await;
        tokio::time::resume();
        drop(held);
        assert_eq!(rig.bridge(&bridge, "sendMessageDelta", delta).await.result()["idempotent"], true);
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(socket.frame().await["update"]["interaction_id"], interaction);
        assert_ne!(rig.http.get(key).send().await.expect("an answer").status(), 303, "keys are in no file");
        rig.bridge(&bridge, "sendMessageEnd", json!({ "message_id": bubble })).await.result();
    })
    .await;
}

#[tokio::test]
async fn a_restart_does_not_hold_up_a_stop_and_needs_a_file() {
    bounded(async {
        let home = tempfile::tempdir().expect("a folder");
        let rig = with_file(&home).await;
        for (body, path) in [(json!({ "away": 1 }), "away"), (json!({ "away_ms": 600_001 }), "away_ms")] {
            let reply = rig.ask_admin(Method::POST, "/restart", body).await;
            assert_eq!(reply.error(), refused(400, "invalid_request"));
            assert_eq!(reply.json()["error"]["errors"][0]["path"], path);
        }
        rig.ask_admin(Method::POST, "/restart", Value::Null).await.result();
        let (_bridge, session) = (rig.pair().await, rig.session().await);
        rig.ask_admin(Method::POST, "/restart", json!({ "away_ms": 600_000 })).await.result();
        rig.cloud.stop().await;
        let rig = with_file(&home).await;
        assert_eq!(rig.get("/v1/me").await.result()["sessions"][0]["session_id"], session.as_str());

        let reply = Rig::with_admin().await.ask_admin(Method::POST, "/restart", Value::Null).await;
        assert_eq!(reply.error(), refused(400, "invalid_request"));
    })
    .await;
}
