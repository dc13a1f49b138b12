//! How the people outside behave: what a borrower does about an event is a function of the seed, the case and
//! the event, and of nothing else.

use crate::chance::{between, happens, weighed};

/// Microseconds of an hour.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// Microseconds of a day.
pub(crate) const DAY_US: i64 = 24 * HOUR_US;
/// Promises that somebody gives in one case.
const PROMISES_MAX: u32 = 2;

/// What kind of person a borrower is, as far as this loan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Pays without being asked.
    SelfCures,
    /// Pays after so many contacts that got through.
    PaysWhenReminded {
        /// The contact that moves them.
        contacts: u32,
    },
    /// Promises when somebody talks to them.
    Promises,
    /// Pays when a court is near.
    PaysWhenReferred,
    /// Demands to be left alone after the second contact.
    Ceases,
    /// Wants no more texts after the first.
    OptsOut,
    /// Pays nothing.
    Refuses,
}

/// How a promise ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Everything comes in time.
    Kept,
    /// Half of it comes in time.
    Partial,
    /// Nothing comes.
    Broken,
}

/// What somebody outside does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// The borrower pays this part of what is overdue.
    Pay {
        /// Percent of what is overdue then.
        percent: i64,
    },
    /// The agent writes down what the borrower promised.
    Promise {
        /// Percent of what is overdue.
        percent: i64,
        /// Days until it is due.
        days: i64,
        /// The contact in which it was said.
        contact_id: String,
    },
    /// The borrower pays for a promise.
    PayPromised {
        /// Percent of the promised amount.
        percent: i64,
    },
    /// The borrower wants no more contact.
    Cease,
    /// The borrower wants no more texts.
    OptOut,
    /// A second person approves a contact.
    Approve {
        /// The contact.
        contact_id: String,
    },
}

/// Something to do after a while.
pub(crate) type Later = (i64, Act);

/// What the case has seen, as far as its people act on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Contacts that reached the person.
    pub(crate) effected: u32,
    /// Promises given.
    pub(crate) promises: u32,
}

/// What happened, as far as it moves anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News<'a> {
    /// The case was opened.
    Opened,
    /// A contact reached the person; `seen` counts it already.
    Effected {
        /// Channel kind.
        channel: &'a str,
    },
    /// The person was spoken to on the phone.
    Conversation {
        /// The call.
        contact_id: &'a str,
    },
    /// A contact waits for approval.
    Waits {
        /// The contact.
        contact_id: &'a str,
    },
    /// A promise is on record; `seen` counts it already.
    Promised {
        /// Days until it is due.
        days: i64,
    },
}

/// The habit of a case's borrower.
pub(crate) fn habit(seed: u64, case_ref: &str) -> Habit {
    const KINDS: [(u64, u8); 7] = [(14, 0), (24, 1), (26, 2), (6, 3), (2, 4), (3, 5), (25, 6)];
    match weighed(seed, &["habit", case_ref], &KINDS) {
        0 => Habit::SelfCures,
        1 => Habit::PaysWhenReminded {
            contacts: between(seed, &["reminders", case_ref], 1, 8) as u32,
        },
        2 => Habit::Promises,
        3 => Habit::PaysWhenReferred,
        4 => Habit::Ceases,
        5 => Habit::OptsOut,
        _ => Habit::Refuses,
    }
}

/// Whether a talk on the phone would bring a promise.
pub(crate) fn would_promise(seed: u64, case_ref: &str, seen: Seen) -> bool {
    seen.promises < PROMISES_MAX && habit(seed, case_ref) == Habit::Promises
}

/// How the promise number `ordinal` of a case ends.
pub(crate) fn keeping(seed: u64, case_ref: &str, ordinal: u32) -> Keeping {
    let shares = [
        (52, Keeping::Kept),
        (16, Keeping::Partial),
        (32, Keeping::Broken),
    ];
    weighed(seed, &["keeping", case_ref, &ordinal.to_string()], &shares)
}

/// What the people around a case do about news.
pub(crate) fn react(seed: u64, case_ref: &str, seen: Seen, news: &News<'_>) -> Vec<Later> {
    let hours = |what: &str, first: i64, last: i64| {
        HOUR_US
            * between(
                seed,
                &["hours", what, case_ref, &seen.effected.to_string()],
                first,
                last,
            )
    };
    if let News::Waits { contact_id } = news {
        let act = Act::Approve {
            contact_id: (*contact_id).to_owned(),
        };
        return vec![(hours("approve", 1, 3), act)];
    }
    match (habit(seed, case_ref), news) {
        (Habit::SelfCures, News::Opened) => {
            vec![(hours("self-cure", 30, 24 * 25), Act::Pay { percent: 100 })]
        }
        (Habit::PaysWhenReminded { contacts }, News::Effected { .. })
            if seen.effected == contacts =>
        {
            let whole = happens(seed, &["whole", case_ref], 70);
            let percent = if whole {
                100
            } else {
                between(seed, &["part", case_ref], 20, 60)
            };
            vec![(hours("reminded", 2, 60), Act::Pay { percent })]
        }
        (Habit::Promises, News::Conversation { contact_id }) if seen.promises < PROMISES_MAX => {
            vec![(
                HOUR_US / 4,
                promise(seed, case_ref, seen.promises, contact_id),
            )]
        }
        (Habit::Promises, News::Promised { days }) => {
            // In time: the evening before the day itself.
            let after = (days - 1).max(0) * DAY_US + hours("promised", 1, 8);
            match keeping(seed, case_ref, seen.promises) {
                Keeping::Kept => vec![(after, Act::PayPromised { percent: 100 })],
                Keeping::Partial => vec![(after, Act::PayPromised { percent: 50 })],
                Keeping::Broken => Vec::new(),
            }
        }
        (Habit::PaysWhenReferred, News::Effected { channel: "legal" }) => {
            vec![(
                hours("referred", 24 * 4, 24 * 18),
                Act::Pay { percent: 100 },
            )]
        }
        (Habit::Ceases, News::Effected { .. }) if seen.effected == 2 => {
            vec![(hours("cease", 1, 20), Act::Cease)]
        }
        (Habit::OptsOut, News::Effected { .. }) if seen.effected == 1 => {
            vec![(hours("opt out", 1, 20), Act::OptOut)]
        }
        _ => Vec::new(),
    }
}

fn promise(seed: u64, case_ref: &str, ordinal: u32, contact_id: &str) -> Act {
    let what = ["promise", case_ref, &ordinal.to_string()];
    Act::Promise {
        percent: if happens(seed, &what, 65) { 100 } else { 50 },
        days: between(seed, &["days", case_ref, &ordinal.to_string()], 3, 12),
        contact_id: contact_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn case_with(wanted: impl Fn(Habit) -> bool) -> String {
        let mut cases = (0..10_000).map(|i| format!("case-{i}"));
        cases.find(|case| wanted(habit(1, case))).unwrap()
    }

    fn seen(effected: u32, promises: u32) -> Seen {
        Seen { effected, promises }
    }

    #[test]
    fn every_habit_and_every_end_of_a_promise_occurs() {
        let habits: BTreeSet<String> = (0..2_000)
            .map(|i| format!("{:?}", habit(1, &i.to_string())))
            .map(|habit| habit.split(' ').next().unwrap().to_owned())
            .collect();
        assert_eq!(habits.len(), 7, "{habits:?}");
        for wanted in [Keeping::Kept, Keeping::Partial, Keeping::Broken] {
            assert!(
                (0..100).any(|i| keeping(1, &i.to_string(), 1) == wanted),
                "{wanted:?}"
            );
        }
    }

    #[test]
    fn reactions_repeat_and_happen_once() {
        let case = case_with(|habit| matches!(habit, Habit::PaysWhenReminded { contacts: 3 }));
        let news = News::Effected { channel: "sms" };
        assert_eq!(react(1, &case, seen(2, 0), &news), []);
        let acts = react(1, &case, seen(3, 0), &news);
        assert_eq!(acts, react(1, &case, seen(3, 0), &news));
        assert!(matches!(acts[..], [(after, Act::Pay { .. })] if after >= 2 * HOUR_US));
        assert_eq!(react(1, &case, seen(4, 0), &news), []);
    }

    #[test]
    fn a_talk_brings_a_promise_and_a_kept_one_its_money_in_time() {
        let kept = |case: &str| keeping(1, case, 1) == Keeping::Kept;
        let mut cases = (0..10_000).map(|i| format!("case-{i}"));
        let case = cases
            .find(|case| habit(1, case) == Habit::Promises && kept(case))
            .unwrap();
        let talk = News::Conversation {
            contact_id: "contact_1",
        };
        let acts = react(1, &case, seen(2, 0), &talk);
        let [
            (
                _,
                Act::Promise {
                    days, contact_id, ..
                },
            ),
        ] = &acts[..]
        else {
            panic!("{acts:?}");
        };
        assert_eq!(contact_id, "contact_1");
        let acts = react(1, &case, seen(2, 1), &News::Promised { days: *days });
        let [(after, Act::PayPromised { percent: 100 })] = acts[..] else {
            panic!("{acts:?}");
        };
        assert!(after < days * DAY_US, "in time");
        assert_eq!(react(1, &case, seen(9, 2), &talk), [], "no third promise");
    }

    #[test]
    fn approval_needs_no_habit_and_refusal_brings_nothing() {
        let case = case_with(|habit| habit == Habit::Refuses);
        let waits = News::Waits {
            contact_id: "contact_9",
        };
        assert!(matches!(
            react(1, &case, seen(0, 0), &waits)[..],
            [(_, Act::Approve { .. })]
        ));
        for news in [News::Opened, News::Effected { channel: "legal" }] {
            assert_eq!(react(1, &case, seen(1, 0), &news), []);
        }
    }
}
