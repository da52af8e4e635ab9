//! The user's side of the embedded cloud, for `dev` and `chat`.

use super::exit::Failure;
use super::session::Session;
use crate::protocol::Envelope;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// A user of the embedded cloud.
pub(super) struct User {
    client: Client,
    session: Session,
}

impl User {
    pub(super) fn new(session: Session) -> Result<Self, Failure> {
        // Without a timeout: the stream of events never ends.
        Ok(Self { client: crate::cloud::client(false, None).map_err(Failure::other)?, session })
    }

    /// Posts and reads the result.
    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let response = self.send(self.client.post(self.address(path)).json(&body)).await?;
        let status = response.status();
        let envelope: Envelope<Value> = response.json().await.map_err(|error| self.unreachable(&error))?;
        match envelope {
            Envelope { ok: true, result: Some(result), .. } => Ok(result),
            Envelope { error, .. } => {
                let (code, message) = error.map(|error| (error.code, error.message)).unwrap_or_default();
                let text = format!("{path}: {status} {code}: {message}");
                Err(Failure::other(crate::text::line(&text, 500)))
            }
        }
    }

    /// Opens the stream of events.
    pub(super) async fn stream(&self) -> Result<Response, Failure> {
        let response = self.send(self.client.get(self.address("/v1/me/stream"))).await?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(Failure::unreachable(format!("the stream of events answered {}", response.status()))),
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.session.url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let request = request.bearer_auth(self.session.user_token.expose());
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let url = crate::text::line(&self.session.url, 100);
        tracing::debug!("{error:?}");
        Failure::unreachable(format!("nothing answers at {url}; start `sophon-host dev` first"))
    }
}
