//! A replay on the wire.

use std::collections::HashMap;

use recoup_domain::{Currency, Money};
use recoup_simulate::{Amount, Compared, Named, PeakOf, PolicySummary, Summary};

use super::value;
use crate::api::google::r#type as google;
use crate::api::recoup::v1;

/// The result; `report` is empty where none was asked for.
#[must_use]
pub fn result(summary: &Summary, start: jiff::Timestamp, report: String) -> v1::SimulationResult {
    v1::SimulationResult {
        start_time: Some(value::to_instant(start)),
        days: i32::try_from(summary.days).unwrap_or(i32::MAX),
        seed: summary.seed,
        behaviour: summary.behaviour.clone(),
        fitted_from: summary.fitted_from.clone(),
        policies: summary.policies.iter().map(policy).collect(),
        difference: summary.difference.as_ref().map(difference),
        report_html: report,
    }
}

fn policy(p: &PolicySummary) -> v1::SimulatedPolicy {
    let kinds = || p.channels.iter().map(|c| c.kind.to_owned());
    let day = |d: &recoup_simulate::Day| {
        let counts = d.contacts.iter().map(|n| i64::from(*n));
        v1::SimulatedDay {
            date: d.date.clone(),
            contacts: kinds().zip(counts).filter(|(_, n)| *n > 0).collect(),
        }
    };
    v1::SimulatedPolicy {
        policy: p.policy.clone(),
        cases: count(p.cases),
        people: count(p.people),
        people_contacted: count(p.people_contacted),
        people_reached: count(p.people_reached),
        case_days: count(p.case_days),
        contacts: kinds()
            .zip(p.channels.iter().map(|c| count(c.made)))
            .collect(),
        by_day: p.by_day.iter().map(day).collect(),
        visits_by_bucket: named(&p.visits_by_bucket),
        denials: named(&p.denials),
        steps_ruled_out: named(&p.ruled_out),
        stages: named(&p.stages),
        excluded: named(&p.excluded),
        calls_a_day: Some(peak(&p.calls_a_day)),
        calls_an_hour: Some(peak(&p.calls_an_hour)),
        visits_a_day: Some(peak(&p.visits_a_day)),
        approvals: count(p.approvals),
        promises: count(p.promises),
        cured: count(p.cured),
        worklist: count(p.worklist),
        money: p.money.iter().map(money).collect(),
    }
}

fn difference(d: &Compared) -> v1::SimulationDifference {
    let change = |c: &recoup_simulate::ChangedCases| v1::SimulatedChange {
        change: c.change.to_owned(),
        cases: count(c.cases),
        first_case_ids: c.first.clone(),
    };
    v1::SimulationDifference {
        cases: count(d.cases),
        differing_cases: count(d.differing),
        only_one: count(d.only_one),
        changes: d.changes.iter().map(change).collect(),
    }
}

fn money(m: &Amount) -> v1::SimulatedMoney {
    // Sums over a portfolio: what is beyond 64 bits of minor units is shown as their end.
    let minor = |sum: i128| {
        let ends = i64::MIN.into()..=i64::MAX.into();
        sum.clamp(*ends.start(), *ends.end()) as i64
    };
    let of = |sum: i128| -> Option<google::Money> {
        let currency = Currency::new(&m.currency).ok()?;
        Some(value::to_money(Money::new(minor(sum), currency)))
    };
    v1::SimulatedMoney {
        overdue: of(m.overdue),
        recovered: of(m.recovered),
        own_accord: of(m.own_accord),
        after_contacts: of(m.after_contacts),
        promised: of(m.promised),
        cost: m.cost.and_then(|cost| of(cost.into())),
    }
}

fn peak(p: &PeakOf) -> v1::SimulationPeak {
    v1::SimulationPeak {
        count: count(p.count),
        when: p.when.clone(),
    }
}

fn named(all: &[Named]) -> HashMap<String, i64> {
    let some = all.iter().filter(|n| n.count > 0);
    some.map(|n| (n.name.clone(), count(n.count))).collect()
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
