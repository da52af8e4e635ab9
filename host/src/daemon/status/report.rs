//! What is told of a host, as data. Fields are added, never renamed: programs read this.

use super::Trouble;
use crate::turn::Fate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a host is doing. Times are milliseconds since the epoch; all text is bounded and escaped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The host's version.
    pub version: String,
    /// Its process id.
    pub process: u32,
    /// When it started.
    pub started_at: u64,
    /// When this was told.
    pub now: u64,
    /// The cloud's address.
    pub cloud: String,
    /// How the link stands.
    pub link: LinkReport,
    /// How often it was connected anew.
    pub reconnects: u64,
    /// Who answers.
    pub agents: AgentsReport,
    /// What they do.
    pub turns: TurnsReport,
    /// How often turns reached a limit, by its key in `[limits]`. A host that does not tell counts none.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// What waits.
    pub queues: Queues,
    /// The last warnings and errors of the log, oldest first.
    pub errors: Vec<Trouble>,
}

/// How the link stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LinkReport {
    /// Dialling for the first time.
    Connecting {
        /// Since when.
        since: u64,
    },
    /// The cloud is ready.
    Connected {
        /// Since when.
        since: u64,
        /// Who we are there.
        installation: String,
    },
    /// Not connected; it is dialled again.
    Waiting {
        /// Since when.
        since: u64,
        /// Why, at the last try.
        reason: String,
        /// When the next dial is due. In the past: it is under way.
        next_dial_at: u64,
    },
}

/// The agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentsReport {
    /// How many are loaded; the first hundred are named.
    pub count: u64,
    /// Who they are.
    pub loaded: Vec<AgentLine>,
    /// Who answers where nobody was chosen.
    pub default: Option<String>,
    /// Those that could not be loaded.
    pub problems: Vec<Problem>,
}

/// An agent that is loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentLine {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An agent that is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it was looked for.
    pub path: String,
    /// What is wrong.
    pub error: String,
}

/// Turns: those of now, and what came of the others since the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnsReport {
    /// With an agent, or about to get one.
    pub running: u64,
    /// Behind another turn of their session.
    pub waiting: u64,
    /// Ended with an agent's answer.
    pub answered: u64,
    /// Ended with the host's own answer: a command, or that there is no such agent.
    pub host: u64,
    /// The agent said that it failed.
    pub failed: u64,
    /// Stopped at a limit.
    pub limited: u64,
    /// The agent crashed.
    pub crashed: u64,
    /// There was no room to start the agent.
    pub busy: u64,
    /// Stopped by its user or by a shutdown.
    pub stopped: u64,
    /// Ended without having run: interrupted by a restart, or one too many in its session.
    pub not_run: u64,
    /// Whatever came of them, the cloud does not have their end; the next start sends it. Counted above, too.
    pub untold: u64,
}

impl TurnsReport {
    /// One more has ended.
    pub(super) fn count(&mut self, fate: Option<Fate>, told: bool) {
        let counter = match fate {
            Some(Fate::Answered) => &mut self.answered,
            Some(Fate::Host) => &mut self.host,
            Some(Fate::Failed) => &mut self.failed,
            Some(Fate::Limited) => &mut self.limited,
            Some(Fate::Crashed) => &mut self.crashed,
            Some(Fate::Busy) => &mut self.busy,
            Some(Fate::Stopped) => &mut self.stopped,
            None => &mut self.not_run,
        };
        *counter += 1;
        self.untold += u64::from(!told);
    }

    /// What came of turns, in words, without what did not happen.
    pub fn ended(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.answered, "answered"),
            (self.host, "answered by the host"),
            (self.failed, "failed"),
            (self.limited, "at a limit"),
            (self.crashed, "crashed"),
            (self.busy, "without room"),
            (self.stopped, "stopped"),
            (self.not_run, "not run"),
            (self.untold, "not told to the cloud"),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queues {
    /// Sessions in which turns wait.
    pub sessions: u64,
    /// Updates that are not recorded yet, and so not acked.
    pub unacked: u64,
    /// Questions that wait for their users. A host that does not tell has none.
    #[serde(default)]
    pub questions: u64,
}
