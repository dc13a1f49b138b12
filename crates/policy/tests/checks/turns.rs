//! Steps that have their turn only at times, and what outcomes bring.

use crate::document::findings;
use crate::support::{at, borrower, case, contact, now, parsed, placed};
use recoup_domain::{ContactClass, Outcome, PastContact};
use recoup_policy::{Facts, NoTrace, OnOutcome};

/// Two steps of which one has its turn, and one behind them.
const POLICY: &str = "name: a
stages:
  - name: talk
    enter: case.dpd >= 1
    steps:
      - {when: borrower.has_tag(\"student\"), channel: sms, template: reminder, max: 2, every: 1d, on: {delivered: {hold: 7d}}}
      - {when: '!borrower.has_tag(\"student\")', channel: phone, template: first_call}
      - {channel: email, template: reminder, after: 2d}
  - name: then
    enter: exhausted(\"talk\")
    steps: [{channel: sms, template: reminder, when: 'exhausted(\"talk\")'}]
";

fn made(outcome: Outcome, when: &str, step: u8) -> PastContact {
    placed(contact(ContactClass::Sms, outcome, at(when)), 0, step)
}

/// What the steps of the first stage are due for, and the stage, of a borrower who is a student or not.
fn turns(student: bool, contacts: &[PastContact], skipped: &[(u8, u8)]) -> String {
    let policy = parsed(POLICY);
    let (mut case, mut borrower) = (case(40), borrower());
    case.skipped = skipped.to_vec();
    if !student {
        borrower.tags.clear();
    }
    let facts = Facts {
        case: &case,
        borrower: &borrower,
        contacts,
    };
    let env = policy.env(&facts, now());
    let local = |t| {
        borrower
            .home_zone()
            .tz()
            .to_datetime(t)
            .strftime("%d. %H:%M")
            .to_string()
    };
    let step = |n: u8| match policy.applies(&env, 0, n) {
        false => "-".to_owned(),
        true => {
            let due = policy.due(0, n, &facts, &env, now());
            due.map_or("waits".to_owned(), |due| local(due.effect_at))
        }
    };
    let stage = policy.stage(&env, &mut NoTrace).unwrap();
    let steps: Vec<String> = (0..3).map(step).collect();
    format!(
        "{} in {}",
        steps.join(", "),
        policy.stages()[usize::from(stage)].name
    )
}

#[test]
fn a_step_has_its_turn_while_its_condition_holds() {
    // Now is the 8th, 10:30.
    assert_eq!(turns(true, &[], &[]), "08. 10:30, -, waits in talk");
    assert_eq!(turns(false, &[], &[]), "-, 08. 10:30, waits in talk");
}

#[test]
fn after_waits_for_the_nearest_step_that_has_its_turn() {
    let sent = [made(Outcome::Undelivered, "2026-04-08T01:00:00Z", 0)];
    assert_eq!(turns(true, &sent, &[]), "09. 09:00, -, 10. 09:00 in talk");
    // Somebody who is no student any more waits for the call, whatever was sent.
    assert_eq!(turns(false, &sent, &[]), "-, 08. 10:30, waits in talk");
    assert_eq!(
        turns(false, &sent, &[(0, 1)]),
        "-, 08. 10:30, 10. 09:00 in talk"
    );
}

#[test]
fn a_stage_is_used_up_without_the_steps_that_have_no_turn() {
    assert!(turns(true, &[], &[(0, 0), (0, 2)]).ends_with("in then"));
    assert!(turns(true, &[], &[(0, 1), (0, 2)]).ends_with("in talk"));
    assert!(turns(false, &[], &[(0, 1), (0, 2)]).ends_with("in then"));
}

#[test]
fn a_hold_is_of_every_step_of_the_case() {
    let sent = [
        made(Outcome::Delivered, "2026-04-05T01:00:00Z", 0),
        made(Outcome::Undelivered, "2026-04-06T01:00:00Z", 0),
    ];
    assert_eq!(turns(true, &sent, &[]), "12. 09:00, -, 12. 09:00 in talk");
    assert_eq!(turns(false, &sent, &[]), "-, 12. 09:00, waits in talk");
}

#[test]
fn contacts_of_other_cases_hold_nothing() {
    let mut sent = made(Outcome::Delivered, "2026-04-07T01:00:00Z", 0);
    sent.debt = crate::support::case_id(9);
    assert_eq!(turns(true, &[sent], &[]), "08. 10:30, -, waits in talk");
}

#[test]
fn what_an_outcome_brings_is_read() {
    let policy = parsed(
        "name: a\nstages: [{name: s, enter: 'true', steps: [{channel: phone, template: first_call, on: {conversation: {hold: 7d}, declined: skip_stage, third_party_answered: worklist}}]}]\n",
    );
    let step = &policy.stages()[0].steps[0];
    let week = jiff::SignedDuration::from_hours(7 * 24);
    assert_eq!(step.on(Outcome::Conversation), Some(OnOutcome::Hold(week)));
    assert_eq!(step.on(Outcome::Declined), Some(OnOutcome::SkipStage));
    assert_eq!(
        step.on(Outcome::ThirdPartyAnswered),
        Some(OnOutcome::AskPerson)
    );
}

/// The one finding of a step: column of its line, code, hint.
fn wrong(step: &str) -> String {
    let all = findings(&format!(
        "name: a\nsegments: [{{name: young, when: case.age_days < 9}}]\nstages:\n  - name: s\n    enter: 'true'\n    steps:\n      - {step}\n"
    ));
    let [finding] = &all[..] else {
        panic!("{step}: {all:#?}")
    };
    assert_eq!(finding.line, 7, "{finding}");
    format!(
        "{} {}: {}",
        finding.column - 9,
        &finding.code["RCP-POL-".len()..],
        finding.hint
    )
}

#[test]
fn what_is_wrong_in_a_turn_is_found_where_it_stands() {
    let days = "days belong into `enter` or `after`, hours into `between`";
    let with = |when: &str| {
        wrong(&format!(
            "{{when: '{when}', channel: sms, template: reminder}}"
        ))
    };
    assert_eq!(with("case.dpd >= 3"), format!("8 018: {days}"));
    assert_eq!(with("true && now.hour < 9"), format!("16 018: {days}"));
    assert_eq!(
        with("case.age > duration(\"3d\")"),
        format!("8 018: {days}")
    );
    assert_eq!(
        with("contacts.any.days_since_last > 3"),
        format!("8 018: {days}")
    );
    // The segment follows the age of the case.
    assert_eq!(with("segment == \"young\""), format!("8 018: {days}"));
    assert_eq!(with("ability"), "8 024: compare it with something");
    assert_eq!(with("exhausted(\"s\")"), "18 026: this is the first stage");
    assert_eq!(with("abilty > 3"), "8 022: did you mean `ability`?");
    assert!(wrong("{when: [1], channel: sms, template: reminder}").starts_with("7 005"));
}

#[test]
fn what_is_wrong_in_an_action_is_found_where_it_stands() {
    let with = |on: &str| {
        wrong(&format!(
            "{{channel: phone, template: first_call, on: {on}}}"
        ))
    };
    assert_eq!(with("{busy: {hold: 3}}").split(':').next(), Some("57 009"));
    assert_eq!(with("{busy: {}}").split(':').next(), Some("50 004"));
    assert_eq!(with("{busy: hold}"), "50 014: say for how long: {hold: 7d}");
    assert!(with("{busy: escalate}").contains("write skip_stage"));
    assert!(with("{busy: step_back}").contains("in `enter`"));
    assert!(with("{promise_to_pay: worklist}").contains("pauses the case by itself"));
    assert!(with("{hardship_claimed: worklist}").contains("pauses the case by itself"));
    assert!(with("{refused: worklist}").contains("score `willingness`"));
}
