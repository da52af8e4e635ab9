//! Looks whether the cloud can be reached, one layer after the other, so that the one that fails is known.

use super::date;
use super::dial::{dial, place};
use super::error::DialError;
use super::http::{client, tls};
use super::trace::Trace;
use crate::config::{CloudUrl, Token};
use http::header::DATE;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// How long each layer may take.
const LAYER_TIME: Duration = Duration::from_secs(4);
/// How long the cloud may take to accept a token.
const TRY_TIME: Duration = Duration::from_secs(6);
/// How long a socket that was only tried may take to be closed.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// What came back from a cloud that can be reached.
#[derive(Debug)]
pub struct Probe {
    /// The status of `/healthz`.
    pub status: u16,
    /// The cloud's clock, in whole seconds, if it told it.
    pub date: Option<SystemTime>,
    /// When its answer came, by the clock of this machine.
    pub at: SystemTime,
    /// From the request to its answer.
    pub took: Duration,
}

/// The layer that failed, and why.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address.
    #[error("DNS: {0}")]
    Dns(String),
    /// No connection to the address.
    #[error("TCP: {0}")]
    Tcp(String),
    /// No agreement on TLS: a certificate, most likely.
    #[error("TLS: {0}")]
    Tls(String),
    /// No answer to a request.
    #[error("HTTP: {0}")]
    Http(String),
}

/// Tries layer by layer.
///
/// # Errors
/// [`Unreachable`] names the layer.
pub async fn reach(url: &CloudUrl) -> Result<Probe, Unreachable> {
    let (host, port) = place(url);
    let looked_up = async { lookup_host((host, port)).await.map(Iterator::collect::<Vec<SocketAddr>>) };
    let addresses = within(looked_up).await.map_err(Unreachable::Dns)?;
    if addresses.is_empty() {
        return Err(Unreachable::Dns(format!("`{host}` has no address")));
    }
    let tcp = within(TcpStream::connect(&addresses[..])).await.map_err(Unreachable::Tcp)?;
    if url.is_secure() {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Unreachable::Tls(error.to_string()))?;
        let connector = TlsConnector::from(Arc::new(tls(true).map_err(Unreachable::Tls)?));
        within(connector.connect(name, tcp)).await.map_err(Unreachable::Tls)?;
    }
    let client = client(url.is_secure(), Some(LAYER_TIME)).map_err(Unreachable::Http)?;
    let asked = SystemTime::now();
    let answer = client.get(url.join("/healthz")).send().await;
    let answer = answer.map_err(|error| Unreachable::Http(error.without_url().to_string()))?;
    let at = SystemTime::now();
    let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(date::parse);
    Ok(Probe { status: answer.status().as_u16(), date, at, took: at.duration_since(asked).unwrap_or_default() })
}

/// Tries whether the cloud accepts this token on the socket, and closes it again. A host that is connected with the
/// same token may lose its connection by this.
///
/// # Errors
/// [`DialError`].
pub async fn try_token(url: &CloudUrl, token: &Token) -> Result<(), DialError> {
    let late = |_elapsed| DialError::Network(format!("no answer within {} s", TRY_TIME.as_secs()));
    let mut socket = tokio::time::timeout(TRY_TIME, dial(url, token, Trace::fresh().step())).await.map_err(late)??;
    // It was accepted; how it is closed changes nothing.
    let _ = tokio::time::timeout(CLOSE_TIME, socket.close(None)).await;
    Ok(())
}

async fn within<T, E: std::fmt::Display>(layer: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(LAYER_TIME, layer).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(format!("no answer within {} s", LAYER_TIME.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn failing(url: &str) -> Unreachable {
        reach(&CloudUrl::parse(url).expect("an address")).await.expect_err("out of reach")
    }

    #[tokio::test]
    async fn the_layer_that_fails_is_told() {
        assert!(matches!(failing("https://cloud.invalid").await, Unreachable::Dns(_)));
        assert!(matches!(failing("http://127.0.0.1:1").await, Unreachable::Tcp(_)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let hangs_up = crate::tasks::spawn("test", async move { while listener.accept().await.is_ok() {} });
        assert!(matches!(failing(&format!("https://localhost:{port}")).await, Unreachable::Tls(_)));
        assert!(matches!(failing(&format!("http://127.0.0.1:{port}")).await, Unreachable::Http(_)));
        hangs_up.abort();
    }
}
