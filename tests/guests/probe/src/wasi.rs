//! Deeds with the standard `wasi:http`: `wasi VERB …`.

use crate::standard::{self, Answered, Asked, get};
use sophon_agent::{Answer, Result};
use std::time::Duration;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;

/// Does what the words after `wasi` say, and answers with what came of it, a failure too.
pub(crate) fn deed<'w>(mut words: impl Iterator<Item = &'w str>) -> Result<Answer> {
    let verb = words.next().unwrap_or_default();
    let [one, two] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let rest = words.collect::<Vec<_>>().join(" ");
    let done = match verb {
        "get" if two.is_empty() => get(one).send().and_then(read),
        "get" => get(one).header(two, &rest).send().and_then(read),
        "post" => Asked { method: "POST", body: two.as_bytes(), ..get(one) }.send().and_then(read),
        "large" => {
            let body = vec![b'x'; two.parse().unwrap_or(0)];
            Asked { method: "POST", body: &body, ..get(one) }.send().and_then(read)
        }
        "size" => get(one).send().and_then(size),
        "patient" => {
            let patience = Some(Duration::from_millis(two.parse().unwrap_or(5)));
            Asked { patience, ..get(one) }.send().and_then(read)
        }
        "late" => late(one),
        "both" => both(one, two),
        "hold" => Ok(hold(one, two.parse().unwrap_or(1))),
        "unfinished" => unfinished(one),
        "heads" => Ok(heads()),
        other => Err(format!("the probe knows no {other} of wasi:http")),
    };
    Ok(Answer::text(done.unwrap_or_else(|failure| failure)))
}

/// Status, headers and body.
fn read((status, headers, body): Answered) -> std::result::Result<String, String> {
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
    let mut all = Vec::new();
    while let Some(piece) = body.read()? {
        all.extend(piece);
    }
    Ok(format!("{status} {} | {}", headers.join(", "), String::from_utf8_lossy(&all)))
}

fn size((_, _, body): Answered) -> std::result::Result<String, String> {
    let mut size = 0;
    loop {
        match body.read() {
            Ok(Some(piece)) => size += piece.len(),
            Ok(None) => return Ok(format!("{size} bytes")),
            Err(failure) => return Err(format!("{} MiB, then {failure}", size >> 20)),
        }
    }
}

/// Gives up what does not come.
fn late(url: &str) -> std::result::Result<String, String> {
    let answer = get(url).start()?;
    let (come, nap) = (answer.subscribe(), subscribe_duration(1_000_000));
    let ready = poll(&[&come, &nap]);
    drop(come);
    drop(answer);
    Ok(format!("{ready:?}"))
}

/// Two at a time; says which came first.
fn both(one: &str, other: &str) -> std::result::Result<String, String> {
    let both = [get(one).start()?, get(other).start()?];
    let pollables = both.each_ref().map(|answer| answer.subscribe());
    let first = poll(&[&pollables[0], &pollables[1]])[0];
    drop(pollables);
    Ok(format!("{first} with {}", standard::finish(&both[first as usize])?.0))
}

/// Keeps answers without reading them until one more is refused.
fn hold(url: &str, most: usize) -> String {
    let mut held = Vec::new();
    while held.len() < most {
        match get(url).send() {
            Ok(answer) => held.push(answer),
            Err(failure) => return format!("{} held, {failure}", held.len()),
        }
    }
    format!("{} held", held.len())
}

/// Says that its body is longer than it is, and drops it unfinished.
fn unfinished(url: &str) -> std::result::Result<String, String> {
    let fields = Fields::from_list(&[("content-length".to_owned(), b"10".to_vec())]).map_err(|e| format!("{e:?}"))?;
    let request = OutgoingRequest::new(fields);
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "scheme")?;
    request
        .set_authority(url.strip_prefix("http://").and_then(|url| url.split('/').next()))
        .map_err(|()| "authority")?;
    let body = request.body().map_err(|()| "body")?;
    let answer = wasip2::http::outgoing_handler::handle(request, None).map_err(standard::name)?;
    let stream = body.write().map_err(|()| "stream")?;
    stream.blocking_write_and_flush(b"half").map_err(|error| format!("{error:?}"))?;
    drop(stream);
    let ended = OutgoingBody::finish(body, None).map_err(standard::name);
    Ok(format!("{ended:?} {:?}", standard::finish(&answer).map(|(status, ..)| status)))
}

/// Headers by the thousand, all kept.
fn heads() -> String {
    let mut kept = Vec::new();
    loop {
        let fields = Fields::new();
        for _ in 0..100 {
            if let Err(error) = fields.append("x", &[b'x'; 1_000]) {
                return format!("{} kept, {error:?}", kept.len());
            }
        }
        kept.push(fields);
    }
}
