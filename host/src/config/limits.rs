//! What one turn of an agent may use.

use super::{ByteSize, Span};
use serde::Deserialize;
use std::time::Duration;

/// The limits of a turn: `[limits]` of `agent.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time spent computing in the guest. Waiting costs nothing. 10 s unless set, at most an hour.
    pub cpu: Span,
    /// All linear memories together. 64 MiB unless set, at most 256 MiB.
    pub memory: ByteSize,
    /// From the start of the turn to its end. 10 min unless set, at most a day.
    pub wall: Span,
    /// Text written to the bubble and its cards. 1 MiB unless set, at most 16 MiB.
    pub output: ByteSize,
    /// Calls to the host. 100,000 unless set.
    pub calls: u64,
    /// Questions to a person. 50 unless set, at most 1,000.
    pub asks: u32,
}

impl Limits {
    /// The most memory a manifest may ask for: what the pool holds for each turn.
    pub const MAX_MEMORY: u64 = 256 << 20;
    const MAX_CPU: Duration = Duration::from_secs(3_600);
    const MAX_WALL: Duration = Duration::from_secs(86_400);
    const MAX_OUTPUT: u64 = 16 << 20;
    const MAX_ASKS: u32 = 1_000;

    /// The first limit that is out of its range, in words.
    pub fn problem(&self) -> Option<String> {
        let above =
            |what: &str, most: String| Some(format!("`limits.{what}` is above the {most} that a turn may have"));
        match self {
            Self { cpu, .. } if cpu.0 > Self::MAX_CPU => above("cpu", Span(Self::MAX_CPU).to_string()),
            Self { wall, .. } if wall.0 > Self::MAX_WALL => above("wall", Span(Self::MAX_WALL).to_string()),
            Self { memory, .. } if memory.0 > Self::MAX_MEMORY => {
                above("memory", ByteSize(Self::MAX_MEMORY).to_string())
            }
            Self { output, .. } if output.0 > Self::MAX_OUTPUT => {
                above("output", ByteSize(Self::MAX_OUTPUT).to_string())
            }
            Self { asks, .. } if *asks > Self::MAX_ASKS => above("asks", Self::MAX_ASKS.to_string()),
            _ => None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Span(Duration::from_secs(10)),
            memory: ByteSize(64 << 20),
            wall: Span(Duration::from_secs(600)),
            output: ByteSize(1 << 20),
            calls: 100_000,
            asks: 50,
        }
    }
}
