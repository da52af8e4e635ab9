//! One bound over all memories of a guest together, one over all its tables, and the same over those of all turns of its
//! agent. wasmtime's own limits are for each.

use super::breach::Breach;
use super::room::{Portion, Share};
use crate::config::Limits;
use wasmtime::ResourceLimiter;

/// Core instances, memories and tables that one guest may have: what the pool holds for each turn. CPython needs 14
/// instances, QuickJS 2 memories and 2 tables.
pub(super) const MAX_INSTANCES: usize = 16;
pub(super) const MAX_MEMORIES: usize = 2;
pub(super) const MAX_TABLES: usize = 2;

/// Sums what a guest has and refuses what would be too much.
pub(super) struct MemoryLimiter {
    bytes: Sum,
    elements: Sum,
    refused: Option<Breach>,
}

/// What a guest has of something, of which it may have so much itself, and all turns of its agent so much together.
struct Sum {
    used: usize,
    limit: usize,
    together: Portion,
    /// What is reached when it has too much; and when they have.
    breaches: [Breach; 2],
}

impl Sum {
    fn up_to(limit: u64, together: Portion, breaches: [Breach; 2]) -> Self {
        Self { used: 0, limit: usize::try_from(limit).unwrap_or(usize::MAX), together, breaches }
    }

    fn of_memory(limits: &Limits, together: Portion) -> Self {
        Self::up_to(limits.memory.0, together, [Breach::Memory, Breach::TotalMemory])
    }

    fn of_tables(limits: &Limits, together: Portion) -> Self {
        Self::up_to(limits.tables, together, [Breach::Tables, Breach::TotalTables])
    }

    /// Takes what one memory or table is to have more, which itself holds no more than `most`. Whether it may; where not,
    /// what is reached, if it is one of these bounds.
    fn grow(&mut self, current: usize, desired: usize, most: Option<usize>) -> Result<(), Option<Breach>> {
        // What the memory or table itself does not hold is refused later, and must not count.
        if most.is_some_and(|most| desired > most && most < self.limit) {
            return Err(None);
        }
        let (by, [own, all]) = (desired.saturating_sub(current), self.breaches);
        if self.used.saturating_add(by) > self.limit {
            return Err(Some(own));
        }
        if !self.together.grow(by) {
            return Err(Some(all));
        }
        self.used += by;
        Ok(())
    }

    /// Whether this was refused only for what other turns of its agent have.
    fn is_shared_out(&self, refused: Option<Breach>) -> bool {
        refused == Some(self.breaches[1]) && self.together.would_fit()
    }
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits, share: &Share) -> Self {
        Self {
            bytes: Sum::of_memory(limits, share.memory()),
            elements: Sum::of_tables(limits, share.tables()),
            refused: None,
        }
    }

    /// For a turn that begins anew.
    pub(super) fn anew(&self, limits: &Limits) -> Self {
        Self {
            bytes: Sum::of_memory(limits, self.bytes.together.anew()),
            elements: Sum::of_tables(limits, self.elements.together.anew()),
            refused: None,
        }
    }

    fn noted(&mut self, grown: Result<(), Option<Breach>>) -> wasmtime::Result<bool> {
        if let Err(Some(breach)) = grown {
            self.refused = Some(breach);
        }
        Ok(grown.is_ok())
    }

    /// What was refused. Guests usually trap soon after, with a message that does not say why.
    pub(super) fn refused(&self) -> Option<Breach> {
        self.refused
    }

    /// Whether it was refused only for what other turns of its agent have.
    pub(super) fn is_shared_out(&self) -> bool {
        self.bytes.is_shared_out(self.refused) || self.elements.is_shared_out(self.refused)
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.bytes.grow(current, desired, most);
        self.noted(grown)
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.elements.grow(current, desired, most);
        self.noted(grown)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, Totals};

    #[test]
    fn memories_are_summed_and_so_are_tables() {
        let limits = Limits { memory: ByteSize(100), tables: 10, ..Limits::default() };
        let fresh = || MemoryLimiter::new(&limits, &Share::of(Totals::default()));
        let mut limiter = fresh();
        assert!(!limiter.memory_growing(0, 60, Some(50)).expect("asked"), "a memory went past its own bound");
        assert_eq!(limiter.refused(), None);
        assert!(limiter.memory_growing(0, 60, None).expect("asked"));
        assert!(!limiter.memory_growing(0, 60, None).expect("asked"), "a second memory went past the bound");
        assert_eq!(limiter.refused(), Some(Breach::Memory));
        assert!(limiter.memory_growing(60, 100, None).expect("asked"));
        assert!(!limiter.memory_growing(0, usize::MAX, None).expect("asked"));
        let mut limiter = fresh();
        assert!(!limiter.table_growing(0, 6, Some(5)).expect("asked"), "a table went past its own bound");
        assert_eq!(limiter.refused(), None);
        assert!(limiter.table_growing(0, 6, None).expect("asked"));
        assert!(!limiter.table_growing(0, 6, None).expect("asked"), "a second table went past the bound");
        assert_eq!(limiter.refused(), Some(Breach::Tables));
    }

    #[test]
    fn what_an_agents_turns_have_together_is_bounded_and_what_was_refused_does_not_count() {
        let limits = Limits { memory: ByteSize(100), tables: 10, ..Limits::default() };
        let share = Share::of(Totals { memory: ByteSize(150), tables: 15, ..Totals::default() });
        let mut first = MemoryLimiter::new(&limits, &share);
        let mut second = first.anew(&limits);
        assert!(first.memory_growing(0, 90, None).expect("asked"));
        assert!(!second.memory_growing(0, 90, None).expect("asked"), "two turns went past what they have together");
        assert_eq!((first.refused(), second.refused()), (None, Some(Breach::TotalMemory)));
        assert!(second.is_shared_out() && second.memory_growing(0, 60, None).expect("asked"));
        assert!(first.table_growing(0, 9, None).expect("asked"));
        assert!(!second.table_growing(0, 9, None).expect("asked"), "two turns went past their tables together");
        assert_eq!((first.refused(), second.refused()), (None, Some(Breach::TotalTables)));
        assert!(second.is_shared_out() && second.table_growing(0, 6, None).expect("asked"));
        drop(first);
        assert!(second.memory_growing(60, 100, None).expect("asked"), "a turn that has ended has nothing any more");
        assert!(!second.memory_growing(100, 101, None).expect("asked"));
        assert_eq!(second.refused(), Some(Breach::Memory));
        assert!(!second.is_shared_out() && second.table_growing(6, 10, None).expect("asked"));
    }
}
