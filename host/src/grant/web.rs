//! A request of an agent, as it really is: read as browsers read addresses, and refused where readers could differ.

use super::{HttpAsk, SecretName};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// The longest address, in bytes.
const MAX_URL: usize = 8 << 10;

/// How a host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// In clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// Its name in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is named.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom a request is for: a name in lower-case ASCII without a dot at its end, or an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name, to be resolved by the host and checked address by address.
    Name(String),
    /// An address, to be checked as it is.
    Ip(IpAddr),
}

impl Host {
    /// Reads a host as an address of the web has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a host", crate::text::line(text, 200));
        Self::of(url::Host::parse(text).map_err(|error| format!("{}: {error}", wrong()))?).ok_or_else(wrong)
    }

    fn of(host: url::Host<impl AsRef<str>>) -> Option<Self> {
        match host {
            url::Host::Ipv4(v4) => Some(Self::Ip(v4.into())),
            url::Host::Ipv6(v6) => Some(Self::Ip(v6.into())),
            url::Host::Domain(name) => {
                let name = name.as_ref();
                let name = name.strip_suffix('.').unwrap_or(name);
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
                let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
                (name.len() <= 253 && name.split('.').all(label)).then(|| Self::Name(name.to_owned()))
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(v4)) => v4.fmt(f),
            Self::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
        }
    }
}

/// A method's name in capitals.
///
/// # Errors
/// When it is none, or one that makes a tunnel or shows a request to its sender.
pub fn method(text: &str) -> Result<String, String> {
    let name = text.to_ascii_uppercase();
    let shaped = (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    match name.as_str() {
        "CONNECT" | "TRACE" | "TRACK" => Err(format!("the method {name} is not for agents")),
        _ if shaped => Ok(name),
        _ => Err(format!("`{}` is not a method: write letters, such as GET", crate::text::line(text, 40))),
    }
}

impl HttpAsk {
    /// Reads what an agent wants to send, and which secrets are put into it.
    ///
    /// # Errors
    /// What is wrong with the method or the address, for the agent's author.
    pub fn new(method_text: &str, address: &str, secrets: BTreeSet<SecretName>) -> Result<Self, String> {
        if address.len() > MAX_URL {
            return Err(format!("an address has at most {MAX_URL} bytes, this one {}", address.len()));
        }
        let shown = crate::text::line(address, 200);
        // Readers of addresses drop these, or turn them into slashes, and so would not read what a person sees.
        if address.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(format!("`{shown}` has a blank, a control character or a backslash in it: percent-encode it"));
        }
        let url = url::Url::parse(address).map_err(|error| format!("`{shown}` is not an address: {error}"))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                let other = crate::text::line(other, 20);
                return Err(format!("`{other}` is not a scheme for requests: write http or https"));
            }
        };
        let authority = address.split("//").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
        if authority.is_none_or(|authority| authority.is_empty() || authority.contains('@')) {
            return Err(format!("write `{}://HOST/…`, without user or password", scheme.as_str()));
        }
        let host = url.host().and_then(Host::of).ok_or_else(|| format!("`{shown}` has no host that can be used"))?;
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or("port 0 cannot be reached")?;
        let path = path(url.path())?;
        let query = url.query().map(str::to_owned);
        Ok(Self { method: method(method_text)?, scheme, host, port, path, query, secrets, headers: None, body: None })
    }

    /// Scheme, host, and the port where it is not the scheme's.
    pub fn origin(&self) -> String {
        let Self { scheme, host, port, .. } = self;
        let port = if *port == scheme.port() { String::new() } else { format!(":{port}") };
        format!("{}://{host}{port}", scheme.as_str())
    }

    /// The address that this is, for the connector: what is sent is what was checked.
    pub fn url(&self) -> String {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{query}", self.origin(), self.path)
    }
}

/// A path in the one form that rules see: what need not be percent-encoded is not, the rest is in capitals.
fn path(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let code = code.filter(|_| !rest[at + 1..].starts_with('+'));
        let code = code.ok_or("a `%` in a path begins two hexadecimal digits: write %25 for one")?;
        match code {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(code)),
            _ if code.is_ascii_alphanumeric() => out.push(char::from(code)),
            0..0x20 | 0x7f => return Err("a path has no control characters".to_owned()),
            _ => out.push_str(&format!("%{code:02X}")),
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    if climbs(&out) {
        return Err("a path with `..` behind an encoded slash is refused: servers read it in two ways".to_owned());
    }
    Ok(out)
}

/// Whether some server would read a step upwards in it: behind encoded slashes and before path parameters, too.
fn climbs(path: &str) -> bool {
    let plain = path.replace("%25", "%").replace("%2F", "/").replace("%2f", "/");
    let plain = plain.replace("%5C", "/").replace("%5c", "/").replace("%2E", ".").replace("%2e", ".");
    let step = |segment: &str| {
        let name = segment.split([';', '?', '#']).next().unwrap_or_default();
        matches!(name.split("%3B").next().unwrap_or_default(), "." | "..")
    };
    plain.split('/').any(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(url: &str) -> Result<HttpAsk, String> {
        HttpAsk::new("get", url, BTreeSet::new())
    }

    #[test]
    fn what_readers_could_read_in_two_ways_is_refused() {
        for (url, why) in [
            ("", "not an address"),
            ("example.com/x", "not an address"),
            ("ftp://example.com/", "not a scheme"),
            ("file:///etc/passwd", "not a scheme"),
            ("https://user@example.com/", "without user"),
            ("https://:@example.com/", "without user"),
            ("https://@example.com/", "without user"),
            ("https:example.com", "HOST"),
            ("https:///example.com", "HOST"),
            ("https://example.com:0/", "port 0"),
            ("https://example.com:99999/", "port"),
            ("https://example.com\\@evil.example/", "backslash"),
            ("https://exa\tmple.com/", "control"),
            ("https://example.com/a\r\nHost: x", "control"),
            (" https://example.com/", "blank"),
            ("https://a..b/", "no host"),
            ("https://exa%00mple.com/", "not an address"),
            ("https://example.com/%", "hexadecimal"),
            ("https://example.com/%+1", "hexadecimal"),
            ("https://example.com/%0d%0a", "control"),
            ("https://example.com/v1/..%2fadmin", "`..`"),
            ("https://example.com/v1/..%252fadmin", "`..`"),
            ("https://example.com/v1/..;/admin", "`..`"),
            ("https://example.com/v1/..%5cadmin", "`..`"),
        ] {
            let message = ask(url).expect_err(url);
            assert!(message.contains(why), "{url}: {message}");
        }
        assert!(ask(&format!("https://example.com/{}", "a".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn the_same_request_has_one_form() {
        for (url, is) in [
            ("HTTPS://EXAMPLE.com.:443", "https://example.com/"),
            ("https://example.com/a/../b/./c?q=1#part", "https://example.com/b/c?q=1"),
            ("https://example.com/%7euser/%61%2fb%c3%a9", "https://example.com/~user/a%2Fb%C3%A9"),
            ("https://example.com/a/%2e%2e/b", "https://example.com/b"),
            ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
            ("http://0x7f.1:8080/", "http://127.0.0.1:8080/"),
            ("http://[::FFFF:7f00:1]/", "http://[::ffff:127.0.0.1]/"),
        ] {
            assert_eq!(ask(url).expect(url).url(), is, "{url}");
        }
    }

    #[test]
    fn methods_that_tunnel_or_split_are_refused() {
        for bad in ["", "CONNECT", "trace", "GET /x", "GET\r\n", "G\u{c9}T", "AAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(method(bad).is_err(), "{bad:?}");
        }
        assert_eq!(method("patch"), Ok("PATCH".to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_read_reads_the_same(url in "https?://[a-z0-9.]{1,8}(:[0-9]{1,5})?/[a-z%2eEfF./;?=#~é]{0,16}") {
            if let Ok(first) = ask(&url) {
                prop_assert_eq!(ask(&first.url()), Ok(first));
            }
        }
    }
}
