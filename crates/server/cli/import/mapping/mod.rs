//! Mapping files: how the columns of a file become native records. Documented in `docs/import.md`.

pub mod expr;
pub mod monthly;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde::Deserialize;

use super::native::{self, FieldError, Record};
use super::source::Row;
use expr::Expr;
use monthly::Monthly;

use crate::api::recoup::v1::ImportCasesRequest;

/// The mappings that come with the program, by name.
pub const SHIPPED: [(&str, &str); 3] = [
    ("recoup", include_str!("../../../mappings/recoup.yaml")),
    (
        "us-consumer-loans",
        include_str!("../../../mappings/us-consumer-loans.yaml"),
    ),
    (
        "taiwan-credit-card",
        include_str!("../../../mappings/taiwan-credit-card.yaml"),
    ),
];

/// A column by which rows of a native file tell what was wrong with them; never an error.
const ERROR_COLUMN: &str = "error";

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// Neither a shipped mapping nor a file.
    #[error(
        "find the mapping `{name}`: it is neither a shipped one ({shipped}) nor a readable file: {source}"
    )]
    NotFound {
        /// What was asked for.
        name: String,
        /// The names that exist.
        shipped: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not a mapping.
    #[error("read the mapping {name}: {reason}")]
    Invalid {
        /// Its name or path.
        name: String,
        /// What is wrong, with the place in the text.
        reason: String,
    },
    /// The file to import has other columns.
    #[error("use the mapping {name} for this file: {reason}")]
    Columns {
        /// Its name.
        name: String,
        /// Which columns do not fit.
        reason: String,
    },
}

/// A mapping, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// What it is for, for people.
    #[serde(default)]
    pub title: String,
    /// True refuses a file with columns that no field uses.
    #[serde(default)]
    exact: bool,
    /// The day the file's states are of, after the move by `shift_years`.
    #[serde(default)]
    pub as_of: Option<Date>,
    /// Which rows become cases. Unset = all.
    #[serde(default)]
    take: Option<Take>,
    /// The states of several months in one row.
    #[serde(default)]
    monthly: Option<Monthly>,
    /// How each native field is made.
    fields: BTreeMap<String, Expr>,
}

/// Rows to take: those whose column has one of the values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Take {
    column: String,
    values: BTreeSet<String>,
}

/// What becomes of a row.
#[derive(Debug, Clone)]
pub enum Mapped {
    /// A case to open; `request_id` is still empty.
    Case(Box<ImportCasesRequest>),
    /// No case: why, in a few words that rows share.
    Skipped(&'static str),
}

/// Why a row is passed over: its column says that it is no case.
pub const SKIPPED_BY_COLUMN: &str = "not among the rows to take";
/// Why a row is passed over: not late in the month asked for.
pub const SKIPPED_NOT_LATE: &str = "not late in the month";
/// Why a row is passed over: late by its code, and nothing is owed.
pub const SKIPPED_NOTHING_OWED: &str = "late by its code with nothing owed; counted as not late";

impl Mapping {
    /// A shipped mapping by name, else the file of that path.
    ///
    /// # Errors
    /// Where there is none, or its text is no mapping.
    pub fn load(name: &str) -> Result<Self, MappingError> {
        let shipped = SHIPPED.iter().find(|(known, _)| *known == name);
        if let Some((name, text)) = shipped {
            return Self::parse(name, text);
        }
        let path = PathBuf::from(name);
        let text = std::fs::read_to_string(&path).map_err(|source| MappingError::NotFound {
            name: name.to_owned(),
            shipped: SHIPPED.map(|(name, _)| name).join(", "),
            source,
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// A mapping of its text; `name` is for messages.
    ///
    /// # Errors
    /// What is wrong with the text, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, MappingError> {
        let invalid = |reason: String| MappingError::Invalid {
            name: name.to_owned(),
            reason,
        };
        let mapping: Self =
            serde_saphyr::from_str(text).map_err(|error| invalid(error.to_string()))?;
        mapping.check().map_err(invalid)?;
        Ok(mapping)
    }

    fn check(&self) -> Result<(), String> {
        for (name, expr) in &self.fields {
            if native::field(name).is_none() {
                return Err(format!(
                    "fields has `{name}`, which is no field; {}",
                    nearest(name, native::FIELDS.iter().map(|field| field.name))
                ));
            }
            expr.check(self.monthly.is_some(), self.as_of.is_some())
                .map_err(|reason| format!("field `{name}`: {reason}"))?;
        }
        for field in native::FIELDS.iter().filter(|field| field.required) {
            if !self.fields.contains_key(field.name) {
                return Err(format!("fields lacks `{}`, which is required", field.name));
            }
        }
        self.monthly.as_ref().map_or(Ok(()), Monthly::check)
    }

    /// The months of a row, where the mapping has several.
    #[must_use]
    pub fn monthly(&self) -> Option<&Monthly> {
        self.monthly.as_ref()
    }

    /// Compares the mapping with the header of a file.
    ///
    /// # Errors
    /// Names the columns that the file lacks, or that an exact mapping does not know.
    pub fn check_header(&self, header: &[String]) -> Result<(), MappingError> {
        let columns = |reason: String| MappingError::Columns {
            name: self.name.clone(),
            reason,
        };
        let known = self.columns();
        let has = |column: &str| header.iter().any(|name| name == column);
        let missing: Vec<&str> = known
            .iter()
            .filter(|(column, optional)| !**optional && !has(column))
            .map(|(column, _)| *column)
            .collect();
        if !missing.is_empty() {
            return Err(columns(format!("its header lacks {}", missing.join(", "))));
        }
        let surplus = header
            .iter()
            .find(|name| !known.contains_key(name.as_str()) && *name != ERROR_COLUMN);
        match surplus.filter(|_| self.exact) {
            Some(name) => Err(columns(format!(
                "its header has `{name}`, which the mapping does not know; {}",
                nearest(name, known.keys().copied())
            ))),
            None => Ok(()),
        }
    }

    /// The columns it reads, true where a file may lack it.
    fn columns(&self) -> BTreeMap<&str, bool> {
        let mut columns = BTreeMap::new();
        for expr in self.fields.values() {
            expr.columns(&mut columns);
        }
        if let Some(take) = &self.take {
            columns.insert(&take.column, false);
        }
        if let Some(monthly) = &self.monthly {
            monthly.columns(&mut columns);
        }
        columns
    }

    /// The case of a row. `month` is the number of the month where the mapping has several, from 0; None takes
    /// the newest.
    ///
    /// # Errors
    /// Everything that is wrong with the row, by field.
    pub fn map(&self, row: &Row, month: Option<usize>) -> Result<Mapped, Vec<FieldError>> {
        if self.exact {
            self.check_keys(row)?;
        }
        if let Some(take) = &self.take {
            let given = column(row, &take.column).map_err(|error| vec![error])?;
            if !take.values.contains(given) {
                return Ok(Mapped::Skipped(SKIPPED_BY_COLUMN));
            }
        }
        let state = match &self.monthly {
            None => None,
            Some(monthly) => {
                let month = month.unwrap_or(monthly.months() - 1);
                let state = monthly.state(row, month).map_err(|error| vec![error])?;
                if state.code_without_debt {
                    return Ok(Mapped::Skipped(SKIPPED_NOTHING_OWED));
                }
                if state.overdue.is_none() {
                    return Ok(Mapped::Skipped(SKIPPED_NOT_LATE));
                }
                Some(state)
            }
        };
        let record = self.record(row, state.as_ref())?;
        native::request(&record, row.number).map(|request| Mapped::Case(Box::new(request)))
    }

    /// A file of JSON has no header, so each row is compared.
    fn check_keys(&self, row: &Row) -> Result<(), Vec<FieldError>> {
        let known = self.columns();
        let surplus = row
            .columns
            .keys()
            .filter(|name| !known.contains_key(name.as_str()) && *name != ERROR_COLUMN);
        let errors: Vec<FieldError> = surplus
            .map(|name| FieldError {
                field: name.clone(),
                given: None,
                problem: format!(
                    "is no field of a case; {}",
                    nearest(name, known.keys().copied())
                ),
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn record(&self, row: &Row, state: Option<&monthly::State>) -> Result<Record, Vec<FieldError>> {
        let mut record = Record::new();
        let mut errors = Vec::new();
        for field in &native::FIELDS {
            let Some(expr) = self.fields.get(field.name) else {
                continue;
            };
            let context = expr::Context {
                row,
                state,
                as_of: self.as_of,
            };
            match expr.value(&context, field) {
                Ok(value) => drop(record.insert(field.name, value)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(record)
        } else {
            Err(errors)
        }
    }
}

/// The value of a column that must be there.
fn column<'a>(row: &'a Row, name: &str) -> Result<&'a str, FieldError> {
    row.columns
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| FieldError {
            field: name.to_owned(),
            given: None,
            problem: "the row has no such column".to_owned(),
        })
}

/// A hint: the nearest of the names there are.
fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> String {
    let best = names.min_by_key(|name| distance(given, name));
    match best {
        Some(name) if distance(given, name) <= 1 + name.len() / 3 => {
            format!("did you mean `{name}`?")
        }
        _ => "docs/import.md lists what there is".to_owned(),
    }
}

/// Number of letters to change to come from one name to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = last[0];
        last[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = last[j + 1];
            last[j + 1] = change.min(last[j] + 1).min(diagonal + 1);
        }
    }
    last[other.len()]
}

/// The name of a mapping that fits the name of a file, where none is given: native files need none.
#[must_use]
pub fn default_name(_file: &Path) -> &'static str {
    "recoup"
}
