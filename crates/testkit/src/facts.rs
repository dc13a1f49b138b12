//! The facts of a decision with nothing special about them: a person, their case, a contact of the past. A test bends
//! them to its question: `Case { product: Some("gold".into()), ..facts::case(opened_at) }`.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use recoup_domain::case::{self, Amounts, CaseEvent, Document, DocumentKind, LenderKind, Opening};
use recoup_domain::ids::KeyedHash;
use recoup_domain::party::{BorrowerKind, ContactPoint, Introduction, PointKind, introduce};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use recoup_domain::{Case, CaseId, ContactClass, Currency, Party, PartyId, PastContact, TenantId};

/// The case.
pub const CASE: CaseId = CaseId::from_bytes([1; 16]);
/// Another debt of the person.
pub const OTHER_DEBT: CaseId = CaseId::from_bytes([3; 16]);
/// The borrower of the case.
pub const PERSON: PartyId = PartyId::from_bytes([2; 16]);
/// Another person.
pub const SOMEBODY_ELSE: PartyId = PartyId::from_bytes([4; 16]);
/// When the oldest unpaid instalment of the case was due.
pub const DUE: Date = date(2026, 4, 7);

/// The instant that a text tells, such as `2026-04-08T02:30:00Z`.
///
/// # Panics
/// Where it tells none.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The lender.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn lender() -> TenantId {
    TenantId::new("t").expect("a lender's name")
}

/// Somebody who may be in any of these zones, without a number or address.
///
/// # Panics
/// Where a zone is not in the bundled database.
#[must_use]
pub fn person(zones: &[&str]) -> Party {
    let told = Introduction {
        id: PERSON,
        tenant: lender(),
        lender_ref: KeyedHash([102; 16]),
        kind: BorrowerKind::Individual,
        regions: Vec::new(),
        zones: zones
            .iter()
            .map(|zone| Zone::new(zone).expect("a zone"))
            .collect(),
        locale: "en".into(),
        points: Vec::new(),
        tags: Vec::new(),
    };
    introduce(told, Timestamp::UNIX_EPOCH)
}

/// Numbers and addresses of these kinds, preferred first: the first has a key of ones, the second of twos.
#[must_use]
pub fn points(kinds: &[PointKind]) -> Vec<ContactPoint> {
    let point =
        |(nth, kind): (u8, &PointKind)| ContactPoint::of_contract(KeyedHash([nth; 16]), *kind);
    (1..).zip(kinds).map(point).collect()
}

/// A case of the person: 26,000.00 CNY overdue.
///
/// # Panics
/// Never: the facts are sound.
#[must_use]
pub fn case(opened_at: Timestamp) -> Case {
    let opening = Opening {
        id: CASE,
        tenant: lender(),
        lender_ref: KeyedHash([101; 16]),
        borrower: PERSON,
        parties: Vec::new(),
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: BorrowerKind::Individual,
        product: None,
        currency: Currency::new("CNY").expect("a currency"),
        amounts: Amounts {
            principal: 2_500_000,
            interest: 100_000,
            fees: 0,
            overdue: 2_600_000,
        },
        oldest_unpaid_due: Some(DUE),
        scores: Default::default(),
        tags: Vec::new(),
        documents: Vec::new(),
        previous: None,
        sealed: Sealed::default(),
    };
    match case::open(opening, opened_at).expect("sound facts") {
        CaseEvent::Opened(case) => *case,
        other => unreachable!("opening a case is {other:?}"),
    }
}

/// The papers that a visit needs.
#[must_use]
pub fn evidence() -> Vec<Document> {
    let paper = |kind| Document {
        kind,
        sha256: "0".repeat(64),
        reference: "dms-1".into(),
    };
    DocumentKind::EVIDENCE_PACK.into_iter().map(paper).collect()
}

/// A contact with the person about the case, made at an instant; nothing is known of what came of it.
#[must_use]
pub fn contact(class: ContactClass, at: Timestamp) -> PastContact {
    PastContact {
        id: None,
        at,
        effect: Window::moment(at),
        class,
        direction: Direction::Outbound,
        debt: CASE,
        more_debts: Box::default(),
        party: PERSON,
        point: None,
        outcome: None,
        state: None,
        place: None,
    }
}
