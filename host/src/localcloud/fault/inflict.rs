//! What a fault does to a request.

use super::rule::RequestFault;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::door::Cut;
use crate::localcloud::refusal::Refusal;
use crate::tasks;
use axum::response::{IntoResponse as _, Response};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Answers a request that a fault was asked for. `served` does it; `cut` closes its connection.
pub(in crate::localcloud) async fn inflict(
    cloud: &Arc<Cloud>,
    what: RequestFault,
    cut: Option<Cut>,
    served: impl Future<Output = Response> + Send + 'static,
) -> Response {
    match what {
        RequestFault::Refuse { status, retry_after } => Refusal::Fault { status, retry_after }.into_response(),
        RequestFault::LoseAnswer => {
            let response = served.await;
            // Before the answer is handed over, so that no byte of it leaves.
            cut.iter().for_each(Cut::cut);
            response
        }
        RequestFault::DoThenHold(wait) => {
            let response = served.await;
            hold(cloud, wait).await;
            response
        }
        RequestFault::HoldThenDo(wait) => late(cloud, wait, served).await,
    }
}

/// Does it later, in a task of its own: what answers a request ends when its client hangs up.
async fn late(cloud: &Arc<Cloud>, wait: Duration, served: impl Future<Output = Response> + Send + 'static) -> Response {
    let stopped = || Refusal::Unavailable("the cloud stops").into_response();
    let (this, cloud) = (Arc::clone(cloud), cloud);
    let work = async move { if hold(&this, wait).await { served.await } else { stopped() } };
    let task = tasks::spawn("localcloud-late", cloud.run().sockets.track_future(work));
    task.await.unwrap_or_else(|_| stopped())
}

/// Waits, but not longer than the cloud runs: false when it stops.
async fn hold(cloud: &Cloud, wait: Duration) -> bool {
    let run = cloud.run();
    tokio::select! {
        () = run.over.cancelled() => false,
        () = tokio::time::sleep(wait) => true,
    }
}
