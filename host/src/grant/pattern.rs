//! What a rule, a want or a grant covers.

use super::ask::{Ask, Capability, ExecAsk, HttpAsk};
use super::files::FilesPattern;
use super::web::{Host, Scheme};
use super::{Glob, shell};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
pub(crate) use text::{FURTHER, own};

/// What is covered, of one capability. Written and read as text, such as `http GET https://api.example.com/v1/*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// Requests.
    Http(HttpPattern),
    /// Command lines.
    Exec(ExecPattern),
    /// Folders.
    Files(FilesPattern),
    /// Actions of the agent's own questions.
    Own(Glob),
}

/// Requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPattern {
    /// Whom, where and how.
    pub url: UrlPattern,
    /// In capitals. Any, where there is none.
    pub methods: BTreeSet<String>,
}

/// Addresses, as browsers' extensions write them: `https://*.example.com:8443/v1/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlPattern {
    /// `*` is http and https.
    pub scheme: Option<Scheme>,
    /// Whom.
    pub host: HostPattern,
    /// At which ports.
    pub port: PortPattern,
    /// Without query.
    pub path: Glob,
}

/// Hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// This one.
    Exact(Host),
    /// `*.example.com`: names with one label more than this.
    OneLabel(String),
    /// `*`: all names and addresses.
    Any,
}

/// Ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortPattern {
    /// The scheme's own.
    Usual,
    /// This one.
    Exact(u16),
    /// `*`
    Any,
}

/// Command lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecPattern {
    /// Of which program.
    pub program: Program,
    /// With which arguments.
    pub args: Args,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// By the bare name that it is asked by, and found by where the operator keeps programs. A file of that name
    /// elsewhere, which an agent may have written, is not it.
    Name(String),
    /// This file, links resolved.
    File(PathBuf),
    /// `*`
    Any,
}

/// Arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Args {
    /// Any.
    Any,
    /// Any that do not make the program run others.
    Plain,
    /// These, in this order; further ones after them where `open`.
    Listed {
        /// One for each argument.
        globs: Vec<Glob>,
        /// Whether further arguments may follow.
        open: bool,
    },
}

impl Pattern {
    /// The capability that it is of.
    pub fn capability(&self) -> Capability {
        match self {
            Self::Http(_) => Capability::Http,
            Self::Exec(_) => Capability::Exec,
            Self::Files(_) => Capability::Files,
            Self::Own(_) => Capability::Approval,
        }
    }

    /// Whether an ask is one of those that it stands for.
    pub fn covers(&self, ask: &Ask) -> bool {
        match (self, ask) {
            (Self::Http(pattern), Ask::Http(ask)) => pattern.covers(ask),
            (Self::Exec(pattern), Ask::Exec(ask)) => pattern.covers(ask),
            (Self::Own(pattern), Ask::Own(ask)) => pattern.covers(&ask.action),
            _ => false,
        }
    }

    /// Whether all that it covers is surely covered by `other`: it is the same or narrower.
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http(one), Self::Http(other)) => one.within(other),
            (Self::Exec(one), Self::Exec(other)) => {
                (one.program == other.program || other.program == Program::Any) && one.args.within(&other.args)
            }
            (Self::Files(one), Self::Files(other)) => one.within(other),
            (Self::Own(one), Self::Own(other)) => one.within(other),
            _ => false,
        }
    }

    /// Whether it names one command line and nothing else.
    pub fn is_one_command(&self) -> bool {
        match self {
            Self::Exec(ExecPattern { program: Program::File(_), args: Args::Listed { globs, open: false } }) => {
                globs.iter().all(Glob::is_literal)
            }
            _ => false,
        }
    }
}

impl HttpPattern {
    fn covers(&self, ask: &HttpAsk) -> bool {
        let UrlPattern { host, path, .. } = &self.url;
        let method = self.methods.is_empty() || self.methods.contains(&ask.method);
        method && self.url.accepts(ask.scheme, Some(ask.port)) && host.covers(&ask.host) && path.covers(&ask.path)
    }

    fn within(&self, other: &Self) -> bool {
        let (one, all) = (&self.url, &other.url);
        let methods = other.methods.is_empty() || !self.methods.is_empty() && self.methods.is_subset(&other.methods);
        let reach = |scheme: Scheme| match one.port {
            _ if !one.speaks(scheme) => true,
            PortPattern::Usual => all.accepts(scheme, Some(scheme.port())),
            PortPattern::Exact(port) => all.accepts(scheme, Some(port)),
            PortPattern::Any => all.accepts(scheme, None),
        };
        methods
            && reach(Scheme::Http)
            && reach(Scheme::Https)
            && one.host.within(&all.host)
            && one.path.within(&all.path)
    }
}

impl UrlPattern {
    fn speaks(&self, scheme: Scheme) -> bool {
        self.scheme.is_none_or(|only| only == scheme)
    }

    /// Whether a scheme is spoken at a port, or at all of them.
    fn accepts(&self, scheme: Scheme, port: Option<u16>) -> bool {
        self.speaks(scheme)
            && match self.port {
                PortPattern::Any => true,
                PortPattern::Usual => port == Some(scheme.port()),
                PortPattern::Exact(only) => port == Some(only),
            }
    }
}

impl HostPattern {
    /// Whether a host is one of those that it stands for.
    pub fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Exact(only), host) => only == host,
            (Self::OneLabel(parent), Host::Name(name)) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
            (Self::OneLabel(_), Host::Ip(_)) => false,
        }
    }

    /// Whether all that it covers is covered by `other`.
    pub fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Exact(host), other) => other.covers(host),
            (one, other) => one == other,
        }
    }
}

impl ExecPattern {
    fn covers(&self, ask: &ExecAsk) -> bool {
        let program = match &self.program {
            Program::Name(name) => ask.name.as_ref() == Some(name),
            Program::File(file) => *file == ask.program,
            Program::Any => true,
        };
        program
            && match &self.args {
                Args::Any => true,
                Args::Plain => !ask.nature().runs_others,
                Args::Listed { globs, open } => {
                    (globs.len() == ask.args.len() || *open && globs.len() < ask.args.len())
                        && globs.iter().zip(&ask.args).all(|(glob, arg)| glob.covers(arg))
                }
            }
    }

    /// The pattern of exactly this command line.
    pub fn exactly(ask: &ExecAsk) -> Self {
        let globs = ask.args.iter().map(|arg| Glob::literal(arg)).collect();
        Self { program: Program::File(ask.program.clone()), args: Args::Listed { globs, open: false } }
    }
}

impl Args {
    fn within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Plain, Self::Plain) => true,
            (Self::Listed { globs, open }, Self::Listed { globs: wide, open: wide_open }) => {
                let lengths = globs.len() == wide.len() && (!open || *wide_open);
                (lengths || *wide_open && globs.len() > wide.len())
                    && globs.iter().zip(wide).all(|(one, other)| one.within(other))
            }
            // Whether listed arguments are all plain ones cannot be told from patterns.
            _ => false,
        }
    }
}

/// Whether leave for a program by this name, with any arguments, would be leave for anything.
pub(super) fn is_shell_like(program: &Program) -> bool {
    let (name, file) = match program {
        Program::Name(name) => (Some(name.as_str()), PathBuf::from(name)),
        Program::File(file) => (None, file.clone()),
        Program::Any => return true,
    };
    shell::nature(name, &file, &[]).runs_others
}

#[cfg(test)]
mod tests;
mod text;
