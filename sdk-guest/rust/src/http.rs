//! Requests. Each is checked against the operator's rules and, where those say so, approved by the person first.
//!
//! ```no_run
//! use sophon_agent::{Result, http};
//!
//! fn weather(city: &str) -> Result<String> {
//!     let request = http::get(&format!("https://weather.example/v1/{city}")).because("you asked for the weather");
//!     let mut response = request.header("authorization", "Bearer {{secret:WEATHER_KEY}}").send()?;
//!     response.text(64 * 1024)
//! }
//! ```
//!
//! Redirects are not followed: the `location` header says where to, and going there is a request of its own.

use crate::bindings::sophon::agent::http;
use crate::operation::Pending;
use crate::{Failure, Result};
use std::time::Duration;

/// The largest piece that is asked for at once.
const PIECE: u32 = 64 << 10;

/// A request.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request(http::Request);

/// An answer. Dropped, what is left of its body is given up.
#[derive(Debug)]
pub struct Response(http::Response);

/// A request with any method.
pub fn request(method: &str, url: &str) -> Request {
    let (method, url) = (method.to_owned(), url.to_owned());
    Request(http::Request { method, url, headers: Vec::new(), body: Vec::new(), timeout_ms: None, reason: None })
}

/// A `GET`.
pub fn get(url: &str) -> Request {
    request("GET", url)
}

/// A `POST`.
pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Request {
    request("POST", url).body(body)
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// How long to wait for the answer to begin.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Says why, to the person who approves.
    pub fn because(mut self, reason: &str) -> Self {
        self.0.reason = Some(reason.to_owned());
        self
    }

    /// Sends it, and waits until the answer begins.
    ///
    /// # Errors
    /// [`Failure::Denied`] when it is not allowed, [`Failure::Unavailable`] when the server cannot be reached, …
    pub fn send(self) -> Result<Response> {
        http::send(&self.0).map(Response).map_err(Failure::from_wit)
    }

    /// Sends it, and does not wait.
    ///
    /// # Errors
    /// What can be told at once, such as [`Failure::Invalid`].
    pub fn start(self) -> Result<Pending<Response>> {
        let finish = |op| http::finish(op).map(Response).map_err(Failure::from_wit);
        http::start(&self.0).map(|op| Pending::new(op, finish)).map_err(Failure::from_wit)
    }
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// The first header of a name, if it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.0.headers().into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| String::from_utf8(value).ok())
    }

    /// All headers, in order.
    pub fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.0.headers()
    }

    /// The next piece of the body; none at the end.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when the server went away, [`Failure::Cancelled`] when the turn was stopped.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>> {
        let piece = self.0.read(PIECE).map_err(Failure::from_wit)?;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// The body, at most so many bytes of it.
    ///
    /// # Errors
    /// As for [`Response::read`].
    pub fn bytes(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while body.len() < most {
            let Some(piece) = self.read()? else { break };
            body.extend(piece);
        }
        body.truncate(most);
        Ok(body)
    }

    /// The body as text, at most so many bytes of it; what is no text shows as `�`.
    ///
    /// # Errors
    /// As for [`Response::read`].
    pub fn text(&mut self, most: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(most)?).into_owned())
    }
}
