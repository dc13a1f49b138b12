//! One-shot exceptions: what a rule lets through all the same, once.

use crate::proposal::Purpose;
use crate::question::Question;
use crate::sets::Set;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::ConsentKind;
use recoup_domain::past::Direction;
use serde::Deserialize;
use std::num::NonZeroU8;

/// What a rule lets through: all that is named must hold. With `once_after`, only the first contact by its
/// medium since then, and with `within_hours` only if that is no longer ago when the gate is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct Exception {
    raw: Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    purpose: Option<Purpose>,
    /// A consent of this kind covers the whole effect.
    #[serde(default)]
    consent: Option<ConsentKind>,
    /// The person contacted asked for this contact.
    #[serde(default)]
    requested_by_person: bool,
    /// The debt is known to be past due by more days.
    #[serde(default)]
    days_past_due_over: Option<u16>,
    #[serde(default)]
    once_after: Option<Since>,
    #[serde(default)]
    within_hours: Option<NonZeroU8>,
}

impl TryFrom<Raw> for Exception {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let named = raw.purpose.is_some()
            || raw.consent.is_some()
            || raw.requested_by_person
            || raw.days_past_due_over.is_some();
        if !named {
            let keys = "`purpose`, `consent`, `requested_by_person` or `days_past_due_over`";
            return Err(format!("an exception names at least one of {keys}"));
        }
        if raw.within_hours.is_some() && raw.once_after.is_none() {
            return Err("`within_hours` counts from `once_after`, which is not there".into());
        }
        Ok(Self { raw })
    }
}

/// What lets one contact through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Since {
    /// The person came to us by this medium.
    Inbound,
    /// The person opted out of this medium.
    OptOut,
}

impl Exception {
    /// Contacts of no other purpose are excepted.
    pub(crate) fn purposes(self) -> Set<Purpose> {
        self.raw.purpose.map_or(Set::ALL, Set::one)
    }

    /// Until when the effect from `at` is excepted, if it is. What is not excepted now is not later.
    pub(crate) fn covers(self, q: &Question<'_>, at: Timestamp) -> Option<Timestamp> {
        let raw = self.raw;
        let p = q.proposal;
        let fresh = |at: Timestamp| {
            let age = q.now.duration_since(at);
            raw.within_hours
                .is_none_or(|h| age <= SignedDuration::from_hours(i64::from(h.get())))
        };
        let open = |since: Since| since.at(q).is_some_and(|at| fresh(at) && !spent(q, at));
        let overdue = |over: u16| p.case.days_past_due.is_some_and(|d| d > i32::from(over));
        let holds = raw.purpose.is_none_or(|purpose| purpose == p.purpose)
            && (p.requested_by_person || !raw.requested_by_person)
            && raw.days_past_due_over.is_none_or(overdue)
            && raw.once_after.is_none_or(open);
        match raw.consent {
            _ if !holds => None,
            Some(kind) => q.consent(kind, q.window_at(at)),
            None => Some(Timestamp::MAX),
        }
    }

    /// What it lets through, in the words of the pack.
    pub(crate) fn words(self) -> String {
        let raw = self.raw;
        let mut words = Vec::new();
        words.extend(raw.purpose.map(|p| format!("purpose {}", p.name())));
        words.extend(raw.consent.map(|c| format!("consent {}", consent_name(c))));
        if raw.requested_by_person {
            words.push("the person asked for it".to_owned());
        }
        let over = raw.days_past_due_over;
        words.extend(over.map(|days| format!("more than {days} days past due")));
        words.extend(raw.once_after.map(|since| match since {
            Since::Inbound => "once after an inbound contact".to_owned(),
            Since::OptOut => "once after an opt-out".to_owned(),
        }));
        words.extend(raw.within_hours.map(|h| format!("within {h} h")));
        words.join(", ")
    }
}

/// The name of a kind of consent in packs.
const fn consent_name(kind: ConsentKind) -> &'static str {
    match kind {
        ConsentKind::OffHours => "off_hours",
        ConsentKind::ExtraCalls => "extra_calls",
        ConsentKind::MoreAttemptsAgreed => "more_attempts_agreed",
        ConsentKind::MoreVisitsWritten => "more_visits_written",
        ConsentKind::WorkEmail => "work_email",
        ConsentKind::Electronic => "electronic",
    }
}

impl Since {
    fn at(self, q: &Question<'_>) -> Option<Timestamp> {
        let p = q.proposal;
        match self {
            Self::Inbound => q
                .ever()
                .filter(|c| c.direction == Direction::Inbound && c.class == p.class)
                .map(|c| c.at)
                .filter(|at| *at <= q.now)
                .max(),
            Self::OptOut => {
                let point = p.point.map(|point| point.key);
                let covering = p.party.opt_outs.iter();
                covering
                    .filter(|o| o.covers(p.class, point))
                    .map(|o| o.at)
                    .max()
            }
        }
    }
}

/// Whether a contact by the same medium went out since. One that was proven not sent did not, nor one that
/// was called off before it took effect.
fn spent(q: &Question<'_>, since: Timestamp) -> bool {
    q.ever().any(|c| {
        c.direction == Direction::Outbound
            && c.class == q.proposal.class
            && c.at >= since
            && c.counted().is_some_and(|o| o != Outcome::Cancelled)
    })
}
