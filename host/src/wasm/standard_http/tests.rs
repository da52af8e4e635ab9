//! Requests by the standard against servers and names of the test. What guests see of them is in the scenarios.

use super::*;
use crate::capability::http::tests::{HERE, Names, Silent, Turn, server, turn};
use bytes::Bytes;
use http_body_util::{Full, StreamBody};
use hyper::body::Frame;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

fn hooks(turn: &Turn) -> Hooks {
    Hooks { web: turn.web.clone(), calls: Calls::new(10), agent: "probe".into(), told: Arc::default() }
}

/// A request with this body.
fn request(url: &str, body: WasiBody) -> http::Request<WasiBody> {
    http::Request::builder().method("POST").uri(url).body(body).expect("a request")
}

fn bytes(body: Vec<u8>) -> WasiBody {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()
}

/// The body of the answer, or why there is none.
async fn ask(turn: &Turn, request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Result<Bytes, Error> {
    let sent = hooks(turn).send_request(request, options, Box::new(async { Ok(()) }));
    let (answer, _) = Box::into_pin(sent).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}

async fn get(turn: &Turn, url: &str) -> Result<Bytes, Error> {
    ask(turn, request(url, bytes(vec![])), None).await
}

#[tokio::test]
async fn a_name_is_resolved_once_and_what_was_checked_is_connected_to() {
    let addr = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec(), false).await;
    let names =
        [("turn.example", vec!["127.0.0.1", "169.254.169.254"]), ("mixed.example", vec!["8.8.8.8 192.168.0.1"])];
    let turn = turn(Names(names.into(), AtomicUsize::new(0)), HERE);
    let url = format!("http://turn.example:{}/", addr.port());
    assert_eq!(get(&turn, &url).await.expect("the first answer is allowed"), "hi");
    assert!(matches!(get(&turn, &url).await, Err(Error::DestinationIpProhibited)));
    assert!(matches!(get(&turn, "http://mixed.example/").await, Err(Error::DestinationIpProhibited)));
    assert!(matches!(get(&turn, "http://unknown.example/").await, Err(Error::DnsError { .. })));
}

#[tokio::test]
async fn the_guests_times_hold_where_they_are_shorter() {
    let (turn, moment) = (turn(Silent, HERE), Some(Duration::from_millis(5)));
    let options = RequestOptions { connect_timeout: moment, ..RequestOptions::default() };
    let told = ask(&turn, request("http://a.example/", bytes(vec![])), Some(options)).await;
    assert!(matches!(told, Err(Error::ConnectionTimeout)), "{told:?}");
    let silent = server(Vec::new(), true).await;
    let options = RequestOptions { first_byte_timeout: moment, ..RequestOptions::default() };
    let told = ask(&turn, request(&format!("http://{silent}/"), bytes(vec![])), Some(options)).await;
    assert!(matches!(told, Err(Error::HttpResponseTimeout)), "{told:?}");
}

#[tokio::test]
async fn a_body_is_taken_whole_and_as_long_as_it_says() {
    let turn = turn(Silent, HERE);
    let url = "http://127.0.0.1:1/";
    let told = ask(&turn, request(url, bytes(vec![0; (8 << 20) + 1])), None).await;
    assert!(matches!(told, Err(Error::HttpRequestBodySize(_))), "{told:?}");
    let mut longer = request(url, bytes(vec![0; 4]));
    longer.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("5"));
    let told = ask(&turn, longer, None).await;
    assert!(matches!(told, Err(Error::HttpRequestBodySize(Some(4)))), "{told:?}");
    let trailers = futures_util::stream::iter([Ok(Frame::trailers(http::HeaderMap::new()))]);
    let told = ask(&turn, request(url, StreamBody::new(trailers).boxed_unsync()), None).await;
    assert!(matches!(told, Err(Error::HttpRequestTrailerSectionSize(_))), "{told:?}");
    let broken = futures_util::stream::iter([Err(Error::HttpProtocolError)]);
    let told = ask(&turn, request(url, StreamBody::new(broken).boxed_unsync()), None).await;
    assert!(matches!(told, Err(Error::HttpProtocolError)), "{told:?}");
}

#[test]
fn a_guest_sets_what_it_may_say() {
    for name in ["host", "transfer-encoding", "connection", "te", "expect", "via", "upgrade", "trailer"] {
        assert!(is_forbidden(&http::HeaderName::from_static(name)), "{name}");
    }
    for name in ["content-length", "authorization", "x-mine", "content-type"] {
        assert!(!is_forbidden(&http::HeaderName::from_static(name)), "{name}");
    }
}

#[test]
fn who_asked_too_often_makes_no_further_call() {
    let calls = Calls::new(1);
    assert!(calls.clone().enter().is_ok());
    assert!(calls.enter().is_err_and(|error| error.is::<crate::wasm::Breach>()));
    let calls = Calls::new(9);
    calls.end_by(End::Asked);
    let breach = calls.enter().expect_err("it is to end");
    assert_eq!(breach.downcast_ref::<crate::wasm::Breach>(), Some(&crate::wasm::Breach::Asks));
    let calls = Calls::new(9);
    calls.end_by(End::Denied);
    assert!(calls.enter().expect_err("it is to end").to_string().contains("denied"));
}
