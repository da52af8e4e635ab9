//! The outermost layer: what every request must satisfy, and what every answer carries.

use super::body::arrive;
use super::bucket::{Bucket, Owner, Quota};
use super::clock;
use super::cloud::{Cloud, Hosts};
use super::door::Peer;
use super::refusal::Refusal;
use super::secret;
use crate::protocol::TraceContext;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Uri;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// On every answer, pages and errors alike. Nothing runs, loads or frames that does not come from here. The referrer
/// is not `no-referrer`: that makes a browser send the page's own forms with `Origin: null`, which is refused.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// The layer itself.
pub(super) async fn exchange(
    State(cloud): State<Arc<Cloud>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let request_id = request_id(request.headers());
    let trace = Trace::of(request.headers());
    if trace.is_continued {
        request.extensions_mut().insert(trace.context.clone());
    }
    // The path may hold anything, a token too; the log gets the method, and the route's pattern from its gate.
    let span = tracing::info_span!("request", %request_id, trace_id = %format_args!("{:032x}", trace.context.trace), method = %request.method());
    let request = arrive(request).instrument(span.clone()).await;
    let mut response = match guard(&cloud.hosts, &request) {
        Ok(()) => next.run(request).instrument(span.clone()).await,
        Err(refusal) => span.in_scope(|| refusal.into_response()),
    };
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    if !response.headers().contains_key("x-ratelimit-limit") {
        cloud.peek(&Owner::Peer(peer.addr.ip()), Bucket::Default).write(response.headers_mut());
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, ascii(&request_id));
    headers.insert(TRACEPARENT, ascii(&trace.context.traceparent()));
    for state in trace.states {
        headers.append(TRACESTATE, state);
    }
    response
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of checked letters and digits")
}

/// The client's own id if it may have one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let own = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
    });
    own.map_or_else(|| format!("req_{}", secret::hex(16)), str::to_owned)
}

/// The W3C trace that a request belongs to, with a span of this server's own.
struct Trace {
    context: TraceContext,
    /// Whether the request brought it.
    is_continued: bool,
    /// As they came; nobody looks into them here.
    states: Vec<HeaderValue>,
}

impl Trace {
    fn of(headers: &HeaderMap) -> Self {
        let states: Vec<HeaderValue> = headers.get_all(TRACESTATE).iter().cloned().collect();
        let listed: Vec<&str> = states.iter().filter_map(|state| state.to_str().ok()).collect();
        let parent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let inbound = parent.and_then(|parent| TraceContext::parse(parent, Some(&listed.join(","))));
        let is_continued = inbound.is_some();
        let span = NonZeroU64::new(rand::random()).unwrap_or(NonZeroU64::MIN);
        let context = match inbound {
            Some(inbound) => TraceContext { span, ..inbound },
            None => {
                let trace = NonZeroU128::new(rand::random()).unwrap_or(NonZeroU128::MIN);
                TraceContext { trace, span, flags: TraceContext::RECORDED, state: None }
            }
        };
        Self { context, is_continued, states }
    }
}

/// Who may come in at all: only clients that mean this server (a foreign name that resolves to 127.0.0.1 does
/// not), no foreign page, and nobody with a token in the URL, where proxies and logs would see it.
pub(super) fn guard(hosts: &Hosts, request: &Request) -> Result<(), Refusal> {
    let is_ours = |host: &str| hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).is_some_and(is_ours) && hosts.next().is_none();
    let authority = request.uri().authority().is_none_or(|authority| is_ours(authority.as_str()));
    if !host || !authority {
        return Err(Refusal::Misdirected);
    }
    let is_origin = |origin: &HeaderValue| {
        origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://")).is_some_and(is_ours)
    };
    if !request.headers().get_all(header::ORIGIN).iter().all(is_origin) {
        return Err(Refusal::PermissionDenied("the request comes from another site's page"));
    }
    if holds_token(request.uri()) { Err(Refusal::InvalidTokenLocation) } else { Ok(()) }
}

/// Whether a URL holds something that looks like a bridge's or user's token, or a parameter that is made for one.
fn holds_token(uri: &Uri) -> bool {
    const NAMES: [&str; 9] = [
        "token",
        "access_token",
        "auth_token",
        "bot_token",
        "bridge_token",
        "session_token",
        "user_token",
        "authorization",
        "api_key",
    ];
    let text = decode(uri.path_and_query().map_or("", |all| all.as_str()));
    let names = uri.query().unwrap_or_default().split('&').map(|pair| decode(pair.split('=').next().unwrap_or(pair)));
    let user = text.split("usr_").skip(1).any(|rest| rest.bytes().take_while(u8::is_ascii_alphanumeric).count() >= 20);
    user || text.contains(":s_live_")
        || text.contains(":s_test_")
        || names.into_iter().any(|name| NAMES.contains(&name.to_ascii_lowercase().as_str()))
}

/// Undoes percent encoding. What is not valid stays as it is: this only looks for tokens.
fn decode(text: &str) -> String {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        if let ([high, low, after @ ..], b'%') = (tail, first)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.extend(u8::try_from(high * 16 + low));
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Quota {
    /// Writes the six headers.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let reset = (u128::from(clock::now()) + self.reset_after.as_millis()).div_ceil(1000);
        let after = format!("{:.3}", self.reset_after.as_secs_f64());
        headers.insert("x-ratelimit-limit", self.limit.into());
        headers.insert("x-ratelimit-remaining", self.remaining.into());
        headers.insert("x-ratelimit-reset", ascii(&reset.to_string()));
        headers.insert("x-ratelimit-reset-after", ascii(&after));
        headers.insert("x-ratelimit-bucket", HeaderValue::from_static(self.bucket.name()));
        headers.insert("x-ratelimit-scope", HeaderValue::from_static(self.scope));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_in_any_part_of_a_url() {
        for uri in [
            "/v1/bridge/ws?token=x",
            "/v1/bridge/ws?a=1&Access_Token=x",
            "/v1/bridge/ws?to%6ben=x",
            "/v1/bridge/ws?x=inst_q9w8e7r6t5y4u3i2:s_live_AbC",
            "/v1/bridge/inst_q9w8e7r6t5y4u3i2%3As_test_AbC",
            "/v1/me?x=usr_0123456789abcdefghijABCD",
        ] {
            assert!(holds_token(&uri.parse().expect("a uri")), "{uri}");
        }
        for uri in ["/", "/?key=abc", "/v1/pairing/poll?code=9FP9SVT&timeout=25", "/v1/me/sessions/usr_local", "/%zz%"]
        {
            assert!(!holds_token(&uri.parse().expect("a uri")), "{uri}");
        }
    }
}
