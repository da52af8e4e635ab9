//! Tells news from repeats. Pure, and bounded.

use crate::protocol::{InteractionId, MessageId, UpdateId, UserMessage};
use crate::store::Recent;
use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// How many of each are remembered.
const KEPT: usize = 10_000;

/// A set that forgets its oldest members.
#[derive(Debug)]
struct Window<T> {
    members: HashSet<T>,
    order: VecDeque<T>,
}

impl<T: Clone + Eq + Hash> Window<T> {
    fn new(members: Vec<T>) -> Self {
        let mut window = Self { members: HashSet::new(), order: VecDeque::new() };
        for member in members {
            window.insert(member);
        }
        window
    }

    fn insert(&mut self, member: T) -> bool {
        if !self.members.insert(member.clone()) {
            return false;
        }
        self.order.push_back(member);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.members.remove(&oldest);
        }
        true
    }
}

/// Updates by their id; turns by interaction and message, as two servers may give one message two update ids.
#[derive(Debug)]
pub(super) struct Seen {
    updates: Window<UpdateId>,
    turns: Window<(InteractionId, Option<MessageId>)>,
}

impl Seen {
    pub(super) fn new(recent: Recent) -> Self {
        Self { updates: Window::new(recent.updates), turns: Window::new(recent.turns) }
    }

    /// Whether this update has not come before.
    pub(super) fn is_news(&mut self, update: &UpdateId) -> bool {
        self.updates.insert(update.clone())
    }

    /// Whether this message has not come before, under whatever number.
    pub(super) fn is_new_turn(&mut self, message: &UserMessage) -> bool {
        self.turns.insert((message.interaction.clone(), message.message.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(interaction: &str, message: Option<&str>) -> UserMessage {
        UserMessage {
            message: message.map(|id| id.try_into().expect("an id")),
            ..UserMessage::example("ses_1", interaction)
        }
    }

    fn update(id: &str) -> UpdateId {
        UpdateId::try_from(id.to_owned()).expect("an id")
    }

    #[test]
    fn repeats_are_told_by_either_id() {
        let mut seen = Seen::new(Recent::default());
        assert!(seen.is_news(&update("1")) && seen.is_new_turn(&message("int_1", Some("msg_1"))));
        assert!(!seen.is_news(&update("1")), "the same update");
        assert!(seen.is_news(&update("2")));
        assert!(!seen.is_new_turn(&message("int_1", Some("msg_1"))), "the same message, numbered anew");
        assert!(seen.is_new_turn(&message("int_2", None)));
        assert!(!seen.is_new_turn(&message("int_2", None)));
    }

    #[test]
    fn a_restart_remembers_and_the_window_is_bounded() {
        let recent = Recent { updates: vec![update("9")], turns: vec![] };
        let mut seen = Seen::new(recent);
        assert!(!seen.is_news(&update("9")));
        for number in 0..2 * KEPT {
            seen.is_news(&update(&format!("u{number}")));
        }
        assert_eq!((seen.updates.order.len(), seen.updates.members.len()), (KEPT, KEPT));
    }
}
