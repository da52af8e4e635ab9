//! `GET /v1/me/stream`: server-sent events.

use crate::localcloud::body::Params;
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::state::{Subscription, event_frame};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, header};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Interval, interval_at};
use tokio_util::sync::CancellationToken;

/// Between two heartbeats (documents: 25 s).
const HEARTBEAT: Duration = Duration::from_secs(25);

struct Reader {
    missed: std::vec::IntoIter<Bytes>,
    live: tokio::sync::mpsc::Receiver<Bytes>,
    beat: Interval,
    over: CancellationToken,
}

pub(super) async fn stream(
    State(cloud): State<Arc<Cloud>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Refusal> {
    let header = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let since = header.or_else(|| params.get("last_event_id"));
    let Subscription { missed, live } = cloud.state().subscribe(since, clock::now())?;
    let beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let reader = Reader { missed: missed.into_iter(), live, beat, over: cloud.run().over };
    let frames = stream::unfold(reader, |mut reader| async move {
        let frame = reader.next().await?;
        Some((Ok::<_, Infallible>(frame), reader))
    });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(frames)).into_response())
}

impl Reader {
    /// The next frame; none when the reader was too slow or the cloud stops.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.missed.next() {
            return Some(frame);
        }
        tokio::select! {
            frame = self.live.recv() => frame,
            _ = self.beat.tick() => Some(event_frame(None, "heartbeat", json!({}), clock::now())),
            () = self.over.cancelled() => None,
        }
    }
}
