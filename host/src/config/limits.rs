//! What one turn of an agent may use.

use super::{ByteSize, Span};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// The limits of a turn. In `agent.toml` what it may use; in `sophon-host.toml` the most that a manifest gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Time spent computing in the guest. Waiting costs nothing.
    pub cpu: Span,
    /// All linear memories together.
    pub memory: ByteSize,
    /// Elements of all tables together.
    pub tables: u64,
    /// The stack. One of the host for all agents, as the engine has one: what a manifest says is what it needs.
    pub stack: ByteSize,
    /// From the start of the turn to its end.
    pub wall: Span,
    /// Text written to the bubble and its cards.
    pub output: ByteSize,
    /// Calls to the host.
    pub calls: u64,
    /// Lines in the operator's log. Further ones are dropped.
    pub lines: u64,
    /// Programs that are started. Further ones are refused.
    pub programs: u64,
    /// Questions to a person.
    pub asks: u64,
}

/// `[limits]` as it is written, in either file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsTable {
    cpu: Option<Span>,
    memory: Option<ByteSize>,
    tables: Option<u64>,
    stack: Option<ByteSize>,
    wall: Option<Span>,
    output: Option<ByteSize>,
    calls: Option<u64>,
    lines: Option<u64>,
    programs: Option<u64>,
    asks: Option<u64>,
}

/// The value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// A time.
    Time(Span),
    /// A size.
    Bytes(ByteSize),
    /// A number.
    Count(u64),
    /// A share of one processor.
    Percent(u64),
}

/// A limit of a manifest, or a total, that the operator does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lowered {
    /// Its key in `[limits]` of both files; of a total with its table.
    pub key: &'static str,
    /// What the manifest asks for.
    pub asked: Amount,
    /// What it gets.
    pub given: Amount,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(span) => span.fmt(f),
            Self::Bytes(size) => size.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// A key as both files have it: that of a limit is in `[limits]`, that of a total names its table itself.
pub fn setting(key: &str) -> String {
    if key.starts_with("total.") { key.to_owned() } else { format!("limits.{key}") }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self { asked, given, .. }, key) = (self, setting(self.key));
        write!(f, "`{key}` is {given} by sophon-host.toml, and not the {asked} of its agent.toml")
    }
}

impl Limits {
    /// The most that anybody may give.
    pub const MOST: Self = Self {
        cpu: Span(Duration::from_secs(3_600)),
        // What the pool holds for each turn, as the elements of tables.
        memory: ByteSize(256 << 20),
        tables: 40_000,
        stack: ByteSize(1 << 20),
        wall: Span(Duration::from_secs(86_400)),
        output: ByteSize(16 << 20),
        calls: 1_000_000_000,
        lines: 100_000,
        programs: 10_000,
        asks: 1_000,
    };
    /// The least stack that a guest can do anything with.
    const LEAST_STACK: ByteSize = ByteSize(64 << 10);

    /// What an operator gives who says nothing: everything, but no more stack than agents have who say nothing.
    pub fn of_operator() -> Self {
        Self { stack: Self::default().stack, ..Self::MOST }
    }

    /// Each with its key.
    pub fn entries(&self) -> [(&'static str, Amount); 10] {
        [
            ("cpu", Amount::Time(self.cpu)),
            ("memory", Amount::Bytes(self.memory)),
            ("tables", Amount::Count(self.tables)),
            ("stack", Amount::Bytes(self.stack)),
            ("wall", Amount::Time(self.wall)),
            ("output", Amount::Bytes(self.output)),
            ("calls", Amount::Count(self.calls)),
            ("lines", Amount::Count(self.lines)),
            ("programs", Amount::Count(self.programs)),
            ("asks", Amount::Count(self.asks)),
        ]
    }

    /// What an agent gets that wants these, of an operator who gives at most `most`; and what of it is less than it wants.
    pub fn within(&self, most: &Self) -> (Self, Vec<Lowered>) {
        let given = Self {
            cpu: self.cpu.min(most.cpu),
            memory: self.memory.min(most.memory),
            tables: self.tables.min(most.tables),
            stack: most.stack,
            wall: self.wall.min(most.wall),
            output: self.output.min(most.output),
            calls: self.calls.min(most.calls),
            lines: self.lines.min(most.lines),
            programs: self.programs.min(most.programs),
            asks: self.asks.min(most.asks),
        };
        let both = self.entries().into_iter().zip(given.entries());
        let lowered = both.filter(|((_, asked), (_, given))| given < asked);
        let lowered = lowered.map(|((key, asked), (_, given))| Lowered { key, asked, given }).collect();
        (given, lowered)
    }

    /// The first limit that is out of its range, in words.
    fn problem(&self) -> Option<String> {
        let above = self.entries().into_iter().zip(Self::MOST.entries()).find(|((_, is), (_, most))| is > most);
        if let Some(((key, _), (_, most))) = above {
            return Some(format!("`limits.{key}` is above the {most} that a turn may have"));
        }
        let small = self.stack < Self::LEAST_STACK;
        small.then(|| format!("`limits.stack` is below the {} that a turn needs", Self::LEAST_STACK))
    }
}

impl LimitsTable {
    /// What is written, and otherwise what is `unset`.
    pub(super) fn checked(self, unset: &Limits) -> Result<Limits, String> {
        let limits = Limits {
            cpu: self.cpu.unwrap_or(unset.cpu),
            memory: self.memory.unwrap_or(unset.memory),
            tables: self.tables.unwrap_or(unset.tables),
            stack: self.stack.unwrap_or(unset.stack),
            wall: self.wall.unwrap_or(unset.wall),
            output: self.output.unwrap_or(unset.output),
            calls: self.calls.unwrap_or(unset.calls),
            lines: self.lines.unwrap_or(unset.lines),
            programs: self.programs.unwrap_or(unset.programs),
            asks: self.asks.unwrap_or(unset.asks),
        };
        limits.problem().map_or(Ok(limits), Err)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Span(Duration::from_secs(10)),
            memory: ByteSize(64 << 20),
            tables: 20_000,
            stack: ByteSize(512 << 10),
            wall: Span(Duration::from_secs(600)),
            output: ByteSize(1 << 20),
            calls: 100_000,
            lines: 1_000,
            programs: 100,
            asks: 50,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, unset: &Limits) -> Result<Limits, String> {
        toml::from_str::<LimitsTable>(text).map_err(|error| error.to_string())?.checked(unset)
    }

    #[test]
    fn an_agent_gets_no_more_than_the_operator_gives_and_is_told_so() {
        let most = read("cpu = \"5s\"\ntables = 100\nstack = \"256KiB\"", &Limits::of_operator()).expect("a table");
        let wanted = read("cpu = \"20s\"\nmemory = \"1MiB\"\ntables = 50", &Limits::default()).expect("a table");
        let (given, lowered) = wanted.within(&most);
        assert_eq!((given.cpu, given.memory, given.tables), (most.cpu, wanted.memory, 50));
        let told: Vec<String> = lowered.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], "`limits.cpu` is 5 s by sophon-host.toml, and not the 20 s of its agent.toml");
        assert!(told[1].starts_with("`limits.stack` is 256 KiB"), "{told:?}");
        assert_eq!(Limits::default().within(&Limits::of_operator()), (Limits::default(), vec![]));
    }

    #[test]
    fn each_limit_is_the_smaller_of_what_is_wanted_and_what_is_given() {
        let little = Limits {
            cpu: Span(Duration::from_secs(1)),
            memory: ByteSize(2 << 20),
            tables: 3,
            stack: ByteSize(128 << 10),
            wall: Span(Duration::from_secs(4)),
            output: ByteSize(5 << 10),
            calls: 6,
            lines: 7,
            programs: 8,
            asks: 9,
        };
        let (given, lowered) = Limits::MOST.within(&little);
        for ((key, given), (_, most)) in given.entries().into_iter().zip(little.entries()) {
            assert_eq!(given, most, "{key} is not the operator's");
        }
        let all = Limits::MOST.entries().into_iter().zip(little.entries());
        let all: Vec<_> = all.map(|((key, asked), (_, given))| Lowered { key, asked, given }).collect();
        assert_eq!(lowered, all, "what is lowered is told");

        // The other way round nobody gets more than it wants, but for the stack, which is one for all.
        let (given, lowered) = little.within(&Limits::MOST);
        assert_eq!((given, lowered), (Limits { stack: Limits::MOST.stack, ..little }, vec![]));
    }

    #[test]
    fn what_nobody_may_give_is_refused() {
        for (text, part) in [
            ("cpu = \"2h\"", "`limits.cpu` is above the 60 min"),
            ("tables = 40001", "40000"),
            ("stack = \"2MiB\"", "1 MiB"),
            ("stack = \"1KiB\"", "below the 64 KiB"),
            ("lines = 100001", "100000"),
            ("programs = 10001", "10000"),
            ("asks = -1", "asks"),
            ("swap = 1", "unknown field"),
        ] {
            for unset in [Limits::default(), Limits::of_operator()] {
                let message = read(text, &unset).expect_err(text);
                assert!(message.contains(part), "{part} is not in: {message}");
            }
        }
    }
}
