//! The stub: a cloud without checks or memory, and with limits only where a benchmark wants some. It must never be what the host waits for, so it does nothing
//! but read, take the time, answer, and tell the driver.

use super::bucket::Buckets;
use super::http::Connection;
use super::wire::{self, Call};
use anyhow::{Context as _, Result};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Events that wait for the driver. At most 100 turns are under way with one request each, so it is never full; if it
/// were, the stub would answer later.
const MAX_EVENTS: usize = 1_024;

/// The sending half of the host's socket.
pub(super) type Updates = SplitSink<WebSocketStream<TcpStream>, Message>;

/// A running stub. Dropped, it closes everything.
pub(crate) struct Cloud {
    addr: SocketAddr,
    pub(super) events: mpsc::Receiver<Event>,
    /// The newest update that the host acked.
    pub(super) acked: watch::Receiver<u64>,
    buckets: Arc<Mutex<Buckets>>,
    _listening: JoinSet<()>,
}

/// What the stub tells the driver.
pub(super) enum Event {
    /// The host has dialled and was sent `ready`.
    Connected(Updates),
    /// The host called. An end is told once it is answered, anything else before.
    Called { turn: usize, call: Call, at: Instant },
    /// The host's socket is closed.
    Gone,
    /// The host did what the stub cannot read.
    Fault(anyhow::Error),
}

#[derive(Clone)]
struct Reports {
    events: mpsc::Sender<Event>,
    acked: watch::Sender<u64>,
    buckets: Arc<Mutex<Buckets>>,
}

impl Cloud {
    /// Starts a stub with these limits on a free port of the loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub(crate) async fn start(buckets: Buckets) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port on 127.0.0.1 for the stub")?;
        let addr = listener.local_addr().context("a listener without an address")?;
        let (event_sender, events) = mpsc::channel(MAX_EVENTS);
        let (ack_sender, acked) = watch::channel(0);
        let mut listening = JoinSet::new();
        let buckets = Arc::new(Mutex::new(buckets));
        let reports = Reports { events: event_sender, acked: ack_sender, buckets: buckets.clone() };
        listening.spawn(listen(listener, reports));
        Ok(Self { addr, events, acked, buckets, _listening: listening })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many requests were answered with 429.
    pub(super) fn refused(&self) -> usize {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).refused
    }
}

async fn listen(listener: TcpListener, reports: Reports) {
    // Dropped with this task, so that no connection outlives the stub.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let reports = reports.clone();
        connections.spawn(async move {
            if let Err(error) = serve(stream, &reports).await {
                // Without a driver there is nobody left to tell.
                let _ = reports.events.send(Event::Fault(error)).await;
            }
        });
    }
}

async fn serve(stream: TcpStream, reports: &Reports) -> Result<()> {
    stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
    let mut connection = Connection::new(stream);
    while let Some(request) = connection.next().await? {
        let at = Instant::now();
        if let Some(key) = request.socket_key {
            return socket(connection, &key, reports).await;
        }
        let quota = reports.buckets.lock().unwrap_or_else(PoisonError::into_inner).draw(&request.path, at);
        if quota.is_refused() {
            connection.answer(&wire::refusal(&quota)).await?;
            continue;
        }
        let call = wire::call(&request.path, &request.body)?;
        let response = wire::answer(call.as_ref(), &quota);
        // A turn is over when its end is answered: the driver may send the next update only then.
        match call {
            Some((turn, call @ Call::End(_))) => {
                connection.answer(&response).await?;
                reports.events.send(Event::Called { turn, call, at }).await?;
            }
            Some((turn, call)) => {
                reports.events.send(Event::Called { turn, call, at }).await?;
                connection.answer(&response).await?;
            }
            None => connection.answer(&response).await?,
        }
    }
    Ok(())
}

/// Turns a connection into the host's socket, and reads what comes up until it closes.
async fn socket(mut connection: Connection, key: &str, reports: &Reports) -> Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let switching = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
    connection.answer(format!("{switching}sec-websocket-accept: {accept}\r\n\r\n").as_bytes()).await?;
    let (stream, rest) = connection.into_parts();
    let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, None).await;
    let (mut updates, frames) = socket.split();
    updates.send(Message::text(wire::ready())).await.context("cannot send `ready`")?;
    reports.events.send(Event::Connected(updates)).await?;
    let read = read_frames(frames, reports).await;
    reports.events.send(Event::Gone).await?;
    read
}

async fn read_frames(mut frames: SplitStream<WebSocketStream<TcpStream>>, reports: &Reports) -> Result<()> {
    // How a socket ends does not matter here: the driver knows whether it should have.
    while let Some(Ok(frame)) = frames.next().await {
        let Message::Text(text) = frame else { continue };
        if let Some(id) = wire::acked(&text)? {
            reports.acked.send_replace(id);
        }
    }
    Ok(())
}
