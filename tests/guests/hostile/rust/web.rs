//! Requests to where none may go, and with what none may have.

use crate::{Deed, Scene};
use sophon_agent::operation::{self, Wake};
use sophon_agent::{Answer, Failure, Result, http};
use std::time::Duration;

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("web-by-address", by_address),
    ("web-by-url", by_url),
    ("web-by-name", by_name),
    ("web-by-redirect", by_redirect),
    ("web-by-a-name-that-shifts", by_shifting_name),
    ("web-headers-broken", headers_broken),
    ("web-headers-of-carriage", headers_of_carriage),
    ("web-headers-by-the-thousand", headers_thousand),
    ("web-methods", methods),
    ("web-split-url", split_url),
    ("web-bomb", bomb),
    ("web-answer-without-end", endless_body),
    ("web-head-without-end", endless_head),
    ("web-answers-held", answers_held),
    ("web-answer-never-read", never_read),
    ("web-slow-head", slow_head),
    ("web-two-lengths", two_lengths),
    ("web-body-of-8-mib", large_body),
    ("web-started-by-the-thousand", started),
    ("web-not-wanted", not_wanted),
    ("web-not-wanted-without-end", not_wanted_at_all),
];

const TABLE: &str = include_str!("../../../egress/addresses.tsv");

/// The rows of a kind whose verdict is one of these: what stands in their second column.
pub(crate) fn rows(kind: &'static str, verdicts: &'static [&str]) -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(move |line| {
        let mut columns = line.split('\t');
        let (first, second, third) = (columns.next()?, columns.next()?, columns.next()?);
        (first == kind && verdicts.contains(&third)).then_some(second)
    })
}

/// How many were refused, and which were not. Refused is not the same as out of reach.
fn try_all(urls: impl Iterator<Item = String>) -> Result<Answer> {
    let (mut refused, mut other) = (0, Vec::new());
    for url in urls {
        match http::get(&url).timeout(Duration::from_millis(500)).send() {
            Err(Failure::Denied { .. } | Failure::Invalid(_)) => refused += 1,
            Err(failure) => other.push(format!("{url}: {failure}")),
            Ok(answer) => other.push(format!("{url}: REACHED, {}", answer.status())),
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

/// Names of this machine: whatever they resolve to is refused.
fn by_name(scene: Scene) -> Result<Answer> {
    let port = scene.site.rsplit(':').next().unwrap_or_default();
    let names = ["localhost", "LOCALHOST", "localhost.", "loc%61lhost"];
    try_all(names.into_iter().map(|name| format!("http://{name}:{port}/")))
}

/// A name that stands for something else each time that somebody looks it up: now for where it may go, now for the site.
fn by_shifting_name(scene: Scene) -> Result<Answer> {
    let port = scene.site.rsplit(':').next().unwrap_or_default();
    let url = format!("http://shifting.example:{port}/");
    let (mut refused, mut missed) = (0, 0);
    for _ in 0..60 {
        match http::get(&url).send() {
            Err(Failure::Denied { .. }) => refused += 1,
            Err(Failure::Unavailable(_)) => missed += 1,
            Err(failure) => return Ok(Answer::text(format!("NOT refused: {failure}"))),
            Ok(answer) => return Ok(Answer::text(format!("REACHED, {}", answer.status()))),
        }
    }
    Ok(Answer::text(format!("{refused} refused, {missed} missed")))
}

fn by_redirect(scene: Scene) -> Result<Answer> {
    let answer = http::get(&format!("http://{}/onward", scene.site)).send()?;
    let status = answer.status();
    let onward = answer.header("location").unwrap_or_default();
    match http::get(&onward).send() {
        Err(Failure::Denied { rule, .. }) => Ok(Answer::text(format!("{status}, then {rule}"))),
        other => Ok(Answer::text(format!("{status}, then NOT denied: {}", other.is_ok()))),
    }
}

/// Sends with each of these headers; all are to be refused.
fn with_headers<'a>(site: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Answer> {
    let url = format!("http://{site}/header");
    let sent =
        headers.filter(|(name, value)| !matches!(http::get(&url).header(name, value).send(), Err(Failure::Invalid(_))));
    let sent: Vec<&str> = sent.map(|(name, _)| name).collect();
    Ok(Answer::text(if sent.is_empty() { "all refused".to_owned() } else { format!("SENT {}", sent.join(", ")) }))
}

fn headers_broken(scene: Scene) -> Result<Answer> {
    let names = ["a\r\nb", "a\nb", "a b", "", ":", "a:", "a\0", "ä", "a\tb", "\r\n\r\nGET / HTTP/1.1"];
    let values = ["1\r\nHost: b", "1\nx: y", "\0", "1\r", "\r\n\r\nGET /split HTTP/1.1\r\n\r\n", "\u{7f}", "\u{1}"];
    with_headers(scene.site, names.map(|name| (name, "1")).into_iter().chain(values.map(|value| ("x-mine", value))))
}

fn headers_of_carriage(scene: Scene) -> Result<Answer> {
    let all = [
        ("content-length", "0"),
        ("Content-Length", "5, 0"),
        ("transfer-encoding", "chunked"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "identity"),
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

fn headers_thousand(scene: Scene) -> Result<Answer> {
    let mut request = http::get(&format!("http://{}/header", scene.site));
    for _ in 0..5_000 {
        request = request.header("x-mine", "1");
    }
    Ok(Answer::text(request.send().err().map_or_else(|| "SENT".to_owned(), |failure| failure.to_string())))
}

fn methods(scene: Scene) -> Result<Answer> {
    let url = format!("http://{}/method", scene.site);
    let all = ["", "GET / HTTP/1.1\r\n\r\nGET", "CONNECT", "G T", "GET\0", "ä", &"G".repeat(10_000), "TRACE"];
    let sent = all.into_iter().filter(|method| http::request(method, &url).send().is_ok());
    let sent: Vec<String> = sent.map(|method| format!("{method:?}")).collect();
    Ok(Answer::text(if sent.is_empty() { "all refused".to_owned() } else { format!("SENT {}", sent.join(", ")) }))
}

/// Addresses that would be two requests, if they were sent as they are written.
fn split_url(scene: Scene) -> Result<Answer> {
    for tail in
        ["/a HTTP/1.1\r\nx: y\r\n\r\nGET /b", "/a\r\n\r\nGET /b", "/a b", "/a\0b", "/%0d%0aGET%20/b", "/a?\r\nx: y"]
    {
        // What is left of them is an address like any other, and the site says how it arrived.
        let _ = http::get(&format!("http://{}{tail}", scene.site)).send();
    }
    Ok(Answer::text("sent as one each, or not at all"))
}

/// A bomb is not set off by the host: it comes as it was sent.
fn bomb(scene: Scene) -> Result<Answer> {
    let request = http::get(&format!("http://{}/bomb", scene.site)).header("accept-encoding", "gzip");
    let mut answer = request.send()?;
    let body = answer.bytes(64 << 20)?;
    Ok(Answer::text(format!("{} bytes that begin with {:?}", body.len(), &body[..2])))
}

fn endless_body(scene: Scene) -> Result<Answer> {
    let mut answer = http::get(&format!("http://{}/endless-body", scene.site)).send()?;
    let mut bytes = 0;
    loop {
        match answer.read() {
            Ok(Some(piece)) => bytes += piece.len(),
            Ok(None) => return Ok(Answer::text(format!("{bytes} bytes, and the END"))),
            Err(failure) => return Ok(Answer::text(format!("more than {} MiB: {failure}", bytes >> 20))),
        }
    }
}

fn endless_head(scene: Scene) -> Result<Answer> {
    let answer = http::get(&format!("http://{}/endless-head", scene.site)).send();
    Ok(Answer::text(answer.err().map_or_else(|| "TAKEN".to_owned(), |failure| failure.to_string())))
}

/// Answers until there are no more, held until the agent crashes.
fn answers_held(scene: Scene) -> Result<Answer> {
    let mut held = Vec::new();
    loop {
        let url = format!("http://{}/held", scene.site);
        match http::get(&url).timeout(Duration::from_millis(500)).send() {
            Ok(answer) => held.push(answer),
            Err(failure) => panic!("{} held, then {failure}", held.len()),
        }
    }
}

/// An answer that is never read to its end, while its agent waits for ever.
fn never_read(scene: Scene) -> Result<Answer> {
    let mut answer = http::get(&format!("http://{}/endless-body", scene.site)).send()?;
    answer.read()?;
    operation::sleep(Duration::from_secs(600));
    Ok(Answer::text("WOKE"))
}

fn slow_head(scene: Scene) -> Result<Answer> {
    let url = format!("http://{}/held-head", scene.site);
    let answer = http::get(&url).timeout(Duration::from_millis(200)).send();
    Ok(Answer::text(answer.err().map_or_else(|| "TAKEN".to_owned(), |failure| failure.to_string())))
}

/// An answer with two lengths: readers disagree where it ends.
fn two_lengths(scene: Scene) -> Result<Answer> {
    let answer = http::get(&format!("http://{}/two-lengths", scene.site)).send();
    Ok(Answer::text(answer.err().map_or_else(|| "TAKEN".to_owned(), |failure| failure.to_string())))
}

/// All that a request may carry.
fn large_body(scene: Scene) -> Result<Answer> {
    let sent = http::post(&format!("http://{}/", scene.site), vec![0; (8 << 20) - 4_096]).send();
    Ok(Answer::text(sent.is_ok().to_string()))
}

/// Requests by the thousand, all under way at a time, if it could.
fn started(scene: Scene) -> Result<Answer> {
    let url = format!("http://{}/held", scene.site);
    let mut all = Vec::new();
    for _ in 0..2_000 {
        match http::get(&url).start() {
            Ok(request) => all.push(request),
            Err(failure) => return Ok(Answer::text(format!("{} started, then {failure}", all.len()))),
        }
    }
    let wake = operation::wait_any(&all[..500], Some(Duration::from_secs(5)));
    Ok(Answer::text(format!("ALL started, {}", matches!(wake, Wake::Ready(_)))))
}

fn not_wanted(scene: Scene) -> Result<Answer> {
    match http::get(&format!("http://{}/", scene.site)).send() {
        Err(Failure::Denied { rule, .. }) => Ok(Answer::text(format!("denied by {rule}"))),
        _ => Ok(Answer::text("NOT denied")),
    }
}

/// Wants one page after the other, whatever it is told: each denial is a row of the log.
fn not_wanted_at_all(_: Scene) -> Result<Answer> {
    for page in 0_u64.. {
        if http::get(&format!("http://a.example/{page}")).send().is_ok() {
            return Ok(Answer::text("GIVEN"));
        }
    }
    Ok(Answer::streamed())
}
