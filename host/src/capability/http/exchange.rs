//! One request and its answer, from the door to the head of the answer.

use super::answer::{Carrier, Response};
use super::connect::{Pipe, check_literal, connect};
use super::fault::{Fault, Kind};
use super::quota::{Quota, Room};
use super::request::{Checked, Request, words};
use super::resolve::{Resolve, System};
use super::standing::Standing;
use super::tls::Trust;
use crate::capability::{Door, Keys, Operation, Refusal};
use crate::config::ProxyConfig;
use crate::grant::Ask;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The largest head of an answer, and the most headers in it.
pub(super) const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 200;

/// What carries requests of agents. One for the host.
pub struct Connector {
    pub(super) names: Box<dyn Resolve>,
    pub(super) trust: Trust,
    pub(super) proxy: ProxyConfig,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new(Box::new(System::default()))
    }
}

impl Connector {
    /// A connector that asks for addresses there.
    pub fn new(names: Box<dyn Resolve>) -> Self {
        Self { names, trust: Trust::default(), proxy: ProxyConfig::default() }
    }

    /// The same, by way of these proxies.
    #[must_use]
    pub fn by(self, proxy: ProxyConfig) -> Self {
        Self { proxy, ..self }
    }

    /// The same, that trusts these roots instead of the platform's. There is no setting for it.
    #[cfg(test)]
    pub(super) fn with_roots(names: Box<dyn Resolve>, roots: rustls::RootCertStore) -> Self {
        Self { trust: Trust::of(roots), ..Self::new(names) }
    }
}

/// The requests of one turn.
pub struct Web {
    connector: Arc<Connector>,
    keys: Keys,
    door: Arc<Door>,
    pub(super) quota: Quota,
    /// The turn is to stop.
    pub(super) stop: CancellationToken,
}

/// The head of an answer, and what keeps its body coming.
pub(super) type Head = (http::Response<Incoming>, Carrier);

impl Web {
    /// The requests of a turn, until `stop`.
    pub fn new(connector: Arc<Connector>, keys: Keys, door: Arc<Door>, stop: CancellationToken) -> Self {
        Self { connector, keys, door, quota: Quota::default(), stop }
    }

    /// The secrets that requests may be filled with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Starts a request: it goes through the door and out in a task of its own, apart from the guest's stack and clock.
    ///
    /// # Errors
    /// [`Refusal`] for what can be told at once: it makes no sense, or there is no room for it.
    pub fn start(self: &Arc<Self>, mut request: Request) -> Result<Operation<Response>, Refusal> {
        let room = self.room()?;
        let reason = request.reason.take();
        let checked = request.check(&self.keys)?;
        self.quota.send(checked.body.len())?;
        let (web, checked) = (self.clone(), Box::new(checked));
        Ok(Operation::start("http", async move { Ok(web.run(checked, reason, room).await?) }))
    }

    /// Room for one more request and its answer.
    pub(super) fn room(&self) -> Result<Room, Fault> {
        if self.stop.is_cancelled() {
            return Err(Refusal::Cancelled.into());
        }
        if self.door.is_over() {
            return Err(Refusal::TooManyDenials.into());
        }
        self.quota.answer()
    }

    /// Sends what was checked, unless the turn stops before.
    pub(super) async fn run(
        self: Arc<Self>,
        checked: Box<Checked>,
        reason: Option<String>,
        room: Room,
    ) -> Result<Response, Fault> {
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(Refusal::Cancelled.into()),
            answer = self.send(checked, reason, room) => answer,
        }
    }

    /// What comes behind the door is in boxes of its own: thousands of turns may wait at it, and take no room for more.
    async fn send(
        self: Arc<Self>,
        checked: Box<Checked>,
        reason: Option<String>,
        room: Room,
    ) -> Result<Response, Fault> {
        let ask = Ask::Http(checked.ask.clone());
        let named = self.door.rule(&ask).map(|rule| rule.addresses.clone()).unwrap_or_default();
        // Nobody is asked about what would be refused all the same.
        check_literal(&checked.ask, &named)?;
        let standing = Standing::keep(self.door.open(&ask, reason.as_deref()).await?);
        let came = tokio::select! {
            biased;
            refusal = standing.revoked() => Err(refusal.into()),
            came = Box::pin(self.perform(&checked, &named)) => came,
        };
        match came {
            Ok((head, carrier)) => Ok(Box::pin(Response::new(self, head, &checked, room, carrier, standing)).await),
            Err(fault) => {
                Box::pin(standing.settle(Err(fault.to_string()))).await;
                Err(fault)
            }
        }
    }

    /// Does what was allowed: connects, sends, and waits for the head of the answer.
    async fn perform(&self, checked: &Checked, named: &[IpNet]) -> Result<Head, Fault> {
        let message = checked.message(&self.keys)?;
        let connection = self.quota.connection(checked.connect_time).await?;
        let pipe = self.connect(checked, named).await?;
        match tokio::time::timeout(checked.head_time, exchange(checked, message, pipe)).await {
            Ok(came) => came.map(|(head, carrier)| (head, (carrier, connection))),
            Err(_) => {
                let (host, waited) = (&checked.ask.host, words(checked.head_time));
                Err(Refusal::Unavailable(format!("{host} did not answer within {waited}")).of(Kind::HeadTime))
            }
        }
    }

    async fn connect(&self, checked: &Checked, named: &[IpNet]) -> Result<Box<dyn Pipe>, Fault> {
        match tokio::time::timeout(checked.connect_time, connect(&checked.ask, named, &self.connector)).await {
            Ok(pipe) => pipe,
            Err(_) => {
                let why = format!("cannot connect to {} within {}", checked.ask.host, words(checked.connect_time));
                Err(Refusal::Unavailable(why).of(Kind::ConnectTime))
            }
        }
    }
}

async fn exchange(
    checked: &Checked,
    message: http::Request<Full<bytes::Bytes>>,
    pipe: Box<dyn Pipe>,
) -> Result<(http::Response<Incoming>, AbortOnDropHandle<()>), Fault> {
    let host = &checked.ask.host;
    let failed = |error: hyper::Error| reason(host, &error);
    let shake = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake::<_, Full<bytes::Bytes>>(TokioIo::new(pipe));
    let (mut sender, carrier) = shake.await.map_err(failed)?;
    // The request's own future tells what went wrong.
    let carrier = AbortOnDropHandle::new(crate::tasks::spawn("http connection", async { drop(carrier.await) }));
    let response = sender.send_request(message).await.map_err(failed)?;
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        let why = format!("{host} wants to speak another protocol");
        return Err(Refusal::Unavailable(why).of(Kind::Upgrade));
    }
    if checked.is_guarded && !is_readable(response.headers()) {
        let why = format!("{host} answered in a coding that cannot be searched for secrets");
        return Err(Refusal::Unavailable(why).of(Kind::Coding));
    }
    Ok((response, carrier))
}

/// Whether a body is sent as it is.
fn is_readable(headers: &http::HeaderMap) -> bool {
    headers
        .get_all(http::header::CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// What went wrong with a connection.
pub(super) fn reason(host: &impl std::fmt::Display, error: &hyper::Error) -> Fault {
    let cause = std::error::Error::source(error);
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    let cut = matches!(io, Some(std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset));
    let (kind, what) = if cut || error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        (Kind::Incomplete, "closed the connection before its answer was whole".to_owned())
    } else if error.is_parse_too_large() {
        (Kind::Head, "answered with a head that is too large".to_owned())
    } else if error.is_parse() {
        (Kind::Protocol, "answered something that is not HTTP".to_owned())
    } else {
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        (Kind::Incomplete, format!("broke off: {}", crate::text::line(&format!("{error}{cause}"), 200)))
    };
    Refusal::Unavailable(format!("{host} {what}")).of(kind)
}
