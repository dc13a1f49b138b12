//! Reading requests: every field that cannot be taken is noted, and all go back at once.

use std::str::FromStr;

use recoup_domain::ids::{ContactId, IdError, ObjectionId};
use tonic::Status;

use crate::api::recoup::v1::ErrorReason;
use crate::status::{self, FieldProblem};

/// Notes of fields that cannot be taken.
#[derive(Debug, Default)]
pub struct Bad(Vec<FieldProblem>);

impl Bad {
    /// No notes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a field.
    pub fn note(&mut self, reason: ErrorReason, field: &str, problem: impl Into<String>) {
        self.0.push(FieldProblem {
            field: field.to_owned(),
            reason,
            problem: problem.into(),
        });
    }

    /// Notes a field that is required and was not given.
    pub fn missing(&mut self, field: &str) {
        self.note(ErrorReason::FieldRequired, field, "is required");
    }

    /// Notes a field whose value is outside what its comment allows.
    pub fn invalid(&mut self, field: &str, problem: impl Into<String>) {
        self.note(ErrorReason::FieldInvalid, field, problem);
    }

    /// The value, if nothing was noted.
    ///
    /// # Errors
    /// INVALID_ARGUMENT with every field that was noted.
    pub fn check<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(status::bad_fields(&self.0)),
        }
    }

    /// How many fields were noted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// A required text of at most `max` characters.
    pub fn text(&mut self, field: &str, value: &str, max: usize) -> Option<String> {
        if value.trim().is_empty() {
            self.missing(field);
            return None;
        }
        self.short(field, value, max)
    }

    /// A text of at most `max` characters that may be empty.
    pub fn short(&mut self, field: &str, value: &str, max: usize) -> Option<String> {
        let count = value.chars().count();
        if count > max {
            let problem = format!("has {count} characters; at most {max} are taken");
            self.note(ErrorReason::FieldTooLong, field, problem);
            return None;
        }
        // Lines and tabs are what people write; the rest would be lost or misread on the way out.
        let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if let Some(odd) = value.chars().find(|c| is_odd(*c)) {
            let problem = format!("holds the control character {}", odd.escape_unicode());
            self.invalid(field, problem);
            return None;
        }
        Some(value.to_owned())
    }

    /// A required name of 1 to 64 characters of `[a-z0-9_.-]`: a word of ours or of a channel, never a
    /// sentence about somebody.
    pub fn name(&mut self, field: &str, value: &str) -> Option<String> {
        let fits =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
        let value = self.text(field, value, 64)?;
        if value.bytes().all(fits) {
            return Some(value);
        }
        self.invalid(field, "must be 1 to 64 characters of a-z, 0-9 and _ . -");
        None
    }

    /// A list of at most `max` entries.
    pub fn count_of<T>(&mut self, field: &str, list: &[T], max: usize) {
        if list.len() > max {
            let problem = format!("has {} entries; at most {max} are taken", list.len());
            self.note(ErrorReason::FieldTooLong, field, problem);
        }
    }

    /// Texts: at most `max` of at most 64 characters, none empty.
    pub fn texts(&mut self, field: &str, list: &[String], max: usize) {
        self.count_of(field, list, max);
        for (i, text) in list.iter().take(max).enumerate() {
            self.text(&format!("{field}[{i}]"), text, 64);
        }
    }

    /// Labels: at most 32 of at most 64 characters.
    pub fn tags(&mut self, field: &str, tags: &[String]) -> Vec<String> {
        self.count_of(field, tags, 32);
        let mut all = Vec::with_capacity(tags.len().min(32));
        for (i, tag) in tags.iter().take(32).enumerate() {
            all.extend(self.text(&format!("{field}[{i}]"), tag, 64));
        }
        all
    }

    /// A required id.
    pub fn id<T: FromStr<Err = IdError>>(&mut self, field: &str, value: &str) -> Option<T> {
        if value.is_empty() {
            self.missing(field);
            return None;
        }
        match value.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                let problem = format!("is not an id of the form {}", error.expected);
                self.note(ErrorReason::IdInvalid, field, problem);
                None
            }
        }
    }

    /// An id that may be absent. The outer none: it is there and cannot be read.
    pub fn id_or_none<T: FromStr<Err = IdError>>(
        &mut self,
        field: &str,
        value: &str,
    ) -> Option<Option<T>> {
        if value.is_empty() {
            Some(None)
        } else {
            self.id(field, value).map(Some)
        }
    }

    /// A required id of a dispute or complaint, by its prefix.
    pub fn objection(&mut self, field: &str, prefix: &str, value: &str) -> Option<ObjectionId> {
        if value.is_empty() {
            self.missing(field);
            return None;
        }
        let id = ObjectionId::parse(prefix, value);
        if id.is_none() {
            let problem = format!("is not an id of the form {prefix}_<case>-<pause>");
            self.note(ErrorReason::IdInvalid, field, problem);
        }
        id
    }

    /// A contact's id.
    pub fn contact(&mut self, value: &str) -> Option<ContactId> {
        self.id("contact_id", value)
    }

    /// A value of an enum of the contract; 0 is noted as missing.
    pub fn word<T: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<T> {
        if value == 0 {
            self.missing(field);
            return None;
        }
        self.word_or_unset(field, value)
    }

    /// A value of an enum of the contract, 0 included.
    pub fn word_or_unset<T: TryFrom<i32>>(&mut self, field: &str, value: i32) -> Option<T> {
        let word = T::try_from(value).ok();
        if word.is_none() {
            self.invalid(field, format!("{value} is not a value of its enum"));
        }
        word
    }

    /// A SHA-256 in hexadecimal.
    pub fn sha256(&mut self, field: &str, value: &str) -> Option<String> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if value.len() == 64 && value.bytes().all(hex) {
            return Some(value.to_owned());
        }
        let problem = "is not 64 lower-case hexadecimal digits";
        self.note(ErrorReason::HashInvalid, field, problem);
        None
    }

    /// A request id: 1 to 64 characters of `[A-Za-z0-9_.:-]`.
    pub fn request_id(&mut self, value: &str) -> Option<String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
        if (1..=64).contains(&value.len()) && value.bytes().all(fits) {
            return Some(value.to_owned());
        }
        let problem = "must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . : -";
        self.note(ErrorReason::RequestIdInvalid, "request_id", problem);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_domain::CaseId;
    use tonic_types::StatusExt;

    #[test]
    fn every_bad_field_is_named() {
        let mut bad = Bad::new();
        assert_eq!(bad.request_id("a b"), None);
        assert_eq!(bad.text("note", " ", 10), None);
        assert_eq!(bad.short("reason", "four", 3), None);
        assert_eq!(bad.id::<CaseId>("case_id", "party_1"), None);
        assert_eq!(bad.sha256("sha256", &"A".repeat(64)), None);
        let status = bad.check(Some(())).expect_err("five notes");
        let details = status.get_error_details();
        let fields = &details.bad_request().expect("fields").field_violations;
        let seen: Vec<(&str, &str)> = fields
            .iter()
            .map(|f| (f.field.as_str(), f.reason.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                ("request_id", "REQUEST_ID_INVALID"),
                ("note", "FIELD_REQUIRED"),
                ("reason", "FIELD_TOO_LONG"),
                ("case_id", "ID_INVALID"),
                ("sha256", "HASH_INVALID"),
            ]
        );
    }

    #[test]
    fn good_fields_pass() {
        let mut bad = Bad::new();
        assert_eq!(
            bad.request_id("import-7:12").as_deref(),
            Some("import-7:12")
        );
        assert_eq!(bad.id_or_none::<CaseId>("previous_case_id", ""), Some(None));
        assert_eq!(bad.tags("tags", &["a".into()]), ["a"]);
        assert_eq!(bad.check(Some(7)).expect("no notes"), 7);
    }
}
