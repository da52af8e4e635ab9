//! Through a proxy of the operator's: it is told an address that was checked, never a name, and carries bytes.

use super::connect::{Failed, Pipe, addresses, dial, reason, tls};
use super::exchange::{Connector, MAX_HEAD};
use super::fault::Kind;
use crate::grant::Host;
use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Method, Request};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio_util::task::AbortOnDropHandle;

/// A connection to an address, carried by a proxy.
pub(super) async fn tunnel(
    proxy: &Intercept,
    target: SocketAddr,
    connector: &Connector,
) -> Result<Box<dyn Pipe>, Failed> {
    let shown = proxy.uri().authority().map(ToString::to_string).unwrap_or_default();
    let failed = |(kind, why): Failed| (kind, format!("by the proxy {shown}: {why}"));
    let pipe = reach(proxy, connector).await.map_err(failed)?;
    carry(proxy, target, pipe).await.map_err(failed)
}

/// Connects to the proxy itself. The operator named it, so it may be anywhere.
async fn reach(proxy: &Intercept, connector: &Connector) -> Result<Box<dyn Pipe>, Failed> {
    let (uri, is_secure) = (proxy.uri(), proxy.uri().scheme_str() == Some("https"));
    let host = Host::parse(uri.host().unwrap_or_default()).map_err(|why| (Kind::Name, why))?;
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let addresses = addresses(&host, port, &*connector.names).await.map_err(|error| reason(&error))?;
    let stream = dial(&addresses).await?;
    if is_secure { tls(&host, stream, &connector.trust).await } else { Ok(stream) }
}

/// Has it connect further.
async fn carry(proxy: &Intercept, target: SocketAddr, pipe: Box<dyn Pipe>) -> Result<Box<dyn Pipe>, Failed> {
    let broken = |error: hyper::Error| (Kind::Incomplete, crate::text::line(&error.to_string(), 200));
    let shake = http1::Builder::new().max_buf_size(MAX_HEAD).handshake::<_, Empty<Bytes>>(TokioIo::new(pipe));
    let (mut sender, connection) = shake.await.map_err(broken)?;
    // It ends when the connection is handed over. Given up before, it must not go on.
    let connection = crate::tasks::spawn("proxy", async { drop(connection.with_upgrades().await) });
    let _held = AbortOnDropHandle::new(connection);
    let mut request =
        Request::builder().method(Method::CONNECT).uri(target.to_string()).header(HOST, target.to_string());
    if let Some(password) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, password);
    }
    let request = request.body(Empty::new()).map_err(|error| (Kind::Host, error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(broken)?;
    if !answer.status().is_success() {
        return Err((Kind::Unreachable, format!("it does not connect to {target}, and says {}", answer.status())));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(broken)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}
