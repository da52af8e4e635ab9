//! A program that runs, seen from the host: its launcher, its output, and its end.

use super::super::door::Leave;
use super::super::tools::Refusal;
use super::orders::{self, Orders, Report};
use super::place::Slot;
use super::watch::{Watch, report};
use super::{Ground, MAX_INPUT, Output};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Blocking;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How much output waits for the agent, in pieces of 16 KiB: 64 KiB with what is in hand.
const WAITING: usize = 3;

/// What is to be run, as it was allowed.
pub(super) struct Run {
    pub(super) orders: Orders,
    pub(super) launcher: PathBuf,
    pub(super) stdin: Vec<u8>,
    /// It runs what it reads, and who allowed it saw no more than this.
    pub(super) is_sealed: bool,
    pub(super) time: Duration,
    pub(super) ground: Ground,
    /// The turn is to stop.
    pub(super) stop: CancellationToken,
    pub(super) slot: Slot,
}

/// A program that runs. Dropped, it is ended with all that it started.
#[derive(Debug)]
pub struct Process {
    output: mpsc::Receiver<Output>,
    stdin: Option<mpsc::Sender<Vec<u8>>>,
    is_sealed: bool,
    /// Whether the agent writes to it itself.
    wrote: bool,
    over: bool,
    stop: CancellationToken,
    kill: CancellationToken,
    _killed_on_drop: DropGuard,
}

impl Process {
    /// The next that it gives out. Its input ends with the first call, unless the agent wrote something before.
    ///
    /// # Errors
    /// When the turn is to stop, or the end was given already.
    pub async fn next(&mut self) -> Result<Output, Refusal> {
        if self.over {
            return Err(Refusal::Invalid("the program has ended".to_owned()));
        }
        if !self.wrote {
            self.stdin = None;
        }
        let output = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Refusal::Cancelled),
            output = self.output.recv() => output.unwrap_or_else(|| Output::Killed("the host lost it".to_owned())),
        };
        self.over = matches!(output, Output::Exited(_) | Output::Killed(_));
        Ok(output)
    }

    /// Writes to its input, as it reads; nothing closes that.
    ///
    /// # Errors
    /// When it reads no more, runs what it reads and was allowed without this, or the turn is to stop.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        if bytes.len() > MAX_INPUT {
            return Err(Refusal::Invalid(format!("a program's input has at most {MAX_INPUT} bytes a call")));
        }
        if self.is_sealed && !bytes.is_empty() {
            let rule = "what was allowed: this program runs what it reads, and nobody would have seen this".to_owned();
            let hint = "give it all of its input when it is started; or the operator's rule allows it".to_owned();
            return Err(Refusal::Denied { rule, hint });
        }
        self.wrote = true;
        if bytes.is_empty() {
            self.stdin = None;
            return Ok(());
        }
        let deaf = || Refusal::Unavailable("the program reads no more input".to_owned());
        let stdin = self.stdin.as_ref().ok_or_else(deaf)?;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Refusal::Cancelled),
            sent = stdin.send(bytes) => sent.map_err(|_| deaf()),
        }
    }

    /// Ends it.
    pub fn kill(&self) {
        self.kill.cancel();
    }
}

/// A launcher at work.
pub(super) struct Launched {
    pub(super) child: Child,
    /// Closed, it is the order to end.
    pub(super) control: UnixStream,
}

/// Starts a program that was allowed.
pub(super) async fn start(run: Run, leave: Leave) -> Result<Process, Refusal> {
    let Run { orders, launcher, stdin, is_sealed, time, ground, stop, slot } = run;
    let starting = async {
        let (mut launched, input) = crate::tasks::blocking(move || launch(launcher, &orders)).await?;
        match report(&mut launched.control).await? {
            Report::Started => Ok((launched, pipe::Sender::from_owned_fd(input)?)),
            Report::Refused(why) => Err(io::Error::other(why)),
            _ => Err(io::Error::other("its launcher is another version")),
        }
    };
    let started = tokio::select! {
        started = starting => started,
        () = stop.cancelled() => {
            leave.failed("the turn was stopped").await;
            return Err(Refusal::Cancelled);
        }
    };
    let (launched, input) = match started {
        Ok(started) => started,
        Err(error) => {
            let why = format!("the program did not start: {}", crate::text::line(&error.to_string(), 500));
            leave.failed(&why).await;
            return Err(Refusal::Unavailable(why));
        }
    };
    let (output_in, output) = mpsc::channel(WAITING);
    let kill = CancellationToken::new();
    let watch = Watch { time, ground, stop: stop.clone(), kill: kill.clone(), tail: Vec::new(), told: Instant::now() };
    crate::tasks::spawn("program", async move {
        watch.until_the_end(launched, leave, output_in, slot).await;
    });
    let guard = kill.clone().drop_guard();
    let stdin = Some(feed(input, stdin));
    Ok(Process { output, stdin, is_sealed, wrote: false, over: false, stop, kill, _killed_on_drop: guard })
}

/// Starts the launcher and gives it its orders; gives what writes to the program, too. Blocks.
fn launch(launcher: PathBuf, orders: &Orders) -> io::Result<(Launched, OwnedFd)> {
    let (mut control, theirs) = Blocking::pair()?;
    let (input, writer) = io::pipe()?;
    let mut command = crate::process::command(launcher);
    command.arg("launch").env_clear().current_dir("/");
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = {
        // The command holds the launcher's end of the socket, which must be the launcher's alone.
        let mut command = tokio::process::Command::from(command);
        command.spawn()?
    };
    orders::send(&mut control, orders, &OwnedFd::from(input))?;
    control.set_nonblocking(true)?;
    Ok((Launched { child, control: UnixStream::from_std(control)? }, writer.into()))
}

/// Writes to a program as fast as it reads, until nobody has more for it.
fn feed(mut input: pipe::Sender, first: Vec<u8>) -> mpsc::Sender<Vec<u8>> {
    let (sender, mut more) = mpsc::channel::<Vec<u8>>(1);
    crate::tasks::spawn("input", async move {
        let mut next = Some(first);
        while let Some(bytes) = next {
            // It reads no more: who writes is told that, as nobody takes it.
            if input.write_all(&bytes).await.is_err() {
                return;
            }
            next = more.recv().await;
        }
    });
    sender
}
