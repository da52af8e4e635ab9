//! What an agent says beforehand that it will ask for, and why. What it did not name is denied without asking anybody.

use super::ask::{Ask, ExecAsk, HttpAsk, SecretName};
use super::pattern::{ExecPattern, HostPattern, Pattern, Program, is_shell_like};
use super::words::cited;
use super::{Capability, Host, address};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All that an agent wants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wants {
    /// Requests and programs.
    pub asks: Vec<Want>,
    /// Which secrets it uses, and at which hosts.
    pub secrets: BTreeMap<SecretName, Vec<HostPattern>>,
    /// Folders of files: its own, and others.
    pub files: Vec<FileWant>,
}

/// One thing that an agent wants to be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Want {
    /// What.
    pub pattern: Pattern,
    /// Why, in the author's words: escaped and bounded.
    pub why: String,
    /// How much memory a program needs, in bytes, where that is said. Not leave, and so nothing that a grant is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// A folder that an agent wants, with all below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWant {
    /// From the root; or [`FileWant::WORK`], its own.
    pub path: PathBuf,
    /// Whether it would write there.
    pub write: bool,
    /// Why, in the author's words: escaped and bounded.
    pub why: String,
}

/// An ask that no want names. The words are those of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwanted {
    /// What denies it.
    pub rule: String,
    /// The lines of `agent.toml` that would name it.
    pub hint: String,
}

impl Wants {
    /// Whether an ask is one that the agent said it would make. Its own questions need not be named.
    ///
    /// # Errors
    /// [`Unwanted`] names the lines that the agent's author would write.
    pub fn covers(&self, ask: &Ask) -> Result<(), Unwanted> {
        if !matches!(ask, Ask::Own(_)) && !self.asks.iter().any(|want| want.pattern.covers(ask)) {
            return Err(Unwanted::new(ask.capability().as_str(), &lines(ask)));
        }
        let Ask::Http(http) = ask else { return Ok(()) };
        for name in &http.secrets {
            if !self.secrets.get(name).is_some_and(|hosts| hosts.iter().any(|host| host.covers(&http.host))) {
                let lines = format!("[want.secret.{name}]\nhosts = [{}]", quoted(&http.host.to_string()));
                return Err(Unwanted::new(&format!("secret.{name}"), &lines));
            }
        }
        Ok(())
    }

    /// How much memory a program needs, in bytes, by the wants that name it; `unset` where they do not say so.
    pub fn memory(&self, ask: &Ask, unset: u64) -> u64 {
        let naming = self.asks.iter().filter(|want| want.pattern.covers(ask));
        naming.map(|want| want.memory.unwrap_or(unset)).max().unwrap_or(unset)
    }

    /// Whether a program that is asked for by this name or path could be one that is wanted, before anybody looks for it:
    /// who wants none must not find out what there is. Links may lead to a wanted file from anywhere.
    pub fn may_run(&self, asked: &str) -> bool {
        self.of(Capability::Exec).any(|want| match &want.pattern {
            Pattern::Exec(ExecPattern { program: Program::Name(name), .. }) => name == asked,
            Pattern::Exec(_) => true,
            _ => false,
        })
    }

    /// All that is wanted, one thing a line, for people.
    pub fn in_words(&self) -> Vec<String> {
        self.beyond(&Self::default())
    }

    /// What is wanted of one capability.
    pub fn of(&self, capability: Capability) -> impl Iterator<Item = &Want> {
        self.asks.iter().filter(move |want| want.pattern.capability() == capability)
    }

    /// What these wants have more than others, in words; none where they are the same or narrower.
    pub fn beyond(&self, before: &Self) -> Vec<String> {
        let wanted = |pattern: &Pattern| before.asks.iter().any(|want| pattern.within(&want.pattern));
        let asks = self.asks.iter().filter(|want| !wanted(&want.pattern)).map(Want::in_words);
        let new_host = |name: &SecretName, host: &HostPattern| {
            !before.secrets.get(name).is_some_and(|hosts| hosts.iter().any(|known| host.within(known)))
        };
        let secrets = self.secrets.iter().flat_map(|(name, hosts)| hosts.iter().map(move |host| (name, host)));
        let secrets = secrets.filter(|(name, host)| new_host(name, host));
        let known = |want: &FileWant| {
            let within = |old: &FileWant| want.path.starts_with(&old.path) && (old.write || !want.write);
            before.files.iter().any(within)
        };
        let files = self.files.iter().filter(|want| !known(want)).map(FileWant::in_words);
        asks.chain(secrets.map(|(name, host)| format!("the secret {name} at {host}"))).chain(files).collect()
    }
}

impl Want {
    /// What is wanted, for people, with the author's reason.
    pub fn in_words(&self) -> String {
        let shown = crate::text::line(&self.pattern.to_string(), 300);
        let can_be_anything = matches!(&self.pattern, Pattern::Exec(exec) if is_shell_like(&exec.program));
        let wide = match self.pattern.reach() {
            _ if can_be_anything => ", which can run anything".to_owned(),
            Some(reach) => format!(", which is {reach}"),
            None => String::new(),
        };
        format!("{shown}{wide}{}", because(&self.why))
    }
}

impl FileWant {
    /// How a manifest names an agent's own work folder, where it wants no other: no path from the root is that.
    pub const WORK: &str = "work";

    /// Whether this is the agent's own work folder, which any agent may have.
    pub fn is_work(&self) -> bool {
        self.path.as_os_str() == Self::WORK
    }

    /// What is wanted, for people, with the author's reason.
    pub fn in_words(&self) -> String {
        if self.is_work() {
            return format!("its own work folder{}", because(&self.why));
        }
        let deed = if self.write { "read and write" } else { "read" };
        let path = crate::text::line(&self.path.display().to_string(), 300);
        format!("{deed} {path}, which only a rule gives{}", because(&self.why))
    }
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({})", cited(why, 200)) }
}

impl Unwanted {
    fn new(what: &str, lines: &str) -> Self {
        let rule = format!("agent.toml names no want.{what} that covers this");
        Self { rule, hint: format!("the agent's author would add to agent.toml:\n{lines}") }
    }
}

/// The lines that would want an ask.
fn lines(ask: &Ask) -> String {
    match ask {
        Ask::Http(ask) => http_lines(ask),
        Ask::Exec(ask) => exec_lines(ask),
        Ask::Own(_) => String::new(),
    }
}

fn http_lines(ask: &HttpAsk) -> String {
    let url = quoted(&format!("{}/*", ask.origin()));
    format!("[[want.http]]\nurl = {url}\nmethods = [{}]\nwhy = \"…\"", quoted(&ask.method))
}

fn exec_lines(ask: &ExecAsk) -> String {
    let program = quoted(&crate::text::clip(&ask.shown(), 500));
    let args = match ask.nature().runs_others {
        // Without arguments, a want covers only what runs nothing else.
        true => format!("args = [{}]\n", quoted(super::pattern::FURTHER)),
        false => String::new(),
    };
    format!("[[want.exec]]\nprogram = {program}\n{args}why = \"…\"")
}

/// A string of TOML on one line.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(crate::text::line(text, 1_000)).to_string()
}

/// The lines of the operator's configuration that would allow an ask.
pub fn policy_lines(agent: &str, ask: &Ask) -> String {
    let what = match ask {
        Ask::Http(ask) => {
            let inner = match ask.host {
                Host::Ip(ip) if address::check(ip, &[]).is_err() => format!("\naddresses = [\"{}\"]", IpNet::from(ip)),
                _ => String::new(),
            };
            format!("http = {}\nmethods = [{}]{inner}", quoted(&format!("{}/*", ask.origin())), quoted(&ask.method))
        }
        Ask::Exec(ask) => {
            let further = if ask.nature().runs_others {
                format!("\nargs = [{}]", quoted(super::pattern::FURTHER))
            } else {
                String::new()
            };
            format!("exec = {}{further}", quoted(&ask.shown()))
        }
        Ask::Own(ask) => format!("action = {}", quoted(&ask.action)),
    };
    format!("[[policy]]\neffect = \"allow\"\nagent = {}\n{what}", quoted(agent))
}

/// Whether a secret may go to a host that the operator tied it to.
pub fn is_tied(hosts: &[HostPattern], host: &Host) -> bool {
    hosts.iter().any(|pattern| pattern.covers(host))
}

#[cfg(test)]
mod tests;
