//! Who may ask, and what a peer can do to the host.

use super::*;
use crate::daemon::Report;
use crate::daemon::local::{file, folder};
use crate::registry::Registry;
use std::os::unix::fs::PermissionsExt as _;
use tokio::net::{UnixListener, UnixStream};

fn open(data: &Path) -> Local {
    let status = Status::new("https://cloud.example".to_owned(), Registry::empty(), Arc::default(), SystemTime::now());
    super::open(data, Arc::new(status), Troubles::default()).expect("a socket")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_socket_is_private_and_gone_with_its_host() {
    let data = tempfile::tempdir().expect("a folder");
    assert!(matches!(ask(data.path()).await, Err(AskError::NotRunning(_))));
    let socket = open(data.path());
    assert_eq!((mode(&folder(data.path())), mode(&file(data.path(), NAME))), (0o700, 0o600));
    let report: Report = serde_json::from_value(ask(data.path()).await.expect("an answer")).expect("a report");
    assert_eq!((report.process, report.cloud.as_str()), (std::process::id(), "https://cloud.example"));
    drop(socket);
    assert!(!file(data.path(), NAME).exists());
    assert!(matches!(ask(data.path()).await, Err(AskError::NotRunning(_))));
}

#[tokio::test]
async fn what_a_dead_host_left_is_replaced() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder(data.path())).expect("made");
    std::fs::set_permissions(folder(data.path()), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    drop(std::os::unix::net::UnixListener::bind(file(data.path(), NAME)).expect("bound"));
    assert!(matches!(ask(data.path()).await, Err(AskError::NotRunning(_))), "nobody listens");
    let _socket = open(data.path());
    assert_eq!(mode(&folder(data.path())), 0o700);
    ask(data.path()).await.expect("an answer");
}

#[tokio::test]
async fn peers_that_never_read_hold_up_nobody() {
    let data = tempfile::tempdir().expect("a folder");
    let _socket = open(data.path());
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(UnixStream::connect(file(data.path(), NAME)).await.expect("connected"));
    }
    // Told at once all the same: a report fits into a socket's buffer.
    ask(data.path()).await.expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_host_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder(data.path())).expect("made");
    let listener = UnixListener::bind(file(data.path(), NAME)).expect("bound");
    let silent = crate::tasks::spawn("test", async move {
        let _held = listener.accept().await;
        std::future::pending::<()>().await;
    });
    let error = ask(data.path()).await.expect_err("nothing was said").to_string();
    assert!(error.contains("no answer within 5 s"), "{error}");
    silent.abort();
}
