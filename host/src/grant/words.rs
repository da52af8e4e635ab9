//! What a person is shown before deciding: written by the host from the real deed. An agent's words are quoted as such.

use super::Content;
use super::ask::{Ask, ExecAsk, HttpAsk};
use super::web::Scheme;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Component, Path};

/// The longest title, command and reason, in bytes of what they show.
const MAX_TITLE: usize = 160;
const MAX_COMMAND: usize = 2_000;
const MAX_REASON: usize = 500;
/// The most of what a program may read besides, in bytes.
const MAX_READS: usize = 1_000;

/// How bad it could be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Easily undone.
    Low,
    /// Worth a look.
    Medium,
    /// Hard to undo, or visible to others.
    High,
    /// Could do lasting harm.
    Critical,
}

impl Ask {
    /// What it is in one line.
    pub fn title(&self) -> String {
        match self {
            Self::Http(ask) => ask.title(),
            Self::Exec(ask) => ask.title(),
            Self::Own(ask) => format!("The agent asks: {}", cited(&ask.title, MAX_TITLE)),
        }
    }

    /// What exactly would be done. For the agent's own question: what it says.
    pub fn command(&self) -> Option<String> {
        self.deed(Content::shown)
    }

    /// The same for the log, which keeps a digest of what goes with it instead of the beginning.
    pub fn record(&self) -> String {
        self.deed(Content::sealed).unwrap_or_else(|| self.title())
    }

    fn deed(&self, content: fn(&Content) -> String) -> Option<String> {
        match self {
            Self::Http(ask) => Some(ask.command(content)),
            Self::Exec(ask) => Some(ask.command(content)),
            Self::Own(ask) => ask.command.as_ref().map(|command| crate::text::line(command, MAX_COMMAND)),
        }
    }

    /// Which host it would reach.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Http(ask) => Some(ask.authority()),
            Self::Exec(_) | Self::Own(_) => None,
        }
    }

    /// How bad it could be. Of the agent's own question only the agent knows.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Http(ask) => ask.severity(),
            Self::Exec(ask) => ask.severity(),
            Self::Own(ask) => ask.severity,
        }
    }

    /// The agent's reason, as the agent's words. Empty where it gave none.
    pub fn reason(text: &str) -> String {
        match text.trim() {
            "" => String::new(),
            text => format!("The agent says: {}", cited(text, MAX_REASON)),
        }
    }
}

impl HttpAsk {
    /// The host, with the port where it is not the scheme's.
    pub fn authority(&self) -> String {
        self.origin().split_once("://").map(|(_, authority)| authority.to_owned()).unwrap_or_default()
    }

    fn title(&self) -> String {
        let verb = match self.method.as_str() {
            _ if self.reads() => "Read from",
            "DELETE" => "Delete at",
            "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" => "Send to",
            _ => "Talk to",
        };
        let clear = if self.scheme == Scheme::Http { ", unencrypted" } else { "" };
        let names: Vec<String> = self.secrets.iter().map(ToString::to_string).collect();
        let secrets = if names.is_empty() { String::new() } else { format!(", with the secret {}", names.join(", ")) };
        // The host's end says whose it is, and the title must not lose it.
        crate::text::line(&format!("{verb} {}{clear}{secrets}", self.authority()), 2 * MAX_TITLE)
    }

    fn command(&self, content: fn(&Content) -> String) -> String {
        let headers = self.headers.as_ref().map(|headers| format!("\nwith headers of {}", content(headers)));
        let body = self.body.as_ref().map(|body| format!("\nwith {}", content(body)));
        [Some(bounded(&self.line())), headers, body].into_iter().flatten().collect()
    }

    fn line(&self) -> String {
        format!("{} {}", self.method, self.url())
    }

    /// Whether it asks for something, and brings nothing.
    fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && self.body.is_none()
    }

    fn severity(&self) -> Severity {
        let deed = match self.method.as_str() {
            _ if self.reads() => Severity::Low,
            "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" => Severity::Medium,
            _ => Severity::High,
        };
        let exposed = match self.scheme {
            _ if !self.secrets.is_empty() || is_cut(&self.line()) => Severity::High,
            Scheme::Https => Severity::Low,
            Scheme::Http => Severity::Medium,
        };
        deed.max(exposed)
    }
}

impl ExecAsk {
    fn title(&self) -> String {
        let shown = crate::text::code(&self.shown(), MAX_TITLE);
        let network = if self.network { ", with network" } else { "" };
        let free = if self.confined { "" } else { ", not confined" };
        match self.nature().words {
            Some(words) => format!("Run {shown}{network}{free}: {words}"),
            None => format!("Run {shown}{network}{free}"),
        }
    }

    /// What is not confined could do whatever the host can, and what is not shown whole whatever it says.
    fn severity(&self) -> Severity {
        let least = if self.confined && !is_cut(&self.line()) { Severity::Low } else { Severity::High };
        self.nature().severity.max(least)
    }

    /// The command line, quoted so that each argument is seen as what it is, and which file it would be.
    fn command(&self, content: fn(&Content) -> String) -> String {
        let line = bounded(&self.line());
        let file = crate::text::line(&self.program.display().to_string(), MAX_TITLE);
        let line = match &self.name {
            Some(_) if !file.is_empty() => format!("{line}\n({file})"),
            _ => line,
        };
        let folder = self.folder().map(|folder| format!("\nin the folder {folder} of its work folder"));
        let input = self.input.as_ref().map(|input| format!("\nwith the input of {}", content(input)));
        let reads = self.reads().map(|reads| format!("\nit could read, besides: {reads}"));
        let lack = self.lack.map(|lack| format!("\nnot held: {lack}"));
        [Some(line), folder, input, reads, lack].into_iter().flatten().collect()
    }

    fn line(&self) -> String {
        let words: Vec<String> = std::iter::once(&self.shown()).chain(&self.args).map(|word| quoted(word)).collect();
        words.join(" ")
    }

    /// What it could read besides the system's own files, by the operator's rule.
    pub(super) fn reads(&self) -> Option<String> {
        let reads: Vec<String> = self.reads.iter().map(|path| quoted(&path.display().to_string())).collect();
        (!reads.is_empty()).then(|| crate::text::line(&reads.join(", "), MAX_READS))
    }

    /// Where it would run, if that is not the work folder itself. The same words mean something else there.
    fn folder(&self) -> Option<String> {
        let is_inner = Path::new(&self.cwd).components().any(|part| part != Component::CurDir);
        is_inner.then(|| crate::text::code(&self.cwd, MAX_TITLE))
    }
}

/// What would be done, as much as is shown of it; of a longer one with what tells it from all others.
fn bounded(line: &str) -> String {
    let shown = crate::text::line(line, MAX_COMMAND);
    match is_cut(line) {
        true => format!(
            "{shown}\n(not all of it is shown; all has the SHA-256 {})",
            crate::text::hex(&Sha256::digest(line))
        ),
        false => shown,
    }
}

fn is_cut(line: &str) -> bool {
    line.len() > MAX_COMMAND
}

/// An agent's words in quotes that they cannot close.
pub(super) fn cited(text: &str, max: usize) -> String {
    format!("“{}”", crate::text::line(text, max).replace(['“', '”', '„', '‟'], "\""))
}

/// A word as a shell would need it written. It is shown only, and run by no shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests;
