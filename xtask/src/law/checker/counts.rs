//! How often: contacts counted one by one, run of days by run of days.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::world::{World, instants, plus};
use crate::law::case::{
    Agreed, Class, Consent, DEBT, FORGOTTEN, Outcome, Past, Stands, WORK_MAILBOX, WORK_PHONE,
};

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) on: &'static [Class],
    pub(super) inbound_too: bool,
    pub(super) these: fn(Outcome) -> bool,
    pub(super) by: By,
    pub(super) place: Place,
}

/// For what each is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Person,
    Debt,
    Number,
}

/// Where it landed. What is not known lies in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Any,
    Home,
    Work,
}

/// At most `max` in any `days` days that follow each other, this one included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) count: Count,
    pub(super) days: i32,
    pub(super) max: usize,
    pub(super) unless: Unless,
    /// Waiting after something that happened: it looks back alone, and what an agreement allowed counts too.
    pub(super) waits: bool,
}

/// An agreement under which contacts are neither limited nor counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unless {
    Nothing,
    /// More calls: for seven days, that of the consent the first, and until the next talk.
    SevenDays,
    Agreed(Agreed),
}

fn counts(count: &Count, past: &Past, world: &World<'_>) -> bool {
    let outcome = match past.stands {
        Stands::Done => past.outcome,
        Stands::UnderWay => Outcome::Unknown,
        Stands::CalledOff | Stands::NeverSent => return false,
    };
    let by = match count.by {
        By::Person => true,
        By::Debt => past.debts.contains(&DEBT),
        By::Number => past.number == world.case.number,
    };
    let at_work = match past.number {
        None | Some(FORGOTTEN) => None,
        Some(number) => Some(number == WORK_MAILBOX || number == WORK_PHONE),
    };
    let place = match count.place {
        Place::Any => true,
        Place::Home => at_work != Some(true),
        Place::Work => at_work != Some(false),
    };
    by && place
        && count.on.contains(&past.class)
        && (count.inbound_too || !past.inbound)
        && (count.these)(outcome)
}

pub(super) fn ever(count: &Count, world: &World<'_>) -> usize {
    world
        .past()
        .filter(|(p, _)| counts(count, p, world))
        .count()
}

pub(super) fn came_before(count: &Count, world: &World<'_>, at: Timestamp) -> bool {
    world
        .past()
        .any(|(p, _)| counts(count, p, world) && p.effect < at)
}

pub(super) fn has_room(run: &Run, world: &World<'_>, at: Timestamp) -> bool {
    let spans = agreed_spans(run.unless, world);
    let end = world.end(at);
    let allowed = |(from, to): &(Timestamp, Timestamp)| *from <= at && at < *to && end <= *to;
    if spans.iter().any(allowed) {
        return true;
    }
    let under = |p: &Past| !run.waits && spans.iter().any(|(a, b)| *a < p.effect && p.effect < *b);
    let counted: Vec<Date> = world
        .past()
        .filter(|(p, _)| counts(&run.count, p, world) && !under(p))
        .map(|(_, day)| day)
        .collect();
    let today = world.day(at);
    // Every run of days that today lies in.
    (0..run.days).all(|back| {
        let first = plus(today, -back);
        let last = plus(first, run.days - 1);
        let is_last = last == today;
        let within = counted.iter().filter(|d| first <= **d && **d <= last);
        (run.waits && !is_last) || within.count() < run.max
    })
}

/// From when to when such agreements hold.
fn agreed_spans(unless: Unless, world: &World<'_>) -> Vec<(Timestamp, Timestamp)> {
    let ends = |c: &Consent| {
        let given = [c.expires, c.revoked].into_iter().flatten().min();
        given.unwrap_or(Timestamp::MAX)
    };
    match unless {
        Unless::Nothing => vec![],
        Unless::Agreed(to) => {
            let all = world.consents(to);
            all.map(|c| (c.received.unwrap_or(Timestamp::MIN), ends(c)))
                .collect()
        }
        Unless::SevenDays => {
            let all = world.consents(Agreed::ExtraCalls);
            let spans = all.filter_map(|c| {
                let received = c.received?;
                let eighth = plus(world.day(received), 7);
                let midnight = instants(&world.zones[0], eighth, jiff::civil::Time::midnight()).0;
                let end = ends(c).min(midnight).min(next_talk(world, received));
                Some((received, end))
            });
            spans.collect()
        }
    }
}

/// When the debt was next talked about by telephone after an instant.
fn next_talk(world: &World<'_>, after: Timestamp) -> Timestamp {
    let talks = world.past().filter(|(p, _)| {
        p.class == Class::Phone
            && p.at > after
            && p.debts.contains(&DEBT)
            && p.stands == Stands::Done
            && p.outcome == Outcome::Conversation
    });
    talks.map(|(p, _)| p.at).min().unwrap_or(Timestamp::MAX)
}

/// At most `max` in any `hours` hours, this one included: every span that begins at a contact, at this one, or
/// so that this one is its last instant.
pub(super) fn has_room_in_hours(
    count: &Count,
    hours: i64,
    max: usize,
    world: &World<'_>,
    at: Timestamp,
) -> bool {
    let length = SignedDuration::from_hours(hours);
    let past = world.past().filter(|(p, _)| counts(count, p, world));
    let times: Vec<Timestamp> = past.map(|(p, _)| p.effect).collect();
    let last = at - length + SignedDuration::from_nanos(1);
    let starts = times.iter().copied().chain([at, last]);
    let mut holding = starts.filter(|from| *from <= at && at < *from + length);
    holding.all(|from| {
        let within = times.iter().filter(|t| from <= **t && **t < from + length);
        within.count() < max
    })
}
