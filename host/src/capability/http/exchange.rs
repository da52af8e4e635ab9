//! One request and its answer, from the door to the head of the answer.

use super::answer::{Carrier, Response};
use super::connect::{Pipe, check_literal, connect};
use super::quota::{Quota, Room};
use super::request::{Checked, Request};
use super::resolve::{Resolve, System};
use super::standing::Standing;
use super::tls::Trust;
use crate::capability::{Door, Keys, Operation, Refusal};
use crate::grant::Ask;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// From the name to an open connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// The largest head of an answer, and the most headers in it.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 200;

/// What carries requests of agents. One for the host.
pub struct Connector {
    names: Box<dyn Resolve>,
    trust: Trust,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new(Box::new(System::default()))
    }
}

impl Connector {
    /// A connector that asks for addresses there.
    pub fn new(names: Box<dyn Resolve>) -> Self {
        Self { names, trust: Trust::default() }
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
        if self.stop.is_cancelled() {
            return Err(Refusal::Cancelled);
        }
        let room = self.quota.answer()?;
        let reason = request.reason.take();
        let checked = request.check(&self.keys)?;
        let web = self.clone();
        Ok(Operation::start("http", async move {
            let stop = web.stop.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(Refusal::Cancelled),
                answer = web.send(checked, reason, room) => answer,
            }
        }))
    }

    async fn send(self: Arc<Self>, checked: Checked, reason: Option<String>, room: Room) -> Result<Response, Refusal> {
        let ask = Ask::Http(checked.ask.clone());
        let named = self.door.rule(&ask).map(|rule| rule.addresses.clone()).unwrap_or_default();
        // Nobody is asked about what would be refused all the same.
        check_literal(&checked.ask, &named)?;
        let standing = Standing::keep(self.door.open(&ask, reason.as_deref()).await?);
        let came = tokio::select! {
            biased;
            refusal = standing.revoked() => Err(refusal),
            came = self.perform(&checked, &named) => came,
        };
        match came {
            Ok((head, carrier)) => Ok(Response::new(self, head, &checked.ask, room, carrier, standing).await),
            Err(refusal) => {
                standing.settle(Err(refusal.to_string())).await;
                Err(refusal)
            }
        }
    }

    /// Does what was allowed: connects, sends, and waits for the head of the answer.
    async fn perform(&self, checked: &Checked, named: &[IpNet]) -> Result<Head, Refusal> {
        let message = checked.message(&self.keys)?;
        self.quota.send(checked.body.len())?;
        let connection = self.quota.connection(CONNECT_TIME).await?;
        let pipe = self.connect(checked, named).await?;
        match tokio::time::timeout(checked.head_time, exchange(checked, message, pipe)).await {
            Ok(came) => came.map(|(head, carrier)| (head, (carrier, connection))),
            Err(_) => {
                let (host, waited) = (&checked.ask.host, checked.head_time.as_millis());
                Err(Refusal::Unavailable(format!("{host} did not answer within {waited} ms")))
            }
        }
    }

    async fn connect(&self, checked: &Checked, named: &[IpNet]) -> Result<Box<dyn Pipe>, Refusal> {
        let Connector { names, trust } = &*self.connector;
        match tokio::time::timeout(CONNECT_TIME, connect(&checked.ask, named, &**names, trust)).await {
            Ok(pipe) => pipe,
            Err(_) => {
                let why = format!("cannot connect to {} within {} s", checked.ask.host, CONNECT_TIME.as_secs());
                Err(Refusal::Unavailable(why))
            }
        }
    }
}

async fn exchange(
    checked: &Checked,
    message: http::Request<Full<bytes::Bytes>>,
    pipe: Box<dyn Pipe>,
) -> Result<(http::Response<Incoming>, AbortOnDropHandle<()>), Refusal> {
    let host = &checked.ask.host;
    let failed = |error: hyper::Error| Refusal::Unavailable(format!("{host} {}", reason(&error)));
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
        return Err(Refusal::Unavailable(format!("{host} wants to speak another protocol")));
    }
    if checked.is_guarded && !is_readable(response.headers()) {
        return Err(Refusal::Unavailable(format!("{host} answered in a coding that cannot be searched for secrets")));
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

/// What went wrong with a connection, in words that follow the host's name.
pub(super) fn reason(error: &hyper::Error) -> String {
    let cause = std::error::Error::source(error);
    let io = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    let cut = matches!(io, Some(std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset));
    let what = if cut || error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "closed the connection before its answer was whole"
    } else if error.is_parse_too_large() {
        "answered with a head that is too large"
    } else if error.is_parse() {
        "answered something that is not HTTP"
    } else {
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        return format!("broke off: {}", crate::text::line(&format!("{error}{cause}"), 200));
    };
    what.to_owned()
}
