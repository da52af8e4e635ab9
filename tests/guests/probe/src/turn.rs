//! Deeds with `control`, `config` and `entropy`.

use sophon_agent::approval::Question;
use sophon_agent::{Answer, Reply, Result, config, control, entropy, log, state};
use std::time::Duration;

/// One of these deeds.
pub(crate) fn deed<'a>(
    word: &str,
    mut words: impl Iterator<Item = &'a str>,
    reply: &mut Reply,
) -> Option<Result<Answer>> {
    Some(match word {
        "left" => Ok(Answer::text(left())),
        "outlast" => outlast(reply),
        "setting" => Ok(Answer::text(setting(words.next().unwrap_or_default()))),
        "random" => words.next().unwrap_or_default().parse().map(random).map(Answer::text).map_err(Into::into),
        "greedy" => Ok(Answer::text(greedy())),
        "ask" => ask(words, reply),
        "nag" => nag(),
        "take" => take(words.next()).map(|held| Answer::text(format!("{} bytes", held.len()))),
        "hoard" => take(words.next()).and_then(|held| hoard(&held, reply)),
        "lines" => words.next().unwrap_or_default().parse().map(lines).map_err(Into::into),
        "exec" => crate::exec::deed(words, reply),
        _ => return None,
    })
}

/// So many MiB.
fn take(mebibytes: Option<&str>) -> Result<Vec<u8>> {
    let bytes = mebibytes.unwrap_or_default().parse::<usize>()? << 20;
    Ok(std::hint::black_box(vec![1; bytes]))
}

/// Holds this until it is stopped.
fn hoard(held: &[u8], reply: &mut Reply) -> Result<Answer> {
    reply.write(&format!("{} bytes, ", held.len()))?;
    crate::sleep(600_000, reply)
}

/// So many lines in the log.
fn lines(count: u64) -> Answer {
    (0..count).for_each(|line| log::info(&format!("line {line} of the probe")));
    Answer::text("logged")
}

/// What is left of the turn.
fn left() -> String {
    let left = control::remaining();
    let (cpu, wall) = (left.cpu.as_millis(), left.wall.as_millis());
    format!("{} {cpu} {wall} {} {}", control::cancelled(), left.output, left.calls)
}

/// Waits until the user stops the turn, and tries to keep something then.
fn outlast(reply: &mut Reply) -> Result<Answer> {
    reply.write("waiting")?;
    while control::check().is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    state::session().set("late", "v")?;
    Ok(Answer::text("kept"))
}

/// A value of the operator's, and whether there is a secret of that name.
fn setting(name: &str) -> String {
    format!("{} {}", config::get(name).unwrap_or_else(|| "nothing".to_owned()), config::has_secret(name))
}

/// Random bytes, drawn twice.
fn random(len: usize) -> String {
    let (one, two) = (entropy::bytes(len), entropy::bytes(len));
    format!("{} bytes, {}", one.len(), if one == two { "the same" } else { "different" })
}

/// More than may be asked for at once.
fn greedy() -> String {
    format!("{} bytes", sophon_agent::bindings::sophon::agent::entropy::bytes(4_097).len())
}

/// Asks the person for these actions, one after the other, and says what they said.
fn ask<'a>(actions: impl Iterator<Item = &'a str>, reply: &mut Reply) -> Result<Answer> {
    for action in actions {
        reply.write(&format!("{action}? "))?;
        let question = Question::new(action, &format!("May I {action}?")).because("I was told\nto \u{202e}ask");
        let decision = question.command(&format!("do {action}")).ask()?;
        reply.write(&format!("{decision:?}. "))?;
    }
    Ok(Answer::streamed())
}

/// Asks until it is stopped.
fn nag() -> Result<Answer> {
    for number in 0_u64.. {
        Question::new(&format!("nag.{number}"), "Please?").ask()?;
    }
    Ok(Answer::streamed())
}
