//! What can go wrong on the link, and whether it is worth another try.

use crate::protocol::ApiError;
use std::time::Duration;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// `401`, or close code 4401: the token is revoked, rotated or unknown. Final.
    #[error(
        "the cloud refused the token ({0}): it was revoked, rotated or belongs to another cloud; run `sophon-host pair` again"
    )]
    Unauthorized(String),
    /// The cloud answered the upgrade with something else.
    #[error("the cloud answered the upgrade with status {status}{}", request_id_suffix(.request_id))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `X-Request-ID` of the answer.
        request_id: Option<String>,
    },
    /// The network: no route, no name, no TLS, no answer in time.
    #[error("cannot reach the cloud: {0}")]
    Network(String),
}

impl DialError {
    /// Whether dialling again can help.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Unauthorized(_))
    }
}

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The cloud said no.
    #[error("{path}: {status} {}: {}{}", .error.code, .error.message, request_id_suffix(.request_id))]
    Api {
        /// The route.
        path: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the envelope says.
        error: ApiError,
        /// `Retry-After`, where `error` has no time of its own.
        retry_after: Option<Duration>,
        /// `X-Request-ID` of the answer.
        request_id: Option<String>,
    },
    /// There was no answer.
    #[error("{path}: {reason}")]
    Network {
        /// The route.
        path: &'static str,
        /// Why.
        reason: String,
    },
    /// The answer was not the envelope.
    #[error("{path}: the answer with status {status} is not the documented envelope: {reason}{}", request_id_suffix(.request_id))]
    Malformed {
        /// The route.
        path: &'static str,
        /// The HTTP status.
        status: u16,
        /// What did not fit.
        reason: String,
        /// `Retry-After`: proxies answer for the cloud, too.
        retry_after: Option<Duration>,
        /// `X-Request-ID` of the answer.
        request_id: Option<String>,
    },
    /// The body is larger than the cloud takes; it was not sent.
    #[error("{path}: a body of {size} bytes is more than the cloud takes")]
    TooLarge {
        /// The route.
        path: &'static str,
        /// The body's size.
        size: usize,
    },
}

fn request_id_suffix(id: &Option<String>) -> String {
    id.as_ref().map_or_else(String::new, |id| format!(" (X-Request-ID {})", crate::text::line(id, 80)))
}

impl RestError {
    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } | Self::Malformed { status, .. } => Some(*status),
            Self::Network { .. } | Self::TooLarge { .. } => None,
        }
    }

    /// Whether what was written to is gone: deleted, expired, or never ours. Nothing more should be sent there. Only
    /// the cloud itself can say so: a page of some proxy with the same status does not count. A card that it does not
    /// know is only a card.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Api { status: 403 | 404 | 410, error, .. } if error.code != "task_not_found")
    }

    /// Whether the token is refused.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Api { status: 401, .. })
    }

    /// Whether the same request will never be taken: the cloud read it and said no.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Api { status: 400..=428 | 430..=499, .. })
    }
}
