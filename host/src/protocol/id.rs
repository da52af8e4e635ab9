//! Identifiers. Opaque to us: bounded, printable strings that we carry and compare, and never take apart.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest identifier that is accepted, in bytes. The documents allow 256 for `task_id`, the longest of all.
const MAX_ID: usize = 256;

/// Why a string cannot be an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// The identifier was the empty string.
    #[error("an identifier is empty")]
    Empty,
    /// The identifier was longer than 256 bytes.
    #[error("an identifier has {0} bytes, more than the 256 allowed")]
    TooLong(usize),
    /// The identifier holds control characters, which would reach logs and headers.
    #[error("an identifier holds control characters")]
    Control,
}

fn check(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        _ if id.len() > MAX_ID => Err(IdError::TooLong(id.len())),
        _ if id.chars().any(char::is_control) => Err(IdError::Control),
        _ => Ok(()),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(id: String) -> Result<Self, IdError> {
                check(&id).map(|()| Self(id))
            }
        }
        impl TryFrom<&str> for $name {
            type Error = IdError;
            fn try_from(id: &str) -> Result<Self, IdError> {
                Self::try_from(id.to_owned())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// One paired bridge: `inst_…`.
    InstallationId
    /// One chat thread: `ses_…`.
    SessionId
    /// One user message and its answer: `int_…`.
    InteractionId
    /// One bubble: `msg_…`.
    MessageId
    /// One task card. Chosen by the bridge; it is its own idempotency key.
    TaskId
    /// One question to the user. Chosen by the bridge; it is its own idempotency key.
    ApprovalId
}

/// The number of an update, rising by installation. A string by the document; some servers send a number, and
/// both are read.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct UpdateId(String);

impl UpdateId {
    /// The update id as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UpdateId {
    type Error = IdError;
    fn try_from(id: String) -> Result<Self, IdError> {
        check(&id).map(|()| Self(id))
    }
}

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UpdateId {
    fn deserialize<D: serde::Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        let text = match Either::deserialize(de)? {
            Either::Text(text) => text,
            Either::Number(number) => number.to_string(),
        };
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_identifiers_are_refused() {
        assert_eq!(SessionId::try_from(""), Err(IdError::Empty));
        assert_eq!(SessionId::try_from("a\nb"), Err(IdError::Control));
        assert_eq!(SessionId::try_from("x".repeat(257)), Err(IdError::TooLong(257)));
        assert!(serde_json::from_str::<SessionId>("\"\\u001b[2J\"").is_err());
        assert!(serde_json::from_str::<SessionId>("7").is_err());
    }

    #[test]
    fn update_ids_are_read_as_text_and_as_number() {
        let text: UpdateId = serde_json::from_str("\"12\"").expect("a string");
        let number: UpdateId = serde_json::from_str("12").expect("a number");
        assert_eq!(text, number);
        assert_eq!(serde_json::to_string(&number).expect("serializes"), "\"12\"");
    }
}
