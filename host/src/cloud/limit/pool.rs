//! All buckets of one token, who waits for which, and which route draws on which. Pure: `now` is a parameter.

use super::bucket::{Bucket, Draw};
use super::headers::{Heard, Limits, Name, Verdict};
use super::queue::Queue;
use super::route::{BUCKETS, bucket_of};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Buckets that are known at once. A cloud that names more is taken at its word only for these.
const MAX_BUCKETS: usize = 32;

/// One bucket with its queue.
struct Shelf<W> {
    name: Option<Name>,
    /// Whose bucket it is; not known before the first answer.
    scope: Option<Name>,
    bucket: Bucket,
    queue: Queue<W>,
}

/// See the module. `W` is whatever is told that it is its turn.
pub(super) struct Pool<W> {
    /// Never fewer, so that a place in it stays true.
    shelves: Vec<Shelf<W>>,
    /// Routes that the cloud has named another bucket for than the documented one.
    moved: BTreeMap<&'static str, usize>,
    places: u64,
}

/// A token, taken from one bucket.
#[derive(Debug)]
pub(super) struct Grant {
    shelf: usize,
    draw: Draw,
}

/// When the pool should be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody waits.
    Idle,
    /// A token is there then.
    At(Instant),
    /// Not before something happens.
    News,
}

impl<W> Pool<W> {
    /// The documented buckets, full.
    pub(super) fn new(now: Instant) -> Self {
        let shelf = |(name, capacity, per_second): (&str, u32, u32)| Shelf {
            name: Name::new(name),
            scope: None,
            bucket: Bucket::new(capacity, per_second, now),
            queue: Queue::new(),
        };
        Self { shelves: BUCKETS.map(shelf).into(), moved: BTreeMap::new(), places: 0 }
    }

    /// A place for a new request: behind all others.
    pub(super) fn place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// A token for a request to `path` now, if one is left and nobody waits for it.
    pub(super) fn ask(&mut self, path: &'static str, now: Instant) -> Option<Grant> {
        let shelf = self.shelf_of(path);
        let Shelf { bucket, queue, .. } = &mut self.shelves[shelf];
        if !queue.is_empty() {
            return None;
        }
        bucket.draw(now).map(|draw| Grant { shelf, draw })
    }

    /// Whether a request to `path` draws on the bucket of this grant.
    pub(super) fn fits(&self, grant: &Grant, path: &'static str) -> bool {
        self.shelf_of(path) == grant.shelf
    }

    /// Queues a request.
    pub(super) fn wait(&mut self, path: &'static str, place: u64, waiter: W) {
        let shelf = self.shelf_of(path);
        self.shelves[shelf].queue.push(path, place, waiter);
    }

    /// Forgets a request that waits.
    pub(super) fn leave(&mut self, path: &'static str, place: u64) {
        let shelf = self.shelf_of(path);
        self.shelves[shelf].queue.remove(path, place);
    }

    /// Grants what can be granted to those that wait.
    pub(super) fn serve(&mut self, now: Instant) -> Vec<(W, &'static str, u64, Grant)> {
        let mut served = Vec::new();
        for (shelf, Shelf { bucket, queue, .. }) in self.shelves.iter_mut().enumerate() {
            while !queue.is_empty() {
                let Some(draw) = bucket.draw(now) else { break };
                match queue.pop() {
                    Some((path, place, waiter)) => served.push((waiter, path, place, Grant { shelf, draw })),
                    None => bucket.give_back(&draw),
                }
            }
        }
        served
    }

    /// When [`Pool::serve`] is due next.
    pub(super) fn next(&self, now: Instant) -> Next {
        let mut waiting = self.shelves.iter().filter(|shelf| !shelf.queue.is_empty()).peekable();
        if waiting.peek().is_none() {
            return Next::Idle;
        }
        waiting.filter_map(|shelf| shelf.bucket.due(now)).min().map_or(Next::News, Next::At)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.queue.len()).sum()
    }

    /// Whether anybody waits.
    pub(super) fn is_contended(&self) -> bool {
        self.shelves.iter().any(|shelf| !shelf.queue.is_empty())
    }

    /// A token whose request was never sent.
    pub(super) fn give_back(&mut self, grant: &Grant) {
        self.shelves[grant.shelf].bucket.give_back(&grant.draw);
    }

    /// A token whose request to `path` is over.
    pub(super) fn settle(&mut self, grant: &Grant, path: &'static str, heard: &Heard, now: Instant) {
        let meant = heard.limits.as_ref().map_or(Some(grant.shelf), |limits| self.meant(grant.shelf, limits));
        if meant == Some(grant.shelf) {
            self.shelves[grant.shelf].bucket.settle(&grant.draw, heard, now);
        } else if heard.verdict == Verdict::Unclear {
            // Another bucket may only be the one that refusals are counted by.
            self.shelves[grant.shelf].bucket.settle(&grant.draw, &Heard::nothing(), now);
        } else {
            self.shelves[grant.shelf].bucket.give_back(&grant.draw);
            let found = heard.limits.as_ref().and_then(|limits| meant.or_else(|| self.find(limits, now)));
            if let Some(shelf) = found {
                self.shelves[shelf].bucket.observe(heard, now);
                self.move_route(path, shelf);
            }
        }
    }

    /// The bucket that an answer to a request of `shelf` speaks of, if it is known.
    fn meant(&mut self, shelf: usize, limits: &Limits) -> Option<usize> {
        let fits = |shelf: &Shelf<W>| {
            limits.bucket.is_none_or(|name| shelf.name == Some(name))
                && (limits.scope.is_none() || shelf.scope.is_none() || shelf.scope == limits.scope)
        };
        let found = if fits(&self.shelves[shelf]) { shelf } else { self.shelves.iter().position(fits)? };
        self.shelves[found].scope = self.shelves[found].scope.or(limits.scope);
        Some(found)
    }

    /// Adds a bucket that the cloud named first.
    fn find(&mut self, limits: &Limits, now: Instant) -> Option<usize> {
        if self.shelves.len() >= MAX_BUCKETS {
            return None;
        }
        let bucket = Bucket::found(limits, now);
        self.shelves.push(Shelf { name: limits.bucket, scope: limits.scope, bucket, queue: Queue::new() });
        Some(self.shelves.len() - 1)
    }

    /// Requests to `path` draw on this bucket from now on, those that wait as well.
    fn move_route(&mut self, path: &'static str, to: usize) {
        let from = self.shelf_of(path);
        self.moved.insert(path, to);
        for (place, waiter) in self.shelves[from].queue.take(path) {
            self.shelves[to].queue.push(path, place, waiter);
        }
    }

    fn shelf_of(&self, path: &'static str) -> usize {
        self.moved.get(path).copied().unwrap_or_else(|| bucket_of(path))
    }
}

#[cfg(test)]
mod tests;
