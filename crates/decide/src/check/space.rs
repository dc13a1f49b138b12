//! The states a case can be in, cut into cells, and where it stands in each.

use super::sets::{ALL, NONE, Set, Sets, TooLarge};
use recoup_domain::{ContactClass, Outcome};
use recoup_policy::Policy;
use recoup_policy::explore::{ANY, Axis, Cell, Detail, Fact, Of, Probe, Shape, class_of};
use std::collections::BTreeMap;

/// Combinations of cells that comparisons are asked for, all together.
const ASKED_MAX: usize = 1_000_000;
/// More contacts than anybody makes.
pub(super) const MANY: i64 = 1_000_000;
/// Contact classes.
pub(super) const CLASSES: usize = ContactClass::ALL.len();
/// How a status is numbered.
pub(super) const OPEN: i64 = 0;
const LEGAL: i64 = 2;

/// The most contacts of each class that can have been made.
pub(super) type Caps = [i64; CLASSES];

/// Everything about a policy's conditions, as sets.
pub(super) struct Space<'p> {
    pub(super) policy: &'p Policy,
    pub(super) axes: Vec<Axis>,
    pub(super) sets: Sets,
    places: BTreeMap<Fact, usize>,
    order: Vec<Vec<usize>>,
    /// Combinations that were asked for so far.
    asked: usize,
    /// States that can be, whoever made the contacts.
    pub(super) world: Set,
    /// Where each stage's condition holds, within the world.
    pub(super) enters: Vec<Set>,
    /// Where a case stands in each stage: no later one holds.
    pub(super) stands: Vec<Set>,
    /// Where no stage holds.
    pub(super) nowhere: Set,
}

impl<'p> Space<'p> {
    pub(super) fn of(policy: &'p Policy) -> Result<Self, TooLarge> {
        let axes = policy.axes(&also(policy));
        let sizes = axes.iter().map(|a| a.cells.len()).collect();
        let places = axes.iter().enumerate().map(|(i, a)| (a.fact, i));
        let mut space = Self {
            policy,
            sets: Sets::new(sizes),
            places: places.collect(),
            order: axes.iter().map(order).collect(),
            asked: 0,
            axes,
            world: ALL,
            enters: Vec::new(),
            stands: Vec::new(),
            nowhere: ALL,
        };
        space.world = space.find_world()?;
        space.find_stages()?;
        Ok(space)
    }

    /// Where a fact stands among the axes, if it is read.
    pub(super) fn place(&self, fact: Fact) -> Option<usize> {
        self.places.get(&fact).copied()
    }

    /// The least and greatest value of a cell; none where the fact is not known there.
    pub(super) fn span(&self, axis: usize, cell: usize) -> Option<(i64, i64)> {
        self.axes[axis].cells[cell].span()
    }

    /// The states of a set in which a fact fits; all of them where no condition reads the fact. A fact that is not
    /// known does not fit.
    pub(super) fn with(
        &mut self,
        set: Set,
        fact: Fact,
        fits: impl Fn(i64, i64) -> bool,
    ) -> Result<Set, TooLarge> {
        let Some(axis) = self.place(fact) else {
            return Ok(set);
        };
        let cells = &self.axes[axis].cells;
        let fits = |cell: usize| cells[cell].span().is_some_and(|(from, to)| fits(from, to));
        self.sets.within(set, axis, fits)
    }

    /// A state of a set, as plain as can be.
    pub(super) fn state(&self, set: Set) -> Option<Vec<usize>> {
        self.sets.state(set, &self.order)
    }

    /// Whether what is found nowhere in a stage is nowhere: neither its condition nor a later one reads a fact of
    /// which only some values are looked at.
    pub(super) fn is_whole(&self, stage: usize) -> bool {
        let stages = stage as u8..self.policy.stages().len() as u8;
        let enters = stages.filter_map(|s| self.policy.enter_part(s));
        let facts = enters.flat_map(|p| self.policy.facts_of(p)).collect();
        self.are_exact(facts)
    }

    /// The same of the condition of a step.
    pub(super) fn is_whole_turn(&self, stage: usize, step: usize) -> bool {
        let part = self.policy.step_part(stage as u8, step as u8);
        self.are_exact(part.map_or_else(Vec::new, |p| self.policy.facts_of(p)))
    }

    fn are_exact(&self, mut facts: Vec<Fact>) -> bool {
        if facts.contains(&Fact::Segment) {
            let whens = self.policy.when_parts();
            facts.extend(whens.flat_map(|p| self.policy.facts_of(p)));
        }
        let axes = facts.iter().filter_map(|f| self.place(*f));
        axes.into_iter()
            .all(|axis| self.axes[axis].detail == Detail::Exact)
    }

    fn find_stages(&mut self) -> Result<(), TooLarge> {
        let stages = self.policy.stages().len();
        for stage in 0..stages {
            let enter = self.policy.enter_part(stage as u8);
            let holds = enter.map_or(Ok(NONE), |part| self.part(part))?;
            let holds = self.sets.and(holds, self.world)?;
            self.enters.push(holds);
        }
        let mut rest = self.world;
        self.stands = vec![NONE; stages];
        for stage in (0..stages).rev() {
            self.stands[stage] = self.sets.and(rest, self.enters[stage])?;
            rest = self.sets.and_not(rest, self.enters[stage])?;
        }
        self.nowhere = rest;
        Ok(())
    }

    /// The states of a set in which a step of a stage has its turn.
    pub(super) fn turn(&mut self, stage: usize, step: usize, set: Set) -> Result<Set, TooLarge> {
        match self.policy.step_part(stage as u8, step as u8) {
            Some(part) => {
                let holds = self.part(part)?;
                self.sets.and(set, holds)
            }
            None => Ok(set),
        }
    }

    /// Where a part of a condition holds.
    fn part(&mut self, part: recoup_policy::explore::Part) -> Result<Set, TooLarge> {
        match self.policy.shape(part) {
            Shape::Both(l, r) => {
                let (l, r) = (self.part(l)?, self.part(r)?);
                self.sets.and(l, r)
            }
            Shape::Either(l, r) => {
                let (l, r) = (self.part(l)?, self.part(r)?);
                self.sets.or(l, r)
            }
            Shape::Whole => self.ask(part),
        }
    }

    /// Asks the program for each combination of cells that the part reads.
    fn ask(&mut self, part: recoup_policy::explore::Part) -> Result<Set, TooLarge> {
        let facts = self.policy.facts_of(part);
        let axes: Vec<usize> = facts.iter().filter_map(|f| self.place(*f)).collect();
        self.must_be_few(&axes)?;
        let mut probe = Probe::new(self.policy);
        let own = &self.axes;
        self.sets.fitting(&axes, &mut |cells| {
            for (axis, cell) in axes.iter().zip(cells) {
                let axis = &own[*axis];
                probe.set(axis.fact, axis.cells[*cell].value());
            }
            probe.holds(part)
        })
    }

    fn must_be_few(&mut self, axes: &[usize]) -> Result<(), TooLarge> {
        let sizes = axes.iter().map(|a| self.axes[*a].cells.len());
        let product = sizes.fold(1_usize, usize::saturating_mul);
        self.asked = self.asked.saturating_add(product);
        if self.asked > ASKED_MAX {
            return Err(TooLarge);
        }
        Ok(())
    }

    /// The states of which these facts fit each other; all where one of them is not read.
    fn related(
        &mut self,
        set: Set,
        facts: &[Fact],
        mut fit: impl FnMut(&[Cell]) -> bool,
    ) -> Result<Set, TooLarge> {
        let Some(axes) = facts
            .iter()
            .map(|f| self.place(*f))
            .collect::<Option<Vec<_>>>()
        else {
            return Ok(set);
        };
        self.must_be_few(&axes)?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        let own = &self.axes;
        let fitting = self.sets.fitting(&sorted, &mut |cells| {
            let cell = |axis: &usize| {
                let at = sorted.iter().position(|s| s == axis).unwrap_or(0);
                own[*axis].cells[cells[at]]
            };
            let given: Vec<Cell> = axes.iter().map(cell).collect();
            fit(&given)
        })?;
        self.sets.and(set, fitting)
    }

    /// The states of which the least values of two facts fit each other; all where one is not read.
    pub(super) fn pair(
        &mut self,
        set: Set,
        one: Fact,
        other: Fact,
        fit: impl Fn(i64, i64) -> bool,
    ) -> Result<Set, TooLarge> {
        self.related(set, &[one, other], |c| fit(low(c[0]), low(c[1])))
    }

    /// What facts owe each other.
    fn find_world(&mut self) -> Result<Set, TooLarge> {
        // In a paused or closed case the ladder stands still.
        let moving = |from, _| from == OPEN || from == LEGAL;
        let mut world = self.with(ALL, Fact::Status, moving)?;
        for group in 0..=ANY {
            world = self.group(world, group)?;
        }
        world = self.sum(world, Of::Made, &[MANY; CLASSES])?;
        world = self.sum(world, Of::Completed, &[MANY; CLASSES])?;
        let referred = [Fact::Status, made(ContactClass::Legal as u8)];
        world = self.related(world, &referred, |c| low(c[0]) != LEGAL || high(c[1]) >= 1)?;
        world = self.regions(world)?;
        self.segments(world)
    }

    /// Contacts of one group: what is completed was made, and the last one is there where there was one.
    fn group(&mut self, set: Set, group: u8) -> Result<Set, TooLarge> {
        let (made, of) = (made(group), |of| Fact::Contacts(group, of));
        let set = self.related(set, &[made, of(Of::Completed)], |c| low(c[1]) <= high(c[0]))?;
        let there = |c: &[Cell]| (high(c[0]) == 0) == (c[1] == Cell::Absent);
        let set = self.related(set, &[made, of(Of::DaysSinceLast)], there)?;
        let set = self.related(set, &[made, of(Of::LastOutcome)], |c| {
            let fits = outcome(c[1]).is_none_or(|o| can_be_last(o, group));
            there(c) && fits
        })?;
        self.related(set, &[of(Of::Completed), of(Of::LastOutcome)], |c| {
            let proven = outcome(c[1]).is_some_and(|o| o.meaning().effect_proven);
            !proven || high(c[0]) >= 1
        })
    }

    /// Contacts of any class are those of all classes, of which there are no more than the caps.
    pub(super) fn sum(&mut self, set: Set, of: Of, caps: &Caps) -> Result<Set, TooLarge> {
        let classes: Vec<u8> = (0..ANY)
            .filter(|g| self.place(Fact::Contacts(*g, of)).is_some())
            .collect();
        let unread = (0..ANY).filter(|g| !classes.contains(g));
        let unread: i64 = unread.map(|g| caps[usize::from(g)]).sum();
        let mut facts = vec![Fact::Contacts(ANY, of)];
        facts.extend(classes.iter().map(|g| Fact::Contacts(*g, of)));
        self.related(set, &facts, |c| {
            let each = c[1..].iter().zip(&classes);
            let least: i64 = c[1..].iter().map(|c| low(*c)).sum();
            let most: i64 = each.map(|(c, g)| high(*c).min(caps[usize::from(*g)])).sum();
            least <= high(c[0]) && low(c[0]) <= most + unread
        })
    }

    fn regions(&mut self, mut set: Set) -> Result<Set, TooLarge> {
        let flags: Vec<u8> = self.axes.iter().filter_map(|a| flag(a.fact)).collect();
        for inner in &flags {
            for outer in flags.iter().filter(|o| *o != inner) {
                if self.policy.flag_implies(*inner, *outer) {
                    let both = [Fact::Flag(*inner), Fact::Flag(*outer)];
                    set = self.related(set, &both, |c| low(c[0]) == 0 || low(c[1]) == 1)?;
                }
            }
        }
        Ok(set)
    }

    /// The segment is the first whose condition holds.
    fn segments(&mut self, set: Set) -> Result<Set, TooLarge> {
        let Some(axis) = self.place(Fact::Segment) else {
            return Ok(set);
        };
        let mut rest = set;
        let mut found = NONE;
        let whens: Vec<_> = self.policy.when_parts().collect();
        for (number, when) in whens.into_iter().enumerate() {
            let holds = self.part(when)?;
            let own = self.sets.and(rest, holds)?;
            rest = self.sets.and_not(rest, holds)?;
            let is_own = |from, _| from == number as i64;
            let own = self.with(own, Fact::Segment, is_own)?;
            found = self.sets.or(found, own)?;
        }
        let cells = &self.axes[axis].cells;
        let none = self
            .sets
            .within(rest, axis, |cell| cells[cell] == Cell::Absent)?;
        self.sets.or(found, none)
    }
}

/// Cuts that questions need beside those of the conditions.
fn also(policy: &Policy) -> Vec<(Fact, i64)> {
    let read = (0..policy.stages().len() as u8)
        .filter_map(|stage| policy.enter_part(stage))
        .chain(policy.when_parts())
        .flat_map(|part| policy.facts_of(part));
    let mut also = vec![(Fact::Dpd, 1), (made(ANY), 1)];
    for fact in read {
        match fact {
            Fact::Contacts(group, _) => also.push((made(group), 1)),
            Fact::Status => also.push((made(ContactClass::Legal as u8), 1)),
            Fact::Overdue => also.push((Fact::Overdue, 1)),
            _ => {}
        }
    }
    also
}

/// Which cell an example takes first: a case that is overdue, else what is least.
fn order(axis: &Axis) -> Vec<usize> {
    let mut cells: Vec<usize> = (0..axis.cells.len()).collect();
    if matches!(axis.fact, Fact::Dpd | Fact::Overdue) {
        cells.sort_by_key(|cell| low(axis.cells[*cell]) < 1);
    }
    cells
}

/// How many contacts of a group were made.
pub(super) const fn made(group: u8) -> Fact {
    Fact::Contacts(group, Of::Made)
}

/// The least value of a cell; below all where the fact is not known.
pub(super) fn low(cell: Cell) -> i64 {
    cell.span().map_or(i64::MIN, |(from, _)| from)
}

/// The greatest value of a cell; below all where the fact is not known.
pub(super) fn high(cell: Cell) -> i64 {
    cell.span().map_or(i64::MIN, |(_, to)| to)
}

pub(super) fn outcome(cell: Cell) -> Option<Outcome> {
    let number = usize::try_from(cell.value()?).ok()?;
    Outcome::ALL.get(number).copied()
}

/// Whether the last contact made of a group can have come to this.
fn can_be_last(outcome: Outcome, group: u8) -> bool {
    let fits = class_of(group).is_none_or(|class| outcome.fits(class));
    fits && outcome.meaning().attempt
}

const fn flag(fact: Fact) -> Option<u8> {
    match fact {
        Fact::Flag(n) => Some(n),
        _ => None,
    }
}
