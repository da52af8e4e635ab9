//! A client over the standard `wasi:http`, for the guests of the tests: as plain as those that languages bring along.

use std::time::Duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::{InputStream, StreamError};

/// A request.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: &'a [u8],
    /// To the head of the answer, and between its pieces.
    pub(crate) patience: Option<Duration>,
}

/// An answer: its status, its headers, its body.
pub(crate) type Answered = (u16, Vec<(String, Vec<u8>)>, Reader);

/// Reads a body.
pub(crate) struct Reader {
    stream: InputStream,
    _body: IncomingBody,
}

/// A plain GET.
pub(crate) fn get(url: &str) -> Asked<'_> {
    Asked { method: "GET", url, headers: vec![], body: &[], patience: None }
}

/// The name of a failure.
pub(crate) fn name(code: ErrorCode) -> String {
    format!("{code:?}").replace("ErrorCode::", "")
}

impl Asked<'_> {
    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Begins it; gives what would be its answer, and the rest of it.
    pub(crate) fn start(&self) -> Result<FutureIncomingResponse, String> {
        let fields = Fields::from_list(&self.headers).map_err(|error| format!("{error:?}"))?;
        let request = OutgoingRequest::new(fields);
        let (scheme, rest) = self.url.split_once("://").ok_or("no scheme")?;
        let scheme = of(scheme);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let method = match self.method {
            "GET" => Method::Get,
            "POST" => Method::Post,
            other => Method::Other(other.to_owned()),
        };
        request.set_method(&method).map_err(|()| "method refused")?;
        request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
        request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
        request.set_path_with_query(Some(path)).map_err(|()| "path refused")?;
        let options = RequestOptions::new();
        let nanos = self.patience.map(|time| time.as_nanos() as u64);
        let set = options.set_first_byte_timeout(nanos).and_then(|()| options.set_between_bytes_timeout(nanos));
        set.map_err(|()| "time refused")?;
        let body = request.body().map_err(|()| "no body")?;
        let refused = |code| match &scheme {
            Scheme::Other(_) => format!("scheme refused: {}", name(code)),
            _ => name(code),
        };
        let answer = outgoing_handler::handle(request, Some(options)).map_err(refused)?;
        let stream = body.write().map_err(|()| "no stream")?;
        for piece in self.body.chunks(4_096) {
            match stream.blocking_write_and_flush(piece) {
                Ok(()) => {}
                // Nobody reads it any more: the answer says why.
                Err(StreamError::Closed) => break,
                Err(error) => return Err(broken(error)),
            }
        }
        drop(stream);
        OutgoingBody::finish(body, None).map_err(name)?;
        Ok(answer)
    }

    /// Sends it, and waits for the head of the answer.
    pub(crate) fn send(&self) -> Result<Answered, String> {
        finish(&self.start()?)
    }
}

/// Waits for the head of an answer.
pub(crate) fn finish(answer: &FutureIncomingResponse) -> Result<Answered, String> {
    answer.subscribe().block();
    let response: IncomingResponse = answer.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(name)?;
    let body = response.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    Ok((response.status(), response.headers().entries(), Reader { stream, _body: body }))
}

impl Reader {
    /// The next piece. None at the end.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, String> {
        match self.stream.blocking_read(64 << 10) {
            Ok(piece) => Ok(Some(piece)),
            Err(StreamError::Closed) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }
}

fn of(scheme: &str) -> Scheme {
    match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

fn broken(error: StreamError) -> String {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => {
            http_error_code(&error).map_or_else(|| error.to_debug_string(), name)
        }
    }
}
