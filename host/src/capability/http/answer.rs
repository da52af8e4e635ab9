//! An answer, its body read piece by piece.

use super::exchange::{Web, reason};
use super::fault::{Fault, Kind};
use super::quota::Room;
use super::request::{Checked, words};
use super::standing::Standing;
use crate::capability::Refusal;
use crate::capability::secret::Searched;
use crate::grant::SecretName;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// The largest body that is received.
const MAX_BODY: u64 = 64 << 20;
/// The largest piece that is handed over at once.
pub(super) const MAX_PIECE: usize = 256 << 10;

/// What carries a body: dropped, the connection is closed.
pub(super) type Carrier = (AbortOnDropHandle<()>, Room);

/// An answer. Dropped, what is left of it is given up.
pub struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    web: Arc<Web>,
    host: String,
    idle_time: Duration,
    /// None when all was told of it.
    standing: Option<Standing>,
    /// None when all has come.
    body: Option<(Incoming, Carrier)>,
    /// What has come and was not read yet.
    left: Bytes,
    received: u64,
    /// Cuts secrets out, where the agent has some. None when all was searched.
    searched: Option<Searched>,
    /// Secrets that came back.
    found: BTreeSet<SecretName>,
    _room: Room,
}

impl Response {
    pub(super) async fn new(
        web: Arc<Web>,
        response: http::Response<Incoming>,
        checked: &Checked,
        room: Room,
        carrier: Carrier,
        standing: Standing,
    ) -> Self {
        let (head, body) = response.into_parts();
        let mut answer = Self {
            status: head.status.as_u16(),
            headers: Vec::new(),
            searched: Some(web.keys().search()).filter(|search| !search.is_empty()).map(|search| search.stream()),
            found: BTreeSet::new(),
            web,
            host: checked.ask.host.to_string(),
            idle_time: checked.idle_time,
            standing: Some(standing),
            body: None,
            left: Bytes::new(),
            received: 0,
            _room: room,
        };
        answer.take(&head.headers);
        match body.is_end_stream() {
            true => answer.settle(None).await,
            false => answer.body = Some((body, carrier)),
        }
        answer
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers, in order.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The next piece of the body, at most so many bytes; empty at the end.
    ///
    /// # Errors
    /// [`Fault`]: the turn is to stop, its leave was taken back, a bound is reached, the server went silent or away.
    pub async fn read(&mut self, most: usize) -> Result<Bytes, Fault> {
        if most == 0 {
            return Err(Refusal::Invalid("reading 0 bytes would look like the end".to_owned()).into());
        }
        while self.left.is_empty() {
            match self.next().await {
                Ok(Some(piece)) => self.left = self.search(piece),
                Ok(None) => {
                    let rest = self.searched.as_mut().map(Searched::finish).unwrap_or_default();
                    self.note();
                    self.settle(None).await;
                    if rest.is_empty() {
                        return Ok(Bytes::new());
                    }
                    self.left = rest.into();
                }
                Err(fault) => {
                    self.settle(Some(&fault)).await;
                    return Err(fault);
                }
            }
        }
        Ok(self.left.split_to(most.min(MAX_PIECE).min(self.left.len())))
    }

    fn search(&mut self, piece: Bytes) -> Bytes {
        let Some(searched) = &mut self.searched else { return piece };
        let clean = searched.push(&piece);
        self.note();
        clean.into()
    }

    /// Tells of the secrets that came back.
    fn note(&mut self) {
        let found = self.searched.as_ref().map(|searched| searched.found().clone()).unwrap_or_default();
        for name in found {
            if self.found.insert(name.clone()) {
                tracing::warn!(host = %self.host, secret = %name, "a secret came back in an answer, and was cut out");
            }
        }
    }

    /// The headers, without secrets. With any to look for, a body may become longer or shorter than was said.
    fn take(&mut self, headers: &HeaderMap) {
        if self.searched.is_none() {
            self.headers = list(headers);
            return;
        }
        let search = self.web.keys().search().clone();
        for (name, value) in list(headers) {
            let ((_, in_name), (value, in_value)) = (search.bytes(name.as_bytes()), search.bytes(&value));
            for secret in in_name.iter().chain(&in_value) {
                tracing::warn!(host = %self.host, %secret, "a secret came back in a header, and was cut out");
            }
            if in_name.is_empty() && name != "content-length" {
                self.headers.push((name, value));
            }
            self.found.extend(in_name.into_iter().chain(in_value));
        }
    }

    /// The next piece, unless the turn or its leave ends before.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(standing) = self.standing.take() else { return Ok(None) };
        let web = self.web.clone();
        let next = tokio::select! {
            biased;
            () = web.stop.cancelled() => Err(Refusal::Cancelled.into()),
            refusal = standing.revoked() => Err(refusal.into()),
            piece = self.piece() => piece,
        };
        self.standing = Some(standing);
        next
    }

    /// All has come, or no more will. What was shown of it is closed.
    async fn settle(&mut self, failed: Option<&Fault>) {
        self.body = None;
        let outcome = failed.map_or_else(|| Ok(self.outcome()), |fault| Err(fault.to_string()));
        if let Some(standing) = self.standing.take() {
            standing.settle(outcome).await;
        }
    }

    fn outcome(&self) -> (String, Value) {
        let Self { status, received, .. } = self;
        let names: Vec<String> = self.found.iter().map(ToString::to_string).collect();
        if names.is_empty() {
            return (format!("{status}, {received} bytes"), json!({ "status": status, "bytes": received }));
        }
        let words = format!("{status}, {received} bytes; secrets came back and were cut out: {}", names.join(", "));
        (words, json!({ "status": status, "bytes": received, "secrets_cut_out": names }))
    }

    /// What comes next from the server. Nothing at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some((body, _)) = &mut self.body else { return Ok(None) };
        let frame = match tokio::time::timeout(self.idle_time, body.frame()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(_) => {
                let why = format!("{} sent nothing more for {}", self.host, words(self.idle_time));
                return Err(Refusal::Unavailable(why).of(Kind::IdleTime));
            }
        };
        let frame = frame.map_err(|error| reason(&self.host, &error))?;
        // What is not data are trailers, which the contract does not have.
        let Ok(data) = frame.into_data() else { return Ok(Some(Bytes::new())) };
        self.received += data.len() as u64;
        if self.received > MAX_BODY {
            let most = format!("the body of an answer has at most {MAX_BODY} bytes");
            return Err(Refusal::Limit(most).of(Kind::Answer));
        }
        self.web.quota.receive(data.len())?;
        Ok(Some(data))
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        let outcome = self.outcome();
        if let Some(standing) = self.standing.take() {
            standing.tell(Ok(outcome));
        }
    }
}

fn list(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
