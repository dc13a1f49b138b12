//! How one native field is made: the closed set of sources and transforms.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::native::{Field, FieldError};
use super::super::source::Row;
use super::super::values;
use super::{column, monthly};

/// The value of a field: exactly one source, and at most what fits it of the transforms.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expr {
    /// Source: this text.
    constant: Option<String>,
    /// Source: a column.
    column: Option<String>,
    /// Source: a text with `{column}` and `{row}` (number of the row) in it.
    text: Option<String>,
    /// Source: by the value of another column.
    choose: Option<Choose>,
    /// Source: `overdue` or `due_date` of the month.
    monthly: Option<MonthlyPart>,
    /// Source: the due date that makes the days past due of a band's middle on the day `as_of`.
    dpd_band: Option<DpdBand>,
    /// Source: made up, always the same for the same row.
    generate: Option<Generate>,

    /// With `column`: the file, or the row, may lack it.
    optional: bool,
    /// With `column`: other values for the values given; one that is not here is an error, or `else`.
    map: Option<BTreeMap<String, String>>,
    /// With `map`: the value for what is not in it.
    #[serde(rename = "else")]
    otherwise: Option<String>,
    /// With `column`: text before the value.
    prefix: Option<String>,
    /// With `column`: the value is a date of this form; it becomes `YYYY-MM-DD`.
    date: Option<String>,
    /// With `date`: years to move it by.
    shift_years: Option<i16>,
    /// With `column`: the value is an amount; take it so many times.
    times: Option<u32>,
    /// With `column`: the value is an amount; take the amount of this column off, never below 0.
    minus: Option<String>,
}

/// A choice by the value of a column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choose {
    by: String,
    cases: BTreeMap<String, Expr>,
    #[serde(rename = "else", default)]
    otherwise: Option<Box<Expr>>,
}

/// What of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MonthlyPart {
    /// What is overdue.
    Overdue,
    /// Oldest unpaid due date.
    DueDate,
}

/// Days past due by the name of a band.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DpdBand {
    column: String,
    /// First and last day past due of each band.
    bands: BTreeMap<String, [u16; 2]>,
}

/// Something made up. Exactly one of the kinds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Generate {
    /// Another seed gives other values.
    seed: u64,
    /// `#` becomes a digit, so that no two rows have the same text; several patterns are dealt out in turn.
    patterns: Vec<String>,
    /// One word of each list, joined.
    words: Vec<Vec<String>>,
    /// With `words`: what stands between them.
    join: String,
    /// A whole number from the first to the last.
    between: Option<[u32; 2]>,
    /// A document: this reference, with `{column}` and `{row}`, and a hash.
    document: Option<String>,
    /// Rows of a hundred that have it; the others are empty.
    percent: Option<u32>,
}

/// What a value is made from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The row.
    pub row: &'a Row,
    /// The state of the month, where the mapping has months.
    pub state: Option<&'a monthly::State>,
    /// The day the states are of.
    pub as_of: Option<Date>,
}

impl Expr {
    /// Whether it makes sense by itself.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self, has_months: bool, has_day: bool) -> Result<(), String> {
        let sources = [
            self.constant.is_some(),
            self.column.is_some(),
            self.text.is_some(),
            self.choose.is_some(),
            self.monthly.is_some(),
            self.dpd_band.is_some(),
            self.generate.is_some(),
        ];
        if sources.iter().filter(|given| **given).count() != 1 {
            return Err(
                "it needs exactly one of constant, column, text, choose, monthly, dpd_band and generate"
                    .to_owned(),
            );
        }
        let of_column = [
            ("optional", self.optional),
            ("map", self.map.is_some()),
            ("prefix", self.prefix.is_some()),
            ("date", self.date.is_some()),
            ("times", self.times.is_some()),
            ("minus", self.minus.is_some()),
        ];
        if self.column.is_none()
            && let Some((name, _)) = of_column.iter().find(|(_, given)| *given)
        {
            return Err(format!("`{name}` goes with `column` only"));
        }
        if self.otherwise.is_some() && self.map.is_none() {
            return Err("`else` goes with `map` only".to_owned());
        }
        if self.shift_years.is_some() && self.date.is_none() {
            return Err("`shift_years` goes with `date` only".to_owned());
        }
        if self.monthly.is_some() && !has_months {
            return Err("`monthly` needs the mapping's own `monthly`".to_owned());
        }
        if self.dpd_band.is_some() && !has_day {
            return Err("`dpd_band` needs the mapping's `as_of`".to_owned());
        }
        if let Some(generate) = &self.generate {
            generate.check()?;
        }
        let Some(choose) = &self.choose else {
            return Ok(());
        };
        let inner = choose.cases.values().chain(choose.otherwise.as_deref());
        inner
            .into_iter()
            .try_for_each(|expr| expr.check(has_months, has_day))
    }

    /// Adds the columns it reads, true where the file may lack it.
    pub fn columns<'a>(&'a self, into: &mut BTreeMap<&'a str, bool>) {
        let mut add = |name: &'a str, optional: bool| {
            let known = into.entry(name).or_insert(optional);
            *known &= optional;
        };
        if let Some(name) = &self.column {
            add(name, self.optional);
        }
        if let Some(name) = &self.minus {
            add(name, false);
        }
        if let Some(band) = &self.dpd_band {
            add(&band.column, false);
        }
        let texts = [
            self.text.as_deref(),
            self.generate.as_ref().and_then(|g| g.document.as_deref()),
        ];
        for name in texts.into_iter().flatten().flat_map(placeholders) {
            add(name, false);
        }
        if let Some(choose) = &self.choose {
            add(&choose.by, false);
            for expr in choose.cases.values().chain(choose.otherwise.as_deref()) {
                expr.columns(into);
            }
        }
    }

    /// The value for a row; empty = none.
    ///
    /// # Errors
    /// Where the row has a value that the mapping cannot take.
    pub fn value(&self, context: &Context<'_>, field: &Field) -> Result<String, FieldError> {
        if let Some(text) = &self.constant {
            return Ok(text.clone());
        }
        if let Some(name) = &self.column {
            return self.column_value(context.row, name, field);
        }
        if let Some(text) = &self.text {
            return fill(context.row, text);
        }
        if let Some(choose) = &self.choose {
            let given = column(context.row, &choose.by)?;
            let expr = choose.cases.get(given).or(choose.otherwise.as_deref());
            return match expr {
                Some(expr) => expr.value(context, field),
                None => Err(not_listed(&choose.by, given, choose.cases.keys())),
            };
        }
        if let (Some(part), Some(state)) = (self.monthly, context.state) {
            return Ok(state
                .overdue
                .as_ref()
                .map_or_else(String::new, |overdue| match part {
                    MonthlyPart::Overdue => overdue.amount.clone(),
                    MonthlyPart::DueDate => overdue.due_date.to_string(),
                }));
        }
        if let (Some(band), Some(as_of)) = (&self.dpd_band, context.as_of) {
            return band.due_date(context.row, as_of);
        }
        match &self.generate {
            Some(generate) => generate.value(context.row, field.name),
            None => Ok(String::new()),
        }
    }

    fn column_value(&self, row: &Row, name: &str, field: &Field) -> Result<String, FieldError> {
        let given = match row.columns.get(name) {
            None if self.optional => return Ok(String::new()),
            _ => column(row, name)?,
        };
        let fail = |problem: String| FieldError {
            field: name.to_owned(),
            given: (!field.personal).then(|| given.to_owned()),
            problem,
        };
        if let Some(map) = &self.map {
            let found = map.get(given).or(self.otherwise.as_ref());
            return found
                .cloned()
                .ok_or_else(|| not_listed(name, given, map.keys()));
        }
        if given.is_empty() {
            return Ok(String::new());
        }
        if let Some(format) = &self.date {
            let day = values::day(given, format).map_err(fail)?;
            let day = values::shift_years(day, self.shift_years.unwrap_or(0)).map_err(fail)?;
            return Ok(day.to_string());
        }
        if self.times.is_some() || self.minus.is_some() {
            return self.amount(row, given).map_err(fail);
        }
        Ok(format!(
            "{}{given}",
            self.prefix.as_deref().unwrap_or_default()
        ))
    }

    /// Counted in millionths, finer than any currency; what the currency cannot hold is refused later.
    fn amount(&self, row: &Row, given: &str) -> Result<String, String> {
        const DIGITS: u32 = 6;
        let mut amount = values::minor_units(given, DIGITS)?;
        if let Some(minus) = &self.minus {
            let other = row.columns.get(minus).map_or("", String::as_str);
            let other = values::minor_units(other, DIGITS)
                .map_err(|problem| format!("less {minus}: `{other}` {problem}"))?;
            amount = amount.saturating_sub(other).max(0);
        }
        let times = i64::from(self.times.unwrap_or(1));
        let amount = amount
            .checked_mul(times)
            .ok_or_else(|| "is larger than any amount can be".to_owned())?;
        Ok(values::decimal(amount, DIGITS))
    }
}

impl DpdBand {
    fn due_date(&self, row: &Row, as_of: Date) -> Result<String, FieldError> {
        let given = column(row, &self.column)?;
        let band = self.bands.get(given);
        let [first, last] =
            band.ok_or_else(|| not_listed(&self.column, given, self.bands.keys()))?;
        let dpd = (i64::from(*first) + i64::from(*last)) / 2;
        let due = as_of.checked_sub(jiff::Span::new().days(dpd));
        due.map(|due| due.to_string()).map_err(|_| FieldError {
            field: self.column.clone(),
            given: Some(given.to_owned()),
            problem: "gives a due date outside the calendar".to_owned(),
        })
    }
}

impl Generate {
    fn check(&self) -> Result<(), String> {
        let kinds = [
            !self.patterns.is_empty(),
            !self.words.is_empty(),
            self.between.is_some(),
            self.document.is_some(),
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            return Err(
                "generate needs exactly one of patterns, words, between and document".into(),
            );
        }
        if self.words.iter().any(Vec::is_empty) {
            return Err("generate has an empty list of words".to_owned());
        }
        if self.between.is_some_and(|[first, last]| first > last) {
            return Err("generate: between must not end before it begins".to_owned());
        }
        Ok(())
    }

    fn value(&self, row: &Row, field: &str) -> Result<String, FieldError> {
        let draw = |what: &str| hash(self.seed, field, what, row.number);
        if self
            .percent
            .is_some_and(|percent| draw("percent") % 100 >= u64::from(percent))
        {
            return Ok(String::new());
        }
        if let Some(reference) = &self.document {
            let reference = fill(row, reference)?;
            let sha256 = hex(&Sha256::digest(format!("{} {reference}", self.seed)));
            return Ok(format!("{reference} {sha256}"));
        }
        if let Some([first, last]) = self.between {
            let span = u64::from(last - first) + 1;
            return Ok((u64::from(first) + draw("between") % span).to_string());
        }
        if !self.words.is_empty() {
            let words = self.words.iter().enumerate().map(|(i, list)| {
                let at = draw(&format!("word {i}")) % list.len() as u64;
                list[at as usize].as_str()
            });
            return Ok(words.collect::<Vec<_>>().join(&self.join));
        }
        self.pattern(row.number)
    }

    /// Distinct for distinct rows: a row's number is moved by an odd factor within the digits there are.
    fn pattern(&self, number: i64) -> Result<String, FieldError> {
        let count = self.patterns.len() as u64;
        let index = number.unsigned_abs();
        let pattern = &self.patterns[(index % count) as usize];
        let digits = pattern.matches('#').count() as u32;
        let room = 10_u64.saturating_pow(digits);
        if index / count >= room {
            return Err(FieldError {
                field: "row".to_owned(),
                given: Some(number.to_string()),
                problem: "is more than the patterns of generate have room for; give more of them"
                    .into(),
            });
        }
        // 7 has no factor in common with a power of ten, so the move loses nothing.
        let place = (index / count)
            .wrapping_mul(7)
            .wrapping_add(self.seed % room)
            % room;
        let place = format!("{place:0width$}", width = digits as usize);
        let mut digits = place.chars();
        let filled = pattern.chars().map(|letter| match letter {
            '#' => digits.next().unwrap_or('0'),
            other => other,
        });
        Ok(filled.collect())
    }
}

/// A number that depends on its arguments alone.
fn hash(seed: u64, field: &str, what: &str, number: i64) -> u64 {
    let digest = Sha256::digest(format!("{seed}\n{field}\n{what}\n{number}"));
    digest
        .iter()
        .take(8)
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn not_listed<'a>(field: &str, given: &str, names: impl Iterator<Item = &'a String>) -> FieldError {
    let names: Vec<&str> = names.map(String::as_str).collect();
    FieldError {
        field: field.to_owned(),
        given: Some(given.to_owned()),
        problem: format!("is none of what the mapping knows: {}", names.join(", ")),
    }
}

/// The columns named in a text.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .filter(|name| *name != "row")
}

fn fill(row: &Row, text: &str) -> Result<String, FieldError> {
    let mut filled = text.replace("{row}", &row.number.to_string());
    for name in placeholders(text) {
        filled = filled.replace(&format!("{{{name}}}"), column(row, name)?);
    }
    Ok(filled)
}
