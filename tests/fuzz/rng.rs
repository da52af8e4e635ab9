//! Chance that can be had again: the same seed and round give the same input, on every machine.

/// SplitMix64.
pub(crate) struct Rng(u64);

impl Rng {
    /// The chance of one round, whatever happened in those before.
    pub(crate) fn of(seed: u64, round: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round.wrapping_mul(0xd134_2543_de82_ef95));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`; zero when `end` is.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let next = usize::try_from(self.next() >> 1).unwrap_or(usize::MAX);
        next.checked_rem(end).unwrap_or(0)
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of them.
    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
