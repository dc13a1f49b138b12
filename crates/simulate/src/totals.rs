//! What a replay counts. Sums of whole numbers alone: in whatever order parts are added, the same total.

use crate::behaviour::BUCKETS;
use recoup_domain::{ContactClass, Currency, Outcome};
use std::collections::BTreeMap;

/// Kinds of contact.
pub(crate) const CLASSES: usize = ContactClass::ALL.len();
const OUTCOMES: usize = Outcome::ALL.len();

/// Why a case cannot be replayed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Excluded {
    /// The policy is about another currency.
    Currency,
    /// No pack knows the law of its place.
    Law,
    /// It was closed before the start.
    Closed,
}

impl Excluded {
    /// Why, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Currency => "the policy is about another currency",
            Self::Law => "no rule pack knows the place",
            Self::Closed => "closed before the start",
        }
    }
}

/// Money of one currency, in minor units.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct MoneyTotals {
    /// Overdue at the start.
    pub(crate) overdue: i128,
    /// Came in without any contact.
    pub(crate) own_accord: i128,
    /// Followed a contact.
    pub(crate) contacts: i128,
    /// Was promised.
    pub(crate) promised: i128,
    /// All of it, by day.
    pub(crate) by_day: Vec<i64>,
    /// What contacts cost, by kind.
    pub(crate) cost: [u64; CLASSES],
    /// No price of a contact in the currency is known.
    pub(crate) unpriced: bool,
}

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Totals {
    /// People who have a case that was replayed.
    pub people: u64,
    /// Cases replayed.
    pub cases: u64,
    /// Days that cases were open, over all of them.
    pub case_days: u64,
    /// How often the step was asked.
    pub decisions: u64,
    pub(crate) outcomes: [[u64; OUTCOMES]; CLASSES],
    pub(crate) by_day: Vec<[u32; CLASSES]>,
    pub(crate) calls_by_hour: Vec<u32>,
    pub(crate) visits_by_bucket: [u64; BUCKETS],
    pub(crate) denials: BTreeMap<String, u64>,
    pub(crate) never: BTreeMap<String, u64>,
    pub(crate) people_reached: u64,
    pub(crate) people_contacted: u64,
    pub(crate) people_by_class: [u64; CLASSES],
    pub(crate) called_off: [u64; CLASSES],
    pub(crate) approvals: u64,
    pub(crate) promises: u64,
    /// Kept, partial, broken.
    pub(crate) promises_ended: [u64; 3],
    pub(crate) opted_out: u64,
    pub(crate) ceased: u64,
    pub(crate) cured: u64,
    pub(crate) worklist: u64,
    /// Open cases at the end by stage; the last one is: in none.
    pub(crate) stages: Vec<u64>,
    pub(crate) money: BTreeMap<Currency, MoneyTotals>,
    pub(crate) excluded: BTreeMap<Excluded, u64>,
}

/// The most of something in one stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peak {
    /// How many.
    pub count: u64,
    /// Which stretch, counted from the start; the first of equals.
    pub place: u32,
}

impl Totals {
    /// Of a replay of so many days under a policy of so many stages.
    #[must_use]
    pub fn new(days: u32, stages: usize) -> Self {
        let days = days as usize;
        Self {
            people: 0,
            cases: 0,
            case_days: 0,
            decisions: 0,
            outcomes: [[0; OUTCOMES]; CLASSES],
            by_day: vec![[0; CLASSES]; days],
            calls_by_hour: vec![0; days * 24],
            visits_by_bucket: [0; BUCKETS],
            denials: BTreeMap::new(),
            never: BTreeMap::new(),
            people_reached: 0,
            people_contacted: 0,
            people_by_class: [0; CLASSES],
            called_off: [0; CLASSES],
            approvals: 0,
            promises: 0,
            promises_ended: [0; 3],
            opted_out: 0,
            ceased: 0,
            cured: 0,
            worklist: 0,
            stages: vec![0; stages + 1],
            money: BTreeMap::new(),
            excluded: BTreeMap::new(),
        }
    }

    /// Adds what another part counted.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in [
            (&mut self.people, other.people),
            (&mut self.cases, other.cases),
            (&mut self.case_days, other.case_days),
            (&mut self.decisions, other.decisions),
            (&mut self.people_reached, other.people_reached),
            (&mut self.people_contacted, other.people_contacted),
            (&mut self.approvals, other.approvals),
            (&mut self.promises, other.promises),
            (&mut self.opted_out, other.opted_out),
            (&mut self.ceased, other.ceased),
            (&mut self.cured, other.cured),
            (&mut self.worklist, other.worklist),
        ] {
            *own += more;
        }
        for (own, more) in self.outcomes.iter_mut().zip(&other.outcomes) {
            sum(own, more);
        }
        for (own, more) in self.by_day.iter_mut().zip(&other.by_day) {
            own.iter_mut()
                .zip(more)
                .for_each(|(own, more)| *own += more);
        }
        let hours = self.calls_by_hour.iter_mut().zip(&other.calls_by_hour);
        hours.for_each(|(own, more)| *own += more);
        sum(&mut self.visits_by_bucket, &other.visits_by_bucket);
        sum(&mut self.people_by_class, &other.people_by_class);
        sum(&mut self.called_off, &other.called_off);
        sum(&mut self.promises_ended, &other.promises_ended);
        sum(&mut self.stages, &other.stages);
        for (own, more) in [
            (&mut self.denials, &other.denials),
            (&mut self.never, &other.never),
        ] {
            for (rule, n) in more {
                count(own, rule, *n);
            }
        }
        for (why, n) in &other.excluded {
            *self.excluded.entry(*why).or_default() += n;
        }
        for (currency, more) in &other.money {
            self.money.entry(*currency).or_default().add(more);
        }
    }

    /// Contacts made by a kind, whatever came of them.
    #[must_use]
    pub fn made(&self, class: ContactClass) -> u64 {
        self.outcomes[class as usize].iter().sum()
    }

    pub(crate) fn settled(&mut self, class: ContactClass, outcome: Outcome, day: u32) {
        self.outcomes[class as usize][outcome as usize] += 1;
        if let Some(day) = self.by_day.get_mut(day as usize) {
            day[class as usize] += 1;
        }
    }

    /// The most contacts of a kind on a day.
    #[must_use]
    pub fn peak_day(&self, class: ContactClass) -> Peak {
        peak(self.by_day.iter().map(|day| day[class as usize]))
    }

    /// The most calls that begin within an hour.
    #[must_use]
    pub fn peak_hour_of_calls(&self) -> Peak {
        peak(self.calls_by_hour.iter().copied())
    }
}

impl MoneyTotals {
    fn add(&mut self, other: &Self) {
        self.overdue += other.overdue;
        self.own_accord += other.own_accord;
        self.contacts += other.contacts;
        self.promised += other.promised;
        self.unpriced |= other.unpriced;
        sum(&mut self.cost, &other.cost);
        if self.by_day.len() < other.by_day.len() {
            self.by_day.resize(other.by_day.len(), 0);
        }
        let days = self.by_day.iter_mut().zip(&other.by_day);
        days.for_each(|(own, more)| *own += more);
    }
}

fn sum(own: &mut [u64], more: &[u64]) {
    own.iter_mut()
        .zip(more)
        .for_each(|(own, more)| *own += more);
}

/// One more of a name; most are known already.
pub(crate) fn count(counts: &mut BTreeMap<String, u64>, name: &str, n: u64) {
    match counts.get_mut(name) {
        Some(known) => *known += n,
        None => {
            counts.insert(name.to_owned(), n);
        }
    }
}

fn peak(counts: impl Iterator<Item = u32>) -> Peak {
    let mut peak = Peak::default();
    for (place, n) in (0..).zip(counts) {
        if u64::from(n) > peak.count {
            peak = Peak {
                count: u64::from(n),
                place,
            };
        }
    }
    peak
}
