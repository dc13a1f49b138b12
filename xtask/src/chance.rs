//! What looks like chance and repeats: numbers that depend on a seed and on what they are for alone.

/// A number for `what`, spread evenly over 64 bits.
pub(crate) fn draw(seed: u64, what: &[&str]) -> u64 {
    // FNV-1a over all parts, each closed by a byte that UTF-8 never has.
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in what
        .iter()
        .flat_map(|part| part.bytes().chain(std::iter::once(0xff)))
    {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // Mixed, so that the low bits depend on all bytes.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A number from `first` to `last`, both included.
pub(crate) fn between(seed: u64, what: &[&str], first: i64, last: i64) -> i64 {
    let span = (last - first) as u64 + 1;
    first + (draw(seed, what) % span) as i64
}

/// True in `percent` of a hundred.
pub(crate) fn happens(seed: u64, what: &[&str], percent: i64) -> bool {
    between(seed, what, 0, 99) < percent
}

/// One of a list.
pub(crate) fn pick<'a, T>(seed: u64, what: &[&str], list: &'a [T]) -> &'a T {
    &list[(draw(seed, what) % list.len() as u64) as usize]
}

/// One of a list whose entries weigh differently; the weights must not all be 0.
pub(crate) fn weighed<T: Copy>(seed: u64, what: &[&str], list: &[(u64, T)]) -> T {
    let total: u64 = list.iter().map(|(weight, _)| weight).sum();
    let mut place = draw(seed, what) % total.max(1);
    for (weight, entry) in list {
        if place < *weight {
            return *entry;
        }
        place -= weight;
    }
    list[list.len() - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_have_equal_answers() {
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["a", "b"]));
        assert_ne!(draw(1, &["a", "b"]), draw(2, &["a", "b"]));
        assert_ne!(draw(1, &["ab"]), draw(1, &["a", "b"]));
    }

    #[test]
    fn shares_come_out() {
        let hits = (0..10_000)
            .filter(|i| happens(7, &["x", &i.to_string()], 20))
            .count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        let heavy = (0..10_000)
            .filter(|i| weighed(7, &[&i.to_string()], &[(1, false), (3, true)]))
            .count();
        assert!((7_200..7_800).contains(&heavy), "{heavy}");
    }
}
