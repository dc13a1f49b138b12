//! The case that law has least against: a borrower who was talked to, consents to everything and can be reached by
//! everything, a complete file, collectors at hand. What is forbidden here is forbidden always.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::FORBEARANCE_TAG;
use recoup_domain::case::{
    self, Amounts, CaseEvent, Document, DocumentKind, LenderKind, Opening, Scores,
};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{ContactId, KeyedHash};
use recoup_domain::money::Currency;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    BorrowerKind, Consent, ConsentKind, ContactPoint, Introduction, PointKind, introduce,
};
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone, add_days};
use recoup_domain::{Case, CaseId, Party, PartyId, PastContact, TenantId};

const CASE: CaseId = CaseId::from_bytes([1; 16]);
const BORROWER: PartyId = PartyId::from_bytes([2; 16]);

/// Facts of one such case.
pub(super) struct World {
    pub(super) case: Case,
    pub(super) borrower: Party,
    pub(super) contacts: Vec<PastContact>,
    pub(super) now: Timestamp,
}

impl World {
    /// A case in a region that is `dpd` days past due; none where an id or zone of ours cannot be made, which does
    /// not happen.
    pub(super) fn new(region: &str, lender: LenderKind, due: Date, dpd: i32) -> Option<Self> {
        let zone = Zone::new("UTC").ok()?;
        let tenant = TenantId::new("t").ok()?;
        let now = zone.instant(add_days(due, dpd), Time::midnight());
        let long_ago = now
            .saturating_sub(SignedDuration::from_hours(24 * 60))
            .ok()?;
        let points = [PointKind::Mobile, PointKind::Email, PointKind::Postal];
        let told = Introduction {
            id: BORROWER,
            tenant: tenant.clone(),
            lender_ref: KeyedHash([102; 16]),
            kind: BorrowerKind::Individual,
            regions: vec![region.to_owned()],
            zones: vec![zone],
            locale: "en".into(),
            points: (1..).zip(points).map(point).collect(),
            tags: vec![],
        };
        let borrower = Party {
            consents: consents(long_ago),
            ..introduce(told, long_ago)
        };
        let case = case_in(tenant, region, lender, due, long_ago)?;
        let contacts = vec![past(1, ContactClass::Phone, long_ago)];
        Some(Self {
            case,
            borrower,
            contacts,
            now,
        })
    }
}

fn case_in(
    tenant: TenantId,
    region: &str,
    lender: LenderKind,
    due: Date,
    opened_at: Timestamp,
) -> Option<Case> {
    let paper = |kind| Document {
        kind,
        sha256: "0".repeat(64),
        reference: "file".into(),
    };
    let opening = Opening {
        id: CASE,
        tenant,
        lender_ref: KeyedHash([101; 16]),
        borrower: BORROWER,
        parties: vec![],
        jurisdiction: region.to_owned(),
        lender_kind: lender,
        borrower_kind: BorrowerKind::Individual,
        product: None,
        currency: Currency::new("CNY").ok()?,
        amounts: Amounts {
            principal: 10_000_000,
            interest: 0,
            fees: 0,
            overdue: 10_000_000,
        },
        oldest_unpaid_due: Some(due),
        scores: Scores::default(),
        tags: vec![FORBEARANCE_TAG.to_owned()],
        documents: DocumentKind::EVIDENCE_PACK.into_iter().map(paper).collect(),
        previous: None,
        sealed: Sealed::default(),
    };
    match case::open(opening, opened_at).ok()? {
        CaseEvent::Opened(case) => Some(Case {
            next_seq: 2,
            ..*case
        }),
        _ => None,
    }
}

fn point((nth, kind): (u8, PointKind)) -> ContactPoint {
    ContactPoint::of_contract(KeyedHash([nth; 16]), kind)
}

fn consents(received_at: Timestamp) -> Vec<Consent> {
    use ConsentKind::{
        Electronic, ExtraCalls, MoreAttemptsAgreed, MoreVisitsWritten, OffHours, WorkEmail,
    };
    let all = [
        OffHours,
        ExtraCalls,
        MoreAttemptsAgreed,
        MoreVisitsWritten,
        WorkEmail,
        Electronic,
    ];
    let consent = |kind| Consent {
        kind,
        case: None,
        received_at: Some(received_at),
        expires_at: None,
        class: None,
        point: None,
        revoked_at: None,
        proof: Default::default(),
    };
    all.into_iter().map(consent).collect()
}

/// A talk, long ago: what asks for a contact before has one, and what spaces contacts has long passed.
fn past(seq: u32, class: ContactClass, at: Timestamp) -> PastContact {
    PastContact {
        id: Some(ContactId { case: CASE, seq }),
        at,
        effect: Window::moment(at),
        class,
        direction: Direction::Outbound,
        debt: CASE,
        more_debts: Box::default(),
        party: BORROWER,
        point: Some(KeyedHash([1; 16])),
        outcome: Some(Outcome::Conversation),
        state: Some(ContactState::Effected),
        place: None,
    }
}
