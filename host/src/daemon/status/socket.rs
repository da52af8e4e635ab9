//! The socket in the data folder: one line of JSON to each of the same user's programs that connects.
//!
//! Nothing is read from it. A peer that does not read costs one of a few places for a moment, and nobody else.

use super::{Status, Troubles};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Peers that are served at the same time; further ones wait.
const PEERS: usize = 4;
/// How long a peer may take to read.
const WRITE_TIME: Duration = Duration::from_secs(2);
/// How long a host may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// After a connection that could not be accepted: the process may be out of files, and trying at once would spin.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

fn file(data_dir: &Path) -> PathBuf {
    folder(data_dir).join("status.sock")
}

/// An open socket; removed when dropped.
pub(crate) struct Socket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Socket {
    /// Opens it. The caller holds the folder's lock, so a socket that is there is a dead host's, and replaced.
    pub(crate) fn open(data_dir: &Path, status: Arc<Status>, troubles: Troubles) -> io::Result<Self> {
        crate::private::folder(&folder(data_dir))?;
        // Before the socket is there, so that no moment shows it to others.
        std::fs::set_permissions(folder(data_dir), std::fs::Permissions::from_mode(0o700))?;
        let path = file(data_dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(&path)?.uid();
        let task = crate::tasks::spawn("status", serve(listener, owner, status, troubles));
        Ok(Self { path, task })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
        // The next start replaces what is left over.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, owner: u32, status: Arc<Status>, troubles: Troubles) {
    let places = Arc::new(Semaphore::new(PEERS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let mut peer = match listener.accept().await {
            Ok((peer, _)) => peer,
            Err(error) => {
                tracing::debug!("no peer of the status socket could be accepted: {error}");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        // The folder's rights say so already; where they were changed this still holds.
        if !peer.peer_cred().is_ok_and(|peer| peer.uid() == owner) {
            tracing::warn!("another user asked for the status; refused");
            continue;
        }
        let line = line(&status, &troubles);
        crate::tasks::spawn("status peer", async move {
            let told = timeout(WRITE_TIME, async {
                peer.write_all(line.as_bytes()).await?;
                peer.shutdown().await
            });
            // A peer that is gone, or does not read, has itself to blame.
            let _ = told.await;
            drop(place);
        });
    }
}

fn line(status: &Status, troubles: &Troubles) -> String {
    let report = status.report(troubles, SystemTime::now());
    let json = serde_json::to_string(&report).expect("reports of strings and numbers always serialize");
    format!("{json}\n")
}

/// Why a host did not tell its status.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No host runs in the folder.
    #[error("no sophon-host runs in {0}; start one with `sophon-host run` or `sophon-host dev`")]
    NotRunning(PathBuf),
    /// Something is there, and does not answer as a host does.
    #[error("the sophon-host in {folder} did not tell its status: {reason}")]
    Failed {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Asks the host that runs in a data folder: its [`Report`](super::Report) as JSON.
///
/// # Errors
/// See [`AskError`].
pub async fn ask(data_dir: &Path) -> Result<serde_json::Value, AskError> {
    let failed = |reason: String| AskError::Failed { folder: data_dir.to_owned(), reason };
    let answer = async {
        let mut host = UnixStream::connect(file(data_dir)).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(data_dir.to_owned()),
            _ => failed(error.to_string()),
        })?;
        let mut answer = Vec::new();
        (&mut host).take(MAX_ANSWER).read_to_end(&mut answer).await.map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&answer).map_err(|error| failed(error.to_string()))
    };
    let late = || failed(format!("no answer within {} s", ANSWER_TIME.as_secs()));
    timeout(ANSWER_TIME, answer).await.map_err(|_elapsed| late())?
}

#[cfg(test)]
mod tests;
