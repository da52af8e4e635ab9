//! Who waits for one bucket, and who is next. Pure.
//!
//! What matters more goes first, but of eight tokens one goes to whoever was passed over. Within a rank the oldest goes
//! first. A turn has one request at a time, so this is a fair share for each: who was served queues again at the end.

use super::route::Rank;
use std::collections::BTreeMap;

/// A rank is passed over at most so often in a row, while no other was passed over as often.
const MOST_PASSED: u32 = 7;
const RANKS: usize = Rank::ALL.len();

/// See the module. `W` is whatever is told that it is its turn.
#[derive(Debug)]
pub(super) struct Queue<W> {
    ranks: [BTreeMap<u64, (&'static str, W)>; RANKS],
    passed: [u32; RANKS],
}

impl<W> Queue<W> {
    pub(super) fn new() -> Self {
        Self { ranks: [const { BTreeMap::new() }; RANKS], passed: [0; RANKS] }
    }

    /// Queues a request to `path` by its place, which is its own for as long as it is not done.
    pub(super) fn push(&mut self, path: &'static str, place: u64, waiter: W) {
        self.ranks[Rank::of(path) as usize].insert(place, (path, waiter));
    }

    /// Forgets a request.
    pub(super) fn remove(&mut self, path: &'static str, place: u64) {
        self.ranks[Rank::of(path) as usize].remove(&place);
    }

    /// Takes whoever is next: its path, its place and itself.
    pub(super) fn pop(&mut self) -> Option<(&'static str, u64, W)> {
        let waits = |rank: &usize| !self.ranks[*rank].is_empty();
        let first = (0..RANKS).find(waits)?;
        // The one that was passed over most; of equals the one that matters most.
        let starved = (0..RANKS).rev().filter(waits).max_by_key(|rank| self.passed[*rank]);
        let next = starved.filter(|rank| self.passed[*rank] >= MOST_PASSED).unwrap_or(first);
        for rank in 0..RANKS {
            let passes = rank > next && !self.ranks[rank].is_empty();
            self.passed[rank] = match rank {
                rank if rank == next || self.ranks[rank].is_empty() => 0,
                rank => self.passed[rank] + u32::from(passes),
            };
        }
        self.ranks[next].pop_first().map(|(place, (path, waiter))| (path, place, waiter))
    }

    /// Takes all that wait for `path`.
    pub(super) fn take(&mut self, path: &'static str) -> Vec<(u64, W)> {
        let rank = &mut self.ranks[Rank::of(path) as usize];
        rank.extract_if(.., |_, (of, _)| *of == path).map(|(place, (_, waiter))| (place, waiter)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.ranks.iter().map(BTreeMap::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranks.iter().all(BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "/v1/bridge/sendMessageEnd";
    const OPEN: &str = "/v1/bridge/sendMessage";
    const CARD: &str = "/v1/bridge/createTask";
    const DELTA: &str = "/v1/bridge/sendMessageDelta";

    #[test]
    fn what_matters_more_goes_first_and_the_oldest_of_its_rank() {
        let mut queue = Queue::new();
        for (place, path) in [DELTA, CARD, OPEN, END, DELTA].into_iter().enumerate() {
            queue.push(path, place as u64, ());
        }
        queue.remove(CARD, 1);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, place, ())| place).collect();
        assert_eq!(order, [2, 3, 0, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn of_eight_tokens_one_goes_to_whoever_was_passed_over() {
        let mut queue = Queue::new();
        queue.push(DELTA, 0, ());
        (1..100).for_each(|place| queue.push(END, place, ()));
        let order: Vec<_> = (0..8).filter_map(|_| queue.pop()).map(|(path, ..)| path).collect();
        assert_eq!((order.iter().filter(|path| **path == END).count(), order[7]), (7, DELTA));
    }

    #[test]
    fn what_waits_for_a_route_can_be_moved() {
        let mut queue = Queue::new();
        for (place, path) in [(1, OPEN), (2, END), (3, OPEN)] {
            queue.push(path, place, place);
        }
        assert_eq!(queue.take(OPEN), [(1, 1), (3, 3)]);
        assert_eq!(queue.pop(), Some((END, 2, 2)));
    }

    proptest::proptest! {
        #[test]
        fn nobody_starves(arrivals in proptest::collection::vec(0..4_usize, 1..300)) {
            let paths = [END, "/v1/bridge/requestApproval", CARD, DELTA];
            let (mut queue, mut passed_over) = (Queue::new(), [0; RANKS]);
            // Two come for each that goes: the bucket is contended throughout.
            for (place, which) in arrivals.iter().enumerate() {
                queue.push(paths[*which], place as u64, ());
                if place % 2 == 0 {
                    continue;
                }
                let waited: Vec<bool> = queue.ranks.iter().map(|rank| !rank.is_empty()).collect();
                let (served, ..) = queue.pop().expect("somebody waits");
                for (rank, count) in passed_over.iter_mut().enumerate() {
                    *count = if waited[rank] && rank != Rank::of(served) as usize { *count + 1 } else { 0 };
                    assert!(*count <= MOST_PASSED as usize + RANKS, "rank {rank} was passed over {count} times");
                }
            }
        }
    }
}
