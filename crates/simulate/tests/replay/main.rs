//! Whole replays: the same bytes on any number of threads, what the law forbids never happens, and small lives worked
//! out by hand.

mod by_hand;
mod support;

use recoup_compliance::{
    Audience, CaseFacts, DebtorFacts, NoTrace, Proposal, Purpose, Verdict, gate,
};
use recoup_decide::{Input, Plan};
use recoup_domain::ContactClass;
use recoup_domain::party::Relation;
use recoup_simulate::{
    Behaviour, Cancelled, Change, DEFAULT_BEHAVIOUR, Difference, Portfolio, Replay, Setting,
    Summary, Trail, report, simulate, summarize,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{LADDER, policy, portfolio, setting};

fn behaviour() -> Behaviour {
    Behaviour::parse(DEFAULT_BEHAVIOUR).unwrap()
}

fn replayed(settings: &[Setting<'_>], people: u32, threads: usize) -> (Summary, Vec<Vec<Trail>>) {
    let all = portfolio(people);
    let lived = simulate(&all, settings, threads, &|_| true).unwrap();
    let (totals, trails): (Vec<_>, Vec<_>) = lived.into_iter().unzip();
    let difference = match &trails[..] {
        [a, b] => Some(Difference::between(a, b)),
        _ => None,
    };
    let named: Vec<(Setting<'_>, &str, _)> = settings
        .iter()
        .zip(&totals)
        .map(|(s, t)| (*s, s.policy.name(), t))
        .collect();
    let called = |case: usize| all.label(case).to_owned();
    (summarize(&named, difference.as_ref(), &called), trails)
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_others_for_another_seed() {
    let (policy, behaviour) = (policy(LADDER), behaviour());
    let bytes = |seed, threads| {
        let setting = setting(&policy, &behaviour, seed, 60);
        let (summary, trails) = replayed(&[setting], 1_500, threads);
        (report::html(&summary, DEFAULT_BEHAVIOUR), trails)
    };
    let one = bytes(7, 1);
    assert_eq!(one, bytes(7, 1));
    assert_eq!(one, bytes(7, 2));
    assert_eq!(one, bytes(7, 5));
    assert_ne!(one.0, bytes(8, 2).0);
}

#[test]
fn a_replay_is_full_of_life() {
    let (policy, behaviour) = (policy(LADDER), behaviour());
    let (summary, _) = replayed(&[setting(&policy, &behaviour, 1, 120)], 1_500, 2);
    let p = &summary.policies[0];
    assert_eq!((p.people, p.cases), (1_500, 2_000));
    for c in &p.channels {
        assert!(c.made > 0, "{c:?}");
        let told: u64 = c.outcomes.iter().map(|o| o.count).sum();
        assert_eq!(told, c.made, "{c:?}");
        assert!(c.people <= p.people_contacted, "{c:?}");
    }
    let by_day: u64 = p
        .by_day
        .iter()
        .flat_map(|d| &d.contacts)
        .map(|n| u64::from(*n))
        .sum();
    assert_eq!(by_day, p.channels.iter().map(|c| c.made).sum::<u64>());
    let visits: u64 = p.visits_by_bucket.iter().map(|b| b.count).sum();
    assert_eq!(visits, p.channels[3].made);
    assert!(p.calls_a_day.count >= p.calls_an_hour.count && p.calls_an_hour.count > 0);
    assert!(p.promises > 0 && p.promises_ended.iter().all(|n| n.count > 0));
    let ended: u64 = p.promises_ended.iter().map(|n| n.count).sum();
    assert!(ended <= p.promises);
    assert!(!p.denials.is_empty() && p.cured > 0 && p.opted_out > 0 && p.ceased > 0);
    let open: u64 = p.stages.iter().map(|n| n.count).sum();
    assert_eq!(open + p.cured, p.cases);
    let m = &p.money[0];
    assert_eq!(m.recovered, m.own_accord + m.after_contacts + m.promised);
    assert!(m.own_accord > 0 && m.after_contacts > 0 && m.promised > 0);
    assert!(m.recovered <= m.overdue, "nobody pays more than is overdue");
    let days: i128 = m.by_day.iter().map(|d| i128::from(d.minor)).sum();
    assert_eq!(days, m.recovered);
    assert!(p.case_days < p.cases * 120 && p.case_days > p.cases * 20);
}

/// Each contact is put before the gate once more, by hand, as the facts stood.
#[test]
fn no_contact_is_made_that_the_gate_denies() {
    let (policy, behaviour) = (policy(LADDER), behaviour());
    let all = portfolio(900);
    let mut asked = BTreeSet::new();
    let mut contacts = 0;
    let mut replay = Replay::new(setting(&policy, &behaviour, 3, 120));
    for i in 0..all.people() {
        let person = all.person(i);
        let mut trails = vec![Trail::NOTHING; person.cases.len()];
        let mut watch = |input: &Input<'_>, now, plan: &Plan| {
            contacts += 1;
            asked.insert(plan.class);
            let point = plan.point.and_then(|key| input.borrower.point(key));
            let proposal = Proposal {
                class: plan.class,
                effect: plan.effect,
                debt: input.case.id,
                party: input.borrower,
                relation: Relation::Borrower,
                point,
                audience: Audience::of(Relation::Borrower, point),
                purpose: Purpose::Ordinary,
                case: CaseFacts {
                    days_past_due: Some(
                        input.case.dpd(plan.effect.from, input.borrower.home_zone()),
                    ),
                    ..CaseFacts::from(input.case)
                },
                debtor: DebtorFacts::of(
                    input.borrower,
                    input.case.id,
                    input.policy.lost_after_failed_days(),
                ),
                qualified_collectors: input.visitors,
                requested_by_person: false,
            };
            let past: Vec<_> = input
                .contacts
                .iter()
                .filter(|c| {
                    c.id.is_none_or(|id| Some(id.seq) != plan.approved || id.case != input.case.id)
                })
                .cloned()
                .collect();
            let verdict = gate(input.binding, &proposal, &past, now, &mut NoTrace);
            assert!(
                matches!(verdict, Verdict::Permit { .. }),
                "{plan:?}: {verdict:?}"
            );
            assert!(input.case.closed.is_none() && input.case.pauses.is_empty());
            let zone = input.borrower.home_zone();
            if plan.class != ContactClass::Legal && plan.class != ContactClass::Email {
                let hour = zone.time(plan.effect.from).hour();
                assert!((8..20).contains(&hour), "{:?} at {hour}", plan.class);
            }
        };
        replay.live_watched(person, &mut trails, &mut watch);
    }
    assert!(contacts > 3_000, "{contacts}");
    assert_eq!(asked.len(), 5, "{asked:?}");
}

#[test]
fn two_policies_are_told_apart_case_by_case() {
    let (first, behaviour) = (policy(LADDER), behaviour());
    let later = LADDER.replacen("? 30 : 60", "? 50 : 80", 1);
    assert_ne!(later, LADDER, "the ladder visits by days past due");
    let second = policy(&later);
    let settings = [&first, &second].map(|p| setting(p, &behaviour, 1, 90));
    let (summary, trails) = replayed(&settings, 1_500, 2);
    let d = Difference::between(&trails[0], &trails[1]);
    assert_eq!(d.cases, 2_000);
    assert!(d.of(Change::VisitedLater) > 20, "{d:?}");
    assert!(d.of(Change::NeverVisited) > 20, "{d:?}");
    // Luck that differs between the two may move one to an earlier day, never many.
    assert!(
        d.of(Change::VisitedSooner) < d.of(Change::VisitedLater),
        "{d:?}"
    );
    let never = trails[0].iter().zip(&trails[1]);
    let never = never.filter(|(a, b)| a.visits > 0 && b.visits == 0).count();
    assert_eq!(d.of(Change::NeverVisited), never as u64);
    let same = Difference::between(&trails[0], &trails[0]);
    assert_eq!((same.differing, same.cases), (0, 2_000));
    let told = summary.difference.as_ref().unwrap();
    let told = told.changes.iter().find(|c| c.change == "never_visited");
    assert!(told.unwrap().first.iter().all(|c| c.starts_with("C-")));
    let html = report::html(&summary, DEFAULT_BEHAVIOUR);
    assert!(html.contains("never visited, and were") && html.contains("assumption"));
    for from_elsewhere in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(from_elsewhere), "{from_elsewhere}");
    }
}

/// A policy compared with itself meets the same luck, whatever else is in the portfolio.
#[test]
fn luck_is_a_persons_own() {
    let (policy, behaviour) = (policy(LADDER), behaviour());
    let at = setting(&policy, &behaviour, 5, 90);
    let (_, few) = replayed(&[at], 300, 1);
    let (_, many) = replayed(&[at], 1_000, 1);
    assert_eq!(few[0][..], many[0][..few[0].len()]);
}

#[test]
fn a_replay_ends_when_it_is_told_to() {
    let (policy, behaviour) = (policy(LADDER), behaviour());
    let at = setting(&policy, &behaviour, 5, 90);
    let seen = AtomicU64::new(0);
    let goes_on = |cases| seen.fetch_add(cases, Ordering::Relaxed) + cases < 50;
    let answer = simulate(&portfolio(1_000), &[at], 2, &goes_on);
    assert_eq!(answer.err(), Some(Cancelled));
    let seen = seen.load(Ordering::Relaxed);
    assert!((50..100).contains(&seen), "{seen}");
}

/// What is held in few bytes is what was told: people in the order of their first case, their cases in theirs.
#[test]
fn a_portfolio_comes_back_as_it_was_told() {
    use recoup_domain::party::{BorrowerKind, PointKind};
    use recoup_simulate::{CaseToAdd, Compact};
    let told = [
        ("C-1", "B-1", 3, 100),
        ("C-2", "B-2", 40, 200),
        ("C-3", "B-1", 70, 300),
    ];
    let mut all = Compact::default();
    for (nth, (lender_ref, borrower_ref, dpd, overdue)) in (1..).zip(told) {
        let kind = BorrowerKind::Individual;
        let mut case = support::case(nth, dpd, overdue, kind);
        case.scores.ability = (nth == 2).then_some(0);
        if nth == 3 {
            case.oldest_unpaid_due = None;
        }
        all.add(CaseToAdd {
            lender_ref: lender_ref.into(),
            borrower_ref: borrower_ref.into(),
            case,
            borrower: support::borrower(kind, &[PointKind::Mobile]),
        });
    }
    let all = all.sorted();
    assert_eq!((all.len(), all.people()), (3, 2));
    let labels: Vec<&str> = (0..3).map(|n| all.label(n)).collect();
    assert_eq!(labels, ["C-1", "C-3", "C-2"]);
    let (first, second) = (all.person(0), all.person(1));
    let seen: Vec<_> = first
        .cases
        .iter()
        .chain(&second.cases)
        .map(|l| {
            (
                l.case.amounts.overdue,
                l.case.dpd_on(support::TODAY),
                l.case.scores.ability,
            )
        })
        .collect();
    assert_eq!(seen, [(100, 3, None), (300, 0, None), (200, 40, Some(0))]);
    assert!(
        first
            .cases
            .iter()
            .all(|l| l.case.borrower == first.borrower.id)
    );
    assert_ne!(first.borrower.id, second.borrower.id);
    assert_ne!(first.cases[0].case.id, first.cases[1].case.id);
    assert!(first.cases[0].case.has_evidence_pack());
}
