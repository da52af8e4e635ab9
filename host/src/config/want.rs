//! `[[want.…]]` of `agent.toml`: what an agent says beforehand that it will ask for, and why.

use super::ByteSize;
use super::exec::{LEAST_MEMORY, MOST_MEMORY};
use crate::grant::{
    Args, ExecPattern, FileWant, HostPattern, HttpPattern, Pattern, Program, SecretName, UrlPattern, Want, Wants,
};
use serde::{Deserialize, Deserializer, de};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Component, PathBuf};
use std::str::FromStr;

/// The most of each kind of want, and of what each lists.
const MAX_WANTS: usize = 64;
/// The longest reason that is kept, in bytes.
const MAX_WHY: usize = 300;

/// `[want]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WantTables {
    http: Few<HttpTable>,
    exec: Few<ExecTable>,
    secret: BTreeMap<SecretName, SecretTable>,
    files: Few<FilesTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpTable {
    url: Read<UrlPattern>,
    #[serde(default)]
    methods: Methods,
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecTable {
    program: Read<Program>,
    args: Option<Arguments>,
    why: String,
    memory: Option<ByteSize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    hosts: Few<HostPattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilesTable {
    path: FilesPath,
    #[serde(default)]
    write: bool,
    why: String,
}

/// What is read from a string, with the error at its line.
#[derive(Debug)]
pub(super) struct Read<T>(pub(super) T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        String::deserialize(de)?.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A list of a bounded length.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let list = Vec::deserialize(de)?;
        if list.len() > MAX_WANTS {
            return Err(de::Error::custom(format!("a list of {} has more than {MAX_WANTS} entries", list.len())));
        }
        Ok(Self(list))
    }
}

/// Methods of requests. Any, where there is none.
#[derive(Debug, Default)]
pub(super) struct Methods(pub(super) BTreeSet<String>);

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let names = Few::<String>::deserialize(de)?.0;
        if names.is_empty() {
            return Err(de::Error::custom("a list of methods names one at least; leave it out for any"));
        }
        let methods = names.iter().map(|name| crate::grant::web::method(name)).collect::<Result<_, _>>();
        methods.map(Self).map_err(de::Error::custom)
    }
}

/// Arguments of a program, with `...` at the end for any further ones.
#[derive(Debug)]
pub(super) struct Arguments(pub(super) Args);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let words = Few::<String>::deserialize(de)?.0;
        Args::listed(&words).map(Self).map_err(de::Error::custom)
    }
}

/// A path from the root, or `work`: the agent's own work folder.
#[derive(Debug)]
struct FilesPath(PathBuf);

impl<'de> Deserialize<'de> for FilesPath {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        let path = String::deserialize(de)?;
        if path == FileWant::WORK {
            return Ok(Self(path.into()));
        }
        let words = |why: String| format!("{why}; or write `work` for the agent's own work folder");
        path.parse().map(|path: AbsolutePath| Self(path.0)).map_err(words).map_err(de::Error::custom)
    }
}

/// A path from the root, without steps upwards.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct AbsolutePath(pub PathBuf);

impl TryFrom<PathBuf> for AbsolutePath {
    type Error = String;
    fn try_from(path: PathBuf) -> Result<Self, String> {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let text = path.to_str().filter(|text| text.len() <= 4_096 && !text.contains(char::is_control));
        if !path.is_absolute() || !plain || text.is_none() {
            let shown = crate::text::line(&path.to_string_lossy(), 200);
            return Err(format!("`{shown}` must be a whole path: it begins with / and has no .."));
        }
        Ok(Self(path.components().collect()))
    }
}

impl FromStr for AbsolutePath {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(PathBuf::from(text))
    }
}

impl WantTables {
    /// What is wanted.
    ///
    /// # Errors
    /// When there are more secrets than can be looked through, or one has no host.
    pub(super) fn wants(self) -> Result<Wants, String> {
        if self.secret.len() > MAX_WANTS {
            return Err(format!("`want.secret` has more than {MAX_WANTS} entries"));
        }
        if let Some((name, _)) = self.secret.iter().find(|(_, table)| table.hosts.0.is_empty()) {
            return Err(format!("`want.secret.{name}` names no host that it would be sent to"));
        }
        let range = LEAST_MEMORY..=MOST_MEMORY;
        if let Some(wrong) = self.exec.0.iter().filter_map(|table| table.memory).find(|memory| !range.contains(memory))
        {
            return Err(format!("`memory` of `want.exec`: {wrong} is not within {LEAST_MEMORY} to {MOST_MEMORY}"));
        }
        let why = |text: String| crate::text::line(text.trim(), MAX_WHY);
        let http = self.http.0.into_iter().map(|table| Want {
            pattern: Pattern::Http(HttpPattern { url: table.url.0, methods: table.methods.0 }),
            why: why(table.why),
            memory: None,
        });
        let exec = self.exec.0.into_iter().map(|table| Want {
            pattern: Pattern::Exec(ExecPattern {
                program: table.program.0,
                args: table.args.map_or(Args::Plain, |args| args.0),
            }),
            why: why(table.why),
            memory: table.memory.map(|memory| memory.0),
        });
        let files = self.files.0.into_iter();
        let files = files.map(|table| FileWant {
            // One's own folder is always written to.
            write: table.write || table.path.0.as_os_str() == FileWant::WORK,
            path: table.path.0,
            why: why(table.why),
        });
        Ok(Wants {
            asks: http.chain(exec).collect(),
            secrets: self.secret.into_iter().map(|(name, table)| (name, table.hosts.0)).collect(),
            files: files.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wants, String> {
        toml::from_str::<WantTables>(text).map_err(|error| error.to_string())?.wants()
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_line() {
        for (text, part) in [
            ("[[http]]\nurl = \"https://a.example\"\nwhy = \"x\"", "line 2"),
            ("[[http]]\nurl = \"https://a.example/*\"", "missing field `why`"),
            ("[[http]]\nulr = \"x\"", "unknown field `ulr`"),
            ("[[http]]\nurl = \"https://a.example/*\"\nmethods = [\"G T\"]\nwhy = \"x\"", "not a method"),
            ("[[http]]\nurl = \"https://a.example/*\"\nmethods = []\nwhy = \"x\"", "leave it out"),
            ("[[exec]]\nprogram = \"./x\"\nwhy = \"x\"", "not a program"),
            ("[[exec]]\nprogram = \"x\"\nargs = ['\\d']\nwhy = \"x\"", "backslash"),
            ("[[exec]]\nprogram = \"x\"\nmemory = \"1MiB\"\nwhy = \"x\"", "1 MiB is not within 64 MiB to 1024 GiB"),
            ("[secret.a-b]\nhosts = [\"a.example\"]", "not a secret's name"),
            ("[secret.A]\nhosts = []", "names no host"),
            ("[secret.A]\nhosts = [\"https://a.example\"]", "not a host"),
            ("[[files]]\npath = \"x\"\nwhy = \"x\"", "or write `work`"),
            ("[[files]]\npath = \"/x/../y\"\nwhy = \"x\"", "whole path"),
            (&"[[exec]]\nprogram = \"x\"\nwhy = \"x\"\n".repeat(65), "more than 64"),
            (&(0..65).map(|n| format!("[secret.A{n}]\nhosts = [\"a\"]\n")).collect::<String>(), "more than 64"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn wants_are_read_as_patterns() {
        let wants = read(
            "[[http]]\nurl = \"https://*.a.example/v1/*\"\nmethods = [\"post\"]\nwhy = \"a\\u202e\"\n\
             [[exec]]\nprogram = \"git\"\nmemory = \"1GiB\"\nwhy = \"\"\n[[exec]]\nprogram = \"/bin/ls\"\nargs = [\"-l\", \"...\"]\nwhy = \"\"\n\
             [secret.KEY]\nhosts = [\"*.a.example\"]\n[[files]]\npath = \"/srv/data/\"\nwhy = \"\"\n[[files]]\npath = \"work\"\nwhy = \"\"",
        )
        .expect("wants");
        let patterns: Vec<String> = wants.asks.iter().map(|want| want.pattern.to_string()).collect();
        assert_eq!(patterns, ["http POST https://*.a.example/v1/*", "exec git", "exec /bin/ls -l ..."]);
        assert_eq!((wants.asks[1].memory, wants.asks[2].memory), (Some(1 << 30), None));
        assert_eq!((wants.asks[0].why.as_str(), wants.secrets.len()), ("a\\u{202e}", 1));
        assert_eq!((&wants.files[0].path, wants.files[0].write), (&PathBuf::from("/srv/data"), false));
        assert!(wants.files[1].is_work() && wants.files[1].write);
    }
}
