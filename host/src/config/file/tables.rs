//! `sophon-host.toml` as it is written: every key may be left out, and no other is known.

use super::{AgentsConfig, CacheConfig, ConfigError, LogFormat, TurnsConfig, invalid};
use crate::config::exec::ExecTable;
use crate::config::limits::LimitsTable;
use crate::config::policy::{AgentTable, PolicyTables, RuleTable};
use crate::config::proxy::HttpTable;
use crate::config::swap::{SwapConfig, TrialTable, Watch};
use crate::config::totals::TotalsTable;
use crate::config::units::{ByteSize, Span};
use crate::config::{AgentName, Limits, SecretSpec, Totals, TotalsConfig};
use crate::grant::SecretName;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What one turn takes of the system's memory mappings: two for its place, four or five while its guest lives, and a share
/// of a quarter that is left for all else. Without mappings the process itself could get no memory.
const MAPPINGS: u64 = 8;

const MAX_GRACE: Duration = Duration::from_secs(3_600);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) cloud: CloudTable,
    pub(super) agents: AgentsTable,
    pub(super) turns: TurnsTable,
    pub(super) limits: LimitsTable,
    pub(super) total: TotalsTable,
    pub(super) exec: ExecTable,
    pub(super) http: HttpTable,
    pub(super) store: StoreTable,
    pub(super) metrics: MetricsTable,
    pub(super) telemetry: TelemetryTable,
    pub(super) log: LogTable,
    pub(super) policy: Vec<RuleTable>,
    pub(super) agent: BTreeMap<AgentName, AgentTable>,
    pub(super) secret: BTreeMap<SecretName, SecretSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CloudTable {
    pub(super) url: Option<String>,
    pub(super) token_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AgentsTable {
    pub(super) paths: Vec<PathBuf>,
    pub(super) default: Option<AgentName>,
    pub(super) watch: Option<Watch>,
    pub(super) settle: Option<Span>,
    pub(super) cache: Option<ByteSize>,
    pub(super) trial: TrialTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TurnsTable {
    pub(super) at_once: Option<u32>,
    pub(super) open_at_most: Option<u32>,
    pub(super) grace: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreTable {
    pub(super) fsync: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MetricsTable {
    pub(super) port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TelemetryTable {
    pub(super) otlp_endpoint: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogTable {
    pub(super) level: Option<String>,
    pub(super) format: Option<LogFormat>,
}

impl AgentsTable {
    /// With the paths of the command line, which come first.
    pub(super) fn checked(
        self,
        base: &Path,
        flags: Vec<PathBuf>,
        data_dir: &Path,
    ) -> Result<AgentsConfig, ConfigError> {
        let paths = self.paths.into_iter().map(|path| base.join(path));
        // Programs that were started elsewhere must know it again.
        let relative = data_dir.join("agents");
        let installed = std::path::absolute(&relative).ok();
        Ok(AgentsConfig {
            paths: if flags.is_empty() { paths.collect() } else { flags },
            installed: installed.unwrap_or(relative),
            default: self.default,
            swap: SwapConfig::checked(self.watch, self.settle, &self.trial)?,
            cache: CacheConfig { folder: data_dir.join("compiled"), most: self.cache.map_or(1 << 30, |most| most.0) },
        })
    }
}

impl TurnsTable {
    pub(super) fn checked(self, mappings: Option<u64>) -> Result<TurnsConfig, ConfigError> {
        let fit = fit(mappings);
        let turns = TurnsConfig {
            at_once: self.at_once.unwrap_or(fit),
            fit,
            open_at_most: self.open_at_most.unwrap_or(10_000),
            grace: self.grace.map_or(Duration::from_secs(20), |grace| grace.0),
        };
        if !(1..=TurnsConfig::MOST).contains(&turns.at_once) {
            return Err(invalid("turns.at_once", format!("{} is not within 1 to 8,000", turns.at_once)));
        }
        if !(1..=100_000).contains(&turns.open_at_most) {
            return Err(invalid("turns.open_at_most", format!("{} is not within 1 to 100,000", turns.open_at_most)));
        }
        if turns.grace > MAX_GRACE {
            return Err(invalid("turns.grace", format!("{} is more than 1h", Span(turns.grace))));
        }
        Ok(turns)
    }
}

impl File {
    /// Takes what agents may do, and are given.
    pub(super) fn policy(&mut self) -> PolicyTables {
        PolicyTables {
            policy: std::mem::take(&mut self.policy),
            agent: std::mem::take(&mut self.agent),
            secret: std::mem::take(&mut self.secret),
        }
    }

    /// The most that a turn may use.
    pub(super) fn limits(&self) -> Result<Limits, ConfigError> {
        let told = |message: String| invalid(super::Config::FILE, message);
        self.limits.clone().checked(&Limits::of_operator()).map_err(told)
    }

    /// What all turns of an agent may use together, on a machine with so much memory. Before [`File::policy`], which takes
    /// the agents' tables.
    pub(super) fn totals(&self, memory: Option<u64>) -> Result<TotalsConfig, ConfigError> {
        let named = self.agent.iter().map(|(name, table)| (name.clone(), table.total));
        TotalsConfig::checked(self.total, named, Totals::on(memory))
    }

    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { file: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|error| ConfigError::Invalid { place: path.display().to_string(), message: error.to_string() })
    }
}

/// How many turns fit into a number of memory mappings. Systems that do not tell it have no such bound.
fn fit(mappings: Option<u64>) -> u32 {
    let fit = mappings.map_or(TurnsConfig::MOST.into(), |mappings| mappings / MAPPINGS);
    u32::try_from(fit).unwrap_or(TurnsConfig::MOST).clamp(1, TurnsConfig::MOST)
}
