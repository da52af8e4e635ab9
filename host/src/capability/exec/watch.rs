//! One program, watched until its end: what it gives out goes to the agent, how it goes to its card.

use super::super::door::Leave;
use super::orders::Report;
use super::place::Slot;
use super::running::Launched;
use super::{Ground, Output};
use serde_json::json;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most that is read at once.
pub(super) const CHUNK: usize = 16 << 10;
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

pub(super) async fn report(control: &mut UnixStream) -> io::Result<Report> {
    let len = control.read_u32().await?;
    let mut text = Vec::new();
    control.take(u64::from(len.min(CHUNK as u32))).read_to_end(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

/// Watches one program.
pub(super) struct Watch {
    pub(super) time: Duration,
    pub(super) ground: Ground,
    pub(super) stop: CancellationToken,
    pub(super) kill: CancellationToken,
    /// The end of what it gave out, and when its card last showed that.
    pub(super) tail: Vec<u8>,
    pub(super) told: Instant,
}

impl Watch {
    pub(super) async fn until_the_end(
        mut self,
        launched: Launched,
        leave: Leave,
        agent: mpsc::Sender<Output>,
        slot: Slot,
    ) {
        let Launched { mut child, mut control } = launched;
        let (stop, kill, time) = (self.stop.clone(), self.kill.clone(), self.time);
        let (folder, looks) = self.ground.clone();
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
            full = folder.filled(&looks) => Err(full.to_string()),
            () = tokio::time::sleep(time) => Err(format!("it ran for longer than {}", crate::config::Span(time))),
            ran = ran => ran.and_then(code),
        };
        drop(control);
        close(child).await;
        drop(slot);
        let last = self.end(ended, leave).await;
        // An agent that is not interested any more hears nothing.
        let _ = agent.send(last).await;
    }

    /// Shows and writes down what came of it; gives what the agent is told.
    async fn end(&self, ended: Result<i32, String>, leave: Leave) -> Output {
        match ended {
            Ok(code) => {
                let result = json!({ "exit_code": code, "output": crate::text::terminal(&self.tail()) });
                leave.done(&format!("it ended with code {code}"), Some(result)).await;
                Output::Exited(code)
            }
            Err(why) => {
                leave.failed(&format!("killed: {why}")).await;
                Output::Killed(why)
            }
        }
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
pub(super) async fn close(mut child: Child) {
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
