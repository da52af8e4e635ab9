//! When warnings are given, and what happens to spans that nobody takes. Paused time.

use super::*;
use crate::cli::telemetry::Spans;
use crate::config::{Collector, Secret};
use crate::daemon::Troubles;
use tracing_subscriber::layer::SubscriberExt as _;

fn outlet() -> (Spans, Outlet) {
    // Nobody listens on port 1.
    let url = "http://127.0.0.1:1/v1/traces".to_owned();
    crate::cli::telemetry::open(Collector { url, is_secure: false, headers: Secret::new(http::HeaderMap::new()) })
}

fn turn() {
    drop(tracing::info_span!("turn", trace = "4bf92f3577b34da6a3ce929d0e0e4736", span_id = "00f067aa0ba902b7"));
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_costs_spans_and_one_warning_a_minute() {
    let (spans, outlet) = outlet();
    let troubles = Troubles::default();
    let kept = crate::cli::logging::keep(troubles.clone());
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(kept).with(spans.layer()));
    let mut sender = Sender { outlet, client: client(), lost: 0, warned_at: None };
    for (wait, warnings) in [(0, 1), (30, 1), (40, 2)] {
        tokio::time::advance(Duration::from_secs(wait)).await;
        turn();
        let batch = sender.gather(&CancellationToken::new()).await;
        assert_eq!(batch.len(), 1);
        sender.send(batch).await;
        assert_eq!(troubles.list().len(), warnings, "{:?}", troubles.list());
    }
    let last = troubles.list().pop().expect("two").text;
    assert!(last.contains("lost=2") && last.contains("`telemetry.otlp_endpoint`"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_and_holds_nobody_up() {
    let (spans, outlet) = outlet();
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.layer()));
    (0..3_000).for_each(|_| turn());
    assert_eq!(outlet.dropped.load(Ordering::Relaxed), 3_000 - 2_048);
    let mut sender = Sender { outlet, client: client(), lost: 0, warned_at: None };
    assert_eq!(sender.gather(&CancellationToken::new()).await.len(), BATCH);
}

#[tokio::test]
async fn spans_have_their_ids_and_only_what_is_listed() {
    let (spans, outlet) = outlet();
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.layer()));
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let empty = tracing::field::Empty;
    let turn = tracing::info_span!("turn", session = %"ses_1", trace, span_id = "0000000000000001",
        parent_id = parent, result = empty, secret = "sesame");
    turn.in_scope(|| {
        tracing::error!("sesame");
        let other = tracing::info_span!("task", name = "sesame").entered();
        let request = tracing::info_span!("request", trace, span_id = "0000000000000002", status = empty, link = empty);
        request.record("status", 503_u64).record("link", format!("00-{trace}-{parent}-01"));
        drop((request, other, tracing::info_span!("request", trace, span_id = Option::<&str>::None)));
    });
    turn.record("result", "answered");
    drop(turn);
    let mut sender = Sender { outlet, client: client(), lost: 0, warned_at: None };
    let batch = sender.gather(&CancellationToken::new()).await;
    let [request, turn] = &batch[..] else { panic!("{batch:#?}") };
    let id = |last: u8| [0, 0, 0, 0, 0, 0, 0, last].to_vec();
    assert_eq!((&request.span_id, &request.parent_span_id, &turn.span_id), (&id(2), &id(1), &id(1)));
    assert_eq!(turn.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!(turn.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
    assert_eq!((request.links[0].span_id.as_slice(), turn.status.is_some()), (turn.parent_span_id.as_slice(), false));
    assert_eq!(request.status.as_ref().map(|status| status.message.as_str()), Some("refused"));
    let keys: Vec<&str> = turn.attributes.iter().map(|known| known.key.as_str()).collect();
    assert_eq!(keys, ["sophon.session", "sophon.result"]);
    assert!(!String::from_utf8_lossy(&encode(batch)).contains("sesame"));
}

fn client() -> reqwest::Client {
    crate::cloud::client(false, Some(REQUEST_TIME)).expect("a client")
}
