//! Counts of cases and contacts of each lender, kept by the writer so that nobody has to count rows.

use super::codec::{STATES, status_name};
use recoup_domain::ids::TenantId;
use std::collections::HashMap;

/// The counts of all lenders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(HashMap<TenantId, Counts>);

/// Cases by status code and contacts by state code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) cases: [u64; 4],
    pub(super) contacts: [u64; 13],
}

impl Tally {
    /// The counts of a lender.
    pub(super) fn of(&self, tenant: &TenantId) -> Counts {
        self.0.get(tenant).cloned().unwrap_or_default()
    }

    /// The counts of a lender, to be written.
    pub(super) fn of_mut(&mut self, tenant: TenantId) -> &mut Counts {
        self.0.entry(tenant).or_default()
    }

    pub(super) fn add(&mut self, moves: Moves) {
        for (tenant, from, to) in moves.cases {
            shift(&mut self.of_mut(tenant).cases, from, to);
        }
        for (tenant, from, to) in moves.contacts {
            shift(&mut self.of_mut(tenant).contacts, from, to);
        }
    }
}

impl Counts {
    /// The statuses that some case has.
    pub(super) fn cases(&self) -> Vec<(String, u64)> {
        let named = (0_u8..).zip(self.cases).filter(|(_, n)| *n > 0);
        named
            .map(|(code, n)| (status_name(code).to_owned(), n))
            .collect()
    }

    /// The states that some contact has.
    pub(super) fn contacts(&self) -> Vec<(String, u64)> {
        let named = STATES.iter().zip(self.contacts).filter(|(_, n)| *n > 0);
        named
            .map(|(state, n)| (state.name().to_owned(), n))
            .collect()
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
pub(super) struct Moves {
    cases: Vec<Move>,
    contacts: Vec<Move>,
}

impl Moves {
    pub(super) fn case(&mut self, tenant: &TenantId, from: Option<u8>, to: u8) {
        if from != Some(to) {
            self.cases.push((tenant.clone(), from, to));
        }
    }

    pub(super) fn contact(&mut self, tenant: &TenantId, from: Option<u8>, to: u8) {
        if from != Some(to) {
            self.contacts.push((tenant.clone(), from, to));
        }
    }

    pub(super) fn add(&mut self, mut other: Self) {
        self.cases.append(&mut other.cases);
        self.contacts.append(&mut other.contacts);
    }
}
