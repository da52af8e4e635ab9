//! Deeds with `http` and `operation`: `http VERB …`.

use sophon_agent::operation::{self, Pending, Wake};
use sophon_agent::{Answer, Failure, Result, http, log};
use std::time::{Duration, Instant};

/// Does what the words after `http` say, and answers with what came of it, a failure too.
pub(crate) fn deed<'w>(mut words: impl Iterator<Item = &'w str>) -> Result<Answer> {
    let verb = words.next().unwrap_or_default();
    let [one, two] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let rest = words.collect::<Vec<_>>().join(" ");
    let done = match verb {
        "get" => get(one, two, &rest),
        "post" => http::post(one, two).send().and_then(|answer| read(answer, 64 << 10)),
        "size" => http::get(one).send().and_then(size),
        "log" => http::get(one).send().and_then(|answer| read(answer, 1 << 10)).map(|text| {
            log::info(&text);
            "logged".to_owned()
        }),
        "first" => first(one, two),
        "hold" => Ok(hold(one, number(two))),
        "crowd" => crowd(one, number(two)),
        "late" => late(one),
        "pair" => pair(one, two),
        "time" => time(one, number(two)),
        other => Err(Failure::other(format!("the probe knows no {other} of http"))),
    };
    Ok(Answer::text(done.unwrap_or_else(|failure| failure.to_string())))
}

fn number(word: &str) -> usize {
    word.parse().unwrap_or(1)
}

/// With one header, if one is named.
fn get(url: &str, name: &str, value: &str) -> Result<String> {
    let request = http::get(url);
    let request = if name.is_empty() { request } else { request.header(name, value) };
    request.send().and_then(|answer| read(answer, 64 << 10))
}

/// Status, headers and body.
fn read(mut answer: http::Response, most: usize) -> Result<String> {
    let headers = answer.headers().into_iter();
    let headers: Vec<String> =
        headers.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value))).collect();
    let status = answer.status();
    Ok(format!("{status} {} | {}", headers.join(", "), answer.text(most)?))
}

fn size(mut answer: http::Response) -> Result<String> {
    let mut size = 0;
    while let Some(piece) = answer.read()? {
        size += piece.len();
    }
    Ok(format!("{size} bytes"))
}

/// Which of two answers first.
fn first(one: &str, other: &str) -> Result<String> {
    let mut both = vec![http::get(one).start()?, http::get(other).start()?];
    match operation::wait_any(&both, Some(Duration::from_secs(60))) {
        Wake::Ready(at) => Ok(format!("{at} with {}", both.swap_remove(at as usize).finish()?.status())),
        wake => Ok(format!("{wake:?}")),
    }
}

/// Two at once; what came of each, in their order.
fn pair(one: &str, other: &str) -> Result<String> {
    let end = |pending: Pending<http::Response>| match pending.finish() {
        Ok(answer) => answer.status().to_string(),
        Err(failure) => failure.to_string(),
    };
    let both = [http::get(one).start()?, http::get(other).start()?];
    Ok(both.map(end).join(" and "))
}

/// Keeps answers without reading them until one more is refused.
fn hold(url: &str, most: usize) -> String {
    let mut held = Vec::new();
    while held.len() < most {
        match http::get(url).send() {
            Ok(answer) => held.push(answer),
            Err(failure) => return format!("{} held, {failure}", held.len()),
        }
    }
    format!("{} held", held.len())
}

/// Starts as many as it may, and takes each as it comes.
fn crowd(url: &str, most: usize) -> Result<String> {
    let mut waiting: Vec<Pending<http::Response>> = Vec::new();
    let mut refused = None;
    while waiting.len() < most && refused.is_none() {
        match http::get(url).start() {
            Ok(pending) => waiting.push(pending),
            Err(failure) => refused = Some(failure),
        }
    }
    let started = waiting.len();
    let mut bytes = 0;
    while !waiting.is_empty() {
        let Wake::Ready(at) = operation::wait_any(&waiting, None) else { break };
        bytes += waiting.swap_remove(at as usize).finish()?.bytes(1 << 20)?.len();
    }
    let refused = refused.map_or_else(String::new, |failure| format!(", {failure}"));
    Ok(format!("{started} started, {bytes} bytes{refused}"))
}

/// Gives up what does not come.
fn late(url: &str) -> Result<String> {
    let pending = [http::get(url).start()?];
    let wake = operation::wait_any(&pending, Some(Duration::from_millis(1)));
    let [pending] = pending;
    let was_ready = pending.is_ready();
    pending.cancel();
    let slept = operation::sleep(Duration::from_millis(1));
    let ready = pending.is_ready();
    let end = pending.finish().map_or_else(|failure| failure.to_string(), |answer| answer.status().to_string());
    Ok(format!("{wake:?} {was_ready} {slept:?} {ready} {end}"))
}

/// The median time of a request with its whole answer, in nanoseconds.
fn time(url: &str, times: usize) -> Result<String> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        http::get(url).send()?.bytes(1 << 20)?;
        all.push(start.elapsed().as_nanos());
    }
    all.sort_unstable();
    Ok(all[times / 2].to_string())
}
