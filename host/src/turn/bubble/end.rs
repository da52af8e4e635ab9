//! How a bubble ends: what it finally says.

use super::{Bubble, State};
use crate::capability::Act;
use crate::protocol::{FinishReason, MAX_TEXT, Outgoing, Usage};
use crate::turn::address::End;

/// The text of an end whose own text the cloud refused.
pub(super) const REFUSED: &str = "⚠️ The cloud did not take this answer; the host's log says why.";

/// How a bubble ends.
#[derive(Debug, Default, PartialEq)]
pub(in crate::turn) struct Ending {
    /// The canonical text; what was said stands without it.
    pub(in crate::turn) text: Option<String>,
    /// A paragraph of the host's under it.
    pub(in crate::turn) note: Option<String>,
    pub(in crate::turn) usage: Option<Usage>,
    pub(in crate::turn) finish: Option<FinishReason>,
}

impl Bubble {
    /// Ends the bubble. Only the first end counts.
    pub(in crate::turn) fn end(&mut self, ending: Ending) {
        if self.end.is_some() || self.state != State::Going || matches!(self.again, Some(Outgoing::End(_))) {
            return;
        }
        // Nobody waits for an answer any more.
        self.waiting.retain(|act| !matches!(act, Act::Ask { .. }));
        self.unsaid();
        let mut text = ending.text.unwrap_or_else(|| self.said.clone());
        if text.len() > MAX_TEXT && text != self.said {
            // Too long for one request: what the bubble does not show yet is streamed like any other text.
            let rest = text.strip_prefix(self.said.as_str()).map_or_else(|| format!("\n\n{text}"), str::to_owned);
            self.push(Act::Text(rest));
            text.clone_from(&self.said);
        }
        // A process that was killed behind the note has said it already, where that travels as text of its own.
        let note = ending.note.filter(|note| !text.ends_with(note.as_str()));
        let note = note.map(|note| format!("{}{note}", gap(&text)));
        let noted = match &note {
            Some(note) if text.trim().is_empty() => note.trim_start().to_owned(),
            Some(note) => format!("{}{note}", text.trim_end()),
            None => text,
        };
        let fits = noted.len() <= MAX_TEXT;
        if fits {
            // The canonical text says it all: what waits behind the last card need not travel twice.
            if matches!(self.again, Some(Outgoing::Delta(_))) {
                self.again = None;
            }
            while let Some(Act::Text(_)) = self.waiting.back() {
                self.waiting.pop_back();
            }
            self.weigh();
        } else if let Some(note) = note {
            self.push(Act::Text(note));
        }
        self.said = noted;
        let text = fits.then(|| self.said.clone());
        self.end = Some(End { text, usage: ending.usage, finish: ending.finish });
    }

    /// The cloud will not take the end as it is. Once, it is offered one with only a note.
    pub(in crate::turn) fn end_refused(&mut self) {
        if self.address.is_fallback() {
            return self.gone();
        }
        self.address.fall_back();
        self.said = REFUSED.to_owned();
        self.end = Some(End { text: Some(self.said.clone()), usage: None, finish: None });
        self.state = State::Going;
    }

    /// Whether the end is there and its text says all: what comes before it may be lost.
    pub(in crate::turn) fn end_says_all(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.text.is_some())
    }
}

/// What stands between a text and the note under it. One that was cut off within a block of code would take the note for
/// more of that.
fn gap(text: &str) -> String {
    closing(text).map_or_else(|| "\n\n".to_owned(), |fence| format!("\n{fence}\n\n"))
}

/// The fence that closes the block of code in which a text ends, if it ends in one.
fn closing(text: &str) -> Option<&str> {
    text.lines().fold(None, |open: Option<&str>, line| {
        let mark = line.trim_start_matches(' ');
        let rest = mark.trim_start_matches(if mark.starts_with('~') { '~' } else { '`' });
        let fence = &mark[..mark.len() - rest.len()];
        match open {
            _ if fence.len() < 3 || line.len() - mark.len() > 3 => open,
            Some(open) if fence.starts_with(open) && rest.trim().is_empty() => None,
            None if fence.starts_with('~') || !rest.contains('`') => Some(fence),
            _ => open,
        }
    })
}
