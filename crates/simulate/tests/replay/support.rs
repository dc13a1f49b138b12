//! A small made-up portfolio.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use recoup_compliance::Packs;
use recoup_domain::case::{Amounts, Document, DocumentKind, LenderKind, Opening, Scores, open};
use recoup_domain::ids::KeyedHash;
use recoup_domain::party::{BorrowerKind, ContactPoint, Party, PointKind, PointOwner, PointState};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Zone, add_days};
use recoup_domain::{Case, CaseEvent, CaseId, ContactClass, Currency, PartyId, TenantId};
use recoup_policy::{Names, Policy};
use recoup_simulate::{Behaviour, CaseToAdd, Compact, Setting};

pub(crate) const LADDER: &str = include_str!("../../../../xtask/data/policies/cn-micro.yaml");
pub(crate) const TODAY: Date = date(2026, 3, 2);

pub(crate) fn policy(text: &str) -> Policy {
    let names = Names {
        channels: ContactClass::ALL
            .into_iter()
            .map(|c| (c.name().to_owned(), c))
            .collect(),
        any_template: true,
        ..Names::default()
    };
    Policy::parse(text, &names).unwrap_or_else(|findings| panic!("{findings:?}"))
}

pub(crate) fn start() -> Timestamp {
    // Midnight in Shanghai.
    "2026-03-01T16:00:00Z".parse().unwrap()
}

pub(crate) fn setting<'a>(
    policy: &'a Policy,
    behaviour: &'a Behaviour,
    seed: u64,
    days: u32,
) -> Setting<'a> {
    Setting {
        policy,
        packs: Packs::builtin(),
        behaviour,
        channels: &|_: &str| true,
        visitors: 2,
        start: start(),
        days,
        seed,
    }
}

pub(crate) fn case(nth: u32, dpd: i32, overdue: i64, kind: BorrowerKind) -> Case {
    let documents = DocumentKind::EVIDENCE_PACK.map(|kind| Document {
        kind,
        sha256: "0".repeat(64),
        reference: String::new(),
    });
    let opening = Opening {
        id: CaseId::from_bytes([nth as u8; 16]),
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([1; 16]),
        borrower: PartyId::from_bytes([2; 16]),
        parties: vec![],
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: kind,
        product: None,
        currency: Currency::new("CNY").unwrap(),
        amounts: Amounts {
            principal: overdue,
            overdue,
            ..Amounts::default()
        },
        oldest_unpaid_due: Some(add_days(TODAY, -dpd)),
        scores: Scores {
            ability: Some(50),
            willingness: Some(10),
        },
        tags: vec![],
        documents: documents.to_vec(),
        previous: None,
        sealed: Sealed::default(),
    };
    match open(opening, start()).unwrap() {
        CaseEvent::Opened(case) => *case,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn borrower(kind: BorrowerKind, points: &[PointKind]) -> Party {
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
        id: PartyId::from_bytes([2; 16]),
        tenant: TenantId::new("t").unwrap(),
        lender_ref: KeyedHash([2; 16]),
        version: 1,
        kind,
        regions: vec!["CN".into()],
        zones: vec![Zone::new("Asia/Shanghai").unwrap()],
        locale: "zh-CN".into(),
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
        created_at: start(),
        updated_at: start(),
        sealed: Sealed::default(),
    }
}

/// So many people, every third with two cases.
pub(crate) fn portfolio(people: u32) -> Compact {
    let mut all = Compact::default();
    for p in 0..people {
        let kind = match p % 4 {
            0 => BorrowerKind::MicroBusiness,
            _ => BorrowerKind::Individual,
        };
        let points: &[PointKind] = match p % 11 {
            0 => &[PointKind::Email, PointKind::Postal],
            1 => &[PointKind::Mobile],
            _ => &[PointKind::Mobile, PointKind::Email, PointKind::Postal],
        };
        for loan in 0..1 + u32::from(p % 3 == 0) {
            let dpd = (p * 7 + loan * 31) % 140;
            all.add(CaseToAdd {
                lender_ref: format!("C-{p}-{loan}"),
                borrower_ref: format!("B-{p}"),
                case: case(p, dpd as i32, 300_000 + i64::from(p % 50) * 100_000, kind),
                borrower: borrower(kind, points),
            });
        }
    }
    all.sorted()
}
