//! Approvals: what a bridge asks, what the user decides, and what the user allows always.

use super::form::{MAX_KEY, MAX_LINE, required_id};
use crate::localcloud::body::{Answer, Body, InstallationPath, good};
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::state::grant::Reach;
use crate::localcloud::state::repeat::body_digest;
use crate::localcloud::validate::Form;
use crate::protocol::{ApprovalId, Decision, GrantScope, InstallationId, MAX_TEXT, RequestApproval};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use serde_json::Value;
use std::sync::Arc;

fn asked(body: &Value) -> Result<RequestApproval, Refusal> {
    let mut form = Form::of(body)?;
    let (session, interaction) = (required_id(&mut form, "session_id"), required_id(&mut form, "interaction_id"));
    let id = required_id(&mut form, "approval_id");
    let mut line = |name| {
        let line = form.line(name, 1..=MAX_LINE);
        form.required(name, line).map(str::to_owned)
    };
    let (action, title) = (line("action"), line("title"));
    let message = form.text("message", 0..=MAX_TEXT);
    let message = form.required("message", message).map(str::to_owned);
    let severity = form.name_of("severity", "'low' | 'medium' | 'high' | 'critical'");
    let severity = form.required("severity", severity);
    let command = form.text("command", 0..=MAX_TEXT).map(str::to_owned);
    let host = form.line("host", 0..=MAX_LINE).map(str::to_owned);
    let tool_call_id = form.line("tool_call_id", 1..=MAX_LINE).map(str::to_owned);
    let idempotency_key = form.text("idempotency_key", 1..=MAX_KEY).map(str::to_owned);
    let all = (|| {
        Some(RequestApproval {
            session_id: session?,
            interaction_id: interaction?,
            approval_id: id?,
            action: action?,
            title: title?,
            command,
            host,
            message: message?,
            severity: severity?,
            tool_call_id,
            idempotency_key,
        })
    })();
    form.finish(all)
}

/// `POST /v1/bridge/requestApproval`.
pub(super) async fn request(
    State(cloud): State<Arc<Cloud>>,
    Extension(by): Extension<InstallationId>,
    Body(mut body): Body,
) -> Answer {
    let asked = asked(&body)?;
    // The question's id is the key: who retries may take another of these.
    if let Some(fields) = body.as_object_mut() {
        fields.remove("idempotency_key");
    }
    let digest = body_digest("requestApproval", &body);
    good(cloud.state().request_approval(&by, asked, digest, cloud.approval_expiry, clock::now())?)
}

fn decision(body: &Value) -> Result<(Decision, Option<Reach>), Refusal> {
    let mut form = Form::of(body)?;
    let decision = form.name_of("decision", "'approve' | 'approve_always' | 'deny'");
    let decision = form.required("decision", decision);
    let scope: Option<GrantScope> = form.name_of("scope", "'session' | 'tool' | 'domain' | 'all'");
    let scope_value = form.line("scope_value", 1..=MAX_LINE).map(str::to_owned);
    if decision.is_some_and(|decision| decision != Decision::ApproveAlways) {
        for name in ["scope", "scope_value"] {
            if form.value(name).is_some() {
                form.refuse(name, "custom", "Goes with 'approve_always' only".to_owned());
            }
        }
    } else if scope_value.is_some() && form.value("scope").is_none() {
        form.refuse("scope", "invalid_type", "Required".to_owned());
    }
    let decision = form.finish(decision)?;
    Ok((decision, scope.map(|scope| Reach { scope, scope_value })))
}

/// `POST /v1/me/approvals/{id}`.
pub(super) async fn decide(
    State(cloud): State<Arc<Cloud>>,
    path: Result<Path<String>, PathRejection>,
    Body(body): Body,
) -> Answer {
    let id = path.ok().and_then(|Path(id)| ApprovalId::try_from(id).ok());
    let id = id.ok_or(Refusal::NotFound(Noun::Approval))?;
    let (decision, reach) = decision(&body)?;
    good(cloud.state().decide(&id, decision, reach, clock::now())?)
}

/// `GET /v1/me/installations/{id}`.
pub(super) async fn installation(State(cloud): State<Arc<Cloud>>, InstallationPath(id): InstallationPath) -> Answer {
    good(cloud.state().installation(&id)?)
}

/// `DELETE /v1/me/installations/{id}/grants/{grant}`.
pub(super) async fn revoke_grant(
    State(cloud): State<Arc<Cloud>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Answer {
    let Path((id, grant)) = path.map_err(|_| Refusal::NotFound(Noun::Installation))?;
    let id = InstallationId::try_from(id).map_err(|_| Refusal::NotFound(Noun::Installation))?;
    good(cloud.state().revoke_grant(&id, &grant, clock::now())?)
}

/// `GET /v1/me/snapshot`: what a fresh app asks before it reads the stream.
pub(super) async fn snapshot(State(cloud): State<Arc<Cloud>>) -> Answer {
    good(cloud.state().snapshot(clock::now()))
}
