//! Runs the command that the user writes, and streams what it gives out as a block of code.
//!
//! The message is divided into a program and its arguments as a shell divides it, quotes and all, but no shell is started:
//! nothing is expanded, and pipes and redirections are refused with a hint.

mod block;
mod words;

use block::Block;
use sophon_agent::exec::{Command, Output, Process};
use sophon_agent::{Agent, Answer, Failure, Reply, Result, Turn};

struct Shell;

impl Agent for Shell {
    fn handle(turn: Turn, reply: &mut Reply) -> Result<Answer> {
        let words = match words::split(&turn.text) {
            Ok(words) => words,
            Err(why) => return Ok(Answer::text(why)),
        };
        let Some((program, args)) = words.split_first() else {
            return Ok(Answer::text("Write a command, such as `uname -a`. It runs once you allow it."));
        };
        let command = Command::new(program).args(args).reason("You wrote this command.");
        match command.spawn() {
            Ok(process) => show(process, reply),
            Err(Failure::Denied { rule, hint }) => Ok(Answer::text(format!("Not run: refused by {rule}.\n\n{hint}"))),
            Err(Failure::Cancelled) => Err(Failure::Cancelled),
            Err(failure) => Ok(Answer::text(format!("Not run: {failure}."))),
        }
    }
}

/// Streams a program's output, and tells how it ended.
fn show(mut process: Process, reply: &mut Reply) -> Result<Answer> {
    let mut block = Block::default();
    let ended = loop {
        let text = match process.output()? {
            Output::Stdout(bytes) => block.stdout(&bytes),
            Output::Stderr(bytes) => block.stderr(&bytes),
            Output::Exited(0) => break "Done, exit code 0.".to_owned(),
            Output::Exited(code) => break format!("It ended with exit code {code}."),
            Output::Killed(why) => break format!("It was killed: {why}."),
        };
        reply.write(&text)?;
    };
    reply.write(&block.end())?;
    reply.write(&ended)?;
    Ok(Answer::streamed())
}

sophon_agent::export!(Shell);
