//! Explanations in English.

use super::line::{Line, Standing, ends};
use recoup_domain::case::SkipReason;

pub(super) fn line(line: &Line) -> String {
    match line {
        Line::AsOf {
            at,
            status,
            corrected,
        } => {
            let known = if *corrected {
                ", with all that was learned since"
            } else {
                ""
            };
            format!("As of {at}{known}, the case is {}.", status.name())
        }
        Line::Policy {
            pin: (name, version),
            since,
            before,
        } => {
            let before = before.as_ref();
            let before = before.map(|(name, version)| format!("; before, under {name}@{version}"));
            let before = before.unwrap_or_default();
            format!("It runs under policy {name}@{version} since {since}{before}.")
        }
        Line::OtherRules => "When its newest contact was decided, other packs or another decision code were in force; \
                             here those of now are asked."
            .to_owned(),
        Line::Paused(pause) => {
            let until = match ends(pause) {
                None => "until a person ends it".to_owned(),
                Some(until) => format!("until {until}"),
            };
            let (reason, owner, since) = (pause.reason.name(), &pause.owner, pause.since);
            format!("It is paused ({reason}, by {owner} at {since}), {until}.")
        }
        Line::Stage(None) => "It stands in no stage: no stage's condition holds.".to_owned(),
        Line::Stage(Some((name, condition))) => format!(
            "It stands in stage `{name}`, the last one whose condition holds: `{condition}`."
        ),
        Line::Closed(reason, at) => format!("It was closed at {at}: {}.", reason.name()),
        Line::Debt { dpd, overdue, made } => {
            let days = match dpd {
                0 => "It is due".to_owned(),
                1.. => format!("It is {dpd} days past due"),
                _ => format!("It is {} days before its due date", dpd.unsigned_abs()),
            };
            format!("{days}; overdue: {overdue}; contacts made: {made}.")
        }
        Line::Step {
            number,
            channel,
            template,
            made: (made, max),
            standing: state,
        } => {
            let state = standing(state);
            format!("Step {number} ({channel} `{template}`): {made} of {max} made, {state}.")
        }
        Line::Rule {
            rule,
            earliest,
            why,
        } => {
            let when = match (earliest, why) {
                (Some(at), _) => format!("from {at} on it would permit"),
                (None, Some(why)) => why.to_string(),
                (None, None) => "no passing of time cures it".to_owned(),
            };
            let limit = rule.limit();
            let limit = limit.map_or_else(String::new, |l| format!(" In force: {l};"));
            let (id, citation, text) = (rule.id(), rule.citation(), rule.text());
            format!("  {id} ({citation}): {text};{limit} {when}.")
        }
        Line::Lifted { lift, decides } => {
            let counts = if *decides {
                "without it the rule would deny"
            } else {
                "the rule is not in the way now"
            };
            format!(
                "{} is lifted by {} until {} (proposed by {}, approved by {} at {}); {counts}.",
                lift.rule, lift.id, lift.until, lift.proposed_by, lift.approved_by, lift.from
            )
        }
        Line::Held(class) => format!(
            "A {class} contact would be made now, and is held back until its text says what it must."
        ),
        Line::Contact(class, effect) => format!(
            "A {class} contact would be made now, its effect between {} and {}.",
            effect.from, effect.to
        ),
        Line::Sleeps(Some(at)) => format!("Nothing is done before {at}."),
        Line::DecidesAgain => "It is decided once more at once: what is put on record now may change the answer.".to_owned(),
        Line::Sleeps(None) => "Nothing is done before something happens.".to_owned(),
        Line::Worklist(reason) => format!("A person must look at it: {reason}."),
        Line::Refused { class, at, said } => {
            let at = at.map_or_else(String::new, |at| format!(" at {at}"));
            let said = said.as_deref().unwrap_or("nothing");
            format!("The last try ({class}){at} was refused; the channel said: {said}.")
        }
        Line::LooksNext { at, goes } => {
            let goes = if *goes { ": it goes then" } else { "" };
            format!("The case is looked at next at {at}{goes}.")
        }
        Line::DispatchOff {
            channel,
            by,
            at,
            reason,
        } => {
            let scope = channel.as_ref();
            let scope = scope.map_or_else(String::new, |c| format!(" of channel `{c}`"));
            format!("Nothing{scope} is sent all the same: {by} paused dispatch at {at} ({reason}).")
        }
        Line::NoRoom(room) => format!("Nothing is sent before there is room: {room}."),
        Line::ClockSuspect(trouble) => {
            format!("Nothing is sent before the clock is to be trusted: {trouble}.")
        }
    }
}

pub(super) fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Said(said) => said.to_string(),
        Standing::NotAsked => "not asked".to_owned(),
        Standing::PassedOver(why) => passed_over(why),
        Standing::Held(why) => format!("held back: {why}"),
    }
}

fn passed_over(why: &SkipReason) -> String {
    let why = match why {
        SkipReason::NoTarget => "no usable number or address",
        SkipReason::DeniedForever { rule } => rule,
        SkipReason::NoChannel => "no channel of that name is loaded",
        SkipReason::RetriesUsedUp => "tried in vain as often as may be",
        SkipReason::CalledOff => "a person called it off",
        SkipReason::ByOutcome { outcome } => return format!("skipped: after {outcome}"),
    };
    format!("skipped: {why}")
}
