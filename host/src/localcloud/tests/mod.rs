//! The real server on a port of its own, with real clients.

mod admin;
mod approval;
mod backstage;
mod bridge;
mod door;
mod fault;
mod installation;
mod pairing;
mod stream;

use super::bucket::Rate;
use super::{Buckets, LocalCloud, Options};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const USER: &str = "usr_of_the_tests";
/// No test takes longer; most take milliseconds.
const MAX_TEST: Duration = Duration::from_secs(30);

/// Runs a test that may not take for ever.
async fn bounded(test: impl Future<Output = ()>) {
    tokio::time::timeout(MAX_TEST, test).await.expect("the test takes too long");
}

fn client() -> reqwest::Client {
    // The crate is built without a default for TLS, and asks for one also where none is used. Another test may
    // have installed it before, which is as good.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::trace!("a provider is there");
    }
    #[expect(clippy::disallowed_methods, reason = "the room does not know the host's client")]
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().expect("a client")
}

fn unlimited() -> Options {
    Options { user_token: Some(USER.to_owned()), buckets: Buckets::unlimited(), ..Options::default() }
}

/// A running cloud and a client.
struct Rig {
    cloud: LocalCloud,
    http: reqwest::Client,
}

/// An answer.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["result"].clone()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and error code, for comparing.
    fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A paired bridge.
#[derive(Clone)]
struct Bridge {
    id: String,
    token: String,
}

impl Rig {
    async fn start() -> Self {
        Self::with(unlimited()).await
    }

    async fn with(options: Options) -> Self {
        Self { cloud: LocalCloud::start(options).await.expect("a cloud"), http: client() }
    }

    /// Sends a request with the headers given.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Reply {
        let mut request = self.http.request(method, format!("{}{path}", self.cloud.base_url())).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, body: response.text().await.expect("a body") }
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, path, &[("authorization", &bearer)], body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, USER, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, USER, body).await
    }

    async fn bridge(&self, by: &Bridge, route: &str, body: Value) -> Reply {
        self.call(Method::POST, &format!("/v1/bridge/{route}"), &by.token, body).await
    }

    async fn pair(&self) -> Bridge {
        let started = self.post("/v1/pairing/start", json!({ "connector_type": "echo" })).await.result();
        self.post("/v1/me/pairing/claim", json!({ "code": started["code"] })).await.result();
        let poll = json!({ "poll_token": started["poll_token"] });
        let paired = self.post("/v1/pairing/poll", poll).await.result();
        Bridge { id: text(&paired["installation_id"]), token: text(&paired["token"]) }
    }

    async fn session(&self) -> String {
        text(&self.post("/v1/me/sessions", json!({})).await.result()["session_id"])
    }

    /// The user writes; the interaction's id.
    async fn say(&self, session: &str, what: &str) -> String {
        let path = format!("/v1/me/sessions/{session}/send");
        text(&self.post(&path, json!({ "text": what })).await.result()["interaction_id"])
    }

    /// The agent opens a bubble; its id.
    async fn open(&self, by: &Bridge, session: &str) -> String {
        let body = json!({ "session_id": session, "text": " ", "idempotency_key": super::secret::base62(16) });
        text(&self.bridge(by, "sendMessage", body).await.result()["message_id"])
    }

    async fn dial(&self, token: &str) -> Result<Socket, Error> {
        let url = format!("ws://{}/v1/bridge/ws", self.cloud.addr());
        let mut request = url.into_client_request().expect("a request");
        let bearer = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
        let (stream, _) = tokio_tungstenite::connect_async(request).await?;
        Ok(Socket { stream })
    }

    /// A socket that has said `ready`.
    async fn ready(&self, by: &Bridge) -> Socket {
        let mut socket = self.dial(&by.token).await.expect("a socket");
        assert_eq!(socket.frame().await, json!({ "type": "ready", "installation_id": by.id }));
        socket
    }

    /// The page's cookie, as a browser would send it.
    async fn cookie(&self) -> String {
        let url = self.cloud.page_url();
        let path = url.strip_prefix(&self.cloud.base_url()).expect("a path");
        let reply = self.ask(Method::GET, path, &[], String::new()).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"));
        reply.header("set-cookie").split(';').next().expect("a cookie").to_owned()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// The next text frame.
    async fn frame(&mut self) -> Value {
        loop {
            match self.stream.next().await.expect("a frame").expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// Reads until the server closes; code and reason.
    async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.stream.next().await.expect("a close").expect("a close") {
                Message::Close(close) => {
                    let close = close.expect("a code");
                    return (close.code.into(), close.reason.to_string());
                }
                _ => continue,
            }
        }
    }

    async fn say(&mut self, frame: Value) {
        self.stream.send(Message::text(frame.to_string())).await.expect("sent");
    }
}

/// Buckets of two requests each, that do not refill while a test runs.
fn tiny() -> Buckets {
    let rate = Rate { capacity: 2, per_second: 1 };
    Buckets { msg: rate, ..Buckets::unlimited() }
}
