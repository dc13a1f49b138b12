//! Counting past contacts over local calendar days: what the frequency shapes share.

use super::Answer;
use crate::gate::DAYS_AHEAD;
use crate::question::{Moment, Question};
use crate::rule::Scope;
use crate::sets::{Classes, Outcomes};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::contact::ContactClass;
use recoup_domain::day::Day;
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

    /// The starts from `at` on at which a consent covers the whole effect: of each the least, and the end.
    fn opens<'a>(
        self,
        q: &'a Question<'_>,
        at: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'a {
        self.spans(q).filter_map(move |(from, end)| {
            let start = from.max(at);
            (start < end && q.window_at(start).to <= end).then_some((start, end))
        })
    }

    /// The end of a consent that covers the whole effect from `at`.
    fn covers(self, q: &Question<'_>, at: Timestamp) -> Option<Timestamp> {
        let now = self.opens(q, at).filter(|(start, _)| *start == at);
        now.map(|(_, end)| end).max()
    }

    /// The least start from `at` on that a consent covers.
    fn next_start(self, q: &Question<'_>, at: Timestamp) -> Option<Timestamp> {
        self.opens(q, at).map(|(start, _)| start).min()
    }

    /// Whether a past contact was made under the consent. One at the instant of the consent was not.
    fn covered(self, q: &Question<'_>, at: Timestamp) -> bool {
        self.spans(q).any(|(from, end)| from < at && at < end)
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

/// What a limit sees from one day.
struct View {
    /// A further contact on this day would be one too many.
    full: bool,
    /// Contacts that count lie ahead of the day.
    ahead: bool,
}

impl Limit<'_> {
    pub(super) fn judge(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> Answer {
        if let Some(until) = self.unless.and_then(|c| c.covers(q, m.at)) {
            return Answer::Open { until };
        }
        let view = self.view(q, scope, m);
        if !view.full {
            let until = if view.ahead {
                m.next_day
            } else {
                Timestamp::MAX
            };
            return Answer::Open { until };
        }
        let day = self.next_day(q, scope, m.day.date());
        let consent = self.unless.and_then(|c| c.next_start(q, m.at));
        Answer::Shut {
            next: day.into_iter().chain(consent).min(),
        }
    }

    #[inline]
    fn view(&self, q: &Question<'_>, scope: Scope, m: &Moment<'_>) -> View {
        let (mut made, mut ahead) = (0, false);
        let behind = q.since(m.day.start_before(self.days - 1));
        for contact in behind.filter(|c| self.counts(c, q, scope)) {
            if contact.effect.from < m.next_day {
                made += 1;
            } else {
                ahead = true;
            }
        }
        let full_ahead = || self.looks_ahead && self.full_ahead(q, scope, m.day.date());
        let full = made >= self.max || (ahead && full_ahead());
        View { full, ahead }
    }

    /// Whether some span that holds `day` and ends after it is full.
    fn full_ahead(&self, q: &Question<'_>, scope: Scope, day: Date) -> bool {
        (1..self.days).any(|ahead| {
            let last = Day::of(q.home, add_days(day, ahead));
            let (from, to) = (last.start_before(self.days - 1), last.end());
            let made = q.since(from).filter(|c| c.effect.from < to);
            let made = made.filter(|c| self.counts(c, q, scope)).count();
            u32::try_from(made).is_ok_and(|made| made >= self.max)
        })
    }

    fn next_day(&self, q: &Question<'_>, scope: Scope, day: Date) -> Option<Timestamp> {
        (1..=DAYS_AHEAD)
            .map(|ahead| q.moment(q.home.start_of_day(add_days(day, ahead))))
            .find(|m| !self.view(q, scope, m).full)
            .map(|m| m.at)
    }

    fn counts(&self, contact: &PastContact, q: &Question<'_>, scope: Scope) -> bool {
        self.counted.counts(contact, q, scope)
            && (self.consented_count
                || !self
                    .unless
                    .is_some_and(|c| c.covered(q, contact.effect.from)))
    }
}
