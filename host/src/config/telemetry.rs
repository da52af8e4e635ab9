//! Where traces are exported to, if anywhere: the file first, then the variables that all OpenTelemetry programs read.

use super::{Environment, Secret};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// The variable with the collector's address.
pub(super) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// The variable with headers for it.
pub(super) const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// What is appended to a collector's address for traces.
const PATH: &str = "/v1/traces";
/// Headers that are ours to set.
const OURS: [&str; 3] = ["content-type", "content-length", "host"];

/// A collector that takes OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Where traces are posted.
    pub url: String,
    /// Whether it is reached over TLS.
    pub is_secure: bool,
    /// What lets us in there.
    pub headers: Secret<HeaderMap>,
}

impl Collector {
    /// The one that is configured. An error names the key or the variable, and shows no header's value.
    pub(super) fn find(file: Option<&str>, environment: &Environment) -> Result<Option<Self>, (&'static str, String)> {
        let (place, endpoint) = match (file, &environment.otlp_endpoint) {
            (Some(endpoint), _) => ("telemetry.otlp_endpoint", endpoint),
            (None, Some(endpoint)) => (ENDPOINT, endpoint.as_str()),
            (None, None) => return Ok(None),
        };
        let (url, is_secure) = address(endpoint).map_err(|message| (place, message))?;
        let headers = environment.otlp_headers.as_ref().map(|all| headers(all.expose())).transpose();
        let headers = Secret::new(headers.map_err(|message| (HEADERS, message))?.unwrap_or_default());
        Ok(Some(Self { url, is_secure, headers }))
    }
}

/// The address for traces, and whether it is secure. Plain `http` is for this machine only, as for the cloud: headers
/// that let us in must not cross a network in clear.
fn address(text: &str) -> Result<(String, bool), String> {
    let shown = crate::text::line(text, 200);
    let uri: Uri = text.parse().map_err(|error| format!("`{shown}` is not an address: {error}"))?;
    let host = uri.host().ok_or_else(|| format!("`{shown}` names no host; write http://127.0.0.1:4318"))?;
    let local = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("an address with a user or password in it is refused; put what lets in into {HEADERS}"));
    }
    if uri.query().is_some() {
        return Err(format!("`{shown}` has a query; write only scheme, host, port and path"));
    }
    let is_secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if local => false,
        Some("http") => return Err(format!("`{shown}` would send traces in clear; write https://")),
        _ => return Err(format!("`{shown}` must begin with https://")),
    };
    Ok((format!("{}{PATH}", uri.to_string().trim_end_matches('/')), is_secure))
}

/// `key=value,key=value`, values percent-encoded.
fn headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (place, pair) in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).enumerate() {
        let wrong = |what: &str| format!("entry {} {what}; write key=value,key=value", place + 1);
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong("has no header's name"))?;
        if OURS.contains(&name.as_str()) {
            return Err(wrong("is a header that the host sets itself"));
        }
        let mut value =
            HeaderValue::from_bytes(&decode(value.trim())).map_err(|_| wrong("has a value that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Undoes percent encoding. What is not valid stays as it is.
fn decode(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.extend(hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low));
                rest = after;
            }
            _ => out.push(*first),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(endpoint: Option<&str>, headers: Option<&str>) -> Environment {
        let otlp_headers = headers.map(|headers| Secret::new(headers.to_owned()));
        Environment { otlp_endpoint: endpoint.map(str::to_owned), otlp_headers, ..Environment::default() }
    }

    #[test]
    fn the_file_comes_before_the_environment_and_neither_is_needed() {
        let both = environment(Some("http://localhost:1"), Some("api-key=a%20b%2C, x=%zz"));
        let from_file = Collector::find(Some("https://o.example/otlp/"), &both).expect("valid").expect("set");
        assert_eq!((from_file.url.as_str(), from_file.is_secure), ("https://o.example/otlp/v1/traces", true));
        assert_eq!(from_file.headers.expose()["api-key"], "a b,");
        assert_eq!(from_file.headers.expose()["x"], "%zz");
        let from_environment = Collector::find(None, &both).expect("valid").expect("set");
        assert_eq!(
            (from_environment.url.as_str(), from_environment.is_secure),
            ("http://localhost:1/v1/traces", false)
        );
        assert!(Collector::find(None, &environment(None, Some("broken"))).expect("not looked at").is_none());
    }

    #[test]
    fn bad_values_are_told_with_their_place_and_without_the_secret() {
        for (endpoint, part) in [
            ("http://collector:4318", "in clear"),
            ("https://me:sesame@collector", "password"),
            ("https://collector/?key=sesame", "query"),
            ("ftp://127.0.0.1", "must begin"),
            ("/v1", "names no host"),
        ] {
            let (place, message) = Collector::find(None, &environment(Some(endpoint), None)).expect_err(endpoint);
            assert!(place == ENDPOINT && message.contains(part), "{endpoint}: {message}");
        }
        for bad in ["sesame", "a b=sesame", "k=sesame%0a", "host=sesame", "x=1,=sesame"] {
            let found = Collector::find(Some("http://127.0.0.1:4318"), &environment(None, Some(bad)));
            let (place, message) = found.expect_err(bad);
            assert!(place == HEADERS && !message.contains("sesame") && message.contains("entry"), "{message}");
        }
    }
}
