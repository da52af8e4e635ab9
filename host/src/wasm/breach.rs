//! The limits of a turn, and what is said when one is reached.

use crate::config::{Limits, Totals};
use std::sync::atomic::{AtomicU64, Ordering};

/// A limit that a turn reached. As an error it ends the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It computed for too long.
    #[error("the CPU limit")]
    Cpu,
    /// It asked for too much memory.
    #[error("the memory limit")]
    Memory,
    /// It asked for too many elements of tables.
    #[error("the table limit")]
    Tables,
    /// Its calls were too deep.
    #[error("the stack limit")]
    Stack,
    /// It took too long altogether.
    #[error("the time limit")]
    Wall,
    /// It called the host too often.
    #[error("the limit of host calls")]
    Calls,
    /// It asked a person too often.
    #[error("the limit of questions")]
    Asks,
    /// It wrote too much.
    #[error("the output limit")]
    Output,
    /// It logged too much. What was too much is dropped, and the turn goes on.
    #[error("the limit of log lines")]
    Lines,
    /// It started too many programs. What was too much is refused, and the turn goes on.
    #[error("the limit of programs")]
    Programs,
    /// As many turns of its agent run as may; it waits.
    #[error("the total of turns")]
    TotalTurns,
    /// It asked for memory when all turns of its agent together had what they may.
    #[error("the total of memory")]
    TotalMemory,
    /// All turns of its agent together had computed for more than their share; it waited. As an end: its time was over by that.
    #[error("the total of CPU")]
    TotalCpu,
    /// It started a program when all turns of its agent together had as many as they may. It is refused, and the turn goes on.
    #[error("the total of programs")]
    TotalPrograms,
    /// It asked for elements of tables when all turns of its agent together had what they may.
    #[error("the total of table elements")]
    TotalTables,
    /// As [`Breach::TotalCpu`], of text written.
    #[error("the total of output")]
    TotalOutput,
    /// As [`Breach::TotalCpu`], of calls to the host.
    #[error("the total of host calls")]
    TotalCalls,
    /// All turns of its agent together log too much. What was too much is dropped, and the turn goes on.
    #[error("the total of log lines")]
    TotalLines,
}

/// A call that makes no sense, of a function that cannot say so. As an error it ends the guest, with these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(pub(super) String);

impl Breach {
    const ALL: [Self; 18] = [
        Self::Cpu,
        Self::Memory,
        Self::Tables,
        Self::Stack,
        Self::Wall,
        Self::Calls,
        Self::Asks,
        Self::Output,
        Self::Lines,
        Self::Programs,
        Self::TotalTurns,
        Self::TotalMemory,
        Self::TotalCpu,
        Self::TotalPrograms,
        Self::TotalTables,
        Self::TotalOutput,
        Self::TotalCalls,
        Self::TotalLines,
    ];

    /// The key of `[limits]` that sets it; of a total with its table.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Stack => "stack",
            Self::Wall => "wall",
            Self::Calls => "calls",
            Self::Asks => "asks",
            Self::Output => "output",
            Self::Lines => "lines",
            Self::Programs => "programs",
            Self::TotalTurns => "total.turns",
            Self::TotalMemory => "total.memory",
            Self::TotalCpu => "total.cpu",
            Self::TotalPrograms => "total.programs",
            Self::TotalTables => "total.tables",
            Self::TotalOutput => "total.output",
            Self::TotalCalls => "total.calls",
            Self::TotalLines => "total.lines",
        }
    }

    /// Whether it is one of all turns of an agent together.
    pub fn is_total(self) -> bool {
        self.key().starts_with("total.")
    }

    /// Of what turns wait for, what all of their agent together may do.
    pub(super) fn pace(self, totals: &Totals) -> String {
        match self {
            Self::TotalCalls => format!("make {} host calls a second", totals.calls),
            Self::TotalOutput => format!("write {} a second", totals.output),
            _ => format!("compute {}% of a processor", totals.cpu),
        }
    }

    /// The limit and its value, for a sentence: `its CPU limit of 2 s`.
    pub fn with_value(self, limits: &Limits, totals: &Totals) -> String {
        match self {
            Self::Cpu => format!("its CPU limit of {}", limits.cpu),
            Self::Memory => format!("its memory limit of {}", limits.memory),
            Self::Tables => format!("its limit of {} table elements", limits.tables),
            Self::Stack => format!("its stack limit of {}", limits.stack),
            Self::Wall => format!("its time limit of {}", limits.wall),
            Self::Calls => format!("its limit of {} host calls", limits.calls),
            Self::Asks => format!("its limit of {} questions", limits.asks),
            Self::Output => format!("its output limit of {}", limits.output),
            Self::Lines => format!("its limit of {} log lines", limits.lines),
            Self::Programs => format!("its limit of {} programs", limits.programs),
            Self::TotalTurns => format!("its total of {} turns at once", totals.turns),
            Self::TotalMemory => format!("its total of {} of memory, which all its turns share", totals.memory),
            Self::TotalCpu | Self::TotalCalls | Self::TotalOutput => format!(
                "its time limit of {} while it had to wait, as all its turns together {}",
                limits.wall,
                self.pace(totals)
            ),
            Self::TotalTables => format!("its total of {} table elements, which all its turns share", totals.tables),
            Self::TotalLines => format!("its total of {} log lines a second", totals.lines),
            Self::TotalPrograms => format!("its total of {} programs at once", totals.programs),
        }
    }
}

/// How often each limit was reached, by turns of all agents.
#[derive(Debug, Default)]
pub struct Breaches([AtomicU64; Breach::ALL.len()]);

impl Breaches {
    pub(super) fn count(&self, breach: Breach) {
        let mut each = Breach::ALL.iter().zip(&self.0);
        if let Some((_, count)) = each.find(|(each, _)| **each == breach) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All limits by their keys.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Breach::ALL.iter().zip(&self.0).map(|(breach, count)| (breach.key(), count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_reached_and_is_counted_by_its_key() {
        let breaches = Breaches::default();
        breaches.count(Breach::Programs);
        let counted: Vec<_> = breaches.all().collect();
        let (limits, totals) = (Limits::default().entries(), Totals::default().entries());
        let mut keys: Vec<_> = limits.into_iter().chain(totals).map(|(key, _)| key).collect();
        keys.sort_unstable_by_key(|key| counted.iter().position(|(counted, _)| counted == key));
        assert_eq!(keys, counted.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        assert_eq!(counted.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [&("programs", 1)]);
    }
}
