//! The real binary, as a user starts it.

use crate::PATIENCE;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Run {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

/// The binary that was built with the tests: `target/<profile>/sophon-host`.
///
/// # Panics
/// When it is not there.
pub fn binary() -> PathBuf {
    built().expect("target/<profile>/sophon-host is not built; `tests/run cli` does it")
}

/// The same, if it is there.
pub(crate) fn built() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let binary = test.ancestors().nth(2)?.join("sophon-host");
    binary.exists().then_some(binary)
}

/// The binary with an empty environment and its state in `data`, where it does not see the hosts of other tests.
fn command(data: &Path, arguments: &[&str]) -> Command {
    command_by(data, None, arguments)
}

/// The same, begun by a script of the shell that ends with `exec "$0" "$@"`, by these words.
fn command_by(data: &Path, script: Option<&[&str]>, arguments: &[&str]) -> Command {
    let mut command = match script {
        Some([program, words @ ..]) => {
            let mut command = Command::new(program);
            command.args(words).arg(binary());
            command
        }
        _ => Command::new(binary()),
    };
    command
        .args(arguments)
        .env_clear()
        .env("SOPHON_HOST_DATA_DIR", data)
        .env("XDG_RUNTIME_DIR", data.join("shared"))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir(data).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub async fn run(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Run> {
    let mut command = command(data, arguments);
    command.envs(environment.iter().copied());
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("the command did not end")??;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// A command that goes on, such as `dev`.
pub struct Dev {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    said: Arc<Said>,
    /// How much of that was waited for.
    heard: usize,
    /// Reads what it says for people all the time: a full pipe would hold it up.
    reader: Option<JoinHandle<std::io::Result<()>>>,
}

/// What it said for people.
#[derive(Default)]
struct Said {
    words: Mutex<Vec<u8>>,
    news: Notify,
}

impl Said {
    /// Hears all, until there is no more.
    async fn hear(&self, mut from: ChildStderr) -> std::io::Result<()> {
        let mut piece = [0; 4096];
        loop {
            let len = from.read(&mut piece).await?;
            if len == 0 {
                return Ok(());
            }
            self.words.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..len]);
            self.news.notify_one();
        }
    }

    /// What was said behind so many bytes.
    fn after(&self, heard: usize) -> String {
        String::from_utf8_lossy(&self.words.lock().unwrap_or_else(PoisonError::into_inner)[heard..]).into_owned()
    }
}

impl Dev {
    /// Starts it.
    pub fn start(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        Self::of(command(data, arguments).envs(environment.iter().copied()))
    }

    /// Starts it by a script of the shell, in `data`, that ends with `exec "$0" "$@"`: `script` is how to run that.
    pub fn start_by(data: &Path, script: &[&str], arguments: &[&str]) -> Result<Self> {
        Self::of(&mut command_by(data, Some(script), arguments))
    }

    fn of(command: &mut Command) -> Result<Self> {
        let mut child = command.spawn()?;
        let stdout = BufReader::new(child.stdout.take().context("its stdout is piped")?).lines();
        let stderr = child.stderr.take().context("its stderr is piped")?;
        let said = Arc::new(Said::default());
        let hears = said.clone();
        let reader = Some(tokio::spawn(async move { hears.hear(stderr).await }));
        Ok(Self { child, stdout, said, heard: 0, reader })
    }

    /// Its next line of data. When it ends instead, what it said for people is in the error.
    pub async fn line(&mut self) -> Result<String> {
        let line = tokio::time::timeout(PATIENCE, self.stdout.next_line()).await.context("it printed nothing")??;
        match line {
            Some(line) => Ok(line),
            None => bail!("it ended: {}", self.words().await?),
        }
    }

    /// Its process id, as long as it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The rest of its data, once it has ended.
    pub async fn rest(&mut self) -> Result<String> {
        let mut rest = String::new();
        while let Some(line) = tokio::time::timeout(PATIENCE, self.stdout.next_line()).await.context("no end")?? {
            rest.push_str(&line);
            rest.push('\n');
        }
        Ok(rest)
    }

    /// Its resident memory, in MiB.
    pub fn resident(&self) -> Result<f64> {
        let id = self.child.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes / 1024.0)
    }

    /// Sends SIGTERM.
    pub async fn signal(&self) -> Result<()> {
        let id = self.child.id().context("it has ended already")?;
        // `kill` is part of every shell; as a program of its own it is not everywhere.
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id.to_string()]).status().await?;
        anyhow::ensure!(sent.success(), "kill failed");
        Ok(())
    }

    /// Waits until it says this for people, behind what was waited for before.
    pub async fn says(&mut self, words: &str) -> Result<()> {
        let said = self.said.clone();
        let heard = async {
            loop {
                let text = said.after(self.heard);
                if let Some(at) = text.find(words) {
                    return at + words.len();
                }
                said.news.notified().await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await;
        self.heard += heard.with_context(|| format!("not said: {words}\n{}", self.said.after(self.heard)))?;
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(&mut self) -> Result<(ExitStatus, String)> {
        self.signal().await?;
        let words = self.words().await?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it did not stop")??;
        Ok((status, words))
    }

    /// Ends it as a crash does.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("it cannot be killed")
    }

    /// Waits until it ends by itself; gives the exit code and what it said for people.
    pub async fn end(&mut self) -> Result<(Option<i32>, String)> {
        let words = self.words().await?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it did not end")??;
        Ok((status.code(), words))
    }

    async fn words(&mut self) -> Result<String> {
        if let Some(reader) = self.reader.take() {
            tokio::time::timeout(PATIENCE, reader).await.context("it did not end")???;
        }
        Ok(self.said.after(self.heard))
    }
}
