//! The smallest agent: it greets.

use sophon_agent::{Agent, Answer, Reply, Result, Turn};

struct Hello;

impl Agent for Hello {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        reply.write("Hello! You said: ")?;
        reply.write(&turn.text)?;
        Ok(Answer::streamed())
    }
}

sophon_agent::export!(Hello);
