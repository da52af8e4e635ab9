//! The standard's names for failures. Most have no room for words: those are in the host's log.

use crate::capability::http::{Fault, Kind};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// What a guest sees of a failed request.
pub(super) fn error(fault: &Fault) -> Error {
    match fault.kind {
        Kind::Denied | Kind::Asks | Kind::Denials => Error::HttpRequestDenied,
        Kind::Address => Error::DestinationIpProhibited,
        Kind::Url => Error::HttpRequestUriInvalid,
        Kind::Headers => Error::HttpRequestHeaderSectionSize(None),
        Kind::Body => Error::HttpRequestBodySize(None),
        Kind::Crowded => Error::ConnectionLimitReached,
        Kind::Name => Error::DnsError { rcode: None, info_code: None },
        Kind::Closed => Error::ConnectionRefused,
        Kind::Unreachable => Error::DestinationUnavailable,
        Kind::ConnectTime => Error::ConnectionTimeout,
        Kind::Certificate => Error::TlsCertificateError,
        Kind::Tls => Error::TlsProtocolError,
        Kind::HeadTime => Error::HttpResponseTimeout,
        Kind::IdleTime => Error::ConnectionReadTimeout,
        Kind::Incomplete => Error::HttpResponseIncomplete,
        Kind::Head => Error::HttpResponseHeaderSectionSize(None),
        Kind::Answer => Error::HttpResponseBodySize(None),
        Kind::Coding => Error::HttpResponseContentCoding(None),
        Kind::Upgrade => Error::HttpUpgradeFailed,
        Kind::Protocol => Error::HttpProtocolError,
        Kind::Stopped | Kind::Invalid | Kind::Host => Error::InternalError(Some(fault.to_string())),
    }
}

/// The same of a body that broke off, as a stream tells it: only what can happen to a body has a name of its own.
pub(super) fn of_stream(error: &Error) -> ErrorCode {
    match error {
        Error::HttpRequestDenied => ErrorCode::HttpRequestDenied,
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::InternalError(words) => ErrorCode::InternalError(words.clone()),
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}
