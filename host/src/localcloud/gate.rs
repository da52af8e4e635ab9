//! The gates of the three namespaces: who calls, and whether there is a request left in the bucket.

use super::body;
use super::bucket::{Bucket, Owner};
use super::clock;
use super::cloud::Cloud;
use super::door::Peer;
use super::fault::inflict;
use super::refusal::Refusal;
use super::secret::Digest;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use std::sync::Arc;

/// Cookies of the page's name that are looked at in one request. A browser sends one.
const MAX_COOKIES: usize = 4;

/// `/v1/bridge/*`: a bridge token. The handler finds the installation's id in the request's extensions.
pub(super) async fn bridge(State(cloud): State<Arc<Cloud>>, mut request: Request, next: Next) -> Response {
    let token = bearer(request.headers()).unwrap_or_default();
    let (known, digest) = (cloud.state().bridge_of(token), Digest::of(token));
    let by = match known {
        Ok(by) => by,
        Err(refusal) => return told(refusal, route(&request)).into_response(),
    };
    let owner = Owner::Installation(by.to_string());
    request.extensions_mut().insert(by);
    request.extensions_mut().insert(digest);
    let Some(fault) = cloud.faults.on_request(route(&request).trim_start_matches("/v1/bridge/")) else {
        return metered(&cloud, &owner, request, next).await;
    };
    let cut = request.extensions().get().map(|ConnectInfo(Peer { cut, .. })| cut.clone());
    let this = Arc::clone(&cloud);
    inflict(&cloud, fault, cut, async move { metered(&this, &owner, request, next).await }).await
}

/// How a dead token is refused. Of a revoked installation the documents want three answers: its socket is told that the
/// token is unknown, what goes on with something that it is gone, what begins something that it may not.
fn told(refusal: Refusal, route: &str) -> Refusal {
    match (refusal, route.trim_start_matches("/v1/bridge/")) {
        (Refusal::InstallationRevoked { .. }, "ws") => Refusal::InvalidToken,
        (Refusal::InstallationRevoked { .. }, "sendMessage" | "createTask" | "requestApproval") => {
            Refusal::InstallationRevoked { begun: false }
        }
        (Refusal::InstallationRevoked { .. }, _) => Refusal::InstallationRevoked { begun: true },
        (refusal, _) => refusal,
    }
}

/// `/v1/me/*`: the user's token, or the page's cookie.
pub(super) async fn user(State(cloud): State<Arc<Cloud>>, request: Request, next: Next) -> Response {
    match check_user(&cloud, &request) {
        Ok(()) => metered(&cloud, &Owner::User, request, next).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// `/v1/pairing/*`: anybody, each address with buckets of its own.
pub(super) async fn peer(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    metered(&cloud, &Owner::Peer(peer.addr.ip()), request, next).await
}

/// The pattern of a request's route.
fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

async fn metered(cloud: &Cloud, owner: &Owner, request: Request, next: Next) -> Response {
    let route = route(&request);
    tracing::debug!(route, "asked");
    let quota = cloud.draw(owner, Bucket::of_route(route));
    let mut response = match (quota.retry_after, body::check(&request)) {
        (Some(_), _) => Refusal::RateLimited(quota.clone()).into_response(),
        (None, Err(refusal)) => refusal.into_response(),
        (None, Ok(())) => next.run(request).await,
    };
    quota.write(response.headers_mut());
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = all.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && all.next().is_none()).then(|| token.trim())
}

/// Whether a request shows the user's token.
pub(super) fn check_bearer(cloud: &Cloud, headers: &HeaderMap) -> Result<(), Refusal> {
    let known = bearer(headers).is_some_and(|token| Digest::of(token).matches(&cloud.user_token));
    if known { Ok(()) } else { Err(Refusal::InvalidToken) }
}

fn check_user(cloud: &Cloud, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    if headers.contains_key(header::AUTHORIZATION) {
        return check_bearer(cloud, headers);
    }
    check_cookie(cloud, headers, request.method())
}

/// Whether the request comes from the page. One that changes something must also say so itself, because a browser
/// adds the cookie to whatever any page makes it send.
///
/// # Errors
/// Without the cookie, or without a sign of the page's own origin. A foreign origin was refused before.
pub(super) fn check_cookie(cloud: &Cloud, headers: &HeaderMap, method: &Method) -> Result<(), Refusal> {
    let now = clock::now();
    if !cookies(headers, &cloud.cookie).take(MAX_COOKIES).any(|cookie| cloud.state().is_cookie(cookie, now)) {
        return Err(Refusal::InvalidToken);
    }
    let same_origin = headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    if method != Method::GET && !same_origin && !headers.contains_key(header::ORIGIN) {
        return Err(Refusal::PermissionDenied("a request with the page's cookie must say its origin"));
    }
    Ok(())
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(known, _)| *known == name).map(|(_, value)| value)
}
