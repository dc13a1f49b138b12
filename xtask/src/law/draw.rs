//! Numbers that look like chance and repeat (SplitMix64).

/// A stream of them.
pub(crate) struct Draw(u64);

impl Draw {
    /// The stream of one case.
    pub(crate) const fn of(seed: u64, case: u64) -> Self {
        Self(seed ^ case.wrapping_mul(0xd134_2543_de82_ef95))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `first` to `last`, both included.
    pub(crate) const fn between(&mut self, first: i64, last: i64) -> i64 {
        first + (self.next() % ((last - first) as u64 + 1)) as i64
    }

    /// True in so many of a hundred.
    pub(crate) const fn chance(&mut self, percent: i64) -> bool {
        self.between(0, 99) < percent
    }

    /// One of a list that is not empty.
    pub(crate) const fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[(self.next() % list.len() as u64) as usize]
    }

    /// One of a list by weight.
    pub(crate) fn weighed<T: Copy>(&mut self, list: &[(i64, T)]) -> T {
        let total: i64 = list.iter().map(|(weight, _)| weight).sum();
        let mut place = self.between(0, total - 1);
        for (weight, entry) in list {
            if place < *weight {
                return *entry;
            }
            place -= weight;
        }
        list[list.len() - 1].1
    }
}
