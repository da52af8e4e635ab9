//! `[[policy]]`, `[agent.NAME.config]` and `[secret.NAME]` of `sophon-host.toml`: what the operator allows, and gives.

use super::totals::TotalsTable;
use super::want::{AbsolutePath, Arguments, Few, Methods, Read};
use super::{AgentName, ConfigError};
use crate::grant::{
    Args, Effect, ExecPattern, FilesPattern, Glob, HostPattern, HttpPattern, Pattern, Program, Rule, SecretName,
    UrlPattern,
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The most rules.
const MAX_RULES: usize = 1_000;
/// The most agents, secrets, and values of an agent that are configured.
const MAX_ENTRIES: usize = 256;
/// The longest value, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// What the operator allows, and what it gives to whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PolicyConfig {
    /// The rules, in their order, which is nothing.
    pub rules: Vec<Rule>,
    /// Where secrets may go, and where their values are.
    pub secrets: BTreeMap<SecretName, SecretSpec>,
    /// Values for agents: `config.get` of the contract.
    pub values: BTreeMap<AgentName, BTreeMap<String, String>>,
}

/// `[secret.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// The only hosts that it is sent to.
    #[serde(deserialize_with = "some_hosts")]
    pub hosts: Vec<HostPattern>,
    /// The variable of the environment that has it. It is in the file of secrets where none is named.
    #[serde(default, deserialize_with = "variable")]
    pub env: Option<String>,
}

/// The tables as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PolicyTables {
    pub(super) policy: Vec<RuleTable>,
    pub(super) agent: BTreeMap<AgentName, AgentTable>,
    pub(super) secret: BTreeMap<SecretName, SecretSpec>,
}

/// `[agent.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AgentTable {
    config: BTreeMap<String, String>,
    pub(super) total: TotalsTable,
}

/// A rule without its place.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RawRule")]
pub(super) struct RuleTable(Rule);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    effect: EffectName,
    agent: Option<Read<Glob>>,
    http: Option<Read<UrlPattern>>,
    methods: Option<Methods>,
    addresses: Option<Few<Network>>,
    exec: Option<Read<Program>>,
    args: Option<Arguments>,
    network: Option<bool>,
    read: Option<Few<AbsolutePath>>,
    files: Option<AbsolutePath>,
    write: Option<bool>,
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EffectName {
    Allow,
    Ask,
    Deny,
}

/// `10.0.0.0/8`, or an address alone.
#[derive(Debug)]
struct Network(IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let text = String::deserialize(de)?;
        let net = text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()));
        let wrong = || format!("`{}` is not a network: write such as 10.1.0.0/16", crate::text::line(&text, 80));
        net.map(Self).ok_or_else(|| de::Error::custom(wrong()))
    }
}

#[derive(Debug)]
struct Action(Glob);

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        crate::grant::own(&String::deserialize(de)?).map(Self).map_err(de::Error::custom)
    }
}

fn some_hosts<'de, D: Deserializer<'de>>(de: D) -> Result<Vec<HostPattern>, D::Error> {
    let hosts = Few::<HostPattern>::deserialize(de)?.0;
    if hosts.is_empty() { Err(de::Error::custom("a secret names the hosts that it may go to")) } else { Ok(hosts) }
}

fn variable<'de, D: Deserializer<'de>>(de: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(de)?;
    let plain = (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let wrong = || format!("`{}` is not a variable's name", crate::text::line(&name, 80));
    if plain { Ok(Some(name)) } else { Err(de::Error::custom(wrong())) }
}

impl RawRule {
    /// That no key is there which has a meaning for other kinds only.
    fn no_other(&self, kind: &str) -> Result<(), String> {
        let keys = [
            ("http", "methods", self.methods.is_some()),
            ("http", "addresses", self.addresses.is_some()),
            ("exec", "args", self.args.is_some()),
            ("exec", "network", self.network.is_some()),
            ("exec", "read", self.read.is_some()),
            ("files", "write", self.write.is_some()),
        ];
        match keys.iter().find(|(of, _, is_there)| *is_there && *of != kind) {
            Some((_, key, _)) => Err(format!("`{key}` has no meaning in a rule for `{kind}`")),
            None => Ok(()),
        }
    }

    /// What it speaks of.
    fn pattern(&mut self, effect: Effect) -> Result<Pattern, String> {
        // Leave for a program is no leave for what its arguments make it run; a denial is one of all that.
        let unsaid = if effect == Effect::Allow { Args::Plain } else { Args::Any };
        match (self.http.take(), self.exec.take(), self.files.take(), self.action.take()) {
            (Some(url), None, None, None) => {
                self.no_other("http")?;
                let methods = self.methods.take().unwrap_or_default().0;
                Ok(Pattern::Http(HttpPattern { url: url.0, methods }))
            }
            (None, Some(program), None, None) => {
                self.no_other("exec")?;
                let args = self.args.take().map_or(unsaid, |args| args.0);
                Ok(Pattern::Exec(ExecPattern { program: program.0, args }))
            }
            (None, None, Some(folder), None) => {
                self.no_other("files")?;
                self.files(folder.0, effect)
            }
            (None, None, None, Some(action)) => {
                self.no_other("action")?;
                Ok(Pattern::Own(action.0))
            }
            _ => Err("a rule is for one of `http`, `exec`, `files` and `action`".to_owned()),
        }
    }

    fn files(&self, path: PathBuf, effect: Effect) -> Result<Pattern, String> {
        if path.as_os_str().as_encoded_bytes().contains(&b'*') {
            return Err("`files` names a folder, and speaks of all below it: leave the stars out".to_owned());
        }
        match (effect, self.write) {
            (Effect::Allow, write) => Ok(Pattern::Files(FilesPattern { path, write: write.unwrap_or_default() })),
            (_, None) => Ok(Pattern::Files(FilesPattern { path, write: true })),
            (_, Some(_)) => {
                Err("`write` has a meaning only in a rule that allows: any other is for reading, too".to_owned())
            }
        }
    }
}

impl TryFrom<RawRule> for RuleTable {
    type Error = String;
    fn try_from(mut raw: RawRule) -> Result<Self, String> {
        let effect = match raw.effect {
            EffectName::Allow => Effect::Allow,
            EffectName::Ask => Effect::Ask,
            EffectName::Deny => Effect::Deny,
        };
        let pattern = raw.pattern(effect)?;
        Ok(Self(Rule {
            effect,
            agent: raw.agent.map_or_else(Glob::any, |agent| agent.0),
            pattern,
            addresses: raw.addresses.unwrap_or_default().0.into_iter().map(|net| net.0).collect(),
            network: raw.network.unwrap_or_default(),
            reads: raw.read.unwrap_or_default().0.into_iter().map(|path| path.0).collect(),
            place: String::new(),
        }))
    }
}

impl PolicyTables {
    /// The policy, with each rule's place in this file.
    ///
    /// # Errors
    /// When there is more of something than can be looked through.
    pub(super) fn checked(self, file: &str) -> Result<PolicyConfig, ConfigError> {
        let values = self.agent.values().map(|table| table.config.len()).max().unwrap_or(0);
        let long = |(key, value): (&String, &String)| key.is_empty() || key.len() > 128 || value.len() > MAX_VALUE;
        let counts = [
            ("policy", self.policy.len(), MAX_RULES),
            ("agent", self.agent.len(), MAX_ENTRIES),
            ("secret", self.secret.len(), MAX_ENTRIES),
            ("agent.NAME.config", values, MAX_ENTRIES),
        ];
        if let Some((place, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
            return Err(super::file::invalid(place, format!("{count} entries are more than {most}")));
        }
        if let Some((name, _)) = self.agent.iter().find(|(_, table)| table.config.iter().any(long)) {
            let message = format!("a key has 1 to 128 bytes, a value at most {MAX_VALUE}");
            return Err(super::file::invalid(&format!("agent.{name}.config"), message));
        }
        let rules = self.policy.into_iter().enumerate();
        Ok(PolicyConfig {
            rules: rules.map(|(at, RuleTable(rule))| Rule { place: place(file, at), ..rule }).collect(),
            secrets: self.secret,
            values: self.agent.into_iter().map(|(name, table)| (name, table.config)).collect(),
        })
    }
}

fn place(file: &str, at: usize) -> String {
    format!("{file}, [[policy]] no. {}", at + 1)
}

#[cfg(test)]
mod tests;
