//! Who may come in, and what every answer carries.

use super::*;
use crate::localcloud::StartError;

const GET: Method = Method::GET;
const POST: Method = Method::POST;

fn none() -> String {
    String::new()
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_told() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let wrong = format!("{}x", bridge.token);
        for (method, path, token) in [
            (GET, "/v1/me", "usr_wrong"),
            (GET, "/v1/me", bridge.token.as_str()),
            (GET, "/v1/me/stream", ""),
            (POST, "/v1/me/sessions", "usr_wrong"),
            (POST, "/v1/bridge/sendMessage", USER),
            (POST, "/v1/bridge/sendMessage", wrong.as_str()),
            (GET, "/v1/bridge/ws", "inst_0123456789abcdef:s_test_x"),
        ] {
            let reply = rig.call(method, path, token, Value::Null).await;
            assert_eq!(reply.error(), refused(401, "invalid_token"), "{path}");
        }
        let basic = rig.ask(GET, "/v1/me", &[("authorization", "Basic dTpw")], none()).await;
        assert_eq!(basic.error(), refused(401, "invalid_token"));
        let Err(Error::Http(response)) = rig.dial(&wrong).await else { panic!("the socket opened") };
        assert_eq!(response.status(), 401);
    })
    .await;
}

#[tokio::test]
async fn foreign_names_and_foreign_pages_stay_out() {
    bounded(async {
        let rig = Rig::start().await;
        let bearer = format!("Bearer {USER}");
        let port = rig.cloud.addr().port();
        for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", &format!("evil.example:{port}")] {
            let reply = rig.ask(GET, "/v1/me", &[("host", host), ("authorization", &bearer)], none()).await;
            assert_eq!(reply.error(), refused(421, "misdirected_request"), "{host}");
        }
        for origin in ["null", "http://evil.example", "https://127.0.0.1", "http://localhost:1"] {
            let headers = [("origin", origin), ("authorization", &bearer)];
            let reply = rig.ask(GET, "/v1/me", &headers, none()).await;
            assert_eq!(reply.error(), refused(403, "permission_denied"), "{origin}");
        }
        for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
            let origin = format!("http://{host}");
            let headers = [("host", host.as_str()), ("origin", origin.as_str()), ("authorization", &bearer)];
            assert_eq!(rig.ask(GET, "/v1/me", &headers, none()).await.status, 200, "{host}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_in_a_url_is_refused_even_if_it_is_right() {
    bounded(async {
        let rig = Rig::start().await;
        let bridge = rig.pair().await;
        let in_query = format!("/v1/bridge/ws?token={}", bridge.token);
        let in_path = format!("/v1/bridge/{}/ws", bridge.token);
        for path in [in_query, in_path, format!("/v1/me?access_token={USER}")] {
            let reply = rig.call(GET, &path, &bridge.token, Value::Null).await;
            assert_eq!(reply.error(), refused(400, "invalid_token_location"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_opens_once_for_each_key() {
    bounded(async {
        let rig = Rig::start().await;
        let bare = rig.ask(GET, "/", &[], none()).await;
        assert!(bare.status == 401 && bare.body.contains("sophon-host dev"));
        let wrong = rig.ask(GET, "/?key=wrong", &[], none()).await;
        assert!(wrong.status == 403 && wrong.body.contains("sophon-host dev"));
        let url = rig.cloud.page_url();
        let path = url.strip_prefix(&rig.cloud.base_url()).expect("a path");
        let head = rig.ask(Method::HEAD, path, &[], none()).await;
        assert_eq!(head.status, 401, "a preview does not use the key up");
        let first = rig.ask(GET, path, &[], none()).await;
        assert_eq!(first.status, 303);
        for part in ["sophon_page_", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
            assert!(first.header("set-cookie").contains(part), "{part}");
        }
        assert_eq!(rig.ask(GET, path, &[], none()).await.status, 403);
        let cookie = first.header("set-cookie").split(';').next().expect("a cookie");
        let again = rig.ask(GET, path, &[("cookie", cookie)], none()).await;
        assert_eq!((again.status.as_u16(), again.header("location"), again.header("set-cookie")), (303, "/", ""));
        let page = rig.ask(GET, "/", &[("cookie", cookie)], none()).await;
        assert!(page.status == 200 && page.header("content-type").starts_with("text/html"));
        for asset in ["/assets/app.js", "/assets/style.css", "/assets/vendor/purify.min.js"] {
            assert_eq!(rig.ask(GET, asset, &[], none()).await.status, 200, "{asset}");
        }
        for asset in ["/assets/../mod.rs", "/assets/%2e%2e/mod.rs", "/assets/nothing.js", "/assets/"] {
            assert_eq!(rig.ask(GET, asset, &[], none()).await.status, 404, "{asset}");
        }
    })
    .await;
}

#[tokio::test]
async fn two_clouds_on_one_host_do_not_share_a_cookie() {
    bounded(async {
        let (one, other) = (Rig::start().await, Rig::start().await);
        let (first, second) = (one.cookie().await, other.cookie().await);
        let name = |cookie: &str| cookie.split('=').next().expect("a name").to_owned();
        assert_eq!(name(&first), format!("sophon_page_{}", one.cloud.addr().port()));
        assert_ne!(name(&first), name(&second), "a browser keeps both");
        let both = format!("{first}; {second}");
        for rig in [&one, &other] {
            assert_eq!(rig.ask(GET, "/v1/me", &[("cookie", &both)], none()).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn the_cookie_alone_changes_nothing() {
    bounded(async {
        let rig = Rig::start().await;
        rig.pair().await;
        let cookie = rig.cookie().await;
        assert_eq!(rig.ask(GET, "/v1/me", &[("cookie", &cookie)], none()).await.status, 200);
        let bare = rig.ask(POST, "/v1/me/sessions", &[("cookie", &cookie)], none()).await;
        assert_eq!(bare.error(), refused(403, "permission_denied"));
        let cross = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
        assert_eq!(rig.ask(POST, "/v1/me/sessions", &cross, none()).await.status, 403);
        let origin = rig.cloud.base_url();
        for sign in [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")] {
            assert_eq!(rig.ask(POST, "/v1/me/sessions", &[("cookie", &cookie), sign], none()).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn every_answer_can_be_traced_and_carries_the_limits() {
    bounded(async {
        let rig = Rig::start().await;
        for path in ["/", "/nothing", "/healthz", "/assets/app.js", "/v1/me", "/v1/pairing/start", "/v1/bridge/x"] {
            let reply = rig.ask(GET, path, &[], none()).await;
            let id = reply.header("x-request-id");
            assert!(id.len() == 20 && id.starts_with("req_"), "{path}: {id}");
            assert!(reply.header("traceparent").ends_with("-01"), "{path}");
            assert!(reply.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
            assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
            // With `no-referrer` a browser would send the page's own forms with `Origin: null`.
            assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
            for name in ["limit", "remaining", "reset", "reset-after", "bucket", "scope"] {
                assert!(!reply.header(&format!("x-ratelimit-{name}")).is_empty(), "{path}: {name}");
            }
        }
        let headers = [
            ("x-request-id", "mine:1"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
            ("tracestate", "rojo=00f067aa0ba902b7"),
        ];
        let reply = rig.ask(GET, "/healthz", &headers, none()).await;
        assert_eq!((reply.header("x-request-id"), reply.header("tracestate")), ("mine:1", "rojo=00f067aa0ba902b7"));
        let trace = reply.header("traceparent");
        assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && trace.ends_with("-00"));
        assert!(!trace.contains("00f067aa0ba902b7"), "the span is the server's own");
        let odd = rig.ask(GET, "/healthz", &[("x-request-id", "a b")], none()).await;
        assert!(odd.header("x-request-id").starts_with("req_"));
        assert_eq!(reply.json(), json!({ "ok": true, "result": {} }));
    })
    .await;
}

#[tokio::test]
async fn routes_and_methods_that_do_not_exist_are_errors_of_the_protocol() {
    bounded(async {
        let rig = Rig::start().await;
        assert_eq!(rig.get("/v1/nothing").await.error(), refused(404, "not_found"));
        assert_eq!(rig.get("/v1/pairing/start").await.error(), refused(405, "method_not_allowed"));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    bounded(async {
        let rig = Rig::start().await;
        let again = Options { addr: rig.cloud.addr(), ..unlimited() };
        assert!(
            matches!(LocalCloud::start(again).await, Err(StartError::PortInUse { addr }) if addr == rig.cloud.addr())
        );
        for ip in [[0, 0, 0, 0], [127, 0, 0, 2]] {
            let other = Options { addr: (ip, 0).into(), ..unlimited() };
            assert!(matches!(LocalCloud::start(other).await, Err(StartError::NotLoopback { .. })), "{ip:?}");
        }
        let directory = Options { file: Some(std::env::temp_dir()), ..unlimited() };
        assert!(matches!(LocalCloud::start(directory).await, Err(StartError::File { .. })));
        let token = Options { user_token: Some("a b".to_owned()), ..unlimited() };
        assert!(matches!(LocalCloud::start(token).await, Err(StartError::UserToken)));
    })
    .await;
}

#[tokio::test]
async fn every_route_refuses_what_is_too_long_and_tokens_in_its_url() {
    bounded(async {
        let rig = Rig::start().await;
        let (bridge, session) = (rig.pair().await, rig.session().await);
        let at = |rest: &str| format!("/v1/me/sessions/{session}{rest}");
        let (archive, rotate) = (at("/archive"), format!("/v1/me/installations/{}/rotate", bridge.id));
        for path in [
            "/v1/me/sessions",
            "/v1/me/pairing/claim",
            "/v1/me/approvals/apr_1",
            "/v1/pairing/start",
            "/v1/bridge/requestApproval",
            "/v1/bridge/finishTask",
            archive.as_str(),
            rotate.as_str(),
        ] {
            let token = if path.starts_with("/v1/bridge/") { bridge.token.as_str() } else { USER };
            let huge = json!({ "text": "x".repeat(1_000_000) });
            let reply = rig.call(POST, path, token, huge).await;
            assert_eq!(reply.error(), refused(413, "payload_too_large"), "{path}");
            let reply = rig.call(POST, &format!("{path}?session_token=x"), token, Value::Null).await;
            assert_eq!(reply.error(), refused(400, "invalid_token_location"), "{path}");
        }
        for path in ["/", "/healthz", "/assets/app.js", "/no/such/route"] {
            let reply = rig.ask(GET, &format!("{path}?token={}", bridge.token), &[], none()).await;
            assert_eq!(reply.error(), refused(400, "invalid_token_location"), "{path}");
        }
    })
    .await;
}
