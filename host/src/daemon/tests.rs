//! What the wiring joins.

use super::*;
use crate::cloud::{Cause, LinkEvent};
use crate::config::CloudUrl;
use crate::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance, pause, resume};

/// No test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_machine_that_slept_dials_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = CloudUrl::parse(&format!("http://{}", listener.local_addr().expect("bound"))).expect("an address");
    let token = Token::parse("inst_1:s_test_0123456789abcdef", "test").expect("a token");
    let status = Arc::new(Status::new(url.join(""), Registry::empty(), Arc::default(), SystemTime::UNIX_EPOCH));
    let rest = Rest::new(url.clone(), Some(&token)).expect("a client");
    let (link, mut events) = Link::start(url, token, rest.reached(), status.clone());
    let (traces, unauthorized) = (Traces::default(), CancellationToken::new());
    let carrier = Arc::new(Carrier { rest, link, traces, unauthorized, status });
    // The dial is under way for as long as nobody answers it.
    let _first = listener.accept().await.expect("a dial");
    // Time stands while something blocks, unless the test takes too long.
    let (held, until) = std::sync::mpsc::sync_channel::<()>(1);
    #[expect(clippy::disallowed_methods, reason = "it only holds the clock")]
    tokio::task::spawn_blocking(move || until.recv_timeout(PATIENCE).is_ok());
    pause();

    let (asleep, looks, begun) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(0)), Instant::now());
    let (slept, looked) = (asleep.clone(), looks.clone());
    let wall = move || {
        looked.add_permits(1);
        SystemTime::UNIX_EPOCH + begun.elapsed() + Duration::from_secs(slept.load(Ordering::Relaxed))
    };
    let stop = CancellationToken::new();
    redial_after_sleep(carrier, wall, stop.clone());
    // At its beginning, and at its first look, which is due at once: at the next millisecond.
    for pause in [1, 6_000, 0] {
        looks.acquire().await.expect("open").forget();
        advance(Duration::from_millis(pause)).await;
    }
    assert!(events.try_recv().is_err(), "nobody slept");
    asleep.store(3_600, Ordering::Relaxed);
    advance(Duration::from_secs(6)).await;
    let Some(LinkEvent::Down { cause, .. }) = events.recv().await else { panic!("the dial goes on") };
    assert_eq!(cause, Cause::Wake);
    resume();
    drop(held);
    let _second = listener.accept().await.expect("another dial");
    stop.cancel();
}
