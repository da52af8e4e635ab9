//! `/v1/pairing/*`: how a bridge gets its token, in the documented dialect and in the one of the field.

use crate::localcloud::body::{Answer, Body, Params, good};
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::state::Polled;
use crate::localcloud::validate::Form;
use axum::extract::State;
use http::HeaderMap;
use http::header::HOST;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait of the long poll, and what it is where the request does not say, in seconds.
const MAX_WAIT: u64 = 60;
const WAIT: u64 = 25;

fn host(headers: &HeaderMap) -> &str {
    headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1")
}

pub(super) async fn start(State(cloud): State<Arc<Cloud>>, headers: HeaderMap, Body(body): Body) -> Answer {
    let mut form = Form::of(&body)?;
    // The name of the field tells which dialect the caller speaks.
    let in_field = form.value("connector_type").is_none() && form.has("connector_type_id");
    let name = if in_field { "connector_type_id" } else { "connector_type" };
    let connector = form.line(name, 1..=100);
    let connector = form.required(name, connector).map(str::to_owned);
    let label = form.line("host_label", 0..=200).map(str::to_owned);
    let connector = form.finish(connector)?;
    let started = cloud.state().start_pairing(connector.clone(), label, clock::now());
    let expires_at = if in_field { started.expires_at } else { started.expires_at / 1000 };
    good(json!({
        "code": started.code, "expires_at": expires_at, "poll_token": started.poll_token,
        "connector": { "id": connector, "display_name": connector },
        "browser_url": format!("http://{}/v1/pairing/redeem?code={}", host(&headers), started.code),
    }))
}

pub(super) async fn poll(State(cloud): State<Arc<Cloud>>, Body(body): Body) -> Answer {
    let mut form = Form::of(&body)?;
    let token = form.text("poll_token", 1..=256);
    let token = form.required("poll_token", token);
    let token = form.finish(token)?;
    good(match cloud.state().poll_token(token, clock::now())? {
        Polled::Pending => json!({ "status": "pending" }),
        Polled::Expired => json!({ "status": "expired" }),
        Polled::Paired { installation_id, token } => {
            json!({ "status": "paired", "installation_id": installation_id, "token": token })
        }
    })
}

/// The field's dialect: waits until the code is claimed or dead, or `timeout` seconds have passed.
pub(super) async fn long_poll(State(cloud): State<Arc<Cloud>>, headers: HeaderMap, params: Params) -> Answer {
    let required = || Refusal::field("code", "invalid_type", "Required");
    let code = params.get("code").ok_or_else(required)?.trim().to_uppercase();
    let wait = params.number("timeout")?.unwrap_or(WAIT).min(MAX_WAIT);
    let (until, run) = (Instant::now() + Duration::from_secs(wait), cloud.run());
    loop {
        let claims = cloud.state().claims();
        let claimed = claims.notified();
        let polled = cloud.state().poll_code(&code, clock::now())?;
        match polled {
            Polled::Expired => return good(json!({ "status": "expired" })),
            Polled::Paired { installation_id, token } => {
                return good(json!({
                    "status": "claimed", "installation_id": installation_id, "bot_token": token,
                    "sophon_ws_url": format!("ws://{}/v1/bridge/ws", host(&headers)),
                    "sophon_base_url": format!("http://{}", host(&headers)),
                }));
            }
            Polled::Pending => {}
        }
        tokio::select! {
            () = claimed => {}
            () = run.over.cancelled() => return good(json!({ "status": "pending" })),
            () = tokio::time::sleep_until(until) => return good(json!({ "status": "pending" })),
        }
    }
}
