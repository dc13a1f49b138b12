//! A state as a timeline that a strategist can follow: dates, days past due, contacts, and where the case stands.

use super::space::{CLASSES, Space, made};
use jiff::civil::{Date, date};
use recoup_domain::time::add_days;
use recoup_domain::{ContactClass, Outcome};
use recoup_policy::explore::{ANY, Axis, Fact, Of, Probe, class_of};
use std::collections::BTreeMap;

/// A Monday: the due date, unless the day of the week asks for another one.
pub(super) const DUE: Date = date(2026, 3, 2);
/// Contacts told one by one; of more, the first and the last.
const TOLD_MAX: usize = 5;
/// Days before the end that are walked through for the stages on the way.
const WALKED_MAX: i64 = 500;

/// A state in numbers, and how a case may come to it.
pub(super) struct Example<'p> {
    space: &'p Space<'p>,
    values: BTreeMap<Fact, Option<i64>>,
    /// Day past due of each contact, earliest first.
    contacts: Vec<(i64, ContactClass, Outcome)>,
}

impl<'p> Example<'p> {
    pub(super) fn of(space: &'p Space<'p>, state: &[usize]) -> Self {
        let value = |(axis, cell): (&Axis, &usize)| (axis.fact, axis.cells[*cell].value());
        let values = space.axes.iter().zip(state).map(value).collect();
        let mut example = Self {
            space,
            values,
            contacts: Vec::new(),
        };
        example.settle(state);
        example
    }

    fn number(&self, fact: Fact) -> Option<i64> {
        self.values.get(&fact).copied().flatten()
    }

    pub(super) fn dpd(&self) -> i64 {
        self.number(Fact::Dpd).unwrap_or(1)
    }

    /// Makes the counts agree with each other, and the contacts with the counts.
    fn settle(&mut self, state: &[usize]) {
        let mut counts = [0; CLASSES];
        for group in 0..ANY {
            let completed = self.number(Fact::Contacts(group, Of::Completed));
            let least = completed.unwrap_or(0);
            if let Some(n) = self.number(made(group)) {
                counts[usize::from(group)] = n.max(least);
                self.values.insert(made(group), Some(n.max(least)));
            }
        }
        let completed_any = self.number(Fact::Contacts(ANY, Of::Completed)).unwrap_or(0);
        let any = self.number(made(ANY)).unwrap_or(0).max(completed_any);
        let mut missing = any - counts.iter().sum::<i64>();
        // What no condition counts by its kind goes to a kind that has room.
        for group in [3_u8, 1, 0, 2, 4].into_iter().rev().chain(0..ANY).rev() {
            let room = match self.space.place(made(group)) {
                Some(axis) => {
                    let most = self.space.span(axis, state[axis]).map_or(0, |(_, to)| to);
                    most - counts[usize::from(group)]
                }
                None => missing,
            };
            let more = missing.min(room).max(0);
            counts[usize::from(group)] += more;
            missing -= more;
            if self.values.contains_key(&made(group)) {
                self.values
                    .insert(made(group), Some(counts[usize::from(group)]));
            }
        }
        self.values
            .insert(made(ANY), Some(counts.iter().sum::<i64>()));
        self.contacts = self.made_up(&counts);
    }

    /// Contacts that come to the counts, one a day, the last as long ago as it must be.
    fn made_up(&self, counts: &[i64; CLASSES]) -> Vec<(i64, ContactClass, Outcome)> {
        let mut all = Vec::new();
        for class in ContactClass::ALL {
            let group = class as u8;
            let n = counts[class as usize].min(1_000);
            let since = |g| self.number(Fact::Contacts(g, Of::DaysSinceLast));
            let since = since(group).or(since(ANY)).unwrap_or(1);
            let proven = self.number(Fact::Contacts(group, Of::Completed));
            for i in 0..n {
                let outcome = if i + 1 == n {
                    self.last_outcome(group)
                } else {
                    None
                };
                let is_proven = proven.is_some_and(|p| i < p);
                let day = self.dpd() - since - (n - 1 - i);
                all.push((day, class, outcome.unwrap_or(plain(class, is_proven))));
            }
        }
        all.sort_by_key(|(day, class, _)| (*day, *class as u8));
        all
    }

    fn last_outcome(&self, group: u8) -> Option<Outcome> {
        let own = self.number(Fact::Contacts(group, Of::LastOutcome));
        let any = self.number(Fact::Contacts(ANY, Of::LastOutcome));
        let number = own.or(any)?;
        let outcome = Outcome::ALL.get(usize::try_from(number).ok()?).copied()?;
        let class = class_of(group)?;
        outcome.fits(class).then_some(outcome)
    }

    /// The stage that the policy's own program finds for the numbers of the example.
    pub(super) fn stage(&self) -> Option<u8> {
        self.probe().stage()
    }

    fn probe(&self) -> Probe<'p> {
        let mut probe = Probe::new(self.space.policy);
        for (fact, value) in &self.values {
            probe.set(*fact, *value);
        }
        probe
    }

    /// The date on which a case is `dpd` days past due.
    pub(super) fn date(&self, dpd: i64) -> Date {
        let asked = self.number(Fact::Weekday);
        let shift = asked.map_or(0, |weekday| (weekday - 1 - self.dpd()).rem_euclid(7));
        add_days(DUE, i32::try_from(dpd + shift).unwrap_or(0))
    }

    /// A line of the timeline.
    pub(super) fn line(&self, dpd: i64, text: &str) -> String {
        format!("{} DPD {dpd}: {text}", self.date(dpd))
    }

    /// How the case comes there, and what is wrong then.
    pub(super) fn lines(&self, end: &str) -> Vec<String> {
        let last = self.dpd();
        let mut lines = vec![self.line(last.min(0), "the loan falls due; the case is open")];
        let mut told: Vec<(i64, String)> = self.stages_before();
        let few = self.contacts.len() <= TOLD_MAX;
        for (i, (day, class, outcome)) in self.contacts.iter().enumerate() {
            if few || i == 0 || i + 1 == self.contacts.len() {
                told.push((*day, format!("{class} is made: {outcome}")));
            } else if i == 1 {
                let more = self.contacts.len() - 2;
                told.push((*day, format!("and {more} more contacts from here on")));
            }
        }
        // Stable: who comes to a stage is contacted after that.
        told.sort_by_key(|(day, _)| *day);
        lines.extend(told.iter().map(|(day, text)| self.line(*day, text)));
        let used_up: Vec<String> = self
            .stages_used_up()
            .map(|name| format!("`{name}`"))
            .collect();
        if !used_up.is_empty() {
            let text = format!(
                "each step of {} is made as often as it may be, or passed over",
                used_up.join(" and ")
            );
            lines.push(self.line(last, &text));
        }
        let facts = self.facts();
        if !facts.is_empty() {
            lines.push(self.line(last, &facts.join(", ")));
        }
        lines.push(self.line(last, end));
        lines
    }

    /// Where the case stood on the days before, with the facts of the end: each change of its stage.
    fn stages_before(&self) -> Vec<(i64, String)> {
        let last = self.dpd();
        let first = self.contacts.first().map_or(1, |c| c.0.min(1));
        let mut told = Vec::new();
        if last - first > WALKED_MAX {
            return told;
        }
        let mut before = None;
        for day in first..last {
            let stage = self.stage_on(day);
            if stage != before {
                let stages = self.space.policy.stages();
                let text = match stage.and_then(|s| stages.get(usize::from(s))) {
                    Some(stage) => format!("the case comes to `{}`", stage.name),
                    None => "the case stands in no stage".to_owned(),
                };
                told.push((day, text));
            }
            before = stage;
        }
        told
    }

    /// The stage at the start of a day: what grows was less by then, and no stage is used up before the end.
    fn stage_on(&self, day: i64) -> Option<u8> {
        let policy = self.space.policy;
        let mut probe = Probe::new(policy);
        for (fact, value) in &self.values {
            let value = match fact {
                Fact::Dpd => Some(day),
                Fact::AgeDays => value.map(|age| (age - (self.dpd() - day)).max(0)),
                Fact::Weekday => Some(i64::from(self.date(day).weekday().to_monday_one_offset())),
                Fact::Exhausted(_) => Some(0),
                Fact::Contacts(group, of) => self.contacts_on(day, *group, *of),
                _ => *value,
            };
            probe.set(*fact, value);
        }
        if self.values.contains_key(&Fact::Segment) {
            let mut whens = policy.when_parts();
            let segment = whens.position(|when| probe.holds(when));
            probe.set(Fact::Segment, segment.map(|s| s as i64));
        }
        probe.stage()
    }

    /// What was known of the contacts of a group at the start of a day.
    fn contacts_on(&self, day: i64, group: u8, of: Of) -> Option<i64> {
        let of_group = |class: ContactClass| group == ANY || class as u8 == group;
        let made: Vec<_> = self
            .contacts
            .iter()
            .filter(|c| c.0 < day && of_group(c.1))
            .collect();
        match of {
            Of::Made => Some(made.len() as i64),
            Of::Completed => {
                let proven = made.iter().filter(|c| c.2.meaning().effect_proven);
                Some(proven.count() as i64)
            }
            Of::DaysSinceLast => made.last().map(|c| day - c.0),
            Of::LastOutcome => made.last().map(|c| c.2 as i64),
        }
    }

    fn stages_used_up(&self) -> impl Iterator<Item = &'p str> {
        let stages = self.space.policy.stages().iter().enumerate();
        let is = |i: usize| self.number(Fact::Exhausted(i as u8)) == Some(1);
        stages
            .filter(move |(i, _)| is(*i))
            .map(|(_, stage)| stage.name.as_str())
    }

    /// What the lender and the borrower brought about, as far as conditions ask for it.
    fn facts(&self) -> Vec<String> {
        let policy = self.space.policy;
        let told = |fact: &Fact| match fact {
            Fact::Dpd | Fact::Contacts(..) | Fact::Exhausted(_) => false,
            Fact::Flag(_) => self.number(*fact) != Some(0),
            _ => true,
        };
        let facts = self.values.iter().filter(|(fact, _)| told(fact));
        facts
            .map(|(fact, value)| {
                let name = policy.fact_in_words(*fact);
                format!("{name} is {}", policy.value_in_words(*fact, *value))
            })
            .collect()
    }
}

/// What comes of a contact where nothing asks for more than whether its effect is proven.
const fn plain(class: ContactClass, proven: bool) -> Outcome {
    match (class, proven) {
        (ContactClass::Sms | ContactClass::Email, true) => Outcome::Delivered,
        (ContactClass::Phone, true) => Outcome::Conversation,
        (ContactClass::Visit, true) => Outcome::Visited,
        (ContactClass::Legal, true) => Outcome::Filed,
        (ContactClass::Phone, false) => Outcome::NoAnswer,
        (ContactClass::Visit, false) => Outcome::NobodyContacted,
        (ContactClass::Sms | ContactClass::Email | ContactClass::Legal, false) => {
            Outcome::Undelivered
        }
    }
}
