//! What users say, and what may be answered.

use crate::chance::Chance;

/// A message that was sent.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its turn.
    pub interaction: String,
    /// What was asked for.
    pub deed: Deed,
}

/// Something that the probe does, and what it says when nothing interrupts it.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The message.
    pub words: String,
    /// What it streams.
    streamed: String,
    /// The whole answer.
    whole: String,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its answer.
    Whole,
    /// With what it had, and a note.
    Interrupted,
    /// With a note that it is not tried again.
    GivenUp,
}

const INTERRUPTED: &str = "⚠️ The host stopped in the middle of this turn. Send your message again.";
const GIVEN_UP: &str = "⚠️ The host stopped 4 times while it worked on this message";

impl Deed {
    fn streams(words: &str, text: &str) -> Self {
        Self { words: words.to_owned(), streamed: text.to_owned(), whole: text.to_owned() }
    }

    /// How a turn with this answer ended, if it is a right one.
    pub fn end(&self, answer: &str) -> Option<End> {
        if answer == self.whole {
            return Some(End::Whole);
        }
        if answer.starts_with(GIVEN_UP) {
            return Some(End::GivenUp);
        }
        let said = answer.strip_suffix(INTERRUPTED)?;
        let said = said.strip_suffix("\n\n").unwrap_or(said);
        self.streamed.starts_with(said).then_some(End::Interrupted)
    }

    /// Whether these deltas may have been seen.
    pub fn may_stream(&self, deltas: &str) -> bool {
        let said = deltas.strip_suffix(INTERRUPTED).map_or(deltas, |said| said.trim_end_matches("\n\n"));
        self.streamed.starts_with(said)
    }
}

/// One of all kinds: quick and slow, with text before, between and after cards, beyond one request, with another end
/// than was streamed, and a failure.
pub fn deed(chance: &mut Chance) -> Deed {
    let pieces: String = (0..60).map(|piece| format!("{piece} ")).collect();
    let long = "x".repeat(90_000);
    match chance.below(8) {
        0 => Deed::streams("long 3", "xxx"),
        1 => Deed::streams("stream 60", &pieces),
        2 => Deed::streams("cards", "refused"),
        3 => Deed::streams("sleep 100", "asleep, awake"),
        4 => Deed::streams("hold 100", "asleep, awake"),
        5 => Deed::streams("long 90000", &long),
        6 => Deed { whole: "the final text".to_owned(), ..Deed::streams("canonical", "a draft") },
        _ => Deed {
            whole: "⚠️ The agent `probe` failed: the probe knows no dance".to_owned(),
            ..Deed::streams("dance", "")
        },
    }
}
