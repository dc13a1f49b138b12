//! Differences in words: what a strategist reads.

use crate::policy::{OnOutcome, Step};
use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_domain::outcome::Outcome;

/// A length of time as policies write it.
pub(super) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let fits = units.iter().find(|(unit, _)| seconds % unit == 0);
    let (unit, letter) = fits.copied().unwrap_or((1, 's'));
    format!("{}{letter}", seconds / unit)
}

/// A span of the day as policies write it.
pub(super) fn span((from, to): (Time, Time)) -> String {
    let clock = |t: Time| t.strftime("%H:%M").to_string();
    format!("{}-{}", clock(from), clock(to))
}

/// What outcomes bring, as policies write it; empty for nothing.
pub(super) fn on(on: &[(Outcome, OnOutcome)]) -> String {
    let action = |action: &OnOutcome| match action {
        OnOutcome::Hold(held) => format!("{} {}", action.name(), length(*held)),
        word => word.name().to_owned(),
    };
    let one = |(outcome, brings): &(Outcome, OnOutcome)| {
        format!("{}: {}", outcome.name(), action(brings))
    };
    on.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What a step is known by: its channel and its text.
pub(super) fn label(step: &Step) -> String {
    format!("{} {}", step.channel, step.template)
}

/// A step in full.
pub(super) fn whole(step: &Step) -> String {
    let mut parts = vec![label(step), contacts(step.max)];
    parts.extend(step.when.as_ref().map(|when| format!("only when {when}")));
    parts.extend(step.every.map(|every| format!("every {}", length(every))));
    parts.extend(
        step.after
            .map(|after| format!("{} after the step before", length(after))),
    );
    parts.extend(
        step.between
            .map(|between| format!("between {}", span(between))),
    );
    if step.approval {
        parts.push("with approval".to_owned());
    }
    if !step.on.is_empty() {
        parts.push(format!("on {}", on(&step.on)));
    }
    parts.join(", ")
}

/// How many contacts a step makes.
pub(super) fn contacts(max: u32) -> String {
    match max {
        1 => "one contact".to_owned(),
        max => format!("at most {max} contacts"),
    }
}

/// Which way an amount went.
pub(super) fn way<T: PartialOrd>(
    before: &T,
    after: &T,
    less: &'static str,
    more: &'static str,
) -> &'static str {
    if after < before { less } else { more }
}
