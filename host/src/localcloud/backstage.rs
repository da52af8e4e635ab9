//! What the chat page may see and change of the host, where host and cloud are one process: plain data, and a trait that
//! somebody else implements, as this room knows nothing of hosts.

use serde::Serialize;
use std::future::Future;
use std::pin::Pin;

/// One thing that the host lets an agent do without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostGrant {
    /// Its name, for taking it back.
    pub id: String,
    /// Whose it is.
    pub agent: String,
    /// The component that it was given to, the first digits of its digest.
    pub digest: String,
    /// What it covers, in words.
    pub covers: String,
    /// How far the answer was to reach: `session`, `tool`, `domain`, `all`.
    pub scope: String,
    /// The session, where it is for one.
    pub session_id: Option<String>,
    /// Since when, in milliseconds since the epoch.
    pub created_at: u64,
    /// When it ends.
    pub until: Option<u64>,
    /// How often it may still be used.
    pub uses_left: Option<u32>,
}

/// What a host has, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostAgents {
    /// How often something of this has changed since the host's start.
    pub change: u64,
    /// Its agents, by name.
    pub agents: Vec<HostAgent>,
    /// Where something lies that is no agent.
    pub problems: Vec<HostProblem>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostAgent {
    /// Its name.
    pub name: String,
    /// The version that answers.
    pub version: String,
    /// The first digits of what tells that from all others.
    pub id: String,
    /// Since when it answers, in milliseconds since the epoch.
    pub since: u64,
    /// Whether it answers where nobody was chosen.
    pub is_default: bool,
    /// How its trial stands, if it is on one.
    pub trial: Option<HostTrial>,
    /// A version that does not answer, or not yet.
    pub candidate: Option<HostCandidate>,
}

/// The first turns of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostTrial {
    /// Turns so far.
    pub turns: u32,
    /// Those that failed.
    pub failures: u32,
}

/// A version that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostCandidate {
    /// What it says of itself, as far as it is known.
    pub version: String,
    /// `looking`: it is being looked at; `refused`; `build_failed`.
    pub state: &'static str,
    /// Why it does not answer.
    pub why: Option<String>,
    /// What its build printed, in lines.
    pub output: Option<String>,
}

/// Something that is no agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostProblem {
    /// Where it lies.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
    /// What its build printed, in lines.
    pub output: Option<String>,
}

/// Who answered in a bubble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostVersion {
    /// The turn.
    pub interaction_id: String,
    /// Agent, version and the beginning of its id: `echo 0.2.0 (3f2a9c0d1e2f)`.
    pub by: String,
}

/// The outcome of a call behind the scenes. An error is a sentence for the user.
pub type Behind<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// The host behind the scenes. What it tells is bounded and fit to be shown.
pub trait Backstage: Send + Sync {
    /// What agents may do without asking, oldest first.
    fn grants(&self) -> Behind<'_, Vec<HostGrant>>;

    /// The agents, once something has changed since `after`; at once without it. Who asks may stop waiting.
    fn agents(&self, after: Option<u64>) -> Behind<'_, HostAgents>;

    /// Who answered in a session, oldest first.
    fn versions<'a>(&'a self, session: &'a str) -> Behind<'a, Vec<HostVersion>>;

    /// Takes a grant back, also from what goes on by it. Whether it was there.
    fn revoke<'a>(&'a self, id: &'a str) -> Behind<'a, bool>;
}
