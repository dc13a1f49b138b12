//! What an exploration of a policy's behaviour asks: which facts its conditions read, between which values
//! nothing changes, and whether a part of a condition holds where facts have given values. It is the compiled
//! program that answers, the one that decides real cases.

mod axes;
mod words;

pub use crate::expr::names::Of;
pub use axes::{Axis, Cell, Detail};

use crate::env::{ABSENT, Env};
use crate::expr::eval::holds;
use crate::expr::names::{self, GROUPS, Slot};
use crate::policy::Policy;
use crate::program::{Flag, Node};
use crate::trace::NoTrace;
use recoup_domain::ContactClass;

/// A fact that conditions can read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fact {
    /// Days past due.
    Dpd,
    /// Where the case stands: 0 open, 1 paused, 2 legal, 3 closed.
    Status,
    /// The product, by its number in the policy; -1 is any other.
    Product,
    /// Overdue, minor units.
    Overdue,
    /// Principal, minor units.
    Principal,
    /// Days since the case was opened.
    AgeDays,
    /// The jurisdiction, by its number in the policy; -1 is any other.
    Jurisdiction,
    /// Who collects.
    LenderKind,
    /// Kind of the borrower.
    BorrowerKind,
    /// The policy's segment.
    Segment,
    /// How well the borrower can be reached.
    Contactability,
    /// Score.
    Ability,
    /// Score.
    Willingness,
    /// Local hour.
    Hour,
    /// Local day of the week, Monday 1.
    Weekday,
    /// Something about the contacts of a class, by its index in `ContactClass::ALL`, or of [`ANY`].
    Contacts(u8, Of),
    /// A label or region, by its number in the policy.
    Flag(u8),
    /// Whether the steps of a stage are used up.
    Exhausted(u8),
}

/// The group of all classes together.
pub const ANY: u8 = names::ANY as u8;

const BEFORE_CONTACTS: [Fact; 15] = [
    Fact::Dpd,
    Fact::Status,
    Fact::Product,
    Fact::Overdue,
    Fact::Principal,
    Fact::AgeDays,
    Fact::Jurisdiction,
    Fact::LenderKind,
    Fact::BorrowerKind,
    Fact::Segment,
    Fact::Contactability,
    Fact::Ability,
    Fact::Willingness,
    Fact::Hour,
    Fact::Weekday,
];

const OFS: [Of; 4] = [Of::Made, Of::Completed, Of::DaysSinceLast, Of::LastOutcome];

impl Fact {
    fn of_slot(slot: Slot) -> Self {
        let slot = usize::from(slot);
        match BEFORE_CONTACTS.get(slot) {
            Some(fact) => *fact,
            None => {
                let at = slot - BEFORE_CONTACTS.len();
                Self::Contacts((at / OFS.len()) as u8, OFS[at % OFS.len()])
            }
        }
    }

    fn slot(self) -> Option<Slot> {
        match self {
            Self::Flag(_) | Self::Exhausted(_) => None,
            Self::Contacts(group, of) => Some(names::contacts(usize::from(group), of)),
            other => BEFORE_CONTACTS
                .iter()
                .position(|f| *f == other)
                .map(|i| i as Slot),
        }
    }
}

/// A part of a condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Part(u16);

/// How a part holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Where both hold.
    Both(Part, Part),
    /// Where one of them holds.
    Either(Part, Part),
    /// As the program says.
    Whole,
}

impl Policy {
    /// The condition of a stage; none for one that is not there.
    #[must_use]
    pub fn enter_part(&self, stage: u8) -> Option<Part> {
        let enter = self.program.enters.get(usize::from(stage));
        enter.map(|id| Part(*id))
    }

    /// The condition under which a step has its turn; none where it always has.
    #[must_use]
    pub fn step_part(&self, stage: u8, step: u8) -> Option<Part> {
        let stage = self.stages.get(usize::from(stage))?;
        let step = stage.steps.get(usize::from(step))?;
        step.when_root.map(Part)
    }

    /// The conditions of the segments, in order.
    pub fn when_parts(&self) -> impl Iterator<Item = Part> {
        self.program.whens.iter().map(|id| Part(*id))
    }

    /// How a part holds. Where it holds because of both or one of its sides, an error in a side is the same as
    /// that side not holding: `&&` is true only where both are, `||` only where one is.
    #[must_use]
    pub fn shape(&self, part: Part) -> Shape {
        match self.program.nodes[usize::from(part.0)] {
            Node::And(l, r) => Shape::Both(Part(l), Part(r)),
            Node::Or(l, r) => Shape::Either(Part(l), Part(r)),
            _ => Shape::Whole,
        }
    }

    /// The facts that a part reads, sorted, each once.
    #[must_use]
    pub fn facts_of(&self, part: Part) -> Vec<Fact> {
        let mut found = Vec::new();
        let mut left = vec![part.0];
        while let Some(id) = left.pop() {
            let node = self.program.nodes[usize::from(id)];
            found.extend(fact_of(node));
            left.extend(operands(node).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether being in one region means being in the other: the flags are regions, and the first lies within the
    /// second.
    #[must_use]
    pub fn flag_implies(&self, flag: u8, other: u8) -> bool {
        let of = |n: u8| self.program.flags.get(usize::from(n));
        match (of(flag), of(other)) {
            (Some(Flag::Region(inner)), Some(Flag::Region(outer))) => {
                crate::env::within(inner, outer)
            }
            _ => false,
        }
    }
}

fn fact_of(node: Node) -> Option<Fact> {
    match node {
        Node::Slot(slot) | Node::Days(slot) => Some(Fact::of_slot(slot)),
        Node::Flag(n) => Some(Fact::Flag(n)),
        Node::Exhausted(stage) => Some(Fact::Exhausted(stage)),
        _ => None,
    }
}

/// What a node stands on.
fn operands(node: Node) -> [Option<u16>; 3] {
    match node {
        Node::Const(_)
        | Node::Slot(_)
        | Node::Days(_)
        | Node::Flag(_)
        | Node::Exhausted(_)
        | Node::CmpConst(..) => [None; 3],
        Node::Not(of) | Node::Neg(of) | Node::In(of, ..) => [Some(of), None, None],
        Node::And(l, r) | Node::Or(l, r) | Node::Cmp(_, l, r) | Node::Arith(_, l, r) => {
            [Some(l), Some(r), None]
        }
        Node::Cond(test, then, other) => [Some(test), Some(then), Some(other)],
    }
}

/// Values of facts, of which parts of conditions are asked. At first no fact is known, and no flag set.
#[derive(Clone, Debug)]
pub struct Probe<'p> {
    policy: &'p Policy,
    env: Env,
}

impl<'p> Probe<'p> {
    /// Nothing known yet.
    #[must_use]
    pub const fn new(policy: &'p Policy) -> Self {
        let env = Env::empty();
        Self { policy, env }
    }

    /// Gives a fact a value; none is "not known". Flags and used up stages are set by 1, unset by anything else. A
    /// segment is a fact like any other: it is not found anew.
    pub fn set(&mut self, fact: Fact, value: Option<i64>) {
        let bit = value == Some(1);
        match (fact, fact.slot()) {
            (Fact::Flag(n), _) => {
                self.env.flags = self.env.flags & !(1 << n) | u64::from(bit) << n;
            }
            (Fact::Exhausted(n), _) => {
                self.env.exhausted = self.env.exhausted & !(1 << n) | u32::from(bit) << n;
            }
            (_, Some(slot)) => self.env.set(slot, value.unwrap_or(ABSENT)),
            (_, None) => {}
        }
    }

    /// Whether a part holds.
    #[must_use]
    pub fn holds(&self, part: Part) -> bool {
        holds(&self.policy.program, part.0, &self.env, &mut NoTrace)
    }

    /// The stage that a case of these facts stands in.
    #[must_use]
    pub fn stage(&self) -> Option<u8> {
        self.policy.stage(&self.env, &mut NoTrace)
    }
}

/// The class of a group; none for [`ANY`].
#[must_use]
pub fn class_of(group: u8) -> Option<ContactClass> {
    ContactClass::ALL.get(usize::from(group)).copied()
}

const _: () = assert!(BEFORE_CONTACTS.len() + OFS.len() * GROUPS == names::SLOTS);
