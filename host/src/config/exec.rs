//! `[exec]` of `sophon-host.toml`: where programs are found that agents run, and for how long they may.

use super::ConfigError;
use super::file::invalid;
use super::units::Span;
use super::want::AbsolutePath;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The longest that a program may ever run.
const MAX_TIME: Duration = Duration::from_secs(600);
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
}

impl Default for ExecConfig {
    fn default() -> Self {
        let path = PATH.map(PathBuf::from).to_vec();
        Self { path, launcher: None, time: Duration::from_secs(60), max_time: MAX_TIME }
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
        let path = self.path.map_or(unset.path, |path| path.into_iter().map(|folder| folder.0).collect());
        if path.is_empty() || path.len() > 64 {
            return Err(invalid("exec.path", format!("{} folders are not within 1 to 64", path.len())));
        }
        Ok(ExecConfig { path, launcher: self.launcher.map(|path| path.0), time, max_time })
    }
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
    }

    #[test]
    fn what_would_not_hold_is_refused() {
        for (text, part) in [
            ("path = [\"bin\"]", "whole path"),
            ("path = []", "exec.path"),
            ("time = \"11m\"", "exec.time"),
            ("max_time = \"11m\"", "exec.max_time"),
            ("time = \"0s\"", "exec.time"),
            ("shell = \"sh\"", "unknown field"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
}
