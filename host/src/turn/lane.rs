//! The turns of one session, one after the other.

use super::ending::{self, Stop};
use super::speech::Speech;
use super::writer::Written;
use crate::protocol::{InteractionId, SessionId, UserMessage};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::Span;

/// Turns of one session that may wait behind the running one.
const MAX_WAITING: usize = 100;

/// One turn, from its receipt to its end.
pub(super) struct Turn {
    pub(super) message: UserMessage,
    pub(super) speech: Arc<Speech>,
    pub(super) writer: JoinHandle<Written>,
    /// An earlier process began it and showed nothing of it.
    pub(super) is_rerun: bool,
    /// Names the turn in the log, whoever works for it.
    pub(super) span: Span,
}

/// Stops a turn from outside.
#[derive(Clone)]
struct Handle {
    interaction: InteractionId,
    speech: Arc<Speech>,
}

/// All sessions that have turns.
pub(super) struct Lanes {
    sessions: HashMap<SessionId, Lane>,
    /// Turns that wait or run, and how many may.
    open: usize,
    open_at_most: usize,
    closed: bool,
}

#[derive(Default)]
struct Lane {
    waiting: VecDeque<Turn>,
    /// The turns that wait and the one that runs.
    handles: Vec<Handle>,
}

/// What became of a turn that was added.
pub(super) enum Added {
    /// It is the session's first: somebody must work on the lane.
    First,
    /// It waits behind others.
    Behind,
    /// Too many are open already.
    Full(Box<Turn>, Crowd),
}

/// Where too many turns are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// In the session.
    Session,
    /// In all sessions together.
    Host,
}

impl Lanes {
    /// No session yet, and at most so many turns in all.
    pub(super) fn new(open_at_most: usize) -> Self {
        Self { sessions: HashMap::new(), open: 0, open_at_most, closed: false }
    }

    /// Adds a turn to its session.
    pub(super) fn add(&mut self, turn: Turn) -> Added {
        let handle = Handle { interaction: turn.message.interaction.clone(), speech: turn.speech.clone() };
        if self.closed {
            stop(&handle.speech, Stop::Shutdown);
        }
        if self.open >= self.open_at_most {
            return Added::Full(Box::new(turn), Crowd::Host);
        }
        let lane = self.sessions.entry(turn.message.session.clone()).or_default();
        // The one that runs may not have been taken up yet.
        if lane.handles.len() > MAX_WAITING {
            return Added::Full(Box::new(turn), Crowd::Session);
        }
        self.open += 1;
        lane.handles.push(handle);
        lane.waiting.push_back(turn);
        if lane.handles.len() == 1 { Added::First } else { Added::Behind }
    }

    /// Bytes of text and cards that wait for the cloud, of all turns.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.sessions.values().flat_map(|lane| &lane.handles).map(|handle| handle.speech.waiting_bytes()).sum()
    }

    /// The session's next turn.
    pub(super) fn next(&mut self, session: &SessionId) -> Option<Turn> {
        let lane = self.sessions.get_mut(session)?;
        let next = lane.waiting.pop_front();
        if lane.waiting.is_empty() {
            // In most sessions nobody waits, and each would keep room for four turns.
            lane.waiting = VecDeque::new();
        }
        next
    }

    /// A turn has ended. Whether the session has more; a session without is forgotten.
    pub(super) fn done(&mut self, session: &SessionId, interaction: &InteractionId) -> bool {
        let Some(lane) = self.sessions.get_mut(session) else { return false };
        if let Some(index) = lane.handles.iter().position(|handle| handle.interaction == *interaction) {
            lane.handles.remove(index);
            self.open -= 1;
        }
        let more = !lane.handles.is_empty();
        if !more {
            self.sessions.remove(session);
        }
        more
    }

    /// Stops one turn of a session, or all of them.
    pub(super) fn cancel(&self, session: &SessionId, interaction: Option<&InteractionId>) {
        let Some(lane) = self.sessions.get(session) else { return };
        let named = |handle: &&Handle| interaction.is_none_or(|interaction| *interaction == handle.interaction);
        lane.handles.iter().filter(named).for_each(|handle| stop(&handle.speech, Stop::User));
    }

    /// Stops all turns that wait, and those that come later at once. Gives the number of those that run.
    pub(super) fn drain(&mut self) -> usize {
        self.closed = true;
        let waiting = self.sessions.values().flat_map(|lane| &lane.waiting);
        waiting.for_each(|turn| stop(&turn.speech, Stop::Shutdown));
        self.sessions.values().map(|lane| lane.handles.len() - lane.waiting.len()).sum()
    }

    /// Stops all turns, and those that come later at once.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.sessions.values().flat_map(|lane| &lane.handles).for_each(|handle| stop(&handle.speech, Stop::Shutdown));
    }
}

/// Ends the bubble at once, in words, though its agent may take a moment to stop.
fn stop(speech: &Speech, why: Stop) {
    speech.end(ending::stopped(why));
    speech.stop.cancel();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::bubble::Bubble;

    /// A turn that nobody writes.
    fn turn(session: &str, number: usize) -> Turn {
        let message = UserMessage::example(session, &format!("int_{number}"));
        let speech = Arc::new(Speech::new(Bubble::new(message.clone()), Default::default()));
        let writer = crate::tasks::spawn("test", async { Written::Gone });
        Turn { message, speech, writer, is_rerun: false, span: Span::none() }
    }

    fn crowd(added: &Added) -> Option<Crowd> {
        if let Added::Full(_, crowd) = added { Some(*crowd) } else { None }
    }

    #[tokio::test]
    async fn a_session_and_all_of_them_have_room_for_so_many_turns() {
        let mut lanes = Lanes::new(150);
        assert!(matches!(lanes.add(turn("ses_1", 0)), Added::First));
        for number in 1..=MAX_WAITING {
            assert!(matches!(lanes.add(turn("ses_1", number)), Added::Behind), "{number}");
        }
        assert_eq!(crowd(&lanes.add(turn("ses_1", 1_000))), Some(Crowd::Session));
        for number in 101..150 {
            assert_eq!(crowd(&lanes.add(turn(&format!("ses_{number}"), number))), None, "{number}");
        }
        assert_eq!(crowd(&lanes.add(turn("ses_new", 1_001))), Some(Crowd::Host));
        assert_eq!(lanes.sessions.len(), 50, "a session without a turn is kept");

        let first = lanes.next(&"ses_1".try_into().expect("an id")).expect("a turn").message;
        assert_eq!(crowd(&lanes.add(turn("ses_1", 1_002))), Some(Crowd::Host), "one that runs is open");
        assert!(lanes.done(&first.session, &first.interaction));
        assert_eq!(crowd(&lanes.add(turn("ses_1", 1_003))), None);
    }
}
