//! Accounts whose months the file itself tells: what the lender's system says on which day.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use recoup::api::recoup::v1 as pb;
use recoup::cli::import::mapping::{Mapped, Mapping};
use recoup::cli::import::source::{Format, Row, Source};

use super::DemoError;

/// What the lender's system tells at an instant about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Money came in.
    Paid {
        /// Minor units.
        minor: i64,
    },
    /// The statement of the month: what is overdue, and since when; none where the account is not late.
    Statement {
        /// Number of the month, from 0.
        month: usize,
        /// Minor units and oldest unpaid due date.
        overdue: Option<(i64, Date)>,
    },
}

/// The accounts of a file and what is told of them.
pub(crate) struct Roll {
    mapping: Mapping,
    /// Rows of accounts that are late in some month, by the lender's reference.
    rows: BTreeMap<String, Row>,
    /// What is told when, oldest first, after the first statement.
    pub(crate) told: Vec<(i64, String, Told)>,
    /// Months of accounts that are late by their code with nothing owed.
    pub(crate) without_debt: u64,
    /// Accounts in the file.
    pub(crate) accounts: u64,
    /// Accounts late in some month.
    pub(crate) late: u64,
}

/// Local time at which statements are told.
const STATEMENT_AT: Time = Time::constant(8, 0, 0, 0);
/// Local time at which payments are told.
const PAYMENT_AT: Time = Time::constant(12, 0, 0, 0);

impl Roll {
    /// Reads the file. The first month is left to the import.
    pub(crate) fn read(path: &Path, mapping: Mapping, zone: &TimeZone) -> Result<Self, DemoError> {
        let about = |what: String| DemoError::Failed(format!("read {}: {what}", path.display()));
        let format =
            Format::of(path).ok_or_else(|| about("it is neither CSV nor JSON Lines".into()))?;
        let mut source = Source::open(path, format).map_err(|error| about(error.to_string()))?;
        let mut roll = Self {
            mapping,
            rows: BTreeMap::new(),
            told: Vec::new(),
            without_debt: 0,
            accounts: 0,
            late: 0,
        };
        while let Some(row) = source
            .next_row()
            .map_err(|error| about(error.to_string()))?
        {
            // The import tells of bad rows; here they are passed over.
            if let Ok(row) = row {
                roll.accounts += 1;
                roll.account(row, zone).map_err(about)?;
            }
        }
        roll.told
            .sort_by(|one, next| one.0.cmp(&next.0).then_with(|| one.1.cmp(&next.1)));
        Ok(roll)
    }

    /// The instant of the first statement: the import's day.
    pub(crate) fn first_instant(mapping: &Mapping, zone: &TimeZone) -> Result<i64, DemoError> {
        let no_months = || DemoError::Failed("the mapping has no months".to_owned());
        let (first, _) = mapping
            .monthly()
            .ok_or_else(no_months)?
            .span()
            .map_err(DemoError::Failed)?;
        instant(first.last_of_month(), STATEMENT_AT, zone).map_err(DemoError::Failed)
    }

    fn account(&mut self, row: Row, zone: &TimeZone) -> Result<(), String> {
        let monthly = self.mapping.monthly().ok_or("the mapping has no months")?;
        let states: Result<Vec<_>, _> = (0..monthly.months())
            .map(|month| monthly.state(&row, month))
            .collect();
        let Ok(states) = states else {
            return Ok(()); // a bad row, which the import tells of
        };
        self.without_debt += states.iter().filter(|s| s.code_without_debt).count() as u64;
        let Some(first_late) = states.iter().position(|state| state.overdue.is_some()) else {
            return Ok(());
        };
        self.late += 1;
        let reference = match self.mapping.map(&row, Some(first_late)) {
            Ok(Mapped::Case(request)) => request.case.unwrap_or_default().lender_case_ref,
            _ => return Ok(()),
        };
        for (month, state) in states.iter().enumerate().skip(1) {
            if month > first_late && state.paid_minor > 0 {
                let at_us = instant(state.payment_day, PAYMENT_AT, zone)?;
                let paid = Told::Paid {
                    minor: state.paid_minor,
                };
                self.told.push((at_us, reference.clone(), paid));
            }
            if month >= first_late {
                let at_us = instant(state.statement, STATEMENT_AT, zone)?;
                let overdue = state.overdue.as_ref().map(|o| (o.minor, o.due_date));
                self.told
                    .push((at_us, reference.clone(), Told::Statement { month, overdue }));
            }
        }
        self.rows.insert(reference, row);
        Ok(())
    }

    /// The request that opens an account's case at the statement of a month.
    pub(crate) fn opening(
        &self,
        reference: &str,
        month: usize,
        previous_case_id: Option<&str>,
    ) -> Result<pb::OpenCaseRequest, DemoError> {
        let about = |what: &str| DemoError::Failed(format!("open the case of {reference}: {what}"));
        let row = self
            .rows
            .get(reference)
            .ok_or_else(|| about("no such account"))?;
        let mapped = self.mapping.map(row, Some(month));
        let Ok(Mapped::Case(request)) = mapped else {
            return Err(about("the row is no case in that month"));
        };
        let mut case = request.case.unwrap_or_default();
        case.previous_case_id = previous_case_id.unwrap_or_default().to_owned();
        Ok(pb::OpenCaseRequest {
            request_id: format!("demo-open-{reference}-{month}"),
            borrower: request
                .borrower
                .map(pb::open_case_request::Borrower::Upsert),
            case: Some(case),
        })
    }
}

fn instant(day: Date, time: Time, zone: &TimeZone) -> Result<i64, String> {
    let zoned = zone
        .to_zoned(day.to_datetime(time))
        .map_err(|error| error.to_string())?;
    Ok(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "ID,PAY_1,PAY_2,PAY_3,PAY_4,PAY_5,PAY_6,BILL_AMT1,BILL_AMT2,BILL_AMT3,BILL_AMT4,\
                          BILL_AMT5,BILL_AMT6,PAY_AMT1,PAY_AMT2,PAY_AMT3,PAY_AMT4,PAY_AMT5,PAY_AMT6";

    fn roll(rows: &str) -> Roll {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("accounts.csv");
        std::fs::write(&path, format!("{HEADER}\n{rows}")).unwrap();
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        Roll::read(&path, Mapping::load("taiwan-credit-card").unwrap(), &zone).unwrap()
    }

    #[test]
    fn months_are_told_in_order_from_the_first_late_one() {
        // Late in June and September, cured between; paid in every month; on the other row never late.
        let roll = roll(
            "7,1,0,0,2,0,0,300,0,0,500,9,9,11,12,13,14,15,16\n\
             8,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1,1,1,1\n\
             9,1,0,0,0,0,0,-5,1,1,1,1,1,1,1,1,1,1,1\n",
        );
        assert_eq!((roll.accounts, roll.late, roll.without_debt), (3, 1, 1));
        let day = |us: &i64| jiff::Timestamp::from_microsecond(*us).unwrap().to_string();
        let told: Vec<(String, &Told)> = roll
            .told
            .iter()
            .map(|(us, _, told)| (day(us), told))
            .collect();
        let due = |text: &str| text.parse::<Date>().unwrap();
        let want = [
            (
                "2026-06-30T00:00:00Z",
                Told::Statement {
                    month: 2,
                    overdue: Some((50_000, due("2026-05-01"))),
                },
            ),
            ("2026-07-15T04:00:00Z", Told::Paid { minor: 1_300 }),
            (
                "2026-07-31T00:00:00Z",
                Told::Statement {
                    month: 3,
                    overdue: None,
                },
            ),
            ("2026-08-15T04:00:00Z", Told::Paid { minor: 1_200 }),
            (
                "2026-08-31T00:00:00Z",
                Told::Statement {
                    month: 4,
                    overdue: None,
                },
            ),
            ("2026-09-15T04:00:00Z", Told::Paid { minor: 1_100 }),
            (
                "2026-09-30T00:00:00Z",
                Told::Statement {
                    month: 5,
                    overdue: Some((30_000, due("2026-08-31"))),
                },
            ),
        ];
        let want: Vec<(String, &Told)> = want
            .iter()
            .map(|(at, told)| ((*at).to_owned(), told))
            .collect();
        assert_eq!(told, want);
    }

    #[test]
    fn an_account_that_falls_behind_again_names_its_last_case() {
        let roll = roll("7,1,0,0,2,0,0,300,0,0,500,9,9,11,12,13,14,15,16\n");
        let request = roll.opening("tw-card-7", 5, Some("case_1")).unwrap();
        let case = request.case.unwrap();
        assert_eq!(case.lender_case_ref, "tw-card-7");
        assert_eq!(case.previous_case_id, "case_1");
        assert!(roll.opening("tw-card-7", 4, None).is_err(), "not late then");
    }
}
