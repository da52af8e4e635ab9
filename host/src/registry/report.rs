//! What is told of agents, as data. Fields are added, never renamed: programs read this.

use crate::wasm::Agent;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One agent. Times are milliseconds since the epoch; all text is bounded and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReport {
    /// Its name.
    pub name: String,
    /// What its manifest says of it.
    pub description: String,
    /// Whether it answers where nobody was chosen.
    pub is_default: bool,
    /// Where it was found.
    pub origin: PathBuf,
    /// The size of its component, in bytes.
    pub size: u64,
    /// What of its manifest's limits the operator lowered, in words.
    pub lowered: Vec<String>,
    /// The version that answers.
    pub answers: VersionReport,
    /// Since when it does.
    pub since: u64,
    /// Turns that it has ended since.
    pub turns: u64,
    /// Those that failed by its fault.
    pub failures: u64,
    /// The version that answers again if this one fails its trial.
    pub before: Option<VersionReport>,
    /// How the trial stands.
    pub trial: Option<TrialReport>,
    /// A version that does not answer, or not yet.
    pub candidate: Option<CandidateReport>,
}

/// One version of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionReport {
    /// What its manifest says.
    pub version: String,
    /// Tells it from all others.
    pub id: String,
    /// SHA-256 of its component.
    pub digest: String,
}

/// How a trial stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Turns so far.
    pub turns: u32,
    /// Those that failed.
    pub failures: u32,
    /// The share of sessions that it answers meanwhile, in percent.
    #[serde(default = "all")]
    pub share: u32,
    /// It was to have a smaller share: it cannot, as what it keeps for all sessions is of another schema.
    #[serde(default)]
    pub in_all: bool,
}

fn all() -> u32 {
    100
}

/// A version that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// What its manifest says.
    pub version: String,
    /// Tells it from all others.
    pub id: String,
    /// Why it does not answer; none while it is being looked at.
    pub why: Option<String>,
    /// Since when.
    pub at: u64,
    /// It was not even built: the end of what the build command printed, in lines.
    #[serde(default)]
    pub output: Option<String>,
}

impl CandidateReport {
    /// What it is, for people: its version, and why it does not answer.
    pub fn in_words(&self) -> String {
        let name = match self.version.as_str() {
            "" => "another version".to_owned(),
            version => format!("version {version} ({})", short(&self.id)),
        };
        match (&self.why, &self.output) {
            (None, _) => format!("{name} is being looked at"),
            (Some(why), Some(_)) => format!("build failed: {why}"),
            (Some(why), None) => format!("{name} does not answer: {why}"),
        }
    }
}

impl VersionReport {
    /// Of an agent that is ready.
    pub fn of(agent: &Agent) -> Self {
        Self { version: agent.manifest.version.clone(), id: agent.id.to_string(), digest: agent.digest.to_string() }
    }

    /// The version and the beginning of its id, for people.
    pub fn in_words(&self) -> String {
        format!("{} ({})", self.version, short(&self.id))
    }
}

/// The beginning of an id, which is enough for people.
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
