//! What an agent is about to do, as it really is.

use super::web::{Host, Scheme};
use super::{Content, Severity, shell};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// The most arguments of a program, and the most bytes of them all.
const MAX_ARGS: (usize, usize) = (512, 64 << 10);
/// The longest name of an action.
const MAX_ACTION: usize = 128;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// To send a request.
    Http(HttpAsk),
    /// To run a program.
    Exec(ExecAsk),
    /// A question of the agent's own: what it leads to is the agent's affair.
    Own(OwnAsk),
}

/// To send a request. Made by [`HttpAsk::new`], which see.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpAsk {
    /// In capitals.
    pub method: String,
    /// In clear or not.
    pub scheme: Scheme,
    /// To whom.
    pub host: Host,
    /// At which port.
    pub port: u16,
    /// In one form: without dot segments and needless percent-encoding.
    pub path: String,
    /// Shown, and part of what was asked; rules do not look at it.
    pub query: Option<String>,
    /// The secrets that the host would put in.
    pub secrets: BTreeSet<SecretName>,
    /// What the agent puts into its head, a line each, if anything. Shown, and part of what was asked; rules do not look at it.
    pub headers: Option<Content>,
    /// What it would carry, if anything. Shown, and part of what was asked; rules do not look at it.
    pub body: Option<Content>,
}

/// To run a program.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecAsk {
    /// The name it was asked by, where it was found by a bare name where the operator keeps programs.
    pub name: Option<String>,
    /// The file itself: absolute, links resolved.
    pub program: PathBuf,
    /// The file's SHA-256.
    pub digest: [u8; 32],
    /// Without the program's name.
    pub args: Vec<String>,
    /// Where it would run, within the agent's work folder.
    pub cwd: String,
    /// Whether it would have network.
    pub network: bool,
    /// What it could read besides.
    pub reads: Vec<PathBuf>,
    /// Whether the kernel holds it to that.
    pub confined: bool,
    /// What the kernel does not hold it to, in words.
    pub lack: Option<&'static str>,
    /// What its standard input would begin with, if anything.
    pub input: Option<Content>,
}

/// A question of the agent's own.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnAsk {
    /// A stable name, such as `calendar.delete`.
    pub action: String,
    /// One line.
    pub title: String,
    /// Why.
    pub reason: String,
    /// What exactly would be done, as the agent says.
    pub command: Option<String>,
    /// How bad it could be, as the agent says.
    pub severity: Severity,
}

/// The name of a secret: 1 to 64 of letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

impl TryFrom<String> for SecretName {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let fits = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let wrong =
            || format!("`{}` is not a secret's name: 1 to 64 letters, digits and _", crate::text::line(&name, 80));
        if fits { Ok(Self(name)) } else { Err(wrong()) }
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an ask needs leave for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Requests.
    Http,
    /// Programs.
    Exec,
    /// Folders: given by rules, asked about never.
    Files,
    /// The agent's own questions.
    Approval,
}

impl Capability {
    /// Its name, for people, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Exec => "exec",
            Self::Files => "files",
            Self::Approval => "approval",
        }
    }
}

/// Tells one ask from another: two asks have the same if and only if a person would be shown the same deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::hex(&self.0))
    }
}

impl Ask {
    /// What it needs leave for.
    pub fn capability(&self) -> Capability {
        match self {
            Self::Http(_) => Capability::Http,
            Self::Exec(_) => Capability::Exec,
            Self::Own(_) => Capability::Approval,
        }
    }

    /// All that matters of it, without the agent's reasons.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Fields(Sha256::new());
        hash.field(self.capability().as_str());
        match self {
            Self::Http(ask) => ask.hash(&mut hash),
            Self::Exec(ask) => ask.hash(&mut hash),
            Self::Own(ask) => {
                hash.field(&ask.action);
                hash.field(&ask.title);
                hash.list(ask.command.iter());
                hash.field([ask.severity as u8]);
            }
        }
        Fingerprint(hash.0.finalize().into())
    }
}

impl HttpAsk {
    fn hash(&self, to: &mut Fields) {
        to.field(&self.method);
        to.field(self.origin());
        to.field(&self.path);
        to.list(self.query.iter());
        to.list(self.secrets.iter().map(|name| &name.0));
        to.content(self.headers.as_ref());
        to.content(self.body.as_ref());
    }
}

impl ExecAsk {
    /// A program that nobody looked for, as none that is asked for by this could be allowed.
    pub fn unseen(asked: &str) -> Self {
        let (name, program, cwd) = (Some(asked.to_owned()), PathBuf::new(), String::new());
        let (args, reads) = (Vec::new(), Vec::new());
        let (confined, lack) = (true, None);
        Self { name, program, digest: [0; 32], args, cwd, network: false, reads, confined, lack, input: None }
    }

    /// The first thing that cannot be: what the operating system would cut or misread.
    ///
    /// # Errors
    /// What is wrong, for the agent's author.
    pub fn checked(self) -> Result<Self, String> {
        let bytes: usize = self.args.iter().map(String::len).sum();
        let texts = self.args.iter().chain(self.name.as_ref()).chain([&self.cwd]);
        let has_nul = texts.into_iter().any(|text| text.contains('\0'));
        match &self {
            _ if has_nul => Err("a program's arguments have no NUL in them".to_owned()),
            _ if self.args.len() > MAX_ARGS.0 || bytes > MAX_ARGS.1 => {
                Err(format!("a program has at most {} arguments of {} bytes in all", MAX_ARGS.0, MAX_ARGS.1))
            }
            Self { name: Some(name), .. } if name.is_empty() || name.contains('/') => {
                Err("a program's name has no slash".to_owned())
            }
            _ if !self.program.is_absolute() => Err("a program is an absolute path here".to_owned()),
            _ if self.program.to_str().is_none_or(|path| path.contains(char::is_control)) => {
                Err("a program's path is text without control characters".to_owned())
            }
            _ => Ok(self),
        }
    }

    /// What the command line is by its nature.
    pub fn nature(&self) -> shell::Nature {
        shell::nature(self.name.as_deref(), &self.program, &self.args)
    }

    /// The name it was asked by, else the file.
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.program.display().to_string())
    }

    fn hash(&self, to: &mut Fields) {
        use std::os::unix::ffi::OsStrExt as _;
        let path = |path: &Path| path.as_os_str().as_bytes().to_vec();
        to.list(self.name.iter());
        to.field(path(&self.program));
        to.field(self.digest);
        to.list(self.args.iter());
        to.field(&self.cwd);
        to.field([u8::from(self.network)]);
        to.list(self.reads.iter().map(|read| path(read)));
        to.field([u8::from(self.confined)]);
        to.list(self.lack.iter());
        to.content(self.input.as_ref());
    }
}

impl OwnAsk {
    /// Checks the name of the action. The other texts are bounded where they are shown.
    ///
    /// # Errors
    /// What is wrong with it, for the agent's author.
    pub fn checked(self) -> Result<Self, String> {
        action(&self.action).map(|()| self)
    }
}

/// Whether this is the name of an action.
///
/// # Errors
/// What is wrong with it.
pub(super) fn action(name: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:/".contains(&b);
    if (1..=MAX_ACTION).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let shown = crate::text::line(name, 80);
    Err(format!("`{shown}` is not an action: 1 to {MAX_ACTION} letters, digits and . _ - : /"))
}

/// A hash of fields, each with its length before it, so that no two lists of fields are the same bytes.
struct Fields(Sha256);

impl Fields {
    fn field(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn content(&mut self, content: Option<&Content>) {
        self.list(content.iter().map(|content| content.digest));
    }

    fn list(&mut self, items: impl ExactSizeIterator<Item: AsRef<[u8]>>) {
        self.0.update((items.len() as u64).to_be_bytes());
        items.for_each(|item| self.field(item));
    }
}

#[cfg(test)]
pub(super) mod tests;
