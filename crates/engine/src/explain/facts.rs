//! The facts that an explanation names, and the entry that each of them is from.

use super::Fact;
use recoup_domain::contact::ContactClass;
use recoup_domain::past::PastContact;
use recoup_domain::time::Zone;
use recoup_domain::{Case, Party};
use std::collections::BTreeMap;

use jiff::Timestamp;

/// Names and values at an instant, always the same names in the same order.
pub(super) fn values(
    case: &Case,
    party: &Party,
    contacts: &[PastContact],
    lost_after_failed_days: Option<u8>,
    at: Timestamp,
) -> Vec<(String, String)> {
    let score = |s: Option<u8>| s.map_or_else(String::new, |s| s.to_string());
    let zones: Vec<&str> = party.zones.iter().map(Zone::name).collect();
    let reach = lost_after_failed_days.map(|days| party.contactability(days).name());
    let overdue = crate::render::money(case.amounts.overdue, case.currency.code());
    let pauses: Vec<&str> = case.pauses.iter().map(|p| p.reason.name()).collect();
    let named = [
        ("case.status", case.status().name().to_owned()),
        ("case.dpd", case.dpd(at, party.home_zone()).to_string()),
        ("case.overdue", overdue),
        ("case.pauses", pauses.join(", ")),
        ("case.tags", case.tags.join(", ")),
        ("case.version", case.version.to_string()),
        ("borrower.kind", case.borrower_kind.name().to_owned()),
        ("borrower.version", party.version.to_string()),
        ("borrower.zones", zones.join(", ")),
        ("borrower.tags", party.tags.join(", ")),
        ("borrower.opt_outs", party.opt_outs.len().to_string()),
        ("borrower.consents", party.consents.len().to_string()),
        ("contactability", reach.unwrap_or_default().to_owned()),
        ("ability", score(case.scores.ability)),
        ("willingness", score(case.scores.willingness)),
    ];
    let named = named.map(|(name, value)| (name.to_owned(), value));
    named.into_iter().chain(counts(case, contacts)).collect()
}

/// Contacts of the case by kind: made, and with proven effect.
fn counts(case: &Case, contacts: &[PastContact]) -> Vec<(String, String)> {
    let own = || contacts.iter().filter(|c| c.concerns(case.id));
    let any = [
        ("made", own().filter(|c| c.is_made()).count()),
        ("completed", own().filter(|c| c.is_completed()).count()),
    ];
    let any = any.map(|(what, n)| (format!("contacts.any.{what}"), n.to_string()));
    let of_class = |class: ContactClass| {
        let own = || own().filter(move |c| c.class == class);
        [
            ("made", own().filter(|c| c.is_made()).count()),
            ("completed", own().filter(|c| c.is_completed()).count()),
        ]
        .map(|(what, n)| (format!("contacts.{}.{what}", class.name()), n.to_string()))
    };
    let by_class = ContactClass::ALL.into_iter().flat_map(of_class);
    any.into_iter().chain(by_class).collect()
}

/// Which entry gave each fact the value it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(BTreeMap<String, (String, u64)>);

impl Sources {
    /// After the entry at `position` these are the values.
    pub(super) fn note(&mut self, position: u64, values: Vec<(String, String)>) {
        for (name, value) in values {
            match self.0.get_mut(&name) {
                Some((known, _)) if *known == value => {}
                _ => drop(self.0.insert(name, (value, position))),
            }
        }
    }

    /// Values with their sources; a value that no entry gave has none.
    pub(super) fn of(&self, values: Vec<(String, String)>) -> Vec<Fact> {
        let fact = |(name, value): (String, String)| {
            let known = self.0.get(&name).filter(|(known, _)| *known == value);
            let source = known.map(|(_, position)| *position);
            Fact {
                name,
                value,
                source,
            }
        };
        values.into_iter().map(fact).collect()
    }
}
