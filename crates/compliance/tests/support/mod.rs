//! Parties, proposals and past contacts with nothing special about them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod check;

use jiff::Timestamp;
use recoup_compliance::{Audience, CaseFacts, DebtorFacts, Proposal, Purpose};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    BorrowerKind, Consent, ConsentKind, ContactPoint, Party, PointKind, PointOwner, PointState,
    Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};

pub(crate) const PERSON: PartyId = PartyId::from_bytes([1; 16]);
pub(crate) const SOMEBODY_ELSE: PartyId = PartyId::from_bytes([2; 16]);
pub(crate) const DEBT: CaseId = CaseId::from_bytes([1; 16]);
pub(crate) const OTHER_DEBT: CaseId = CaseId::from_bytes([2; 16]);

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn party(zones: &[&str]) -> Party {
    Party {
        id: PERSON,
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([9; 16]),
        version: 1,
        kind: BorrowerKind::Individual,
        regions: vec![],
        zones: zones.iter().map(|z| Zone::new(z).unwrap()).collect(),
        locale: "en".into(),
        points: vec![],
        tags: vec![],
        opt_outs: vec![],
        ceases: vec![],
        consents: vec![],
        attorneys: vec![],
        employer_prohibits: false,
        inconvenient: vec![],
        consent_ids: vec![],
        declined_points: vec![],
        gone: vec![],
        hardship_until: None,
        moratorium_until: None,
        deceased: false,
        incapacitated: false,
        refused: false,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        updated_at: jiff::Timestamp::UNIX_EPOCH,
        sealed: Sealed::default(),
    }
}

pub(crate) fn point(kind: PointKind, state: PointState) -> ContactPoint {
    ContactPoint {
        key: KeyedHash([7; 16]),
        kind,
        owner: PointOwner::Own,
        zone: None,
        verified: true,
        source: "contract".into(),
        state,
        failed_days: 0,
        failed_on: None,
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
        id: None,
        at,
        effect: Window::moment(at),
        class,
        direction: Direction::Outbound,
        debt: DEBT,
        more_debts: Box::default(),
        party: PERSON,
        point: None,
        outcome: Some(outcome),
        state: Some(ContactState::Effected),
        place: None,
    }
}

pub(crate) fn inbound(class: ContactClass, at: Timestamp, outcome: Outcome) -> PastContact {
    PastContact {
        direction: Direction::Inbound,
        state: None,
        ..made(class, at, outcome)
    }
}
