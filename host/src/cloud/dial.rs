//! Dials the socket: TCP, TLS where the address says so, the upgrade with the token in its header.

use super::error::DialError;
use super::http::tls;
use super::trace::Step;
use crate::config::{CloudUrl, Token};
use http::header::AUTHORIZATION;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error as WsError};

/// From the first packet to the end of the upgrade.
const DIAL_TIME: Duration = Duration::from_secs(15);
/// The largest message that is buffered. Larger than [`crate::protocol::MAX_FRAME`], so that a frame that is too
/// large is read, counted and dropped, and does not cost the connection.
const MAX_BUFFERED: usize = 16 << 20;
const PATH: &str = "/v1/bridge/ws";

/// A byte stream of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// How every socket is set up.
pub(super) fn settings() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(MAX_BUFFERED)).max_frame_size(Some(MAX_BUFFERED))
}

/// Opens the socket.
pub(super) async fn dial(url: &CloudUrl, token: &Token, step: Step<'_>) -> Result<Socket, DialError> {
    match tokio::time::timeout(DIAL_TIME, upgrade(url, token, step)).await {
        Ok(done) => done,
        Err(_elapsed) => Err(DialError::Network(format!("no answer within {} s", DIAL_TIME.as_secs()))),
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
pub(super) fn place(url: &CloudUrl) -> (&str, u16) {
    let host = url.uri().host().unwrap_or_default();
    let port = url.uri().port_u16().unwrap_or(if url.is_secure() { 443 } else { 80 });
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

async fn upgrade(url: &CloudUrl, token: &Token, step: Step<'_>) -> Result<Socket, DialError> {
    let network = |error: &dyn std::fmt::Display| DialError::Network(error.to_string());
    let secure = url.is_secure();
    let (bare, port) = place(url);
    let tcp = TcpStream::connect((bare, port)).await.map_err(|error| network(&error))?;
    tcp.set_nodelay(true).map_err(|error| network(&error))?;
    let stream: Box<dyn Stream> = if secure {
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| network(&error))?;
        let connector = TlsConnector::from(Arc::new(tls(true).map_err(DialError::Network)?));
        Box::new(connector.connect(name, tcp).await.map_err(|error| network(&error))?)
    } else {
        Box::new(tcp)
    };
    let address = url.join(PATH).replacen("http", "ws", 1);
    let mut request = address.into_client_request().map_err(|error| network(&error))?;
    request.headers_mut().insert(AUTHORIZATION, token.bearer());
    step.write(request.headers_mut());
    let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(settings())).await;
    upgraded.map(|(socket, _)| socket).map_err(classify)
}

fn classify(error: WsError) -> DialError {
    let WsError::Http(answer) = error else {
        return DialError::Network(error.to_string());
    };
    let request_id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    match answer.status() {
        tungstenite::http::StatusCode::UNAUTHORIZED => {
            let id = request_id.unwrap_or_else(|| "none".to_owned());
            DialError::Unauthorized(format!("401 on the upgrade, X-Request-ID {}", crate::text::line(&id, 80)))
        }
        status => DialError::Refused { status: status.as_u16(), request_id },
    }
}
