//! What is asked of a person about a stage is over when the case comes to another one; all else stays.

use super::support::facts;
use jiff::Timestamp;
use recoup_compliance::Packs;
use recoup_decide::{Action, Input, NoTrace, step};
use recoup_domain::Case;
use recoup_domain::case::{self, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::PointKind;

const POLICY: &str = "name: p\nstages:\n  - name: remind\n    enter: case.dpd >= 1\n    steps: [{channel: sms, \
                      template: reminder, every: 1d, max: 5}]\n  - name: late\n    enter: case.dpd >= 60\n    steps: \
                      [{channel: sms, template: notice, every: 1d, max: 5}]\n";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Lives a case through one turn, and answers whether a contact is made in it.
fn turn(case: &mut Case, now: Timestamp) -> bool {
    turn_of(case, &[PointKind::Mobile], now)
}

fn turn_of(case: &mut Case, points: &[PointKind], now: Timestamp) -> bool {
    let input = Input {
        case,
        borrower: &facts::borrower(&["Asia/Shanghai"], points),
        contacts: &[],
        waiting: &[],
        policy: &facts::parsed(POLICY),
        binding: &Packs::builtin().only(&["HOUSE-OPT-OUT"]).unwrap(),
        channels: &|_: &str| true,
        visitors: 2,
    };
    let decision = step(&input, now, &mut NoTrace::default());
    for event in &decision.events {
        case::apply(case, event, now);
    }
    matches!(decision.action, Action::Contact(_))
}

#[test]
fn what_was_asked_about_a_stage_is_over_with_it() {
    use WorklistReason as R;
    let class = ContactClass::Sms;
    let of = |stage: &str| stage.to_owned();
    let (rule, policy, outcome) = (|| of("CN-X"), of("p@1"), Outcome::Conversation);
    let stage = of("remind");
    for (reason, stays) in [
        (
            R::StepsUsedUp {
                stage: of("remind"),
            },
            false,
        ),
        (
            R::NoTarget {
                stage: of("remind"),
            },
            false,
        ),
        (
            R::NeverMade {
                class,
                stage: of("remind"),
                rule: rule(),
            },
            false,
        ),
        (
            R::WaitsForYear {
                class,
                stage: of("remind"),
                calendar: "cn".to_owned(),
                year: 2027,
                rule: rule(),
            },
            false,
        ),
        (R::NoStage { policy }, false),
        // Of the stage that begins, as where a case comes back to it.
        (
            R::NeverMade {
                class,
                stage: of("late"),
                rule: rule(),
            },
            true,
        ),
        // A person was asked for, whatever becomes of the case.
        (
            R::AskedByPolicy {
                class,
                stage,
                outcome,
            },
            true,
        ),
        (R::WroteBack, true),
        (R::CancelInDoubt, true),
        (R::Undecidable, true),
    ] {
        let mut case = facts::case(at("2026-03-30T02:00:00Z"));
        turn(&mut case, at("2026-04-01T03:00:00Z"));
        case.worklist = Some(reason.clone());
        let late = at("2026-08-01T03:00:00Z");
        assert!(turn(&mut case, late), "{reason}: the last text is due");
        assert_eq!(case.stage, Some(1));
        let expected = stays.then(|| reason.clone());
        assert_eq!(case.worklist, expected, "{reason}");
        // Nothing of it is said again while the stage stands.
        turn(&mut case, late);
        assert_eq!(case.worklist, expected, "{reason}");
    }
}

#[test]
fn who_can_be_reached_by_nothing_is_no_used_up_stage() {
    for points in [&[][..], &[PointKind::Email]] {
        let mut case = facts::case(at("2026-03-30T02:00:00Z"));
        // It comes to the stage, then finds nobody.
        for _ in 0..2 {
            assert!(!turn_of(&mut case, points, at("2026-04-10T03:00:00Z")));
        }
        for _ in 0..2 {
            let stage = "remind".to_owned();
            assert_eq!(case.worklist, Some(WorklistReason::NoTarget { stage }));
            assert!(!turn_of(&mut case, points, at("2026-04-11T03:00:00Z")));
        }
    }
}
