//! Answers of the REST side: the envelope, its errors and the results that the bridge reads.

use super::{InstallationId, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Every answer of `/v1/*`: `{ok: true, result}` or `{ok: false, error}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Whether `result` or `error` is there.
    pub ok: bool,
    /// What the route answers.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub result: Option<T>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
}

/// The error half of the envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// A snake_case code; an open set.
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// The fields that failed, on `400`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Whatever else the code carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// How long to wait, on `429` and `503`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// One field that failed validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldError {
    /// Dotted path; array indices are bare integers.
    pub path: String,
    /// `invalid_type`, `too_big`, `too_small`, `invalid_string`, …
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// Result of `sendMessage`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Created {
    /// The bubble.
    pub message_id: MessageId,
}

/// Result of `pairing/start`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartResult {
    /// Seven letters and digits for the user to type.
    pub code: String,
    /// When the code dies: epoch seconds in the documents' example, milliseconds in the field. Told apart by size.
    pub expires_at: u64,
    /// Proves to `pairing/poll` who asks.
    pub poll_token: String,
}

/// Result of `pairing/poll`, in both dialects.
#[derive(Clone, Deserialize)]
pub struct PollResult {
    /// `pending`, `paired` (documented), `claimed` (field), `expired`.
    pub status: String,
    /// The new installation.
    #[serde(default)]
    pub installation_id: Option<InstallationId>,
    /// The bridge token. No `Debug` on this type: it must not be printed.
    #[serde(default, alias = "bot_token")]
    pub token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects_of_a_poll_are_read() {
        let documented = r#"{"status":"paired","installation_id":"inst_1","token":"inst_1:s_live_a"}"#;
        let field =
            r#"{"status":"claimed","installation_id":"inst_1","bot_token":"inst_1:s_live_a","sophon_ws_url":"x"}"#;
        for text in [documented, field] {
            let poll: PollResult = serde_json::from_str(text).expect("a poll result");
            assert_eq!(poll.token.as_deref(), Some("inst_1:s_live_a"));
        }
    }

    #[test]
    fn an_error_envelope_is_read_with_only_its_code() {
        let text = r#"{"ok":false,"error":{"code":"session_not_found"}}"#;
        let envelope: Envelope<Value> = serde_json::from_str(text).expect("an envelope");
        assert_eq!(envelope.error.expect("an error").code, "session_not_found");
    }
}
