//! One bound over all memories and tables of a guest together. wasmtime's own limits are per memory.

use wasmtime::ResourceLimiter;

/// Table elements that one guest may have. CPython needs some 9,000.
const MAX_TABLE_ELEMENTS: usize = 40_000;
/// Core instances, memories and tables that one guest may have: what the pool holds for each turn. CPython needs 14
/// instances, QuickJS 2 memories and 2 tables.
pub(super) const MAX_INSTANCES: usize = 16;
pub(super) const MAX_MEMORIES: usize = 2;
pub(super) const MAX_TABLES: usize = 2;

/// Sums what a guest has and refuses what would be too much.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    used: usize,
    elements: usize,
    refused: bool,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0, elements: 0, refused: false }
    }

    /// Whether memory was refused. Guests usually trap soon after, with a message that does not say why.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements.saturating_add(desired.saturating_sub(current));
        let fits = elements <= MAX_TABLE_ELEMENTS;
        if fits {
            self.elements = elements;
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

    #[test]
    fn memories_are_summed() {
        let mut limiter = MemoryLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).expect("asked"));
        assert!(!limiter.memory_growing(0, 60, None).expect("asked"), "a second memory went past the bound");
        assert!(limiter.refused());
        assert!(limiter.memory_growing(60, 100, None).expect("asked"));
        assert!(!limiter.memory_growing(0, usize::MAX, None).expect("asked"));
    }
}
