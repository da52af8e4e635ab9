//! The socket that tells the status: one line of JSON to each of the same user's programs that connects.
//!
//! Nothing is read from it. A peer that does not read costs one of a few places for a moment, and nobody else.

use super::{Status, Troubles};
use crate::daemon::local::{self, AskError, Local};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a peer may take to read.
const WRITE_TIME: Duration = Duration::from_secs(2);
/// How long a host may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
const NAME: &str = "status.sock";

/// Opens the socket. It is there as long as what is given.
pub(crate) fn open(data_dir: &Path, status: Arc<Status>, troubles: Troubles) -> io::Result<Local> {
    Local::open(data_dir, NAME, move |mut peer| {
        let line = line(&status, &troubles);
        async move { local::tell(&mut peer, &line, WRITE_TIME).await }
    })
}

fn line(status: &Status, troubles: &Troubles) -> String {
    let report = status.report(troubles, SystemTime::now());
    let json = serde_json::to_string(&report).expect("reports of strings and numbers always serialize");
    format!("{json}\n")
}

/// Asks the host that runs in a data folder: its [`Report`](super::Report) as JSON.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(data_dir: &Path) -> Result<serde_json::Value, AskError> {
    local::ask(data_dir, NAME, b"", ANSWER_TIME).await
}

#[cfg(test)]
mod tests;
