//! A case, a borrower, a contact and a policy that tests bend to their question. Day `n` is the n-th calendar day
//! after the due date, in the borrower's first zone: without pause days, the days past due.

use jiff::Timestamp;
use jiff::civil::Time;
use recoup_domain::party::PointKind;
use recoup_domain::time::{Zone, add_days, days_between};
use recoup_domain::{ContactClass, Party};
use recoup_policy::{Names, Policy};
pub(crate) use recoup_testkit::facts::{CASE, DUE, OTHER_DEBT, case, contact, evidence};
use recoup_testkit::facts::{person, points};

/// The instant of a local time on day `day`.
pub(crate) fn day_at(zone: &Zone, day: i32, time: Time) -> Timestamp {
    zone.instant(add_days(DUE, day), time)
}

/// The number of the local day at an instant.
pub(crate) fn day_of(zone: &Zone, at: Timestamp) -> i32 {
    days_between(DUE, zone.date(at))
}

/// The borrower with points of these kinds, preferred first.
pub(crate) fn borrower(zones: &[&str], kinds: &[PointKind]) -> Party {
    Party {
        points: points(kinds),
        ..person(zones)
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
