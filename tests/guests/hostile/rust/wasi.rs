//! The same by the standard `wasi:http`: to where none may go, with what none may have, and more than anybody may keep.

use crate::standard::{Asked, Reader, get, name};
use crate::web::rows;
use crate::{Deed, Scene};
use sophon_agent::{Answer, Failure, Result};
use wasip2::http::types::{Fields, HeaderError, Method, OutgoingRequest};

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("wasi-by-address", by_address),
    ("wasi-by-url", by_url),
    ("wasi-by-name", by_name),
    ("wasi-by-redirect", by_redirect),
    ("wasi-headers-broken", headers_broken),
    ("wasi-headers-of-carriage", headers_of_carriage),
    ("wasi-split-path", split_path),
    ("wasi-methods", methods),
    ("wasi-heads-without-end", heads),
    ("wasi-paths-without-end", paths),
    ("wasi-body-without-end", body_flood),
    ("wasi-bodies-never-sent", bodies_never_sent),
    ("wasi-body-never-finished", never_finished),
    ("wasi-answer-without-end", endless_body),
    ("wasi-answers-held", answers_held),
    ("wasi-calls-without-end", calls),
    ("wasi-asked-too-often", asked_too_often),
    ("wasi-not-wanted", not_wanted),
];

/// What a refusal is called. Out of reach is another thing.
const REFUSED: [&str; 5] =
    ["DestinationIpProhibited", "HttpRequestDenied", "HttpRequestUriInvalid", "authority refused", "path refused"];

/// How many were refused, and which were not.
fn try_all(urls: impl Iterator<Item = String>) -> Result<Answer> {
    let (mut refused, mut other) = (0, Vec::new());
    for url in urls {
        match get(&url).send() {
            // Most of what is not an address for browsers is none for this client either.
            Err(failure) if REFUSED.contains(&&*failure) || failure.contains("scheme") => refused += 1,
            Err(failure) => other.push(format!("{url}: {failure}")),
            Ok((status, ..)) => other.push(format!("{url}: REACHED, {status}")),
        }
    }
    let all =
        if other.is_empty() { format!("all {refused} refused") } else { format!("NOT refused: {}", other.join("; ")) };
    Ok(Answer::text(all))
}

fn by_address(_: Scene) -> Result<Answer> {
    try_all(rows("address", &["refused"]).map(|address| match address.contains(':') {
        true => format!("http://[{address}]/"),
        false => format!("http://{address}/"),
    }))
}

fn by_url(_: Scene) -> Result<Answer> {
    try_all(rows("url", &["refused", "invalid"]).map(str::to_owned))
}

fn by_name(scene: Scene) -> Result<Answer> {
    let port = scene.site.rsplit(':').next().unwrap_or_default();
    let names = ["localhost", "LOCALHOST", "localhost.", "loc%61lhost"];
    try_all(names.into_iter().map(|name| format!("http://{name}:{port}/")))
}

fn by_redirect(scene: Scene) -> Result<Answer> {
    let (status, headers, _) = get(&format!("http://{}/onward", scene.site)).send().map_err(Failure::other)?;
    let onward = headers.into_iter().find(|(name, _)| name == "location").unwrap_or_default().1;
    let onward = String::from_utf8_lossy(&onward).into_owned();
    let then = get(&onward).send().map_or_else(|failure| failure, |_| "REACHED".to_owned());
    Ok(Answer::text(format!("{status}, then {then}")))
}

/// Sends with each of these headers; all are to be refused.
fn with_headers<'a>(site: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Answer> {
    let url = format!("http://{site}/header");
    let sent: Vec<&str> =
        headers.filter(|(name, value)| get(&url).header(name, value).send().is_ok()).map(|(name, _)| name).collect();
    Ok(Answer::text(if sent.is_empty() { "all refused".to_owned() } else { format!("SENT {}", sent.join(", ")) }))
}

fn headers_broken(scene: Scene) -> Result<Answer> {
    let names = ["a\r\nb", "a\nb", "a b", "", ":", "a:", "a\0", "ä", "a\tb", "\r\n\r\nGET / HTTP/1.1"];
    let values = ["1\r\nHost: b", "1\nx: y", "\0", "1\r", "\r\n\r\nGET /split HTTP/1.1\r\n\r\n", "\u{7f}", "\u{1}"];
    with_headers(scene.site, names.map(|name| (name, "1")).into_iter().chain(values.map(|value| ("x-mine", value))))
}

/// What says how a request is carried. A length may be said, if it is the body's.
fn headers_of_carriage(scene: Scene) -> Result<Answer> {
    let all = [
        ("content-length", "5"),
        ("Content-Length", "5, 0"),
        ("content-length", "+0"),
        ("transfer-encoding", "chunked"),
        ("TE", "trailers"),
        ("connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("host", "b.example"),
        ("http2-settings", "x"),
        ("expect", "100-continue"),
        ("trailer", "x"),
        ("proxy-authorization", "x"),
        ("proxy-connection", "x"),
        ("keep-alive", "x"),
        ("via", "x"),
    ];
    with_headers(scene.site, all.into_iter())
}

/// Paths that would be two requests, if they were sent as they are written.
fn split_path(scene: Scene) -> Result<Answer> {
    for tail in ["/a HTTP/1.1\r\nx: y\r\n\r\nGET /b", "/a\r\n\r\nGET /b", "/a b", "/a\0b", "/a?\r\nx: y"] {
        if get(&format!("http://{}{tail}", scene.site)).send().is_ok() {
            return Ok(Answer::text(format!("SENT {tail:?}")));
        }
    }
    let request = OutgoingRequest::new(Fields::new());
    let other = [Some("http://b.example/"), Some("x"), Some("*")].map(|path| request.set_path_with_query(path).is_ok());
    Ok(Answer::text(format!("all refused, and taken {other:?}")))
}

fn methods(scene: Scene) -> Result<Answer> {
    let url = format!("http://{}/method", scene.site);
    let all = ["", "GET / HTTP/1.1\r\n\r\nGET", "CONNECT", "G T", "GET\0", "ä", &"G".repeat(10_000), "TRACE"];
    let sent: Vec<&str> = all.into_iter().filter(|method| Asked { method, ..get(&url) }.send().is_ok()).collect();
    Ok(Answer::text(if sent.is_empty() { "all refused".to_owned() } else { format!("SENT {sent:?}") }))
}

/// Headers by the thousand, all kept.
fn heads(_: Scene) -> Result<Answer> {
    let mut kept = Vec::new();
    loop {
        let fields = Fields::new();
        for _ in 0..100 {
            if let Err(HeaderError::Forbidden | HeaderError::Immutable) = fields.append("x", &[b'x'; 1_000]) {
                return Ok(Answer::text("REFUSED"));
            }
        }
        kept.push(fields.clone());
        kept.push(fields);
    }
}

/// Paths by the thousand, all kept.
fn paths(_: Scene) -> Result<Answer> {
    let (path, mut kept) = (format!("/{}", "p".repeat(60_000)), Vec::new());
    loop {
        let request = OutgoingRequest::new(Fields::new());
        if request.set_path_with_query(Some(&path)).is_err() || request.set_method(&Method::Post).is_err() {
            return Ok(Answer::text("REFUSED"));
        }
        kept.push(request);
    }
}

/// A body without end.
fn body_flood(scene: Scene) -> Result<Answer> {
    let (url, body) = (format!("http://{}/", scene.site), vec![b'x'; 9 << 20]);
    let sent = Asked { method: "POST", body: &body, ..get(&url) }.send();
    Ok(Answer::text(sent.map_or_else(|failure| failure, |_| "SENT".to_owned())))
}

/// Bodies that are written, kept, and never sent.
fn bodies_never_sent(_: Scene) -> Result<Answer> {
    let (piece, mut kept) = (vec![b'x'; 1 << 20], Vec::new());
    loop {
        let request = OutgoingRequest::new(Fields::new());
        let Ok(body) = request.body() else { return Ok(Answer::text("NO body")) };
        let Ok(stream) = body.write() else { return Ok(Answer::text("NO stream")) };
        for _ in 0..stream.check_write().map_or(0, |room| room.min(1)) {
            if stream.write(&piece).is_err() {
                return Ok(Answer::text(format!("{} kept", kept.len())));
            }
        }
        kept.push((request, stream, body));
    }
}

/// A request whose body never ends, and an answer that is waited for.
fn never_finished(scene: Scene) -> Result<Answer> {
    let request = OutgoingRequest::new(Fields::new());
    let told = request.set_authority(Some(scene.site)).and_then(|()| request.body());
    let body = told.map_err(|()| Failure::other("no body"))?;
    let answer = wasip2::http::outgoing_handler::handle(request, None).map_err(|code| Failure::other(name(code)))?;
    answer.subscribe().block();
    drop(body);
    Ok(Answer::text("ANSWERED"))
}

fn endless_body(scene: Scene) -> Result<Answer> {
    let (.., body): (_, _, Reader) =
        get(&format!("http://{}/endless-body", scene.site)).send().map_err(Failure::other)?;
    let mut bytes = 0;
    loop {
        match body.read() {
            Ok(Some(piece)) => bytes += piece.len(),
            Ok(None) => return Ok(Answer::text(format!("{bytes} bytes, and the END"))),
            Err(failure) => return Ok(Answer::text(format!("more than {} MiB: {failure}", bytes >> 20))),
        }
    }
}

/// Answers until there are no more, held until the agent crashes.
fn answers_held(scene: Scene) -> Result<Answer> {
    let (url, mut held) = (format!("http://{}/held", scene.site), Vec::new());
    loop {
        match get(&url).send() {
            Ok(answer) => held.push(answer),
            Err(failure) => panic!("{} held, then {failure}", held.len()),
        }
    }
}

fn calls(_: Scene) -> Result<Answer> {
    let fields = Fields::new();
    while !fields.has("x") {}
    Ok(Answer::text("FOUND"))
}

/// Asks about one page after the other, whatever it is told.
fn asked_too_often(scene: Scene) -> Result<Answer> {
    for page in 0..50 {
        let told = get(&format!("http://{}/{page}", scene.site)).send();
        if told.is_ok() {
            return Ok(Answer::text("GIVEN"));
        }
    }
    Ok(Answer::text("ASKED on and on"))
}

fn not_wanted(_: Scene) -> Result<Answer> {
    let told = get("http://a.example/").send();
    Ok(Answer::text(told.map_or_else(|failure| failure, |_| "NOT denied".to_owned())))
}
