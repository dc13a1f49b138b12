//! What must hold for every person, past and proposal.

mod support;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recoup_compliance::{
    Binding, FullTrace, NoTrace, Packs, Proposal, Purpose, RuleRef, Verdict, gate,
};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{Consent, ConsentKind, OptOut, Party};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::Window;
use support::{DEBT, OTHER_DEBT, SOMEBODY_ELSE};

const ZONES: [&str; 12] = [
    "Asia/Shanghai",
    "Asia/Taipei",
    "America/New_York",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "Pacific/Honolulu",
    "America/Havana",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/London",
    "Asia/Beirut",
];

/// Days on which clocks change somewhere, leap days and plain days; as UTC midnights.
const DAYS: [&str; 8] = [
    "2026-03-08", // spring: New York, Havana (at midnight)
    "2026-03-29", // spring: London, Beirut (at midnight)
    "2026-04-05", // autumn by half an hour: Lord Howe
    "2026-05-06",
    "2026-11-01", // autumn: New York, Havana
    "2026-12-31",
    "2027-10-31", // autumn: London, Beirut
    "2028-02-29",
];

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const NANO: SignedDuration = SignedDuration::from_nanos(1);
/// Every zone's offset, and every hour and day of a rule, lies on this grid.
const GRID: SignedDuration = SignedDuration::from_mins(15);

/// A person, a past and what is asked.
#[derive(Debug, Clone)]
struct World {
    party: Party,
    past: Vec<PastContact>,
    class: ContactClass,
    effect: Window,
    purpose: Purpose,
    /// Which rules bind, by position among all.
    rules: Vec<bool>,
}

impl World {
    fn proposal(&self) -> Proposal<'_> {
        Proposal {
            effect: self.effect,
            purpose: self.purpose,
            ..support::proposal(&self.party, self.class, self.effect.from)
        }
    }

    fn ask(&self, binding: &Binding) -> Verdict {
        self.ask_at(binding, self.effect.from)
    }

    /// The same question with the effect beginning at `from`, asked at the same time.
    fn ask_at(&self, binding: &Binding, from: Timestamp) -> Verdict {
        let mut proposal = self.proposal();
        proposal.effect = self.effect.moved_to(from);
        gate(
            binding,
            &proposal,
            &self.past,
            self.effect.from,
            &mut NoTrace,
        )
    }

    fn binding(&self) -> Binding {
        pick(|i, _| self.rules[i])
    }
}

fn pick(chosen: impl Fn(usize, &RuleRef) -> bool) -> Binding {
    let rules = Packs::builtin().rules().enumerate();
    let ids: Vec<&str> = rules
        .filter(|(i, rule)| chosen(*i, rule))
        .map(|(_, rule)| rule.id())
        .collect();
    Packs::builtin().only(&ids).unwrap()
}

fn instant() -> impl Strategy<Value = Timestamp> {
    let day = prop::sample::select(&DAYS[..]);
    // Minutes, and now and then a nanosecond beside one.
    (
        day,
        -2_880..2_880_i32,
        prop_oneof![8 => Just(0), 1 => -1..=1_i64],
    )
        .prop_map(|(day, min, ns)| {
            let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
            midnight + MINUTE * min + SignedDuration::from_nanos(ns)
        })
}

fn class() -> impl Strategy<Value = ContactClass> {
    use ContactClass::{Email, Legal, Phone, Sms, Visit};
    prop_oneof![3 => Just(Phone), 2 => Just(Sms), 2 => Just(Visit), 1 => Just(Email), 1 => Just(Legal)]
}

fn contact(around: Timestamp) -> impl Strategy<Value = PastContact> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Conversation),
        3 => Just(Outcome::NoAnswer),
        1 => prop::sample::select(&Outcome::ALL[..]),
    ];
    // Mostly within the last ten days; now and then accepted with its effect ahead.
    let before = prop_oneof![12 => -14_400..0_i64, 1 => 0..7_200_i64];
    let kind = (class(), outcome, 0..8_u8, 0..5_u8, 0..6_u8, 0..12_u8);
    (before, kind).prop_map(
        move |(minutes, (class, outcome, inbound, debt, state, whose))| {
            let at = around + SignedDuration::from_mins(minutes);
            let mut c = support::made(class, at, outcome);
            if inbound == 0 {
                c = support::inbound(class, at, outcome);
            } else if state == 0 {
                c.outcome = None;
                c.state = Some(ContactState::Accepted);
            }
            match debt {
                0 => c.debt = OTHER_DEBT,
                1 => c.more_debts = [OTHER_DEBT].into(),
                _ => c.debt = DEBT,
            }
            if whose == 0 {
                c.party = SOMEBODY_ELSE;
            }
            c
        },
    )
}

fn consents(around: Timestamp) -> impl Strategy<Value = Vec<Consent>> {
    let kind = prop_oneof![Just(ConsentKind::OffHours), Just(ConsentKind::ExtraCalls)];
    let one = (kind, -10_000..10_i64, prop::option::of(0..3_000_i64)).prop_map(
        move |(kind, received, expires)| Consent {
            kind,
            case: None,
            received_at: Some(around + SignedDuration::from_mins(received)),
            expires_at: expires.map(|m| around + SignedDuration::from_mins(m)),
            ..support::consent(kind, None)
        },
    );
    prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(one, 1..3)]
}

fn world() -> impl Strategy<Value = World> {
    instant().prop_flat_map(|from| {
        let zones = prop::collection::vec(prop::sample::select(&ZONES[..]), 1..4);
        let past = prop::collection::vec(contact(from), 0..14);
        let minutes = prop_oneof![4 => Just(0), 1 => Just(10), 1 => Just(120), 1 => 0..700_i32];
        let purpose =
            prop_oneof![6 => Just(Purpose::Ordinary), 1 => Just(Purpose::ResponseToInbound)];
        let rules = Packs::builtin().rules().count();
        let rules = prop::collection::vec(prop::bool::weighted(0.6), rules);
        let held = (
            prop::bool::weighted(0.05),
            prop::bool::weighted(0.1),
            0..5_i32,
        );
        let what = (class(), minutes, purpose);
        (zones, past, what, rules, consents(from), held).prop_map(
            move |(mut zones, mut past, (class, minutes, purpose), rules, consents, held)| {
                zones.dedup();
                past.sort_by_key(|c| c.at);
                let mut party = support::party(&zones);
                party.consents = consents;
                if held.0 {
                    party.opt_outs.push(OptOut {
                        id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
                        class: Some(class),
                        point: None,
                        via: "letter".into(),
                        at: from,
                    });
                }
                if held.1 {
                    let day = party.home_zone().date(from);
                    party.moratorium_until = Some(recoup_domain::time::add_days(day, held.2));
                }
                World {
                    party,
                    past,
                    class,
                    effect: Window {
                        from,
                        to: from + MINUTE * minutes,
                    },
                    purpose,
                    rules,
                }
            },
        )
    })
}

/// At most this many points of the grid are tried, evenly spread.
const POINTS_MAX: usize = 40;

/// Grid points from `from` to `to`, with the instants where something of this world ends or begins, and the
/// last grid point and nanosecond before `to`.
fn candidates(world: &World, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let us = GRID.as_micros() as i64;
    let first = from.as_microsecond().div_euclid(us) * us;
    let mut points: Vec<Timestamp> = (0..)
        .map(|i| Timestamp::from_microsecond(first + i * us).unwrap())
        .take_while(|at| *at < to)
        .collect();
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    points = points.into_iter().step_by(step).collect();
    points.extend(world.past.iter().flat_map(|c| [c.at, c.at + NANO]));
    let consents = world.party.consents.iter();
    points.extend(
        consents
            .flat_map(|c| [c.received_at, c.expires_at])
            .flatten(),
    );
    points.extend([to - NANO, to - GRID, to - GRID * 2]);
    points.retain(|at| from <= *at && *at < to);
    points
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// At `earliest` it is permitted; at no candidate before, the last nanosecond included.
    #[test]
    fn earliest_is_exact(world in world()) {
        let binding = world.binding();
        let from = world.effect.from;
        let Verdict::Deny(denial) = world.ask(&binding) else { return Ok(()) };
        let end = match denial.earliest {
            Some(earliest) => {
                prop_assert!(earliest > from);
                prop_assert!(world.ask_at(&binding, earliest).is_permit());
                earliest
            }
            None => from + SignedDuration::from_hours(24 * 12),
        };
        for at in candidates(&world, from, end) {
            prop_assert!(!world.ask_at(&binding, at).is_permit(), "permitted at {at}, before {end}");
        }
    }

    /// A permit for a moment holds for every start before it expires.
    #[test]
    fn a_permit_holds_until_it_expires(mut world in world()) {
        let from = world.effect.from;
        world.effect.to = from;
        let binding = world.binding();
        let Verdict::Permit { expires } = world.ask(&binding) else { return Ok(()) };
        prop_assert!(from < expires && expires <= from + SignedDuration::from_hours(24));
        for at in candidates(&world, from, expires) {
            prop_assert!(world.ask_at(&binding, at).is_permit(), "denied at {at}, before {expires}");
        }
    }

    /// More past never makes a limit kinder.
    #[test]
    fn a_further_contact_never_turns_deny_into_permit(
        (world, more) in world().prop_flat_map(|w| {
            let from = w.effect.from;
            (Just(w), contact(from))
        })
    ) {
        let limits = ["rolling_days", "calendar_day", "cool_down"];
        let binding = pick(|i, rule| world.rules[i] && limits.contains(&rule.shape()));
        let mut world = World { purpose: Purpose::Ordinary, ..world };
        let before = world.ask(&binding);
        world.past.push(more);
        world.past.sort_by_key(|c| c.at);
        let after = world.ask(&binding);
        if let Some(denial) = before.denial() {
            let Some(later) = after.denial() else {
                return Err(TestCaseError::fail("a further contact opened the gate"));
            };
            let never = Timestamp::MAX;
            prop_assert!(denial.earliest.unwrap_or(never) <= later.earliest.unwrap_or(never));
        }
    }

    /// Packs compose by intersection: all permit together where each permits alone.
    #[test]
    fn rules_compose_by_intersection(world in world(), split in prop::collection::vec(any::<bool>(), 64)) {
        let one = pick(|i, _| world.rules[i] && split[i]);
        let other = pick(|i, _| world.rules[i] && !split[i]);
        let both = world.ask(&world.binding()).is_permit();
        prop_assert_eq!(both, world.ask(&one).is_permit() && world.ask(&other).is_permit());
    }

    /// Neither the order of the past nor a trace changes the verdict.
    #[test]
    fn order_and_trace_change_nothing(world in world()) {
        let binding = world.binding();
        let verdict = world.ask(&binding);
        let mut turned = world.clone();
        turned.past.reverse();
        prop_assert_eq!(&turned.ask(&binding), &verdict);
        let mut trace = FullTrace::default();
        let p = world.proposal();
        let traced = gate(&binding, &p, &world.past, world.effect.from, &mut trace);
        prop_assert_eq!(&traced, &verdict);
        let asked = binding.rules().iter().filter(|r| r.channels().any(|c| c == world.class));
        prop_assert!(trace.lines.len() <= asked.count());
    }

    /// A permit never lies outside an enabled window: by the wall clock of every zone, start and end.
    #[test]
    fn a_permit_lies_within_the_hours_of_every_zone(mut world in world()) {
        world.party.consents.clear();
        world.purpose = Purpose::Ordinary;
        let binding = Packs::builtin().only(&["US-REGF-1006.6b1i"]).unwrap();
        let permitted = world.ask(&binding).is_permit();
        let inside = world.party.zones.iter().all(|zone| {
            let local = |at| zone.tz().to_datetime(at);
            let (from, to) = (local(world.effect.from), local(world.effect.to));
            let last = local((world.effect.to - NANO).max(world.effect.from));
            from.date() == last.date() && from.hour() >= 8 && last.hour() < 21 && from <= to
        });
        prop_assert_eq!(permitted, inside || world.class == ContactClass::Legal);
    }
}

#[test]
fn the_worlds_are_not_all_alike() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut permits, mut later, mut never) = (0, 0, 0);
    for _ in 0..500 {
        let world = world().new_tree(&mut runner).unwrap().current();
        match world.ask(&world.binding()) {
            Verdict::Permit { .. } => permits += 1,
            Verdict::Deny(d) if d.earliest.is_some() => later += 1,
            Verdict::Deny(_) => never += 1,
        }
        assert!(
            world
                .past
                .iter()
                .all(|c| c.direction == Direction::Outbound || c.state.is_none())
        );
    }
    assert!(
        permits > 50 && later > 100 && never > 25,
        "{permits} {later} {never}"
    );
}
