//! Chance that repeats: a function of its seed (SplitMix64).

/// A stream of numbers.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of a list; none of an empty one.
    pub(crate) fn one_of<'a, T>(&mut self, list: &'a mut [T]) -> Option<&'a mut T> {
        let place = self.below(list.len().max(1) as u64);
        list.get_mut(usize::try_from(place).unwrap_or_default())
    }
}
