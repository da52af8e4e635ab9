//! A cloud that does what a test tells it: raw frames down, chosen answers up.

use crate::PATIENCE;
use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// One request of the bridge.
#[derive(Debug)]
pub struct Request {
    /// The last part of its path: `sendMessage`, …
    pub route: String,
    /// Its body.
    pub body: Value,
    /// Its headers.
    pub headers: HeaderMap,
}

impl Request {
    /// A header of it, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

type AnswerFn = dyn Fn(&Request) -> (u16, Value) + Send + Sync;

/// The cloud's side, in the test's hands.
pub struct Script {
    /// Its address.
    pub base: String,
    frames: mpsc::Sender<String>,
    heard: mpsc::Receiver<Value>,
    requests: mpsc::Receiver<Request>,
    server: JoinHandle<()>,
}

struct Shared {
    frames: Mutex<mpsc::Receiver<String>>,
    heard: mpsc::Sender<Value>,
    requests: mpsc::Sender<Request>,
    answer: Box<AnswerFn>,
    upgrade: u16,
}

/// What a cloud in good order answers.
pub fn good(request: &Request) -> (u16, Value) {
    let id = request.body["interaction_id"].as_str().unwrap_or("none");
    (200, json!({ "ok": true, "result": { "message_id": format!("msg_{id}") } }))
}

impl Script {
    /// A cloud in good order.
    pub async fn start() -> Result<Self> {
        Self::with(101, good).await
    }

    /// A cloud that answers the upgrade with `upgrade` (101 accepts) and each request by `answer`.
    pub async fn with(upgrade: u16, answer: impl Fn(&Request) -> (u16, Value) + Send + Sync + 'static) -> Result<Self> {
        let (frames, frames_out) = mpsc::channel(64);
        let (heard_in, heard) = mpsc::channel(1_024);
        let (requests_in, requests) = mpsc::channel(1_024);
        let frames_out = Mutex::new(frames_out);
        let answer = Box::new(answer);
        let shared = Arc::new(Shared { frames: frames_out, heard: heard_in, requests: requests_in, answer, upgrade });
        let routes = Router::new()
            .route("/v1/bridge/ws", axum::routing::get(socket))
            .route("/v1/bridge/{route}", axum::routing::post(post))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        // The server ends with the script; an error of it shows as a test that waits in vain.
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { base, frames, heard, requests, server })
    }

    /// Sends a frame as it is.
    pub async fn send(&self, frame: impl ToString) -> Result<()> {
        self.frames.send(frame.to_string()).await.context("the script has ended")
    }

    /// The next frame of the bridge.
    pub async fn hear(&mut self) -> Result<Value> {
        let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await.context("waited in vain for a frame")?;
        heard.context("the script has ended")
    }

    /// The next request of the bridge.
    pub async fn request(&mut self) -> Result<Request> {
        let request = tokio::time::timeout(PATIENCE, self.requests.recv()).await;
        request.context("waited in vain for a request")?.context("the script has ended")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn socket(State(shared): State<Arc<Shared>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    assert!(bearer.is_some_and(|bearer| bearer.starts_with("Bearer inst_")), "the token is not in its header");
    if shared.upgrade != 101 {
        return StatusCode::from_u16(shared.upgrade).expect("a status").into_response();
    }
    upgrade.on_upgrade(move |socket| converse(socket, shared))
}

async fn converse(mut socket: WebSocket, shared: Arc<Shared>) {
    let mut frames = shared.frames.lock().await;
    loop {
        tokio::select! {
            frame = frames.recv() => match frame.as_deref() {
                Some("cut") | None => return,
                Some(frame) => if socket.send(Message::text(frame)).await.is_err() { return },
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap_or_else(|_| json!(text.as_str()));
                    if shared.heard.send(frame).await.is_err() { return }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

async fn post(
    State(shared): State<Arc<Shared>>,
    Path(route): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request { route, body: serde_json::from_slice(&body).unwrap_or_default(), headers };
    let (status, answer) = (shared.answer)(&request);
    // A test that does not look at requests lets them go.
    let _ = shared.requests.try_send(request);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("x-request-id", "req_0123456789abcdef")], answer.to_string()).into_response()
}
