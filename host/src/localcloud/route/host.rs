//! What the page's settings show of the host in the same process. No part of the protocol: where there is no such host,
//! the page says where else to look.

use crate::localcloud::body::{Answer, Params, good};
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::{Noun, Refusal};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Grants that are shown; the newest of more.
const MAX_SHOWN: usize = 500;
/// The longest name of a grant that is looked up.
const MAX_ID: usize = 64;

/// How long a question for agents waits for a change.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest id of a session that is looked up.
const MAX_SESSION: usize = 128;

/// `GET /page/host/agents?after=N`: once something is not as it was at the change `N`, or after a while; `null` where no
/// host is known.
pub(super) async fn agents(State(cloud): State<Arc<Cloud>>, params: Params) -> Answer {
    let Some(backstage) = &cloud.backstage else { return good(json!({ "agents": null })) };
    let after = params.get("after").and_then(|after| after.parse().ok());
    let over = cloud.run().over;
    let told = tokio::select! {
        told = timeout(PATIENCE, backstage.agents(after)) => told,
        () = over.cancelled() => return Err(Refusal::Unavailable("the cloud stops")),
    };
    let told = match told {
        Ok(told) => told,
        Err(_nothing_new) => backstage.agents(None).await,
    };
    good(json!(told.map_err(Refusal::Host)?))
}

/// `GET /page/host/sessions/{id}/versions`: `null` where no host is known.
pub(super) async fn versions(State(cloud): State<Arc<Cloud>>, path: Result<Path<String>, PathRejection>) -> Answer {
    let id = path.ok().map(|Path(id)| id).filter(|id| id.len() <= MAX_SESSION);
    let Some(id) = id else { return Err(Refusal::NotFound(Noun::Session)) };
    let Some(backstage) = &cloud.backstage else { return good(json!({ "versions": null })) };
    good(json!({ "versions": backstage.versions(&id).await.map_err(Refusal::Host)? }))
}

/// `GET /page/host/grants`: `null` where no host is known.
pub(super) async fn grants(State(cloud): State<Arc<Cloud>>) -> Answer {
    let Some(backstage) = &cloud.backstage else { return good(json!({ "grants": null })) };
    let mut grants = backstage.grants().await.map_err(Refusal::Host)?;
    let more = grants.len().saturating_sub(MAX_SHOWN);
    grants.drain(..more);
    good(json!({ "grants": grants, "more": more }))
}

/// `DELETE /page/host/grants/{id}`.
pub(super) async fn revoke(State(cloud): State<Arc<Cloud>>, path: Result<Path<String>, PathRejection>) -> Answer {
    let id = path.ok().map(|Path(id)| id).filter(|id| id.len() <= MAX_ID);
    let (Some(id), Some(backstage)) = (id, &cloud.backstage) else { return Err(Refusal::NotFound(Noun::Grant)) };
    match backstage.revoke(&id).await.map_err(Refusal::Host)? {
        true => good(json!({ "id": id })),
        false => Err(Refusal::NotFound(Noun::Grant)),
    }
}
