//! Three hundred random lives of 120 days: any place, policy, world and run of facts.

use crate::support::checks;
use crate::support::dice::Dice;
use crate::support::facts;
use crate::support::happenings::Fact;
use crate::support::world::{Answer, World};
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactState;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{BorrowerKind, PointKind};
use std::collections::BTreeMap;

const LIVES: u64 = 300;
const DAYS: i32 = 120;

/// How often a case may be asked about on one day: five contacts, each with its answer and outcome, the
/// changes of stage, and facts. A case that spins asks thousands of times.
const ASKED_A_DAY_MAX: usize = 40;

const MESSAGES: [Outcome; 4] = [
    Outcome::Delivered,
    Outcome::Delivered,
    Outcome::Undelivered,
    Outcome::InvalidAddress,
];
const CALLS: [Outcome; 10] = [
    Outcome::NoAnswer,
    Outcome::NoAnswer,
    Outcome::Busy,
    Outcome::Declined,
    Outcome::Voicemail,
    Outcome::AnsweredUnconfirmed,
    Outcome::Conversation,
    Outcome::Conversation,
    Outcome::ThirdPartyAnswered,
    Outcome::WrongNumber,
];

fn life(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let us = dice.chance(50);
    let zones: &[&str] = match (us, dice.below(3)) {
        (true, 0) => &["America/New_York"],
        (true, 1) => &["America/New_York", "America/Los_Angeles"],
        (true, _) => &["America/Chicago", "America/Denver", "America/Phoenix"],
        (false, _) => &["Asia/Shanghai"],
    };
    let all = [
        PointKind::Mobile,
        PointKind::Landline,
        PointKind::Email,
        PointKind::Postal,
        PointKind::Mobile,
    ];
    let points: Vec<PointKind> = all.into_iter().filter(|_| dice.chance(80)).collect();
    let mut borrower = facts::borrower(zones, &points);
    let opened = (dice.between(-3, 60), dice.between(0, 96));
    let time = Time::midnight() + SignedDuration::from_mins(15 * i64::from(opened.1) + 1);
    let mut case = facts::case(facts::day_at(borrower.home_zone(), opened.0, time));
    if us {
        // A state without rules of its own: the federal caps are what binds.
        case.jurisdiction = "US-NY".into();
        case.lender_kind = LenderKind::Agency;
    }
    borrower.kind = dice.pick(&[BorrowerKind::Individual, BorrowerKind::MicroBusiness]);
    case.borrower_kind = borrower.kind;
    case.amounts.overdue = dice.pick(&[50_000, 2_600_000]);
    case.scores.willingness = dice.pick(&[None, Some(10), Some(80)]);
    if dice.chance(85) {
        case.documents.extend(facts::evidence());
    }
    let policy = dice.pick(&[
        "cn-microloan",
        "cn-gentle",
        "us-agency",
        "good/branches",
        "good/tags",
    ]);
    if dice.chance(50) {
        borrower.tags.push("gentle".to_owned());
    }
    let (not_sent, unsure) = (dice.pick(&[0, 5, 60]), dice.pick(&[0, 10]));
    let mut of_world = Dice::new(seed ^ 0xabcd);
    let answers = Box::new(move |plan: &recoup_decide::Plan, _| {
        use recoup_domain::ContactClass as C;
        let outcome = match plan.class {
            C::Sms | C::Email => of_world.pick(&MESSAGES),
            C::Phone => of_world.pick(&CALLS),
            C::Visit => of_world.pick(&[Outcome::Visited, Outcome::NobodyContacted]),
            C::Legal => Outcome::Filed,
        };
        match of_world.below(100) {
            n if n < not_sent => Answer::NotSent,
            n if n < not_sent + unsure => Answer::Unknown,
            99 => Answer::Silence,
            _ => Answer::Outcome(outcome),
        }
    });
    let mut world = World::new(facts::policy(policy), case, borrower, answers);
    world.visitors = dice.pick(&[1, 2, 2, 2, 3]);
    let hours = dice.pick(&[Some(2), Some(200), None]);
    world.approves_after = hours.map(SignedDuration::from_hours);
    world.watch = |world, now, decision, trace| {
        world.with_input(|input| {
            checks::a_contact_is_allowed(input, decision);
            checks::a_sleep_is_sound(input, now, decision);
            checks::a_sleep_is_live(input, now, decision, trace);
        });
    };
    for _ in 0..dice.below(9) {
        let day = opened.0 + dice.between(0, DAYS);
        let fact = fact(&mut dice, day);
        let time = Time::midnight() + SignedDuration::from_mins(dice.between(0, 1440).into());
        world.expect(world.at(day, time), fact);
    }
    world
}

fn fact(dice: &mut Dice, day: i32) -> Fact {
    match dice.below(16) {
        0 => Fact::Payment(2_600_000),
        1..=3 => Fact::Payment(i64::from(dice.between(1_000, 900_000))),
        4 => Fact::Promise {
            amount: 10_000,
            by_day: day + dice.between(0, 9),
        },
        5 => Fact::OptOut(dice.pick(&["sms", "phone", "visit"]).to_owned()),
        6 => Fact::Cease,
        7 => Fact::Deceased,
        8 => Fact::HoldTo(day + dice.between(0, 9)),
        9 => Fact::MoratoriumTo(day + dice.between(0, 40)),
        10 => Fact::Willingness(dice.pick(&[5, 50])),
        11 => Fact::Evidence,
        12 => Fact::Withdrawn,
        13 => Fact::Unloaded(dice.pick(&["sms", "phone", "legal"]).to_owned()),
        _ => Fact::OtherDebtCall,
    }
}

#[test]
fn random_lives_are_lawful_and_come_to_rest() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..LIVES {
        let mut world = life(seed);
        let from = world.case.opened_at;
        let end = from + SignedDuration::from_hours(24 * i64::from(DAYS));
        world.run(from, end);
        checks::a_life_is_lawful(&world, &format!("seed {seed}"));
        let mut days: BTreeMap<String, usize> = BTreeMap::new();
        for at in &world.asked {
            *days.entry(world.zone().date(*at).to_string()).or_default() += 1;
        }
        let busiest = days.iter().max_by_key(|(_, n)| **n).unwrap();
        assert!(*busiest.1 <= ASKED_A_DAY_MAX, "seed {seed}: {busiest:?}");
        for c in world.contacts.iter().filter(|c| c.place.is_some()) {
            *seen.entry(c.class.to_string()).or_default() += 1;
            *seen
                .entry(format!("{:?}", c.state.unwrap_or(ContactState::Planned)))
                .or_default() += 1;
        }
        for line in &world.log {
            *seen.entry(line.kind.to_owned()).or_default() += 1;
        }
    }
    // What never happened was not shown to be right.
    for what in [
        "sms",
        "phone",
        "email",
        "visit",
        "legal",
        "Effected",
        "Failed",
        "RejectedProven",
        "Unknown",
        "Cancelled",
        "Suppressed",
        "Expired",
        "skip",
        "refusal",
        "worklist",
        "drop",
        "fact",
        "end",
    ] {
        let n = seen.get(what).copied().unwrap_or(0);
        assert!(n >= 1, "{what} happened {n} times: {seen:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in [3, 77, 150] {
        let run = || {
            let mut world = life(seed);
            let from = world.case.opened_at;
            world.run(from, from + SignedDuration::from_hours(24 * 60));
            (world.log, world.asked)
        };
        assert_eq!(run(), run());
    }
}
