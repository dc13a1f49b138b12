//! Counting past contacts over local calendar days: what the frequency shapes share.

use super::Answer;
use crate::gate::SEARCH_DAYS_MAX;
use crate::question::{Moment, Question};
use crate::rule::Scope;
use crate::sets::{Classes, Outcomes};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{Consent, ConsentKind, PointOwner};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::add_days;
use serde::Deserialize;

/// Who began the contacts that count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Began {
    /// We.
    Outbound,
    /// The person.
    Inbound,
    /// Either.
    Any,
}

/// Which past contacts count. A contact that is under way or doubtful has the outcome `unknown`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    channels: Classes,
    direction: Began,
    outcomes: Outcomes,
    /// Only contacts at such a number or address; one whose point is not known counts as either.
    #[serde(default)]
    place: Option<Place>,
}

/// Where a contact landed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// At home or on the person's own telephone.
    Own,
    /// At the place of work.
    Workplace,
}

impl Place {
    fn holds(self, contact: &PastContact, q: &Question<'_>) -> bool {
        let known = contact.point.and_then(|key| q.proposal.party.point(key));
        let owner = match self {
            Self::Own => PointOwner::Own,
            Self::Workplace => PointOwner::Workplace,
        };
        known.is_none_or(|point| point.owner == owner)
    }
}

impl Counted {
    pub(super) fn counts(&self, contact: &PastContact, q: &Question<'_>, scope: Scope) -> bool {
        // Cheapest first.
        if !self.channels.has(contact.class) {
            return false;
        }
        let began = match self.direction {
            Began::Any => true,
            Began::Outbound => contact.direction == Direction::Outbound,
            Began::Inbound => contact.direction == Direction::Inbound,
        };
        let in_scope = match scope {
            Scope::Person => true,
            Scope::Debt => contact.concerns(q.proposal.debt),
            Scope::Number => contact.point == q.proposal.point.map(|p| p.key),
        };
        began
            && in_scope
            && self.place.is_none_or(|place| place.holds(contact, q))
            && contact.counted().is_some_and(|o| self.outcomes.has(o))
    }
}

/// A consent under which contacts are neither limited nor counted. With `days` it lasts so many calendar
/// days from the day it was received, and a later conversation about the debt ends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentSpan {
    kind: ConsentKind,
    #[serde(default)]
    days: Option<std::num::NonZeroU8>,
}

impl ConsentSpan {
    /// The span `[received, end)` of a consent, if it is one of this kind for the proposal.
    fn span(self, consent: &Consent, q: &Question<'_>) -> Option<(Timestamp, Timestamp)> {
        let p = q.proposal;
        let point = p.point.map(|point| point.key);
        if !consent.is_about(self.kind, p.debt, p.class, point) {
            return None;
        }
        let end = consent.ends_at().unwrap_or(Timestamp::MAX);
        let Some(days) = self.days else {
            let received = consent.received_at.unwrap_or(Timestamp::MIN);
            return (received <= q.now).then_some((received, end));
        };
        let received = consent.received_at.filter(|r| *r <= q.now)?;
        let last = add_days(q.home.date(received), i32::from(days.get()));
        let end = end.min(q.home.start_of_day(last));
        let talked = q.ever().filter(|c| {
            c.class == ContactClass::Phone
                && c.at > received
                && c.concerns(p.debt)
                && c.counted() == Some(Outcome::Conversation)
        });
        Some((received, talked.map(|c| c.at).fold(end, Timestamp::min)))
    }

    fn spans<'a>(self, q: &'a Question<'_>) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        let consents = q.proposal.party.consents.iter();
        consents.filter_map(move |c| self.span(c, q))
    }

    /// The end of a consent that covers the whole effect window from `at`.
    pub(super) fn covers(self, q: &Question<'_>, at: Timestamp) -> Option<Timestamp> {
        let to = q.window_at(at).to;
        self.spans(q)
            .filter(|(from, end)| *from <= at && at < *end && to <= *end)
            .map(|(_, end)| end)
            .max()
    }

    /// Whether a past contact was made under the consent. One at the instant of the consent was not.
    fn covered(self, q: &Question<'_>, at: Timestamp) -> bool {
        self.spans(q).any(|(from, end)| from < at && at < end)
    }

    /// The least start after `at` that a consent covers.
    fn opens_after(self, q: &Question<'_>, at: Timestamp) -> Option<Timestamp> {
        self.spans(q)
            .filter(|(from, end)| *from > at && q.window_at(*from).to <= *end && from < end)
            .map(|(from, _)| from)
            .min()
    }
}

/// At most `max` contacts in any `days` consecutive local days, the proposed one included.
pub(super) struct Limit<'a> {
    pub(super) counted: &'a Counted,
    pub(super) days: i32,
    pub(super) max: u32,
    /// Spans that reach past the proposal's day are looked at too: a contact may lie ahead of it.
    pub(super) looks_ahead: bool,
    /// Contacts under this consent are not limited.
    pub(super) unless: Option<ConsentSpan>,
    /// Nor are they counted.
    pub(super) consented_count: bool,
}

impl Limit<'_> {
    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment) -> Answer {
        if let Some(until) = self.unless.and_then(|c| c.covers(q, m.at)) {
            return Answer::Open { until };
        }
        let (near, last) = self.near(q, scope, m.at);
        // Fewer around here than the days may hold: no need to look where each day begins.
        if near < self.max || !self.is_full(q, scope, m) {
            let ahead = last.is_some_and(|last| m.next_day <= last);
            let until = if ahead { m.next_day } else { Timestamp::MAX };
            return Answer::Open { until };
        }
        let day = self.next_day(q, scope, m.day);
        let consent = self.unless.and_then(|c| c.opens_after(q, m.at));
        let next = match (day, consent) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Answer::Shut { next }
    }

    /// Whether a further contact on the day of `m` would be one too many.
    fn is_full(&self, q: &Question<'_>, scope: Scope, m: &Moment) -> bool {
        let behind = if self.days == 1 {
            m.day_start
        } else {
            q.home.start_of_day(add_days(m.day, 1 - self.days))
        };
        if self.count(q, scope, behind, m.next_day) >= self.max {
            return true;
        }
        self.looks_ahead
            && self.days > 1
            && self.any_from(q, scope, m.next_day)
            && self.full_ahead(q, scope, m.day)
    }

    /// Whether some span that holds `day` and ends after it is full.
    fn full_ahead(&self, q: &Question<'_>, scope: Scope, day: Date) -> bool {
        (1..self.days).any(|ahead| {
            let last = add_days(day, ahead);
            let from = q.home.start_of_day(add_days(last, 1 - self.days));
            let to = q.home.start_of_day(add_days(last, 1));
            self.count(q, scope, from, to) >= self.max
        })
    }

    fn next_day(&self, q: &Question<'_>, scope: Scope, day: Date) -> Option<Timestamp> {
        (1..=SEARCH_DAYS_MAX + 1)
            .map(|ahead| q.moment(q.home.start_of_day(add_days(day, ahead))))
            .find(|m| !self.is_full(q, scope, m))
            .map(|m| m.at)
    }

    fn count(&self, q: &Question<'_>, scope: Scope, from: Timestamp, to: Timestamp) -> u32 {
        let hits = q
            .recent()
            .filter(|c| from <= c.effect.from && c.effect.from < to && self.counts(c, q, scope));
        u32::try_from(hits.count()).unwrap_or(u32::MAX)
    }

    /// How many count from somewhat before the span of days that ends with the day of `at`, and when the last
    /// of them takes effect. One day to spare: a local day may be longer than 24 hours.
    fn near(&self, q: &Question<'_>, scope: Scope, at: Timestamp) -> (u32, Option<Timestamp>) {
        let span = SignedDuration::from_hours(24 * (i64::from(self.days) + 1));
        let since = at.saturating_sub(span).unwrap_or(Timestamp::MIN);
        let recent = q.recent().filter(|c| since <= c.effect.from);
        let counted = recent.filter(|c| self.counts(c, q, scope));
        counted.fold((0, None), |(near, last), c| {
            (near + 1, last.max(Some(c.effect.from)))
        })
    }

    fn any_from(&self, q: &Question<'_>, scope: Scope, from: Timestamp) -> bool {
        q.recent()
            .any(|c| from <= c.effect.from && self.counts(c, q, scope))
    }

    fn counts(&self, contact: &PastContact, q: &Question<'_>, scope: Scope) -> bool {
        self.counted.counts(contact, q, scope)
            && (self.consented_count
                || !self
                    .unless
                    .is_some_and(|c| c.covered(q, contact.effect.from)))
    }
}
