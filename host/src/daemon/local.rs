//! Sockets in the data folder, for the same user's programs: one exchange with each that connects.

use std::future::Future;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Peers that are served at the same time, at one socket; further ones wait.
const PEERS: usize = 4;
/// After a connection that could not be accepted: the process may be out of files, and trying at once would spin.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 4 << 20;

pub(super) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

pub(super) fn file(data_dir: &Path, name: &str) -> PathBuf {
    folder(data_dir).join(name)
}

/// An open socket; removed when dropped.
pub(super) struct Local {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Local {
    /// Opens it. The caller holds the folder's lock, so a socket that is there is a dead host's, and replaced.
    pub(super) fn open<F>(
        data_dir: &Path,
        name: &str,
        exchange: impl Fn(UnixStream) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        crate::private::folder(&folder(data_dir))?;
        // Before the socket is there, so that no moment shows it to others.
        std::fs::set_permissions(folder(data_dir), std::fs::Permissions::from_mode(0o700))?;
        let path = file(data_dir, name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(&path)?.uid();
        let task = crate::tasks::spawn("local", serve(listener, owner, exchange));
        Ok(Self { path, task })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.task.abort();
        // The next start replaces what is left over.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve<F>(listener: UnixListener, owner: u32, exchange: impl Fn(UnixStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(PEERS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let peer = match listener.accept().await {
            Ok((peer, _)) => peer,
            Err(error) => {
                tracing::debug!("no peer of a local socket could be accepted: {error}");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        // The folder's rights say so already; where they were changed this still holds.
        if !peer.peer_cred().is_ok_and(|peer| peer.uid() == owner) {
            tracing::warn!("another user's program came to a local socket; refused");
            continue;
        }
        let served = exchange(peer);
        crate::tasks::spawn("local peer", async move {
            served.await;
            drop(place);
        });
    }
}

/// Why a host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No host runs in the folder.
    #[error("no sophon-host runs in {0}; start one with `sophon-host run` or `sophon-host dev`")]
    NotRunning(PathBuf),
    /// Something is there, and does not answer as a host does.
    #[error("the sophon-host in {folder} did not answer: {reason}")]
    Failed {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Says `words` to the host that runs in a data folder, and gives its answer.
pub(super) async fn ask(
    data_dir: &Path,
    name: &str,
    words: &[u8],
    time: Duration,
) -> Result<serde_json::Value, AskError> {
    let failed = |reason: String| AskError::Failed { folder: data_dir.to_owned(), reason };
    let said = |error: io::Error| failed(error.to_string());
    let answer = async {
        let mut host = UnixStream::connect(file(data_dir, name)).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning(data_dir.to_owned()),
            _ => said(error),
        })?;
        host.write_all(words).await.map_err(said)?;
        if !words.is_empty() {
            host.shutdown().await.map_err(said)?;
        }
        let mut answer = Vec::new();
        (&mut host).take(MAX_ANSWER).read_to_end(&mut answer).await.map_err(said)?;
        serde_json::from_slice(&answer).map_err(|error| failed(error.to_string()))
    };
    let late = || failed(format!("no answer within {} s", time.as_secs()));
    timeout(time, answer).await.map_err(|_elapsed| late())?
}

/// Answers a peer, which may take so long to read. One that is gone, or does not read, has itself to blame.
pub(super) async fn tell(peer: &mut UnixStream, line: &str, time: Duration) {
    let told = timeout(time, async {
        peer.write_all(line.as_bytes()).await?;
        peer.shutdown().await
    });
    let _ = told.await;
}
