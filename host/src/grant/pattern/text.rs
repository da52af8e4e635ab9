//! Patterns as people write them.

use super::{Args, ExecPattern, HostPattern, HttpPattern, Pattern, PortPattern, Program, UrlPattern};
use crate::grant::web::{self, Host, Scheme};
use crate::grant::{Glob, HttpAsk, ask};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// The longest text of a pattern, in bytes: a grant for one long command line is written with all its arguments.
const MAX_TEXT: usize = 512 << 10;
/// What stands for any further arguments.
pub(crate) const FURTHER: &str = "...";
/// What stands for no arguments at all.
const NONE: &str = "()";

impl FromStr for UrlPattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let shown = crate::text::line(text, 200);
        let wrong = |why: &str| format!("`{shown}` is not a pattern of addresses: {why}");
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("write such as https://example.com/v1/*"))?;
        let scheme = match scheme {
            "*" => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => return Err(wrong("its scheme is http, https or *")),
        };
        let at = rest.find('/').ok_or_else(|| wrong("after the host goes a path, such as /*"))?;
        let (authority, path) = rest.split_at(at);
        if authority.contains('@') || path.contains(['?', '#']) {
            return Err(wrong("it has no user, query or fragment"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None => PortPattern::Usual,
            Some("*") => PortPattern::Any,
            Some(port) => PortPattern::Exact(
                port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("its port is 1 to 65535 or *"))?,
            ),
        };
        let host = host.parse().map_err(|why: String| wrong(&why))?;
        Ok(Self { scheme, host, port, path: path_glob(path).map_err(|why| wrong(&why))? })
    }
}

/// The path of a pattern, in the form that paths of asks have: else it would look right and cover nothing.
fn path_glob(path: &str) -> Result<Glob, String> {
    let glob: Glob = path.parse()?;
    let read = HttpAsk::new("GET", &format!("https://a{}", glob.plain()), BTreeSet::new())?.path;
    if read == glob.plain() {
        return Ok(glob);
    }
    Err(format!("its path is read as `{}`: write it so", crate::text::line(&read, 200)))
}

impl FromStr for HostPattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("*.") {
            _ if text == "*" => Ok(Self::Any),
            None => Host::parse(text).map(Self::Exact),
            Some(parent) => match Host::parse(parent)? {
                Host::Name(name) => Ok(Self::OneLabel(name)),
                Host::Ip(_) => Err(format!("`{}`: an address has no names below it", crate::text::line(text, 200))),
            },
        }
    }
}

impl FromStr for Program {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let shown = || crate::text::line(text, 200);
        if text.is_empty() || text.len() > 4_096 || text.contains(char::is_control) || !plain {
            return Err(format!("`{}` is not a program: write its name, or its whole path", shown()));
        }
        match text.contains('/') {
            false if text == "*" => Ok(Self::Any),
            false => Ok(Self::Name(text.to_owned())),
            true if path.is_absolute() => Ok(Self::File(path.components().collect::<PathBuf>())),
            true => Err(format!("`{}` is not a program: a path begins with /", shown())),
        }
    }
}

impl Args {
    /// Reads a list as it is configured: each a glob, and `...` at the end for any further ones.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn listed(words: &[String]) -> Result<Self, String> {
        let (words, open) = match words.split_last() {
            Some((last, rest)) if last == FURTHER => (rest, true),
            _ => (words, false),
        };
        let globs: Vec<Glob> = words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?;
        Ok(if open && globs.is_empty() { Self::Any } else { Self::Listed { globs, open } })
    }
}

impl FromStr for Pattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("a pattern has at most {MAX_TEXT} bytes"));
        }
        let kinds = "write `http [METHODS] URL`, `exec PROGRAM [ARGUMENTS]` or `own ACTION`";
        let (kind, rest) = text.split_once(' ').ok_or(kinds)?;
        match kind {
            "http" => {
                let (methods, url) = rest.split_once(' ').unwrap_or(("", rest));
                let methods = methods.split(',').filter(|method| !method.is_empty()).map(web::method);
                Ok(Self::Http(HttpPattern { url: url.parse()?, methods: methods.collect::<Result<_, _>>()? }))
            }
            "exec" => exec(rest).map(Self::Exec),
            "files" => rest.parse().map(Self::Files),
            "own" => own(rest).map(Self::Own),
            _ => Err(kinds.to_owned()),
        }
    }
}

/// An action, with stars.
///
/// # Errors
/// When it could be the name of none.
pub(crate) fn own(text: &str) -> Result<Glob, String> {
    ask::action(&text.replace('*', "x"))?;
    text.parse()
}

fn exec(text: &str) -> Result<ExecPattern, String> {
    let mut words = split(text)?.into_iter();
    let (program, _) = words.next().ok_or("write the program")?;
    let mut words: Vec<(String, bool)> = words.collect();
    let bare = |words: &[(String, bool)], is: &str| words.last().is_some_and(|(word, quoted)| !quoted && word == is);
    let open = bare(&words, FURTHER);
    let none = words.len() == 1 && bare(&words, NONE);
    if open || none {
        words.pop();
    }
    let globs: Vec<Glob> = words.iter().map(|(word, _)| word.parse()).collect::<Result<_, _>>()?;
    let args = match (globs.is_empty(), open, none) {
        (true, true, _) => Args::Any,
        (true, false, false) => Args::Plain,
        _ => Args::Listed { globs, open },
    };
    Ok(ExecPattern { program: program.parse()?, args })
}

/// Words divided by single blanks; one that holds blanks, quotes or control characters is a string of JSON.
fn split(text: &str) -> Result<Vec<(String, bool)>, String> {
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        if rest.starts_with('"') {
            let mut read = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let word = read.next().and_then(Result::ok).ok_or("a quote is not closed")?;
            rest = &rest[read.byte_offset()..];
            words.push((word, true));
            rest = match rest.strip_prefix(' ') {
                Some(rest) => rest,
                None if rest.is_empty() => rest,
                None => return Err("after a quote goes a blank".to_owned()),
            };
        } else {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push((word.to_owned(), false));
            rest = after;
        }
    }
    Ok(words)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| !(c.is_whitespace() || c.is_control() || c == '"');
    let is_bare = !word.is_empty() && ![FURTHER, NONE].contains(&word) && word.chars().all(plain);
    if is_bare { word.to_owned() } else { serde_json::Value::from(word).to_string() }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.map_or("*", Scheme::as_str), self.host)?;
        match self.port {
            PortPattern::Usual => {}
            PortPattern::Exact(port) => write!(f, ":{port}")?,
            PortPattern::Any => f.write_str(":*")?,
        }
        self.path.fmt(f)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::OneLabel(parent) => write!(f, "*.{parent}"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::File(file) => file.display().fmt(f),
            Self::Any => f.write_str("*"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(HttpPattern { url, methods }) if methods.is_empty() => write!(f, "http {url}"),
            Self::Http(HttpPattern { url, methods }) => {
                write!(f, "http {} {url}", methods.iter().cloned().collect::<Vec<_>>().join(","))
            }
            Self::Own(action) => write!(f, "own {action}"),
            Self::Files(files) => write!(f, "files {files}"),
            Self::Exec(ExecPattern { program, args }) => {
                write!(f, "exec {}", quoted(&program.to_string()))?;
                match args {
                    Args::Any => write!(f, " {FURTHER}"),
                    Args::Plain => Ok(()),
                    Args::Listed { globs, open: false } if globs.is_empty() => write!(f, " {NONE}"),
                    Args::Listed { globs, open } => {
                        globs.iter().try_for_each(|glob| write!(f, " {}", quoted(&glob.to_string())))?;
                        if *open { write!(f, " {FURTHER}") } else { Ok(()) }
                    }
                }
            }
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}
