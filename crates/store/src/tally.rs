//! Counts of cases and contacts of each lender, kept by the writer so that nobody has to count rows.

use super::codec::{STATES, class, status_name};
use crate::figures::{Fact, Figures};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::TenantId;
use std::collections::{BTreeMap, HashMap};

/// Kinds of contacts.
const CLASSES: usize = ContactClass::ALL.len();

/// The counts of all lenders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    lenders: HashMap<TenantId, Counts>,
    /// What happened since the store was opened.
    facts: BTreeMap<Fact, u64>,
}

/// Cases by status code, and contacts by [`place`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) cases: [u64; 4],
    pub(crate) contacts: [u64; CLASSES * STATES.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            cases: [0; 4],
            contacts: [0; CLASSES * STATES.len()],
        }
    }
}

/// What a stored count counts.
const CASES: i16 = 0;
const CONTACTS: i16 = 1;

/// Where contacts of a kind in a state are counted; the statement that counts all of them says the same.
const fn place(class: u8, state: u8) -> u8 {
    class * 13 + state
}

impl Tally {
    /// The counts of a lender.
    pub(crate) fn of(&self, tenant: &TenantId) -> Counts {
        self.lenders.get(tenant).cloned().unwrap_or_default()
    }

    /// The counts of a lender, to be written.
    pub(crate) fn of_mut(&mut self, tenant: TenantId) -> &mut Counts {
        self.lenders.entry(tenant).or_default()
    }

    pub(crate) fn add(&mut self, moves: Moves) {
        for (tenant, from, to) in moves.cases {
            shift(&mut self.of_mut(tenant).cases, from, to);
        }
        for (tenant, from, to) in moves.contacts {
            shift(&mut self.of_mut(tenant).contacts, from, to);
        }
    }

    /// Takes the counts of all lenders as they are stored: rows of lender, kind, code and number.
    pub(crate) fn replace(&mut self, rows: impl IntoIterator<Item = (TenantId, i16, i16, i64)>) {
        self.lenders.clear();
        for row in rows {
            self.put(row);
        }
    }

    fn put(&mut self, (tenant, kind, code, n): (TenantId, i16, i16, i64)) {
        let counts = self.of_mut(tenant);
        let place = usize::try_from(code).ok();
        let found = match (kind, place) {
            (CASES, Some(place)) => counts.cases.get_mut(place),
            (CONTACTS, Some(place)) => counts.contacts.get_mut(place),
            _ => None,
        };
        if let Some(count) = found {
            *count = u64::try_from(n).unwrap_or_default();
        }
    }

    pub(crate) fn tell(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            *self.facts.entry(fact).or_default() += 1;
        }
    }

    /// What was counted, over all lenders.
    pub(crate) fn figures(&self) -> Figures {
        let mut all = Figures {
            facts: self.facts.clone(),
            ..Figures::default()
        };
        for counts in self.lenders.values() {
            for (name, n) in counts.cases() {
                *all.cases.entry(name).or_default() += n;
            }
            for (what, n) in counts.by_class() {
                *all.contacts.entry(what).or_default() += n;
            }
        }
        all
    }
}

impl Counts {
    /// The statuses that some case has.
    pub(crate) fn cases(&self) -> Vec<(String, u64)> {
        let named = (0_u8..).zip(self.cases).filter(|(_, n)| *n > 0);
        named
            .map(|(code, n)| (status_name(code).to_owned(), n))
            .collect()
    }

    /// The states that some contact has.
    pub(crate) fn contacts(&self) -> Vec<(String, u64)> {
        let of = |i: usize| self.contacts.iter().skip(i).step_by(STATES.len()).sum();
        let named = STATES.iter().enumerate().map(|(i, state)| (state, of(i)));
        named
            .filter(|(_, n): &(_, u64)| *n > 0)
            .map(|(state, n)| (state.name().to_owned(), n))
            .collect()
    }

    fn by_class(&self) -> impl Iterator<Item = ((&'static str, &'static str), u64)> + '_ {
        let rows = (0_u8..).zip(self.contacts.chunks(STATES.len()));
        rows.filter_map(|(code, row)| Some((class(code).ok()?, row)))
            .flat_map(|(class, row)| {
                let states = STATES.iter().zip(row);
                states.map(move |(state, n)| ((class.name(), state.name()), *n))
            })
    }
}

fn shift(counts: &mut [u64], from: Option<u8>, to: u8) {
    if let Some(n) = from.and_then(|from| counts.get_mut(usize::from(from))) {
        *n = n.saturating_sub(1);
    }
    if let Some(n) = counts.get_mut(usize::from(to)) {
        *n += 1;
    }
}

type Move = (TenantId, Option<u8>, u8);

/// What changes did to the counts.
#[derive(Default)]
pub(crate) struct Moves {
    cases: Vec<Move>,
    contacts: Vec<Move>,
}

impl Moves {
    pub(crate) fn case(&mut self, tenant: &TenantId, from: Option<u8>, to: u8) {
        if from != Some(to) {
            self.cases.push((tenant.clone(), from, to));
        }
    }

    pub(crate) fn contact(&mut self, tenant: &TenantId, class: u8, from: Option<u8>, to: u8) {
        if from != Some(to) {
            let from = from.map(|from| place(class, from));
            self.contacts.push((tenant.clone(), from, place(class, to)));
        }
    }

    /// By how much each stored count moves: lender, kind, code and number.
    pub(crate) fn sums(&self) -> BTreeMap<(&TenantId, i16, i16), i64> {
        let mut sums = BTreeMap::new();
        for (kind, moves) in [(CASES, &self.cases), (CONTACTS, &self.contacts)] {
            for (tenant, from, to) in moves {
                if let Some(from) = from {
                    *sums.entry((tenant, kind, i16::from(*from))).or_default() -= 1;
                }
                *sums.entry((tenant, kind, i16::from(*to))).or_default() += 1;
            }
        }
        sums
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        self.cases.append(&mut other.cases);
        self.contacts.append(&mut other.contacts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_state_has_a_place_of_its_own() {
        let mut places: Vec<u8> = Vec::new();
        for class in 0..5 {
            places.extend((0..13).map(|state| place(class, state)));
        }
        let counted = Counts::default().contacts.len();
        assert_eq!(places, (0..65).collect::<Vec<u8>>());
        assert_eq!((counted, STATES.len()), (65, 13));
    }
}
