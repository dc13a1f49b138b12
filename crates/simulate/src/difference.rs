//! Two policies compared case by case.

use crate::trail::{NEVER_DAY, Trail};

/// How a case fares under the second policy, compared with the first. A case may be in several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Change {
    /// Its first visit is on an earlier day.
    VisitedSooner,
    /// Its first visit is on a later day.
    VisitedLater,
    /// It was never visited, and is.
    VisitedOnlyNow,
    /// It was visited, and never is.
    NeverVisited,
    /// Its first contact is on an earlier day, or it had none.
    ContactedSooner,
    /// Its first contact is on a later day.
    ContactedLater,
    /// It was contacted, and never is.
    NeverContacted,
    /// It has more contacts.
    MoreContacts,
    /// It has fewer contacts.
    FewerContacts,
    /// It goes to law sooner, or did not.
    LegalSooner,
    /// It goes to law later.
    LegalLater,
    /// It went to law, and never does.
    NeverLegal,
    /// It is cured on an earlier day, or was not.
    CuredSooner,
    /// It is cured on a later day.
    CuredLater,
    /// It was cured, and is not.
    NotCured,
}

/// All of them, with their names for programs and for people.
pub const CHANGES: [(Change, &str, &str); 15] = [
    (Change::VisitedSooner, "visited_sooner", "visited sooner"),
    (Change::VisitedLater, "visited_later", "visited later"),
    (
        Change::VisitedOnlyNow,
        "visited_only_now",
        "visited, and were never",
    ),
    (
        Change::NeverVisited,
        "never_visited",
        "never visited, and were",
    ),
    (
        Change::ContactedSooner,
        "contacted_sooner",
        "contacted sooner",
    ),
    (Change::ContactedLater, "contacted_later", "contacted later"),
    (
        Change::NeverContacted,
        "never_contacted",
        "never contacted, and were",
    ),
    (Change::MoreContacts, "more_contacts", "with more contacts"),
    (
        Change::FewerContacts,
        "fewer_contacts",
        "with fewer contacts",
    ),
    (Change::LegalSooner, "legal_sooner", "at law sooner"),
    (Change::LegalLater, "legal_later", "at law later"),
    (Change::NeverLegal, "never_legal", "never at law, and were"),
    (Change::CuredSooner, "cured_sooner", "cured sooner"),
    (Change::CuredLater, "cured_later", "cured later"),
    (Change::NotCured, "not_cured", "not cured, and were"),
];

/// How many cases of each change are named.
pub const NAMED_MAX: usize = 20;

/// Cases of one change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// How many.
    pub cases: u64,
    /// The first of them, by their place in the portfolio.
    pub first: Vec<usize>,
}

/// Two policies compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Cases compared: replayed under both.
    pub cases: u64,
    /// Those that differ in anything.
    pub differing: u64,
    /// Those that only one of the policies can take.
    pub only_one: u64,
    /// By change, in the order of [`CHANGES`].
    pub changes: [Counted; CHANGES.len()],
}

impl Difference {
    /// Compares the trails of the same cases under a first and a second policy.
    #[must_use]
    pub fn between(first: &[Trail], second: &[Trail]) -> Self {
        let mut difference = Self::default();
        for (case, (a, b)) in first.iter().zip(second).enumerate() {
            difference.add(case, a, b);
        }
        difference
    }

    fn add(&mut self, case: usize, a: &Trail, b: &Trail) {
        match (a.excluded, b.excluded) {
            (true, true) => return,
            (false, false) => self.cases += 1,
            _ => {
                self.only_one += 1;
                return;
            }
        }
        if a == b {
            return;
        }
        self.differing += 1;
        for change in changes(a, b) {
            let counted = &mut self.changes[change as usize];
            counted.cases += 1;
            if counted.first.len() < NAMED_MAX {
                counted.first.push(case);
            }
        }
    }

    /// How many cases changed so.
    #[must_use]
    pub const fn of(&self, change: Change) -> u64 {
        self.changes[change as usize].cases
    }
}

/// All that changes for a case.
pub(crate) fn changes(a: &Trail, b: &Trail) -> impl Iterator<Item = Change> {
    use Change as C;
    let visit = match (a.visit, b.visit) {
        (a, b) if a == b => None,
        (NEVER_DAY, _) => Some(C::VisitedOnlyNow),
        (_, NEVER_DAY) => Some(C::NeverVisited),
        (a, b) if b < a => Some(C::VisitedSooner),
        _ => Some(C::VisitedLater),
    };
    let moved = |a: u16, b: u16, sooner, later, never| match (a, b) {
        (a, b) if a == b => None,
        (_, NEVER_DAY) => Some(never),
        (a, b) if b < a => Some(sooner),
        _ => Some(later),
    };
    let contact = moved(
        a.contact,
        b.contact,
        C::ContactedSooner,
        C::ContactedLater,
        C::NeverContacted,
    );
    let legal = moved(
        a.legal,
        b.legal,
        C::LegalSooner,
        C::LegalLater,
        C::NeverLegal,
    );
    let cured = moved(a.cured, b.cured, C::CuredSooner, C::CuredLater, C::NotCured);
    let many = match a.contacts.cmp(&b.contacts) {
        std::cmp::Ordering::Less => Some(C::MoreContacts),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(C::FewerContacts),
    };
    [visit, contact, many, legal, cured].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(contact: u16, visit: u16, legal: u16, cured: u16, contacts: u16) -> Trail {
        Trail {
            contact,
            visit,
            legal,
            cured,
            contacts,
            ..Trail::NOTHING
        }
    }

    #[test]
    fn a_case_is_counted_under_all_that_changes_for_it() {
        use Change as C;
        const N: u16 = NEVER_DAY;
        let same = trail(1, 5, N, N, 4);
        for (a, b, expected) in [
            (same, same, vec![]),
            (same, trail(1, 4, N, N, 4), vec![C::VisitedSooner]),
            (
                same,
                trail(1, 6, N, N, 5),
                vec![C::VisitedLater, C::MoreContacts],
            ),
            (
                same,
                trail(1, N, N, N, 3),
                vec![C::NeverVisited, C::FewerContacts],
            ),
            (trail(1, N, N, N, 4), same, vec![C::VisitedOnlyNow]),
            (
                same,
                trail(0, 5, 9, 8, 4),
                vec![C::ContactedSooner, C::LegalSooner, C::CuredSooner],
            ),
            (
                trail(N, N, N, N, 0),
                trail(3, N, N, N, 1),
                vec![C::ContactedSooner, C::MoreContacts],
            ),
            (
                trail(3, N, 7, 9, 1),
                trail(N, N, N, N, 0),
                vec![
                    C::NeverContacted,
                    C::FewerContacts,
                    C::NeverLegal,
                    C::NotCured,
                ],
            ),
            (
                trail(3, N, 7, 9, 1),
                trail(4, N, 8, 10, 1),
                vec![C::ContactedLater, C::LegalLater, C::CuredLater],
            ),
        ] {
            let found: Vec<Change> = changes(&a, &b).collect();
            let mut sorted = found.clone();
            sorted.sort();
            assert_eq!(sorted, expected, "{a:?} {b:?}");
        }
        for (i, (change, ..)) in CHANGES.into_iter().enumerate() {
            assert_eq!(change as usize, i);
        }
    }

    #[test]
    fn cases_that_one_policy_cannot_take_are_not_compared() {
        let left_out = Trail {
            excluded: true,
            ..Trail::NOTHING
        };
        let lived = trail(1, 5, NEVER_DAY, NEVER_DAY, 4);
        let d = Difference::between(
            &[left_out, left_out, lived, lived],
            &[left_out, lived, left_out, Trail::NOTHING],
        );
        assert_eq!((d.cases, d.differing, d.only_one), (1, 1, 2));
        assert_eq!(d.changes[Change::NeverVisited as usize].first, [3]);
    }
}
