//! Programs of the operator's machine, run without a shell in the agent's own work folder.
//!
//! `agent.toml` says which ones an agent wants; the operator's policy or a person allows each. A program can write in its
//! work folder only, reads little else, and has no network unless the operator's rule says so.
//!
//! ```no_run
//! use sophon_agent::exec::{Command, Output};
//!
//! fn head() -> sophon_agent::Result<String> {
//!     let mut process = Command::new("git").args(["log", "-1"]).reason("to know the newest change").spawn()?;
//!     let mut text = Vec::new();
//!     loop {
//!         match process.output()? {
//!             Output::Stdout(bytes) | Output::Stderr(bytes) => text.extend(bytes),
//!             Output::Exited(_) | Output::Killed(_) => return Ok(String::from_utf8_lossy(&text).into_owned()),
//!         }
//!     }
//! }
//! ```

use crate::bindings::sophon::agent::exec as wit;
use crate::{Failure, Result};
use std::time::Duration;
pub use wit::Output;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Command(wit::Command);

/// A program that runs. Dropped, it is killed with all that it started.
#[derive(Debug)]
pub struct Process(wit::Process);

/// All that a program gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// The code it ended with, or why it was killed.
    pub code: std::result::Result<i32, String>,
}

impl Command {
    /// A program by its name, or by its whole path.
    pub fn new(program: impl Into<String>) -> Self {
        let program = program.into();
        Self(wit::Command { program, args: vec![], cwd: None, stdin: vec![], timeout_ms: None, reason: None })
    }

    /// Adds an argument. It is passed as it is.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.0.args.push(arg.into());
        self
    }

    /// Adds arguments. They are passed as they are.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Begins in this folder of the work folder.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<String>) -> Self {
        self.0.cwd = Some(folder.into());
        self
    }

    /// Gives it this to read.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.stdin = bytes.into();
        self
    }

    /// Ends it after so long. The host has a limit of its own.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.0.timeout_ms = Some(u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Says why, to the person who is asked.
    #[must_use]
    pub fn reason(mut self, why: impl Into<String>) -> Self {
        self.0.reason = Some(why.into());
        self
    }

    /// Starts it, once that is allowed.
    ///
    /// # Errors
    /// [`Failure::Denied`] when it is not allowed, [`Failure::Invalid`] when there is no such program.
    pub fn spawn(&self) -> Result<Process> {
        wit::spawn(&self.0).map(Process).map_err(Failure::from_wit)
    }

    /// Starts it and waits for its end.
    ///
    /// # Errors
    /// As for [`Command::spawn`].
    pub fn run(&self) -> Result<Finished> {
        let mut process = self.spawn()?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = loop {
            match process.output()? {
                Output::Stdout(bytes) => stdout.extend(bytes),
                Output::Stderr(bytes) => stderr.extend(bytes),
                Output::Exited(code) => break Ok(code),
                Output::Killed(why) => break Err(why),
            }
        };
        Ok(Finished { stdout, stderr, code })
    }
}

impl Process {
    /// Waits for the next output. [`Output::Exited`] and [`Output::Killed`] are the last.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] when the user has stopped the turn.
    pub fn output(&mut self) -> Result<Output> {
        self.0.next().map_err(Failure::from_wit)
    }

    /// Writes to its standard input. The first call has to come before the first [`Process::output`]: that closes the input
    /// of a program that nothing was written to.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when it reads no more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        // Nothing is what closes it.
        if bytes.is_empty() { Ok(()) } else { self.0.write(bytes).map_err(Failure::from_wit) }
    }

    /// Closes its standard input.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] when the user has stopped the turn.
    pub fn close_stdin(&mut self) -> Result<()> {
        self.0.write(&[]).map_err(Failure::from_wit)
    }

    /// Kills it; [`Process::output`] then ends with [`Output::Killed`].
    pub fn kill(&self) {
        self.0.kill();
    }
}
