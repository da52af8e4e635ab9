//! `GET /v1/bridge/ws`: the socket of one bridge.

use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::state::{Close, Feed};
use crate::protocol::{BridgeFrame, InstallationId, MAX_FRAME};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};

/// How long a frame may take to leave. A bridge that reads slower is cut off.
const WRITE: Duration = Duration::from_secs(10);
/// How long the bridge has to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);
/// Pings without a pong before the socket is closed.
const MAX_MISSED: u32 = 3;

pub(super) async fn open(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| Refusal::field("", "invalid_type", "Expected a WebSocket upgrade"))?;
    let upgrade = upgrade.max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME);
    let open = cloud.sockets.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        serve(&cloud, &by, socket).await;
        drop(open);
    }))
}

async fn serve(cloud: &Cloud, by: &InstallationId, mut socket: WebSocket) {
    let Ok(feed) = cloud.state().connect(by, clock::now()) else { return };
    let Feed { serial, replay, live, close } = feed;
    tracing::info!(installation = %by, "a bridge is connected");
    // Around all of it: a bridge that does not read keeps neither a stop nor its own successor waiting.
    let end = tokio::select! {
        () = cloud.stop.cancelled() => Some(Close::GoingAway),
        why = close => Some(why.unwrap_or(Close::Slow)),
        end = converse(cloud, by, &mut socket, replay, live) => end,
    };
    cloud.state().disconnect(by, serial, clock::now());
    tracing::info!(installation = %by, ?end, "a bridge is gone");
    if let Some(why) = end {
        let (code, reason) = why.code();
        let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
        // The peer's own close is waited for, or a reset could overtake ours.
        let goodbye = async {
            if socket.send(close).await.is_ok() {
                while let Some(Ok(_)) = socket.recv().await {}
            }
        };
        if timeout(GOODBYE, goodbye).await.is_err() {
            tracing::debug!(installation = %by, "the bridge did not answer the close");
        }
    }
}

/// Runs the socket until the bridge ends it or falls silent: `Some` says why this side does. Frames are written whole
/// or not at all, so this may be dropped at any point.
async fn converse(
    cloud: &Cloud,
    by: &InstallationId,
    socket: &mut WebSocket,
    replay: Vec<Utf8Bytes>,
    mut live: mpsc::Receiver<Utf8Bytes>,
) -> Option<Close> {
    let ready = json!({ "type": "ready", "installation_id": by }).to_string();
    write(socket, ready.into()).await?;
    for frame in replay {
        write(socket, frame).await?;
    }
    let mut beat = interval_at(Instant::now() + cloud.heartbeat, cloud.heartbeat);
    let mut missed = 0;
    loop {
        tokio::select! {
            // When the line has closed, its reason is on the way to who drives this.
            Some(frame) = live.recv() => write(socket, frame).await?,
            _ = beat.tick() => {
                if missed == MAX_MISSED {
                    return Some(Close::Silent);
                }
                missed += 1;
                write(socket, Utf8Bytes::from_static(r#"{"type":"ping"}"#)).await?;
            }
            heard = socket.recv() => match heard?.ok()? {
                Message::Text(text) => hear(cloud, by, &text, &mut missed),
                Message::Close(_) => return None,
                // The library answers pings; binary frames are no frames of the protocol.
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
            },
        }
    }
}

/// Takes a frame of the bridge. What is unknown or broken is ignored, as the documents promise.
fn hear(cloud: &Cloud, by: &InstallationId, text: &str, missed: &mut u32) {
    match serde_json::from_str(text) {
        Ok(BridgeFrame::Pong) => *missed = 0,
        Ok(BridgeFrame::Ack { up_to_update_id }) => {
            let Ok(up_to) = up_to_update_id.as_str().parse() else { return };
            if let Err(error) = cloud.state().ack(by, up_to) {
                tracing::warn!(%error, "an ack is not recorded; the updates may come again");
            }
        }
        Ok(BridgeFrame::Hello {} | BridgeFrame::Unknown) | Err(_) => tracing::debug!("a frame was ignored"),
    }
}

/// Sends a frame. None when the bridge is gone or does not read.
async fn write(socket: &mut WebSocket, frame: Utf8Bytes) -> Option<()> {
    timeout(WRITE, socket.send(Message::Text(frame))).await.ok()?.ok()
}
