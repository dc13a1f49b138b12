//! What a replay gave, as plain data: for programs, and for whoever puts it into words.

use crate::behaviour::{BUCKETS, bucket_name};
use crate::difference::{CHANGES, Difference};
use crate::life::Setting;
use crate::totals::{MoneyTotals, Peak, Totals};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use recoup_domain::{ContactClass, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

/// Days past due, by bucket.
pub type Buckets = Vec<Named>;

/// What a replay gave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Summary {
    /// Name of the behaviour.
    pub behaviour: String,
    /// Where its fitted numbers are from; all others are assumptions.
    pub fitted_from: String,
    /// The seed.
    pub seed: u64,
    /// The first instant, UTC.
    pub start: String,
    /// Days from there on.
    pub days: u32,
    /// One policy, or two to compare.
    pub policies: Vec<PolicySummary>,
    /// The second compared with the first.
    pub difference: Option<Compared>,
}

/// What became of the portfolio under one policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PolicySummary {
    /// The policy, for people.
    pub policy: String,
    /// People replayed.
    pub people: u64,
    /// Cases replayed.
    pub cases: u64,
    /// Cases left out, by reason.
    pub excluded: Vec<Named>,
    /// Days that cases were open, over all of them.
    pub case_days: u64,
    /// People whom any contact was made with.
    pub people_contacted: u64,
    /// People whom one reached.
    pub people_reached: u64,
    /// By kind of contact.
    pub channels: Vec<Channel>,
    /// Contacts by day; those that take effect behind the last day are not made.
    pub by_day: Vec<Day>,
    /// Visits by the bucket of the case at the visit.
    pub visits_by_bucket: Buckets,
    /// How often the gate refused, by the primary rule; a refusal that stands is counted once.
    pub denials: Vec<Named>,
    /// Steps that the gate rules out for good, by rule.
    pub ruled_out: Vec<Named>,
    /// The most calls on a day.
    pub calls_a_day: PeakOf,
    /// The most calls that begin within an hour.
    pub calls_an_hour: PeakOf,
    /// The most visits on a day.
    pub visits_a_day: PeakOf,
    /// Contacts that waited for a person's approval.
    pub approvals: u64,
    /// Promises given.
    pub promises: u64,
    /// Promises that ended: kept, partial, broken.
    pub promises_ended: Vec<Named>,
    /// People who wanted no more contacts of a kind.
    pub opted_out: u64,
    /// People who wanted no more contact.
    pub ceased: u64,
    /// Cases cured.
    pub cured: u64,
    /// Cases before a person at the end.
    pub worklist: u64,
    /// Open cases at the end, by stage.
    pub stages: Vec<Named>,
    /// Money by currency.
    pub money: Vec<Amount>,
}

/// A name and a number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The number.
    pub count: u64,
}

/// A kind of contact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Channel {
    /// The kind.
    pub kind: &'static str,
    /// Contacts made.
    pub made: u64,
    /// Those with proven effect.
    pub completed: u64,
    /// Called off before they took effect.
    pub called_off: u64,
    /// People contacted so.
    pub people: u64,
    /// By outcome.
    pub outcomes: Vec<Tried>,
}

/// What came of contacts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Tried {
    /// The outcome.
    pub outcome: &'static str,
    /// How many.
    pub count: u64,
}

/// Contacts of a day by kind: sms, phone, email, visit, legal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Day {
    /// The day.
    pub date: String,
    /// By kind, in the order of the channels.
    pub contacts: Vec<u32>,
}

/// The most of something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PeakOf {
    /// How many.
    pub count: u64,
    /// When.
    pub when: String,
}

/// Money of one currency, in minor units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Amount {
    /// ISO 4217.
    pub currency: String,
    /// Overdue at the start.
    pub overdue: i128,
    /// Came in.
    pub recovered: i128,
    /// Of it, without any contact.
    pub own_accord: i128,
    /// Of it, after a contact.
    pub after_contacts: i128,
    /// Of it, as promised.
    pub promised: i128,
    /// Cost of the contacts; none where no price is known.
    pub cost: Option<u64>,
    /// Of it, by kind, in the order of the channels.
    pub cost_by_channel: Vec<u64>,
    /// Came in, by day.
    pub by_day: Vec<DayMoney>,
}

/// Money of a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DayMoney {
    /// The day.
    pub date: String,
    /// Minor units.
    pub minor: i64,
}

/// The second policy compared with the first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Compared {
    /// Cases replayed under both.
    pub cases: u64,
    /// Those that differ.
    pub differing: u64,
    /// Those that only one of them can take.
    pub only_one: u64,
    /// By change; a case may be in several.
    pub changes: Vec<ChangedCases>,
}

/// Cases that change in one way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ChangedCases {
    /// The change, for programs.
    pub change: &'static str,
    /// The change, for people: it goes on after "so many cases are".
    pub words: &'static str,
    /// How many.
    pub cases: u64,
    /// The first of them.
    pub first: Vec<String>,
}

/// Puts together what a replay counted. `lived` are the settings with what was counted under each, `named` says how a
/// case is called.
#[must_use]
pub fn summarize(
    lived: &[(Setting<'_>, &str, &Totals)],
    difference: Option<&Difference>,
    named: &dyn Fn(usize) -> String,
) -> Summary {
    let first = lived.first().map(|(setting, ..)| *setting);
    Summary {
        behaviour: first.map_or_else(String::new, |s| s.behaviour.name.clone()),
        fitted_from: first.map_or_else(String::new, |s| s.behaviour.source().to_owned()),
        seed: first.map_or(0, |s| s.seed),
        start: first.map_or_else(String::new, |s| s.start.to_string()),
        days: first.map_or(0, |s| s.days),
        policies: lived
            .iter()
            .map(|(s, name, t)| policy(s, name, t))
            .collect(),
        difference: difference.map(|d| compared(d, named)),
    }
}

fn policy(setting: &Setting<'_>, name: &str, t: &Totals) -> PolicySummary {
    let date = setting.start.to_zoned(TimeZone::UTC).date();
    let on = |day: usize| {
        let day = jiff::Span::new().try_days(i64::try_from(day).unwrap_or(0));
        let at = day.and_then(|d| date.checked_add(d)).unwrap_or(Date::MAX);
        at.to_string()
    };
    let day = |peak: Peak| PeakOf {
        count: peak.count,
        when: if peak.count == 0 {
            String::new()
        } else {
            on(peak.place as usize)
        },
    };
    let hour = t.peak_hour_of_calls();
    let hour = PeakOf {
        count: hour.count,
        when: match hour.count {
            0 => String::new(),
            _ => {
                let after = jiff::SignedDuration::from_hours(i64::from(hour.place));
                setting
                    .start
                    .saturating_add(after)
                    .map_or_else(|_| String::new(), |at| at.to_string())
            }
        },
    };
    let by_day = t.by_day.iter().enumerate();
    let stages = setting.policy.stages().iter().map(|s| s.name.as_str());
    let stages = stages.chain(["(none)"]).zip(&t.stages);
    let ended = ["kept", "partial", "broken"]
        .into_iter()
        .zip(t.promises_ended);
    PolicySummary {
        policy: name.to_owned(),
        people: t.people,
        cases: t.cases,
        excluded: t
            .excluded
            .iter()
            .map(|(why, n)| named(why.words(), *n))
            .collect(),
        case_days: t.case_days,
        people_contacted: t.people_contacted,
        people_reached: t.people_reached,
        channels: ContactClass::ALL
            .into_iter()
            .map(|class| channel(t, class))
            .collect(),
        by_day: by_day
            .map(|(day, contacts)| Day {
                date: on(day),
                contacts: contacts.to_vec(),
            })
            .collect(),
        visits_by_bucket: (0..BUCKETS)
            .map(|b| named(bucket_name(b), t.visits_by_bucket[b]))
            .collect(),
        denials: most_first(&t.denials),
        ruled_out: most_first(&t.never),
        calls_a_day: day(t.peak_day(ContactClass::Phone)),
        calls_an_hour: hour,
        visits_a_day: day(t.peak_day(ContactClass::Visit)),
        approvals: t.approvals,
        promises: t.promises,
        promises_ended: ended.map(|(name, n)| named(name, n)).collect(),
        opted_out: t.opted_out,
        ceased: t.ceased,
        cured: t.cured,
        worklist: t.worklist,
        stages: stages.map(|(name, n)| named(name, *n)).collect(),
        money: t
            .money
            .iter()
            .map(|(c, m)| amount(c.code(), m, &on))
            .collect(),
    }
}

fn named(name: &str, count: u64) -> Named {
    Named {
        name: name.to_owned(),
        count,
    }
}

fn most_first(counts: &BTreeMap<String, u64>) -> Vec<Named> {
    let mut all: Vec<Named> = counts.iter().map(|(name, n)| named(name, *n)).collect();
    // Equals stay in the order of their names.
    all.sort_by_key(|n| std::cmp::Reverse(n.count));
    all
}

fn channel(t: &Totals, class: ContactClass) -> Channel {
    let counts = t.outcomes[class as usize];
    let outcomes = Outcome::ALL.into_iter().zip(counts);
    let proven = outcomes.clone().filter(|(o, _)| o.meaning().effect_proven);
    Channel {
        kind: class.name(),
        made: t.made(class),
        completed: proven.map(|(_, n)| n).sum(),
        called_off: t.called_off[class as usize],
        people: t.people_by_class[class as usize],
        outcomes: outcomes
            .filter(|(_, n)| *n > 0)
            .map(|(o, count)| Tried {
                outcome: o.name(),
                count,
            })
            .collect(),
    }
}

fn amount(currency: &str, m: &MoneyTotals, on: &dyn Fn(usize) -> String) -> Amount {
    Amount {
        currency: currency.to_owned(),
        overdue: m.overdue,
        recovered: m.own_accord + m.contacts + m.promised,
        own_accord: m.own_accord,
        after_contacts: m.contacts,
        promised: m.promised,
        cost: (!m.unpriced).then(|| m.cost.iter().sum()),
        cost_by_channel: m.cost.to_vec(),
        by_day: m
            .by_day
            .iter()
            .enumerate()
            .map(|(day, minor)| DayMoney {
                date: on(day),
                minor: *minor,
            })
            .collect(),
    }
}

fn compared(d: &Difference, called: &dyn Fn(usize) -> String) -> Compared {
    let changes = CHANGES.into_iter().zip(&d.changes);
    Compared {
        cases: d.cases,
        differing: d.differing,
        only_one: d.only_one,
        changes: changes
            .map(|((_, change, words), counted)| ChangedCases {
                change,
                words,
                cases: counted.cases,
                first: counted.first.iter().map(|case| called(*case)).collect(),
            })
            .collect(),
    }
}
