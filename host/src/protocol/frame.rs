//! Frames of the bridge's socket, `GET /v1/bridge/ws`.

use super::{InstallationId, MAX_FRAME, Update, UpdateId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A frame from the server. The set is open: what is not known is [`ServerFrame::Unknown`] and ignored.
#[derive(Debug)]
pub enum ServerFrame {
    /// The first frame after a dial that was accepted.
    Ready {
        /// The installation that the token belongs to.
        installation_id: InstallationId,
    },
    /// Something happened in a session of this installation.
    Update(Box<Update>),
    /// A heartbeat; a `pong` is due within 10 s.
    Ping,
    /// A request from the server to the bridge. Answered with `unknown_request`: none is documented.
    Request {
        /// The frame's type.
        kind: String,
        /// What the answer must carry, as it came.
        req_id: serde_json::Value,
    },
    /// A type that this version does not know.
    Unknown {
        /// The frame's type, unescaped.
        kind: String,
    },
}

/// Why a frame could not be read. The frame is dropped; the link goes on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// More than [`MAX_FRAME`] bytes.
    #[error("a frame of {0} bytes is larger than the {MAX_FRAME} allowed")]
    TooLarge(usize),
    /// Not JSON, not an object, or without a `type`.
    #[error("a frame is not a JSON object with a type: {0}")]
    NotAFrame(serde_json::Error),
    /// A known type with a body that does not fit it.
    #[error("a frame of type {kind} is malformed: {source}")]
    Malformed {
        /// The frame's type.
        kind: &'static str,
        /// What did not fit.
        source: serde_json::Error,
    },
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(rename = "type")]
    kind: String,
    installation_id: Option<InstallationId>,
    #[serde(borrow)]
    update: Option<&'a RawValue>,
    req_id: Option<serde_json::Value>,
}

impl ServerFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    /// [`FrameError`] says what is wrong; none of them is a reason to drop the connection.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        if text.len() > MAX_FRAME {
            return Err(FrameError::TooLarge(text.len()));
        }
        let raw: Raw<'_> = serde_json::from_str(text).map_err(FrameError::NotAFrame)?;
        let missing = |kind, field: &str| FrameError::Malformed {
            kind,
            source: serde::de::Error::custom(format_args!("missing field `{field}`")),
        };
        match (raw.kind.as_str(), raw.req_id) {
            ("ready", _) => {
                let installation_id = raw.installation_id.ok_or_else(|| missing("ready", "installation_id"))?;
                Ok(Self::Ready { installation_id })
            }
            ("update", _) => {
                let update = raw.update.ok_or_else(|| missing("update", "update"))?;
                serde_json::from_str(update.get())
                    .map(|update| Self::Update(Box::new(update)))
                    .map_err(|source| FrameError::Malformed { kind: "update", source })
            }
            ("ping", _) => Ok(Self::Ping),
            (_, Some(req_id)) => Ok(Self::Request { kind: raw.kind, req_id }),
            (_, None) => Ok(Self::Unknown { kind: raw.kind }),
        }
    }
}

/// A frame that the bridge sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BridgeFrame {
    /// Every update up to and including this one is recorded durably; the server may forget them.
    Ack {
        /// The newest update that is recorded, with all before it.
        up_to_update_id: UpdateId,
    },
    /// The answer to `ping`.
    Pong,
    /// Seen in the field as a first frame; servers ignore it. Read, never sent.
    Hello {},
    /// Any other type; ignored by servers.
    #[serde(other)]
    Unknown,
}

impl BridgeFrame {
    /// The answer to a [`ServerFrame::Request`] that this version cannot serve.
    pub fn unknown_request(kind: &str, req_id: &serde_json::Value) -> String {
        serde_json::json!({
            "type": format!("{kind}.resp"), "req_id": req_id, "error": { "code": "unknown_request" },
        })
        .to_string()
    }

    /// The frame as text.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("frames of plain strings always serialize")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_frames_are_read() {
        let ready = ServerFrame::parse(r#"{"type":"ready","installation_id":"inst_1"}"#).expect("ready");
        assert!(matches!(ready, ServerFrame::Ready { installation_id } if installation_id.as_str() == "inst_1"));
        assert!(matches!(ServerFrame::parse(r#"{"type":"ping"}"#), Ok(ServerFrame::Ping)));
    }

    #[test]
    fn unknown_frames_and_requests_are_told_apart() {
        let unknown = ServerFrame::parse(r#"{"type":"confetti","n":[1,2]}"#).expect("unknown");
        assert!(matches!(unknown, ServerFrame::Unknown { kind } if kind == "confetti"));
        let request = ServerFrame::parse(r#"{"type":"list_tools","req_id":7}"#).expect("request");
        let ServerFrame::Request { kind, req_id } = request else { panic!("not a request: {request:?}") };
        assert_eq!(
            BridgeFrame::unknown_request(&kind, &req_id),
            r#"{"error":{"code":"unknown_request"},"req_id":7,"type":"list_tools.resp"}"#
        );
    }

    #[test]
    fn what_is_not_a_frame_is_an_error_and_never_a_panic() {
        for text in ["", "null", "[]", "{}", "{\"type\":7}", "\u{0}", "{\"type\":\"ping\"", "{\"type\":\"ready\"}"] {
            assert!(ServerFrame::parse(text).is_err(), "{text:?} was taken for a frame");
        }
        let huge = format!(r#"{{"type":"{}"}}"#, "x".repeat(MAX_FRAME));
        assert!(matches!(ServerFrame::parse(&huge), Err(FrameError::TooLarge(_))));
        let deep = format!(r#"{{"type":"update","update":{}}}"#, "[".repeat(100_000));
        assert!(ServerFrame::parse(&deep).is_err());
    }

    #[test]
    fn bridge_frames_have_the_documented_form() {
        let ack = BridgeFrame::Ack { up_to_update_id: UpdateId::try_from("12".to_owned()).expect("an id") };
        assert_eq!(ack.to_text(), r#"{"type":"ack","up_to_update_id":"12"}"#);
        assert_eq!(BridgeFrame::Pong.to_text(), r#"{"type":"pong"}"#);
        let field: BridgeFrame = serde_json::from_str(r#"{"type":"hello","version":"1"}"#).expect("hello");
        assert!(matches!(field, BridgeFrame::Hello {}));
    }
}
