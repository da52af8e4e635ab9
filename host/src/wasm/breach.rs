//! The limits of a turn, and what is said when one is reached.

use crate::config::Limits;

/// A limit that a turn reached. As an error it ends the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// It computed for too long.
    #[error("the CPU limit")]
    Cpu,
    /// It asked for too much memory.
    #[error("the memory limit")]
    Memory,
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
}

/// A call that makes no sense, of a function that cannot say so. As an error it ends the guest, with these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(pub(super) String);

impl Breach {
    /// The key of `[limits]` that sets it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Wall => "wall",
            Self::Calls => "calls",
            Self::Asks => "asks",
            Self::Output => "output",
        }
    }

    /// The limit and its value, for a sentence: `its CPU limit of 2 s`.
    pub fn with_value(self, limits: &Limits) -> String {
        match self {
            Self::Cpu => format!("its CPU limit of {}", limits.cpu),
            Self::Memory => format!("its memory limit of {}", limits.memory),
            Self::Wall => format!("its time limit of {}", limits.wall),
            Self::Calls => format!("its limit of {} host calls", limits.calls),
            Self::Asks => format!("its limit of {} questions", limits.asks),
            Self::Output => format!("its output limit of {}", limits.output),
        }
    }
}
