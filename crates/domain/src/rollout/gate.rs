//! Whether a generation on trial is worse than the one that is live, by what both did over the same while.

/// What a server saw of a generation's sends over some while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Sends that came to an end.
    pub sent: u64,
    /// Of these, how many were refused by no fault of the person's address: nothing was sent.
    pub failed: u64,
    /// Of these, how many were refused for the person's address: nothing was sent, and it is not tried again.
    pub rejected: u64,
    /// Of these, how many ended with nobody knowing.
    pub unknown: u64,
    /// Panics, and ends of its process; one may have ended several sends.
    pub broken: u64,
    /// The time within which 95 of 100 ended, in milliseconds.
    pub p95_ms: u64,
}

/// What is to be done with a generation on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too little good was seen; what is awaited.
    Wait(String),
    /// It is not worse.
    Good,
    /// It is worse, and by what.
    Bad(String),
}

/// Fewer sends than these are no evidence of a rate.
const SEEN_MIN: u64 = 5;
/// Where nothing was seen of the other generation, the rates in percent from which on one is worse. Portfolios have many
/// numbers that are dead, none where most are.
const FAILED_ALONE_PERCENT: u64 = 20;
const REJECTED_ALONE_PERCENT: u64 = 50;
/// The square of the standard normal's 99.9th percentile (3.09), times 100. It is strict since a swap is looked at once a
/// second, and since the test below takes small numbers for large ones.
const Z_SQUARED_PERCENT: u128 = 955;
/// A rate is worse only where it is by so many percent points; below, chance and small numbers speak.
const MARGIN_PERCENT: u64 = 2;
/// How much slower a generation may be: so many times, and so many milliseconds.
const SLOWER_TIMES: u64 = 2;
const SLOWER_MS: u64 = 250;

/// Judges `new` beside `old`; good is what nothing speaks against after `judged_min` sends.
#[must_use]
pub fn judge(new: &Tally, old: &Tally, judged_min: u64) -> Verdict {
    let rates = [
        ("sends failed", new.failed, old.failed, FAILED_ALONE_PERCENT),
        (
            "sends were rejected for their address",
            new.rejected,
            old.rejected,
            REJECTED_ALONE_PERCENT,
        ),
        (
            "sends ended UNKNOWN",
            new.unknown,
            old.unknown,
            FAILED_ALONE_PERCENT,
        ),
    ];
    if new.broken > 0 && is_higher((new.broken, new.sent), (old.broken, old.sent), 1) {
        return Verdict::Bad(format!(
            "{} panics or ends of its process in {} sends, {} in {} before",
            new.broken, new.sent, old.broken, old.sent
        ));
    }
    for (what, of_new, of_old, alone) in rates {
        if is_worse((of_new, new.sent), (of_old, old.sent), alone) {
            return Verdict::Bad(beside(what, (of_new, new.sent), (of_old, old.sent)));
        }
    }
    let wanted = judged_min.max(1);
    if new.sent < wanted {
        return Verdict::Wait(format!("{} of {wanted} contacts judged", new.sent));
    }
    // A few that fail are no evidence that it is worse, and none either that it may have more: as long as the live one
    // fares no better, it is the carrier's affair, and waits for him.
    let not_good = new.failed + new.rejected + new.unknown;
    if not_good * 2 > new.sent {
        return Verdict::Wait(format!(
            "{not_good} of {} contacts were not accepted: more good ones than others are awaited",
            new.sent
        ));
    }
    let seen = new.sent >= SEEN_MIN && old.sent >= SEEN_MIN;
    if seen && new.p95_ms > old.p95_ms * SLOWER_TIMES + SLOWER_MS {
        return Verdict::Bad(format!(
            "95 of 100 sends ended within {} ms, {} ms before",
            new.p95_ms, old.p95_ms
        ));
    }
    Verdict::Good
}

fn beside(what: &str, new: (u64, u64), old: (u64, u64)) -> String {
    format!(
        "{} of {} {what}, {} of {} before",
        new.0, new.1, old.0, old.1
    )
}

/// Whether a rate is higher than another by a margin in percent points; rates of nothing are 0.
fn is_higher((a, n): (u64, u64), (b, m): (u64, u64), margin: u64) -> bool {
    let (n, m) = (u128::from(n.max(1)), u128::from(m.max(1)));
    let (a, b) = (u128::from(a) * 100 * m, u128::from(b) * 100 * n);
    a > b + u128::from(margin) * n * m
}

/// Whether a rate is higher than another, and not by chance: the test of two proportions, one-sided. Where nothing was
/// seen of the other, it is worse from `alone` percent on.
fn is_worse(new: (u64, u64), old: (u64, u64), alone: u64) -> bool {
    let ((a, n), (b, m)) = (new, old);
    if n < SEEN_MIN || !is_higher(new, old, MARGIN_PERCENT) {
        return false;
    }
    if m < SEEN_MIN {
        return u128::from(a) * 100 >= u128::from(n) * u128::from(alone);
    }
    // So that the products below stay within their type; the rates stay what they are.
    let scale = (n.max(m) >> 20) + 1;
    let [a, n, b, m] = [a, n, b, m].map(|count| u128::from(count / scale));
    // (p1 - p2)² > z² p (1 - p) (1/n + 1/m), with p of both together, brought to whole numbers.
    let apart = (a * m).saturating_sub(b * n);
    let of_both = (a + b) * (n + m).saturating_sub(a + b);
    apart * apart * (n + m) * 100 > of_both * n * m * Z_SQUARED_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tally(sent: u64, failed: u64, unknown: u64, broken: u64, p95_ms: u64) -> Tally {
        Tally {
            sent,
            failed,
            unknown,
            broken,
            p95_ms,
            rejected: 0,
        }
    }

    const fn rejecting(sent: u64, rejected: u64) -> Tally {
        let mut tally = tally(sent, 0, 0, 0, 40);
        tally.rejected = rejected;
        tally
    }

    #[test]
    fn a_generation_is_judged_beside_the_one_before() {
        let sound = tally(1000, 10, 1, 0, 40);
        let nothing = Tally::default();
        let rows: [(&str, Tally, Tally, u64, &str); 22] = [
            ("nothing seen", nothing, sound, 10, "wait: 0 of 10"),
            ("too few", tally(9, 0, 0, 0, 40), sound, 10, "wait: 9 of 10"),
            ("enough", tally(10, 0, 0, 0, 40), sound, 10, "good"),
            (
                "one failure of ten is chance",
                tally(10, 1, 0, 0, 40),
                sound,
                10,
                "good",
            ),
            ("all fail", tally(5, 5, 0, 0, 40), sound, 10, "failed"),
            (
                "all fail, four seen",
                tally(4, 4, 0, 0, 40),
                sound,
                10,
                "wait: 4 of 10",
            ),
            (
                "a tenth fails",
                tally(100, 10, 0, 0, 40),
                sound,
                10,
                "failed",
            ),
            (
                "all of both fail",
                tally(50, 50, 0, 0, 40),
                tally(50, 50, 0, 0, 40),
                10,
                "wait: 50 of 50",
            ),
            (
                "half of both fail",
                tally(50, 25, 0, 0, 40),
                tally(50, 25, 0, 0, 40),
                10,
                "good",
            ),
            (
                "two of two fail where two are enough",
                tally(2, 2, 0, 0, 40),
                sound,
                2,
                "wait: 2 of 2",
            ),
            (
                "one of two where two are enough",
                tally(2, 1, 0, 0, 40),
                sound,
                2,
                "good",
            ),
            (
                "two of three UNKNOWN",
                tally(3, 0, 2, 0, 40),
                sound,
                3,
                "wait: 2 of 3",
            ),
            (
                "all numbers rejected",
                rejecting(10, 10),
                sound,
                10,
                "rejected",
            ),
            (
                "as many dead numbers as before",
                rejecting(100, 12),
                rejecting(1000, 100),
                10,
                "good",
            ),
            (
                "a third rejected, nothing to hold it against",
                rejecting(30, 10),
                nothing,
                10,
                "good",
            ),
            (
                "half rejected, nothing to hold it against",
                rejecting(30, 15),
                nothing,
                10,
                "rejected",
            ),
            ("nobody knows", tally(20, 0, 6, 0, 40), sound, 10, "UNKNOWN"),
            ("one panic", tally(1, 0, 0, 1, 40), sound, 10, "panic"),
            (
                "panics as before",
                tally(100, 0, 0, 1, 40),
                tally(100, 0, 0, 1, 40),
                10,
                "good",
            ),
            ("slow", tally(20, 0, 0, 0, 400), sound, 10, "within 400 ms"),
            (
                "slower, within bounds",
                tally(20, 0, 0, 0, 330),
                sound,
                10,
                "good",
            ),
            (
                "nothing to hold it against",
                tally(20, 3, 0, 0, 4000),
                nothing,
                10,
                "good",
            ),
        ];
        for (name, new, old, min, wanted) in rows {
            let verdict = judge(&new, &old, min);
            let told = match &verdict {
                Verdict::Wait(what) => format!("wait: {what}"),
                Verdict::Good => "good".to_owned(),
                Verdict::Bad(why) => format!("bad: {why}"),
            };
            assert!(told.contains(wanted), "{name}: {told}");
        }
        let alone = judge(&tally(20, 4, 0, 0, 1), &nothing, 10);
        assert!(matches!(alone, Verdict::Bad(_)), "{alone:?}");
    }

    #[test]
    fn numbers_of_years_do_not_overflow() {
        let huge = tally(1 << 40, 1 << 38, 1 << 38, 0, 40);
        assert!(matches!(
            judge(&huge, &tally(1 << 40, 1, 1, 0, 40), 1),
            Verdict::Bad(_)
        ));
        assert_eq!(judge(&huge, &huge, 1), Verdict::Good);
    }
}
