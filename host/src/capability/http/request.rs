//! What an agent wants to send, checked before anybody is asked about it.

use super::fault::{Fault, Kind};
use crate::capability::Keys;
use crate::capability::Refusal;
use crate::capability::secret::{in_query, refuse_in_path};
use crate::grant::{Content, HttpAsk};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::Full;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most headers of a request, and the most bytes of them all.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 << 10;
/// The largest body that is sent.
const MAX_BODY: usize = 8 << 20;
/// From the name to an open connection.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Between two pieces of a body, while the guest waits for the next.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// The least that an agent can wait.
const MIN_TIME: Duration = Duration::from_millis(1);
/// From sending to the head of the answer, unless the agent says so.
const HEAD_TIME: Duration = Duration::from_secs(60);
const MAX_HEAD_TIME: Duration = Duration::from_secs(600);

/// Headers that say how a message is carried, which is the host's affair: with them a guest could make one request
/// look like two; and those by which servers take it for one of another method or path than what was allowed.
const CARRIAGE: [&str; 19] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// A request as an agent wrote it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute.
    pub url: String,
    /// In order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// From sending to the head of the answer.
    pub timeout: Option<Duration>,
    /// From the name to an open connection, if the agent wants less than the host gives.
    pub connect_timeout: Option<Duration>,
    /// Between two pieces of the answer, if the agent wants less than the host gives.
    pub idle_timeout: Option<Duration>,
    /// The agent's words to the person who approves.
    pub reason: Option<String>,
}

/// A request that can be sent as it is.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) ask: HttpAsk,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) head_time: Duration,
    pub(super) connect_time: Duration,
    pub(super) idle_time: Duration,
    /// Whether the server may know a secret: its answer is to be readable, and whole.
    pub(super) is_guarded: bool,
}

impl Request {
    /// Checks all that can be checked without leave.
    pub(super) fn check(self, keys: &Keys) -> Result<Checked, Fault> {
        refuse_in_path(&self.url)?;
        let mut ask = HttpAsk::new(&self.method, &self.url, BTreeSet::new())
            .map_err(|why| Refusal::Invalid(why).of(Kind::Url))?;
        check_body(self.body.len())?;
        let head_time = self.timeout.unwrap_or(HEAD_TIME).clamp(MIN_TIME, MAX_HEAD_TIME);
        let connect_time = self.connect_timeout.unwrap_or(CONNECT_TIME).clamp(MIN_TIME, CONNECT_TIME);
        let idle_time = self.idle_timeout.unwrap_or(IDLE_TIME).clamp(MIN_TIME, IDLE_TIME);
        check_headers(&self.headers)?;
        ask.headers = in_words(&self.headers);
        let mut headers = headers(self.headers)?;
        let query = ask.query.as_deref().unwrap_or_default().as_bytes();
        let texts = headers.values().map(HeaderValue::as_bytes).chain([query, &self.body]);
        ask.secrets = keys.named(texts, &ask)?;
        ask.body = Content::of(&self.body);
        let is_guarded = keys.may_meet(&ask.host);
        if is_guarded {
            if headers.contains_key(header::RANGE) {
                let why = "the header `range` would cut the answer of a host that may know a secret";
                return Err(Refusal::Invalid(why.to_owned()).into());
            }
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(Checked { headers, body: self.body.into(), head_time, connect_time, idle_time, is_guarded, ask })
    }
}

/// Whether a header says how a message is carried. Its name is in small letters.
pub fn is_carriage(name: &str) -> bool {
    CARRIAGE.contains(&name)
}

/// A time that was waited, in words.
pub(super) fn words(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// Refuses a body that is too long.
pub(super) fn check_body(size: usize) -> Result<(), Fault> {
    if size <= MAX_BODY {
        return Ok(());
    }
    let most = format!("the body of a request has at most {MAX_BODY} bytes, not {size}");
    Err(Refusal::Limit(most).of(Kind::Body))
}

/// Refuses headers that are too many or too long.
fn check_headers(list: &[(String, Vec<u8>)]) -> Result<(), Fault> {
    let bytes: usize = list.iter().map(|(name, value)| name.len() + value.len()).sum();
    if list.len() <= MAX_HEADERS && bytes <= MAX_HEADER_BYTES {
        return Ok(());
    }
    let most = format!("a request has at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all");
    Err(Refusal::Limit(most).of(Kind::Headers))
}

/// The agent's headers as a person is shown them, a line each: so no two lists of them look the same.
fn in_words(list: &[(String, Vec<u8>)]) -> Option<Content> {
    let lines: Vec<Vec<u8>> =
        list.iter().map(|(name, value)| [name.to_ascii_lowercase().as_bytes(), b": ", value].concat()).collect();
    Content::of(&lines.join(&b'\n'))
}

/// The agent's headers, and those that the host adds where the agent did not.
fn headers(list: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::with_capacity(list.len() + 4);
    for (name, value) in list {
        let shown = crate::text::line(&name, 80);
        let invalid = |why: &str| Refusal::Invalid(format!("the header `{shown}` {why}"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("has a name that is none"))?;
        if is_carriage(name.as_str()) {
            return Err(invalid("is the host's to set, as it says what the request is or how it is carried").into());
        }
        let value = HeaderValue::from_maybe_shared(Bytes::from(value))
            .map_err(|_| invalid("has a control character in its value"))?;
        map.append(name, value);
    }
    let mut unless_set = |name: HeaderName, value: &'static str| {
        map.entry(name).or_insert(HeaderValue::from_static(value));
    };
    unless_set(header::ACCEPT, "*/*");
    unless_set(header::ACCEPT_ENCODING, "identity");
    unless_set(header::USER_AGENT, concat!("sophon-host/", env!("CARGO_PKG_VERSION")));
    Ok(map)
}

impl Checked {
    /// The request in hyper's terms, with the values of secrets in their places.
    pub(super) fn message(&self, keys: &Keys) -> Result<http::Request<Full<Bytes>>, Refusal> {
        let ask = &self.ask;
        let invalid = |error: &dyn std::fmt::Display| Refusal::Invalid(format!("the request cannot be sent: {error}"));
        let plain = |value: &str| value.as_bytes().to_vec();
        let query = ask.query.as_ref().map(|query| [b"?", &*keys.fill(query.as_bytes(), in_query)].concat());
        let target = [ask.path.as_bytes(), &query.unwrap_or_default()].concat();
        let host = ask.origin();
        let host = host.split_once("//").map_or(host.as_str(), |(_, host)| host);
        let body = if ask.secrets.is_empty() { self.body.clone() } else { keys.fill(&self.body, plain).into() };
        let mut message = http::Request::new(Full::new(body));
        *message.method_mut() = ask.method.parse().map_err(|error| invalid(&error))?;
        *message.uri_mut() = http::Uri::from_maybe_shared(Bytes::from(target)).map_err(|error| invalid(&error))?;
        *message.headers_mut() = self.headers.clone();
        for value in message.headers_mut().values_mut().filter(|_| !ask.secrets.is_empty()) {
            *value = HeaderValue::from_maybe_shared(Bytes::from(keys.fill(value.as_bytes(), plain)))
                .map_err(|error| invalid(&error))?;
            value.set_sensitive(true);
        }
        let host = HeaderValue::from_str(host).map_err(|error| invalid(&error))?;
        message.headers_mut().insert(header::HOST, host);
        message.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, &str)]) -> Result<Checked, Refusal> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let request =
            Request { method: "get".into(), url: "http://a.example:81/x?q#f".into(), headers, ..Request::default() };
        request.check(&Keys::default()).map_err(Refusal::from)
    }

    #[test]
    fn headers_that_could_split_or_steer_a_request_are_refused() {
        for name in CARRIAGE {
            let upper = name.to_ascii_uppercase();
            let Err(Refusal::Invalid(why)) = with(&[(&upper, "x")]) else { panic!("{name} was taken") };
            assert!(why.contains("is the host's to set"), "{why}");
        }
        for (name, value) in [
            ("a\r\nx", "1"),
            ("a b", "1"),
            ("", "1"),
            ("a:", "1"),
            ("ä", "1"),
            ("a", "1\r\nHost: x"),
            ("a", "1\0"),
            ("a", "\n"),
        ] {
            assert!(matches!(with(&[(name, value)]), Err(Refusal::Invalid(_))), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_with_its_bound() {
        let bound = |checked: Result<Checked, Refusal>| match checked {
            Err(Refusal::Limit(why) | Refusal::Invalid(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(bound(with(&[("a", "b"); 101])).contains("100 headers"));
        assert!(bound(with(&[("a", &"b".repeat(65_536))])).contains("65536 bytes"));
        let body = Request {
            method: "POST".into(),
            url: "http://a/".into(),
            body: vec![0; MAX_BODY + 1],
            ..Request::default()
        };
        assert!(bound(body.check(&Keys::default()).map_err(Refusal::from)).contains("8388608"));
        let url =
            Request { method: "GET".into(), url: format!("http://a/{}", "a".repeat(8_192)), ..Request::default() };
        assert!(bound(url.check(&Keys::default()).map_err(Refusal::from)).contains("8192 bytes"));
    }

    #[test]
    fn the_host_says_how_a_request_is_carried() {
        let message = with(&[("X-Mine", "1"), ("user-agent", "mine")])
            .expect("checked")
            .message(&Keys::default())
            .expect("a message");
        assert_eq!(message.uri(), "/x?q");
        let mut headers: Vec<String> = message
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        headers.sort();
        let all = [
            "accept-encoding: identity",
            "accept: */*",
            "connection: close",
            "host: a.example:81",
            "user-agent: mine",
            "x-mine: 1",
        ];
        assert_eq!(headers, all);
    }
}
