//! `POST /v1/bridge/*`: what the agent's side says.

use super::form::{self, TaskRoute};
use crate::localcloud::body::{Answer, Body, good};
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::state::repeat::{Key, body_digest};
use crate::protocol::InstallationId;
use axum::extract::{Extension, State};
use serde_json::Value;
use std::sync::Arc;

fn key_of(by: &InstallationId, key: Option<String>, route: &str, body: &Value) -> Option<Key> {
    key.map(|key| Key::new(by.as_str(), &key, route, body))
}

pub(super) async fn send_message(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (opening, key) = form::opening(&body)?;
    let key = key_of(&by, key, "sendMessage", &body);
    good(cloud.state().open_bubble(&by, opening, key, clock::now())?)
}

pub(super) async fn send_message_delta(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (message, delta, key) = form::delta(&body)?;
    let key = key_of(&by, key, "sendMessageDelta", &body);
    good(cloud.state().append(&by, &message, delta, key, clock::now())?)
}

pub(super) async fn send_message_end(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (ending, key) = form::ending(&body)?;
    let key = key_of(&by, key, "sendMessageEnd", &body);
    good(cloud.state().end_bubble(&by, ending, key, clock::now())?)
}

pub(super) async fn create_task(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (card, change, _) = form::task(&body, TaskRoute::Create)?;
    good(cloud.state().create_task(&by, card, change, body_digest("createTask", &body), clock::now())?)
}

pub(super) async fn update_task(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (card, change, key) = form::task(&body, TaskRoute::Update)?;
    let key = key_of(&by, key, "updateTask", &body);
    good(cloud.state().update_task(&by, card, change, key, clock::now())?)
}

pub(super) async fn finish_task(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(body): Body,
) -> Answer {
    let (card, change, _) = form::task(&body, TaskRoute::Finish)?;
    good(cloud.state().finish_task(&by, card, change, body_digest("finishTask", &body), clock::now())?)
}
