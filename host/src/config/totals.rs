//! What all turns of one agent may use together.

use super::file::invalid;
use super::{AgentName, ConfigError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The most turns of one agent at once, unless the operator says so: as many as a host can run.
const TURNS: u32 = 8_000;

/// The bounds of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Turns that run at once; further ones wait with their bubble open.
    pub turns: u32,
}

/// The bounds of each agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalsConfig {
    all: Totals,
    named: BTreeMap<AgentName, Totals>,
}

/// `[total]`, and `[agent.NAME.total]`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TotalsTable {
    turns: Option<u32>,
}

impl Default for Totals {
    fn default() -> Self {
        Self { turns: TURNS }
    }
}

impl From<Totals> for TotalsConfig {
    /// The same for every agent.
    fn from(all: Totals) -> Self {
        Self { all, named: BTreeMap::new() }
    }
}

impl TotalsConfig {
    /// Those of all agents, and those of some.
    pub(super) fn checked(
        all: TotalsTable,
        named: impl Iterator<Item = (AgentName, TotalsTable)>,
    ) -> Result<Self, ConfigError> {
        let all = all.checked("total", Totals::default())?;
        let named = named.map(|(name, table)| Ok((name.clone(), table.checked(&format!("agent.{name}.total"), all)?)));
        Ok(Self { all, named: named.collect::<Result<_, ConfigError>>()? })
    }

    /// Those of this agent.
    pub fn of(&self, agent: &AgentName) -> Totals {
        self.named.get(agent).copied().unwrap_or(self.all)
    }
}

impl TotalsTable {
    fn checked(self, place: &str, unset: Totals) -> Result<Totals, ConfigError> {
        let totals = Totals { turns: self.turns.unwrap_or(unset.turns) };
        if !(1..=TURNS).contains(&totals.turns) {
            return Err(invalid(&format!("{place}.turns"), format!("{} is not within 1 to 8,000", totals.turns)));
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(all: &str, named: &str) -> Result<TotalsConfig, String> {
        let table = |text| toml::from_str::<TotalsTable>(text).map_err(|error| error.to_string());
        let name = AgentName::try_from("echo".to_owned())?;
        TotalsConfig::checked(table(all)?, [(name, table(named)?)].into_iter()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_agent_has_its_own_bounds_or_those_of_all() {
        let name = |name: &str| AgentName::try_from(name.to_owned()).expect("a name");
        let totals = read("turns = 5", "turns = 2").expect("valid");
        assert_eq!((totals.of(&name("echo")).turns, totals.of(&name("other")).turns), (2, 5));
        assert_eq!(read("turns = 5", "").expect("valid").of(&name("echo")).turns, 5);
        assert!(read("", "turns = 0").is_err_and(|why| why.contains("agent.echo.total.turns")));
        assert!(read("turns = 8001", "").is_err_and(|why| why.contains("total.turns")));
        assert!(read("trns = 1", "").is_err_and(|why| why.contains("`turns`")));
    }
}
