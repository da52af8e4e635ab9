//! `[http]` of `sophon-host.toml`: the proxy that requests of agents go through, if any.

use super::file::invalid;
use super::{ConfigError, Environment};
use http::Uri;
use http::uri::InvalidUri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use serde::Deserialize;
use std::sync::Arc;

/// What stands in place of an address for the variables of the environment.
const ENVIRONMENT: &str = "environment";

/// The proxies of agents' requests, and what is reached without one.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig(Option<Arc<Matcher>>);

/// The variables that most programs read, as they are. They may hold passwords.
#[derive(Clone, Default)]
pub struct ProxyVariables {
    /// `HTTP_PROXY` and `http_proxy`.
    pub http: String,
    /// `HTTPS_PROXY` and `https_proxy`.
    pub https: String,
    /// `ALL_PROXY` and `all_proxy`.
    pub all: String,
    /// `NO_PROXY` and `no_proxy`.
    pub no: String,
}

/// `[http]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpTable {
    proxy: Option<String>,
    no_proxy: Vec<String>,
}

impl ProxyConfig {
    /// The proxy for an address, which is asked for only where there is any proxy.
    ///
    /// # Errors
    /// When the address is none.
    pub fn of(&self, url: impl FnOnce() -> String) -> Result<Option<Intercept>, InvalidUri> {
        let Some(matcher) = &self.0 else { return Ok(None) };
        Ok(matcher.intercept(&Uri::try_from(url())?))
    }
}

#[cfg(test)]
impl ProxyConfig {
    /// One for all addresses.
    pub(crate) fn through(address: &str) -> Self {
        Self(Some(Arc::new(Matcher::builder().all(address).build())))
    }
}

impl HttpTable {
    pub(super) fn checked(self, environment: &Environment) -> Result<ProxyConfig, ConfigError> {
        let direct = direct(&self.no_proxy).map_err(|why| invalid("http.no_proxy", why))?;
        let variables = match self.proxy.as_deref() {
            None if direct.is_empty() => return Ok(ProxyConfig::default()),
            None => return Err(invalid("http.no_proxy", "there is no `http.proxy`".to_owned())),
            Some(ENVIRONMENT) => {
                let variables = environment.proxies.expose().clone();
                variables.check().map_err(|(name, why)| invalid(name, why))?;
                variables
            }
            Some(address) => {
                let all = check(address, false).map_err(|why| invalid("http.proxy", why))?;
                ProxyVariables { all, ..ProxyVariables::default() }
            }
        };
        let no = [variables.no.as_str(), &direct].join(",");
        let matcher = Matcher::builder().http(variables.http).https(variables.https).all(variables.all).no(no).build();
        Ok(ProxyConfig(Some(Arc::new(matcher))))
    }
}

impl ProxyVariables {
    /// # Errors
    /// The variable that is wrong, and why, without its value.
    fn check(&self) -> Result<(), (&'static str, String)> {
        for (name, value) in [("HTTP_PROXY", &self.http), ("HTTPS_PROXY", &self.https), ("ALL_PROXY", &self.all)] {
            if !value.is_empty() {
                check(value, true).map_err(|why| (name, why))?;
            }
        }
        Ok(())
    }
}

/// Reads a proxy's address. A file may be read by others, so no password is taken from there; and what may hold one is not
/// shown.
fn check(address: &str, may_hold_password: bool) -> Result<String, String> {
    let shown =
        if may_hold_password { "its value".to_owned() } else { format!("`{}`", crate::text::line(address, 200)) };
    let wrong = |what: &str| format!("{shown} {what}; write such as http://proxy.example:3128");
    // As other programs read such variables, which often have no scheme.
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let uri: Uri = whole.parse().map_err(|_| wrong("is not an address"))?;
    let (scheme, authority) = (uri.scheme_str(), uri.authority().map_or("", |authority| authority.as_str()));
    if authority.contains('@') && !may_hold_password {
        let why = "an address with a user or password in it is refused: put it into HTTPS_PROXY and HTTP_PROXY of the \
                   environment, and write `proxy = \"environment\"`";
        return Err(why.to_owned());
    }
    if !matches!(scheme, Some("http" | "https")) {
        return Err(wrong("is of a kind that is not spoken here"));
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(wrong("is more, or less, than scheme, host and port"));
    }
    Ok(whole)
}

/// Hosts, and networks, that are reached without a proxy.
fn direct(hosts: &[String]) -> Result<String, String> {
    let plain = |host: &&String| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    match hosts.iter().find(|host| !plain(host)) {
        Some(host) => {
            let shown = crate::text::line(host, 200);
            Err(format!("`{shown}` is not a host; write such as \"intranet.example\" or \"10.0.0.0/8\""))
        }
        None => Ok(hosts.join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn read(text: &str, environment: &Environment) -> Result<ProxyConfig, String> {
        let table: HttpTable = toml::from_str(text).expect(text);
        table.checked(environment).map_err(|error| error.to_string())
    }

    fn proxy(config: &ProxyConfig, url: &'static str) -> Option<String> {
        config.of(|| url.to_owned()).expect("an address").map(|proxy| proxy.uri().to_string())
    }

    fn environment() -> Environment {
        let variables = ProxyVariables {
            https: "http://me:sesame@secure.example:1".to_owned(),
            all: "other.example:2".to_owned(),
            no: "direct.example".to_owned(),
            ..ProxyVariables::default()
        };
        Environment { proxies: Secret::new(variables), ..Environment::default() }
    }

    #[test]
    fn the_environment_has_a_say_only_where_the_file_says_so() {
        assert_eq!(proxy(&read("", &environment()).expect("valid"), "https://a.example/"), None);
        let own = read("proxy = \"http://p.example:8\"\nno_proxy = [\"b.example\"]", &environment()).expect("valid");
        assert_eq!(proxy(&own, "https://a.example/").as_deref(), Some("http://p.example:8/"));
        assert_eq!(proxy(&own, "http://direct.example/").as_deref(), Some("http://p.example:8/"));
        assert_eq!(proxy(&own, "http://x.b.example/"), None);
        let theirs = read("proxy = \"environment\"\nno_proxy = [\"10.0.0.0/8\"]", &environment()).expect("valid");
        assert_eq!(proxy(&theirs, "https://a.example/").as_deref(), Some("http://secure.example:1/"));
        assert_eq!(proxy(&theirs, "http://a.example/").as_deref(), Some("http://other.example:2/"));
        assert_eq!(proxy(&theirs, "http://10.1.2.3/"), None);
        assert_eq!(proxy(&theirs, "https://direct.example/"), None);
        assert!(!format!("{theirs:?} {:?}", environment()).contains("sesame"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_no_password_is_shown() {
        for (text, part) in [
            ("proxy = \"socks5://p.example\"", "`socks5://p.example` is of a kind"),
            ("proxy = \"http://me:sesame@p.example\"", "password"),
            ("proxy = \"http://p.example/path\"", "more, or less"),
            ("proxy = \"http://\"", "http.proxy"),
            ("proxy = \"\"", "http.proxy"),
            ("proxy = \"p.example\"\nno_proxy = [\"a,b\"]", "`a,b` is not a host"),
            ("no_proxy = [\"a.example\"]", "there is no `http.proxy`"),
        ] {
            let why = read(text, &environment()).expect_err(text);
            assert!(why.contains(part) && !why.contains("sesame"), "{part} is not in: {why}");
        }
        let variables = ProxyVariables { https: "socks5://me:sesame@p".to_owned(), ..ProxyVariables::default() };
        let environment = Environment { proxies: Secret::new(variables), ..Environment::default() };
        let why = read("proxy = \"environment\"", &environment).expect_err("of a kind");
        assert!(why.contains("HTTPS_PROXY") && !why.contains("sesame"), "{why}");
    }
}
