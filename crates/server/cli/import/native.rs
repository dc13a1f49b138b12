//! The native record: a case with its borrower as flat text fields, and the request it becomes.

use std::collections::BTreeMap;

use crate::api::recoup::v1::{
    BorrowerKind, CaseFacts, CaseInput, ContactPoint, ContactPointKind, Document, DocumentKind,
    ImportCasesRequest, LenderKind, Party,
};

use recoup_domain::time::{UnknownZone, Zone};

use super::values;

/// A field of the native record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in mappings and in the header of a native file.
    pub name: &'static str,
    /// Whether a value is needed.
    pub required: bool,
    /// Whether its value tells who somebody is; such values are never printed.
    pub personal: bool,
}

const fn needed(name: &'static str) -> Field {
    Field {
        name,
        required: true,
        personal: false,
    }
}

const fn optional(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        personal: false,
    }
}

const fn personal(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        personal: true,
    }
}

/// Every field there is.
pub const FIELDS: [Field; 31] = [
    needed("lender_case_ref"),
    needed("borrower_ref"),
    needed("borrower_kind"),
    needed("jurisdiction"),
    needed("lender_kind"),
    needed("currency"),
    needed("overdue"),
    optional("oldest_unpaid_due_date"),
    optional("principal"),
    optional("interest"),
    optional("fees"),
    optional("ability"),
    optional("willingness"),
    optional("product"),
    optional("tags"),
    optional("policy_name"),
    optional("previous_case_id"),
    personal("display_name"),
    optional("regions"),
    optional("time_zones"),
    optional("locale"),
    optional("borrower_tags"),
    personal("mobiles"),
    personal("landlines"),
    personal("emails"),
    personal("addresses"),
    optional("contract"),
    optional("statement"),
    optional("repayment_record"),
    optional("identity"),
    optional("disbursement"),
];

/// The field of that name.
#[must_use]
pub fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// What is wrong with one field of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Name of the field, or of the column where the mapping failed.
    pub field: String,
    /// The value given. None where it is missing or tells who somebody is.
    pub given: Option<String>,
    /// What is wrong and what would be right; reads on after the value.
    pub problem: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.given {
            Some(given) => write!(f, "{}: `{given}` {}", self.field, self.problem),
            None => write!(f, "{}: {}", self.field, self.problem),
        }
    }
}

/// The values of a native record by field; empty and missing are the same.
pub type Record = BTreeMap<&'static str, String>;

/// The request of a record, without `request_id`.
///
/// # Errors
/// Everything that is wrong with it, by field.
pub fn request(record: &Record, row_number: i64) -> Result<ImportCasesRequest, Vec<FieldError>> {
    let mut reader = Reader {
        record,
        errors: Vec::new(),
    };
    let case = reader.case();
    let borrower = reader.borrower();
    if !reader.errors.is_empty() {
        return Err(reader.errors);
    }
    Ok(ImportCasesRequest {
        request_id: String::new(),
        row_number,
        borrower: Some(borrower),
        case: Some(case),
    })
}

struct Reader<'a> {
    record: &'a Record,
    errors: Vec<FieldError>,
}

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.record.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn list(&self, name: &str) -> Vec<String> {
        let parts = self.get(name).unwrap_or_default().split(';');
        parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn refuse(&mut self, name: &str, problem: impl Into<String>) {
        let is_personal = field(name).is_some_and(|field| field.personal);
        let given = self.get(name).filter(|_| !is_personal).map(str::to_owned);
        self.errors.push(FieldError {
            field: name.to_owned(),
            given,
            problem: problem.into(),
        });
    }

    fn require(&mut self, name: &str) -> String {
        match self.get(name) {
            Some(value) => value.to_owned(),
            None => {
                self.refuse(name, "is required and empty");
                String::new()
            }
        }
    }

    fn one_of<T: Copy + Into<i32>>(&mut self, name: &str, members: &[(&str, T)]) -> i32 {
        let given = self.require(name);
        let found = members.iter().find(|(member, _)| *member == given);
        if found.is_none() && !given.is_empty() {
            let names: Vec<&str> = members.iter().map(|(member, _)| *member).collect();
            self.refuse(name, format!("is none of {}", names.join(", ")));
        }
        found.map_or(0, |(_, member)| (*member).into())
    }

    fn case(&mut self) -> CaseInput {
        let lender_kinds = [
            ("first_party", LenderKind::FirstParty),
            ("agency", LenderKind::Agency),
            ("microloan_company", LenderKind::MicroloanCompany),
            ("bank", LenderKind::Bank),
        ];
        CaseInput {
            lender_case_ref: self.require("lender_case_ref"),
            jurisdiction: self.require("jurisdiction"),
            lender_kind: self.one_of("lender_kind", &lender_kinds),
            facts: Some(self.facts()),
            documents: self.documents(),
            previous_case_id: self.text("previous_case_id"),
            parties: Vec::new(),
            policy_name: self.text("policy_name"),
        }
    }

    fn facts(&mut self) -> CaseFacts {
        let currency = self.require("currency");
        let digits = values::minor_digits(&currency);
        if digits.is_none() && !currency.is_empty() {
            self.refuse("currency", "is no currency of ISO 4217, such as CNY");
        }
        let digits = digits.unwrap_or(2);
        self.require("overdue");
        let mut amount = |name: &str| {
            let minor = self.amount(name, digits)?;
            Some(values::money(minor, &currency, digits))
        };
        let (principal, interest, fees) = (amount("principal"), amount("interest"), amount("fees"));
        let overdue = amount("overdue");
        let due = self.due_date();
        let is_overdue = overdue.as_ref().is_some_and(|o| o.units > 0 || o.nanos > 0);
        if is_overdue && self.get("oldest_unpaid_due_date").is_none() {
            self.refuse(
                "oldest_unpaid_due_date",
                "is empty although something is overdue; right would be YYYY-MM-DD",
            );
        }
        CaseFacts {
            principal,
            interest,
            fees,
            overdue,
            oldest_unpaid_due_date: due,
            ability: self.score("ability"),
            willingness: self.score("willingness"),
            product: self.text("product"),
            tags: self.list("tags"),
        }
    }

    fn amount(&mut self, name: &str, digits: u32) -> Option<i64> {
        let read = values::minor_units(self.get(name)?, digits);
        match read {
            Ok(minor) if minor >= 0 => Some(minor),
            Ok(_) => {
                self.refuse(name, "is below 0; right would be 0 or more");
                None
            }
            Err(problem) => {
                self.refuse(name, problem);
                None
            }
        }
    }

    fn due_date(&mut self) -> Option<crate::api::google::r#type::Date> {
        let read = values::day(self.get("oldest_unpaid_due_date")?, "%Y-%m-%d");
        match read {
            Ok(day) => Some(values::date(day)),
            Err(problem) => {
                self.refuse("oldest_unpaid_due_date", problem);
                None
            }
        }
    }

    fn score(&mut self, name: &str) -> Option<i32> {
        let given = self.get(name)?;
        let read = given.parse().ok().filter(|score| (0..=100).contains(score));
        if read.is_none() {
            self.refuse(
                name,
                "is no score; right would be a whole number from 0 to 100",
            );
        }
        read
    }

    /// A document is `reference sha256`, the hash being the last word.
    fn documents(&mut self) -> Vec<Document> {
        let kinds = [
            ("contract", DocumentKind::Contract),
            ("statement", DocumentKind::Statement),
            ("repayment_record", DocumentKind::RepaymentRecord),
            ("identity", DocumentKind::Identity),
            ("disbursement", DocumentKind::Disbursement),
        ];
        let mut documents = Vec::new();
        for (name, kind) in kinds {
            let Some(given) = self.get(name) else {
                continue;
            };
            let is_hash = |word: &str| {
                word.len() == 64 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            };
            match given.rsplit_once(' ') {
                Some((reference, sha256)) if is_hash(sha256) => documents.push(Document {
                    kind: kind.into(),
                    reference: reference.trim().to_owned(),
                    sha256: sha256.to_owned(),
                    record_time: None,
                }),
                _ => self.refuse(
                    name,
                    "does not end with a hash; right would be the reference, a space, and 64 lower-case \
                     hexadecimal digits of SHA-256",
                ),
            }
        }
        documents
    }

    fn zones(&mut self) -> Vec<String> {
        let zones = self.list("time_zones");
        let unknown = zones.iter().find_map(|name| Zone::new(name).err());
        if let Some(UnknownZone(name)) = unknown {
            let problem = match zones.len() {
                1 => "is no IANA time zone; one looks like `Asia/Shanghai`".to_owned(),
                _ => format!(
                    "names `{name}`, which is no IANA time zone; one looks like `Asia/Shanghai`"
                ),
            };
            self.refuse("time_zones", problem);
        }
        zones
    }

    fn borrower(&mut self) -> Party {
        let kinds = [
            ("individual", BorrowerKind::Individual),
            ("micro_business", BorrowerKind::MicroBusiness),
        ];
        Party {
            lender_ref: self.require("borrower_ref"),
            display_name: self.text("display_name"),
            kind: self.one_of("borrower_kind", &kinds),
            regions: self.list("regions"),
            time_zones: self.zones(),
            locale: self.text("locale"),
            contact_points: self.contact_points(),
            tags: self.list("borrower_tags"),
            ..Party::default()
        }
    }

    fn contact_points(&mut self) -> Vec<ContactPoint> {
        let kinds = [
            ("mobiles", ContactPointKind::Mobile),
            ("landlines", ContactPointKind::Landline),
            ("emails", ContactPointKind::Email),
            ("addresses", ContactPointKind::Postal),
        ];
        let mut points = Vec::new();
        for (name, kind) in kinds {
            for value in self.list(name) {
                if let Some(problem) = point_problem(kind, &value) {
                    self.refuse(name, problem);
                }
                points.push(ContactPoint {
                    kind: kind.into(),
                    value,
                    source: "import".to_owned(),
                    ..ContactPoint::default()
                });
            }
        }
        points
    }
}

fn point_problem(kind: ContactPointKind, value: &str) -> Option<&'static str> {
    let is_number = || {
        let digits = value.strip_prefix('+').unwrap_or_default();
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    match kind {
        ContactPointKind::Mobile | ContactPointKind::Landline if !is_number() => Some(
            "a value is not in E.164; right would be + and 7 to 15 digits, such as +8613800138000",
        ),
        ContactPointKind::Email if !value.contains('@') => {
            Some("a value is not an e-mail address; right would be name@host")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Record {
        Record::from([
            ("lender_case_ref", "L-1".to_owned()),
            ("borrower_ref", "B-1".to_owned()),
            ("borrower_kind", "individual".to_owned()),
            ("jurisdiction", "CN".to_owned()),
            ("lender_kind", "microloan_company".to_owned()),
            ("currency", "CNY".to_owned()),
            ("overdue", "1234.50".to_owned()),
            ("oldest_unpaid_due_date", "2026-01-31".to_owned()),
            ("mobiles", "+8615400000001;+8615400000002".to_owned()),
            ("emails", "a@example.com".to_owned()),
            ("contract", format!("dms/1 {}", "0a".repeat(32))),
        ])
    }

    #[test]
    fn a_record_becomes_a_request() {
        let request = request(&good(), 7).unwrap();
        let (case, party) = (request.case.unwrap(), request.borrower.unwrap());
        let facts = case.facts.unwrap();
        assert_eq!(request.row_number, 7);
        let overdue = facts.overdue.unwrap();
        assert_eq!((overdue.units, overdue.nanos), (1234, 500_000_000));
        assert_eq!(party.contact_points.len(), 3);
        assert_eq!(case.documents[0].reference, "dms/1");
        assert_eq!(facts.principal, None);
    }

    #[test]
    fn every_fault_is_told_by_its_field() {
        let table = [
            (
                "lender_case_ref",
                "",
                "lender_case_ref: is required and empty",
            ),
            (
                "borrower_kind",
                "company",
                "borrower_kind: `company` is none of individual, micro_business",
            ),
            (
                "currency",
                "XQX",
                "currency: `XQX` is no currency of ISO 4217, such as CNY",
            ),
            ("overdue", "12,5", "overdue: `12,5` is not an amount"),
            ("overdue", "-1", "overdue: `-1` is below 0"),
            (
                "oldest_unpaid_due_date",
                "",
                "oldest_unpaid_due_date: is empty although",
            ),
            (
                "oldest_unpaid_due_date",
                "2026-02-30",
                "right would be for example 2026-03-31",
            ),
            ("ability", "101", "ability: `101` is no score"),
            ("mobiles", "13800138000", "mobiles: a value is not in E.164"),
            (
                "contract",
                "dms/1",
                "contract: `dms/1` does not end with a hash",
            ),
        ];
        for (name, value, want) in table {
            let mut record = good();
            record.insert(field(name).unwrap().name, value.to_owned());
            let errors = request(&record, 1).unwrap_err();
            assert_eq!(errors.len(), 1, "{name}: {errors:?}");
            let text = errors[0].to_string();
            assert!(text.contains(want), "{text}");
        }
    }

    #[test]
    fn a_row_may_have_several_faults() {
        let mut record = good();
        record.insert("overdue", "x".to_owned());
        record.insert("borrower_ref", String::new());
        assert_eq!(request(&record, 1).unwrap_err().len(), 2);
    }
}
