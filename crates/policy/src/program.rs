//! What conditions compile to: nodes in one array, names as slots, texts as numbers.

use crate::expr::lexer::Span;
use crate::expr::names::{Slot, Type, moves_with_time};
use crate::expr::parser::{Arith, Cmp, Id};

/// One part of a condition. Truth values are 0 and 1, texts are numbers of their domain, lengths of time
/// are seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    Const(i64),
    Slot(Slot),
    /// Whole days in a slot, as seconds.
    Days(Slot),
    /// Bit of [`Flag`]'s number.
    Flag(u8),
    /// Whether a stage's steps are used up.
    Exhausted(u8),
    Not(Id),
    Neg(Id),
    And(Id, Id),
    Or(Id, Id),
    Cmp(Cmp, Id, Id),
    /// A slot against a constant: most of what policies ask.
    CmpConst(Cmp, Slot, i64),
    Arith(Arith, Id, Id),
    Cond(Id, Id, Id),
    /// Whether a value is in `lists[from..to]`.
    In(Id, u16, u16),
}

impl Node {
    /// Whether its value may change while nothing happens.
    pub(crate) fn moves_with_time(&self) -> bool {
        match self {
            Self::Slot(slot) | Self::Days(slot) => moves_with_time(*slot),
            _ => false,
        }
    }
}

/// A question of yes or no that is answered once for a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Flag {
    CaseTag(String),
    BorrowerTag(String),
    Region(String),
}

/// Flags of a policy: they are bits of 64.
pub(crate) const FLAGS_MAX: usize = 64;
/// Nodes of all conditions; 33 of 256 fit easily.
pub(crate) const PROGRAM_NODES_MAX: usize = 16_384;

/// The conditions of a policy.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// As written.
    pub(crate) nodes: Vec<Node>,
    /// The same with [`Node::CmpConst`] where it fits; what runs when nobody watches.
    pub(crate) fast: Vec<Node>,
    /// Where each node stands (number of the source, place in it), and its type.
    pub(crate) places: Vec<(u16, Span, Type)>,
    /// The conditions' texts.
    pub(crate) sources: Vec<Box<str>>,
    /// Conditions of the segments, in order.
    pub(crate) whens: Vec<Id>,
    /// Conditions of the stages, in order.
    pub(crate) enters: Vec<Id>,
    /// Constants behind `in`.
    pub(crate) lists: Vec<i64>,
    /// Texts, by number, of the domains that any text belongs to.
    pub(crate) literals: Vec<String>,
    pub(crate) products: Vec<String>,
    pub(crate) jurisdictions: Vec<String>,
    pub(crate) segments: Vec<String>,
    /// By number of the flag.
    pub(crate) flags: Vec<Flag>,
    /// Bits of the slots that some condition reads.
    pub(crate) uses: u64,
    /// Bits of the stages that some condition asks `exhausted` of.
    pub(crate) uses_exhausted: u32,
}

impl Program {
    pub(crate) const fn reads(&self, slot: Slot) -> bool {
        self.uses & (1 << slot) != 0
    }

    /// Adds the fast form of the nodes; called once, when all are there.
    pub(crate) fn finish(&mut self) {
        let operand = |id: Id| self.nodes[id as usize];
        let faster = |node: &Node| match *node {
            Node::Cmp(op, l, r) => match (operand(l), operand(r)) {
                (Node::Slot(slot), Node::Const(k)) => Node::CmpConst(op, slot, k),
                (Node::Const(k), Node::Slot(slot)) => Node::CmpConst(op.mirrored(), slot, k),
                _ => *node,
            },
            _ => *node,
        };
        self.fast = self.nodes.iter().map(faster).collect();
    }
}

impl Cmp {
    /// The operator with its sides exchanged.
    pub(crate) const fn mirrored(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    pub(crate) const fn holds(self, l: i64, r: i64) -> bool {
        match self {
            Self::Eq => l == r,
            Self::Ne => l != r,
            Self::Lt => l < r,
            Self::Le => l <= r,
            Self::Gt => l > r,
            Self::Ge => l >= r,
        }
    }
}
