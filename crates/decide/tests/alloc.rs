//! A decision costs no allocation where it permits, and where it sleeps with nothing to put on record.

#[path = "support/facts.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the other tests")]
mod facts;

use allocation_counter::measure;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::Packs;
use recoup_decide::{Action, Decision, Input, NoTrace, step};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::ContactId;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::PointKind;
use recoup_domain::time::Window;
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::Policy;
use std::hint::black_box;

/// Twenty stages; the last one that holds has a text every third day, and a call.
fn twenty_rules() -> Policy {
    let rule = "case.dpd >= 1 && !case.has_tag('x') && (willingness < 20 || contacts.visit.completed >= 0) \
        && contactability != 'lost' && case.age >= duration('1d') && case.overdue_in('CNY') >= 100 \
        && case.dpd < 200";
    let mut text = "name: twenty\nstages:\n".to_owned();
    for n in 0..20 {
        text += &format!(
            "  - name: s{n}\n    enter: {rule}\n    steps:\n      \
             - {{channel: sms, template: reminder, every: 3d, max: 100}}\n      \
             - {{channel: phone, template: first_call, every: 3d, max: 100}}\n"
        );
    }
    facts::parsed(&text)
}

/// Fifty contacts with the person, one a day; the last two are the steps of stage 19.
fn fifty(case: &Case, now: Timestamp) -> Vec<PastContact> {
    let contact = |i: u32| {
        let at = now - SignedDuration::from_hours(24 * i64::from(i));
        let class = ContactClass::ALL[i as usize % 2];
        PastContact {
            id: Some(ContactId {
                case: case.id,
                seq: 51 - i,
            }),
            effect: Window::starting(at, SignedDuration::from_mins(30)),
            outcome: Some(Outcome::NoAnswer),
            state: Some(ContactState::Failed),
            place: Some((19, (i % 2) as u8)),
            ..facts::contact(class, at)
        }
    };
    (1..=50).rev().map(contact).collect()
}

struct Ground {
    policy: Policy,
    case: Case,
    borrower: Party,
    contacts: Vec<PastContact>,
}

impl Ground {
    fn new(now: Timestamp) -> Self {
        let borrower = facts::borrower(&["Asia/Shanghai"], &[PointKind::Mobile]);
        let mut case = facts::case(now - SignedDuration::from_hours(24 * 100));
        case.stage = Some(19);
        Self {
            policy: twenty_rules(),
            contacts: fifty(&case, now),
            case,
            borrower,
        }
    }

    /// The decision, and what it allocated; the zone's rules are read lazily, once in a process.
    fn decide(&self, now: Timestamp) -> (Decision, u64) {
        let lender = self.case.lender_kind;
        let binding = Packs::builtin().bind("CN", &[], lender).unwrap();
        let input = Input {
            case: &self.case,
            borrower: &self.borrower,
            contacts: &self.contacts,
            waiting: &[],
            policy: &self.policy,
            binding: &binding,
            channels: &|_: &str| true,
            visitors: 2,
        };
        let first = step(&input, now, &mut NoTrace::default());
        let counted = measure(|| {
            let _ = black_box(step(&input, now, &mut NoTrace::default()));
        });
        (first, counted.count_total)
    }
}

fn noon() -> Timestamp {
    let zone = recoup_domain::time::Zone::new("Asia/Shanghai").unwrap();
    facts::day_at(&zone, 101, Time::constant(12, 0, 0, 0))
}

#[test]
fn a_sleep_with_nothing_to_record_allocates_nothing() {
    let now = noon();
    let (decision, allocations) = Ground::new(now).decide(now);
    let Action::Sleep { until: Some(until) } = decision.action else {
        panic!("{decision:?}");
    };
    assert!(decision.events.is_empty() && until > now, "{decision:?}");
    assert_eq!(allocations, 0);
}

#[test]
fn a_permit_allocates_nothing() {
    let now = noon();
    let later = now + SignedDuration::from_hours(48);
    let (decision, allocations) = Ground::new(now).decide(later);
    assert!(
        matches!(decision.action, Action::Contact(_)),
        "{decision:?}"
    );
    assert!(decision.events.is_empty(), "{decision:?}");
    assert_eq!(allocations, 0);
}

#[test]
fn the_counter_counts() {
    let now = noon();
    let mut ground = Ground::new(now);
    ground.case.stage = None;
    let (decision, allocations) = ground.decide(now);
    assert_eq!(decision.events.len(), 1, "the stage is entered on record");
    assert!(allocations > 0);
}
