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
#[derive(Default)]
pub(super) struct Lanes {
    sessions: HashMap<SessionId, Lane>,
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
    /// Too many wait already.
    Full(Box<Turn>),
}

impl Lanes {
    /// Adds a turn to its session.
    pub(super) fn add(&mut self, turn: Turn) -> Added {
        let handle = Handle { interaction: turn.message.interaction.clone(), speech: turn.speech.clone() };
        if self.closed {
            stop(&handle.speech, Stop::Shutdown);
        }
        let lane = self.sessions.entry(turn.message.session.clone()).or_default();
        if lane.waiting.len() >= MAX_WAITING {
            return Added::Full(Box::new(turn));
        }
        lane.handles.push(handle);
        lane.waiting.push_back(turn);
        if lane.handles.len() == 1 { Added::First } else { Added::Behind }
    }

    /// The session's next turn.
    pub(super) fn next(&mut self, session: &SessionId) -> Option<Turn> {
        self.sessions.get_mut(session)?.waiting.pop_front()
    }

    /// A turn has ended. Whether the session has more; a session without is forgotten.
    pub(super) fn done(&mut self, session: &SessionId, interaction: &InteractionId) -> bool {
        let Some(lane) = self.sessions.get_mut(session) else { return false };
        if let Some(index) = lane.handles.iter().position(|handle| handle.interaction == *interaction) {
            lane.handles.remove(index);
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
