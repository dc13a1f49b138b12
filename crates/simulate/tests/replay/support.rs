//! A small made-up portfolio.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use recoup_compliance::Packs;
use recoup_domain::case::{Amounts, Scores};
use recoup_domain::party::{BorrowerKind, Party, PointKind};
use recoup_domain::time::add_days;
use recoup_domain::{Case, CaseId, ContactClass};
use recoup_policy::{Names, Policy};
use recoup_simulate::{Behaviour, CaseToAdd, Compact, Setting};
use recoup_testkit::facts;

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
    Case {
        id: CaseId::from_bytes([nth as u8; 16]),
        borrower_kind: kind,
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
        documents: facts::evidence(),
        ..facts::case(start())
    }
}

pub(crate) fn borrower(kind: BorrowerKind, points: &[PointKind]) -> Party {
    Party {
        kind,
        regions: vec!["CN".into()],
        locale: "zh-CN".into(),
        points: facts::points(points),
        ..facts::person(&["Asia/Shanghai"])
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
