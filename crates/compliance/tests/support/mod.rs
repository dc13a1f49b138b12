//! Parties, proposals and past contacts with nothing special about them.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses a part of it"
)]

pub(crate) mod check;

use jiff::Timestamp;
use recoup_compliance::{Audience, CaseFacts, DebtorFacts, Proposal, Purpose};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::KeyedHash;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    Consent, ConsentKind, ContactPoint, Party, PointKind, PointState, Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::Window;
use recoup_testkit::facts;
pub(crate) use recoup_testkit::facts::{
    CASE as DEBT, OTHER_DEBT, PERSON, SOMEBODY_ELSE, at, person as party,
};

pub(crate) fn point(kind: PointKind, state: PointState) -> ContactPoint {
    ContactPoint {
        state,
        ..ContactPoint::of_contract(KeyedHash([7; 16]), kind)
    }
}

pub(crate) fn consent(kind: ConsentKind, received_at: Option<Timestamp>) -> Consent {
    Consent {
        kind,
        case: None,
        received_at,
        expires_at: None,
        class: None,
        point: None,
        revoked_at: None,
        proof: Default::default(),
    }
}

/// A proposal with everything in order, at a moment.
pub(crate) fn proposal(party: &Party, class: ContactClass, at: Timestamp) -> Proposal<'_> {
    Proposal {
        class,
        effect: Window::moment(at),
        debt: DEBT,
        party,
        relation: Relation::Borrower,
        point: None,
        audience: Audience::Consumer,
        purpose: Purpose::Ordinary,
        case: CaseFacts {
            evidence_pack: true,
            ..CaseFacts::default()
        },
        debtor: DebtorFacts::default(),
        qualified_collectors: 2,
        requested_by_person: false,
    }
}

/// An outbound contact about [`DEBT`] that was made and is settled.
pub(crate) fn made(class: ContactClass, at: Timestamp, outcome: Outcome) -> PastContact {
    PastContact {
        outcome: Some(outcome),
        state: Some(ContactState::Effected),
        ..facts::contact(class, at)
    }
}

pub(crate) fn inbound(class: ContactClass, at: Timestamp, outcome: Outcome) -> PastContact {
    PastContact {
        direction: Direction::Inbound,
        state: None,
        ..made(class, at, outcome)
    }
}
