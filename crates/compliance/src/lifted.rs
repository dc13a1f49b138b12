//! A rule's answer where an override lifts it.

use crate::pack::Binding;
use crate::question::{Moment, Question};
use crate::rule::Rule;
use crate::shape::Answer;
use jiff::Timestamp;
use recoup_domain::overrides::Lift;

/// What a rule says of a moment, and the override that lets it pass, where the rule itself would not.
#[inline]
pub(crate) fn judge<'a>(
    binding: &'a Binding,
    rule: &'a Rule,
    question: &Question<'_>,
    moment: &Moment<'_>,
) -> (Answer, Option<&'a Lift>) {
    let own = rule.judge(question, moment);
    let Answer::Shut { next } = own else {
        return (own, None);
    };
    let lifts = binding.lifts_of(rule);
    let here = lifts.clone().filter(|l| covers(l, question, moment.at));
    if let Some(lift) = here.max_by_key(|l| l.until) {
        return (Answer::Open { until: lift.until }, Some(lift));
    }
    // An override opens at its first instant, and holds an effect that ends in time.
    let later = lifts.filter_map(|lift| {
        let start = lift.from.max(moment.at);
        covers(lift, question, start).then_some(start)
    });
    (
        Answer::Shut {
            next: later.chain(next).min(),
        },
        None,
    )
}

/// Whether the effect that begins at `at` lies whole within an override.
fn covers(lift: &Lift, question: &Question<'_>, at: Timestamp) -> bool {
    lift.from <= at && at < lift.until && question.window_at(at).to <= lift.until
}
