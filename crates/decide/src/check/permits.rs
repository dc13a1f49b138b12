//! Whether law ever lets a step through, where borrowers are.

use super::example::DUE;
use super::world::World;
use super::{Question, Report, code, listed};
use jiff::Timestamp;
use recoup_compliance::{
    Audience, Binding, CaseFacts, DebtorFacts, NoTrace, Packs, Proposal, Purpose, Verdict, gate,
};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::party::{ContactPoint, Relation};
use recoup_domain::time::Window;
use recoup_policy::{Policy, Step};
use std::collections::BTreeSet;

/// How often the gate is asked for a step in one case: each answer names the next instant.
const QUESTIONS_MAX: usize = 16;
/// Days past due that are tried: rules know thresholds, between them nothing changes.
const DPDS: [i32; 7] = [1, 8, 31, 61, 91, 121, 181];
const LENDERS: [LenderKind; 4] = [
    LenderKind::FirstParty,
    LenderKind::Agency,
    LenderKind::MicroloanCompany,
    LenderKind::Bank,
];

pub(super) fn ask(policy: &Policy, question: &Question<'_>, report: &mut Report) {
    let Some(packs) = question.packs.filter(|_| !question.regions.is_empty()) else {
        let why = "whether law ever permits each step: no region of borrowers was given";
        report.unchecked.push(why.to_owned());
        return;
    };
    for region in question.regions {
        if !packs.knows(region) {
            let why = format!(
                "whether law permits each step in {region}: no rule pack knows that region"
            );
            report.unchecked.push(why);
            continue;
        }
        for stage in policy.stages() {
            for (n, step) in stage.steps.iter().enumerate() {
                let place = (region.as_str(), stage.name.as_str(), n, step);
                if let Err(rules) = permitted(packs, region, step, Consents::All) {
                    never(place, rules, report);
                } else if let Err(rules) = permitted(packs, region, step, Consents::None) {
                    only_consented(place, rules, report);
                }
            }
        }
    }
}

/// A region, a stage's name, and one of its steps with its index.
type Place<'a> = (&'a str, &'a str, usize, &'a Step);

fn never((region, stage, n, step): Place<'_>, rules: BTreeSet<String>, report: &mut Report) {
    let message = format!(
        "step {} of stage `{stage}` ({}) is never permitted in {region}, even to somebody who was talked to and \
         consents: {}",
        n + 1,
        step.class,
        listed(rules.iter().cloned())
    );
    let hint =
        "take another channel or other hours in `between`, or another policy for that region";
    let due = format!("{DUE} DPD 0: the loan falls due, the borrower is in {region}");
    let asked = rules.iter().map(|rule| {
        let days = super::moving::DAYS;
        format!("within {days} days: {} is refused by {rule}", step.class)
    });
    let lines = std::iter::once(due).chain(asked).collect();
    report.show(code::NEVER_PERMITTED, step.place, message, hint, lines);
}

fn only_consented(
    (region, stage, n, step): Place<'_>,
    rules: BTreeSet<String>,
    report: &mut Report,
) {
    let message = format!(
        "step {} of stage `{stage}` ({}) is permitted in {region} only to somebody who consented: {}",
        n + 1,
        step.class,
        listed(rules)
    );
    let hint = "record the consents that there are, or mind the hours in `between`; whoever consented to nothing is \
                passed over";
    report.find(code::ONLY_CONSENTED, step.place, message, hint);
}

/// What the borrower agreed to.
#[derive(Clone, Copy)]
enum Consents {
    All,
    None,
}

/// Whether some lender may ever make a contact of the step; else the rules that forbid it.
fn permitted(
    packs: &Packs,
    region: &str,
    step: &Step,
    consents: Consents,
) -> Result<(), BTreeSet<String>> {
    let mut rules = BTreeSet::new();
    for lender in LENDERS {
        let regions = [region.to_owned()];
        let Ok(binding) = packs.bind(region, &regions, lender) else {
            continue;
        };
        for dpd in DPDS {
            let Some(mut world) = World::new(region, lender, DUE, dpd) else {
                continue;
            };
            if let Consents::None = consents {
                world.borrower.consents.clear();
                world.borrower.consent_ids.clear();
            }
            match permits(&binding, &world, step) {
                Ok(()) => return Ok(()),
                Err(rule) => rules.extend(rule),
            }
        }
    }
    Err(rules)
}

/// Whether the gate permits it at some instant; else the rule that refused last.
fn permits(binding: &Binding, world: &World, step: &Step) -> Result<(), Option<String>> {
    let points = world.borrower.usable_points(step.class).map(Some);
    let points: Vec<Option<&ContactPoint>> = match step.class {
        ContactClass::Legal => vec![None],
        _ => points.collect(),
    };
    let mut refused = None;
    for point in points {
        let zone = world.borrower.home_zone();
        let mut from = step.next_between(world.now, zone);
        for _ in 0..QUESTIONS_MAX {
            match judge(binding, world, step, point, from) {
                Verdict::Permit { .. } => return Ok(()),
                Verdict::Deny(denial) => {
                    refused = Some(denial.reason.id().to_owned());
                    let Some(earliest) = denial.earliest else {
                        break;
                    };
                    from = step.next_between(earliest, zone);
                }
            }
        }
    }
    Err(refused)
}

fn judge(
    binding: &Binding,
    world: &World,
    step: &Step,
    point: Option<&ContactPoint>,
    from: Timestamp,
) -> Verdict {
    let World {
        case,
        borrower,
        contacts,
        now,
    } = world;
    let proposal = Proposal {
        class: step.class,
        effect: Window::starting(from, step.window),
        debt: case.id,
        party: borrower,
        relation: Relation::Borrower,
        point,
        audience: Audience::of(Relation::Borrower, point),
        purpose: Purpose::Ordinary,
        case: CaseFacts {
            days_past_due: Some(case.dpd(from, borrower.home_zone())),
            ..CaseFacts::from(case)
        },
        debtor: DebtorFacts::of(borrower, case.id, 3),
        qualified_collectors: 2,
        requested_by_person: false,
    };
    gate(binding, &proposal, contacts, *now, &mut NoTrace)
}
