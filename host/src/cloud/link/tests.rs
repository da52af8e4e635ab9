//! When the link is told to dial again.

use super::*;
use futures_util::SinkExt as _;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

fn token() -> Token {
    Token::parse("inst_1:s_test_0123456789abcdef", "test").expect("a token")
}

/// Takes one connection and says that it is ready.
async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.expect("a dial");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("an upgrade");
    let ready = json!({ "type": "ready", "installation_id": "inst_1" }).to_string();
    socket.send(Message::text(ready)).await.expect("the link reads");
    socket
}

#[tokio::test]
async fn a_connection_that_stands_is_given_up_and_dialled_anew_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = CloudUrl::parse(&format!("http://{}", listener.local_addr().expect("bound"))).expect("an address");
    let (link, mut events) = Link::start(url, token(), Reached::default(), Arc::new(()));
    let _first = accept(&listener).await;
    assert!(matches!(events.recv().await, Some(LinkEvent::Ready { .. })));
    link.redial();
    let Some(LinkEvent::Down { cause, reason, retry_in }) = events.recv().await else { panic!("it went on") };
    assert_eq!((cause, reason.as_str(), retry_in), (Cause::Wake, "told to dial again", Duration::ZERO));
    let _second = accept(&listener).await;
    assert!(matches!(events.recv().await, Some(LinkEvent::Ready { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_wait_before_the_next_dial_is_cut_short_and_begins_small_again() {
    // Nobody listens on port 1: every dial fails at once.
    let (link, mut events) = Link::start(
        CloudUrl::parse("http://127.0.0.1:1").expect("an address"),
        token(),
        Reached::default(),
        Arc::new(()),
    );
    for _ in 0..5 {
        assert!(matches!(events.recv().await, Some(LinkEvent::Down { .. })));
    }
    link.redial();
    // The dial that was being waited for may itself be the one that is cut.
    loop {
        let Some(LinkEvent::Down { retry_in, .. }) = events.recv().await else { panic!("the link has stopped") };
        if !retry_in.is_zero() {
            assert!(retry_in <= Duration::from_millis(1_250), "{retry_in:?}");
            return;
        }
    }
}
