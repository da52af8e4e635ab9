//! One bound over all memories of a guest together, one over all its tables, and one over the memories of all turns of its
//! agent. wasmtime's own limits are for each.

use super::breach::Breach;
use super::room::Portion;
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
    together: Portion,
    elements: Sum,
    refused: Option<Breach>,
}

#[derive(Debug)]
struct Sum {
    used: usize,
    limit: usize,
}

impl Sum {
    fn up_to(limit: u64) -> Self {
        Self { used: 0, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
    }

    fn fits(&self, by: usize) -> bool {
        self.used.saturating_add(by) <= self.limit
    }

    fn grow(&mut self, by: usize) -> bool {
        let fits = self.fits(by);
        if fits {
            self.used += by;
        }
        fits
    }
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits, together: Portion) -> Self {
        Self { bytes: Sum::up_to(limits.memory.0), together, elements: Sum::up_to(limits.tables), refused: None }
    }

    /// For a turn that begins anew.
    pub(super) fn anew(&self, limits: &Limits) -> Self {
        Self::new(limits, self.together.anew())
    }

    /// What was refused. Guests usually trap soon after, with a message that does not say why.
    pub(super) fn refused(&self) -> Option<Breach> {
        self.refused
    }

    /// Whether it was refused only for what other turns of its agent have.
    pub(super) fn is_shared_out(&self) -> bool {
        self.refused == Some(Breach::TotalMemory) && self.together.would_fit()
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        // As of tables: what the memory itself does not hold is refused later.
        if most.is_some_and(|most| desired > most && most < self.bytes.limit) {
            return Ok(false);
        }
        let by = desired.saturating_sub(current);
        let breach = match self.bytes.fits(by) {
            false => Some(Breach::Memory),
            true if !self.together.grow(by) => Some(Breach::TotalMemory),
            true => None,
        };
        match breach {
            Some(_) => self.refused = breach,
            None => self.bytes.used += by,
        }
        Ok(breach.is_none())
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        // What the table itself does not hold is refused later, and must not count.
        if most.is_some_and(|most| desired > most && most < self.elements.limit) {
            return Ok(false);
        }
        let fits = self.elements.grow(desired.saturating_sub(current));
        if !fits {
            self.refused = Some(Breach::Tables);
        }
        Ok(fits)
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
    use crate::config::ByteSize;

    #[test]
    fn memories_are_summed_and_so_are_tables() {
        let limits = Limits { memory: ByteSize(100), tables: 10, ..Limits::default() };
        let fresh = || MemoryLimiter::new(&limits, Portion::of(1_000));
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
        let limits = Limits { memory: ByteSize(100), ..Limits::default() };
        let mut first = MemoryLimiter::new(&limits, Portion::of(150));
        let mut second = first.anew(&limits);
        assert!(first.memory_growing(0, 90, None).expect("asked"));
        assert!(!second.memory_growing(0, 90, None).expect("asked"), "two turns went past what they have together");
        assert_eq!((first.refused(), second.refused()), (None, Some(Breach::TotalMemory)));
        assert!(second.memory_growing(0, 60, None).expect("asked"));
        drop(first);
        assert!(second.memory_growing(60, 100, None).expect("asked"), "a turn that has ended has nothing any more");
        assert!(!second.memory_growing(100, 101, None).expect("asked"));
        assert_eq!(second.refused(), Some(Breach::Memory));
    }
}
