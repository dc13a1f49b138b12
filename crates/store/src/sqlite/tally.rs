//! Counts of cases and contacts, kept by the writer so that nobody has to count rows.

use super::codec::{STATES, status_name};

/// Cases by status code and contacts by state code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) cases: [u64; 4],
    pub(super) contacts: [u64; 13],
}

impl Tally {
    pub(super) fn add(&mut self, moves: &Moves) {
        shift(&mut self.cases, &moves.cases);
        shift(&mut self.contacts, &moves.contacts);
    }

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

fn shift(counts: &mut [u64], moves: &[(Option<u8>, u8)]) {
    for (from, to) in moves {
        if let Some(n) = from.and_then(|from| counts.get_mut(usize::from(from))) {
            *n = n.saturating_sub(1);
        }
        if let Some(n) = counts.get_mut(usize::from(*to)) {
            *n += 1;
        }
    }
}

/// What changes did to the counts.
#[derive(Default)]
pub(super) struct Moves {
    cases: Vec<(Option<u8>, u8)>,
    contacts: Vec<(Option<u8>, u8)>,
}

impl Moves {
    pub(super) fn case(&mut self, from: Option<u8>, to: u8) {
        if from != Some(to) {
            self.cases.push((from, to));
        }
    }

    pub(super) fn contact(&mut self, from: Option<u8>, to: u8) {
        if from != Some(to) {
            self.contacts.push((from, to));
        }
    }

    pub(super) fn add(&mut self, mut other: Self) {
        self.cases.append(&mut other.cases);
        self.contacts.append(&mut other.contacts);
    }
}
