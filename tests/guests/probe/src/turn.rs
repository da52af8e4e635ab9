//! Deeds with `control`, `config` and `entropy`.

use sophon_agent::{Answer, Reply, Result, config, control, entropy, state};
use std::time::Duration;

/// What is left of the turn.
pub(crate) fn left() -> String {
    let left = control::remaining();
    let (cpu, wall) = (left.cpu.as_millis(), left.wall.as_millis());
    format!("{} {cpu} {wall} {} {}", control::cancelled(), left.output, left.calls)
}

/// Waits until the user stops the turn, and tries to keep something then.
pub(crate) fn outlast(reply: &mut Reply) -> Result<Answer> {
    reply.write("waiting")?;
    while control::check().is_ok() {
        std::thread::sleep(Duration::from_millis(1));
    }
    state::session().set("late", "v")?;
    Ok(Answer::text("kept"))
}

/// A value of the operator's, and whether there is a secret of that name.
pub(crate) fn setting(name: &str) -> String {
    format!("{} {}", config::get(name).unwrap_or_else(|| "nothing".to_owned()), config::has_secret(name))
}

/// Random bytes, drawn twice.
pub(crate) fn random(len: usize) -> String {
    let (one, two) = (entropy::bytes(len), entropy::bytes(len));
    format!("{} bytes, {}", one.len(), if one == two { "the same" } else { "different" })
}

/// More than may be asked for at once.
pub(crate) fn greedy() -> String {
    format!("{} bytes", sophon_agent::bindings::sophon::agent::entropy::bytes(4_097).len())
}
