//! The connector against servers and names of the test.

mod proxy;
mod tls;

use super::*;
use crate::approval::{Client, Office};
use crate::capability::closed::Nobody;
use crate::capability::{Door, Keys, Refusal};
use crate::grant::{Effect, Rule, Want};
use crate::store::{Durability, Store};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Names of the test: what each stands for, and another thing whenever it is asked again.
pub(crate) struct Names(pub(crate) Vec<(&'static str, Vec<&'static str>)>, pub(crate) AtomicUsize);

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str, port: u16) -> Addresses<'a> {
        Box::pin(async move {
            let time = self.1.fetch_add(1, Ordering::Relaxed);
            let known = self.0.iter().find(|(known, _)| *known == name);
            let (_, answers) = known.ok_or_else(|| io::Error::other("no such name"))?;
            let answer = answers[time.min(answers.len() - 1)].split(' ');
            Ok(answer.map(|ip| SocketAddr::new(ip.parse().expect(ip), port)).collect())
        })
    }
}

/// A resolver that never answers.
pub(crate) struct Silent;

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Addresses<'a> {
        Box::pin(std::future::pending())
    }
}

pub(crate) struct Turn {
    pub(crate) web: Arc<Web>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

/// A turn whose requests are allowed, and may reach these networks besides public ones.
pub(crate) fn turn(names: impl Resolve + 'static, named: &[&str]) -> Turn {
    turn_by(Connector::new(Box::new(names)), named)
}

/// The same with a connector of the test.
fn turn_by(connector: Connector, named: &[&str]) -> Turn {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("host.db"), Durability::Process).expect("opens");
    let pattern: crate::grant::Pattern = "http *://*:*/*".parse().expect("a pattern");
    let want = Want { pattern: pattern.clone(), why: String::new(), memory: None };
    let rule = Rule {
        effect: Effect::Allow,
        agent: "*".parse().expect("a name"),
        pattern,
        addresses: named.iter().map(|net| net.parse().expect("a network")).collect(),
        network: false,
        reads: vec![],
        place: "the rule of the test".to_owned(),
    };
    let client = Client::of_a_test(vec![want]);
    let door = Door::new(Arc::new(Office::new(vec![rule], store)), client, Arc::new(Nobody), Arc::new(Nobody), 10);
    let stop = CancellationToken::new();
    let web = Web::new(Arc::new(connector), Keys::default(), Arc::new(door), stop.clone());
    Turn { web: Arc::new(web), stop, _folder: folder }
}

impl Turn {
    async fn get(&self, url: &str) -> Result<Response, Refusal> {
        let request = Request { method: "GET".to_owned(), url: url.to_owned(), ..Request::default() };
        self.web.start(request)?.finish().await
    }

    async fn refusal(&self, url: &str) -> String {
        match self.get(url).await {
            Ok(response) => panic!("{url} answered {}", response.status()),
            Err(refusal) => refusal.to_string(),
        }
    }
}

/// A server that sends these bytes to whoever asks, and then closes, or waits for the other to.
pub(crate) async fn server(bytes: Vec<u8>, holds: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    crate::tasks::spawn("server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            crate::tasks::spawn("connection", async move {
                let mut asked = [0; 4_096];
                // Clients of these tests go away at any time.
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(&bytes).await;
                while holds && stream.read(&mut asked).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    addr
}

pub(crate) const HERE: &[&str] = &["127.0.0.0/8"];

fn none() -> Names {
    Names(vec![], AtomicUsize::new(0))
}

#[tokio::test]
async fn names_that_stand_for_inner_addresses_are_refused_whatever_else_they_stand_for() {
    let names = [
        ("loop.example", "127.0.0.1"),
        ("metadata.example", "169.254.169.254"),
        ("mapped.example", "::ffff:10.0.0.1"),
        ("mixed.example", "93.184.216.34 192.168.0.1"),
        ("sixtofour.example", "2002:7f00:1::"),
    ];
    let names = names.into_iter().map(|(name, ip)| (name, vec![ip])).collect();
    let turn = turn(Names(names, AtomicUsize::new(0)), &[]);
    for name in ["loop", "metadata", "mapped", "mixed", "sixtofour"] {
        let why = turn.refusal(&format!("http://{name}.example/")).await;
        assert!(why.contains("the egress check") && !why.contains("192.168") && !why.contains("10.0.0.1"), "{why}");
    }
    for url in [
        "http://127.0.0.1:1/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2130706433/",
    ] {
        assert!(turn.refusal(url).await.contains("the egress check"), "{url}");
    }
    assert!(turn.refusal("http://unknown.example/").await.contains("cannot find unknown.example: no such name"));
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_asked_once_and_what_was_checked_is_connected_to() {
    let addr = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec(), false).await;
    let names = Names(vec![("turn.example", vec!["127.0.0.1", "169.254.169.254"])], AtomicUsize::new(0));
    let turn = turn(names, HERE);
    let url = format!("http://turn.example:{}/", addr.port());
    let mut response = turn.get(&url).await.expect("the first answer is allowed");
    assert_eq!(response.read(100).await.expect("read"), "hi");
    assert!(turn.refusal(&url).await.contains("where a cloud tells machines"));
}

#[tokio::test]
async fn answers_that_are_none_are_told_in_words() {
    let long = [b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'a'; 70_000], b"\r\n\r\n".to_vec()].concat();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(300)).into_bytes();
    let both = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_vec();
    let turn = turn(none(), HERE);
    for (bytes, why) in [
        (Vec::new(), "closed the connection before its answer was whole"),
        (b"HTTP/1.1 200 OK\r\n".to_vec(), "closed the connection before its answer was whole"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "answered something that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n".to_vec(), "answered something that is not HTTP"),
        (both, "answered something that is not HTTP"),
        (long, "answered with a head that is too large"),
        (many, "answered with a head that is too large"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".to_vec(), "another protocol"),
    ] {
        let addr = server(bytes.clone(), false).await;
        let said = turn.refusal(&format!("http://{addr}/")).await;
        assert!(said.contains(why), "{} gives {said}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
    }
    assert!(turn.refusal("http://127.0.0.1:1/").await.contains("nothing listens there"));
    let plain = server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), false).await;
    assert!(turn.refusal(&format!("https://{plain}/")).await.contains("over TLS"));
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_taken_for_whole() {
    let addr = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(), false).await;
    let turn = turn(none(), HERE);
    let mut response = turn.get(&format!("http://{addr}/")).await.expect("a head");
    assert_eq!(response.read(2).await.expect("read"), "ha");
    assert_eq!(response.read(100).await.expect("read"), "lf");
    let refusal = response.read(100).await.expect_err("it is not whole").to_string();
    assert!(refusal.contains("closed the connection before its answer was whole"), "{refusal}");
    assert!(matches!(response.read(0).await, Err(Fault { kind: Kind::Invalid, .. })));
}

#[tokio::test]
async fn without_a_word_of_the_agent_ten_seconds_are_for_the_connection_and_sixty_for_the_head() {
    let turn = turn(Silent, HERE);
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = silent.local_addr().expect("an address");
    for (scheme, words) in
        [("https", "cannot connect to 127.0.0.1 within 10 s"), ("http", "did not answer within 60 s")]
    {
        let url = format!("{scheme}://{addr}/");
        let asked = turn.web.start(Request { method: "GET".to_owned(), url, ..Request::default() }).expect("started");
        // It is taken, and nothing is ever said. Time stands from then on, as the records before have threads of their own.
        let _held = silent.accept().await.expect("a connection");
        tokio::time::pause();
        let why = asked.finish().await.map(|answer| answer.status()).expect_err("silence").to_string();
        assert!(why.contains(words), "{words} is not in: {why}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn who_is_slow_is_given_up_in_time() {
    // Started before time stands: the records have threads of their own.
    let turn = turn(Silent, HERE);
    let silent = server(Vec::new(), true).await;
    let stuck = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec(), true).await;
    let mut half = turn.get(&format!("http://{stuck}/")).await.expect("a head");
    let request = Request {
        method: "GET".to_owned(),
        url: format!("http://{silent}/"),
        timeout: Some(Duration::from_millis(5)),
        ..Request::default()
    };
    let late = turn.web.start(request).expect("started").finish().await;
    assert!(matches!(&late, Err(Refusal::Unavailable(why)) if why.contains("did not answer within 5 ms")));
    tokio::time::pause();
    let why = half.read(1).await.expect_err("nothing comes").to_string();
    assert!(why.contains("sent nothing more for 60 s"), "{why}");
}

#[tokio::test]
async fn answers_that_are_not_read_hold_their_connections_and_there_are_sixteen() {
    let turn = turn(none(), HERE);
    let stuck = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec(), true).await;
    let (url, mut held) = (format!("http://{stuck}/"), Vec::new());
    for _ in 0..16 {
        held.push(turn.get(&url).await.expect("a head"));
    }
    // Nobody closes one: the time that is waited for that passes at once.
    tokio::time::pause();
    let why = turn.refusal(&url).await;
    assert!(why.contains("at most 16 connections at once; read or drop some answers"), "{why}");
    tokio::time::resume();
    held.pop();
    assert_eq!(turn.get(&url).await.expect("there is room again").status(), 200);
}

#[tokio::test]
async fn a_turn_that_stops_gets_no_more_of_what_it_reads_and_starts_nothing() {
    let addr = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec(), true).await;
    let turn = turn(none(), HERE);
    let mut response = turn.get(&format!("http://{addr}/")).await.expect("a head");
    let (read, ()) = tokio::join!(response.read(1), async { turn.stop.cancel() });
    assert_eq!(read, Err(Refusal::Cancelled.into()));
    assert_eq!(turn.get("http://127.0.0.1/").await.map(|response| response.status()), Err(Refusal::Cancelled));
}

#[test]
fn what_others_refuse_is_refused_here() {
    let table = include_str!("../../../../tests/egress/addresses.tsv");
    let mut urls = 0;
    for line in table.lines().filter(|line| line.starts_with("url\t")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let request = Request { method: "GET".to_owned(), url: fields[1].to_owned(), ..Request::default() };
        let verdict = match request.check(&Keys::default()) {
            Err(_) => "invalid",
            Ok(checked) if super::connect::check_literal(&checked.ask, &[]).is_err() => "refused",
            Ok(checked) if matches!(checked.ask.host, crate::grant::Host::Name(_)) => "name",
            Ok(_) => "public",
        };
        assert_eq!(verdict, fields[2], "{line}");
        urls += 1;
    }
    assert!(urls > 30, "{urls} URLs");
}
