//! One try of a request: it leaves with its permit, and comes back as a result or as an error that says which.

use super::error::RestError;
use super::http::client;
use super::limit::{Heard, Permit};
use super::meter::{Direction, Meter, Way};
use super::retry::shut;
use super::trace::Step;
use crate::config::{CloudUrl, Token};
use crate::protocol::{ApiError, Envelope, TraceContext};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// From sending a request to the end of its answer.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Where requests go, and by whom. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line {
    client: reqwest::Client,
    base: CloudUrl,
    /// Absent for pairing, which is how a token is got.
    bearer: Option<HeaderValue>,
}

/// An answer, not yet understood.
struct Answer {
    status: u16,
    headers: HeaderMap,
    /// The body, or why it is none.
    body: Result<Vec<u8>, String>,
}

impl Line {
    pub(super) fn new(base: CloudUrl, token: Option<&Token>) -> Result<Self, String> {
        let client = client(base.is_secure(), Some(REQUEST_TIME))?;
        Ok(Self { client, base, bearer: token.map(Token::bearer) })
    }

    /// Sends a request once. The limiter learns from the answer.
    pub(super) async fn attempt<T: DeserializeOwned>(
        &self,
        mut permit: Permit,
        path: &'static str,
        body: Bytes,
        step: Step<'_>,
        meter: &dyn Meter,
    ) -> Result<T, RestError> {
        let mut request = self.client.post(self.base.join(path)).header(CONTENT_TYPE, "application/json");
        let mut traced = HeaderMap::new();
        step.write(&mut traced);
        let size = body.len();
        request = request.headers(traced).body(body);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        permit.sent();
        meter.carried(Way::Requests, Direction::Up, size);
        let answer = Answer::receive(path, request).await?;
        meter.carried(Way::Requests, Direction::Down, answer.body.as_ref().map_or(MAX_ANSWER, Vec::len));
        answer.note();
        let result = answer.read().map_err(|refusal| answer.error(path, refusal));
        let wait = result.as_ref().err().map_or(Duration::ZERO, shut);
        permit.complete(&Heard::of(answer.status, &answer.headers, wait));
        result
    }
}

impl Answer {
    async fn receive(path: &'static str, request: reqwest::RequestBuilder) -> Result<Self, RestError> {
        let network = |error: reqwest::Error, id: Option<&str>| {
            let id = id.map_or_else(String::new, |id| format!(" (X-Request-ID {id})"));
            RestError::Network { path, reason: format!("{}{id}", causes(&error.without_url())) }
        };
        let mut response = request.send().await.map_err(|error| network(error, None))?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| network(error, text(&headers, "x-request-id")))?
        {
            if body.len() + chunk.len() > MAX_ANSWER {
                let body = Err(format!("longer than {MAX_ANSWER} bytes"));
                return Ok(Self { status, headers, body });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, headers, body: Ok(body) })
    }

    /// Makes the answer findable, here and in the cloud's logs.
    fn note(&self) {
        let span = tracing::Span::current();
        span.record("status", self.status);
        let request_id = text(&self.headers, "x-request-id").map(|id| crate::text::line(id, 80));
        if let Some(request_id) = &request_id {
            span.record("request_id", request_id);
        }
        // The cloud's own span. It may have another trace than ours, where it did not take ours up.
        let theirs = text(&self.headers, "traceparent").and_then(|header| TraceContext::parse(header, None));
        let traceparent = theirs.map(|theirs| theirs.traceparent());
        if let Some(traceparent) = &traceparent {
            span.record("link", traceparent);
        }
        tracing::debug!(request_id, traceparent, status = self.status, "answered");
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        match &self.body {
            Ok(body) => read(body),
            Err(reason) => Err(Refusal::Malformed(reason.clone())),
        }
    }

    fn error(&self, path: &'static str, refusal: Refusal) -> RestError {
        let status = self.status;
        let request_id = text(&self.headers, "x-request-id").map(str::to_owned);
        let seconds = text(&self.headers, RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        match refusal {
            Refusal::Api(error) => RestError::Api { path, status, error, retry_after, request_id },
            Refusal::Malformed(reason) => RestError::Malformed { path, status, reason, retry_after, request_id },
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

enum Refusal {
    Api(ApiError),
    Malformed(String),
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Refusal> {
    let envelope: Envelope<T> =
        serde_json::from_slice(answer).map_err(|error| Refusal::Malformed(error.to_string()))?;
    match envelope {
        Envelope { ok: true, result: Some(result), .. } => Ok(result),
        // Some routes have nothing to say; who wants something from them reads no result in `null`.
        Envelope { ok: true, result: None, .. } => {
            T::deserialize(serde_json::Value::Null).map_err(|_| Refusal::Malformed("there is no result".to_owned()))
        }
        Envelope { error: Some(error), .. } => Err(Refusal::Api(error)),
        Envelope { .. } => Err(Refusal::Malformed("neither a result nor an error".to_owned())),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Created;
    use serde::de::IgnoredAny;

    #[test]
    fn only_the_envelope_is_an_answer() {
        for text in ["", "<html>", "[]", "{}", "{\"ok\":true}", "{\"ok\":false}", "null"] {
            assert!(matches!(read::<Created>(text.as_bytes()), Err(Refusal::Malformed(_))), "{text}");
        }
        assert!(read::<IgnoredAny>(br#"{"ok":true}"#).is_ok(), "an answer of which nothing is wanted");
        let error = r#"{"ok":false,"error":{"code":"rate_limited","retry_after_ms":7}}"#;
        assert!(
            matches!(read::<Created>(error.as_bytes()), Err(Refusal::Api(error)) if error.retry_after_ms == Some(7))
        );
        assert!(read::<Created>(br#"{"ok":true,"result":{"message_id":"m"}}"#).is_ok());
    }
}
