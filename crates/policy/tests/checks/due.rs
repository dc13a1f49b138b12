//! When steps are due.

use crate::support::{at, borrower, case, contact, now, parsed, placed};
use jiff::Timestamp;
use recoup_domain::time::Zone;
use recoup_domain::{ContactClass, Outcome, PastContact};
use recoup_policy::{Facts, Policy};

fn policy() -> Policy {
    parsed(
        "name: a
stages:
  - name: talk
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, every: 1d, max: 9}
      - {channel: phone, template: first_call, every: 2h, max: 9, between: [\"10:00\", \"19:00\"]}
  - name: act
    enter: case.dpd >= 30
    steps:
      - {channel: visit, template: visit_brief, every: 14d, max: 3, between: [\"10:00\", \"19:00\"], after: 3d}
      - {channel: legal, template: referral, after: 15d}
",
    )
}

/// The instants `plan_at` and `effect_at` of a step, local in Shanghai and without the year.
fn due_at(
    place: (u8, u8),
    contacts: &[PastContact],
    skipped: &[(u8, u8)],
    now: Timestamp,
) -> String {
    let (mut case, borrower) = (case(40), borrower());
    case.skipped = skipped.to_vec();
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts,
    };
    let local = |t: Timestamp| {
        let local = borrower.home_zone().tz().to_datetime(t);
        local.strftime("%d. %H:%M").to_string()
    };
    policy()
        .due(place.0, place.1, &facts, &policy().env(&facts, now), now)
        .map_or("waits".to_owned(), |due| {
            format!("{} -> {}", local(due.plan_at), local(due.effect_at))
        })
}

fn made(class: ContactClass, when: &str, place: (u8, u8)) -> PastContact {
    placed(
        contact(class, Outcome::NoAnswer, at(when)),
        place.0,
        place.1,
    )
}

#[test]
fn a_step_never_made_is_due_now() {
    assert_eq!(due_at((0, 0), &[], &[], now()), "08. 10:30 -> 08. 10:30");
}

#[test]
fn every_counts_from_the_last_one_and_days_do_not_drift() {
    let sent = |when: &str| [made(ContactClass::Sms, when, (0, 0))];
    let due = |when| due_at((0, 0), &sent(when), &[], now());
    assert_eq!(due("2026-04-08T02:00:07Z"), "09. 10:00 -> 09. 10:00");
    assert_eq!(due("2026-04-08T02:16:00Z"), "09. 10:15 -> 09. 10:15");
    assert_eq!(due("2026-04-01T02:16:00Z"), "08. 10:30 -> 08. 10:30");
    let call = [made(ContactClass::Phone, "2026-04-08T02:00:07Z", (0, 1))];
    assert_eq!(due_at((0, 1), &call, &[], now()), "08. 12:00 -> 08. 12:00");
    let mut cancelled = sent("2026-04-08T02:00:07Z");
    cancelled[0].outcome = Some(Outcome::Cancelled);
    assert_eq!(
        due_at((0, 0), &cancelled, &[], now()),
        "08. 10:30 -> 08. 10:30"
    );
}

#[test]
fn between_moves_to_its_next_beginning() {
    let due = |now: &str| due_at((0, 1), &[], &[], at(now));
    assert_eq!(due("2026-04-08T01:59:00Z"), "08. 10:00 -> 08. 10:00");
    assert_eq!(due("2026-04-08T10:59:59Z"), "08. 18:59 -> 08. 18:59");
    assert_eq!(due("2026-04-08T11:00:00Z"), "09. 10:00 -> 09. 10:00");
}

#[test]
fn a_visit_is_planned_a_lead_ahead() {
    assert_eq!(due_at((1, 0), &[], &[], now()), "08. 10:30 -> 09. 10:30");
    // 22:00: tomorrow at 22:00 is too late, the day after at 10:00 is planned tomorrow at 10:00.
    assert_eq!(
        due_at((1, 0), &[], &[], at("2026-04-08T14:00:00Z")),
        "09. 10:00 -> 10. 10:00"
    );
    let visit = [made(ContactClass::Visit, "2026-04-06T03:00:00Z", (1, 0))];
    assert_eq!(due_at((1, 0), &visit, &[], now()), "19. 11:00 -> 20. 11:00");
}

#[test]
fn after_waits_for_the_step_before() {
    let call = made(ContactClass::Phone, "2026-04-07T03:00:00Z", (0, 1));
    // The first step of a stage counts from the stages before it.
    assert_eq!(
        due_at((1, 0), std::slice::from_ref(&call), &[], now()),
        "09. 11:00 -> 10. 11:00"
    );
    assert_eq!(
        due_at((1, 1), std::slice::from_ref(&call), &[], now()),
        "waits"
    );
    assert_eq!(
        due_at((1, 1), std::slice::from_ref(&call), &[(1, 0)], now()),
        "22. 11:00 -> 22. 11:00"
    );
    let visit = made(ContactClass::Visit, "2026-04-08T01:00:00Z", (1, 0));
    assert_eq!(
        due_at((1, 1), &[call, visit], &[], now()),
        "23. 09:00 -> 23. 09:00"
    );
    assert_eq!(due_at((7, 7), &[], &[], now()), "waits");
}

#[test]
fn between_never_goes_back_over_a_change_of_the_clock() {
    let policy = policy();
    let berlin = Zone::new("Europe/Berlin").unwrap();
    let step = &policy.stages()[0].steps[1];
    // 25 October 2026: 03:00 becomes 02:00.
    for minute in 0..48 * 60 {
        let when =
            Timestamp::from_second(at("2026-10-24T12:00:00Z").as_second() + minute * 60).unwrap();
        let next = step.next_between(when, &berlin);
        let hour = berlin.time(next).hour();
        assert!(next >= when && (10..19).contains(&hour), "{when}");
    }
}
