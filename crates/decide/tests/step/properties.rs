//! What must hold of one decision whatever the facts, also such as no run of events would bring about.

use crate::support::world::World;
use crate::support::{checks, facts};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recoup_decide::{FullTrace, NoTrace, Waiting, step};
use recoup_domain::case::{LenderKind, Pause, PauseReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{ContactId, KeyedHash, PauseId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{OptOut, PointKind, PointState};
use recoup_domain::past::PastContact;
use recoup_domain::time::Window;

const STATES: [ContactState; 13] = [
    ContactState::Planned,
    ContactState::Dispatching,
    ContactState::Accepted,
    ContactState::Effected,
    ContactState::Failed,
    ContactState::RejectedProven,
    ContactState::ProvenNotSent,
    ContactState::Unknown,
    ContactState::Cancelling,
    ContactState::Cancelled,
    ContactState::CancelUnknown,
    ContactState::Suppressed,
    ContactState::Expired,
];

const POLICIES: [&str; 5] = [
    "cn-microloan",
    "cn-gentle",
    "us-agency",
    "good/branches",
    "good/tags",
];

const KINDS: [PointKind; 4] = [
    PointKind::Mobile,
    PointKind::Landline,
    PointKind::Email,
    PointKind::Postal,
];

/// Minutes of an instant around the first days and months of the case.
fn instant() -> impl Strategy<Value = Timestamp> {
    let start: Timestamp = "2026-04-08T00:00:00Z".parse().unwrap();
    (0..60_i64 * 24 * 120, 0..60_i64)
        .prop_map(move |(m, s)| start + SignedDuration::from_secs(60 * m + s))
}

fn contact(now: Timestamp) -> impl Strategy<Value = PastContact> {
    let when = 1..60_i64 * 24 * 60;
    let what = (0..5_usize, prop::sample::select(&STATES[..]));
    let outcome = prop::option::of(prop::sample::select(&Outcome::ALL[..]));
    let place = prop::option::of((0..4_u8, 0..2_u8));
    let whose = (prop::bool::weighted(0.8), 1..4_u8);
    (when, what, outcome, place, whose).prop_map(
        move |(minutes, (class, state), outcome, place, (own, point))| {
            let at = now - SignedDuration::from_mins(minutes);
            let ended = matches!(state, ContactState::Effected | ContactState::Failed);
            PastContact {
                effect: Window::starting(at, SignedDuration::from_mins(30)),
                debt: if own { facts::CASE } else { facts::OTHER_DEBT },
                point: Some(KeyedHash([point; 16])),
                outcome: outcome.filter(|_| ended),
                state: Some(state),
                place: place.filter(|_| own),
                ..facts::contact(ContactClass::ALL[class], at)
            }
        },
    )
}

#[derive(Debug, Clone)]
struct Shape {
    policy: &'static str,
    us: bool,
    due_days_ago: i32,
    points: Vec<(usize, bool)>,
    skipped: Vec<(u8, u8)>,
    opt_out: Option<usize>,
    waiting: Option<((u8, u8), bool, i64)>,
    pause_days: Option<i64>,
    legal: bool,
    stage: Option<u8>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let place = || (0..4_u8, 0..2_u8);
    let case = (
        prop::sample::select(&POLICIES[..]),
        any::<bool>(),
        -3..130_i32,
    );
    let points = prop::collection::vec((0..4_usize, prop::bool::weighted(0.85)), 0..5);
    let skipped = prop::collection::vec(place(), 0..3);
    let waiting = prop::option::weighted(0.2, (place(), any::<bool>(), 0..40_i64));
    let pause = prop::option::weighted(0.1, 1..20_i64);
    let opt_out = prop::option::weighted(0.2, 0..5_usize);
    let rest = (any::<bool>(), prop::option::of(0..3_u8));
    (case, points, skipped, opt_out, waiting, pause, rest).prop_map(
        |((policy, us, due_days_ago), points, skipped, opt_out, waiting, pause_days, rest)| Shape {
            policy,
            us,
            due_days_ago,
            points,
            skipped,
            opt_out,
            waiting,
            pause_days,
            legal: rest.0,
            stage: rest.1,
        },
    )
}

fn world(shape: &Shape, mut contacts: Vec<PastContact>, now: Timestamp) -> World {
    let zones: &[&str] = if shape.us {
        &["America/New_York", "America/Denver"]
    } else {
        &["Asia/Shanghai"]
    };
    let kinds: Vec<PointKind> = shape.points.iter().map(|(kind, _)| KINDS[*kind]).collect();
    let mut borrower = facts::borrower(zones, &kinds);
    for (point, (_, usable)) in borrower.points.iter_mut().zip(&shape.points) {
        point.state = if *usable {
            PointState::Usable
        } else {
            PointState::WrongNumber
        };
    }
    borrower.opt_outs.extend(shape.opt_out.map(|class| OptOut {
        id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
        class: Some(ContactClass::ALL[class]),
        point: None,
        via: "letter".into(),
        at: now,
    }));
    let mut case = facts::case(now - SignedDuration::from_hours(24 * 70));
    let due = recoup_domain::time::add_days(borrower.home_zone().date(now), -shape.due_days_ago);
    case.oldest_unpaid_due = Some(due);
    case.documents.extend(facts::evidence());
    case.skipped.clone_from(&shape.skipped);
    case.stage = shape.stage;
    case.legal_since = shape.legal.then_some(now);
    if shape.us {
        // A state without rules of its own: the federal caps are what binds.
        case.jurisdiction = "US-NY".into();
        case.lender_kind = LenderKind::Agency;
    }
    case.pauses.extend(shape.pause_days.map(|days| Pause {
        id: PauseId::from_bytes([9; 16]),
        reason: PauseReason::Hold,
        owner: "tester".into(),
        since: now,
        until: now + SignedDuration::from_hours(24 * days),
        promise: None,
    }));
    contacts.sort_by_key(|c| c.at);
    for (seq, c) in (1..).zip(&mut contacts) {
        let case = c.debt;
        c.id = Some(ContactId { case, seq });
    }
    let mut world = World::new(
        facts::policy(shape.policy),
        case,
        borrower,
        Box::new(|_, _| unreachable!("nothing is sent here")),
    );
    world.contacts = contacts;
    world
        .waiting
        .extend(shape.waiting.map(|(place, approved, days)| Waiting {
            seq: 1_000,
            place,
            approved,
            since: now - SignedDuration::from_hours(24 * days),
        }));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_decision(
        (now, contacts) in instant().prop_flat_map(|now| {
            (Just(now), prop::collection::vec(contact(now), 0..25))
        }),
        shape in shape(),
    ) {
        let world = world(&shape, contacts, now);
        world.with_input(|input| {
            let quiet = step(input, now, &mut NoTrace::default());
            let mut trace = FullTrace::default();
            assert_eq!(quiet, step(input, now, &mut trace), "watched");
            assert_eq!(quiet, step(input, now, &mut NoTrace::default()), "asked again");
            let mut again = FullTrace::default();
            let _ = step(input, now, &mut again);
            assert_eq!(trace.lines(), again.lines(), "explained again");
            checks::a_contact_is_allowed(input, &quiet);
            checks::a_sleep_is_sound(input, now, &quiet);
            checks::a_sleep_is_live(input, now, &quiet, &trace);
        });
    }
}
