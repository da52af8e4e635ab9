//! Programs that the commands run.

use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// The longest output that is read, in bytes.
const MAX_OUTPUT: u64 = 64 << 10;

/// A program that is about to be started.
pub(super) fn command(program: &str) -> Command {
    crate::process::command(program).into()
}

/// What a program prints, if it is there, ends well and in time.
pub(super) async fn ask(program: &str, arguments: &[&str], limit: Duration) -> Option<String> {
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let answer = async {
        let mut text = String::new();
        child.stdout.take()?.take(MAX_OUTPUT).read_to_string(&mut text).await.ok()?;
        child.wait().await.ok()?.success().then_some(text)
    };
    tokio::time::timeout(limit, answer).await.ok()?
}
