//! `agent.toml`: what an agent says of itself.

use super::limits::LimitsTable;
use super::want::WantTables;
use super::{ByteSize, Limits, TotalsTable};
use crate::grant::Wants;
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 256 << 10;
/// The most messages of `[test]`, and the bytes of each.
const MAX_TESTS: usize = 16;
const MAX_TEST: usize = 4 << 10;

/// An agent's name: 1 to 64 of `[a-z0-9-]`, unique on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct AgentName(String);

impl AgentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AgentName {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let wrong = || format!("`{}` is not an agent's name: 1 to 64 of a-z, 0-9 and -", crate::text::line(&name, 80));
        if fits { Ok(Self(name)) } else { Err(wrong()) }
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A manifest, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The agent's name.
    pub name: AgentName,
    /// Its version, for people.
    pub version: String,
    /// One or two sentences for people.
    pub description: String,
    /// The component file, within the agent's folder unless the manifest names it absolutely.
    pub component: PathBuf,
    /// The contract it was written for, such as `0.1`.
    pub contract: Option<String>,
    /// How much of the past it is given. Nothing unless it asks.
    pub history: HistorySpec,
    /// How it is built, if it is.
    pub build: Option<BuildSpec>,
    /// What it will ask for, and why.
    pub wants: Wants,
    /// What a turn may use.
    pub limits: Limits,
    /// What all its turns may use together, as far as it says.
    pub total: TotalsTable,
    /// Messages that a candidate must answer before it takes over.
    pub tests: Vec<String>,
    /// The number of what `state` holds: raised by a version that keeps it in another shape.
    pub schema: u32,
    /// Where it was found: the agent's folder, or its bare component.
    pub origin: PathBuf,
    /// The text of `agent.toml`, empty for a bare component. With the component it is what tells two versions apart.
    pub source: String,
}

/// `history` of `[agent]`: bounds of `turn.history`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistorySpec {
    /// At most this many messages, up to 1,000.
    pub messages: u32,
    /// At most this many bytes of text, up to 4 MiB.
    #[serde(default = "HistorySpec::default_bytes")]
    pub bytes: ByteSize,
}

impl HistorySpec {
    /// No history at all.
    pub const NONE: Self = Self { messages: 0, bytes: ByteSize(0) };

    fn default_bytes() -> ByteSize {
        ByteSize(64 << 10)
    }
}

/// `[build]`: used by `dev` only.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildSpec {
    /// A command line, run in the agent's folder. Split at blanks; there is no shell.
    pub command: String,
    /// Files and folders of the agent's folder that it is built from.
    #[serde(default = "BuildSpec::sources")]
    pub watch: Vec<PathBuf>,
}

impl BuildSpec {
    fn sources() -> Vec<PathBuf> {
        vec!["src".into(), "Cargo.toml".into()]
    }
}

/// Why a manifest could not be used. The text names the file and, where there is one, the line and the known keys.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file could not be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The manifest.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, a key that does not exist, or a value that does not fit.
    #[error("{file} is not a manifest: {message}")]
    Invalid {
        /// The manifest.
        file: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    agent: AgentTable,
    build: Option<BuildSpec>,
    #[serde(default)]
    want: WantTables,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    total: TotalsTable,
    #[serde(default)]
    test: TestTable,
    #[serde(default)]
    state: StateTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestTable {
    messages: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateTable {
    schema: u32,
}

impl Default for StateTable {
    fn default() -> Self {
        Self { schema: Manifest::FIRST_SCHEMA }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentTable {
    name: AgentName,
    version: String,
    #[serde(default)]
    description: String,
    component: PathBuf,
    contract: Option<String>,
    #[serde(default = "no_history")]
    history: HistorySpec,
}

fn no_history() -> HistorySpec {
    HistorySpec::NONE
}

impl Manifest {
    /// The manifest's name in an agent's folder.
    pub const FILE: &'static str = "agent.toml";
    /// The schema of an agent whose manifest names none.
    pub const FIRST_SCHEMA: u32 = 1;

    /// Reads `agent.toml` of a folder.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let file = folder.join(Self::FILE);
        let read = || -> std::io::Result<String> {
            let bytes = crate::plain::read(&file, MAX_MANIFEST)?;
            String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text in UTF-8"))
        };
        let text = read().map_err(|source| ManifestError::Read { file: file.clone(), source })?;
        Self::parse(text, folder).map_err(|message| ManifestError::Invalid { file, message })
    }

    /// The manifest of a version that was kept: what it said, where it was found, and its component's copy.
    ///
    /// # Errors
    /// When this host does not read it as the one that kept it did.
    pub fn kept(source: String, origin: &Path, component: PathBuf) -> Result<Self, ManifestError> {
        let invalid = |message| ManifestError::Invalid { file: origin.to_owned(), message };
        let manifest = match source.is_empty() {
            true => Self::bare(origin)?,
            false => Self::parse(source, origin).map_err(invalid)?,
        };
        Ok(Self { component, ..manifest })
    }

    /// The manifest of a component that came without one: its name is the file's.
    ///
    /// # Errors
    /// When the file's name cannot be an agent's name.
    pub fn bare(component: &Path) -> Result<Self, ManifestError> {
        let stem = component.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-").to_lowercase();
        let name = AgentName::try_from(stem)
            .map_err(|message| ManifestError::Invalid { file: component.to_owned(), message })?;
        Ok(Self {
            name,
            version: "0.0.0".to_owned(),
            description: String::new(),
            component: component.to_owned(),
            contract: None,
            history: HistorySpec::NONE,
            build: None,
            wants: Wants::default(),
            limits: Limits::default(),
            total: TotalsTable::default(),
            tests: Vec::new(),
            schema: Self::FIRST_SCHEMA,
            origin: component.to_owned(),
            source: String::new(),
        })
    }

    fn parse(source: String, folder: &Path) -> Result<Self, String> {
        let file = toml::from_str(&source).map_err(|error| error.to_string())?;
        let File { agent, build, want, limits, total, test, state } = file;
        if test.messages.len() > MAX_TESTS || test.messages.iter().any(|message| message.len() > MAX_TEST) {
            return Err(format!("`test.messages` may have at most {MAX_TESTS} messages of {MAX_TEST} bytes"));
        }
        if agent.history.messages > 1_000 || agent.history.bytes.0 > 4 << 20 {
            return Err("`agent.history` may have at most 1,000 messages and 4 MiB".to_owned());
        }
        Ok(Self {
            name: agent.name,
            version: crate::text::line(&agent.version, 64),
            description: crate::text::line(agent.description.trim(), 500),
            component: folder.join(agent.component),
            contract: agent.contract,
            history: agent.history,
            build,
            wants: want.wants()?,
            limits: limits.checked(&Limits::default())?,
            total: total.of_manifest()?,
            tests: test.messages,
            schema: state.schema,
            origin: folder.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: &str = "[agent]\nname = \"echo\"\nversion = \"1\"\ncomponent = \"echo.wasm\"\n";

    fn parse(text: &str) -> Result<Manifest, String> {
        Manifest::parse(text.to_owned(), Path::new("/agents/echo"))
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line_and_the_known_ones() {
        let message = parse(&format!("{ECHO}[limits]\ncpu = \"1s\"\nmemroy = \"1MiB\"\n")).expect_err("a wrong key");
        for part in ["line 7", "memroy", "`memory`", "`cpu`"] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (bad, part) in [
            (ECHO.replace("echo\"", "Echo!\""), "not an agent's name"),
            (format!("{ECHO}[limits]\nmemory = \"1GiB\""), "256 MiB"),
            (format!("{ECHO}[limits]\ncpu = \"soon\""), "not a time"),
            (format!("{ECHO}history = {{ messages = 5000 }}"), "1,000"),
            ("x".to_owned(), "line 1"),
            (String::new(), "agent"),
        ] {
            let message = parse(&bad).expect_err(&bad);
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }

    #[test]
    fn what_is_no_file_in_its_place_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(Manifest::FILE);
        std::os::unix::fs::symlink("/dev/zero", &file).expect("linked");
        let error = |folder: &Path| Manifest::read(folder).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error(folder.path()).contains("not a file"), "{}", error(folder.path()));
        std::fs::remove_file(&file).expect("removed");
        std::fs::write(&file, b"\xff").expect("written");
        assert!(error(folder.path()).contains("UTF-8"), "{}", error(folder.path()));
    }

    #[test]
    fn a_small_manifest_gets_the_defaults() {
        let manifest = parse(ECHO).expect("a manifest");
        assert_eq!(manifest.component, Path::new("/agents/echo/echo.wasm"));
        assert_eq!((manifest.history.messages, manifest.limits.calls), (0, 100_000));
    }

    #[test]
    fn the_annotated_example_says_what_holds() {
        let example = parse(include_str!("../../../examples/agent.toml")).expect("a manifest");
        assert_eq!(example.limits, Limits::default());
        assert!(example.build.is_some() && example.history.messages == 40);
        assert_eq!((example.wants.asks.len(), example.wants.secrets.len(), example.wants.files.len()), (2, 1, 1));
    }

    #[test]
    fn a_component_without_a_manifest_is_named_after_its_file() {
        let manifest = Manifest::bare(Path::new("/x/My_agent.wasm")).expect("a manifest");
        assert_eq!(manifest.name.as_str(), "my-agent");
        assert!(Manifest::bare(Path::new("/x/ä.wasm")).is_err());
    }
}
