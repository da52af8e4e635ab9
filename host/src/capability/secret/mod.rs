//! Secrets: agents write their names, the host puts the values in, only for the hosts that the operator tied them to.
//!
//! A value may go into a header's value, the query of an address, or a body. What comes back is searched for it. An agent
//! that may send a secret to a host that repeats it in a form of its own could still read it: who ties a secret to a host
//! trusts that host with it.

mod placeholder;
mod search;

pub(crate) use search::{Search, Searched};

use super::Refusal;
use crate::config::{Secret, SecretSource, SecretSpec};
use crate::grant::{Host, HostPattern, HttpAsk, Scheme, SecretName, Wants, is_tied};
use placeholder::{Part, parts};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The most places of one request that secrets are put into.
const MAX_PLACES: usize = 16;

/// The operator's secrets. One for the host.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    /// Where they may go.
    specs: BTreeMap<SecretName, SecretSpec>,
    /// None in a host without any.
    source: Option<SecretSource>,
}

/// The secrets that one agent may use.
#[derive(Default)]
pub struct Keys {
    keys: BTreeMap<SecretName, Key>,
    search: Arc<Search>,
}

struct Key {
    hosts: Vec<HostPattern>,
    value: Secret<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl Vault {
    /// The secrets of this source, with where they may go.
    pub fn new(specs: BTreeMap<SecretName, SecretSpec>, source: SecretSource) -> Self {
        Self { specs, source: Some(source) }
    }

    /// What an agent that wants this may use, as it is now: the file is read anew, so that what was set or removed
    /// counts from the next turn on.
    pub fn keys(&self, wants: &Wants) -> Keys {
        let Some(source) = self.source.as_ref().filter(|_| !wants.secrets.is_empty()) else { return Keys::default() };
        let values = source.values().unwrap_or_else(|error| {
            tracing::error!("secrets cannot be used: {error}");
            BTreeMap::new()
        });
        let wanted = values.into_iter().filter(|(name, _)| wants.secrets.contains_key(name));
        let keys = wanted.filter_map(|(name, value)| {
            let hosts = self.specs.get(&name)?.hosts.clone();
            Some((name, Key { hosts, value }))
        });
        Keys::new(keys.collect())
    }
}

impl Keys {
    fn new(keys: BTreeMap<SecretName, Key>) -> Self {
        let search = Search::new(keys.iter().map(|(name, key)| (name, key.value.expose().as_str())));
        Self { keys, search: Arc::new(search) }
    }

    /// Whether there is a secret of this name.
    pub fn has(&self, name: &str) -> bool {
        SecretName::try_from(name.to_owned()).is_ok_and(|name| self.keys.contains_key(&name))
    }

    /// What finds them.
    pub(super) fn search(&self) -> &Arc<Search> {
        &self.search
    }

    /// A text without them.
    pub fn hide(&self, text: &str) -> String {
        if self.search.is_empty() { text.to_owned() } else { self.search.text(text) }
    }

    /// Whether any of them may go to a host: what such a host answers is kept readable for the search.
    pub(super) fn may_meet(&self, host: &Host) -> bool {
        self.keys.values().any(|key| is_tied(&key.hosts, host))
    }

    /// The secrets that these texts name, each of which may go where the request goes.
    pub(super) fn named<'a>(
        &self,
        texts: impl Iterator<Item = &'a [u8]>,
        ask: &HttpAsk,
    ) -> Result<BTreeSet<SecretName>, Refusal> {
        let (mut names, mut places) = (BTreeSet::new(), 0);
        for part in texts.flat_map(parts) {
            let Part::Secret(name) = part else { continue };
            places += 1;
            self.check(&name, ask)?;
            names.insert(name);
        }
        if places > MAX_PLACES {
            return Err(Refusal::Limit(format!("a request has at most {MAX_PLACES} placeholders of secrets")));
        }
        Ok(names)
    }

    fn check(&self, name: &SecretName, ask: &HttpAsk) -> Result<(), Refusal> {
        let host = &ask.host;
        let denied = |rule: String, hint: String| Err(Refusal::Denied { rule, hint });
        let Some(key) = self.keys.get(name) else {
            let rule = format!("the host, which holds no secret {name} for this agent");
            let hint = format!(
                "agent.toml wants it with [want.secret.{name}], sophon-host.toml ties it with [secret.{name}] and \
                 hosts = [\"{host}\"], and `sophon-host secret set {name}` sets it"
            );
            return denied(rule, hint);
        };
        if !is_tied(&key.hosts, host) {
            let rule = format!("[secret.{name}] of sophon-host.toml, which ties it to other hosts");
            return denied(rule, format!("its `hosts` would name \"{host}\", if it may know the secret"));
        }
        if ask.scheme == Scheme::Http && !is_here(host) {
            let rule = format!("the host, which sends the secret {name} over TLS only");
            return denied(rule, "the address would begin with https".to_owned());
        }
        Ok(())
    }

    /// A text with the values in their places.
    pub(super) fn fill(&self, text: &[u8], write: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Text(text) => filled.extend_from_slice(text),
                // All that are named were checked to be there.
                Part::Secret(name) => {
                    filled.extend(self.keys.get(&name).map(|key| write(key.value.expose())).unwrap_or_default());
                }
            }
        }
        filled
    }
}

/// Refuses a placeholder where no secret goes.
pub(super) fn refuse_in_path(address: &str) -> Result<(), Refusal> {
    let before_query = address.split('?').next().unwrap_or_default();
    let decoded = before_query.replace("%7B", "{").replace("%7b", "{").replace("%3A", ":").replace("%3a", ":");
    if !placeholder::is_in(decoded.as_bytes()) {
        return Ok(());
    }
    let rule = "the host, which puts no secret into the path or the host of an address".to_owned();
    Err(Refusal::Denied { rule, hint: "a header, the query or the body can hold it".to_owned() })
}

/// A value as it stands in a query.
pub(super) fn in_query(value: &str) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let write = |byte: u8| if plain(byte) { vec![byte] } else { format!("%{byte:02X}").into_bytes() };
    value.bytes().flat_map(write).collect()
}

/// Whether a host is this machine, by an address or the name that stands for nothing else.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Ip(ip) => ip.to_canonical().is_loopback(),
        Host::Name(name) => name == "localhost",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One secret, tied to hosts.
    pub(crate) fn keys(name: &str, value: &str, hosts: &[&str]) -> Keys {
        let name = SecretName::try_from(name.to_owned()).expect("a name");
        let hosts = hosts.iter().map(|host| host.parse().expect("a host")).collect();
        Keys::new([(name, Key { hosts, value: Secret::new(value.to_owned()) })].into())
    }

    fn named(keys: &Keys, address: &str, text: &str) -> Result<usize, Refusal> {
        let ask = HttpAsk::new("GET", address, BTreeSet::new()).expect("an ask");
        keys.named([text.as_bytes()].into_iter(), &ask).map(|names| names.len())
    }

    #[test]
    fn a_secret_goes_only_where_it_is_tied_to() {
        let keys = keys("KEY", "s3cr3t-value", &["*.a.example", "127.0.0.1"]);
        let text = "Bearer {{secret:KEY}}";
        assert_eq!(named(&keys, "https://x.a.example/", text), Ok(1));
        assert_eq!(named(&keys, "https://evil.example/", "no secret {{secret:"), Ok(0));
        assert_eq!(named(&keys, "http://127.0.0.1:1/", text), Ok(1));
        for (address, text, rule) in [
            ("https://evil.example/", text, "ties it to other hosts"),
            ("https://x.a.example.evil.example/", text, "ties it to other hosts"),
            ("http://x.a.example/", text, "over TLS only"),
            ("https://x.a.example/", "{{secret:OTHER}}", "holds no secret OTHER"),
        ] {
            let Err(Refusal::Denied { rule: by, .. }) = named(&keys, address, text) else { panic!("{address}") };
            assert!(by.contains(rule), "{by}");
        }
        assert!(matches!(named(&keys, "https://x.a.example/", &text.repeat(17)), Err(Refusal::Limit(_))));
    }

    #[test]
    fn the_path_and_the_host_hold_no_secret() {
        for address in ["https://a/{{secret:KEY}}", "https://{{secret:KEY}}.a/", "https://a/%7b{secret%3AKEY}}?q"] {
            assert!(refuse_in_path(address).is_err(), "{address}");
        }
        assert_eq!(refuse_in_path("https://a/?q={{secret:KEY}}"), Ok(()));
    }

    #[test]
    fn values_stand_in_their_places_and_nowhere_else() {
        let keys = keys("KEY", "a b&{{secret:KEY}}", &["a"]);
        let plain = |value: &str| value.as_bytes().to_vec();
        assert_eq!(keys.fill(b"<{{secret:KEY}}>", plain), b"<a b&{{secret:KEY}}>");
        assert_eq!(keys.fill(b"k={{secret:KEY}}", in_query), b"k=a%20b%26%7B%7Bsecret%3AKEY%7D%7D");
        assert_eq!(format!("{keys:?}"), "{SecretName(\"KEY\")}");
    }
}
