//! TLS to where agents send requests: whom the connector believes, with authorities of the test.

use super::*;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Who vouches for servers.
struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    let root = params.self_signed(&key).expect("signed").der().clone();
    Authority { root, issuer: Issuer::new(params, key) }
}

impl Authority {
    /// A server for these names whose certificate ends with that year; it counts what it is asked, and answers "hi".
    async fn server(&self, names: &[&str], last_year: i32) -> (SocketAddr, Arc<AtomicUsize>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = date_time_ymd(2_000, 1, 1);
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_no_client_auth();
        let config = builder.with_single_cert(vec![certificate], key).expect("a certificate with its key");
        let (acceptor, asked) = (TlsAcceptor::from(Arc::new(config)), Arc::<AtomicUsize>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (addr, count) = (listener.local_addr().expect("an address"), asked.clone());
        crate::tasks::spawn("server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Clients that do not believe it go away.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut asked = [0; 4_096];
                if stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    count.fetch_add(1, Ordering::Relaxed);
                    // As above.
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        (addr, asked)
    }
}

/// A turn whose connector believes these only. All names stand for this machine.
fn believing(authorities: &[&Authority]) -> Turn {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.root.clone()).expect("a root");
    }
    let names =
        Names(vec![("good.example", vec!["127.0.0.1"]), ("other.example", vec!["127.0.0.1"])], AtomicUsize::new(0));
    turn_by(Connector::with_roots(Box::new(names), roots), HERE)
}

impl Turn {
    /// What kind of failure a request comes to.
    async fn fault(&self, url: String) -> (Kind, String) {
        let request = Request { method: "GET".to_owned(), url: url.clone(), ..Request::default() };
        match self.web.draft().expect("room").send(request).await {
            Ok(answer) => panic!("{url} answered {}", answer.status()),
            Err(fault) => (fault.kind, fault.to_string()),
        }
    }
}

#[tokio::test]
async fn who_shows_a_good_certificate_is_believed() {
    let authority = authority("known");
    let ((addr, asked), turn) = (authority.server(&["good.example"], 2_200).await, believing(&[&authority]));
    let mut answer = turn.get(&format!("https://good.example:{}/", addr.port())).await.expect("an answer");
    assert_eq!(answer.read(100).await.expect("read"), "hi");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn who_shows_none_that_holds_is_asked_nothing() {
    let (known, unknown) = (authority("known"), authority("unknown"));
    let turn = believing(&[&known]);
    let good = known.server(&["good.example"], 2_200).await;
    let expired = known.server(&["good.example"], 2_020).await;
    let stranger = unknown.server(&["good.example"], 2_200).await;
    for (name, server, why) in [
        ("other.example", &good, "not valid for name"),
        ("127.0.0.1", &good, "not valid for name"),
        ("good.example", &expired, "expired"),
        ("good.example", &stranger, "UnknownIssuer"),
    ] {
        let (kind, words) = turn.fault(format!("https://{name}:{}/", server.0.port())).await;
        assert_eq!(kind, Kind::Certificate, "{words}");
        assert!(words.contains("over TLS") && words.contains(why), "{name} {why}: {words}");
    }
    for (_, asked) in [good, expired, stranger] {
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn clear_text_and_tls_are_not_taken_for_each_other() {
    let authority = authority("known");
    let ((addr, asked), turn) = (authority.server(&["good.example"], 2_200).await, believing(&[&authority]));
    let plain = server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), false).await;
    let (kind, words) = turn.fault(format!("https://good.example:{}/", plain.port())).await;
    assert_eq!(kind, Kind::Tls, "{words}");
    let (kind, words) = turn.fault(format!("http://good.example:{}/", addr.port())).await;
    assert!(matches!(kind, Kind::Protocol | Kind::Incomplete), "{words}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
