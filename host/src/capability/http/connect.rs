//! From a checked request to an open connection: resolved, every address checked, and connected to what was checked.

use super::exchange::Connector;
use super::fault::{Fault, Kind};
use super::proxy::tunnel;
use super::resolve::Resolve;
use super::tls::Trust;
use crate::capability::Refusal;
use crate::grant::{Host, HttpAsk, Scheme, address};
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection, in clear or not.
pub(super) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Pipe for T {}

/// Why there is no connection: of what kind, and in a few words.
pub(super) type Failed = (Kind, String);

/// Connects to the host of a request. The name is resolved once, and only a checked address is connected to.
pub(super) async fn connect(ask: &HttpAsk, named: &[IpNet], connector: &Connector) -> Result<Box<dyn Pipe>, Fault> {
    let addresses = addresses(&ask.host, ask.port, &*connector.names).await.map_err(|error| {
        let why = crate::text::line(&error.to_string(), 200);
        Refusal::Unavailable(format!("cannot find {}: {why}", ask.host)).of(Kind::Name)
    })?;
    for address in &addresses {
        check(ask, address.ip(), named)?;
    }
    let failed = |(kind, why)| Refusal::Unavailable(format!("cannot connect to {}: {why}", ask.host)).of(kind);
    let stream = reach(ask, &addresses, connector).await.map_err(failed)?;
    secure(ask, stream, &connector.trust).await
}

/// Connects to the first of these checked addresses that can be, through the proxy that the operator set for the request,
/// if any.
async fn reach(ask: &HttpAsk, addresses: &[SocketAddr], connector: &Connector) -> Result<Box<dyn Pipe>, Failed> {
    let unread = |_| (Kind::Url, "its address cannot be read".to_owned());
    let proxy = connector.proxy.of(|| ask.origin()).map_err(unread)?;
    let mut last = (Kind::Name, "it has no address".to_owned());
    for address in addresses {
        let reached = match &proxy {
            Some(proxy) => tunnel(proxy, *address, connector).await,
            None => dial(&[*address]).await,
        };
        match reached {
            Ok(stream) => return Ok(stream),
            Err(failed) => last = failed,
        }
    }
    Err(last)
}

/// Connects to the first of these addresses that can be.
pub(super) async fn dial(addresses: &[SocketAddr]) -> Result<Box<dyn Pipe>, Failed> {
    let stream = TcpStream::connect(addresses).await.map_err(|error| reason(&error))?;
    // Small requests gain from it, and where it fails they are only slower.
    drop(stream.set_nodelay(true));
    Ok(Box::new(stream))
}

/// Checks the address that stands in place of a name.
pub(super) fn check_literal(ask: &HttpAsk, named: &[IpNet]) -> Result<(), Fault> {
    match ask.host {
        Host::Ip(ip) => check(ask, ip, named),
        Host::Name(_) => Ok(()),
    }
}

fn check(ask: &HttpAsk, ip: IpAddr, named: &[IpNet]) -> Result<(), Fault> {
    address::check(ip, named).map_err(|refused| inward(ask, ip, refused).of(Kind::Address))
}

/// The addresses of a host.
pub(super) async fn addresses(host: &Host, port: u16, names: &dyn Resolve) -> io::Result<Vec<SocketAddr>> {
    match host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, port)]),
        Host::Name(name) => names.resolve(name, port).await,
    }
}

/// The refusal of an address. What a name stands for in this network is the operator's to know, not the agent's.
fn inward(ask: &HttpAsk, ip: IpAddr, refused: address::Refused) -> Refusal {
    let why = refused.why;
    tracing::warn!(host = %ask.host, %ip, "an agent may not reach this address: it is {why}");
    let shown = match ask.host {
        Host::Ip(_) => ip.to_string(),
        Host::Name(_) => "its address, which the host's log names".to_owned(),
    };
    Refusal::Denied {
        rule: format!("the egress check: {} is {why}", ask.host),
        hint: format!("a rule for `http` in sophon-host.toml would open it with `addresses = [\"…\"]` and {shown}"),
    }
}

async fn secure(ask: &HttpAsk, stream: Box<dyn Pipe>, trust: &Trust) -> Result<Box<dyn Pipe>, Fault> {
    if ask.scheme == Scheme::Http {
        return Ok(stream);
    }
    let failed = |(kind, why)| Refusal::Unavailable(format!("cannot talk to {} over TLS: {why}", ask.host)).of(kind);
    tls(&ask.host, stream, trust).await.map_err(failed)
}

/// Talks TLS with a host.
pub(super) async fn tls(host: &Host, stream: Box<dyn Pipe>, trust: &Trust) -> Result<Box<dyn Pipe>, Failed> {
    let name = match host {
        Host::Ip(ip) => ServerName::from(*ip),
        Host::Name(name) => ServerName::try_from(name.clone())
            .map_err(|_| (Kind::Tls, format!("`{name}` is not a name that it can check")))?,
    };
    let settings = trust.settings().map_err(|why| (Kind::Host, why))?;
    let connected = tokio_rustls::TlsConnector::from(settings).connect(name, stream).await;
    let failed = |error: io::Error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        let kind = match cause {
            Some(rustls::Error::InvalidCertificate(_)) => Kind::Certificate,
            _ => Kind::Tls,
        };
        (kind, crate::text::line(&error.to_string(), 200))
    };
    Ok(Box::new(connected.map_err(failed)?))
}

/// Why a connection failed, in a few words.
pub(super) fn reason(error: &io::Error) -> Failed {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => (Kind::Closed, "nothing listens there".to_owned()),
        io::ErrorKind::TimedOut => (Kind::ConnectTime, "it does not answer".to_owned()),
        _ => (Kind::Unreachable, crate::text::line(&error.to_string(), 200)),
    }
}
