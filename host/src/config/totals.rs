//! What all turns of one agent may use together.

use super::file::invalid;
use super::{AgentName, Amount, ByteSize, ConfigError, Limits, Lowered, TurnsConfig};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The bounds of one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Turns that run at once; further ones wait with their bubble open.
    pub turns: u32,
    /// Linear memory of all turns that run. A turn that needs more than is left is ended.
    pub memory: ByteSize,
    /// Percent of one processor that its turns compute in the long run; beyond that they wait.
    pub cpu: u32,
    /// Programs that run at once; further ones are refused.
    pub programs: u32,
    /// Elements of tables of all turns that run. A turn that needs more is ended.
    pub tables: u64,
    /// Text written a second in the long run; beyond that its turns wait.
    pub output: ByteSize,
    /// Calls to the host a second in the long run; beyond that its turns wait.
    pub calls: u64,
    /// Lines in the operator's log a second in the long run. Further ones are dropped.
    pub lines: u64,
}

/// The bounds of each agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TotalsConfig {
    all: Totals,
    named: BTreeMap<AgentName, Totals>,
}

/// `[total]` as it is written: in `agent.toml` what an agent is content with, in `sophon-host.toml`, there also as
/// `[agent.NAME.total]`, the most that it gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TotalsTable {
    turns: Option<u32>,
    memory: Option<ByteSize>,
    cpu: Option<u32>,
    programs: Option<u32>,
    tables: Option<u64>,
    output: Option<ByteSize>,
    calls: Option<u64>,
    lines: Option<u64>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            turns: Self::MOST.turns,
            memory: ByteSize(16 << 30),
            cpu: 100,
            programs: 32,
            tables: 20_000_000,
            output: ByteSize(1 << 20),
            calls: 100_000,
            lines: 100,
        }
    }
}

impl From<Totals> for TotalsConfig {
    /// The same for every agent.
    fn from(all: Totals) -> Self {
        Self { all, named: BTreeMap::new() }
    }
}

impl Totals {
    /// What anybody may set, at least and at most.
    const LEAST: Self = Self {
        turns: 1,
        memory: ByteSize(1 << 20),
        cpu: 1,
        programs: 0,
        tables: 0,
        output: ByteSize(1 << 10),
        calls: 1,
        lines: 1,
    };
    const MOST: Self = Self {
        turns: TurnsConfig::MOST,
        memory: ByteSize(1 << 40),
        cpu: 100_000,
        programs: 64,
        tables: Limits::MOST.tables * TurnsConfig::MOST as u64,
        output: ByteSize(1 << 30),
        calls: Limits::MOST.calls,
        lines: Limits::MOST.lines,
    };

    /// What an agent gets of an operator who says nothing, on a machine with so much memory: half of it.
    pub(super) fn on(memory: Option<u64>) -> Self {
        let unset = Self::default();
        let half = memory.map(|memory| ByteSize(memory / 2).clamp(Self::LEAST.memory, Self::MOST.memory));
        Self { memory: half.unwrap_or(unset.memory), ..unset }
    }

    /// Each with its key.
    pub fn entries(&self) -> [(&'static str, Amount); 8] {
        [
            ("total.turns", Amount::Count(self.turns.into())),
            ("total.memory", Amount::Bytes(self.memory)),
            ("total.cpu", Amount::Percent(self.cpu.into())),
            ("total.programs", Amount::Count(self.programs.into())),
            ("total.tables", Amount::Count(self.tables)),
            ("total.output", Amount::Bytes(self.output)),
            ("total.calls", Amount::Count(self.calls)),
            ("total.lines", Amount::Count(self.lines)),
        ]
    }

    /// The first bound that is out of its range, and that range.
    fn problem(&self) -> Option<(&'static str, String)> {
        let range = Self::LEAST.entries().into_iter().zip(Self::MOST.entries());
        let mut each = self.entries().into_iter().zip(range);
        each.find_map(|((key, is), ((_, least), (_, most)))| {
            let fits = least <= is && is <= most;
            (!fits).then(|| (key, format!("{is} is not within {least} to {most}")))
        })
    }
}

impl TotalsConfig {
    /// Those of all agents, and those of some.
    pub(super) fn checked(
        all: TotalsTable,
        named: impl Iterator<Item = (AgentName, TotalsTable)>,
        unset: Totals,
    ) -> Result<Self, ConfigError> {
        let read = |table: TotalsTable, place: &str, unset| {
            let totals = table.or(unset);
            totals.problem().map_or(Ok(totals), |(key, why)| Err(invalid(&format!("{place}{key}"), why)))
        };
        let all = read(all, "", unset)?;
        let named = named.map(|(name, table)| Ok((name.clone(), read(table, &format!("agent.{name}."), all)?)));
        Ok(Self { all, named: named.collect::<Result<_, ConfigError>>()? })
    }

    /// Those of this agent.
    pub fn of(&self, agent: &AgentName) -> Totals {
        self.named.get(agent).copied().unwrap_or(self.all)
    }
}

impl TotalsTable {
    fn or(self, unset: Totals) -> Totals {
        Totals {
            turns: self.turns.unwrap_or(unset.turns),
            memory: self.memory.unwrap_or(unset.memory),
            cpu: self.cpu.unwrap_or(unset.cpu),
            programs: self.programs.unwrap_or(unset.programs),
            tables: self.tables.unwrap_or(unset.tables),
            output: self.output.unwrap_or(unset.output),
            calls: self.calls.unwrap_or(unset.calls),
            lines: self.lines.unwrap_or(unset.lines),
        }
    }

    /// Whether it says something of this key.
    pub fn names(self, key: &str) -> bool {
        // What is not said is what is put in its place, whatever that is.
        let said = |table: Self, unset| table.or(unset).entries().into_iter().find(|(name, _)| *name == key);
        said(self, Totals::LEAST) == said(self, Totals::MOST)
    }

    /// The same, if a manifest may say it.
    pub(super) fn of_manifest(self) -> Result<Self, String> {
        let problem = self.or(Totals::MOST).problem();
        problem.map_or(Ok(self), |(key, why)| Err(format!("`{key}`: {why}")))
    }

    /// What an agent gets that asks for this, of an operator who gives at most `most`; and what of it is less than it asks
    /// for. What it does not name it has as far as there is any.
    pub fn within(self, most: Totals) -> (Totals, Vec<Lowered>) {
        let asked = self.or(most);
        let given = Totals {
            turns: asked.turns.min(most.turns),
            memory: asked.memory.min(most.memory),
            cpu: asked.cpu.min(most.cpu),
            programs: asked.programs.min(most.programs),
            tables: asked.tables.min(most.tables),
            output: asked.output.min(most.output),
            calls: asked.calls.min(most.calls),
            lines: asked.lines.min(most.lines),
        };
        let both = asked.entries().into_iter().zip(given.entries());
        let lowered = both.filter(|((_, asked), (_, given))| given < asked);
        (given, lowered.map(|((key, asked), (_, given))| Lowered { key, asked, given }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<TotalsTable, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    fn read(all: &str, named: &str) -> Result<TotalsConfig, String> {
        let name = AgentName::try_from("echo".to_owned())?;
        let named = [(name, table(named)?)].into_iter();
        TotalsConfig::checked(table(all)?, named, Totals::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_agent_has_its_own_bounds_or_those_of_all() {
        let name = |name: &str| AgentName::try_from(name.to_owned()).expect("a name");
        let totals = read("turns = 5\nmemory = \"1GiB\"", "turns = 2").expect("valid");
        assert_eq!((totals.of(&name("echo")).turns, totals.of(&name("other")).turns), (2, 5));
        assert_eq!(totals.of(&name("echo")).memory, ByteSize(1 << 30));
        assert_eq!(read("turns = 5", "").expect("valid").of(&name("echo")).turns, 5);
    }

    #[test]
    fn what_nobody_may_set_is_refused() {
        for (named, part) in [
            ("turns = 0", "agent.echo.total.turns: 0 is not within 1 to 8000"),
            ("turns = 8001", "total.turns"),
            ("memory = \"1KiB\"", "total.memory: 1 KiB is not within 1 MiB"),
            ("cpu = 0", "total.cpu: 0% is not within 1% to 100000%"),
            ("programs = 65", "total.programs: 65 is not within 0 to 64"),
            ("tables = 320000001", "total.tables: 320000001 is not within 0 to 320000000"),
            ("output = \"2GiB\"", "total.output: 2 GiB is not within 1 KiB to 1 GiB"),
            ("calls = 0", "total.calls: 0 is not within 1 to 1000000000"),
            ("lines = 0", "total.lines: 0 is not within 1 to 100000"),
            ("trns = 1", "`turns`"),
        ] {
            let why = read("", named).expect_err(named);
            assert!(why.contains(part), "{part} is not in: {why}");
        }
        let why = table("turns = 9000").and_then(TotalsTable::of_manifest).expect_err("too many");
        assert!(why.starts_with("`total.turns`: 9000"), "{why}");
    }

    #[test]
    fn an_agent_that_asks_for_more_than_there_is_gets_that_and_is_told() {
        let most = Totals { turns: 10, ..Totals::default() };
        let (given, lowered) = table("turns = 20\nmemory = \"1MiB\"\nlines = 3").expect("a table").within(most);
        assert_eq!(given, Totals { turns: 10, memory: ByteSize(1 << 20), lines: 3, ..most });
        let told: Vec<String> = lowered.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["`total.turns` is 10 by sophon-host.toml, and not the 20 of its agent.toml"]);
        assert_eq!(TotalsTable::default().within(most), (most, vec![]));
    }

    #[test]
    fn who_says_nothing_gives_half_of_the_machines_memory() {
        assert_eq!(Totals::on(Some(8 << 30)).memory, ByteSize(4 << 30));
        assert_eq!((Totals::on(Some(0)).memory, Totals::on(None)), (ByteSize(1 << 20), Totals::default()));
    }
}
