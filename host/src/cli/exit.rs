//! Why a command failed, and the exit code that scripts branch on.

use crate::cloud::PairingError;
use crate::config::{ConfigError, TokenError};
use crate::daemon::DaemonError;
use std::fmt;
use std::process::ExitCode;

/// A failure with its exit code. The table is in `--help`.
#[derive(Debug)]
pub(super) struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Other = 1,
    Usage = 2,
    Unpaired = 3,
    Unreachable = 4,
    NoAnswer = 5,
    NotRunning = 6,
}

impl Failure {
    pub(super) fn of(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    pub(super) fn other(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Other, message: message.to_string() }
    }

    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, message: message.to_string() }
    }

    pub(super) fn unpaired(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Unpaired, message: message.to_string() }
    }

    pub(super) fn unreachable(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Unreachable, message: message.to_string() }
    }

    pub(super) fn no_answer(message: impl fmt::Display) -> Self {
        Self { kind: Kind::NoAnswer, message: message.to_string() }
    }

    pub(super) fn not_running(message: impl fmt::Display) -> Self {
        Self { kind: Kind::NotRunning, message: message.to_string() }
    }

    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Token(error) => Self::unpaired(error),
            error => Self::usage(error),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::unpaired(error)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        Self::other(error)
    }
}

impl From<PairingError> for Failure {
    fn from(error: PairingError) -> Self {
        match error {
            PairingError::Rest(error) if error.is_refused() => Self::other(error),
            PairingError::Rest(error) => Self::unreachable(error),
            PairingError::Expired | PairingError::Token(_) => Self::unpaired(error),
            PairingError::Setup(_) => Self::other(error),
        }
    }
}
