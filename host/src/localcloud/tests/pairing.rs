//! Pairing in both dialects.

use super::*;

#[tokio::test]
async fn what_is_not_a_pairing_is_refused() {
    bounded(async {
        let rig = Rig::start().await;
        let reply = rig.post("/v1/pairing/start", json!({ "connector_type": 7, "host_label": "a\nb" })).await;
        assert_eq!(reply.error(), refused(400, "invalid_request"));
        let errors = reply.json()["error"]["errors"].clone();
        assert_eq!((&errors[0]["path"], &errors[0]["code"]), (&json!("connector_type"), &json!("invalid_type")));
        assert_eq!((&errors[1]["path"], &errors[1]["code"]), (&json!("host_label"), &json!("invalid_string")));
        let unknown = json!({ "poll_token": "p_unknown" });
        assert_eq!(rig.post("/v1/pairing/poll", unknown).await.error(), refused(404, "pairing_not_found"));
        let claim = rig.post("/v1/me/pairing/claim", json!({ "code": "NOSUCH1" })).await;
        assert_eq!(claim.error(), refused(404, "pairing_not_found"));
        assert_eq!(rig.get("/v1/pairing/poll").await.error(), refused(400, "invalid_request"));
    })
    .await;
}

#[tokio::test]
async fn the_documented_dialect_hands_the_token_out_once() {
    bounded(async {
        let rig = Rig::start().await;
        let body = json!({ "connector_type": "echo", "host_label": "serafim's mac" });
        let started = rig.post("/v1/pairing/start", body).await.result();
        assert_eq!(text(&started["code"]).len(), 7);
        assert!(started["expires_at"].as_u64().expect("seconds") < 100_000_000_000);
        let poll = json!({ "poll_token": started["poll_token"] });
        assert_eq!(rig.post("/v1/pairing/poll", poll.clone()).await.result(), json!({ "status": "pending" }));
        let claim = json!({ "code": started["code"] });
        let installation = rig.post("/v1/me/pairing/claim", claim.clone()).await.result();
        assert_eq!(installation["host_label"], "serafim's mac");
        assert_eq!(rig.post("/v1/me/pairing/claim", claim).await.error(), refused(410, "pairing_consumed"));
        let paired = rig.post("/v1/pairing/poll", poll.clone()).await.result();
        assert_eq!(
            (&paired["status"], &paired["installation_id"]),
            (&json!("paired"), &installation["installation_id"])
        );
        let token = text(&paired["token"]);
        let (id, secret) = token.split_once(":s_test_").expect("the documented form");
        assert_eq!((id.len(), secret.len()), ("inst_".len() + 16, 40));
        assert_eq!(rig.post("/v1/pairing/poll", poll).await.error(), refused(410, "pairing_consumed"));
        rig.ready(&Bridge { id: id.to_owned(), token: token.clone() }).await;
    })
    .await;
}

#[tokio::test]
async fn the_dialect_of_the_field_waits_for_the_claim() {
    bounded(async {
        let rig = Rig::start().await;
        let started = rig.post("/v1/pairing/start", json!({ "connector_type_id": "openclaw" })).await.result();
        assert!(started["expires_at"].as_u64().expect("milliseconds") > 1_000_000_000_000);
        assert_eq!(started["connector"], json!({ "id": "openclaw", "display_name": "openclaw" }));
        let code = text(&started["code"]);
        let at_once = rig.get(&format!("/v1/pairing/poll?code={code}&timeout=0")).await.result();
        assert_eq!(at_once, json!({ "status": "pending" }));
        let path = format!("/v1/pairing/poll?code={code}&timeout=25");
        let (polled, _) = tokio::join!(rig.get(&path), rig.post("/v1/me/pairing/claim", json!({ "code": code })));
        let polled = polled.result();
        assert_eq!(polled["status"], "claimed");
        assert_eq!(polled["sophon_ws_url"], format!("ws://{}/v1/bridge/ws", rig.cloud.addr()));
        let bridge = Bridge { id: text(&polled["installation_id"]), token: text(&polled["bot_token"]) };
        rig.ready(&bridge).await;
        assert_eq!(rig.get(&path).await.error(), refused(410, "pairing_consumed"));
    })
    .await;
}

#[tokio::test]
async fn the_browser_page_claims_on_its_button_only() {
    bounded(async {
        let rig = Rig::start().await;
        let started = rig.post("/v1/pairing/start", json!({ "connector_type": "echo" })).await.result();
        let path = format!("/v1/pairing/redeem?code={}", text(&started["code"]));
        assert_eq!(rig.ask(Method::GET, &path, &[], String::new()).await.status, 401);
        let cookie = rig.cookie().await;
        let page = rig.ask(Method::GET, &path, &[("cookie", &cookie)], String::new()).await;
        assert!(page.status == 200 && page.body.contains("<form method=\"post\""));
        assert_eq!(rig.ask(Method::POST, &path, &[("cookie", &cookie)], String::new()).await.status, 403);
        let poll = json!({ "poll_token": started["poll_token"] });
        assert_eq!(rig.post("/v1/pairing/poll", poll.clone()).await.result()["status"], "pending");
        let origin = rig.cloud.base_url();
        let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
        assert_eq!(rig.ask(Method::POST, &path, &headers, String::new()).await.status, 200);
        assert_eq!(rig.post("/v1/pairing/poll", poll).await.result()["status"], "paired");
        let odd = "/v1/pairing/redeem?code=%3Cb%3Eabcd";
        assert_eq!(rig.ask(Method::GET, odd, &[("cookie", &cookie)], String::new()).await.status, 404);
    })
    .await;
}
