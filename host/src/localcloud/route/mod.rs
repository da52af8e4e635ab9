//! The routes. A handler validates, calls one verb of the state and answers; who may come in is decided before.

mod approval;
mod bridge;
mod form;
mod host;
mod me;
mod page;
mod pairing;
mod pulse;
mod socket;
mod stream;
mod wire;

use super::cloud::Cloud;
use super::refusal::{Noun, Refusal};
use super::{exchange, gate};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use serde_json::json;
use std::sync::Arc;

/// All routes with their gates, inside the layer that every answer passes.
pub(super) fn all(cloud: &Arc<Cloud>) -> Router {
    let gate = Arc::clone(cloud);
    Router::new()
        .merge(bridge_routes().route_layer(from_fn_with_state(Arc::clone(&gate), gate::bridge)))
        .merge(me_routes().route_layer(from_fn_with_state(Arc::clone(&gate), gate::user)))
        .merge(pairing_routes().route_layer(from_fn_with_state(Arc::clone(&gate), gate::peer)))
        .route("/", get(page::index))
        .route("/assets/{*name}", get(page::asset))
        .route("/healthz", get(async || super::body::good(json!({}))))
        .fallback(async || Refusal::NotFound(Noun::Route))
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .layer(from_fn_with_state(gate, exchange::exchange))
        .with_state(Arc::clone(cloud))
}

fn bridge_routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/v1/bridge/ws", get(socket::open))
        .route("/v1/bridge/sendMessage", post(bridge::send_message))
        .route("/v1/bridge/sendMessageDelta", post(bridge::send_message_delta))
        .route("/v1/bridge/sendMessageEnd", post(bridge::send_message_end))
        .route("/v1/bridge/createTask", post(bridge::create_task))
        .route("/v1/bridge/updateTask", post(bridge::update_task))
        .route("/v1/bridge/finishTask", post(bridge::finish_task))
        .route("/v1/bridge/requestApproval", post(approval::request))
}

fn me_routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/v1/me", get(me::me))
        .route("/v1/me/stream", get(stream::stream))
        .route("/v1/me/snapshot", get(approval::snapshot))
        .route("/v1/me/pairing/claim", post(me::claim))
        .route(
            "/v1/me/installations/{id}",
            get(approval::installation).patch(me::rename_installation).delete(me::revoke),
        )
        .route("/v1/me/installations/{id}/rotate", post(me::rotate))
        .route("/v1/me/installations/{id}/grants/{grant}", delete(approval::revoke_grant))
        .route("/v1/me/approvals/{id}", post(approval::decide))
        .route("/v1/me/sessions", get(me::sessions).post(me::create_session))
        .route("/v1/me/sessions/{id}", delete(me::delete_session).patch(me::rename_session))
        .route("/v1/me/sessions/{id}/archive", post(me::archive))
        .route("/v1/me/sessions/{id}/unarchive", post(me::unarchive))
        .route("/v1/me/sessions/{id}/messages", get(me::messages))
        .route("/v1/me/sessions/{id}/send", post(me::send))
        .route("/v1/me/sessions/{id}/cancel", post(me::cancel))
        .route("/page/host/agents", get(host::agents))
        .route("/page/host/sessions/{id}/versions", get(host::versions))
        .route("/page/host/grants", get(host::grants))
        .route("/page/host/grants/{id}", delete(host::revoke))
}

fn pairing_routes() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/v1/pairing/start", post(pairing::start))
        .route("/v1/pairing/poll", post(pairing::poll).get(pairing::long_poll))
        .route("/v1/pairing/redeem", get(page::redeem_form).post(page::redeem))
}
