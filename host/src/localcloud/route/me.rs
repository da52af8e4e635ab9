//! `/v1/me/*`: what the user's side reads and says.

use super::form;
use crate::localcloud::body::{Answer, Body, InstallationPath, Params, SessionPath, good};
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::state::record::{Say, SessionState};
use crate::localcloud::validate::Form;
use crate::protocol::{MessageId, TraceContext};
use axum::extract::{Extension, State};
use serde_json::json;
use std::sync::Arc;

/// Messages of one page of a session's history, where the request does not say, and at most.
const PAGE: u64 = 200;
const MAX_PAGE: u64 = 500;
/// Bytes of a title or an installation's name.
const MAX_NAME: usize = 400;
/// Bytes of an emoji: the longest joined ones have 35.
const MAX_EMOJI: usize = 64;

pub(super) async fn me(State(cloud): State<Arc<Cloud>>) -> Answer {
    good(cloud.state().me())
}

pub(super) async fn claim(State(cloud): State<Arc<Cloud>>, Body(body): Body) -> Answer {
    let mut form = Form::of(&body)?;
    let code = form.text("code", 1..=64);
    let code = form.required("code", code);
    let code = form.finish(code)?;
    good(cloud.state().claim(code, clock::now())?)
}

pub(super) async fn rename_installation(
    State(cloud): State<Arc<Cloud>>,
    InstallationPath(id): InstallationPath,
    Body(body): Body,
) -> Answer {
    let mut form = Form::of(&body)?;
    let name = form::name(&mut form, "custom_display_name", MAX_NAME);
    let emoji = form::name(&mut form, "custom_emoji", MAX_EMOJI);
    form.finish(Some(()))?;
    good(cloud.state().rename_installation(&id, name, emoji, clock::now())?)
}

pub(super) async fn rotate(State(cloud): State<Arc<Cloud>>, InstallationPath(id): InstallationPath) -> Answer {
    good(cloud.state().rotate(&id, clock::now())?)
}

pub(super) async fn revoke(State(cloud): State<Arc<Cloud>>, InstallationPath(id): InstallationPath) -> Answer {
    cloud.state().revoke(&id, clock::now())?;
    good(json!({}))
}

pub(super) async fn sessions(State(cloud): State<Arc<Cloud>>, params: Params) -> Answer {
    let state = match params.get("state") {
        None => None,
        Some("active") => Some(SessionState::Active),
        Some("archived") => Some(SessionState::Archived),
        Some(_) => {
            let message = "Invalid enum value. Expected 'active' | 'archived'";
            return Err(Refusal::field("state", "invalid_enum_value", message));
        }
    };
    good(json!({ "sessions": cloud.state().sessions(state) }))
}

pub(super) async fn create_session(State(cloud): State<Arc<Cloud>>, Body(body): Body) -> Answer {
    let mut form = Form::of(&body)?;
    let (installation, title) = (form.id("installation_id"), form::name(&mut form, "title", MAX_NAME));
    form.finish(Some(()))?;
    good(cloud.state().create_session(installation, title.flatten(), clock::now())?)
}

pub(super) async fn rename_session(
    State(cloud): State<Arc<Cloud>>,
    SessionPath(id): SessionPath,
    Body(body): Body,
) -> Answer {
    let mut form = Form::of(&body)?;
    let title = form::name(&mut form, "title", MAX_NAME);
    let title = form.required("title", title);
    let title = form.finish(title)?;
    good(cloud.state().rename_session(&id, title, clock::now())?)
}

pub(super) async fn archive(State(cloud): State<Arc<Cloud>>, SessionPath(id): SessionPath) -> Answer {
    good(cloud.state().file_session(&id, SessionState::Archived, clock::now())?)
}

pub(super) async fn unarchive(State(cloud): State<Arc<Cloud>>, SessionPath(id): SessionPath) -> Answer {
    good(cloud.state().file_session(&id, SessionState::Active, clock::now())?)
}

pub(super) async fn delete_session(State(cloud): State<Arc<Cloud>>, SessionPath(id): SessionPath) -> Answer {
    cloud.state().delete_session(&id, clock::now())?;
    good(json!({}))
}

pub(super) async fn messages(State(cloud): State<Arc<Cloud>>, SessionPath(id): SessionPath, params: Params) -> Answer {
    let limit = params.number("limit")?.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let code = if limit == 0 { "too_small" } else { "too_big" };
        return Err(Refusal::field("limit", code, "Number must be from 1 to 500"));
    }
    let before = params.get("before").map(MessageId::try_from).transpose();
    let before = before.map_err(|_| Refusal::field("before", "invalid_string", "Invalid"))?;
    let messages = cloud.state().messages(&id, before.as_ref(), limit as usize)?;
    good(json!({ "messages": messages }))
}

pub(super) async fn send(
    State(cloud): State<Arc<Cloud>>,
    SessionPath(id): SessionPath,
    trace: Option<Extension<TraceContext>>,
    Body(body): Body,
) -> Answer {
    let say = Say { trace: trace.map(|Extension(trace)| trace), ..form::say(&body)? };
    let (interaction_id, message_id) = cloud.state().send(&id, say, clock::now())?;
    good(json!({ "interaction_id": interaction_id, "message_id": message_id }))
}

pub(super) async fn cancel(State(cloud): State<Arc<Cloud>>, SessionPath(id): SessionPath, Body(body): Body) -> Answer {
    let mut form = Form::of(&body)?;
    let interaction = form.id("interaction_id");
    form.finish(Some(()))?;
    cloud.state().cancel(&id, interaction.as_ref(), clock::now())?;
    good(json!({}))
}
