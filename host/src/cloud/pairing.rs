//! Pairing: a short code for the user, a poll, and a token that nobody sees.

use super::error::RestError;
use super::rest::Rest;
use super::retry::Effort;
use crate::config::{CloudUrl, Token, TokenError};
use crate::protocol::{PairingPoll, PairingStart, PollResult, StartResult};
use std::time::Duration;

/// Between two polls.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How long a code lives by the documents; the cloud says `expired` itself, this only ends a cloud that does not.
const CODE_LIFE: Duration = Duration::from_secs(150);
/// What this bridge calls itself.
const CONNECTOR: &str = "sophon-host";

/// A pairing that waits for its user.
pub struct Pairing {
    rest: Rest,
    start: StartResult,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum PairingError {
    /// The client could not be set up.
    #[error("{0}")]
    Setup(String),
    /// The cloud said no, or nothing.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// Nobody typed the code in time.
    #[error("the code expired before it was typed; run `sophon-host pair` for a new one")]
    Expired,
    /// The cloud gave something that is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Pairing {
    /// Asks for a code.
    ///
    /// # Errors
    /// When the cloud is out of reach or says no.
    pub async fn start(url: CloudUrl, host_label: &str) -> Result<Self, PairingError> {
        let rest = Rest::new(url, None).map_err(PairingError::Setup)?;
        let body = PairingStart { connector_type: CONNECTOR.to_owned(), host_label: Some(host_label.to_owned()) };
        let start = rest.post("/v1/pairing/start", &body, Effort::Usual).await?;
        Ok(Self { rest, start })
    }

    /// What the user types.
    pub fn code(&self) -> String {
        crate::text::line(&self.start.code, 32)
    }

    /// Waits until the user typed the code.
    ///
    /// # Errors
    /// When the code expires, or the cloud says no.
    pub async fn wait(&self) -> Result<Token, PairingError> {
        let poll = PairingPoll { poll_token: self.start.poll_token.clone() };
        let waited = tokio::time::timeout(CODE_LIFE, async {
            loop {
                let result: PollResult = self.rest.post("/v1/pairing/poll", &poll, Effort::Usual).await?;
                match (result.status.as_str(), result.token) {
                    ("paired" | "claimed", Some(token)) => return Ok(Token::parse(&token, "the cloud's answer")?),
                    ("expired", _) => return Err(PairingError::Expired),
                    _ => tokio::time::sleep(POLL_EVERY).await,
                }
            }
        });
        waited.await.unwrap_or(Err(PairingError::Expired))
    }
}
