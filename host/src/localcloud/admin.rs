//! The admin port: makes the cloud misbehave, and shows its record to checkers. Off unless it was asked for.

use super::body::{Answer, Body, arrive, good};
use super::cloud::{Cloud, hosts};
use super::exchange::guard;
use super::fault;
use super::refusal::{Noun, Refusal};
use super::run::Restarts;
use super::validate::Form;
use super::{clock, gate};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The longest that the cloud can be told to be away, in milliseconds.
const MAX_AWAY: u64 = 600_000;

/// The routes, for who holds the user's token.
pub(super) fn all(cloud: &Arc<Cloud>, addr: SocketAddr, restarts: Restarts) -> Router {
    let (this, hosts) = (Arc::clone(cloud), Arc::new(hosts(addr.port())));
    let check = move |request: Request, next: Next| {
        let (cloud, hosts) = (Arc::clone(&this), Arc::clone(&hosts));
        async move {
            let request = arrive(request).await;
            match guard(&hosts, &request).and_then(|()| gate::check_bearer(&cloud, request.headers())) {
                Ok(()) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        }
    };
    Router::new()
        .route("/faults", get(list).post(add).delete(clear))
        .route("/faults/{id}", delete(remove))
        .route("/cut", post(cut))
        .route("/record", get(record))
        .route("/restart", post(async move |Body(body): Body| restart(&restarts, &body).await))
        .fallback(async || Refusal::NotFound(Noun::Route))
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .layer(from_fn(check))
        .with_state(Arc::clone(cloud))
}

async fn list(State(cloud): State<Arc<Cloud>>) -> Answer {
    let rules: Vec<_> = cloud.faults.list().iter().map(fault::view).collect();
    good(json!({ "rules": rules }))
}

async fn add(State(cloud): State<Arc<Cloud>>, Body(body): Body) -> Answer {
    let rule = fault::read(&body)?;
    let id = cloud.faults.add(rule);
    good(json!({ "id": id.ok_or(Refusal::TooLarge("64 rules are in force: clear some first"))? }))
}

async fn clear(State(cloud): State<Arc<Cloud>>) -> Answer {
    cloud.faults.clear();
    good(json!({}))
}

async fn remove(State(cloud): State<Arc<Cloud>>, path: Result<Path<u64>, PathRejection>) -> Answer {
    let gone = path.is_ok_and(|Path(id)| cloud.faults.remove(id));
    if gone { good(json!({})) } else { Err(Refusal::NotFound(Noun::Rule)) }
}

async fn cut(State(cloud): State<Arc<Cloud>>) -> Answer {
    let sockets = cloud.state().cut(clock::now());
    good(json!({ "sockets": sockets }))
}

async fn restart(restarts: &Restarts, body: &Value) -> Answer {
    let mut form = Form::of(body)?;
    form.only(&["away_ms"]);
    let away = form.integer("away_ms", MAX_AWAY).unwrap_or_default();
    let away = form.finish(Some(away))?;
    restarts.order(Duration::from_millis(away)).await?;
    good(json!({ "away_ms": away }))
}

async fn record(State(cloud): State<Arc<Cloud>>) -> Answer {
    let account = cloud.state().account();
    good(account)
}
