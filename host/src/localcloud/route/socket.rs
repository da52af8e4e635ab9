//! `GET /v1/bridge/ws`: the socket of one bridge.

use super::wire::Wire;
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::secret::Digest;
use crate::localcloud::state::{Close, Feed};
use crate::protocol::{InstallationId, MAX_FRAME};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the bridge has to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);

pub(super) async fn open(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Extension(token): Extension<Digest>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| Refusal::field("", "invalid_type", "Expected a WebSocket upgrade"))?;
    let upgrade = upgrade.max_message_size(MAX_FRAME).max_frame_size(MAX_FRAME);
    let run = cloud.run();
    let open = run.sockets.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        serve(&cloud, &run.over, &by, &token, socket).await;
        drop(open);
    }))
}

async fn serve(cloud: &Cloud, over: &CancellationToken, by: &InstallationId, token: &Digest, mut socket: WebSocket) {
    let admitted = cloud.state().admit(by, token, clock::now());
    let Ok(feed) = admitted else {
        // The token died between the request and now.
        return goodbye(by, &mut socket, Close::Unauthorized).await;
    };
    let Feed { serial, replay, live, close } = feed;
    tracing::info!(installation = %by, "a bridge is connected");
    let mut wire = Wire::new(cloud, by, &mut socket, replay, live);
    // Around all of it: a bridge that does not read keeps neither a stop nor its own successor waiting.
    let end = tokio::select! {
        () = over.cancelled() => Some(Close::GoingAway),
        why = close => Some(why.unwrap_or(Close::Slow)),
        end = wire.converse() => end,
    };
    let is_mute = wire.is_mute;
    cloud.state().disconnect(by, serial, clock::now());
    tracing::info!(installation = %by, ?end, "a bridge is gone");
    if let Some(why) = end.filter(|_| !is_mute) {
        goodbye(by, &mut socket, why).await;
    }
}

/// Tells the bridge why this side closes.
async fn goodbye(by: &InstallationId, socket: &mut WebSocket, why: Close) {
    let Some((code, reason)) = why.code() else { return };
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    // The peer's own close is waited for, or a reset could overtake ours.
    let said = async {
        if socket.send(close).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    if timeout(GOODBYE, said).await.is_err() {
        tracing::debug!(installation = %by, "the bridge did not answer the close");
    }
}
