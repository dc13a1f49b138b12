//! Several months in one row: the states an account rolled through, and the money that came in.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;

use super::super::native::FieldError;
use super::super::source::Row;
use super::super::values;
use super::column;

/// How the months stand in a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monthly {
    /// Currency of all amounts.
    currency: String,
    /// Years to move every month by.
    #[serde(default)]
    shift_years: i16,
    /// Lowest code that means late.
    late_from: i32,
    /// Days a code stands for: the oldest due date is the statement less so many for each.
    days_a_code: i32,
    /// Day of the month money comes in.
    payment_day: i8,
    /// The months, oldest first.
    months: Vec<Month>,
}

/// One month's columns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    /// `YYYY-MM`, before the move.
    month: String,
    /// Column of the code.
    status: String,
    /// Column of the statement's amount.
    bill: String,
    /// Column of what was paid in the month.
    paid: String,
}

/// An account in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Day of the statement, the last of the month.
    pub statement: Date,
    /// Day the month's money comes in, before the statement.
    pub payment_day: Date,
    /// What came in during the month, in minor units.
    pub paid_minor: i64,
    /// What is overdue at the statement; none where the account is not late.
    pub overdue: Option<Overdue>,
    /// True where the code says late and nothing is owed.
    pub code_without_debt: bool,
}

/// An overdue amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Minor units.
    pub minor: i64,
    /// The same as decimal text.
    pub amount: String,
    /// Oldest unpaid due date.
    pub due_date: Date,
}

impl Monthly {
    /// Number of months.
    #[must_use]
    pub fn months(&self) -> usize {
        self.months.len()
    }

    /// Currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Whether it makes sense by itself.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        if values::minor_digits(&self.currency).is_none() {
            return Err(format!(
                "monthly: `{}` is no currency of ISO 4217",
                self.currency
            ));
        }
        if self.months.is_empty() {
            return Err("monthly: months is empty".to_owned());
        }
        if !(1..=28).contains(&self.payment_day) {
            return Err("monthly: payment_day must be from 1 to 28".to_owned());
        }
        if !(1..=366).contains(&self.days_a_code) {
            return Err("monthly: days_a_code must be from 1 to 366".to_owned());
        }
        let days: Result<Vec<Date>, String> = (0..self.months.len())
            .map(|month| self.first_day(month))
            .collect();
        if !days?.is_sorted_by(|one, next| one < next) {
            return Err("monthly: the months must stand oldest first".to_owned());
        }
        Ok(())
    }

    fn first_day(&self, month: usize) -> Result<Date, String> {
        let text = &self.months[month].month;
        let wrong = |problem: String| format!("monthly: `{text}` {problem}");
        let day = values::day(text, "%Y-%m").map_err(wrong)?;
        values::shift_years(day, self.shift_years).map_err(wrong)
    }

    /// Number of the month `YYYY-MM`, as it is after the move.
    #[must_use]
    pub fn find(&self, month: &str) -> Option<usize> {
        let wanted = values::day(month, "%Y-%m").ok()?;
        (0..self.months.len()).find(|i| self.first_day(*i).ok() == Some(wanted))
    }

    /// First day of the first month and last day of the last one.
    ///
    /// # Errors
    /// None after [`check`](Self::check) found it well.
    pub fn span(&self) -> Result<(Date, Date), String> {
        let last = self.first_day(self.months.len() - 1)?.last_of_month();
        Ok((self.first_day(0)?, last))
    }

    /// Adds the columns it reads.
    pub fn columns<'a>(&'a self, into: &mut BTreeMap<&'a str, bool>) {
        for month in &self.months {
            for name in [&month.status, &month.bill, &month.paid] {
                into.insert(name, false);
            }
        }
    }

    /// The account in month number `month`, from 0.
    ///
    /// # Errors
    /// Where a column does not hold what it must.
    pub fn state(&self, row: &Row, month: usize) -> Result<State, FieldError> {
        let columns = &self.months[month];
        let first = self.first_day(month).map_err(|problem| FieldError {
            field: columns.month.clone(),
            given: None,
            problem,
        })?;
        let statement = first.last_of_month();
        let digits = values::minor_digits(&self.currency).unwrap_or(2);
        let amount = |name: &str| {
            let given = column(row, name)?;
            values::minor_units(given, digits).map_err(|problem| FieldError {
                field: name.to_owned(),
                given: Some(given.to_owned()),
                problem,
            })
        };
        let code = code(row, &columns.status)?;
        let (bill, paid) = (amount(&columns.bill)?, amount(&columns.paid)?);
        let is_late = code >= self.late_from;
        let overdue = (is_late && bill > 0).then(|| Overdue {
            minor: bill,
            amount: values::decimal(bill, digits),
            due_date: statement - (self.days_a_code * code).days(),
        });
        Ok(State {
            statement,
            payment_day: first + i32::from(self.payment_day - 1).days(),
            paid_minor: paid.max(0),
            code_without_debt: is_late && overdue.is_none(),
            overdue,
        })
    }
}

fn code(row: &Row, name: &str) -> Result<i32, FieldError> {
    let given = column(row, name)?;
    let read = given.parse().ok().filter(|code| (-12..=120).contains(code));
    read.ok_or_else(|| FieldError {
        field: name.to_owned(),
        given: Some(given.to_owned()),
        problem: "is no code of months late; right would be a whole number such as 2".to_owned(),
    })
}
