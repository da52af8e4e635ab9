//! How new versions of agents are noticed, and how they are watched: `agents.watch`, `agents.settle`, `[agents.trial]`.

use super::file::{ConfigError, invalid};
use super::units::Span;
use serde::Deserialize;
use std::time::Duration;

const MAX_SETTLE: Duration = Duration::from_secs(60);
const MAX_TRIAL: Duration = Duration::from_secs(7 * 86_400);
const MAX_TURNS: u32 = 100_000;

/// How new versions come to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapConfig {
    /// How files are watched.
    pub watch: Watch,
    /// How long a file must stand still before it is read. 50 ms unless set, at most a minute.
    pub settle: Duration,
    /// How a version that took over is watched.
    pub trial: TrialConfig,
}

/// How files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watch {
    /// By the system's events, and by looking once a second where a file system has none.
    #[default]
    Auto,
    /// By looking once a second.
    Poll,
    /// Not at all: `sophon-host agent reload` looks.
    Off,
}

/// The first turns of a version that took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialConfig {
    /// So many turns. 20 unless set, at most 100,000; 0 is no trial.
    pub turns: u32,
    /// And no longer than this. 10 min unless set, at most a week.
    pub time: Duration,
    /// So many of them may fail; one more, and the version before answers again. 2 unless set.
    pub failures: u32,
    /// The share of sessions that are answered by the new version meanwhile, in percent. 100 unless set.
    pub canary: u32,
}

/// `[agents.trial]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TrialTable {
    turns: Option<u32>,
    time: Option<Span>,
    failures: Option<u32>,
    canary: Option<u32>,
}

impl SwapConfig {
    pub(super) fn checked(watch: Option<Watch>, settle: Option<Span>, trial: &TrialTable) -> Result<Self, ConfigError> {
        let default = Self::default();
        let settle = settle.map_or(default.settle, |settle| settle.0);
        let trial = TrialConfig {
            turns: trial.turns.unwrap_or(default.trial.turns),
            time: trial.time.map_or(default.trial.time, |time| time.0),
            failures: trial.failures.unwrap_or(default.trial.failures),
            canary: trial.canary.unwrap_or(default.trial.canary),
        };
        let wrong = |key: &str, text: String| Err(invalid(key, text));
        match trial {
            _ if settle > MAX_SETTLE => wrong("agents.settle", format!("{} is more than 1 min", Span(settle))),
            TrialConfig { turns, .. } if turns > MAX_TURNS => {
                wrong("agents.trial.turns", format!("{turns} is more than {MAX_TURNS}"))
            }
            TrialConfig { time, .. } if time > MAX_TRIAL => {
                wrong("agents.trial.time", format!("{} is more than a week", Span(time)))
            }
            TrialConfig { canary, .. } if !(1..=100).contains(&canary) => {
                wrong("agents.trial.canary", format!("{canary} is not within 1 to 100 percent"))
            }
            trial => Ok(Self { watch: watch.unwrap_or_default(), settle, trial }),
        }
    }
}

impl Default for SwapConfig {
    fn default() -> Self {
        let trial = TrialConfig { turns: 20, time: Duration::from_secs(600), failures: 2, canary: 100 };
        Self { watch: Watch::Auto, settle: Duration::from_millis(50), trial }
    }
}
