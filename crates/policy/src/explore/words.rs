//! Facts and their values in the words of the language.

use super::{ANY, Fact, Of, class_of};
use crate::expr::names::{BORROWER_KINDS, CONTACTABILITIES, LENDER_KINDS, STATUSES};
use crate::policy::Policy;
use crate::program::Flag;
use recoup_domain::Outcome;

impl Policy {
    /// A fact as conditions write it.
    #[must_use]
    pub fn fact_in_words(&self, fact: Fact) -> String {
        let currency = self.currency.map_or_else(String::new, |c| c.to_string());
        match fact {
            Fact::Dpd => "case.dpd".to_owned(),
            Fact::Status => "case.status".to_owned(),
            Fact::Product => "case.product".to_owned(),
            Fact::Overdue => format!("case.overdue_in(\"{currency}\")"),
            Fact::Principal => format!("case.principal_in(\"{currency}\")"),
            Fact::AgeDays => "case.age_days".to_owned(),
            Fact::Jurisdiction => "case.jurisdiction".to_owned(),
            Fact::LenderKind => "case.lender_kind".to_owned(),
            Fact::BorrowerKind => "borrower.kind".to_owned(),
            Fact::Segment => "segment".to_owned(),
            Fact::Contactability => "contactability".to_owned(),
            Fact::Ability => "ability".to_owned(),
            Fact::Willingness => "willingness".to_owned(),
            Fact::Hour => "now.hour".to_owned(),
            Fact::Weekday => "now.weekday".to_owned(),
            Fact::Contacts(group, of) => {
                let group = match class_of(group) {
                    Some(class) => class.name(),
                    None => "any",
                };
                let of = match of {
                    Of::Made => "made",
                    Of::Completed => "completed",
                    Of::DaysSinceLast => "days_since_last",
                    Of::LastOutcome => "last_outcome",
                };
                format!("contacts.{group}.{of}")
            }
            Fact::Flag(n) => match self.program.flags.get(usize::from(n)) {
                Some(Flag::CaseTag(tag)) => format!("case.has_tag(\"{tag}\")"),
                Some(Flag::BorrowerTag(tag)) => format!("borrower.has_tag(\"{tag}\")"),
                Some(Flag::Region(region)) => format!("borrower.region(\"{region}\")"),
                None => String::new(),
            },
            Fact::Exhausted(stage) => {
                let name = self.stages.get(usize::from(stage));
                let name = name.map_or("", |s| s.name.as_str());
                format!("exhausted(\"{name}\")")
            }
        }
    }

    /// A value of a fact as conditions write it; none is "not known".
    #[must_use]
    pub fn value_in_words(&self, fact: Fact, value: Option<i64>) -> String {
        let Some(value) = value else {
            return "not known".to_owned();
        };
        let i = usize::try_from(value).unwrap_or(usize::MAX);
        let own = |table: &[String]| table.get(i).map(|s| format!("\"{s}\""));
        let name = |name: Option<&'static str>| name.map(|n| format!("\"{n}\""));
        let text = match fact {
            Fact::Status => name(STATUSES.get(i).map(|m| m.name())),
            Fact::LenderKind => name(LENDER_KINDS.get(i).map(|m| m.name())),
            Fact::BorrowerKind => name(BORROWER_KINDS.get(i).map(|m| m.name())),
            Fact::Contactability => name(CONTACTABILITIES.get(i).map(|m| m.name())),
            Fact::Contacts(_, Of::LastOutcome) => name(Outcome::ALL.get(i).map(|m| m.name())),
            Fact::Segment => own(&self.program.segments),
            Fact::Product => own(&self.program.products).or(Some("another one".to_owned())),
            Fact::Jurisdiction => {
                own(&self.program.jurisdictions).or(Some("another one".to_owned()))
            }
            Fact::Flag(_) | Fact::Exhausted(_) => Some((value == 1).to_string()),
            _ => None,
        };
        text.unwrap_or_else(|| value.to_string())
    }
}

const _: () = assert!(ANY as usize == crate::expr::names::ANY);
