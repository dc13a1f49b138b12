//! Which number or address a step goes to.

use crate::Input;
use recoup_domain::case::SkipReason;
use recoup_domain::contact::ContactClass;
use recoup_domain::party::ContactPoint;
use recoup_domain::{Outcome, PastContact};
use recoup_policy::{OnOutcome, Step};

/// Where a contact goes; a referral goes to a desk and has no point of the person.
pub(crate) enum Target<'a> {
    /// To this number or address.
    Point(&'a ContactPoint),
    /// To nobody's number or address.
    None,
}

impl<'a> Target<'a> {
    pub(crate) const fn point(&self) -> Option<&'a ContactPoint> {
        match self {
            Self::Point(p) => Some(p),
            Self::None => None,
        }
    }
}

/// The preferred usable point that no outcome of this step has ruled out.
pub(crate) fn choose<'a>(
    input: &Input<'a>,
    step: &Step,
    place: (u8, u8),
) -> Result<Target<'a>, SkipReason> {
    if let Some(outcome) = skip_by_outcome(input, step, place) {
        return Err(SkipReason::ByOutcome { outcome });
    }
    if step.class == ContactClass::Legal {
        return Ok(Target::None);
    }
    input
        .borrower
        .usable_points(step.class)
        .find(|p| !passed_over(input, step, place, p))
        .map(Target::Point)
        .ok_or(SkipReason::NoTarget)
}

/// Contacts of this step in this case, newest first.
pub(crate) fn of_step<'a>(
    input: &Input<'a>,
    place: (u8, u8),
) -> impl Iterator<Item = &'a PastContact> + use<'a> {
    let case = input.case;
    let own = move |c: &&PastContact| c.id.is_some_and(|id| id.case == case.id);
    let contacts = input.contacts.iter().rev();
    contacts.filter(move |c| own(c) && case.place_of(c) == Some(place))
}

fn skip_by_outcome(input: &Input<'_>, step: &Step, place: (u8, u8)) -> Option<Outcome> {
    let newest = of_step(input, place).find_map(|c| c.outcome)?;
    step.on(newest)
        .is_some_and(OnOutcome::skips)
        .then_some(newest)
}

/// The outcome that passes a whole stage over: the newest one of some step of it says so.
pub(crate) fn ends_stage(input: &Input<'_>, steps: &[Step], stage: u8) -> Option<Outcome> {
    let ends = |(number, step): (usize, &Step)| {
        // Most steps say nothing of any outcome.
        let may = step.on.iter().any(|(_, to)| *to == OnOutcome::SkipStage);
        let place = (stage, u8::try_from(number).unwrap_or(u8::MAX));
        let newest = may.then(|| of_step(input, place).find_map(|c| c.outcome))??;
        (step.on(newest) == Some(OnOutcome::SkipStage)).then_some(newest)
    };
    steps.iter().enumerate().find_map(ends)
}

fn passed_over(input: &Input<'_>, step: &Step, place: (u8, u8), point: &ContactPoint) -> bool {
    let mut outcomes = of_step(input, place)
        .filter(|c| c.point == Some(point.key))
        .filter_map(|c| c.outcome);
    outcomes.any(|o| step.on(o) == Some(OnOutcome::NextContactPoint))
}
