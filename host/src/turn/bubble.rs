//! A bubble as a state machine: what was said and done, and what is to be sent next. Pure: `now` is a parameter.
//!
//! The order of the agent's acts is kept: placeholder, then text and cards as they came, then the end. Text that
//! waits merges; text that still waits at the end travels in the end's canonical text.

use super::address::{Address, End};
use super::outgoing::{Kind, Outgoing};
use crate::capability::{Act, AskId, CardId};
use crate::protocol::{ApprovalId, MAX_TEXT, MessageId, UserMessage};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

pub(super) use end::Ending;

/// Text is merged for at least this long after the delta before it (errors page, "coalesce deltas").
const MERGE: Duration = Duration::from_millis(30);
/// Bytes that may wait to be sent; then the agent waits.
const MAX_WAITING: usize = 64 << 10;

/// What the writer should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A request of this kind may leave now: [`Bubble::take`] has it.
    Now(Kind),
    /// Nothing before this moment, unless there is news.
    At(Instant),
    /// Nothing until there is news.
    Wait,
    /// The bubble is ended, or gone.
    Done,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Bubble {
    address: Address,
    id: Option<MessageId>,
    waiting: VecDeque<Act>,
    waiting_bytes: usize,
    said: String,
    last_delta: Option<Instant>,
    running: BTreeSet<CardId>,
    asks: u32,
    /// How often it said that it waits for room.
    waits: u32,
    /// The agent has said or done something here.
    touched: bool,
    end: Option<End>,
    state: State,
    /// The last request of an earlier process: it may not have arrived, and is sent again as it was.
    again: Option<Outgoing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Going,
    /// The end was sent.
    Ended,
    /// What was written to is gone.
    Gone,
}

impl Bubble {
    pub(super) fn new(message: UserMessage) -> Self {
        Self {
            address: Address::new(message),
            id: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            said: String::new(),
            last_delta: None,
            running: BTreeSet::new(),
            asks: 0,
            waits: 0,
            touched: false,
            end: None,
            state: State::Going,
            again: None,
        }
    }

    /// Whether an act may be taken now. One that comes after the end is dropped, and waits for nothing.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes < MAX_WAITING || self.end.is_some() || self.state != State::Going
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Takes one act.
    pub(super) fn push(&mut self, act: Act) {
        if self.end.is_some() || self.state != State::Going {
            return;
        }
        self.touched = true;
        if let Act::Text(text) = &act {
            self.said.push_str(text);
        }
        if let Some(act) = self.merge(act) {
            self.queue(act);
        }
    }

    fn queue(&mut self, act: Act) {
        self.waiting_bytes += act.size();
        self.waiting.push_back(act);
    }

    /// Whether the agent has said or done something here.
    pub(super) fn is_touched(&self) -> bool {
        self.touched
    }

    /// A new question's number, and its id in the cloud.
    pub(super) fn next_ask(&mut self) -> (AskId, ApprovalId) {
        let ask = AskId(self.asks);
        self.asks += 1;
        (ask, self.address.approval(ask))
    }

    /// Merges an act into one that waits, or gives it back.
    fn merge(&mut self, act: Act) -> Option<Act> {
        match act {
            Act::Text(text) => {
                let Some(Act::Text(waiting)) = self.waiting.back_mut() else { return Some(Act::Text(text)) };
                waiting.push_str(&text);
                self.waiting_bytes += text.len();
                None
            }
            Act::Progress { card, .. } => {
                let same = |waiting: &&mut Act| matches!(waiting, Act::Progress { card: same, .. } if *same == card);
                let Some(waiting) = self.waiting.iter_mut().rev().find(same) else { return Some(act) };
                // What replaces a value is counted in its place, not on top of it.
                self.waiting_bytes -= waiting.size().min(self.waiting_bytes);
                supersede(waiting, act);
                self.waiting_bytes += waiting.size();
                None
            }
            act => Some(act),
        }
    }

    /// What to do at `now`.
    pub(super) fn due(&self, now: Instant) -> Due {
        if self.state != State::Going {
            return Due::Done;
        }
        if self.id.is_none() {
            return Due::Now(Kind::Open);
        }
        if let Some(again) = &self.again {
            return Due::Now(Kind::of(again));
        }
        match self.waiting.front() {
            Some(Act::Text(_)) => match self.last_delta {
                Some(last) if now < last + MERGE && self.end.is_none() => Due::At(last + MERGE),
                _ => Due::Now(Kind::Delta),
            },
            Some(Act::Ask { .. }) => Due::Now(Kind::Ask),
            Some(_) => Due::Now(Kind::Card),
            None if self.end.is_none() => Due::Wait,
            // Cards that were left open are closed, then the end leaves.
            None if !self.running.is_empty() => Due::Now(Kind::Card),
            None => Due::Now(Kind::End),
        }
    }

    /// The request that is due at `now`, if it is of this kind. It counts as sent.
    pub(super) fn take(&mut self, kind: Kind, now: Instant) -> Option<Outgoing> {
        if self.due(now) != Due::Now(kind) {
            return None;
        }
        let Some(id) = self.id.clone() else { return Some(self.address.open()) };
        if let Some(again) = self.again.take() {
            self.state = if kind == Kind::End { State::Ended } else { State::Going };
            return Some(again);
        }
        match self.waiting.pop_front() {
            Some(Act::Text(text)) => Some(self.delta(id, text, now)),
            Some(act) => {
                self.waiting_bytes -= act.size().min(self.waiting_bytes);
                Some(self.card(act))
            }
            None => match self.running.pop_first() {
                Some(card) => Some(self.address.card(Act::Cancel { card })),
                None => {
                    self.state = State::Ended;
                    self.end.take().map(|end| self.address.end(id, end))
                }
            },
        }
    }

    /// Text was given up that the end says again: what came behind it would be a stream with a hole.
    pub(super) fn skip_text(&mut self) {
        self.waiting.retain(|act| !matches!(act, Act::Text(_)));
        self.weigh();
    }

    /// Something that waited was taken out.
    fn weigh(&mut self) {
        self.waiting_bytes = self.waiting.iter().map(Act::size).sum();
    }

    /// The bubble is open under this id.
    pub(super) fn opened(&mut self, id: MessageId) {
        self.id = Some(id);
    }

    /// What was written to is gone: nothing more is sent.
    pub(super) fn gone(&mut self) {
        self.state = State::Gone;
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// What the bubble says, or said at its end.
    pub(super) fn said(&self) -> &str {
        &self.said
    }

    fn delta(&mut self, message_id: MessageId, mut delta: String, now: Instant) -> Outgoing {
        if delta.len() > MAX_TEXT {
            let rest = delta.split_off(crate::text::floor(&delta, MAX_TEXT));
            self.waiting.push_front(Act::Text(rest));
        }
        self.waiting_bytes -= delta.len().min(self.waiting_bytes);
        self.last_delta = Some(now);
        self.address.delta(message_id, delta)
    }

    fn card(&mut self, act: Act) -> Outgoing {
        match &act {
            Act::Open { card, .. } => drop(self.running.insert(*card)),
            Act::Complete { card, .. } | Act::Fail { card, .. } | Act::Cancel { card } => {
                self.running.remove(card);
            }
            Act::Progress { .. } | Act::Text(_) | Act::Ask { .. } => {}
        }
        match act {
            Act::Ask { ask, question } => self.address.ask(ask, *question),
            act => self.address.card(act),
        }
    }
}

/// A progress that waits takes over what a later one says; what that leaves open stays.
fn supersede(waiting: &mut Act, later: Act) {
    let (Act::Progress { percent, label, partial, .. }, Act::Progress { percent: p, label: l, partial: v, .. }) =
        (waiting, later)
    else {
        unreachable!("only a progress supersedes another");
    };
    *percent = p.or(*percent);
    *label = l.or(label.take());
    *partial = v.or(partial.take());
}

mod end;
mod resumed;
mod room;
#[cfg(test)]
mod tests;
