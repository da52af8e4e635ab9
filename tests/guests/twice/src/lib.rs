//! The benchmarks' agent. It writes twice, which is the least that can be called streaming, so that what is measured
//! is the host.
//!
//! To a message that begins with `pause ` it waits 5 ms between the two: long enough for the first to travel alone.

use sophon_agent::{Agent, Answer, Reply, Result, Turn};
use std::thread::sleep;
use std::time::Duration;

struct Twice;

impl Agent for Twice {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        reply.write("first ")?;
        if turn.text.starts_with("pause ") {
            sleep(Duration::from_millis(5));
        }
        reply.write("second")?;
        Ok(Answer::streamed())
    }
}

sophon_agent::export!(Twice);
