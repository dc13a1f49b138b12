//! Lives worked out by hand: people who do nothing, and people who always do the same.

use crate::support::{borrower, case, policy, setting, start};
use recoup_decide::{Input, Plan};
use recoup_domain::case::{Moved, PolicyPin};
use recoup_domain::ids::ContactId;
use recoup_domain::party::{BorrowerKind, PointKind};
use recoup_domain::{ContactClass, ContactState, Outcome, PastContact};
use recoup_policy::diff::Matching;
use recoup_simulate::{
    Behaviour, DEFAULT_BEHAVIOUR, LoanCase, NEVER_DAY, Person, Replay, Setting, Summary, Trail,
    summarize,
};
use recoup_testkit::facts;
use std::rc::Rc;

/// Everybody can be reached, and nobody does anything.
fn stolid() -> String {
    let mut out = String::new();
    for line in DEFAULT_BEHAVIOUR.lines() {
        let line = line.trim_end();
        let own = line.len() - line.trim_start().len();
        let pad = " ".repeat(own);
        out += &match line.trim_start() {
            l if l.starts_with("own_accord:") => format!("{pad}own_accord: 0"),
            l if l.starts_with("after_each_contact:") => format!("{pad}after_each_contact: 10000"),
            l if l.starts_with("readiness:") => format!(
                "{pad}readiness: {{M0: 10000, M1: 10000, M2: 10000, M3: 10000, M4: 10000, M5: 10000, M6: 10000, M7+: 10000}}"
            ),
            l if l.starts_with("rights:") => format!("{pad}rights: {{opts_out: 0, ceases: 0}}"),
            l if l.starts_with("points:") => format!("{pad}points: {{dead: 0, wrong: 0}}"),
            l if l.starts_with("approval_hours:") => format!("{pad}approval_hours: [2, 2]"),
            l if l.starts_with("sms:") && l.contains("answers") => {
                format!(
                    "{pad}sms: {{answers: {{delivered: 10000}}, pays: 0, whole: 10000, days: 1}}"
                )
            }
            l if l.starts_with("answers:") => format!("{pad}answers: {{conversation: 10000}}"),
            l if l.starts_with("pays:") => format!("{pad}pays: 0"),
            l if l.starts_with("promises:") => format!("{pad}promises: 0"),
            l if l.starts_with("visit:") && l.contains("answers") => {
                format!(
                    "{pad}visit: {{answers: {{visited: 10000}}, pays: 0, whole: 10000, days: 1}}"
                )
            }
            _ => line.to_owned(),
        };
        out.push('\n');
    }
    out
}

const THREE_TEXTS: &str = r#"
name: three-texts
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3, between: ["10:00", "12:00"]}]
  - name: call
    enter: case.dpd >= 20
    steps: [{channel: phone, template: first_call, every: 2d, max: 2, between: ["10:00", "12:00"]}]
"#;

fn person(cases: &[(u32, i32)]) -> Person {
    let kind = BorrowerKind::Individual;
    let points = [PointKind::Mobile, PointKind::Email, PointKind::Postal];
    let loan = |(nth, dpd): &(u32, i32)| {
        LoanCase::new(case(*nth, *dpd, 500_000, kind), &format!("C-{nth}"))
    };
    Person {
        borrower: borrower(kind, &points),
        cases: cases.iter().map(loan).collect(),
        contacts: vec![],
        key: 1,
    }
}

/// What happened: kind and local instant of each contact, what was counted, and the trails.
fn lived(
    policy_text: &str,
    behaviour: &str,
    person: Person,
    days: u32,
) -> (Vec<String>, Summary, Vec<Trail>) {
    let policy = policy(policy_text);
    let behaviour = Behaviour::parse(behaviour).unwrap();
    let at: Setting<'_> = setting(&policy, &behaviour, 1, days);
    let mut replay = Replay::new(at);
    let mut trails = vec![Trail::NOTHING; person.cases.len()];
    let mut said = Vec::new();
    let mut watch = |input: &Input<'_>, _, plan: &Plan| {
        let zone = input.borrower.home_zone();
        let at = plan.effect.from;
        let (date, time) = (zone.date(at), zone.time(at).strftime("%H:%M"));
        said.push(format!("{} {date} {time}", plan.class));
    };
    replay.live_watched(person, &mut trails, &mut watch);
    let summary = summarize(&[(at, "p", &replay.totals)], None, &|_| String::new());
    (said, summary, trails)
}

#[test]
fn three_texts_and_two_calls_fall_on_their_days() {
    let (said, summary, trails) = lived(THREE_TEXTS, &stolid(), person(&[(1, 1)]), 30);
    assert_eq!(
        said,
        [
            // Day 1 past due is 2 March. After the third text nothing is left until day 20, the 21st.
            "sms 2026-03-02 10:00",
            "sms 2026-03-05 10:00",
            "sms 2026-03-08 10:00",
            "phone 2026-03-21 10:00",
            "phone 2026-03-23 10:00",
        ]
    );
    let p = &summary.policies[0];
    assert_eq!(p.case_days, 30);
    assert_eq!((p.channels[0].made, p.channels[1].made), (3, 2));
    assert_eq!(p.by_day[3].contacts, [1, 0, 0, 0, 0]);
    assert_eq!(p.by_day[19].contacts, [0, 1, 0, 0, 0]);
    assert_eq!((p.calls_a_day.count, p.calls_an_hour.count), (1, 1));
    // Three texts at 5 fen and two calls at 80.
    assert_eq!(p.money[0].cost, Some(3 * 5 + 2 * 80));
    assert_eq!((p.money[0].overdue, p.money[0].recovered), (500_000, 0));
    let open = |name: &str| p.stages.iter().find(|s| s.name == name).unwrap().count;
    assert_eq!((open("call"), open("remind"), p.worklist), (1, 0, 1));
    assert_eq!((trails[0].contact, trails[0].contacts), (0, 5));
    assert_eq!((trails[0].visit, trails[0].cured), (NEVER_DAY, NEVER_DAY));
}

#[test]
fn who_pays_after_a_text_is_left_alone() {
    let pays = stolid().replace(
        "pays: 0, whole: 10000, days: 1",
        "pays: 10000, whole: 10000, days: 1",
    );
    let (said, summary, trails) = lived(THREE_TEXTS, &pays, person(&[(1, 1)]), 30);
    assert_eq!(said, ["sms 2026-03-02 10:00"]);
    let p = &summary.policies[0];
    assert_eq!((p.cured, p.people_contacted, p.people_reached), (1, 1, 1));
    let m = &p.money[0];
    assert_eq!(
        (m.recovered, m.after_contacts, m.own_accord),
        (500_000, 500_000, 0)
    );
    // Within a day of the text.
    assert!(trails[0].cured <= 1, "{trails:?}");
    assert!(p.case_days <= 1);
}

#[test]
fn a_promise_pauses_and_a_broken_one_lets_the_ladder_go_on() {
    let promise = |kept: u32| {
        let text = stolid().replace("promises: 0", "promises: 10000");
        let at = text.find("  promise: {").unwrap();
        let end = at + text[at..].find('\n').unwrap();
        let to = format!("  promise: {{whole: 10000, days: [3, 3], kept: {kept}, partial: 0}}");
        format!("{}{to}{}", &text[..at], &text[end..])
    };
    let calls = THREE_TEXTS.replace("case.dpd >= 20", "case.dpd >= 1");
    let (said, summary, _) = lived(&calls, &promise(10_000), person(&[(1, 5)]), 30);
    assert_eq!(said, ["phone 2026-03-02 10:00"]);
    let p = &summary.policies[0];
    assert_eq!((p.promises, p.promises_ended[0].count, p.cured), (1, 1, 1));
    assert_eq!(p.money[0].promised, 500_000);
    let (said, summary, _) = lived(&calls, &promise(0), person(&[(1, 5)]), 30);
    // Promised by the 5th, a day of grace, then the second and last call on the 7th.
    assert_eq!(said, ["phone 2026-03-02 10:00", "phone 2026-03-07 10:00"]);
    let p = &summary.policies[0];
    assert_eq!((p.promises, p.promises_ended[2].count, p.cured), (2, 2, 0));
}

/// The law of China allows so many contacts a person a day over all cases: two cases share them.
#[test]
fn two_cases_of_a_person_share_its_limits() {
    let busy = r#"
name: busy
stages:
  - name: call
    enter: case.dpd >= 1
    steps: [{channel: phone, template: first_call, max: 20}]
"#;
    let alone = lived(busy, &stolid(), person(&[(1, 5)]), 1).0.len();
    let both = lived(busy, &stolid(), person(&[(1, 5), (2, 5)]), 1).0.len();
    assert!(alone > 0 && both < 2 * alone, "{alone} and {both}");
}

#[test]
fn what_cannot_be_replayed_is_left_out_and_said() {
    let dear = THREE_TEXTS.replace("name: three-texts", "name: three-texts\ncurrency: USD");
    let (said, summary, trails) = lived(&dear, &stolid(), person(&[(1, 1)]), 30);
    assert_eq!(said, Vec::<String>::new());
    let p = &summary.policies[0];
    assert_eq!((p.cases, p.excluded[0].count), (0, 1));
    assert!(trails[0].excluded);
}

/// A text stage that was the second of three once, in a case that was moved before.
#[test]
fn what_a_moved_case_was_told_counts_for_what_its_step_became() {
    let before = policy(
        "name: p\nstages:\n  - {name: call, enter: case.dpd >= 1, steps: [{channel: phone, template: t}]}\n",
    );
    let after = policy(
        "name: p\nstages:\n  - {name: text, enter: case.dpd >= 1, steps: [{channel: sms, template: t}]}\n  \
         - {name: call, enter: case.dpd >= 5, steps: [{channel: phone, template: t}]}\n",
    );
    let pinned = |version| PolicyPin {
        name: "p".into(),
        version,
        hash: version.to_string(),
        arm: "champion".into(),
    };
    let mut case = case(1, 10, 60_000, BorrowerKind::Individual);
    case.policy = Some(pinned(2));
    // Step 1 of stage 3 became the first of all, for the contacts below 2.
    case.moved = vec![Moved {
        at: start(),
        from: pinned(1),
        below: 2,
        places: vec![((2, 0), (0, 0))],
    }];
    let told = |seq, place| PastContact {
        id: Some(ContactId { case: case.id, seq }),
        debt: case.id,
        outcome: Some(Outcome::NoAnswer),
        state: Some(ContactState::Failed),
        place,
        ..facts::contact(ContactClass::Phone, start())
    };
    let contacts = vec![told(1, Some((2, 0))), told(2, Some((0, 0))), told(3, None)];
    let loan = LoanCase::new(case, "1");
    let mut person = Person::by_id(
        borrower(BorrowerKind::Individual, &[PointKind::Mobile]),
        vec![loan],
        contacts,
    );
    person.pin(&after, "other", |pin| {
        assert_eq!(pin.version, 2);
        let stages = Matching::by_name(&before, &after);
        Some(Rc::new(Matching::with(&before, &after, stages)))
    });
    let case = &person.cases[0].case;
    let places = person.contacts.iter().map(|c| case.place_of(c));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [Some((1, 0)), Some((1, 0)), None]
    );
}
