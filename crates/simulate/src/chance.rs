//! What looks like chance and repeats: a number depends on the seed, on whose it is and on what it is for, and never on
//! what was drawn before it. Two policies replayed with one seed meet the same luck.

/// What a number is drawn for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub(crate) enum What {
    /// What comes of a contact.
    Answer = 1,
    /// Whether a contact moves the borrower to pay.
    Moved,
    /// How much of what is overdue.
    Share,
    /// When.
    When,
    /// Whether a talk brings a promise.
    Promise,
    /// How much is promised.
    Promised,
    /// By which day.
    PromisedDay,
    /// Whether it is kept.
    Kept,
    /// Whether the borrower asks to be left alone.
    Rights,
    /// Whether a number works.
    Point,
    /// What becomes of a month without any contact.
    Month,
    /// When in the month.
    MonthDay,
    /// How long an approval takes.
    Approval,
}

/// The luck of one case or person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    base: u64,
}

impl Chance {
    /// The luck of `key` under `seed`.
    pub(crate) const fn new(seed: u64, key: u64) -> Self {
        Self {
            base: mix(mix(seed ^ 0x9e37_79b9_7f4a_7c15) ^ key),
        }
    }

    const fn draw(self, what: What, ordinal: u64) -> u64 {
        let salted = self.base ^ (what as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mix(salted.wrapping_add(ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// A number below `n`, which is above 0.
    pub(crate) const fn below(self, what: What, ordinal: u64, n: u64) -> u64 {
        // The high half of the product: as even as a remainder, and cheaper.
        ((self.draw(what, ordinal) as u128 * n as u128) >> 64) as u64
    }

    /// True in so many of 10,000.
    pub(crate) const fn happens(self, what: What, ordinal: u64, basis_points: u64) -> bool {
        self.below(what, ordinal, 10_000) < basis_points
    }

    /// From `first` to `last`, both included.
    pub(crate) const fn between(self, what: What, ordinal: u64, first: u64, last: u64) -> u64 {
        first + self.below(what, ordinal, last.saturating_sub(first) + 1)
    }
}

/// The finish of splitmix64.
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A number for a text or id: the same on any machine.
pub(crate) fn key_of(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_depends_on_all_that_it_is_drawn_for_and_on_nothing_else() {
        let draw = |seed, key, what, n| Chance::new(seed, key).draw(what, n);
        let one = draw(1, 2, What::Answer, 3);
        assert_eq!(one, draw(1, 2, What::Answer, 3));
        for other in [
            draw(2, 2, What::Answer, 3),
            draw(1, 3, What::Answer, 3),
            draw(1, 2, What::Moved, 3),
            draw(1, 2, What::Answer, 4),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn shares_come_out() {
        let chance = |n| Chance::new(7, n);
        let hits = (0..10_000).filter(|n| chance(*n).happens(What::Moved, 0, 2_000));
        let hits = hits.count();
        assert!((1_850..2_150).contains(&hits), "{hits}");
        let mut counts = [0_u32; 5];
        for n in 0..10_000 {
            counts[chance(n).between(What::When, 9, 3, 7) as usize - 3] += 1;
        }
        assert!(
            counts.iter().all(|n| (1_850..2_150).contains(n)),
            "{counts:?}"
        );
        assert!((0..1_000).all(|n| !chance(n).happens(What::Kept, n, 0)));
        assert!((0..1_000).all(|n| chance(n).happens(What::Kept, n, 10_000)));
    }
}
