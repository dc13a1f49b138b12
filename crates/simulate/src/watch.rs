//! What somebody who looks on is told of a life.

use jiff::Timestamp;
use jiff::civil::Date;
use recoup_decide::{Input, Plan};
use recoup_domain::ids::ContactId;
use recoup_domain::{Case, CaseId, ContactClass, Outcome, PartyId, PastContact};

/// Is told what happens in a life, in its order. It changes nothing.
pub trait Watch {
    /// A contact is about to be made, or planned where somebody must approve it, with what was known and when.
    fn contact(&mut self, input: &Input<'_>, now: Timestamp, plan: &Plan);

    /// Something came from outside.
    fn fact(&mut self, now: Timestamp, fact: Fact) {
        let _ = (now, fact);
    }

    /// A case as it stands at the end, with all contacts of its person.
    fn ended(&mut self, case: &Case, contacts: &[PastContact]) {
        let _ = (case, contacts);
    }
}

impl<F: FnMut(&Input<'_>, Timestamp, &Plan)> Watch for F {
    fn contact(&mut self, input: &Input<'_>, now: Timestamp, plan: &Plan) {
        self(input, now, plan);
    }
}

/// What comes from outside in a life: the lender, the carrier, the person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// What came of a contact.
    Settled(ContactId, Outcome),
    /// Somebody approves a contact.
    Approved(ContactId),
    /// Money came in, in minor units.
    Paid(CaseId, i64),
    /// So many minor units are promised by the end of a local day.
    Promised(CaseId, i64, Date),
    /// The oldest unpaid instalment is that of another day.
    Due(CaseId, Date),
    /// No more contacts of a kind.
    OptedOut(PartyId, ContactClass),
    /// No more contact at all.
    Ceased(PartyId),
}
