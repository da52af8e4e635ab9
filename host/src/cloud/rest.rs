//! Requests up: one envelope in, one out, retried by the policy of `retry`.

use super::error::RestError;
use super::http::client;
use super::retry::{Decision, Effort, Tried, decide};
use crate::config::{CloudUrl, Token};
use crate::protocol::{ApiError, Envelope, MAX_BODY};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::Instant;

/// From sending a request to the end of its answer.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Posts to the cloud. Cheap to clone.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    base: CloudUrl,
    /// Absent for pairing, which is how a token is got.
    bearer: Option<HeaderValue>,
}

impl Rest {
    /// A client for one installation, or with no token for pairing.
    ///
    /// # Errors
    /// A sentence, when TLS cannot be set up.
    pub fn new(base: CloudUrl, token: Option<&Token>) -> Result<Self, String> {
        let client = client(base.is_secure(), Some(REQUEST_TIME))?;
        Ok(Self { client, base, bearer: token.map(Token::bearer) })
    }

    /// Posts `body` and reads the result. Every try sends the same bytes.
    ///
    /// # Errors
    /// [`RestError`], after the retries that its kind is worth. Each failed try is logged with its request id.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &'static str,
        body: &impl Serialize,
        effort: Effort,
    ) -> Result<T, RestError> {
        let body = Bytes::from(serde_json::to_vec(body).expect("requests of strings and numbers always serialize"));
        if body.len() > MAX_BODY {
            return Err(RestError::TooLarge { path, size: body.len() });
        }
        let started = Instant::now();
        let mut tries = 1;
        loop {
            let error = match self.try_post(path, body.clone()).await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            match decide(&error, Tried { effort, tries, elapsed: started.elapsed() }, rand::random()) {
                Decision::Again(wait) => {
                    tracing::info!(tries, wait_ms = wait.as_millis(), "trying again: {}", shown(&error));
                    tokio::time::sleep(wait).await;
                    tries += 1;
                }
                Decision::GiveUp => {
                    tracing::warn!(tries, "request failed: {}", shown(&error));
                    return Err(error);
                }
            }
        }
    }

    async fn try_post<T: DeserializeOwned>(&self, path: &'static str, body: Bytes) -> Result<T, RestError> {
        let network = |error: reqwest::Error, id: &Option<String>| {
            let id = id.as_ref().map_or_else(String::new, |id| format!(" (X-Request-ID {id})"));
            RestError::Network { path, reason: format!("{}{id}", causes(&error.without_url())) }
        };
        let mut request = self.client.post(self.base.join(path)).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer.clone());
        }
        let mut response = request.send().await.map_err(|error| network(error, &None))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let request_id = header("x-request-id");
        let retry_after = header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| network(error, &request_id))? {
            if answer.len() + chunk.len() > MAX_ANSWER {
                let reason = format!("longer than {MAX_ANSWER} bytes");
                return Err(RestError::Malformed { path, status, reason, retry_after, request_id });
            }
            answer.extend_from_slice(&chunk);
        }
        read(&answer).map_err(|refusal| match refusal {
            Refusal::Api(error) => RestError::Api { path, status, error, retry_after, request_id },
            Refusal::Malformed(reason) => RestError::Malformed { path, status, reason, retry_after, request_id },
        })
    }
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

fn shown(error: &RestError) -> String {
    crate::text::line(&error.to_string(), 500)
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

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_not_sent() {
        let url = CloudUrl::parse("http://127.0.0.1:1").expect("an address");
        let rest = Rest::new(url, None).expect("a client");
        let sent = rest.post::<IgnoredAny>("/x", &"x".repeat(MAX_BODY), Effort::Must).await;
        assert!(matches!(sent, Err(RestError::TooLarge { .. })));
    }
}
