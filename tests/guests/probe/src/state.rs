//! Deeds with `state`: `state SCOPE VERB …`, where SCOPE is `session` or `agent`, and `-` means none.

use sophon_agent::{Answer, Failure, Result, State, state};
use std::time::Instant;

/// Does what the words after `state` say, and answers with what came of it, a failure too.
pub(crate) fn deed<'w>(mut words: impl Iterator<Item = &'w str>) -> Result<Answer> {
    let scope = match words.next() {
        Some("agent") => state::agent(),
        _ => state::session(),
    };
    let [verb, key, one, two] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let number = |word: &str| word.parse::<usize>().unwrap_or(1);
    let done = match verb {
        "set" => scope.set(key, one).map(|()| "set".to_owned()),
        "get" => scope.get_text(key).map(|value| value.unwrap_or_else(|| "nothing".to_owned())),
        "delete" => scope.delete(key).map(|()| "deleted".to_owned()),
        "swap" => scope.compare_and_set(key, option(one), option(two)).map(|done| done.to_string()),
        "keys" => scope.keys_after(text(key), Some(text(one)), two.parse()?).map(|keys| keys.join(" ")),
        "all" => scope.keys(text(key)).map(|keys| format!("{} keys", keys.len())),
        "count" => count(scope, key, number(one)),
        "flood" => flood(scope, number(key)),
        "fill" => Ok(fill(scope, number(key))),
        "long" => scope.set(&"k".repeat(number(key)), vec![0; number(one)]).map(|()| "set".to_owned()),
        "malformed" => scope.set(&malformed(), "v").map(|()| "set".to_owned()),
        "time" => time(scope, number(key)),
        other => Err(Failure::other(format!("the probe knows no {other} of state"))),
    };
    Ok(Answer::text(done.unwrap_or_else(|failure| failure.to_string())))
}

fn text(word: &str) -> &str {
    if word == "-" { "" } else { word }
}

fn option(word: &str) -> Option<&[u8]> {
    (word != "-").then_some(word.as_bytes())
}

/// Adds one, so many times.
fn count(scope: State, key: &str, times: usize) -> Result<String> {
    for _ in 0..times {
        scope.update(key, |old| {
            let old: u64 = old.and_then(|old| std::str::from_utf8(old).ok()?.parse().ok()).unwrap_or(0);
            Some((old + 1).to_string().into_bytes())
        })?;
    }
    Ok(scope.get_text(key)?.unwrap_or_default())
}

/// Sets a hundred keys over and over.
fn flood(scope: State, times: usize) -> Result<String> {
    for number in 0..times {
        scope.set(&format!("flood {}", number % 100), number.to_string())?;
    }
    Ok(format!("{times} sets"))
}

/// Values of so many bytes until one is refused.
fn fill(scope: State, size: usize) -> String {
    let value = vec![0; size];
    let mut taken = 0;
    loop {
        match scope.set(&format!("fill {taken:06}"), &value) {
            Ok(()) => taken += 1,
            Err(failure) => return format!("{taken} taken, {failure}"),
        }
    }
}

/// A string that is none: the host must not take it for one.
fn malformed() -> String {
    #[expect(unsafe_code, reason = "a hostile guest writes what it likes into its memory")]
    // SAFETY: there is none; that is the point.
    unsafe {
        String::from_utf8_unchecked(vec![b'k', 0xff, 0xfe])
    }
}

/// The median times of a set and a get of 100 bytes, in nanoseconds.
fn time(scope: State, times: usize) -> Result<String> {
    let value = [7; 100];
    let (mut sets, mut gets) = (Vec::with_capacity(times), Vec::with_capacity(times));
    for number in 0..times {
        let key = format!("time {}", number % 100);
        let start = Instant::now();
        scope.set(&key, value)?;
        sets.push(start.elapsed().as_nanos());
        let start = Instant::now();
        scope.get(&key)?;
        gets.push(start.elapsed().as_nanos());
    }
    sets.sort_unstable();
    gets.sort_unstable();
    Ok(format!("{} {}", sets[times / 2], gets[times / 2]))
}
