//! A proposal with what rules need again and again, computed once.

use crate::proposal::Proposal;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::party::ConsentKind;
use recoup_domain::past::PastContact;
use recoup_domain::time::{Window, Zone, add_days};

/// A proposal, the past that can matter to it, and the gate's time.
pub(crate) struct Question<'a> {
    pub(crate) proposal: &'a Proposal<'a>,
    /// All past contacts that were given.
    pub(crate) past: &'a [PastContact],
    /// From the first contact on that lies within the longest span any bound rule counts.
    pub(crate) recent: &'a [PastContact],
    pub(crate) now: Timestamp,
    /// The zone in which calendar days are read.
    pub(crate) home: &'a Zone,
    pub(crate) length: SignedDuration,
}

/// A candidate start of the effect, with its calendar day at home.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) day: Date,
    /// The first instant of `day`.
    pub(crate) day_start: Timestamp,
    /// The first instant of the day after.
    pub(crate) next_day: Timestamp,
}

impl<'a> Question<'a> {
    /// `days_max` is the longest span of days that any bound rule counts over.
    pub(crate) fn new(
        proposal: &'a Proposal<'a>,
        past: &'a [PastContact],
        now: Timestamp,
        days_max: i32,
    ) -> Self {
        let home = proposal.party.home_zone();
        let from = proposal.effect.from;
        // One day to spare: a local day may be longer than 24 hours.
        let span = SignedDuration::from_hours(24 * (i64::from(days_max) + 1));
        let oldest = from.saturating_sub(span).unwrap_or(Timestamp::MIN);
        let first = past.iter().position(|c| c.effect.from >= oldest);
        Self {
            proposal,
            past,
            recent: &past[first.unwrap_or(past.len())..],
            now,
            home,
            length: proposal.effect.to.duration_since(from),
        }
    }

    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        let day = self.home.date(at);
        if let Some(plain) = self.home.plain_day(at)
            && let Some(next_day) = plain.end()
        {
            let day_start = plain.start;
            return Moment {
                at,
                day,
                day_start,
                next_day,
            };
        }
        Moment {
            at,
            day,
            day_start: self.home.start_of_day(day),
            next_day: self.home.start_of_day(add_days(day, 1)),
        }
    }

    /// The effect window if it began at `at`.
    pub(crate) fn window_at(&self, at: Timestamp) -> Window {
        Window::starting(at, self.length)
    }

    /// Until when a consent of `kind` covers the whole `effect`, if one does. A consent only ends: one that
    /// covers no effect now covers none later.
    pub(crate) fn consent(&self, kind: ConsentKind, effect: Window) -> Option<Timestamp> {
        let p = self.proposal;
        let point = p.point.map(|point| point.key);
        let consents = p.party.consents.iter();
        consents
            .filter(|c| c.is_about(kind, p.debt, p.class, point))
            .filter(|c| c.received_at.is_none_or(|r| r <= self.now))
            .map(|c| c.ends_at().unwrap_or(Timestamp::MAX))
            .filter(|end| effect.from < *end && effect.to <= *end)
            .max()
    }

    /// Past contacts with the proposal's party within the longest counted span.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &'a PastContact> + use<'a> {
        let party = self.proposal.party.id;
        self.recent.iter().filter(move |c| c.party == party)
    }

    /// All past contacts with the proposal's party.
    pub(crate) fn ever(&self) -> impl DoubleEndedIterator<Item = &'a PastContact> + use<'a> {
        let party = self.proposal.party.id;
        self.past.iter().filter(move |c| c.party == party)
    }
}
