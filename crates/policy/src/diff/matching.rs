//! Which stage and step of one version is which of another.

use crate::expr::canon::canonical;
use crate::policy::{Policy, Stage, Step};

/// What became of the stages and steps of a policy in another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matching {
    stages: Vec<Option<u8>>,
    steps: Vec<Vec<Option<(u8, u8)>>>,
}

impl Matching {
    /// By name; of what is left, stages with the same condition or the same contacts are taken for renamed.
    #[must_use]
    pub fn of(base: &Policy, other: &Policy) -> Self {
        let mut stages = Self::by_name(base, other);
        let mut free: Vec<u8> = (0..other.stages.len() as u8)
            .filter(|o| !stages.contains(&Some(*o)))
            .collect();
        for likeness in [2, 1] {
            for (b, stage) in base.stages.iter().enumerate() {
                if stages[b].is_some() {
                    continue;
                }
                let like = |o: &u8| alike(stage, &other.stages[usize::from(*o)]) >= likeness;
                if let Some(at) = free.iter().position(like) {
                    stages[b] = Some(free.remove(at));
                }
            }
        }
        Self::with(base, other, stages)
    }

    /// The stages of `base` in `other`, by their names alone.
    #[must_use]
    pub fn by_name(base: &Policy, other: &Policy) -> Vec<Option<u8>> {
        let named = |stage: &Stage| other.stage_named(&stage.name);
        base.stages.iter().map(named).collect()
    }

    /// Where somebody says which stage became which: `stages` holds, for each stage of `base`, its number in
    /// `other`. Two may have become one.
    #[must_use]
    pub fn with(base: &Policy, other: &Policy, stages: Vec<Option<u8>>) -> Self {
        let mut steps: Vec<Vec<Option<(u8, u8)>>> = Vec::with_capacity(base.stages.len());
        for (b, stage) in base.stages.iter().enumerate() {
            let to = stages.get(b).copied().flatten();
            let to = to.and_then(|o| Some((o, other.stages.get(usize::from(o))?)));
            steps.push(match to {
                Some((o, found)) => pairs(&stage.steps, &found.steps)
                    .into_iter()
                    .map(|step| step.map(|step| (o, step)))
                    .collect(),
                None => vec![None; stage.steps.len()],
            });
        }
        let mut matching = Self { stages, steps };
        matching.across_stages(base, other);
        matching
    }

    /// A step that left its stage and stands in another, as it was, is the same step.
    fn across_stages(&mut self, base: &Policy, other: &Policy) {
        let taken: Vec<(u8, u8)> = self.steps.iter().flatten().copied().flatten().collect();
        let mut free: Vec<(u8, u8)> = Vec::new();
        for (o, stage) in other.stages.iter().enumerate() {
            let places = (0..stage.steps.len()).map(|step| (o as u8, step as u8));
            free.extend(places.filter(|place| !taken.contains(place)));
        }
        for (b, stage) in base.stages.iter().enumerate() {
            for (s, step) in stage.steps.iter().enumerate() {
                if self.steps[b][s].is_some() {
                    continue;
                }
                let found = free
                    .iter()
                    .position(|place| other.step_at(*place).is_some_and(|o| same(step, o)));
                self.steps[b][s] = found.map(|at| free.remove(at));
            }
        }
    }

    /// The number, in the other version, of a stage; none where it is gone.
    #[must_use]
    pub fn stage(&self, stage: u8) -> Option<u8> {
        self.stages.get(usize::from(stage)).copied().flatten()
    }

    /// Stage and step, in the other version, of a step; none where it is gone.
    #[must_use]
    pub fn step(&self, (stage, step): (u8, u8)) -> Option<(u8, u8)> {
        let steps = self.steps.get(usize::from(stage))?;
        steps.get(usize::from(step)).copied().flatten()
    }

    /// The stage of the base that became stage `other`.
    pub(super) fn base_of(&self, other: u8) -> Option<u8> {
        let found = self.stages.iter().position(|o| *o == Some(other));
        found.map(|b| b as u8)
    }

    /// The step of the base that became the one at `other`.
    pub(super) fn base_step_of(&self, other: (u8, u8)) -> Option<(u8, u8)> {
        self.steps.iter().enumerate().find_map(|(b, steps)| {
            let step = steps.iter().position(|o| *o == Some(other))?;
            Some((b as u8, step as u8))
        })
    }
}

impl Policy {
    /// The number of a stage by its name.
    #[must_use]
    pub fn stage_named(&self, name: &str) -> Option<u8> {
        let found = self.stages.iter().position(|s| s.name == name);
        found.map(|at| at as u8)
    }

    /// A step by stage and step.
    #[must_use]
    pub fn step_at(&self, (stage, step): (u8, u8)) -> Option<&Step> {
        let stage = self.stages.get(usize::from(stage))?;
        stage.steps.get(usize::from(step))
    }
}

/// How much two stages of different names have in common: 2 condition and contacts, 1 one of them.
fn alike(one: &Stage, other: &Stage) -> u8 {
    let condition = |stage: &Stage| canonical(&stage.enter, &str::to_owned);
    let contacts = |stage: &Stage| -> Vec<(String, String)> {
        let steps = stage.steps.iter();
        steps
            .map(|s| (s.channel.clone(), s.template.clone()))
            .collect()
    };
    u8::from(condition(one) == condition(other)) + u8::from(contacts(one) == contacts(other))
}

/// Whether two steps say the same, wherever they stand and however their conditions are written.
pub(super) fn same(one: &Step, other: &Step) -> bool {
    let unconditional = |step: &Step| Step {
        place: one.place,
        when: None,
        when_root: None,
        ..step.clone()
    };
    let condition = |step: &Step| {
        let when = step.when.as_deref();
        when.map(|when| canonical(when, &str::to_owned))
    };
    unconditional(one) == unconditional(other) && condition(one) == condition(other)
}

/// The steps of a stage in another: those that are the same first, then those that say the same by the same channel,
/// then those by the same channel, then those that say the same.
fn pairs(base: &[Step], other: &[Step]) -> Vec<Option<u8>> {
    let fits: [fn(&Step, &Step) -> bool; 4] = [
        same,
        |a, b| a.channel == b.channel && a.template == b.template,
        |a, b| a.channel == b.channel,
        |a, b| a.template == b.template,
    ];
    let mut found: Vec<Option<u8>> = vec![None; base.len()];
    let mut free: Vec<usize> = (0..other.len()).collect();
    for fits in fits {
        for (b, step) in base.iter().enumerate() {
            if found[b].is_some() {
                continue;
            }
            if let Some(at) = free.iter().position(|o| fits(step, &other[*o])) {
                found[b] = Some(free.remove(at) as u8);
            }
        }
    }
    found
}

/// Which of `order` stand out of line: the fewest that must be moved so that the others are in order.
pub(super) fn out_of_line(order: &[usize]) -> Vec<bool> {
    // The longest row that only grows, ending at each place.
    let mut longest = vec![1_usize; order.len()];
    let mut before: Vec<Option<usize>> = vec![None; order.len()];
    for i in 0..order.len() {
        for j in 0..i {
            if order[j] < order[i] && longest[j] + 1 > longest[i] {
                longest[i] = longest[j] + 1;
                before[i] = Some(j);
            }
        }
    }
    let mut out = vec![true; order.len()];
    let mut at = (0..order.len()).rev().max_by_key(|i| longest[*i]);
    while let Some(i) = at {
        out[i] = false;
        at = before[i];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_as_can_be_are_out_of_line() {
        for (order, moved) in [
            (&[0, 1, 2][..], 0),
            (&[1, 0, 2], 1),
            (&[2, 0, 1], 1),
            (&[1, 2, 0], 1),
            (&[2, 1, 0], 2),
            (&[], 0),
            (&[3, 7, 9], 0),
        ] {
            let found = out_of_line(order);
            assert_eq!(found.iter().filter(|m| **m).count(), moved, "{order:?}");
            let left: Vec<_> = order.iter().zip(&found).filter(|(_, m)| !**m).collect();
            assert!(left.is_sorted_by_key(|(o, _)| **o));
        }
    }
}
