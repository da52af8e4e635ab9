//! Waiting, under paused time.

use super::*;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

const DELTA: &str = "/v1/bridge/sendMessageDelta";
const END: &str = "/v1/bridge/sendMessageEnd";

fn heard(limit: u32, remaining: u32) -> Heard {
    let mut headers = HeaderMap::new();
    headers.insert("x-ratelimit-limit", limit.into());
    headers.insert("x-ratelimit-remaining", remaining.into());
    headers.insert("x-ratelimit-bucket", HeaderValue::from_static("delta"));
    Heard::of(200, &headers, Duration::ZERO)
}

/// A limiter whose deltas are used up: a further one waits for 10 ms and a bit.
async fn used_up() -> Limiter {
    let limiter = Limiter::new();
    let mut permit = limiter.permit(DELTA).await;
    permit.sent();
    permit.complete(&heard(200, 1));
    limiter
}

fn waiting(limiter: &Limiter) -> bool {
    limiter.lock().pool.is_contended()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_there_at_once_or_when_it_comes_back() {
    let limiter = used_up().await;
    let before = Instant::now();
    drop(limiter.permit(END).await);
    assert_eq!(before.elapsed(), Duration::ZERO, "another bucket");
    drop(limiter.permit(DELTA).await);
    let waited = before.elapsed();
    assert!(waited >= Duration::from_millis(10) && waited <= Duration::from_millis(12), "{waited:?}");
    drop(limiter.permit(DELTA).await);
    assert_eq!(before.elapsed(), waited, "unused, it went back");
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_while_it_waits_is_forgotten() {
    let limiter = used_up().await;
    let mut gone = Box::pin(limiter.permit(DELTA));
    assert!(gone.as_mut().now_or_never().is_none());
    assert!(waiting(&limiter));
    let behind = limiter.permit(DELTA);
    tokio::pin!(behind);
    assert!(behind.as_mut().now_or_never().is_none());
    drop(gone);
    let before = Instant::now();
    drop(behind.await);
    assert!(before.elapsed() <= Duration::from_millis(12), "{:?}", before.elapsed());
    assert!(!waiting(&limiter));
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_nobody_takes_any_more_goes_to_the_next() {
    let limiter = used_up().await;
    let mut first = Box::pin(limiter.permit(DELTA));
    let mut second = Box::pin(limiter.permit(DELTA));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    tokio::time::sleep(Duration::from_millis(12)).await;
    assert!(waiting(&limiter), "one was served, and has not looked yet");
    drop(first);
    let before = Instant::now();
    drop(second.await);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_answer_lets_those_go_who_wait_for_one() {
    let limiter = Limiter::new();
    let mut permit = limiter.permit(DELTA).await;
    permit.sent();
    permit.complete(&heard(1, 1));
    let mut only = limiter.permit(DELTA).await;
    only.sent();
    let mut next = Box::pin(limiter.permit(DELTA));
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut next).await.is_err(), "a bucket of one, under way");
    only.complete(&heard(1, 1));
    drop(next.await);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_streams_share_fairly_and_nobody_is_lost() {
    let limiter = used_up().await;
    let counts: Arc<Mutex<[u32; 100]>> = Arc::new(Mutex::new([0; 100]));
    let streams = (0..100).map(|stream| {
        let (limiter, counts) = (limiter.clone(), counts.clone());
        crate::tasks::spawn("test", async move {
            loop {
                let mut permit = limiter.permit(DELTA).await;
                permit.sent();
                tokio::time::sleep(Duration::from_millis(stream % 7 * 10)).await;
                drop(permit);
                counts.lock().expect("no panics")[stream as usize] += 1;
            }
        })
    });
    let streams: Vec<_> = streams.collect();
    tokio::time::sleep(Duration::from_secs(20)).await;
    streams.iter().for_each(tokio::task::JoinHandle::abort);
    let counts = *counts.lock().expect("no panics");
    let (least, most) = (counts.iter().min().expect("some"), counts.iter().max().expect("some"));
    assert!(*least >= 19 && *most <= 20, "{counts:?}");
}
