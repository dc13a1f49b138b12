//! Between which values of a fact no condition changes.

use super::{Fact, Of, fact_of};
use crate::expr::names::{BORROWER_KINDS, CONTACTABILITIES, LENDER_KINDS, STATUSES};
use crate::expr::parser::Arith;
use crate::policy::Policy;
use crate::program::Node;
use recoup_domain::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// Values of a fact between which no condition changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// The fact is not known.
    Absent,
    /// From one value to another, both included.
    Span(i64, i64),
}

impl Cell {
    /// A value of the cell; none where the fact is not known.
    #[must_use]
    pub const fn value(self) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Span(from, to) if from < SHOWN_MIN => Some(if to < 0 { to } else { 0 }),
            Self::Span(from, _) => Some(from),
        }
    }

    /// The least and the greatest value; none where the fact is not known.
    #[must_use]
    pub const fn span(self) -> Option<(i64, i64)> {
        match self {
            Self::Absent => None,
            Self::Span(from, to) => Some((from, to)),
        }
    }
}

/// How well the cells of a fact show what conditions do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing changes within a cell.
    Exact,
    /// The fact is calculated with: each value up to this one is a cell, and nothing is known of those above.
    UpTo(i64),
    /// The fact is calculated with, and has too many values: some were picked.
    Picked,
}

/// A fact and its cells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Axis {
    /// The fact.
    pub fact: Fact,
    /// Its cells, "not known" first, then upwards.
    pub cells: Vec<Cell>,
    /// How well they show it.
    pub detail: Detail,
}

/// Below this, a value of a cell is not shown where another can be.
const SHOWN_MIN: i64 = -31;
/// A fact with at most so many values has a cell for each where it is calculated with.
const VALUES_MAX: i64 = 128;
/// Days that are looked at one by one where they are calculated with.
const DAYS: (i64, i64) = (-31, 431);
/// A hundred years.
const DAYS_MAX: i64 = 36_500;
/// Contacts of a case: far above what steps can make.
const CONTACTS_MAX: i64 = 1_000_000;
/// Constants of one comparison that are told apart.
const CONSTANTS_MAX: usize = 64;

/// Where the conditions cut a fact.
#[derive(Default)]
struct Uses {
    /// Values from which on something may be otherwise than below.
    cuts: BTreeSet<i64>,
    /// It is calculated with, or compared with another fact.
    calculated: bool,
}

/// What stands on one side of a comparison.
#[derive(Default)]
struct Side {
    /// Facts that may stand there, with what a unit of theirs is worth.
    facts: Vec<(u16, Fact, i64)>,
    constants: Vec<i64>,
}

impl Policy {
    /// The facts that conditions read and those of `also`, with their cells; values of `also` begin a cell of their
    /// own.
    #[must_use]
    pub fn axes(&self, also: &[(Fact, i64)]) -> Vec<Axis> {
        let mut uses = self.uses_of_facts();
        for (fact, cut) in also {
            uses.entry(*fact).or_default().cuts.insert(*cut);
        }
        let axis = |(fact, uses): (Fact, Uses)| self.axis(fact, &uses);
        uses.into_iter().map(axis).collect()
    }

    fn uses_of_facts(&self) -> BTreeMap<Fact, Uses> {
        let nodes = &self.program.nodes;
        let mut uses: BTreeMap<Fact, Uses> = BTreeMap::new();
        let mut plain = BTreeSet::new();
        let mut cut = |uses: &mut BTreeMap<Fact, Uses>, side: &Side, constants: &[i64]| {
            for (id, fact, unit) in &side.facts {
                plain.insert(*id);
                let cuts = &mut uses.entry(*fact).or_default().cuts;
                for k in constants {
                    let at = k.div_euclid(*unit);
                    cuts.extend([at, at.saturating_add(1)]);
                }
            }
        };
        for node in nodes {
            match *node {
                Node::Cmp(_, l, r) => {
                    let (Some(l), Some(r)) = (self.side(l), self.side(r)) else {
                        continue;
                    };
                    if l.facts.is_empty() || r.facts.is_empty() {
                        cut(&mut uses, &l, &r.constants);
                        cut(&mut uses, &r, &l.constants);
                    }
                }
                Node::In(of, from, to) => {
                    if let Some(side) = self.side(of) {
                        let list = &self.program.lists[usize::from(from)..usize::from(to)];
                        cut(&mut uses, &side, list);
                    }
                }
                _ => {}
            }
        }
        for (id, node) in nodes.iter().enumerate() {
            if let Some(fact) = fact_of(*node) {
                let is_number = matches!(node, Node::Slot(_) | Node::Days(_));
                let found = uses.entry(fact).or_default();
                found.calculated |= is_number && !plain.contains(&(id as u16));
            }
        }
        uses
    }

    /// What one side of a comparison may be; none where it is calculated from facts.
    fn side(&self, id: u16) -> Option<Side> {
        let node = self.program.nodes[usize::from(id)];
        let mut side = Side::default();
        match node {
            Node::Const(k) => side.constants.push(k),
            Node::Slot(_) => side.facts.push((id, fact_of(node)?, 1)),
            Node::Days(_) => side.facts.push((id, fact_of(node)?, 86_400)),
            Node::Neg(of) => {
                let of = self.side(of).filter(|s| s.facts.is_empty())?;
                let negated = of.constants.iter().map(|k| k.checked_neg());
                side.constants = negated.collect::<Option<_>>()?;
            }
            Node::Arith(op, l, r) => {
                let l = self.side(l).filter(|s| s.facts.is_empty())?;
                let r = self.side(r).filter(|s| s.facts.is_empty())?;
                for l in &l.constants {
                    for r in &r.constants {
                        side.constants.push(calculated(op, *l, *r)?);
                    }
                }
            }
            Node::Cond(_, then, other) => {
                for branch in [then, other] {
                    let branch = self.side(branch)?;
                    side.facts.extend(branch.facts);
                    side.constants.extend(branch.constants);
                }
            }
            _ => return None,
        }
        (side.constants.len() <= CONSTANTS_MAX).then_some(side)
    }

    fn axis(&self, fact: Fact, uses: &Uses) -> Axis {
        let (from, to, may_be_absent) = self.range(fact);
        let named = is_named(fact);
        let small = to - from < VALUES_MAX;
        let mut detail = Detail::Exact;
        let mut cuts = uses.cuts.clone();
        if named || uses.calculated && small {
            cuts.extend(from..=to);
        } else if uses.calculated {
            match fact {
                Fact::Dpd | Fact::AgeDays | Fact::Contacts(_, Of::DaysSinceLast) => {
                    let last = cuts
                        .last()
                        .map_or(DAYS.1, |last| DAYS.1.max(last.saturating_add(65)));
                    let last = last.min(4 * DAYS.1);
                    cuts.extend(DAYS.0.max(from)..=last);
                    detail = Detail::UpTo(last);
                }
                Fact::Contacts(..) => {
                    cuts.extend(0..VALUES_MAX);
                    detail = Detail::UpTo(VALUES_MAX - 1);
                }
                _ => {
                    let powers = (0..12).map(|n| 10_i64.pow(n));
                    cuts.extend(powers);
                    detail = Detail::Picked;
                }
            }
        }
        let mut cells = Vec::new();
        if may_be_absent {
            cells.push(Cell::Absent);
        }
        let starts = cuts.into_iter().filter(|cut| *cut > from && *cut <= to);
        let starts: Vec<i64> = std::iter::once(from).chain(starts).collect();
        for (i, start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).map_or(to, |next| next - 1);
            cells.push(Cell::Span(*start, end));
        }
        Axis {
            fact,
            cells,
            detail,
        }
    }

    /// The least and greatest value of a fact, and whether it may be not known.
    fn range(&self, fact: Fact) -> (i64, i64, bool) {
        let last = |n: usize| n as i64 - 1;
        let program = &self.program;
        match fact {
            Fact::Dpd => (-DAYS_MAX, DAYS_MAX, false),
            Fact::Status => (0, last(STATUSES.len()), false),
            Fact::Product => (-1, last(program.products.len()), true),
            Fact::Overdue | Fact::Principal => (0, i64::MAX - 1, false),
            Fact::AgeDays => (0, DAYS_MAX, false),
            Fact::Jurisdiction => (-1, last(program.jurisdictions.len()), false),
            Fact::LenderKind => (0, last(LENDER_KINDS.len()), false),
            Fact::BorrowerKind => (0, last(BORROWER_KINDS.len()), false),
            Fact::Segment => (0, last(program.segments.len()), true),
            Fact::Contactability => (0, last(CONTACTABILITIES.len()), false),
            Fact::Ability | Fact::Willingness => (0, 100, true),
            Fact::Hour => (0, 23, false),
            Fact::Weekday => (1, 7, false),
            Fact::Contacts(_, Of::Made | Of::Completed) => (0, CONTACTS_MAX, false),
            Fact::Contacts(_, Of::DaysSinceLast) => (0, DAYS_MAX, true),
            Fact::Contacts(_, Of::LastOutcome) => (0, last(Outcome::ALL.len()), true),
            Fact::Flag(_) | Fact::Exhausted(_) => (0, 1, false),
        }
    }
}

/// Whether each value of a fact is a thing of its own.
const fn is_named(fact: Fact) -> bool {
    !matches!(
        fact,
        Fact::Dpd
            | Fact::Overdue
            | Fact::Principal
            | Fact::AgeDays
            | Fact::Ability
            | Fact::Willingness
            | Fact::Hour
            | Fact::Weekday
            | Fact::Contacts(_, Of::Made | Of::Completed | Of::DaysSinceLast)
    )
}

fn calculated(op: Arith, l: i64, r: i64) -> Option<i64> {
    match op {
        Arith::Add => l.checked_add(r),
        Arith::Sub => l.checked_sub(r),
        Arith::Mul => l.checked_mul(r),
        Arith::Div => l.checked_div(r),
        Arith::Rem => l.checked_rem(r),
    }
}
