//! Evaluation: no allocation (but for a trace that collects), no recursion deeper than the limits.

use super::names::{BORROWER_KINDS, CONTACTABILITIES, Domain, LENDER_KINDS, STATUSES, Slot, Type};
use super::parser::{Arith, Cmp, Id};
use crate::env::{ABSENT, Env};
use crate::program::{Node, Program};
use crate::trace::{Trace, Value};
use recoup_domain::Outcome;

/// Why a part has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// Something it needs is not known.
    Absent,
    /// A result does not fit into 64 bits.
    Overflow,
    /// Division by zero.
    DivisionByZero,
}

impl Stop {
    const fn value(self) -> Value<'static> {
        match self {
            Self::Absent => Value::Absent,
            Self::Overflow => Value::Error("the result is too large"),
            Self::DivisionByZero => Value::Error("division by zero"),
        }
    }
}

type Evaluated = Result<i64, Stop>;

/// Whether a condition holds. One that cannot be computed does not.
pub(crate) fn holds<T: Trace>(program: &Program, root: Id, env: &Env, trace: &mut T) -> bool {
    let mut run = Run {
        program,
        nodes: if T::ON { &program.nodes } else { &program.fast },
        env,
        trace,
    };
    run.eval(root) == Ok(1)
}

/// The value of a part, without a trace.
pub(crate) fn value(program: &Program, id: Id, env: &Env) -> Evaluated {
    let mut run = Run {
        program,
        nodes: &program.fast,
        env,
        trace: &mut crate::trace::NoTrace,
    };
    run.eval(id)
}

struct Run<'a, T> {
    program: &'a Program,
    nodes: &'a [Node],
    env: &'a Env,
    trace: &'a mut T,
}

impl<T: Trace> Run<'_, T> {
    /// A side of `&&`, `||` and `?:`. Most are questions that are answered on the spot, without a call.
    #[inline]
    fn side(&mut self, id: Id) -> Evaluated {
        match self.nodes[id as usize] {
            Node::CmpConst(op, slot, k) => Ok(i64::from(self.compare(op, slot, k))),
            Node::Flag(bit) if !T::ON => Ok((self.env.flags >> bit & 1) as i64),
            Node::Exhausted(stage) if !T::ON => Ok(i64::from(self.env.exhausted >> stage & 1)),
            _ => self.eval(id),
        }
    }

    /// What is not known compares as false.
    #[inline]
    fn compare(&self, op: Cmp, slot: Slot, k: i64) -> bool {
        let value = self.env.slots[slot as usize];
        value != ABSENT && op.holds(value, k)
    }

    fn eval(&mut self, id: Id) -> Evaluated {
        let node = self.nodes[id as usize];
        let result = self.node(node);
        if T::ON {
            self.note(id, node, result);
        }
        result
    }

    fn node(&mut self, node: Node) -> Evaluated {
        match node {
            Node::Const(n) => Ok(n),
            Node::Slot(slot) => self.slot(slot),
            // Whole days are far from the ends of 64 bits in seconds.
            Node::Days(slot) => self.slot(slot).map(|days| days * 86_400),
            Node::Flag(bit) => Ok((self.env.flags >> bit & 1) as i64),
            Node::Exhausted(stage) => Ok(i64::from(self.env.exhausted >> stage & 1)),
            Node::Not(of) => self.eval(of).map(|b| 1 - b),
            Node::Neg(of) => self.eval(of)?.checked_neg().ok_or(Stop::Overflow),
            Node::And(l, r) => self.short_circuit(l, r, 0),
            Node::Or(l, r) => self.short_circuit(l, r, 1),
            Node::Cmp(op, l, r) => {
                let (l, r) = (self.eval(l), self.eval(r));
                absent_is_false(both(l, r).map(|(l, r)| i64::from(op.holds(l, r))))
            }
            Node::CmpConst(op, slot, k) => Ok(i64::from(self.compare(op, slot, k))),
            Node::Arith(op, l, r) => {
                let (l, r) = (self.eval(l), self.eval(r));
                let (l, r) = both(l, r)?;
                arithmetic(op, l, r)
            }
            Node::Cond(test, then, other) => {
                if self.side(test)? == 1 {
                    self.eval(then)
                } else {
                    self.eval(other)
                }
            }
            Node::In(of, from, to) => {
                let list = &self.program.lists[from as usize..to as usize];
                absent_is_false(self.eval(of).map(|v| i64::from(list.contains(&v))))
            }
        }
    }

    fn slot(&self, slot: u8) -> Evaluated {
        match self.env.slots[slot as usize] {
            ABSENT => Err(Stop::Absent),
            value => Ok(value),
        }
    }

    /// `&&` ends at 0, `||` at 1. As in CEL, a side that decides wins over an error in the other.
    fn short_circuit(&mut self, l: Id, r: Id, ends: i64) -> Evaluated {
        let left = self.side(l);
        if left == Ok(ends) {
            return left;
        }
        let right = self.side(r);
        if right == Ok(ends) {
            return right;
        }
        left?;
        right
    }

    fn note(&mut self, id: Id, node: Node, result: Evaluated) {
        let (source, span, kind) = self.program.places[id as usize];
        if matches!(node, Node::Const(_)) {
            return;
        }
        let value = match result {
            Ok(n) => shown(self.program, kind, n),
            Err(stop) => stop.value(),
        };
        let text = span.of(&self.program.sources[source as usize]);
        self.trace.note(text, value);
    }
}

/// An error wins over something absent: it is told, and the other would hide it.
fn both(l: Evaluated, r: Evaluated) -> Result<(i64, i64), Stop> {
    match (l, r) {
        (Ok(l), Ok(r)) => Ok((l, r)),
        (Err(Stop::Absent), Err(other)) => Err(other),
        (Err(stop), _) | (_, Err(stop)) => Err(stop),
    }
}

const fn absent_is_false(result: Evaluated) -> Evaluated {
    match result {
        Err(Stop::Absent) => Ok(0),
        other => other,
    }
}

fn arithmetic(op: Arith, l: i64, r: i64) -> Evaluated {
    let result = match op {
        Arith::Add => l.checked_add(r),
        Arith::Sub => l.checked_sub(r),
        Arith::Mul => l.checked_mul(r),
        Arith::Div | Arith::Rem if r == 0 => return Err(Stop::DivisionByZero),
        Arith::Div => l.checked_div(r),
        Arith::Rem => l.checked_rem(r),
    };
    result.ok_or(Stop::Overflow)
}

fn shown(program: &Program, kind: Type, n: i64) -> Value<'_> {
    let domain = match kind {
        Type::Bool => return Value::Bool(n == 1),
        Type::Int => return Value::Int(n),
        Type::Duration => return Value::Duration(n),
        Type::Text(domain) => domain,
    };
    let i = usize::try_from(n).unwrap_or(usize::MAX);
    let name = match domain {
        Domain::Literal => program.literals.get(i).map(String::as_str),
        Domain::Product => program.products.get(i).map(String::as_str),
        Domain::Jurisdiction => program.jurisdictions.get(i).map(String::as_str),
        Domain::Segment => program.segments.get(i).map(String::as_str),
        Domain::Status => STATUSES.get(i).map(|m| m.name()),
        Domain::BorrowerKind => BORROWER_KINDS.get(i).map(|m| m.name()),
        Domain::LenderKind => LENDER_KINDS.get(i).map(|m| m.name()),
        Domain::Contactability => CONTACTABILITIES.get(i).map(|m| m.name()),
        Domain::Outcome => Outcome::ALL.get(i).map(|m| m.name()),
    };
    name.map_or(Value::Other, Value::Text)
}
