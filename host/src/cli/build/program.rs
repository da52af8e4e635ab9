//! One run of a build command, which ends with all that it has started.

use super::super::{output, process};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, PipeWriter};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::time::timeout;

/// How much is kept of what it prints: the end, in bytes.
const KEPT: usize = 16 << 10;
/// The longest piece of a line that is shown at once, in bytes.
const MAX_LINE: usize = 4 << 10;
/// How long what it printed last may take to arrive, where somebody else still holds its output open.
const LATE: Duration = Duration::from_secs(1);

/// Why an agent was not built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// In words.
    pub(super) why: String,
    /// The end of what the command printed.
    pub(super) output: String,
}

/// Runs a build command in an agent's folder, and shows what it prints. It is killed when it takes longer than `limit`,
/// and when this is dropped.
pub(super) async fn run(folder: &Path, command: &str, limit: Duration) -> Result<(), Failed> {
    let mut printed = Printed::default();
    let ended = match start(folder, command) {
        Ok((child, group, output)) => timeout(limit, follow(child, group, output, &mut printed)).await,
        Err(why) => Ok(Err(why)),
    };
    printed.end();
    let shown = crate::text::line(command, 200);
    let why = match ended {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(Ok(status)) => format!("`{shown}` ended with {status}"),
        Ok(Err(error)) => format!("`{shown}` cannot be run: {error}"),
        Err(_late) => format!("`{shown}` took longer than {} s, and was killed", limit.as_secs()),
    };
    Err(Failed { why, output: printed.kept.text() })
}

/// A process group, killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody may be left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn start(folder: &Path, command: &str) -> io::Result<(Child, Group, Receiver)> {
    let mut words = command.split_whitespace();
    let program = words.next().ok_or_else(|| io::Error::other("`build.command` of its agent.toml is empty"))?;
    let (output, input) = io::pipe()?;
    let (stdout, stderr): (PipeWriter, PipeWriter) = (input.try_clone()?, input);
    let mut process = process::command(program);
    process.args(words).current_dir(folder).env("NO_COLOR", "1").env("CARGO_TERM_COLOR", "never");
    // Both into one: words for people, in the order in which they were printed.
    process.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0).kill_on_drop(true);
    let child = process.spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok((child, Group(group), Receiver::from_owned_fd(output.into())?))
}

/// Waits until it ends, and hears what it prints meanwhile.
async fn follow(
    mut child: Child,
    group: Group,
    mut output: Receiver,
    printed: &mut Printed,
) -> io::Result<std::process::ExitStatus> {
    let mut piece = [0; 4096];
    let mut is_open = true;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            read = output.read(&mut piece), if is_open => match read? {
                0 => is_open = false,
                len => printed.hear(&piece[..len]),
            }
        }
    };
    // What it has started and left behind goes with it.
    drop(group);
    let rest = async {
        while let Ok(len @ 1..) = output.read(&mut piece).await {
            printed.hear(&piece[..len]);
        }
    };
    if is_open && timeout(LATE, rest).await.is_err() {
        tracing::debug!("something that a build has started goes on, and holds its output");
    }
    Ok(status)
}

/// What was printed: shown line by line, its end kept.
#[derive(Default)]
struct Printed {
    kept: Kept,
    line: Vec<u8>,
}

/// The end of what was printed.
#[derive(Default)]
struct Kept(Vec<u8>);

impl Kept {
    fn push(&mut self, piece: &[u8]) {
        self.0.extend(piece);
        if self.0.len() > 2 * KEPT {
            self.0.drain(..self.0.len() - KEPT);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0[self.0.len().saturating_sub(KEPT)..]).into_owned()
    }
}

impl Printed {
    fn hear(&mut self, piece: &[u8]) {
        self.kept.push(piece);
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(part);
            if self.line.len() >= MAX_LINE || part.ends_with(b"\n") {
                self.show();
            }
        }
    }

    fn show(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        output::say(&crate::text::terminal(line.strip_suffix('\n').unwrap_or(&line)));
        self.line.clear();
    }

    fn end(&mut self) {
        if !self.line.is_empty() {
            self.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LONG: Duration = Duration::from_secs(60);

    /// A folder with a program in it, and the command that runs it.
    fn program(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("build.sh"), text).expect("written");
        folder
    }

    #[tokio::test]
    async fn what_it_says_is_kept_in_its_order_with_how_it_ended() {
        let folder = program("echo one; echo two >&2; echo $NO_COLOR$CARGO_TERM_COLOR; exit 3");
        let failed = run(folder.path(), "sh build.sh", LONG).await.expect_err("a failure");
        assert_eq!(failed.output, "one\ntwo\n1never\n");
        assert_eq!(failed.why, "`sh build.sh` ended with exit status: 3");
        // What reads finds nothing to read.
        assert_eq!(run(folder.path(), "cat", LONG).await, Ok(()));
        assert_eq!(run(folder.path(), "true", LONG).await, Ok(()));
    }

    #[test]
    fn of_all_that_it_prints_the_end_is_kept() {
        let mut kept = Kept::default();
        for number in 0..100_000_u32 {
            kept.push(format!("{number}\n").as_bytes());
            assert!(kept.0.len() <= 2 * KEPT + 8);
        }
        let text = kept.text();
        assert!(text.ends_with("\n99998\n99999\n") && text.len() == KEPT, "{}", text.len());
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        for (command, part) in [("", "is empty"), ("no-such-program-here", "cannot be run")] {
            let failed = run(folder.path(), command, LONG).await.expect_err("a failure");
            assert!(failed.why.contains(part) && failed.output.is_empty(), "{failed:?}");
        }
    }

    /// The other end of a pipe that every process of a build holds: at its end none is left.
    fn held(folder: &Path) -> std::io::Result<String> {
        std::io::read_to_string(fs::File::open(folder.join("alive"))?)
    }

    fn make_pipe(folder: &Path) {
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("alive"), rustix::fs::Mode::RWXU).expect("a pipe");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed_with_all_that_it_has_started() {
        let folder = program("exec 3>alive; echo began >&3; sleep 1000 & sleep 1000");
        make_pipe(folder.path());
        let place = folder.path().to_owned();
        let alive = crate::tasks::spawn("held", crate::tasks::blocking(move || held(&place)));
        let failed = run(folder.path(), "sh build.sh", Duration::from_secs(2)).await.expect_err("a failure");
        assert!(failed.why.contains("took longer than 2 s"), "{failed:?}");
        alive.await.expect("no panic").expect("read");
    }

    #[tokio::test]
    async fn what_it_leaves_behind_goes_with_it() {
        let folder = program("exec 3>alive; echo began >&3; sleep 1000 &");
        make_pipe(folder.path());
        let place = folder.path().to_owned();
        let alive = crate::tasks::spawn("held", crate::tasks::blocking(move || held(&place)));
        assert_eq!(run(folder.path(), "sh build.sh", LONG).await, Ok(()));
        assert_eq!(alive.await.expect("no panic").expect("read"), "began\n");
    }
}
