//! A program that runs, seen from the host: its launcher, its output, and its end.

use super::super::door::Leave;
use super::super::tools::Refusal;
use super::orders::{self, Orders, Report};
use super::{MAX_INPUT, Output, Slot};
use serde_json::json;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Blocking;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The most that is read at once, and how much of that waits for the agent: 64 KiB with what is in hand.
const CHUNK: usize = 16 << 10;
const WAITING: usize = 3;
/// The most that a program gives out, in bytes.
const MAX_OUTPUT: usize = 8 << 20;
/// How much of its end a card shows, in bytes, and how much of its last line while it runs.
const TAIL: usize = 4 << 10;
const LINE: usize = 200;
/// Between two words on a card about how it goes.
const PROGRESS: Duration = Duration::from_millis(500);
/// How long a launcher may take to end what it holds, before it is ended itself.
const ENDING: Duration = Duration::from_secs(5);
/// The signal that ends who writes too large a file.
const SIGXFSZ: i32 = 25;

/// What is to be run, as it was allowed.
pub(super) struct Run {
    pub(super) orders: Orders,
    pub(super) launcher: PathBuf,
    pub(super) stdin: Vec<u8>,
    pub(super) time: Duration,
    /// The turn is to stop.
    pub(super) stop: CancellationToken,
    pub(super) slot: Slot,
}

/// A program that runs. Dropped, it is ended with all that it started.
#[derive(Debug)]
pub struct Process {
    output: mpsc::Receiver<Output>,
    stdin: Option<mpsc::Sender<Vec<u8>>>,
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
    /// When it reads no more, or the turn is to stop.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Refusal> {
        if bytes.len() > MAX_INPUT {
            return Err(Refusal::Invalid(format!("a program's input has at most {MAX_INPUT} bytes a call")));
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
struct Launched {
    child: Child,
    /// Closed, it is the order to end.
    control: UnixStream,
}

/// Starts a program that was allowed.
pub(super) async fn start(run: Run, leave: Leave) -> Result<Process, Refusal> {
    let Run { orders, launcher, stdin, time, stop, slot } = run;
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
    let watch = Watch { time, stop: stop.clone(), kill: kill.clone(), tail: Vec::new(), told: Instant::now() };
    crate::tasks::spawn("program", async move {
        watch.until_the_end(launched, leave, output_in, slot).await;
    });
    let guard = kill.clone().drop_guard();
    let stdin = Some(feed(input, stdin));
    Ok(Process { output, stdin, wrote: false, over: false, stop, kill, _killed_on_drop: guard })
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

async fn report(control: &mut UnixStream) -> io::Result<Report> {
    let len = control.read_u32().await?;
    let mut text = Vec::new();
    control.take(u64::from(len.min(CHUNK as u32))).read_to_end(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

/// Watches one program.
struct Watch {
    time: Duration,
    stop: CancellationToken,
    kill: CancellationToken,
    /// The end of what it gave out, and when its card last showed that.
    tail: Vec<u8>,
    told: Instant,
}

impl Watch {
    async fn until_the_end(mut self, launched: Launched, leave: Leave, agent: mpsc::Sender<Output>, slot: Slot) {
        let Launched { mut child, mut control } = launched;
        let (stop, kill, time) = (self.stop.clone(), self.kill.clone(), self.time);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ran = async {
            let pumped = self.pump(stdout, stderr, &agent, &leave);
            let lost = |_| "its launcher was ended".to_owned();
            tokio::try_join!(pumped, async { report(&mut control).await.map_err(lost) }).map(|(_, report)| report)
        };
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Err("the turn was stopped".to_owned()),
            () = kill.cancelled() => Err("the agent ended it".to_owned()),
            () = leave.revoked() => Err("the leave to run it was taken back".to_owned()),
            () = tokio::time::sleep(time) => Err(format!("it ran for longer than {}", crate::config::Span(time))),
            ran = ran => ran.and_then(code),
        };
        drop(control);
        close(child).await;
        drop(slot);
        let last = match ended {
            Ok(code) => {
                let result = json!({ "exit_code": code, "output": crate::text::terminal(&self.tail()) });
                leave.done(&format!("it ended with code {code}"), Some(result)).await;
                Output::Exited(code)
            }
            Err(why) => {
                leave.failed(&format!("killed: {why}")).await;
                Output::Killed(why)
            }
        };
        // An agent that is not interested any more hears nothing.
        let _ = agent.send(last).await;
    }

    /// Carries what it gives out to the agent, until it gives out no more.
    async fn pump(
        &mut self,
        stdout: Option<impl AsyncRead + Unpin>,
        stderr: Option<impl AsyncRead + Unpin>,
        agent: &mpsc::Sender<Output>,
        leave: &Leave,
    ) -> Result<(), String> {
        let (mut stdout, mut stderr, mut sum) = (stdout, stderr, 0);
        while stdout.is_some() || stderr.is_some() {
            let output = tokio::select! {
                bytes = some(&mut stdout) => Output::Stdout(bytes),
                bytes = some(&mut stderr) => Output::Stderr(bytes),
            };
            let (Output::Stdout(bytes) | Output::Stderr(bytes)) = &output else { continue };
            if bytes.is_empty() {
                continue;
            }
            sum += bytes.len();
            if sum > MAX_OUTPUT {
                return Err(format!("it gave out more than {} MiB", MAX_OUTPUT >> 20));
            }
            self.keep(bytes);
            self.tell(leave).await;
            // Nobody listens: it is about to be ended.
            let _ = agent.send(output).await;
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
    }

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }

    /// Shows the last line, now and then.
    async fn tell(&mut self, leave: &Leave) {
        if self.told.elapsed() < PROGRESS {
            return;
        }
        self.told = Instant::now();
        let tail = self.tail();
        let line = tail.trim_end().lines().next_back().unwrap_or_default();
        // A turn that is stopped is noticed elsewhere.
        let _ = leave.progress(json!({ "output": crate::text::line(line, LINE) })).await;
    }
}

/// The next bytes of a stream; none, once, where it ends.
async fn some(stream: &mut Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(open) = stream else { return std::future::pending().await };
    let mut bytes = vec![0; CHUNK];
    let len = open.read(&mut bytes).await.unwrap_or(0);
    if len == 0 {
        *stream = None;
    }
    bytes.truncate(len);
    bytes
}

/// How it ended, in a code or in words.
fn code(report: Report) -> Result<i32, String> {
    match report {
        Report::Exited(code) => Ok(code),
        Report::Signalled(SIGXFSZ) => Err("it wrote a file of more than 64 MiB".to_owned()),
        Report::Signalled(signal) => Err(format!("signal {signal} ended it")),
        Report::Refused(why) | Report::Stopped(why) => Err(why),
        Report::Started => Err("its launcher is another version".to_owned()),
    }
}

/// Waits for a launcher, which ends when all is ended that it held.
async fn close(mut child: Child) {
    if let Ok(ended) = tokio::time::timeout(ENDING, child.wait()).await {
        if let Err(error) = ended {
            tracing::error!("cannot wait for a launcher: {error}");
        }
        return;
    }
    tracing::error!("a launcher does not end what it holds; it is killed, and something may go on");
    if let Err(error) = child.kill().await {
        tracing::error!("cannot kill a launcher: {error}");
    }
}
