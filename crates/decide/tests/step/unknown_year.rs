//! A step that hangs on a year that a calendar lacks: closed, told to a person, asked again, never passed over.

use super::support::facts::{self, CASE};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{Action, Decision, Input, NoTrace, step};
use recoup_domain::Case;
use recoup_domain::case::{self, CaseEvent, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::party::PointKind;

const POLICY: &str = "name: p\nstages:\n  - name: remind\n    enter: case.dpd >= 1\n    steps: [{channel: sms, \
                      template: reminder, every: 1d, max: 5}]\n";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decide(case: &Case, binding: &Binding, now: Timestamp) -> Decision {
    decide_by(POLICY, case, binding, now)
}

fn decide_by(policy: &str, case: &Case, binding: &Binding, now: Timestamp) -> Decision {
    let input = Input {
        case,
        borrower: &facts::borrower(&["Asia/Shanghai"], &[PointKind::Mobile]),
        contacts: &[],
        waiting: &[],
        policy: &facts::parsed(policy),
        binding,
        channels: &|_: &str| true,
        visitors: 2,
    };
    step(&input, now, &mut NoTrace::default())
}

fn binding(rules: &[&str]) -> Binding {
    Packs::builtin().only(rules).unwrap()
}

fn worklist(decision: &Decision) -> Vec<String> {
    let told = decision.events.iter().filter_map(|e| match e {
        CaseEvent::WorklistChanged { reason } => {
            Some((reason.as_ref()).map_or_else(String::new, ToString::to_string))
        }
        _ => None,
    });
    told.collect()
}

fn take(case: &mut Case, decision: &Decision, now: Timestamp) {
    for event in &decision.events {
        case::apply(case, event, now);
    }
}

#[test]
fn the_case_waits_and_a_person_is_told_once() {
    let closed = binding(&["CN-HOUSE-HOLIDAYS"]);
    let mut case = facts::case(at("2026-12-30T02:00:00Z"));
    assert_eq!(case.id, CASE);
    let now = at("2027-01-04T03:00:00Z");
    let decision = decide(&case, &closed, now);
    let skips = |e: &CaseEvent| matches!(e, CaseEvent::StepSkipped { .. });
    assert!(!decision.events.iter().any(skips), "{:?}", decision.events);
    let told = "sms of stage `remind` waits for a year: calendar file `cn.yaml` lacks the year 2027; add it as \
                published, with its source (CN-HOUSE-HOLIDAYS)";
    assert_eq!(worklist(&decision), [told]);
    let denied = decision.events.iter().find_map(|e| match e {
        CaseEvent::Denied(denial) => Some(denial),
        _ => None,
    });
    let denied = denied.expect("the refusal is on record");
    assert_eq!(denied.earliest, None);
    assert!(denied.lacks.as_ref().is_some_and(|l| l.contains("2027")));
    // It is looked at again on the person's next day.
    let midnight = at("2027-01-04T16:00:00Z");
    assert_eq!(
        decision.action,
        Action::Sleep {
            until: Some(midnight)
        }
    );
    take(&mut case, &decision, now);
    assert!(
        case.worklist
            .as_ref()
            .is_some_and(WorklistReason::is_of_steps)
    );
    let again = decide(&case, &closed, midnight);
    assert_eq!(again.events, []);
    let next = midnight + SignedDuration::from_hours(24);
    assert_eq!(again.action, Action::Sleep { until: Some(next) });
    // The year is told: the step goes, and nobody need look at it.
    let told = decide(&case, &binding(&["HOUSE-OPT-OUT"]), next);
    assert_eq!(worklist(&told), [""]);
    assert!(matches!(told.action, Action::Contact(_)), "{told:?}");
}

#[test]
fn a_step_that_is_due_in_such_a_year_is_nobodys_work_before() {
    let closed = binding(&["CN-HOUSE-HOLIDAYS"]);
    let policy_of_then = facts::case(at("2026-12-01T02:00:00Z"));
    let mut case = policy_of_then;
    // One day past due on the second of January.
    case.oldest_unpaid_due = Some(jiff::civil::date(2027, 1, 1));
    let decision = decide(&case, &closed, at("2026-12-01T03:00:00Z"));
    assert_eq!(worklist(&decision), Vec::<String>::new());
}

#[test]
fn what_a_person_has_to_do_for_another_reason_stays() {
    let mut case = facts::case(at("2026-12-30T02:00:00Z"));
    case.worklist = Some(WorklistReason::WroteBack);
    let now = at("2027-01-04T03:00:00Z");
    let decision = decide(&case, &binding(&["CN-HOUSE-HOLIDAYS"]), now);
    assert_eq!(worklist(&decision), Vec::<String>::new());
}

/// Such a case is asked at midnight, when a step that has hours of its own is due only later that day.
#[test]
fn hours_of_the_step_do_not_hide_that_it_waits() {
    let policy = POLICY.replace("max: 5", "max: 5, between: [\"10:00\", \"19:00\"]");
    let closed = binding(&["CN-HOUSE-HOLIDAYS"]);
    let mut case = facts::case(at("2026-12-30T02:00:00Z"));
    let mut now = at("2027-01-03T16:00:00Z");
    let first = decide_by(&policy, &case, &closed, now);
    assert_eq!(worklist(&first).len(), 1, "{:?}", first.events);
    for _ in 0..3 {
        let decision = decide_by(&policy, &case, &closed, now);
        take(&mut case, &decision, now);
        assert!(
            matches!(case.worklist, Some(WorklistReason::WaitsForYear { .. })),
            "{now}: {:?}",
            case.worklist
        );
        let Action::Sleep { until: Some(next) } = decision.action else {
            panic!("{decision:?}");
        };
        assert!(next > now);
        now = next;
    }
}

#[test]
fn a_step_that_can_never_be_made_stays_told_beside_one_that_waits() {
    let closed = binding(&["CN-HOUSE-HOLIDAYS"]);
    let mut case = facts::case(at("2026-12-30T02:00:00Z"));
    case.worklist = Some(WorklistReason::NeverMade {
        class: ContactClass::Sms,
        stage: "remind".into(),
        rule: "CN-X".into(),
    });
    let decision = decide(&case, &closed, at("2027-01-04T03:00:00Z"));
    assert_eq!(worklist(&decision), Vec::<String>::new());
}
