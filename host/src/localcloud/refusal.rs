//! Why a request was refused: one enum for the room, and its place in the documented table of codes.

use super::bucket::Quota;
use super::fault::Refused;
use crate::protocol::{ApiError, Envelope, FieldError};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use std::time::Duration;

/// A request that was not carried out. Nothing was changed by it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the request does not have the form that the route takes")]
    InvalidRequest(Vec<FieldError>),
    #[error("tokens belong into the Authorization header, never into a URL")]
    InvalidTokenLocation,
    #[error("the token is unknown, malformed or revoked")]
    InvalidToken,
    #[error("{0}")]
    PermissionDenied(&'static str),
    #[error("no such {0}")]
    NotFound(Noun),
    #[error("the route does not take this method")]
    MethodNotAllowed,
    #[error("the key was used for another request")]
    IdempotencyConflict,
    #[error("the message is finalized")]
    MessageFinalized,
    #[error("the task is finished")]
    TaskFinished,
    #[error("the user has removed this installation")]
    InstallationRevoked {
        /// Whether the request goes on with something, rather than beginning it.
        begun: bool,
    },
    #[error("the session is deleted")]
    SessionDeleted,
    #[error("more than 30 minutes have passed since the user's message")]
    InteractionExpired,
    #[error("the question was answered otherwise")]
    ApprovalResolved,
    #[error("the question is older than its time")]
    ApprovalExpired,
    #[error("the pairing code is used up")]
    PairingConsumed,
    #[error("the pairing code is older than 120 seconds")]
    PairingExpired,
    #[error("{0}")]
    TooLarge(&'static str),
    #[error("this server answers to its loopback address only")]
    Misdirected,
    #[error("too many requests in this bucket")]
    RateLimited(Quota),
    #[error("{0}")]
    Unavailable(&'static str),
    #[error("{0}")]
    Host(String),
    #[error("a fault that was asked for")]
    Fault { status: Refused, retry_after: Option<Duration> },
    #[error("the cloud's file cannot be written: {0}")]
    Storage(#[from] rusqlite::Error),
}

/// What was not found; its error code is `<noun>_not_found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noun {
    Session,
    Interaction,
    Message,
    Installation,
    Pairing,
    Approval,
    Grant,
    Rule,
    Route,
}

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Session => "session",
            Self::Interaction => "interaction",
            Self::Message => "message",
            Self::Installation => "installation",
            Self::Pairing => "pairing",
            Self::Approval => "approval",
            Self::Grant => "grant",
            Self::Rule => "rule",
            Self::Route => "route",
        })
    }
}

/// How long a client waits on `503`, in milliseconds.
const UNAVAILABLE_RETRY: u64 = 1000;

impl Refusal {
    /// One field that is wrong.
    pub(super) fn field(path: &str, code: &str, message: &str) -> Self {
        Self::InvalidRequest(vec![FieldError { path: path.into(), code: code.into(), message: message.into() }])
    }

    /// Status and code, as the errors page lists them. The codes that it does not list are agreed with this
    /// project's own client and page.
    pub(super) fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidTokenLocation => (StatusCode::BAD_REQUEST, "invalid_token_location"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::PermissionDenied(_) => (StatusCode::FORBIDDEN, "permission_denied"),
            Self::NotFound(noun) => (StatusCode::NOT_FOUND, noun.code()),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::IdempotencyConflict => (StatusCode::CONFLICT, "idempotency_conflict"),
            Self::MessageFinalized => (StatusCode::CONFLICT, "message_finalized"),
            Self::TaskFinished => (StatusCode::CONFLICT, "task_finished"),
            Self::InstallationRevoked { begun: false } => (StatusCode::FORBIDDEN, "installation_revoked"),
            Self::InstallationRevoked { begun: true } => (StatusCode::GONE, "installation_revoked"),
            Self::SessionDeleted => (StatusCode::GONE, "session_deleted"),
            Self::InteractionExpired => (StatusCode::GONE, "interaction_expired"),
            Self::ApprovalResolved => (StatusCode::CONFLICT, "approval_resolved"),
            Self::ApprovalExpired => (StatusCode::GONE, "approval_expired"),
            Self::PairingConsumed => (StatusCode::GONE, "pairing_consumed"),
            Self::PairingExpired => (StatusCode::GONE, "pairing_expired"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected_request"),
            Self::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Unavailable(_) | Self::Host(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
            Self::Fault { status, .. } => status.code(),
            Self::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    /// What the caller is told. What the disk says is for the log of this machine, and goes there.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Storage(error) => {
                tracing::error!(%error, "the cloud's file cannot be written");
                "the cloud's file cannot be written".to_owned()
            }
            other => other.to_string(),
        }
    }

    fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::RateLimited(quota) => quota.retry_after.map(whole_ms),
            Self::Unavailable(_) | Self::Host(_) => Some(UNAVAILABLE_RETRY),
            Self::Fault { status, retry_after } if status.waits() => {
                Some(retry_after.map_or(UNAVAILABLE_RETRY, whole_ms))
            }
            _ => None,
        }
    }
}

/// A wait in milliseconds, at least as long as the wait itself: who comes back earlier is refused again.
fn whole_ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
}

impl Noun {
    fn code(self) -> &'static str {
        match self {
            Self::Session => "session_not_found",
            Self::Interaction => "interaction_not_found",
            Self::Message => "message_not_found",
            Self::Installation => "installation_not_found",
            Self::Pairing => "pairing_not_found",
            Self::Approval => "approval_not_found",
            Self::Grant => "grant_not_found",
            Self::Rule => "rule_not_found",
            Self::Route => "not_found",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let ((status, code), message) = (self.code(), self.told());
        let retry_after_ms = self.retry_after_ms();
        let errors = if let Self::InvalidRequest(errors) = self { errors } else { Vec::new() };
        let error = ApiError { code: code.into(), message, errors, details: None, retry_after_ms };
        let envelope = Envelope::<()> { ok: false, result: None, error: Some(error) };
        let mut response = (status, Json(envelope)).into_response();
        if let Some(wait) = retry_after_ms {
            response.headers_mut().insert(http::header::RETRY_AFTER, wait.div_ceil(1000).max(1).into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up() {
        for (micros, ms) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (99_900, 100), (100_000, 100)] {
            assert_eq!(whole_ms(Duration::from_micros(micros)), ms, "{micros}");
        }
    }
}
