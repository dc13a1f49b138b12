//! Overrides lift one presumption, for effects that lie whole within them, and nothing else.

#[path = "support/cases.rs"]
mod cases;
mod support;

use cases::cases;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recoup_compliance::pack::Binding;
use recoup_compliance::{FullTrace, NoTrace, Packs, RuleRef, Severity, TraceLine, Verdict, gate};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::OverrideId;
use recoup_domain::outcome::Outcome;
use recoup_domain::overrides::Lift;
use recoup_domain::party::Party;
use recoup_domain::past::PastContact;
use recoup_domain::time::Window;
use support::at;

const NANO: SignedDuration = SignedDuration::from_nanos(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const GRID: SignedDuration = SignedDuration::from_mins(15);
const FREQ3: &str = "CN-GBT45251-FREQ3";
const NIGHT: &str = "CN-GBT45251-TIME";

fn rule(id: &str) -> &'static RuleRef {
    Packs::builtin().rules().find(|r| r.id() == id).unwrap()
}

fn lift(id: &str, from: Timestamp, until: Timestamp) -> Lift {
    let rule = rule(id);
    Lift {
        id: OverrideId::from_bytes([5; 16]),
        pack: rule.pack().to_owned(),
        rule: id.to_owned(),
        from,
        until,
        proposed_by: "ann".to_owned(),
        approved_by: "ben".to_owned(),
    }
}

#[derive(Debug, Clone)]
struct World {
    party: Party,
    past: Vec<PastContact>,
    class: ContactClass,
    effect: Window,
    binding: Binding,
    lifts: Vec<Lift>,
}

impl World {
    fn ask_at(&self, binding: &Binding, from: Timestamp) -> (Verdict, FullTrace) {
        let mut trace = FullTrace::default();
        let mut proposal = support::proposal(&self.party, self.class, from);
        proposal.effect = self.effect.moved_to(from);
        let now = self.effect.from;
        let verdict = gate(binding, &proposal, &self.past, now, &mut trace);
        (verdict, trace)
    }

    fn permits(&self, binding: &Binding, from: Timestamp) -> bool {
        self.ask_at(binding, from).0.is_permit()
    }

    fn lifted(&self) -> Binding {
        self.binding.lifting(self.lifts.clone())
    }
}

fn instant(hours: std::ops::Range<i64>) -> impl Strategy<Value = Timestamp> {
    let edge = prop_oneof![6 => Just(0), 1 => -1..=1_i64];
    (hours.start * 60..hours.end * 60, edge).prop_map(|(minutes, ns)| {
        at("2026-05-06T00:00:00Z")
            + MINUTE * i32::try_from(minutes).unwrap()
            + NANO * i32::try_from(ns).unwrap()
    })
}

fn world() -> impl Strategy<Value = World> {
    let ids: Vec<&str> = ["cn", "us-fed"]
        .iter()
        .flat_map(|pack| {
            Packs::builtin()
                .packs()
                .iter()
                .find(|p| p.id() == *pack)
                .unwrap()
                .rules()
        })
        .map(|r| r.id())
        .collect();
    let zone = prop::sample::select(vec!["Asia/Shanghai", "America/New_York", "America/Denver"]);
    let class = prop::sample::select(vec![
        ContactClass::Phone,
        ContactClass::Phone,
        ContactClass::Sms,
        ContactClass::Email,
    ]);
    let outcome = prop::sample::select(vec![
        Outcome::Conversation,
        Outcome::NoAnswer,
        Outcome::Voicemail,
    ]);
    let past = prop::collection::vec((instant(-170..24), outcome), 0..14);
    // Some hard rules among them, or those alone that an override can lift.
    let presumptions: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| rule(id).severity() == Severity::Presumption)
        .collect();
    let rules = prop_oneof![
        prop::sample::subsequence(presumptions.clone(), 1..=presumptions.len()),
        prop::sample::subsequence(ids.clone(), 1..=ids.len()),
    ];
    let lifted = prop_oneof![
        4 => prop::sample::select(presumptions),
        1 => prop::sample::select(ids),
    ];
    let lifts = prop::collection::vec((lifted, instant(-12..40), 0..60_i64), 0..5);
    let parts = (zone, class, instant(0..24), 0..180_i32, past, rules, lifts);
    parts.prop_map(|(zone, class, from, minutes, past, rules, lifts)| {
        let past = past
            .into_iter()
            .map(|(when, outcome)| support::made(ContactClass::Phone, when, outcome));
        let mut past: Vec<_> = past.filter(|c| c.at < from).collect();
        past.sort_by_key(|c| c.at);
        let lifts = lifts.into_iter();
        World {
            party: support::party(&[zone]),
            past,
            class,
            effect: Window {
                from,
                to: from + MINUTE * minutes,
            },
            binding: Packs::builtin().only(&rules).unwrap(),
            lifts: lifts
                .map(|(id, from, hours)| lift(id, from, from + SignedDuration::from_hours(hours)))
                .collect(),
        }
    })
}

/// The rules that deny by themselves, whatever is lifted.
fn denying(world: &World, from: Timestamp) -> Vec<&'static RuleRef> {
    let (verdict, _) = world.ask_at(&world.binding, from);
    let reasons = verdict.denial().map_or(&[][..], |d| &d.all);
    reasons.iter().map(|r| rule(r.rule.id())).collect()
}

/// Whether an override holds the whole effect, said anew.
fn holds(world: &World, rule: &RuleRef, from: Timestamp) -> bool {
    let to = from + world.effect.to.duration_since(world.effect.from);
    rule.severity() == Severity::Presumption
        && world
            .lifts
            .iter()
            .any(|l| l.rule == rule.id() && l.from <= from && from < l.until && to <= l.until)
}

fn candidates(world: &World, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let steps = (0..2_000).map(|i| from + GRID * i);
    let ends = world.lifts.iter().flat_map(|l| [l.from, l.until]);
    let length = world.effect.to.duration_since(world.effect.from);
    let ends = ends.flat_map(|at| [at - NANO, at, at + NANO, at - length, at - length + NANO]);
    let past = world.past.iter().flat_map(|c| [c.at, c.at + NANO]);
    let mut all: Vec<_> = steps
        .take_while(|at| *at < to)
        .chain(ends)
        .chain(past)
        .collect();
    all.push(to - NANO);
    all.retain(|at| from <= *at && *at < to);
    all
}

proptest! {
    #![proptest_config(cases(192))]

    /// What the gate permits under overrides is what each rule permits, or an override of it holds.
    #[test]
    fn a_permit_needs_each_denying_rule_lifted(world in world()) {
        let from = world.effect.from;
        let expected = denying(&world, from).into_iter().all(|rule| holds(&world, rule, from));
        prop_assert_eq!(world.permits(&world.lifted(), from), expected);
    }

    /// With overrides that begin and end, `earliest` stays the least instant that is permitted.
    #[test]
    fn earliest_is_exact_under_overrides(world in world()) {
        let binding = world.lifted();
        let from = world.effect.from;
        let (Verdict::Deny(denial), _) = world.ask_at(&binding, from) else { return Ok(()) };
        let end = match denial.earliest {
            Some(earliest) => {
                prop_assert!(earliest > from);
                prop_assert!(world.permits(&binding, earliest), "denied at its earliest, {}", earliest);
                earliest
            }
            None => from + SignedDuration::from_hours(24 * 9),
        };
        for at in candidates(&world, from, end) {
            prop_assert!(!world.permits(&binding, at), "permitted at {at}, before {end}");
        }
    }

    /// A hard rule denies whatever is lifted.
    #[test]
    fn no_override_gets_past_what_is_no_presumption(world in world()) {
        let from = world.effect.from;
        let hard = |r: &&RuleRef| r.severity() != Severity::Presumption;
        if denying(&world, from).iter().any(hard) {
            prop_assert!(!world.permits(&world.lifted(), from));
        }
    }

    /// An override opens and never shuts; where it was not needed, the answer is the same to the instant.
    #[test]
    fn an_override_never_turns_permit_into_deny(world in world()) {
        let from = world.effect.from;
        let (before, _) = world.ask_at(&world.binding, from);
        let (after, _) = world.ask_at(&world.lifted(), from);
        match (before.denial(), after.denial()) {
            (None, _) => prop_assert_eq!(before, after),
            (Some(was), Some(is)) => {
                let never = Timestamp::MAX;
                prop_assert!(is.earliest.unwrap_or(never) <= was.earliest.unwrap_or(never));
            }
            (Some(_), None) => {}
        }
    }

    /// A permit under an override ends with it, and says whose it is.
    #[test]
    fn a_permit_names_its_overrides_and_ends_with_them(world in world()) {
        let from = world.effect.from;
        let (verdict, trace) = world.ask_at(&world.lifted(), from);
        let Verdict::Permit { expires } = verdict else { return Ok(()) };
        let used: Vec<&Lift> = trace.lines.iter().filter_map(|line| match line {
            TraceLine::Lifted { by } => Some(by),
            _ => None,
        }).collect();
        let mut named: Vec<&str> = used.iter().map(|l| &*l.rule).collect();
        let mut needed: Vec<&str> = denying(&world, from).iter().map(|r| r.id()).collect();
        named.sort_unstable();
        needed.sort_unstable();
        prop_assert_eq!(named, needed);
        prop_assert!(used.iter().all(|l| expires <= l.until));
    }
}

fn three_talks() -> (Party, Vec<PastContact>) {
    let talk = |hour| {
        support::made(
            ContactClass::Phone,
            at("2026-05-06T00:00:00Z") + SignedDuration::from_hours(hour),
            Outcome::Conversation,
        )
    };
    (
        support::party(&["Asia/Shanghai"]),
        vec![talk(1), talk(2), talk(3)],
    )
}

fn ask(binding: &Binding, from: Timestamp) -> Verdict {
    let (party, past) = three_talks();
    let mut proposal = support::proposal(&party, ContactClass::Phone, from);
    proposal.effect = Window::starting(from, SignedDuration::from_mins(30));
    gate(binding, &proposal, &past, from, &mut NoTrace)
}

#[test]
fn a_fourth_talk_of_a_day_goes_under_an_override_until_it_ends() {
    let packs = Packs::builtin();
    let bound = packs.bind("CN", &[], LenderKind::Agency).unwrap();
    let noon = at("2026-05-06T12:00:00+08:00");
    let denial = |v: Verdict| v.denial().cloned().unwrap();
    assert_eq!(denial(ask(&bound, noon)).reason.id(), FREQ3);
    // Approved at half past twelve, until two.
    let from = at("2026-05-06T12:30:00+08:00");
    let until = at("2026-05-06T14:00:00+08:00");
    let lifted = bound.lifting([lift(FREQ3, from, until)]);
    assert_eq!(denial(ask(&lifted, noon)).earliest, Some(from));
    assert!(ask(&lifted, from).is_permit());
    assert!(ask(&lifted, at("2026-05-06T13:30:00+08:00")).is_permit());
    // An effect that ends after it is judged as ever: from the next day's opening hours on.
    let late = at("2026-05-06T13:30:00.000000001+08:00");
    assert_eq!(denial(ask(&lifted, late)), denial(ask(&bound, late)));
}

#[test]
fn an_override_of_a_hard_rule_or_of_another_packs_rule_lifts_nothing() {
    let (from, until) = (at("2026-05-06T00:00:00Z"), at("2026-05-08T00:00:00Z"));
    let hard = Packs::builtin()
        .rules()
        .find(|r| r.severity() == Severity::Hard)
        .unwrap();
    for rule in [NIGHT, FREQ3] {
        let bound = Packs::builtin().only(&[rule]).unwrap();
        let midnight = at("2026-05-06T23:30:00+08:00");
        assert!(!ask(&bound, midnight).is_permit());
        assert!(ask(&bound.lifting([lift(rule, from, until)]), midnight).is_permit());
        let strange = Lift {
            pack: "us-fed".to_owned(),
            ..lift(rule, from, until)
        };
        assert!(!ask(&bound.lifting([strange]), midnight).is_permit());
        let other = lift(hard.id(), from, until);
        assert!(!ask(&bound.lifting([other]), midnight).is_permit());
    }
}

#[test]
fn an_override_ends_before_its_last_instant() {
    let until = at("2026-05-06T23:00:00+08:00");
    let lifted = Packs::builtin().only(&[NIGHT]).unwrap();
    let lifted = lifted.lifting([lift(NIGHT, until - MINUTE * 30, until)]);
    let who = support::party(&["Asia/Shanghai"]);
    let asked = |from: Timestamp, minutes: i32| {
        let mut p = support::proposal(&who, ContactClass::Phone, from);
        p.effect = Window::starting(from, MINUTE * minutes);
        match gate(&lifted, &p, &[], from, &mut NoTrace) {
            Verdict::Permit { expires } => Ok(expires),
            Verdict::Deny(denial) => Err(denial.earliest),
        }
    };
    let morning = Err(Some(at("2026-05-07T08:00:00+08:00")));
    assert_eq!(asked(until - NANO, 0), Ok(until));
    assert_eq!(asked(until, 0), morning);
    assert_eq!(asked(until - MINUTE * 10, 10), Ok(until));
    assert_eq!(asked(until - MINUTE * 10, 11), morning);
    // Before it: at its first instant, if the effect ends in time.
    let before = until - MINUTE * 45;
    assert_eq!(asked(before, 30), Err(Some(until - MINUTE * 30)));
    assert_eq!(asked(before, 31), morning);
}

#[test]
fn a_question_with_days_of_its_own_keeps_the_overrides() {
    let night = at("2026-05-06T23:00:00+08:00");
    let binding = Packs::builtin().only(&[NIGHT]).unwrap();
    let who = support::party(&["Asia/Shanghai"]);
    let p = support::proposal(&who, ContactClass::Phone, night);
    let asked = |binding: &Binding| {
        let moved = binding.on_days(&[jiff::civil::date(2026, 5, 1)], &[]);
        gate(&moved, &p, &[], night, &mut NoTrace).is_permit()
    };
    assert!(!asked(&binding));
    assert!(asked(&binding.lifting([lift(
        NIGHT,
        night - MINUTE,
        night + MINUTE
    )])));
}

#[test]
fn a_trace_names_the_override_and_no_permit_of_the_rule() {
    let night = at("2026-05-06T23:00:00+08:00");
    let over = lift(NIGHT, night - MINUTE, night + MINUTE);
    let binding = Packs::builtin().only(&[NIGHT]).unwrap();
    let binding = binding.lifting([over.clone()]);
    let who = support::party(&["Asia/Shanghai"]);
    let p = support::proposal(&who, ContactClass::Phone, night);
    let mut trace = FullTrace::default();
    assert!(gate(&binding, &p, &[], night, &mut trace).is_permit());
    assert_eq!(trace.lines, [TraceLine::Lifted { by: over }]);
}
