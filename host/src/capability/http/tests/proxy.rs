//! Requests by way of a proxy of the test.

use super::super::exchange::Connector;
use super::*;
use crate::config::ProxyConfig;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A proxy that answers this to whoever wants to be connected, and then carries to there; what it was told.
async fn proxy(answer: &'static str, to: SocketAddr) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let (told, heard) = mpsc::channel(16);
    crate::tasks::spawn("proxy of the test", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.expect("a head"));
            }
            told.send(String::from_utf8(head).expect("text")).await.expect("heard");
            stream.write_all(answer.as_bytes()).await.expect("taken");
            let mut site = TcpStream::connect(to).await.expect("there");
            // Either side goes away when it likes.
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut site).await;
        }
    });
    (addr, heard)
}

fn names() -> Names {
    let known = vec![("open.example", vec!["93.184.216.34"]), ("inner.example", vec!["10.0.0.1"])];
    Names(known, AtomicUsize::new(0))
}

fn through(address: &str) -> Connector {
    Connector::new(Box::new(names())).by(ProxyConfig::through(address))
}

#[tokio::test]
async fn a_proxy_is_told_the_checked_address_and_nothing_of_the_request() {
    let site = server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_vec(), true).await;
    let (proxy, mut heard) = proxy("HTTP/1.1 200 Connected\r\n\r\n", site).await;
    let turn = turn_by(through(&format!("http://me:sesame@{proxy}")), &[]);
    let mut answer = turn.get("http://open.example/secret/path").await.expect("an answer");
    assert_eq!((answer.status(), &*answer.read(9).await.expect("read")), (200, &b"hello"[..]));
    let told = heard.recv().await.expect("told");
    assert!(told.starts_with("CONNECT 93.184.216.34:80 HTTP/1.1\r\n"), "{told}");
    assert!(told.contains("\r\nproxy-authorization: Basic bWU6c2VzYW1l\r\n"), "{told}");
    assert!(!told.contains("secret") && !told.contains("open.example"), "{told}");
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_reached_by_a_proxy_either() {
    let site = server(Vec::new(), false).await;
    let (proxy, mut heard) = proxy("HTTP/1.1 200 Connected\r\n\r\n", site).await;
    let turn = turn_by(through(&format!("http://{proxy}")), &[]);
    for url in ["http://inner.example/", "http://127.0.0.1/", "https://169.254.169.254/"] {
        assert!(turn.refusal(url).await.contains("the egress check"), "{url}");
    }
    assert!(heard.try_recv().is_err(), "the proxy was asked");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_none_is_told_by_its_name_and_without_its_password() {
    let site = server(Vec::new(), false).await;
    for (answer, part) in [
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            "it does not connect to 93.184.216.34:80, and says 403",
        ),
        ("220 mail.example ESMTP\r\n\r\n", "by the proxy 127.0.0.1:"),
    ] {
        let (proxy, _heard) = proxy(answer, site).await;
        let turn = turn_by(through(&format!("http://me:sesame@{proxy}")), &[]);
        let why = turn.refusal("http://open.example/").await;
        assert!(why.contains("cannot connect to open.example") && why.contains(part), "{why}");
        assert!(why.contains("by the proxy") && !why.contains("sesame"), "{why}");
    }
    let turn = turn_by(through("http://127.0.0.1:1"), &[]);
    let why = turn.refusal("http://open.example/").await;
    assert!(why.contains("by the proxy 127.0.0.1:1: nothing listens there"), "{why}");
}
