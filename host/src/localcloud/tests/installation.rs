//! Tokens that die: rotated, and revoked with their installation.

use super::stream::Events;
use super::*;

impl Rig {
    async fn refused_dial(&self, token: &str) -> u16 {
        let Err(Error::Http(response)) = self.dial(token).await else { panic!("the socket opened") };
        response.status().as_u16()
    }
}

#[tokio::test]
async fn an_old_token_dies_with_the_new_one_and_nothing_is_lost() {
    bounded(async {
        let home = tempfile::tempdir().expect("a directory");
        let file = Some(home.path().join("cloud.db"));
        let rig = Rig::with(Options { file: file.clone(), ..unlimited() }).await;
        let (old, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&old).await;
        let path = format!("/v1/me/installations/{}/rotate", old.id);
        let rotated = rig.post(&path, Value::Null).await.result();
        let new = Bridge { id: old.id.clone(), token: text(&rotated["token"]) };
        assert!(new.token.starts_with(&format!("{}:s_", old.id)) && new.token != old.token);
        assert_eq!(socket.closed().await, (4401, "unauthorized".to_owned()));
        assert_eq!(rig.refused_dial(&old.token).await, 401);
        let body = json!({ "session_id": session, "text": "x" });
        assert_eq!(rig.bridge(&old, "sendMessage", body.clone()).await.error(), refused(401, "invalid_token"));
        rig.say(&session, "hello").await;
        assert_eq!(rig.ready(&new).await.frame().await["update"]["payload"]["message"]["text"], "hello");
        rig.bridge(&new, "sendMessage", body.clone()).await.result();
        rig.cloud.stop().await;

        let rig = Rig::with(Options { file, ..unlimited() }).await;
        assert_eq!(rig.refused_dial(&old.token).await, 401);
        rig.ready(&new).await;
        let unknown = rig.post("/v1/me/installations/inst_x/rotate", Value::Null).await;
        assert_eq!(unknown.error(), refused(404, "installation_not_found"));
        let by_bridge = rig.call(Method::POST, &path, &new.token, Value::Null).await;
        assert_eq!(by_bridge.error(), refused(401, "invalid_token"), "only the user may");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_installation_is_told_so_as_the_table_says() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let mut socket = rig.ready(&bridge).await;
        let bubble = rig.open(&bridge, &session).await;
        let mut stream = Events::open(&rig, None).await;
        let path = format!("/v1/me/installations/{}", bridge.id);
        rig.call(Method::DELETE, &path, USER, Value::Null).await.result();
        assert_eq!(stream.until("installation_revoked").await.2["installation_id"], bridge.id);
        assert_eq!(socket.closed().await, (4401, "unauthorized".to_owned()));
        assert_eq!(rig.refused_dial(&bridge.token).await, 401);
        for (route, status) in [
            ("sendMessage", 403),
            ("createTask", 403),
            ("requestApproval", 403),
            ("sendMessageDelta", 410),
            ("sendMessageEnd", 410),
            ("updateTask", 410),
            ("finishTask", 410),
        ] {
            let reply = rig.bridge(&bridge, route, json!({ "message_id": bubble })).await;
            assert_eq!(reply.error(), refused(status, "installation_revoked"), "{route}");
        }
        assert_eq!(rig.get("/v1/me").await.result()["installations"], json!([]));
        let send = rig.post(&format!("/v1/me/sessions/{session}/send"), json!({ "text": "x" })).await;
        assert_eq!(send.error(), refused(403, "installation_revoked"));
        assert_eq!(rig.get(&path).await.error(), refused(403, "installation_revoked"));
        assert_eq!(rig.post("/v1/me/sessions", json!({})).await.error(), refused(404, "installation_not_found"));
        let messages = rig.get(&format!("/v1/me/sessions/{session}/messages")).await.result();
        assert_eq!(messages["messages"].as_array().map(Vec::len), Some(1), "history stays");
        rig.call(Method::DELETE, &format!("/v1/me/sessions/{session}"), USER, Value::Null).await.result();
    })
    .await;
}
