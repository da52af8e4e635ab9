//! The bridge's side: refusals, repeats, the socket and what it replays.

use super::*;

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_with_paths() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let body = json!({
            "session_id": 7, "text": "x".repeat(64_001), "usage": { "input_tokens": -1, "output_tokens": 1 },
            "attachments": [{ "key": "u/1", "mime": "image/png", "size": 26_214_401 }],
        });
        let reply = rig.bridge(&bridge, "sendMessage", body).await;
        assert_eq!(reply.error(), refused(400, "invalid_request"));
        let errors = reply.json()["error"]["errors"].clone();
        let mut found: Vec<_> = errors
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| format!("{}:{}", text(&error["path"]), text(&error["code"])))
            .collect();
        found.sort();
        assert_eq!(
            found,
            ["attachments.0.size:too_big", "session_id:invalid_type", "text:too_big", "usage.input_tokens:too_small"]
        );
        let bearer = format!("Bearer {}", bridge.token);
        for broken in ["{", "[]", "\"x\"", "null", "\u{0}", &"[".repeat(100_000)] {
            let reply =
                rig.ask(Method::POST, "/v1/bridge/sendMessage", &[("authorization", &bearer)], broken.to_owned()).await;
            assert_eq!(reply.error(), refused(400, "invalid_request"));
            assert_eq!(reply.json()["error"]["errors"][0]["path"], "");
        }
        let huge = json!({ "text": "x".repeat(1_000_000) });
        assert_eq!(rig.bridge(&bridge, "sendMessage", huge).await.error(), refused(413, "payload_too_large"));
    })
    .await;
}

#[tokio::test]
async fn sessions_of_others_and_deleted_ones_are_refused() {
    bounded(async {
        let rig = Rig::start().await;
        let (first, second) = (rig.pair().await, rig.pair().await);
        let session = rig.session().await;
        let body = json!({ "session_id": session, "text": " " });
        assert_eq!(rig.bridge(&first, "sendMessage", body.clone()).await.error(), refused(403, "permission_denied"));
        let interaction = rig.say(&session, "hi").await;
        let bubble = rig.open(&second, &session).await;
        let task = json!({ "session_id": session, "interaction_id": interaction, "task_id": "t", "kind": "bash" });
        rig.call(Method::DELETE, &format!("/v1/me/sessions/{session}"), USER, Value::Null).await.result();
        assert_eq!(rig.bridge(&second, "sendMessage", body).await.error(), refused(410, "session_deleted"));
        assert_eq!(rig.bridge(&second, "createTask", task).await.error(), refused(410, "session_deleted"));
        let delta = json!({ "message_id": bubble, "delta": "x" });
        assert_eq!(rig.bridge(&second, "sendMessageDelta", delta).await.error(), refused(410, "session_deleted"));
        let unknown = json!({ "message_id": "msg_unknown" });
        assert_eq!(rig.bridge(&second, "sendMessageEnd", unknown).await.error(), refused(404, "message_not_found"));
        let mut socket = rig.ready(&second).await;
        assert_eq!(socket.frame().await["update"]["type"], "session.message");
        assert_eq!(socket.frame().await["update"]["type"], "session.cancelled");
    })
    .await;
}

#[tokio::test]
async fn a_repeat_is_answered_and_a_changed_repeat_is_a_conflict() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let session = rig.session().await;
        let key = format!("int:1 attempt {}", "é".repeat(100));
        let body = json!({ "session_id": session, "text": "one", "idempotency_key": key });
        let first = rig.bridge(&bridge, "sendMessage", body.clone()).await.result();
        let again = rig.bridge(&bridge, "sendMessage", body).await.result();
        assert_eq!(again, json!({ "message_id": first["message_id"], "idempotent": true }));
        let other = json!({ "session_id": session, "text": "two", "idempotency_key": key });
        let conflict = rig.bridge(&bridge, "sendMessage", other).await;
        assert_eq!(conflict.error(), refused(409, "idempotency_conflict"));
        let messages = rig.get(&format!("/v1/me/sessions/{session}/messages")).await.result();
        assert_eq!(messages["messages"].as_array().map(Vec::len), Some(1));
        let end = json!({ "message_id": first["message_id"], "idempotency_key": "end" });
        rig.bridge(&bridge, "sendMessageEnd", end.clone()).await.result();
        assert_eq!(rig.bridge(&bridge, "sendMessageEnd", end).await.result(), json!({ "idempotent": true }));
        let late = json!({ "message_id": first["message_id"], "idempotency_key": "end2" });
        assert_eq!(rig.bridge(&bridge, "sendMessageEnd", late).await.error(), refused(409, "message_finalized"));
    })
    .await;
}

#[tokio::test]
async fn an_empty_bucket_says_how_long_to_wait() {
    bounded(async {
        let rig = Rig::with(Options { buckets: tiny(), ..unlimited() }).await;
        let bridge = rig.pair().await;
        let session = rig.session().await;
        let body = |n: u32| json!({ "session_id": session, "text": "x", "idempotency_key": n.to_string() });
        let first = rig.bridge(&bridge, "sendMessage", body(1)).await;
        assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), ("2", "1"));
        assert_eq!(first.header("x-ratelimit-bucket"), "msg");
        assert_eq!(first.header("x-ratelimit-scope"), "installation");
        rig.bridge(&bridge, "sendMessage", body(2)).await.result();
        let limited = rig.bridge(&bridge, "sendMessage", body(3)).await;
        assert_eq!(limited.error(), refused(429, "rate_limited"));
        assert_eq!((limited.header("retry-after"), limited.header("x-ratelimit-remaining")), ("1", "0"));
        let wait = limited.json()["error"]["retry_after_ms"].as_u64().expect("a wait");
        assert!((1..=1000).contains(&wait), "{wait}");
        let delta = rig.bridge(&bridge, "sendMessageDelta", json!({})).await;
        assert_eq!(delta.error(), refused(400, "invalid_request"), "another bucket");
    })
    .await;
}

/// A client that writes its body behind its head must get the answer, and keep its connection, when the answer is
/// known from the head alone.
#[tokio::test]
async fn a_refusal_waits_for_the_body() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    bounded(async {
        let rig = Rig::start().await;
        let addr = rig.cloud.addr();
        let mut stream = TcpStream::connect(addr).await.expect("a connection");
        for _ in 0..2 {
            let head = format!("POST /v1/bridge/sendMessage HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 2\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("written");
            // Nothing is answered yet, however long this side takes.
            let mut answer = vec![0; 4096];
            let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut answer)).await;
            assert!(early.is_err(), "the answer overtook the body");
            stream.write_all(b"{}").await.expect("written");
            let length = stream.read(&mut answer).await.expect("an answer");
            assert!(answer[..length].starts_with(b"HTTP/1.1 401"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_not_acked_is_replayed_in_order_and_acks_are_cumulative() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let session = rig.session().await;
        let mut interactions = Vec::new();
        for text in ["one", "two", "three"] {
            interactions.push(rig.say(&session, text).await);
        }
        let mut socket = rig.ready(&bridge).await;
        for (number, interaction) in interactions.iter().enumerate() {
            let update = socket.frame().await["update"].clone();
            assert_eq!(update["update_id"], (number + 1).to_string());
            assert_eq!(update["payload"]["interaction_id"], *interaction);
            assert_eq!(update["payload"]["session"]["id"], session);
            assert_eq!((&update["interaction_id"], &update["session_id"]), (&json!(interaction), &json!(session)));
            assert!(update["payload"]["message"]["id"].is_string() && text(&update["created_at"]).ends_with('Z'));
        }
        for odd in [json!({ "type": "ack", "up_to_update_id": "99" }), json!({ "type": "confetti" }), json!(7)] {
            socket.say(odd).await;
        }
        socket.say(json!({ "type": "ack", "up_to_update_id": 2 })).await;
        // The socket is read in order: when this one is answered, the ack was heard.
        socket.stream.send(Message::Ping("x".into())).await.expect("sent");
        while !matches!(socket.stream.next().await, Some(Ok(Message::Pong(_)))) {}
        let mut again = rig.ready(&bridge).await;
        assert_eq!(again.frame().await["update"]["update_id"], "3");
        assert_eq!(socket.closed().await, (4000, "replaced".to_owned()));
        let live = rig.say(&session, "four").await;
        assert_eq!(again.frame().await["update"]["interaction_id"], live);
    })
    .await;
}

/// More waits than the connection's buffers hold, and nothing is read: the server is in the middle of its replay.
async fn stuck(rig: &Rig, bridge: &Bridge) -> Socket {
    let session = rig.session().await;
    for _ in 0..250 {
        rig.say(&session, &"x".repeat(64_000)).await;
    }
    rig.ready(bridge).await
}

#[tokio::test]
async fn a_replay_that_is_not_read_keeps_nobody_waiting() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let socket = stuck(&rig, &bridge).await;
        let begun = std::time::Instant::now();
        rig.cloud.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        drop(socket);
    })
    .await;
}

#[tokio::test]
async fn a_bridge_that_does_not_pong_is_closed_and_one_that_does_stays() {
    bounded(async {
        let rig = Rig::with(Options { heartbeat: Duration::from_millis(120), ..unlimited() }).await;
        let bridge = rig.pair().await;
        let mut socket = rig.ready(&bridge).await;
        for _ in 0..6 {
            assert_eq!(socket.frame().await, json!({ "type": "ping" }));
            socket.say(json!({ "type": "pong" })).await;
        }
        assert_eq!(socket.closed().await, (4001, "no pong".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_the_chat_and_stopping_closes_the_socket() {
    bounded(async {
        let home = tempfile::tempdir().expect("a directory");
        let file = Some(home.path().join("cloud.db"));
        let rig = Rig::with(Options { file: file.clone(), ..unlimited() }).await;
        let bridge = rig.pair().await;
        let mut socket = rig.ready(&bridge).await;
        let session = rig.session().await;
        rig.say(&session, "hello").await;
        let bubble = rig.open(&bridge, &session).await;
        rig.bridge(&bridge, "sendMessageDelta", json!({ "message_id": bubble, "delta": "half" })).await.result();
        let path = format!("/v1/me/sessions/{session}/messages");
        let before = rig.get(&path).await.result();
        let cookie = rig.cookie().await;
        let (_, cookie) = cookie.split_once('=').expect("a value");
        let Rig { cloud, .. } = rig;
        let (code, ()) = tokio::join!(
            async {
                while socket.frame().await["type"] != "update" {}
                socket.closed().await
            },
            cloud.stop()
        );
        assert_eq!(code, (1001, "going away".to_owned()));

        let rig = Rig::with(Options { file, ..unlimited() }).await;
        assert_eq!(rig.get(&path).await.result(), before);
        assert_eq!(before["messages"][1]["text"], "half");
        let mut socket = rig.ready(&bridge).await;
        assert_eq!(socket.frame().await["update"]["payload"]["message"]["text"], "hello");
        rig.bridge(&bridge, "sendMessageEnd", json!({ "message_id": bubble })).await.result();
        let cookie = format!("sophon_page_{}={cookie}", rig.cloud.addr().port());
        assert_eq!(rig.ask(Method::GET, "/v1/me", &[("cookie", &cookie)], String::new()).await.status, 200);
    })
    .await;
}
