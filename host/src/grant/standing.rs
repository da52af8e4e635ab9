//! Leave that was given, and stands until it ends, is used up or taken back.

use super::ask::{Ask, Capability, ExecAsk, HttpAsk, SecretName};
use super::pattern::{ExecPattern, HostPattern, HttpPattern, Pattern, PortPattern, UrlPattern};
use super::reach::reach_in_words;
use super::{Glob, Wants, shell};
use crate::text::hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How far leave reaches that is given with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This session.
    Session,
    /// This very deed, in every session.
    Tool,
    /// This host.
    Domain,
    /// All that the agent said it would ask for.
    All,
}

/// What leave covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cover {
    /// Asks of one of these.
    pub patterns: Vec<Pattern>,
    /// Secrets that may be put into requests.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<SecretName>,
    /// Whether programs may have network.
    #[serde(default)]
    pub network: bool,
    /// What programs may read besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<PathBuf>,
    /// The program as it was when leave was given, SHA-256 in hexadecimal: a file that was replaced is asked for anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// SHA-256, in hexadecimal, of the input of a program that runs what it reads: with another one it is asked for anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// Leave that stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Its name, for listing and revoking.
    pub id: String,
    /// Whose it is.
    pub agent: String,
    /// The component that it was given to: SHA-256 in hexadecimal.
    pub digest: String,
    /// What it is for.
    pub capability: Capability,
    /// What it covers.
    pub cover: Cover,
    /// How far the answer was to reach.
    pub scope: Scope,
    /// The session, where it is for one.
    pub session: Option<String>,
    /// When it was given, in milliseconds since the epoch.
    pub made_ms: u64,
    /// When it ends.
    pub until_ms: Option<u64>,
    /// How often it may still be used.
    pub uses_left: Option<u32>,
    /// What the agent wanted when it was given: a version that wants more asks again.
    pub wants: Wants,
}

/// Who asks, where and when.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The agent.
    pub agent: &'a str,
    /// Its component's digest.
    pub digest: &'a str,
    /// The session of the turn.
    pub session: &'a str,
}

/// Whether leave outlives a new version of its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Regrant {
    /// It wants the same, or less.
    Keep,
    /// It wants more: what, in words.
    Ask {
        /// One thing a line.
        difference: String,
    },
}

impl Cover {
    /// These asks, and nothing with them.
    pub fn of(patterns: Vec<Pattern>) -> Self {
        Self { patterns, secrets: BTreeSet::new(), network: false, reads: Vec::new(), program: None, input: None }
    }

    /// Whether an ask is one of those that leave was given for, with all that comes with it.
    pub fn covers(&self, ask: &Ask) -> bool {
        let fits = |pattern: &Pattern| pattern.covers(ask);
        match ask {
            Ask::Http(http) => self.patterns.iter().any(fits) && http.secrets.is_subset(&self.secrets),
            Ask::Exec(exec) => {
                // What runs others is covered by leave for exactly that command line, with that input, only.
                let strict = exec.nature().runs_others;
                self.patterns.iter().any(|pattern| fits(pattern) && (!strict || pattern.is_one_command()))
                    && (!strict || self.input == digest(exec))
                    && (self.network || !exec.network)
                    && exec.reads.iter().all(|path| self.reads.iter().any(|read| path.starts_with(read)))
                    && self.program.as_ref().is_none_or(|digest| *digest == hex(&exec.digest))
            }
            Ask::Own(_) => self.patterns.iter().any(fits),
        }
    }
}

impl Grant {
    /// Whether it stands and answers an ask. Using it up is the keeper's.
    pub fn allows(&self, by: Asker<'_>, ask: &Ask, now_ms: u64) -> bool {
        self.stands(now_ms)
            && self.agent == by.agent
            && self.digest == by.digest
            && self.capability == ask.capability()
            && self.session.as_ref().map_or(self.scope != Scope::Session, |session| session == by.session)
            && self.cover.covers(ask)
    }

    /// Whether it has not ended and is not used up.
    pub fn stands(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until| now_ms < until) && self.uses_left != Some(0)
    }

    /// Whether it goes over to a new version of its agent.
    pub fn regrant(&self, wants: &Wants) -> Regrant {
        let more = wants.beyond(&self.wants);
        if more.is_empty() {
            return Regrant::Keep;
        }
        let lines: Vec<String> = more.iter().take(20).map(|line| format!("it now also wants {line}")).collect();
        let rest = more.len().saturating_sub(lines.len());
        let rest = if rest > 0 { format!("\nand {rest} things more") } else { String::new() };
        Regrant::Ask { difference: format!("{}{rest}", lines.join("\n")) }
    }
}

/// What an "always" covers that is given to an ask with this scope.
pub fn widen(ask: &Ask, scope: Scope, wants: &Wants) -> Cover {
    match ask {
        Ask::Http(http) => widen_http(http, scope, wants),
        Ask::Exec(exec) => widen_exec(exec, scope, wants),
        Ask::Own(own) => {
            let action = if scope == Scope::All { Glob::any() } else { Glob::literal(&own.action) };
            Cover::of(vec![Pattern::Own(action)])
        }
    }
}

fn widen_http(ask: &HttpAsk, scope: Scope, wants: &Wants) -> Cover {
    if scope == Scope::All {
        let patterns = wants.of(Capability::Http).map(|want| want.pattern.clone()).collect();
        return Cover { secrets: wants.secrets.keys().cloned().collect(), ..Cover::of(patterns) };
    }
    let port = if ask.port == ask.scheme.port() { PortPattern::Usual } else { PortPattern::Exact(ask.port) };
    let one_path = scope == Scope::Tool;
    let path = if one_path { Glob::literal(&ask.path) } else { Glob::beginning("/") };
    let methods = if scope == Scope::Domain { BTreeSet::new() } else { [ask.method.clone()].into() };
    let url = UrlPattern { scheme: Some(ask.scheme), host: HostPattern::Exact(ask.host.clone()), port, path };
    Cover { secrets: ask.secrets.clone(), ..Cover::of(vec![Pattern::Http(HttpPattern { url, methods })]) }
}

fn widen_exec(ask: &ExecAsk, scope: Scope, wants: &Wants) -> Cover {
    let given = Cover { network: ask.network, reads: ask.reads.clone(), ..Cover::of(Vec::new()) };
    match scope {
        Scope::All => {
            Cover { patterns: wants.of(Capability::Exec).map(|want| want.pattern.clone()).collect(), ..given }
        }
        Scope::Session | Scope::Tool | Scope::Domain => {
            let patterns = vec![Pattern::Exec(ExecPattern::exactly(ask))];
            let input = if ask.nature().runs_others { digest(ask) } else { None };
            Cover { patterns, program: Some(hex(&ask.digest)), input, ..given }
        }
    }
}

/// What tells the input of a program from another.
fn digest(ask: &ExecAsk) -> Option<String> {
    ask.input.as_ref().map(|input| hex(&input.digest))
}

/// What an "always" with this scope would cover, for the person who may give it.
pub fn cover_in_words(ask: &Ask, scope: Scope, wants: &Wants) -> String {
    let reach = match scope {
        Scope::Session => "in this session: ",
        Scope::Tool | Scope::Domain | Scope::All => "always: ",
    };
    let what = match (ask, scope) {
        (Ask::Own(_), Scope::All) => "whatever it asks you of its own accord".to_owned(),
        (Ask::Own(own), _) => format!("its own question {}", crate::text::code(&own.action, 128)),
        (Ask::Exec(_), Scope::All) => {
            format!("the programs that it wants, but none that runs others: {}", wanted(wants, Capability::Exec))
        }
        (Ask::Exec(exec), _) => format!("exactly this command line{}", extras(exec)),
        (Ask::Http(_), Scope::All) => {
            let names: Vec<String> = wants.secrets.keys().map(ToString::to_string).collect();
            let secrets =
                if names.is_empty() { String::new() } else { format!("; with its secrets {}", names.join(", ")) };
            format!(
                "the requests that it wants: {}{}",
                wanted(wants, Capability::Http),
                crate::text::clip(&secrets, 300)
            )
        }
        (Ask::Http(http), Scope::Domain) => format!("any request to {}", http.origin()),
        (Ask::Http(http), Scope::Session) => format!("{} to any address at {}", http.method, http.origin()),
        (Ask::Http(http), Scope::Tool) => {
            let path = crate::text::line(&http.path, 300);
            format!("{} {}{path}, whatever follows a `?`, whatever it sends", http.method, http.origin())
        }
    };
    format!("{reach}{what}")
}

fn wanted(wants: &Wants, of: Capability) -> String {
    let all: Vec<String> = wants.of(of).map(|want| want.pattern.to_string()).collect();
    crate::text::line(&all.join(", "), 500) + &reach_in_words(wants.of(of).map(|want| &want.pattern))
}

fn extras(ask: &ExecAsk) -> String {
    let network = if ask.network { ", with network" } else { "" };
    let shell::Nature { words, runs_others, .. } = ask.nature();
    let input = match (runs_others, &ask.input) {
        (true, Some(_)) => " with exactly this input",
        (true, None) => " without input",
        (false, _) => ", whatever its input",
    };
    let reads = ask.reads().map_or_else(String::new, |reads| format!(", reading {reads}"));
    format!("{input}{network}{reads}{}", words.map(|words| format!(" ({words})")).unwrap_or_default())
}

#[cfg(test)]
mod tests;
