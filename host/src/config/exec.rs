//! `[exec]` of `sophon-host.toml`: where programs are found that agents run, for how long they may, and with how much memory.

use super::ConfigError;
use super::file::invalid;
use super::units::{ByteSize, Span};
use super::want::AbsolutePath;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The longest that a program may ever run.
const MAX_TIME: Duration = Duration::from_secs(600);
/// The least memory that a program may be given, as its launcher has to do with it, too; and the most.
pub(super) const LEAST_MEMORY: ByteSize = ByteSize(64 << 20);
pub(super) const MOST_MEMORY: ByteSize = ByteSize(1 << 40);
/// Where programs are, unless the operator says so. The environment of the host has no say.
const PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// How programs of agents run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecConfig {
    /// Folders that a program's bare name is looked for in.
    pub path: Vec<PathBuf>,
    /// The host's own program, which holds others. The one that runs, unless set.
    pub launcher: Option<PathBuf>,
    /// How long a program may run, unless its agent says less.
    pub time: Duration,
    /// How long it may run whatever its agent says. At most 10 minutes.
    pub max_time: Duration,
    /// How much memory a program has with all that it starts, unless its agent's manifest says otherwise.
    pub memory: ByteSize,
    /// How much it has whatever the manifest says.
    pub max_memory: ByteSize,
}

impl Default for ExecConfig {
    fn default() -> Self {
        let path = PATH.map(PathBuf::from).to_vec();
        let (memory, max_memory) = (ByteSize(2 << 30), ByteSize(8 << 30));
        Self { path, launcher: None, time: Duration::from_secs(60), max_time: MAX_TIME, memory, max_memory }
    }
}

/// `[exec]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExecTable {
    path: Option<Vec<AbsolutePath>>,
    launcher: Option<AbsolutePath>,
    time: Option<Span>,
    max_time: Option<Span>,
    memory: Option<ByteSize>,
    max_memory: Option<ByteSize>,
}

impl ExecTable {
    pub(super) fn checked(self) -> Result<ExecConfig, ConfigError> {
        let unset = ExecConfig::default();
        let max_time = self.max_time.map_or(unset.max_time, |time| time.0);
        let time = self.time.map_or(unset.time.min(max_time), |time| time.0);
        if max_time.is_zero() || max_time > MAX_TIME {
            return Err(invalid("exec.max_time", format!("{} is not within 1ms to 10m", Span(max_time))));
        }
        if time.is_zero() || time > max_time {
            return Err(invalid("exec.time", format!("{} is not within 1ms to {}", Span(time), Span(max_time))));
        }
        let max_memory = self.max_memory.unwrap_or(unset.max_memory);
        let memory = self.memory.unwrap_or(unset.memory.min(max_memory));
        within("exec.max_memory", max_memory, MOST_MEMORY)?;
        within("exec.memory", memory, max_memory)?;
        let path = self.path.map_or(unset.path, |path| path.into_iter().map(|folder| folder.0).collect());
        if path.is_empty() || path.len() > 64 {
            return Err(invalid("exec.path", format!("{} folders are not within 1 to 64", path.len())));
        }
        Ok(ExecConfig { path, launcher: self.launcher.map(|path| path.0), time, max_time, memory, max_memory })
    }
}

fn within(key: &str, memory: ByteSize, most: ByteSize) -> Result<(), ConfigError> {
    let wrong = || invalid(key, format!("{memory} is not within {LEAST_MEMORY} to {most}"));
    (LEAST_MEMORY..=most).contains(&memory).then_some(()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ExecConfig, String> {
        let table: ExecTable = toml::from_str(text).map_err(|error| error.to_string())?;
        table.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_the_systems_own() {
        assert_eq!(read("").expect("nothing"), ExecConfig::default());
        let set = read("path = [\"/opt/tools\"]\ntime = \"2s\"\nmax_time = \"5s\"").expect("set");
        assert_eq!(
            (set.path, set.time, set.max_time.as_secs()),
            (vec!["/opt/tools".into()], Duration::from_secs(2), 5)
        );
        assert_eq!(read("max_time = \"1s\"").expect("less").time, Duration::from_secs(1));
        assert_eq!(read("max_memory = \"1GiB\"").expect("less").memory, ByteSize(1 << 30));
    }

    #[test]
    fn what_would_not_hold_is_refused() {
        for (text, part) in [
            ("path = [\"bin\"]", "whole path"),
            ("path = []", "exec.path"),
            ("time = \"11m\"", "exec.time"),
            ("max_time = \"11m\"", "exec.max_time"),
            ("time = \"0s\"", "exec.time"),
            ("memory = \"1MiB\"", "exec.memory: 1 MiB is not within 64 MiB to 8 GiB"),
            ("max_memory = \"2048GiB\"", "exec.max_memory"),
            ("shell = \"sh\"", "unknown field"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}
