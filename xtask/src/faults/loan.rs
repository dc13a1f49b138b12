//! Loans of a campaign: of people for whom it is noon now, and of some for whom it is night.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use recoup::api::google::r#type as google;
use recoup::api::recoup::v1 as pb;

use crate::chance;

/// A loan ten days late.
pub(crate) struct Loan {
    /// The references, the number and the addresses are made of it.
    pub(super) number: u32,
    zone: String,
    due: Date,
}

impl Loan {
    /// The loan of this number in a run: in ten of a hundred its borrower sleeps.
    pub(super) fn new(number: u32, seed: u64) -> Self {
        let asleep = chance::happens(seed, &["asleep", &number.to_string()], 10);
        Self::at(if asleep { 2 } else { 12 }, number)
    }

    /// The loan of this number, of a borrower for whom it is noon.
    pub(crate) fn awake(number: u32) -> Self {
        Self::at(12, number)
    }

    /// The loan of this number, of a borrower where it is this hour.
    fn at(hour: i8, number: u32) -> Self {
        let zone = zone_where_it_is(hour, instant());
        let tz = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        let today = tz.to_datetime(instant()).date();
        let due = today.checked_sub(jiff::Span::new().days(10));
        Self {
            number,
            zone,
            due: due.unwrap_or(today),
        }
    }

    /// The lender's reference of its borrower.
    pub(super) fn borrower(&self) -> String {
        format!("B{}", self.number)
    }

    /// The number of the loan whose borrower has this telephone number.
    pub(crate) fn number_of(telephone: &str) -> Option<u32> {
        telephone.strip_prefix("+86138")?.parse().ok()
    }

    /// The call that opens its case.
    pub(crate) fn open(&self) -> pb::OpenCaseRequest {
        let n = self.number;
        let point = |kind: pb::ContactPointKind, value: String| pb::ContactPoint {
            kind: kind.into(),
            value,
            ..pb::ContactPoint::default()
        };
        let borrower = pb::Party {
            lender_ref: self.borrower(),
            display_name: format!("Borrower {n}"),
            kind: pb::BorrowerKind::Individual.into(),
            time_zones: vec![self.zone.clone()],
            locale: "zh-CN".into(),
            contact_points: vec![
                point(pb::ContactPointKind::Mobile, format!("+86138{n:08}")),
                point(
                    pb::ContactPointKind::Email,
                    format!("b{n}@borrower.example"),
                ),
                point(pb::ContactPointKind::Postal, format!("Road {n}, Town")),
            ],
            ..pb::Party::default()
        };
        let case = pb::CaseInput {
            lender_case_ref: format!("L{n}"),
            jurisdiction: "CN".into(),
            lender_kind: pb::LenderKind::MicroloanCompany.into(),
            facts: Some(pb::CaseFacts {
                principal: Some(cny(5_000)),
                overdue: Some(cny(600)),
                oldest_unpaid_due_date: Some(date(self.due)),
                ..pb::CaseFacts::default()
            }),
            documents: documents(),
            ..pb::CaseInput::default()
        };
        pb::OpenCaseRequest {
            request_id: format!("open-{n}"),
            borrower: Some(pb::open_case_request::Borrower::Upsert(borrower)),
            case: Some(case),
        }
    }
}

/// All that a visit asks for.
fn documents() -> Vec<pb::Document> {
    use pb::DocumentKind as K;
    let document = |kind: K| pb::Document {
        kind: kind.into(),
        reference: format!("archive/{}", kind.as_str_name()),
        sha256: "ab".repeat(32),
        record_time: None,
    };
    [K::Contract, K::Statement, K::RepaymentRecord]
        .map(document)
        .into()
}

/// Yuan.
pub(super) fn cny(units: i64) -> google::Money {
    google::Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    }
}

fn date(date: Date) -> google::Date {
    google::Date {
        year: date.year().into(),
        month: date.month().into(),
        day: date.day().into(),
    }
}

/// The instant it is, as the API has it.
pub(super) fn now() -> prost_types::Timestamp {
    let now = instant();
    prost_types::Timestamp {
        seconds: now.as_second(),
        nanos: now.subsec_nanosecond(),
    }
}

/// The instant it is, in microseconds.
pub(crate) fn now_us() -> i64 {
    instant().as_microsecond()
}

#[expect(
    clippy::disallowed_methods,
    reason = "campaigns on a live clock live in real time"
)]
fn instant() -> Timestamp {
    Timestamp::now()
}

/// A zone where it is noon now.
pub(super) fn noon_zone() -> String {
    zone_where_it_is(12, instant())
}

/// A zone where it is between this hour and the next.
fn zone_where_it_is(hour: i8, at: Timestamp) -> String {
    let utc = TimeZone::UTC.to_datetime(at).hour();
    let ahead = (hour - utc + 36) % 24 - 12;
    // The sign of these zones is that of west.
    format!("Etc/GMT{:+}", -ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_noon_somewhere_and_night_elsewhere() {
        for (hour, at) in (0..24).flat_map(|h| [(2, h), (12, h)]) {
            let at = Timestamp::from_second(1_790_000_000 + at * 3600).expect("an instant");
            let zone = zone_where_it_is(hour, at);
            let there = TimeZone::get(&zone).expect("a zone of the database");
            assert_eq!(there.to_datetime(at).hour(), hour, "{zone}");
        }
    }
}
