//! A proposal with what rules need again and again, computed once.

use crate::proposal::Proposal;
use jiff::{SignedDuration, Timestamp};
use recoup_domain::day::Day;
use recoup_domain::party::ConsentKind;
use recoup_domain::past::PastContact;
use recoup_domain::time::{Window, Zone};

/// A proposal, the past that can matter to it, and the gate's time.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) proposal: &'a Proposal<'a>,
    /// All past contacts that were given.
    past: &'a [PastContact],
    /// They stand in the order in which they take effect, to the second, as they mostly do.
    in_order: bool,
    pub(crate) now: Timestamp,
    /// The zone in which calendar days are read.
    pub(crate) home: &'a Zone,
    length: SignedDuration,
    /// Days of years that a calendar lacks are read as ordinary ones, and not as closed.
    pub(crate) presumes_ordinary: bool,
}

/// A candidate start of the effect, with its calendar day at home.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) at: Timestamp,
    /// The effect that begins then.
    pub(crate) effect: Window,
    pub(crate) day: Day<'a>,
    /// The first instant of the day after.
    pub(crate) next_day: Timestamp,
}

impl<'a> Question<'a> {
    pub(crate) fn new(proposal: &'a Proposal<'a>, past: &'a [PastContact], now: Timestamp) -> Self {
        let effect = proposal.effect;
        Self {
            proposal,
            past,
            in_order: past.is_sorted_by_key(|c| c.effect.from.as_second()),
            now,
            home: proposal.party.home_zone(),
            length: effect.to.duration_since(effect.from),
            presumes_ordinary: false,
        }
    }

    /// The same question, were the years that calendars lack without a holiday: never to permit by it, only to learn
    /// whether a denial hangs on such a year.
    pub(crate) const fn presuming(self) -> Self {
        Self {
            presumes_ordinary: true,
            ..self
        }
    }

    pub(crate) fn moment(&self, at: Timestamp) -> Moment<'a> {
        self.moment_of(self.window_at(at))
    }

    /// The moment at which an effect begins.
    pub(crate) fn moment_of(&self, effect: Window) -> Moment<'a> {
        let day = self.home.day(effect.from);
        Moment {
            at: effect.from,
            effect,
            day,
            next_day: day.end(),
        }
    }

    /// Where the person may be: the candidate zones, and that of the number or address used, where it indicates
    /// another one.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &'a Zone> + Clone + use<'a> {
        let own = self.proposal.party.zones.iter();
        let told = self.proposal.point.and_then(|point| point.zone.as_ref());
        let known = own.clone();
        let other = told.filter(move |zone| known.clone().all(|own| own != *zone));
        own.chain(other)
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

    /// Past contacts with the proposal's party that take effect at `from` or later.
    pub(crate) fn since(&self, from: Timestamp) -> impl Iterator<Item = &'a PastContact> + use<'a> {
        let second = from.as_second();
        let in_order = self.in_order;
        let party = self.proposal.party.id;
        let last_first = self.past.iter().rev();
        let later =
            last_first.take_while(move |c| !in_order || second <= c.effect.from.as_second());
        later.filter(move |c| from <= c.effect.from && c.party == party)
    }

    /// All past contacts with the proposal's party.
    pub(crate) fn ever(&self) -> impl Iterator<Item = &'a PastContact> + use<'a> {
        let party = self.proposal.party.id;
        self.past.iter().filter(move |c| c.party == party)
    }
}
