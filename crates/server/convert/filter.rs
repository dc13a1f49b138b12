//! Filters of lists: comparisons joined by `AND`, each `field op value`.

use jiff::Timestamp;
use recoup_domain::ContactClass;

use super::read::Bad;
use crate::api::recoup::v1::{self, ErrorReason};

/// The longest filter, in characters.
const LENGTH_MAX: usize = 1000;
/// The most comparisons.
const TERMS_MAX: usize = 16;

/// What a field holds, which says what it can be compared with.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// An enum value without prefix, such as `OPEN`: `=` and `!=`. Names the enum's values by their numbers.
    Word(fn(i32) -> Option<&'static str>),
    /// Text: `=` and `!=`.
    Text,
    /// A kind of contact, such as `sms`: `=` and `!=`.
    Class,
    /// `true` or `false`: `=` and `!=`.
    Flag,
    /// A whole number: all operators.
    Number,
    /// An instant in RFC 3339: all operators.
    Time,
}

/// A field that a filter may name.
#[derive(Clone, Copy, Debug)]
pub struct Field<T> {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its value in a row; several where one of them is enough.
    pub read: fn(&T) -> Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    Other,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// Longer operators first, so that `<=` is not read as `<`.
const OPS: [(&str, Op); 6] = [
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("!=", Op::Other),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::More),
];

/// A filter that was read.
#[derive(Debug)]
pub struct Filter<T: 'static>(Vec<Term<T>>);

#[derive(Debug)]
struct Term<T: 'static> {
    field: Field<T>,
    op: Op,
    value: String,
}

impl<T> Filter<T> {
    /// Reads a filter; `None` was noted.
    pub fn read(bad: &mut Bad, text: &str, fields: &'static [Field<T>]) -> Option<Self>
    where
        T: Clone,
    {
        Self::read_at(bad, "filter", text, fields)
    }

    /// The same of a field of another name.
    pub fn read_at(bad: &mut Bad, at: &str, text: &str, fields: &'static [Field<T>]) -> Option<Self>
    where
        T: Clone,
    {
        match parse(text, fields) {
            Ok(terms) => Some(Self(terms)),
            Err(problem) => {
                bad.note(ErrorReason::FilterInvalid, at, problem);
                None
            }
        }
    }

    /// Whether a row passes.
    #[must_use]
    pub fn holds(&self, row: &T) -> bool {
        self.0.iter().all(|term| term.holds(row))
    }

    /// The value a field must equal, where the filter says so.
    #[must_use]
    pub fn equals(&self, name: &str) -> Option<&str> {
        let wanted = |t: &&Term<T>| t.field.name == name && t.op == Op::Equal;
        self.0.iter().find(wanted).map(|t| t.value.as_str())
    }
}

fn parse<T: Clone>(text: &str, fields: &'static [Field<T>]) -> Result<Vec<Term<T>>, String> {
    if text.chars().count() > LENGTH_MAX {
        return Err(format!("is longer than {LENGTH_MAX} characters"));
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = text.split(" AND ").collect();
    if parts.len() > TERMS_MAX {
        return Err(format!("has more than {TERMS_MAX} comparisons"));
    }
    parts
        .into_iter()
        .map(|part| term(part.trim(), fields))
        .collect()
}

fn term<T: Clone>(text: &str, fields: &'static [Field<T>]) -> Result<Term<T>, String> {
    let at = text.find(['=', '!', '<', '>']);
    let Some((name, rest)) = at.map(|at| text.split_at(at)) else {
        return Err(format!("`{text}` has no operator; write `field op value`"));
    };
    let name = name.trim();
    let Some((op, value)) = OPS
        .iter()
        .find_map(|(s, op)| Some((*op, rest.strip_prefix(s)?)))
    else {
        return Err(format!("`{text}` has no operator of = != < <= > >="));
    };
    let Some(field) = fields.iter().find(|f| f.name == name) else {
        let known: Vec<&str> = fields.iter().map(|f| f.name).collect();
        return Err(format!(
            "has no field `{name}`; fields are {}",
            known.join(", ")
        ));
    };
    let value = value.trim().trim_matches('"').to_owned();
    comparable(field.kind, op, &value).map_err(|problem| format!("`{text}`: {problem}"))?;
    Ok(Term {
        field: field.clone(),
        op,
        value,
    })
}

fn comparable(kind: Kind, op: Op, value: &str) -> Result<(), String> {
    let ordered = matches!(kind, Kind::Number | Kind::Time);
    if !ordered && !matches!(op, Op::Equal | Op::Other) {
        return Err("this field is compared by = and != alone".to_owned());
    }
    let problem = match kind {
        Kind::Number if value.parse::<i64>().is_err() => "the value is not a whole number",
        Kind::Time if value.parse::<Timestamp>().is_err() => {
            "the value is not an instant in RFC 3339, such as 2026-03-01T00:00:00Z"
        }
        Kind::Flag if !matches!(value, "true" | "false") => "the value is true or false",
        Kind::Word(name) => return is_word(name, value),
        Kind::Class => return is_class(value),
        _ => return Ok(()),
    };
    Err(problem.to_owned())
}

/// Whether a value is a kind of contact. A channel's own name is easily taken for one.
fn is_class(value: &str) -> Result<(), String> {
    let kinds = ContactClass::ALL.map(ContactClass::name);
    if kinds.contains(&value) {
        return Ok(());
    }
    let kinds = kinds.join(", ");
    Err(format!(
        "`{value}` is no kind of contact ({kinds}); a channel's own name is `channel_name`"
    ))
}

/// Whether a value is one of the words of an enum, whose first one is `<PREFIX>_UNSPECIFIED`.
fn is_word(name: fn(i32) -> Option<&'static str>, value: &str) -> Result<(), String> {
    let prefix = name(0).and_then(|n| n.strip_suffix("UNSPECIFIED"));
    let words = (1..64).filter_map(name);
    let words: Vec<&str> = words
        .filter_map(|n| n.strip_prefix(prefix.unwrap_or_default()))
        .collect();
    if value == "UNSPECIFIED" || words.contains(&value) {
        return Ok(());
    }
    Err(format!("`{value}` is none of {}", words.join(", ")))
}

impl<T> Term<T> {
    fn holds(&self, row: &T) -> bool {
        let values = (self.field.read)(row);
        match self.op {
            Op::Equal => values.contains(&self.value),
            Op::Other => !values.contains(&self.value),
            // An absent number or instant compares with nothing.
            _ => values.iter().any(|v| self.ordered(v)),
        }
    }

    fn ordered(&self, value: &str) -> bool {
        let order = match self.field.kind {
            Kind::Time => order::<Timestamp>(value, &self.value),
            _ => order::<i64>(value, &self.value),
        };
        order.is_some_and(|o| match self.op {
            Op::Less => o.is_lt(),
            Op::AtMost => o.is_le(),
            Op::More => o.is_gt(),
            Op::AtLeast => o.is_ge(),
            Op::Equal => o.is_eq(),
            Op::Other => o.is_ne(),
        })
    }
}

fn order<V: std::str::FromStr + Ord>(left: &str, right: &str) -> Option<std::cmp::Ordering> {
    Some(left.parse::<V>().ok()?.cmp(&right.parse::<V>().ok()?))
}

fn at(time: Option<&prost_types::Timestamp>) -> Vec<String> {
    let read = |t: &prost_types::Timestamp| Timestamp::new(t.seconds, t.nanos).ok();
    time.and_then(read)
        .map(|t| t.to_string())
        .into_iter()
        .collect()
}

fn word(name: &str, prefix: &str) -> Vec<String> {
    vec![name.strip_prefix(prefix).unwrap_or(name).to_owned()]
}

fn overdue_minor(case: &v1::Case) -> Vec<String> {
    let overdue = case.facts.as_ref().and_then(|f| f.overdue.as_ref());
    let mut unnoted = Bad::new();
    let minor = overdue.and_then(|m| super::value::money(&mut unnoted, "overdue", m));
    minor.map(|m| m.minor.to_string()).into_iter().collect()
}

/// The fields of ListCollectors.
pub static COLLECTORS: &[Field<v1::Collector>] = &[
    Field {
        name: "active",
        kind: Kind::Flag,
        read: |c| vec![c.active.unwrap_or(true).to_string()],
    },
    Field {
        name: "region",
        kind: Kind::Text,
        read: |c| c.regions.clone(),
    },
    Field {
        name: "language",
        kind: Kind::Text,
        read: |c| c.languages.clone(),
    },
];

/// The fields of ListPolicies.
pub static POLICIES: &[Field<v1::Policy>] = &[
    Field {
        name: "name",
        kind: Kind::Text,
        read: |p| vec![p.name.clone()],
    },
    Field {
        name: "state",
        kind: Kind::Word(|n| Some(v1::PolicyState::try_from(n).ok()?.as_str_name())),
        read: |p| word(p.state().as_str_name(), "POLICY_STATE_"),
    },
    Field {
        name: "author",
        kind: Kind::Text,
        read: |p| vec![p.author.clone()],
    },
];

/// The fields of ListTemplates.
pub static TEMPLATES: &[Field<v1::Template>] = &[
    Field {
        name: "name",
        kind: Kind::Text,
        read: |t| vec![t.name.clone()],
    },
    Field {
        name: "channel",
        kind: Kind::Text,
        read: |t| vec![t.channel.clone()],
    },
    Field {
        name: "locale",
        kind: Kind::Text,
        read: |t| vec![t.locale.clone()],
    },
];

/// The fields of GetWorklist.
pub static WORKLIST: &[Field<v1::WorklistItem>] = &[
    Field {
        name: "reason",
        kind: Kind::Text,
        read: |i| vec![i.reason.clone()],
    },
    Field {
        name: "review",
        kind: Kind::Word(|n| Some(v1::ReviewReason::try_from(n).ok()?.as_str_name())),
        read: |i| word(i.review().as_str_name(), "REVIEW_REASON_"),
    },
    Field {
        name: "case_id",
        kind: Kind::Text,
        read: |i| vec![i.case_id.clone()],
    },
];

/// The fields of ListCases.
pub static CASES: &[Field<v1::Case>] = &[
    Field {
        name: "status",
        kind: Kind::Word(|n| Some(v1::CaseStatus::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.status().as_str_name(), "CASE_STATUS_"),
    },
    Field {
        name: "stage",
        kind: Kind::Text,
        read: |c| vec![c.stage.clone()],
    },
    Field {
        name: "segment",
        kind: Kind::Text,
        read: |c| vec![c.segment.clone()],
    },
    Field {
        name: "jurisdiction",
        kind: Kind::Text,
        read: |c| vec![c.jurisdiction.clone()],
    },
    Field {
        name: "lender_kind",
        kind: Kind::Word(|n| Some(v1::LenderKind::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.lender_kind().as_str_name(), "LENDER_KIND_"),
    },
    Field {
        name: "borrower_kind",
        kind: Kind::Word(|n| Some(v1::BorrowerKind::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.borrower_kind().as_str_name(), "BORROWER_KIND_"),
    },
    Field {
        name: "contactability",
        kind: Kind::Word(|n| Some(v1::Contactability::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.contactability().as_str_name(), "CONTACTABILITY_"),
    },
    Field {
        name: "product",
        kind: Kind::Text,
        read: |c| c.facts.iter().map(|f| f.product.clone()).collect(),
    },
    Field {
        name: "tag",
        kind: Kind::Text,
        read: |c| c.facts.iter().flat_map(|f| f.tags.clone()).collect(),
    },
    Field {
        name: "party_id",
        kind: Kind::Text,
        read: |c| vec![c.party_id.clone()],
    },
    Field {
        name: "lender_case_ref",
        kind: Kind::Text,
        read: |c| vec![c.lender_case_ref.clone()],
    },
    Field {
        name: "policy",
        kind: Kind::Text,
        read: |c| c.policy.iter().map(|p| p.name.clone()).collect(),
    },
    Field {
        name: "dpd",
        kind: Kind::Number,
        read: |c| vec![c.dpd.to_string()],
    },
    Field {
        name: "overdue_minor",
        kind: Kind::Number,
        read: overdue_minor,
    },
    Field {
        name: "open_time",
        kind: Kind::Time,
        read: |c| at(c.open_time.as_ref()),
    },
    Field {
        name: "close_time",
        kind: Kind::Time,
        read: |c| at(c.close_time.as_ref()),
    },
];

/// The fields of ListContacts.
pub static CONTACTS: &[Field<v1::Contact>] = &[
    Field {
        name: "case_id",
        kind: Kind::Text,
        read: |c| vec![c.case_id.clone()],
    },
    Field {
        name: "party_id",
        kind: Kind::Text,
        read: |c| vec![c.party_id.clone()],
    },
    Field {
        name: "state",
        kind: Kind::Word(|n| Some(v1::ContactState::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.state().as_str_name(), "CONTACT_STATE_"),
    },
    Field {
        name: "outcome",
        kind: Kind::Word(|n| Some(v1::Outcome::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.outcome().as_str_name(), "OUTCOME_"),
    },
    Field {
        name: "channel",
        kind: Kind::Class,
        read: |c| vec![c.channel.clone()],
    },
    Field {
        name: "channel_name",
        kind: Kind::Text,
        read: |c| vec![c.channel_name.clone()],
    },
    Field {
        name: "channel_generation",
        kind: Kind::Number,
        read: |c| vec![c.channel_generation.to_string()],
    },
    Field {
        name: "library_sha256",
        kind: Kind::Text,
        read: |c| vec![c.library_sha256.clone()],
    },
    Field {
        name: "template",
        kind: Kind::Text,
        read: |c| vec![c.template.clone()],
    },
    Field {
        name: "stage",
        kind: Kind::Text,
        read: |c| vec![c.stage.clone()],
    },
    Field {
        name: "origin",
        kind: Kind::Word(|n| Some(v1::ContactOrigin::try_from(n).ok()?.as_str_name())),
        read: |c| word(c.origin().as_str_name(), "CONTACT_ORIGIN_"),
    },
    Field {
        name: "needs_approval",
        kind: Kind::Flag,
        read: |c| vec![c.needs_approval.to_string()],
    },
    Field {
        name: "plan_time",
        kind: Kind::Time,
        read: |c| at(c.plan_time.as_ref()),
    },
    Field {
        name: "intent_time",
        kind: Kind::Time,
        read: |c| at(c.intent_time.as_ref()),
    },
    Field {
        name: "effect_start_time",
        kind: Kind::Time,
        read: |c| at(c.effect_start_time.as_ref()),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: &str) -> bool {
        let case = v1::Case {
            status: v1::CaseStatus::Open.into(),
            dpd: 31,
            stage: "remind".into(),
            open_time: Some(prost_types::Timestamp {
                seconds: 1_772_323_200,
                nanos: 0,
            }),
            ..v1::Case::default()
        };
        let mut bad = Bad::new();
        let filter = Filter::read(&mut bad, filter, CASES).expect(filter);
        filter.holds(&case)
    }

    #[test]
    fn a_word_that_is_none_is_told_what_there_is() {
        let mut bad = Bad::new();
        assert!(Filter::read(&mut bad, "status = NOPE", CASES).is_none());
        let told = bad.check::<()>(None).expect_err("it is none");
        let told = format!("{told:?}");
        assert!(told.contains("OPEN, PAUSED, LEGAL, CLOSED"), "{told}");
        for (_, name) in (0..8).filter_map(|n| {
            let status = v1::CaseStatus::try_from(n).ok()?;
            Some((n, status.as_str_name().strip_prefix("CASE_STATUS_")?))
        }) {
            assert!(
                Filter::read(&mut Bad::new(), &format!("status != {name}"), CASES).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn comparisons() {
        for (filter, expected) in [
            ("", true),
            ("status = OPEN", true),
            ("status=OPEN AND dpd>=31", true),
            ("status != OPEN", false),
            ("dpd < 31", false),
            ("dpd <= 31 AND stage = \"remind\"", true),
            ("open_time > 2026-02-28T00:00:00Z", true),
            ("close_time > 2020-01-01T00:00:00Z", false),
            ("tag = vip", false),
            ("tag != vip", true),
        ] {
            assert_eq!(passes(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, word) in [
            ("dpd", "operator"),
            ("colour = red", "fields are"),
            ("dpd > many", "whole number"),
            ("stage > a", "= and !="),
            ("open_time > yesterday", "RFC 3339"),
            ("dpd ! 3", "operator"),
        ] {
            let problem = parse(filter, CASES).expect_err(filter);
            assert!(problem.contains(word), "{filter}: {problem}");
        }
    }
}
