//! Every line, and every word that stands in one, is there in both languages.

use super::{Line, Standing, Tongue};
use crate::clock_guard::Trouble;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{MissingYear, Packs, Why};
use recoup_decide::StepSaid;
use recoup_domain::case::{CloseReason, Pause, PauseReason, SkipReason, Status, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{OverrideId, PauseId};
use recoup_domain::outcome::Outcome;
use recoup_domain::overrides::Lift;
use recoup_domain::time::{NEVER, Window};
use recoup_store::Room;
use std::collections::{BTreeSet, HashSet};
use std::mem::{Discriminant, discriminant};

const AT: Timestamp = Timestamp::UNIX_EPOCH;
/// Stands for whatever people name or write; of no language.
const NAME: &str = "N-1";

fn name() -> String {
    NAME.to_owned()
}

fn missing() -> MissingYear {
    MissingYear {
        calendar: name(),
        year: 2031,
    }
}

fn skips() -> Vec<SkipReason> {
    let rule = name();
    let mut all = vec![
        SkipReason::NoTarget,
        SkipReason::DeniedForever { rule },
        SkipReason::NoChannel,
        SkipReason::RetriesUsedUp,
        SkipReason::CalledOff,
    ];
    all.extend(Outcome::ALL.map(|outcome| SkipReason::ByOutcome { outcome }));
    all
}

fn standings() -> Vec<Standing> {
    let mut said = vec![
        StepSaid::UsedUp,
        StepSaid::NoTurn(name()),
        StepSaid::WaitsForApproval(Some(AT)),
        StepSaid::WaitsForApproval(None),
        StepSaid::WaitsForStepBefore,
        StepSaid::Due(AT),
        StepSaid::WaitsForChannel(name(), AT),
        StepSaid::WaitsForYear(missing(), AT),
        StepSaid::Denied(name()),
        StepSaid::Goes,
    ];
    said.extend(skips().into_iter().map(StepSaid::Skipped));
    let passed = skips().into_iter().map(Standing::PassedOver);
    let said = said.into_iter().map(Standing::Said);
    let others = [Standing::NotAsked, Standing::Held(name())];
    said.chain(passed).chain(others).collect()
}

fn worklist() -> Vec<WorklistReason> {
    use WorklistReason as W;
    let classes = ContactClass::ALL.into_iter();
    let never = classes.map(|class| W::NeverMade {
        class,
        stage: name(),
        rule: name(),
    });
    let class = ContactClass::Visit;
    let others = [
        W::StepsUsedUp { stage: name() },
        W::NoTarget { stage: name() },
        W::WaitsForYear {
            class,
            stage: name(),
            calendar: name(),
            year: 2031,
            rule: name(),
        },
        W::AskedByPolicy {
            class,
            stage: name(),
            outcome: Outcome::Busy,
        },
        W::NoStage { policy: name() },
        W::StepHeld { why: name() },
        W::HandHeld { why: name() },
        W::Undecidable,
        W::WroteBack,
        W::OtherWroteBack,
        W::CancelInDoubt,
        W::SendingInDoubt,
        W::Death,
        W::DisputeWon,
    ];
    never.chain(others).collect()
}

fn pauses() -> Vec<Pause> {
    use PauseReason as P;
    let reasons = [
        P::Hold,
        P::Promise,
        P::Plan,
        P::Hardship,
        P::Dispute,
        P::Complaint,
    ];
    let pause = |(reason, until)| Pause {
        id: PauseId::from_bytes([0; 16]),
        reason,
        owner: name(),
        since: AT,
        until,
        promise: None,
    };
    let ends = reasons.into_iter().zip([NEVER, AT].into_iter().cycle());
    ends.map(pause).collect()
}

fn closes() -> [CloseReason; 6] {
    use CloseReason as C;
    [
        C::Paid,
        C::Settled,
        C::Cured,
        C::WrittenOff,
        C::Withdrawn,
        C::Deceased,
    ]
}

/// The rules of China and of the house, which are all told in Chinese, with each of what may be said of one.
fn rules() -> Vec<Line> {
    let packs = Packs::builtin();
    let rules = packs
        .rules()
        .filter(|r| ["cn", "house"].contains(&r.pack()));
    let whys = [
        None,
        Some(Why::NoCommonWindow),
        Some(Why::CalendarLacks(missing())),
    ];
    let line = |rule: &recoup_compliance::RuleRef| {
        let never = whys.clone().map(|why| Line::Rule {
            rule: rule.clone(),
            earliest: None,
            why,
        });
        let later = Line::Rule {
            rule: rule.clone(),
            earliest: Some(AT),
            why: None,
        };
        [later].into_iter().chain(never).collect::<Vec<_>>()
    };
    rules.flat_map(line).collect()
}

fn lifted(decides: bool) -> Line {
    Line::Lifted {
        lift: Box::new(Lift {
            id: OverrideId::from_bytes([0; 16]),
            pack: name(),
            rule: name(),
            from: AT,
            until: AT,
            proposed_by: name(),
            approved_by: name(),
        }),
        decides,
    }
}

/// Each line, with each word that it may hold.
fn lines() -> Vec<Line> {
    let pin = (name(), 1);
    let mut all = vec![Line::OtherRules, Line::Stage(None), Line::DecidesAgain];
    for status in [Status::Open, Status::Paused, Status::Legal, Status::Closed] {
        all.extend([false, true].map(|corrected| Line::AsOf {
            at: AT,
            status,
            corrected,
        }));
    }
    all.extend([None, Some(pin.clone())].map(|before| Line::Policy {
        pin: pin.clone(),
        since: AT,
        before,
    }));
    all.extend([-3, 0, 3].map(|dpd| Line::Debt {
        dpd,
        overdue: "1.00 CNY".to_owned(),
        made: 2,
    }));
    all.push(Line::Stage(Some((name(), name()))));
    all.extend(pauses().into_iter().map(Line::Paused));
    all.extend(closes().map(|reason| Line::Closed(reason, AT)));
    all.extend(standings().into_iter().map(|standing| Line::Step {
        number: 1,
        channel: name(),
        template: name(),
        made: (1, 2),
        standing,
    }));
    all.extend(rules());
    all.extend([true, false].map(lifted));
    for class in ContactClass::ALL {
        let effect = Window { from: AT, to: AT };
        all.extend([Line::Held(class), Line::Contact(class, effect)]);
    }
    all.extend([None, Some(AT)].map(Line::Sleeps));
    all.extend(worklist().into_iter().map(Line::Worklist));
    all.extend([None, Some(name())].map(|said| Line::Refused {
        class: ContactClass::Sms,
        at: Some(AT),
        said,
    }));
    all.extend([true, false].map(|goes| Line::LooksNext { at: AT, goes }));
    all.extend([None, Some(name())].map(|channel| Line::DispatchOff {
        channel,
        by: name(),
        at: AT,
        reason: name(),
    }));
    for by in [-3, 3].map(SignedDuration::from_secs) {
        let troubles = [Trouble::Leapt(by), Trouble::Behind(by), Trouble::Skewed(by)];
        all.extend(troubles.map(Line::ClockSuspect));
    }
    all.extend([0, 64 << 20].map(|ballast_bytes| {
        Line::NoRoom(Room {
            free_bytes: 1,
            least_bytes: 1 << 20,
            ballast_bytes,
        })
    }));
    all
}

/// How many kinds of lines there are: a new one does not compile before it is counted, and is not in `lines` before
/// the count is right.
const fn kinds(line: &Line) -> usize {
    match line {
        Line::AsOf { .. }
        | Line::Policy { .. }
        | Line::OtherRules
        | Line::Paused(_)
        | Line::Closed(..)
        | Line::Debt { .. }
        | Line::Stage(_)
        | Line::Step { .. }
        | Line::Rule { .. }
        | Line::Lifted { .. }
        | Line::Held(_)
        | Line::Contact(..)
        | Line::Sleeps(_)
        | Line::DecidesAgain
        | Line::Worklist(_)
        | Line::Refused { .. }
        | Line::LooksNext { .. }
        | Line::DispatchOff { .. }
        | Line::ClockSuspect(_)
        | Line::NoRoom(_) => 20,
    }
}

#[test]
fn a_chinese_sentence_has_no_english_word() {
    let lines = lines();
    let told: BTreeSet<String> = lines.iter().map(|l| l.say(Tongue::Chinese)).collect();
    for said in &told {
        // Names, codes and instants have capitals or digits alone; ids begin with what they are of.
        let parts = said.split(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)));
        let small = |w: &&str| w.len() > 1 && w.bytes().all(|b| b.is_ascii_lowercase());
        let found: Vec<&str> = parts.filter(small).collect();
        assert!(found.is_empty(), "{found:?} in `{said}`");
        let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        assert!(said.chars().any(han), "no Chinese: `{said}`");
    }
    assert!(told.len() > 200, "{}", told.len());
}

#[test]
fn every_kind_of_line_is_told_in_english_and_without_chinese() {
    let lines = lines();
    let distinct: HashSet<Discriminant<Line>> = lines.iter().map(discriminant).collect();
    assert_eq!(distinct.len(), kinds(&lines[0]));
    // What a citation names is told as its authors wrote it.
    let own = lines.iter().filter(|l| !matches!(l, Line::Rule { .. }));
    for line in own {
        let said = line.say(Tongue::English);
        assert!(said.is_ascii(), "{said}");
    }
}
