//! Updates between the line and the socket: where they are held up, doubled and swapped. Pure.

use super::rule::UpdateFault;
use axum::extract::ws::Utf8Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// How long an update waits for the one that is to overtake it.
const ALONE: Duration = Duration::from_secs(1);

/// What is to be sent, in its order. Bounded by its user, who puts nothing in while something is due later.
#[derive(Default)]
pub(in crate::localcloud) struct Outbox {
    due: VecDeque<(Instant, Utf8Bytes)>,
    /// Waits for the next one, at most until then.
    held: Option<(Instant, Utf8Bytes)>,
}

impl Outbox {
    /// Takes an update with what is to happen to it.
    pub(in crate::localcloud) fn put(&mut self, frame: Utf8Bytes, fault: Option<UpdateFault>, now: Instant) {
        match fault {
            None => self.due.push_back((now, frame)),
            Some(UpdateFault::Drop) => return,
            Some(UpdateFault::Delay(wait)) => self.due.push_back((now + wait, frame)),
            Some(UpdateFault::Duplicate) => self.due.extend([(now, frame.clone()), (now, frame)]),
            Some(UpdateFault::Swap) if self.held.is_none() => {
                self.held = Some((now + ALONE, frame));
                return;
            }
            Some(UpdateFault::Swap) => self.due.push_back((now, frame)),
        }
        self.due.extend(self.held.take().map(|(_, frame)| (now, frame)));
    }

    /// The next update that is due.
    pub(in crate::localcloud) fn take(&mut self, now: Instant) -> Option<Utf8Bytes> {
        if self.due.is_empty() {
            return self.held.take_if(|(until, _)| *until <= now).map(|(_, frame)| frame);
        }
        self.due.pop_front_if(|(at, _)| *at <= now).map(|(_, frame)| frame)
    }

    /// Whether one more may be put in.
    pub(in crate::localcloud) fn is_open(&self) -> bool {
        self.due.is_empty()
    }

    /// When to look again; none when nothing waits.
    pub(in crate::localcloud) fn wakes(&self) -> Option<Instant> {
        self.due.front().or(self.held.as_ref()).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &'static str) -> Utf8Bytes {
        Utf8Bytes::from_static(text)
    }

    fn all(outbox: &mut Outbox, now: Instant) -> String {
        std::iter::from_fn(|| outbox.take(now)).map(|frame| frame.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn updates_are_dropped_doubled_and_swapped() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.put(frame("a"), Some(UpdateFault::Drop), now);
        outbox.put(frame("b"), Some(UpdateFault::Duplicate), now);
        outbox.put(frame("c"), Some(UpdateFault::Swap), now);
        outbox.put(frame("d"), Some(UpdateFault::Swap), now);
        outbox.put(frame("e"), None, now);
        assert_eq!(all(&mut outbox, now), "b b d c e");
        assert_eq!(outbox.wakes(), None);
    }

    #[tokio::test]
    async fn a_delay_holds_up_what_comes_after_it_and_a_swap_does_not_wait_for_ever() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        let wait = Duration::from_millis(5);
        outbox.put(frame("a"), Some(UpdateFault::Delay(wait)), now);
        outbox.put(frame("b"), None, now);
        assert!(all(&mut outbox, now).is_empty() && !outbox.is_open());
        assert_eq!(outbox.wakes(), Some(now + wait));
        assert_eq!(all(&mut outbox, now + wait), "a b");
        outbox.put(frame("c"), Some(UpdateFault::Swap), now);
        assert!(outbox.is_open() && all(&mut outbox, now).is_empty());
        assert_eq!(outbox.wakes(), Some(now + ALONE));
        assert_eq!(all(&mut outbox, now + ALONE), "c");
    }
}
