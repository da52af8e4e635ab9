//! What handlers take and give: JSON bodies, query parameters, the envelope.

use super::refusal::{Noun, Refusal};
use crate::protocol::{Envelope, InstallationId, MAX_BODY, SessionId};
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::request::Parts;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// How much of a body that is too long is read before the connection is cut.
const MAX_FORGOTTEN: usize = 8 * MAX_BODY;

const TOO_LONG: &str = "the body is longer than 1000000 bytes";

/// What a handler answers.
pub(super) type Answer = Result<Json<Envelope<Value>>, Refusal>;

/// A good answer.
pub(super) fn good(result: Value) -> Answer {
    Ok(Json(Envelope { ok: true, result: Some(result), error: None }))
}

/// What arrived as a request's body.
#[derive(Clone)]
enum Arrived {
    Whole(Bytes),
    TooLarge,
    Broken(&'static str),
}

/// Takes the body off the connection before anything is answered. Done for every request, also for one that will
/// be refused: an answer that overtakes the body ends the connection, and the client sees a broken pipe in its place.
pub(super) async fn arrive(request: Request) -> Request {
    let (parts, body) = request.into_parts();
    let late = Arrived::Broken("the body did not arrive within 30 s");
    let arrived = tokio::time::timeout(ARRIVAL, read(body)).await.unwrap_or(late);
    let mut request = Request::from_parts(parts, axum::body::Body::empty());
    request.extensions_mut().insert(arrived);
    request
}

async fn read(body: axum::body::Body) -> Arrived {
    let (mut chunks, mut bytes, mut length) = (body.into_data_stream(), BytesMut::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return Arrived::Broken("the body broke off") };
        length += chunk.len();
        if length <= MAX_BODY {
            bytes.extend_from_slice(&chunk);
        } else if length > MAX_FORGOTTEN {
            break;
        }
    }
    if length > MAX_BODY { Arrived::TooLarge } else { Arrived::Whole(bytes.freeze()) }
}

/// Refuses a body that is too long, also on routes that look at none.
///
/// # Errors
/// [`Refusal::TooLarge`] beyond 1,000,000 bytes.
pub(super) fn check(request: &Request) -> Result<(), Refusal> {
    match request.extensions().get() {
        Some(Arrived::TooLarge) => Err(Refusal::TooLarge(TOO_LONG)),
        _ => Ok(()),
    }
}

/// A JSON body of at most 1,000,000 bytes. No body at all reads as `{}`.
pub(super) struct Body(pub(super) Value);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let broken = |what: &str| Refusal::field("", "invalid_type", what);
        match request.extensions().get() {
            Some(Arrived::Whole(bytes)) if bytes.is_empty() => Ok(Self(json!({}))),
            // Serde's words name line and column, never the text itself.
            Some(Arrived::Whole(bytes)) => {
                serde_json::from_slice(bytes).map(Self).map_err(|error| broken(&format!("not JSON: {error}")))
            }
            Some(Arrived::TooLarge) => Err(Refusal::TooLarge(TOO_LONG)),
            Some(Arrived::Broken(why)) => Err(broken(why)),
            None => Err(broken("no body")),
        }
    }
}

/// Query parameters. Of a repeated one the last counts.
pub(super) struct Params(HashMap<String, String>);

impl Params {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// When it is there and is not a whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let wrong = |_| Refusal::field(name, "invalid_type", "Expected a whole number");
        self.get(name).map(|text| text.parse().map_err(wrong)).transpose()
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let read = Query::try_from_uri(&parts.uri);
        let Query(map) = read.map_err(|_| Refusal::field("", "invalid_string", "the query cannot be read"))?;
        Ok(Self(map))
    }
}

/// The session that the path names.
pub(super) struct SessionPath(pub(super) SessionId);

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(id)| SessionId::try_from(id).ok());
        id.map(Self).ok_or(Refusal::NotFound(Noun::Session))
    }
}

/// The installation that the path names.
pub(super) struct InstallationPath(pub(super) InstallationId);

impl<S: Send + Sync> FromRequestParts<S> for InstallationPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(id)| InstallationId::try_from(id).ok());
        id.map(Self).ok_or(Refusal::NotFound(Noun::Installation))
    }
}
