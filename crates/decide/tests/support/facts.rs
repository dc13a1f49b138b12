//! A case, a borrower, a contact and a policy that tests bend to their question. Day `n` is the n-th calendar day
//! after the due date, in the borrower's first zone: without pause days, the days past due.

use jiff::Timestamp;
use jiff::civil::{Date, Time, date};
use recoup_domain::case::{Amounts, Document, DocumentKind, LenderKind, Scores};
use recoup_domain::ids::KeyedHash;
use recoup_domain::party::{BorrowerKind, ContactPoint, PointKind, PointOwner, PointState};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone, add_days, days_between};
use recoup_domain::{Case, CaseId, ContactClass, Currency, Party, PartyId, PastContact, TenantId};
use recoup_policy::{Names, Policy};

/// The due date of every case here.
pub(crate) const DUE: Date = date(2026, 4, 7);

pub(crate) const CASE: CaseId = CaseId::from_bytes([1; 16]);
pub(crate) const OTHER_DEBT: CaseId = CaseId::from_bytes([3; 16]);
pub(crate) const BORROWER: PartyId = PartyId::from_bytes([2; 16]);

/// The instant of a local time on day `day`.
pub(crate) fn day_at(zone: &Zone, day: i32, time: Time) -> Timestamp {
    zone.instant(add_days(DUE, day), time)
}

/// The number of the local day at an instant.
pub(crate) fn day_of(zone: &Zone, at: Timestamp) -> i32 {
    days_between(DUE, zone.date(at))
}

pub(crate) fn case(opened_at: Timestamp) -> Case {
    Case {
        id: CASE,
        tenant: TenantId::new("t").unwrap(),
        version: 1,
        lender_ref: KeyedHash([101; 16]),
        borrower: BORROWER,
        parties: vec![],
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: BorrowerKind::Individual,
        product: None,
        currency: Currency::new("CNY").unwrap(),
        amounts: Amounts {
            principal: 2_500_000,
            interest: 100_000,
            fees: 0,
            overdue: 2_600_000,
        },
        oldest_unpaid_due: Some(DUE),
        pause_days: 0,
        scores: Scores::default(),
        tags: vec![],
        documents: vec![],
        dispute: None,
        time_barred: false,
        pauses: vec![],
        legal_since: None,
        closed: None,
        policy: None,
        stage: None,
        skipped: vec![],
        payments: vec![],
        reversed: vec![],
        moved: vec![],
        next_seq: 1,
        last_denial: None,
        worklist: None,
        worklist_since: None,
        collectors: vec![],
        previous: None,
        opened_at,
        updated_at: opened_at,
        sealed: Sealed::default(),
    }
}

/// What a visit needs.
pub(crate) fn evidence() -> impl Iterator<Item = Document> {
    DocumentKind::EVIDENCE_PACK
        .into_iter()
        .map(|kind| Document {
            kind,
            sha256: "0".repeat(64),
            reference: "dms-1".into(),
        })
}

/// A borrower with points of these kinds, preferred first.
pub(crate) fn borrower(zones: &[&str], points: &[PointKind]) -> Party {
    let point = |(i, kind): (usize, &PointKind)| ContactPoint {
        key: KeyedHash([i as u8 + 1; 16]),
        kind: *kind,
        owner: PointOwner::Own,
        zone: None,
        verified: true,
        source: "contract".into(),
        state: PointState::Usable,
        failed_days: 0,
        failed_on: None,
    };
    Party {
        id: BORROWER,
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([102; 16]),
        version: 1,
        kind: BorrowerKind::Individual,
        regions: vec![],
        zones: zones.iter().map(|z| Zone::new(z).unwrap()).collect(),
        locale: "en".into(),
        points: points.iter().enumerate().map(point).collect(),
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

/// A contact with the borrower about the case, made at an instant; nothing is known of what came of it.
pub(crate) fn contact(class: ContactClass, at: Timestamp) -> PastContact {
    PastContact {
        id: None,
        at,
        effect: Window::moment(at),
        class,
        direction: Direction::Outbound,
        debt: CASE,
        more_debts: Box::default(),
        party: BORROWER,
        point: None,
        outcome: None,
        state: None,
        place: None,
    }
}

/// Channels named like their class, and the templates of the policies here.
pub(crate) fn names() -> Names {
    let channels = ContactClass::ALL.map(|c| (c.name().to_owned(), c));
    let templates = [
        "reminder",
        "first_call",
        "visit_brief",
        "notice",
        "demand_letter",
        "referral",
        "english_only",
    ];
    Names {
        channels: channels.into(),
        templates: templates.map(str::to_owned).into(),
        ..Names::default()
    }
}

pub(crate) fn parsed(source: &str) -> Policy {
    Policy::parse(source, &names()).unwrap_or_else(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        panic!("{}\nin\n{source}", lines.join("\n"))
    })
}

/// A policy of `tests/policies`.
pub(crate) fn policy(name: &str) -> Policy {
    let path = format!("{}/tests/policies/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("policy {name}: {e}"));
    parsed(&source)
}
