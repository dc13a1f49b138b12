//! What the ladder can come to by itself, while facts from outside change as they like.

use super::sets::{NONE, Set, TooLarge};
use super::space::{CLASSES, Caps, Space, made, outcome};
use recoup_domain::ContactClass;
use recoup_policy::Policy;
use recoup_policy::explore::{ANY, Fact, Of, class_of};

/// The stages that are reached, and the states that the ladder can bring about.
pub(super) struct Reach {
    pub(super) stages: Vec<bool>,
    /// The most contacts of each class that the steps of these stages make.
    pub(super) caps: Caps,
    /// Where what the ladder alone moves is as it can be.
    pub(super) states: Set,
}

/// The stages that a case can stand in, from no contact on. With `untouched`, those it can stand in while no contact
/// of it was ever made: steps are passed over, or facts alone bring it there.
pub(super) fn reach(space: &mut Space<'_>, untouched: bool) -> Result<Reach, TooLarge> {
    let mut stages = vec![false; space.stands.len()];
    loop {
        let caps = if untouched {
            [0; CLASSES]
        } else {
            caps(space.policy, &stages)
        };
        let states = possible(space, &stages, &caps, untouched)?;
        let mut grown = stages.clone();
        for (stage, reached) in grown.iter_mut().enumerate() {
            if !*reached {
                *reached = space.sets.and(space.stands[stage], states)? != NONE;
            }
        }
        if grown == stages {
            return Ok(Reach {
                stages,
                caps,
                states,
            });
        }
        stages = grown;
    }
}

/// The most contacts of each class that the steps of some stages make.
fn caps(policy: &Policy, stages: &[bool]) -> Caps {
    let mut caps = [0; CLASSES];
    let reached = policy.stages().iter().zip(stages);
    for (stage, _) in reached.filter(|(_, reached)| **reached) {
        for step in &stage.steps {
            caps[step.class as usize] += i64::from(step.max);
        }
    }
    caps
}

/// The states in which contacts and used up stages are such as steps of these stages bring about.
fn possible(
    space: &mut Space<'_>,
    stages: &[bool],
    caps: &Caps,
    untouched: bool,
) -> Result<Set, TooLarge> {
    let mut set = space.world;
    for group in 0..=ANY {
        let cap = match class_of(group) {
            Some(class) => caps[class as usize],
            None => caps.iter().sum(),
        };
        set = space.with(set, made(group), |from, _| from <= cap)?;
        set = last_outcomes(space, set, group, caps)?;
    }
    set = space.sum(set, Of::Made, caps)?;
    set = space.sum(set, Of::Completed, caps)?;
    if caps[ContactClass::Legal as usize] == 0 {
        set = space.with(set, Fact::Status, |from, _| from == super::space::OPEN)?;
    }
    for (number, reached) in stages.iter().enumerate() {
        let used_up = Fact::Exhausted(number as u8);
        if !reached && needs_a_case(space.policy, number) {
            set = space.with(set, used_up, |_, to| to == 0)?;
            continue;
        }
        // Where all contacts that can be were made, no step is left.
        if untouched || !reached {
            continue;
        }
        let steps = &space.policy.stages()[number].steps;
        let class = steps[0].class;
        if steps.iter().all(|s| s.class == class) {
            let cap = caps[class as usize];
            set = space.pair(set, used_up, made(class as u8), |used, made| {
                used == 1 || made < cap
            })?;
        }
    }
    Ok(set)
}

/// Whether a stage is used up only once a case stood in it: where each step has a `when`, none of them may have a turn
/// from the beginning.
pub(super) fn needs_a_case(policy: &Policy, stage: usize) -> bool {
    policy.stages()[stage]
        .steps
        .iter()
        .any(|s| s.when.is_none())
}

/// The last contact of a group came to something that a class with contacts can come to.
fn last_outcomes(space: &mut Space<'_>, set: Set, group: u8, caps: &Caps) -> Result<Set, TooLarge> {
    let Some(axis) = space.place(Fact::Contacts(group, Of::LastOutcome)) else {
        return Ok(set);
    };
    let classes: Vec<ContactClass> = ContactClass::ALL
        .into_iter()
        .filter(|c| caps[*c as usize] > 0 && (group == ANY || *c as u8 == group))
        .collect();
    let cells = &space.axes[axis].cells;
    space.sets.within(set, axis, |cell| {
        outcome(cells[cell]).is_none_or(|o| classes.iter().any(|c| o.fits(*c)))
    })
}
