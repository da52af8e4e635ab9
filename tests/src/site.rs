//! A web server of the test: it answers the bytes that it is told to, and keeps what it was asked.

use anyhow::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// What a site does with a request.
pub enum Page {
    /// Sends these bytes and closes the connection.
    Whole(Vec<u8>),
    /// Sends these bytes and nothing more, until the other side closes.
    Held(Vec<u8>),
}

/// The server.
pub struct Site {
    /// Where it is.
    pub addr: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    asked: Mutex<Vec<String>>,
    news: Notify,
    /// Connections that are open.
    open: watch::Sender<usize>,
}

/// A connection, as long as it is open.
struct Open(Arc<State>);

impl Open {
    fn new(state: Arc<State>) -> Self {
        state.open.send_modify(|open| *open += 1);
        Self(state)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// A good answer with this body.
pub fn page(kind: &str, body: &str) -> Page {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    Page::Whole(head.into_bytes())
}

/// An answer that sends on to somewhere else.
pub fn redirect(to: &str) -> Page {
    Page::Whole(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes())
}

/// A site of one page, with a title and a text.
///
/// # Errors
/// When there is no port left.
pub async fn hello() -> Result<Site> {
    Site::start(|_| page("text/html", "<title>A page</title><p>Hello, <b>you</b></p>")).await
}

impl Site {
    /// Starts a server that answers with what `answer` makes of a request's text.
    ///
    /// # Errors
    /// When there is no port left.
    pub async fn start(answer: impl Fn(&str) -> Page + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (addr, state, answer) = (listener.local_addr()?, Arc::<State>::default(), Arc::new(answer));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (open, answer) = (Open::new(shared.clone()), answer.clone());
                tokio::spawn(async move { drop(serve(stream, &open.0, &*answer).await) });
            }
        });
        Ok(Self { addr, state, task })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What it was asked so far: whole requests, as they came.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it is asked something.
    pub async fn news(&self) {
        self.state.news.notified().await;
    }

    /// Waits until no connection is open: what it held was closed by the other side. Who gives up early enough may never
    /// have opened one.
    pub async fn closed(&self) {
        // The sender is there as long as this is.
        let _ = self.state.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: &State, answer: &(dyn Fn(&str) -> Page + Send + Sync)) -> Result<()> {
    let mut bytes = Vec::new();
    let asked = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
            if body.len() >= head.lines().find_map(length).unwrap_or(0) {
                break text;
            }
        }
    };
    let page = answer(&asked);
    state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    state.news.notify_one();
    match page {
        Page::Whole(bytes) => stream.write_all(&bytes).await?,
        Page::Held(sent) => {
            stream.write_all(&sent).await?;
            // The end, or a reset: in any case nobody waits any more.
            let _ = stream.read_to_end(&mut bytes).await;
        }
    }
    Ok(())
}
