//! Somebody who owes, as a portfolio tells it.

use crate::chance::key_of;
use recoup_decide::Waiting;
use recoup_domain::case::{self, CaseEvent, PolicyPin};
use recoup_domain::overrides::Lift;
use recoup_domain::{Case, ContactState, Party, PastContact};
use recoup_policy::Policy;
use recoup_policy::diff::Matching;
use std::rc::Rc;

/// A borrower with all open cases and everything that the lender did so far. Limits count a person over all cases, so
/// a person is replayed as a whole.
#[derive(Clone, Debug)]
pub struct Person {
    /// The borrower.
    pub borrower: Party,
    /// Open cases, in the order of the portfolio.
    pub cases: Vec<LoanCase>,
    /// Contacts of the past, sorted by time.
    pub contacts: Vec<PastContact>,
    /// Whose luck it is: the same number for the same borrower, whatever else is in the portfolio.
    pub key: u64,
}

/// One of the person's cases.
#[derive(Clone, Debug)]
pub struct LoanCase {
    /// The case.
    pub case: Case,
    /// Its contacts that wait for approval.
    pub waiting: Vec<Waiting>,
    /// Presumptions of law that two people lifted for it.
    pub lifts: Vec<Lift>,
    /// How many collectors could go on a visit; none: as the setting says.
    pub visitors: Option<u8>,
    /// Whose luck it is, as of the person.
    pub key: u64,
}

impl LoanCase {
    /// A case nothing of which waits and for which nothing is lifted. The lender's reference makes its luck.
    #[must_use]
    pub fn new(case: Case, lender_ref: &str) -> Self {
        Self {
            case,
            waiting: Vec::new(),
            lifts: Vec::new(),
            visitors: None,
            key: key_of(lender_ref.as_bytes()),
        }
    }

    /// A case whose id makes its luck.
    #[must_use]
    pub fn by_id(case: Case, waiting: Vec<Waiting>, lifts: Vec<Lift>, visitors: u8) -> Self {
        Self {
            key: key_of(&case.id.to_bytes()),
            case,
            waiting,
            lifts,
            visitors: Some(visitors),
        }
    }
}

impl Person {
    /// A person whose id makes the luck.
    #[must_use]
    pub fn by_id(borrower: Party, cases: Vec<LoanCase>, contacts: Vec<PastContact>) -> Self {
        Self {
            key: key_of(&borrower.id.to_bytes()),
            borrower,
            cases,
            contacts,
        }
    }

    /// Pins every case to `policy`, as a migration would. A case that runs under the very same text goes on where it
    /// stands. Under another one it begins anew: no stage, no step passed over, what waited is dropped; and what was
    /// contacted counts for the step that its own became, as `became` has it of the version before, else for the case
    /// alone.
    pub fn pin(
        &mut self,
        policy: &Policy,
        hash: &str,
        became: impl Fn(&PolicyPin) -> Option<Rc<Matching>>,
    ) {
        for loan in &mut self.cases {
            if loan.case.policy.as_ref().is_some_and(|p| p.hash == hash) {
                continue;
            }
            let pin = PolicyPin {
                name: policy.name().to_owned(),
                version: 0,
                hash: hash.to_owned(),
                arm: "champion".to_owned(),
            };
            let became = loan.case.policy.as_ref().and_then(&became);
            let at = loan.case.updated_at;
            case::apply(&mut loan.case, &CaseEvent::PolicyPinned(pin), at);
            loan.waiting.clear();
            let id = loan.case.id;
            for contact in self.contacts.iter_mut().filter(|c| c.debt == id) {
                if contact.state == Some(ContactState::Planned) {
                    contact.state = Some(ContactState::Suppressed);
                }
                let place = loan.case.place_of(contact);
                contact.place = became.as_ref().zip(place).and_then(|(b, p)| b.step(p));
            }
            // Their places are those of this policy now.
            loan.case.moved.clear();
        }
    }
}
