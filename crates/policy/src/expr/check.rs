//! Names and types: a tree to nodes. All that is wrong is told, not only the first.

use super::Fault;
use super::lexer::Span;
use super::names::{self, Domain, Slot, Type};
use super::parser::{Arith, Binary, Cmp, Expr, Id, Kind, Tree, parse};
use crate::finding::code;
use crate::hint::nearest;
use crate::program::{Node, PROGRAM_NODES_MAX, Program};
use recoup_domain::money::Currency;

/// Whose condition it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Segment,
    /// Number of the stage.
    Stage(u8),
    /// A step of the stage of this number.
    Step(u8),
}

/// What conditions of one policy share.
pub(crate) struct Compiler<'a> {
    pub(crate) program: Program,
    pub(crate) currency: Option<Currency>,
    pub(crate) stages: &'a [String],
    /// Whether a case can come to another segment with time alone.
    pub(crate) segments_move: bool,
}

/// A part with its type; none where it has a fault, which was told.
pub(super) type Typed = Option<(Id, Type)>;

impl Compiler<'_> {
    /// Compiles a condition and answers with its root.
    pub(crate) fn condition(&mut self, text: &str, owner: Owner) -> Result<Id, Vec<Fault>> {
        let tree = parse(text).map_err(|fault| vec![fault])?;
        if self.program.nodes.len() + tree.nodes.len() > PROGRAM_NODES_MAX {
            return Err(vec![Fault {
                code: code::TOO_BIG,
                span: tree.node(tree.root()).span,
                message: "the policy's conditions have too many parts together".into(),
                hint: format!("at most {PROGRAM_NODES_MAX} are allowed"),
            }]);
        }
        self.program.sources.push(text.into());
        let mut check = Check {
            compiler: self,
            tree: &tree,
            owner,
            faults: Vec::new(),
        };
        let root = check.boolean(tree.root(), "a condition");
        match root {
            Some(root) if check.faults.is_empty() => Ok(root),
            _ => Err(check.faults),
        }
    }
}

pub(super) struct Check<'c, 'a, 't> {
    pub(super) compiler: &'c mut Compiler<'a>,
    pub(super) tree: &'t Tree,
    pub(super) owner: Owner,
    faults: Vec<Fault>,
}

impl<'t> Check<'_, '_, 't> {
    pub(super) fn program(&mut self) -> &mut Program {
        &mut self.compiler.program
    }

    pub(super) fn fault<T>(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.faults.push(Fault {
            code,
            span,
            message: message.into(),
            hint: hint.into(),
        });
        None
    }

    pub(super) fn emit(&mut self, node: Node, span: Span, kind: Type) -> (Id, Type) {
        let program = self.program();
        let source = (program.sources.len() - 1) as u16;
        program.nodes.push(node);
        program.places.push((source, span, kind));
        ((program.nodes.len() - 1) as Id, kind)
    }

    pub(super) fn slot(&mut self, slot: Slot, span: Span, kind: Type) -> Typed {
        self.read(slot, span)?;
        Some(self.emit(Node::Slot(slot), span, kind))
    }

    /// Notes that a slot is read. A step that came and went with time alone would use its stage up and fill it again
    /// by turns.
    pub(super) fn read(&mut self, slot: Slot, span: Span) -> Option<()> {
        self.program().uses |= 1 << slot;
        let moves = slot == names::SEGMENT && self.compiler.segments_move;
        if !moves && !names::moves_with_time(slot) || !matches!(self.owner, Owner::Step(_)) {
            return Some(());
        }
        let sources = &self.compiler.program.sources;
        let what = sources.last().map_or("", |source| span.of(source));
        let message = format!("a step's `when` cannot ask for what time alone changes: `{what}`");
        let hint = "days belong into `enter` or `after`, hours into `between`";
        self.fault(code::MISPLACED, span, message, hint)
    }

    /// A part that must be true or false.
    fn boolean(&mut self, id: Id, what: &str) -> Option<Id> {
        let (node, kind) = self.infer(id)?;
        if kind == Type::Bool {
            return Some(node);
        }
        let span = self.tree.node(id).span;
        let message = format!("{what} must be true or false, this is {}", kind.name());
        self.fault(code::TYPE, span, message, "compare it with something")
    }

    pub(super) fn infer(&mut self, id: Id) -> Typed {
        let tree = self.tree;
        let Expr { kind, span, .. } = tree.node(id);
        let span = *span;
        match kind {
            Kind::Int(n) => Some(self.emit(Node::Const(*n), span, Type::Int)),
            Kind::Bool(b) => Some(self.emit(Node::Const(i64::from(*b)), span, Type::Bool)),
            Kind::Text(text) => {
                let number = intern(&mut self.program().literals, text);
                Some(self.emit(Node::Const(number), span, Type::Text(Domain::Literal)))
            }
            Kind::List(_) => self.fault(
                code::OUTSIDE,
                span,
                "a list is no value of its own",
                "lists stand only behind `in`",
            ),
            Kind::Name(name) => self.name(name, span),
            Kind::Member(object, name) => self.member(*object, name, span),
            Kind::Call(None, name, arguments) => self.function(name, arguments, span),
            Kind::Call(Some(object), name, arguments) => {
                self.method(*object, name, arguments, span)
            }
            Kind::Not(of) => {
                let of = self.boolean(*of, "what stands behind `!`")?;
                Some(self.emit(Node::Not(of), span, Type::Bool))
            }
            Kind::Neg(of) => {
                let (node, kind) = self.infer(*of)?;
                if kind != Type::Int {
                    let message = format!("`-` needs a number, this is {}", kind.name());
                    return self.fault(code::TYPE, tree.node(*of).span, message, "");
                }
                Some(self.emit(Node::Neg(node), span, Type::Int))
            }
            Kind::Binary(op, l, r) => self.binary(*op, *l, *r, span),
            Kind::Cond(test, then, other) => self.cond(*test, *then, *other, span),
        }
    }

    fn binary(&mut self, op: Binary, l: Id, r: Id, span: Span) -> Typed {
        match op {
            Binary::And | Binary::Or => {
                let sign = if op == Binary::And { "`&&`" } else { "`||`" };
                let what = format!("each side of {sign}");
                let sides = (self.boolean(l, &what), self.boolean(r, &what));
                let (Some(l), Some(r)) = sides else {
                    return None;
                };
                let node = match op {
                    Binary::And => Node::And(l, r),
                    _ => Node::Or(l, r),
                };
                Some(self.emit(node, span, Type::Bool))
            }
            Binary::Cmp(op) => self.comparison(op, l, r, span),
            Binary::In => self.membership(l, r, span),
            Binary::Arith(op) => {
                let (Some(left), Some(right)) = (self.infer(l), self.infer(r)) else {
                    return None;
                };
                let adds = matches!(op, Arith::Add | Arith::Sub);
                let kind = match (left.1, right.1) {
                    (Type::Int, Type::Int) => Type::Int,
                    (Type::Duration, Type::Duration) if adds => Type::Duration,
                    (a, b) => {
                        let message =
                            format!("there is no arithmetic of {} and {}", a.name(), b.name());
                        return self.fault(code::TYPE, span, message, "");
                    }
                };
                Some(self.emit(Node::Arith(op, left.0, right.0), span, kind))
            }
        }
    }

    fn comparison(&mut self, op: Cmp, l: Id, r: Id, span: Span) -> Typed {
        let equality = matches!(op, Cmp::Eq | Cmp::Ne);
        let (Some(left), Some(right)) = (self.infer(l), self.infer(r)) else {
            return None;
        };
        let chained = matches!(self.tree.node(l).kind, Kind::Binary(Binary::Cmp(_), ..));
        if chained && !equality {
            let message = "comparisons cannot be chained";
            return self.fault(code::TYPE, span, message, "write `a < b && b < c`");
        }
        match self.same(left, right, span)? {
            kind @ (Type::Bool | Type::Text(_)) if !equality => {
                let message = format!("{} has no order", kind.name());
                self.fault(code::TYPE, span, message, "compare with `==` or `!=`")
            }
            Type::Text(domain)
                if !domain.is_closed() && !self.is_written(left.0) && !self.is_written(right.0) =>
            {
                let message = format!("a {} is compared only with text", domain.name());
                self.fault(code::TYPE, span, message, "write the text out")
            }
            _ => Some(self.emit(Node::Cmp(op, left.0, right.0), span, Type::Bool)),
        }
    }

    /// Whether a part is text as written, or a choice between such texts.
    fn is_written(&self, id: Id) -> bool {
        match self.compiler.program.nodes[id as usize] {
            Node::Const(_) => true,
            Node::Cond(_, then, other) => self.is_written(then) && self.is_written(other),
            _ => false,
        }
    }

    /// Makes both the same type: text as written takes the other's domain.
    fn same(&mut self, left: (Id, Type), right: (Id, Type), span: Span) -> Option<Type> {
        match (left.1, right.1) {
            (a, b) if a == b => Some(a),
            (Type::Text(Domain::Literal), Type::Text(domain)) => self.take_domain(left.0, domain),
            (Type::Text(domain), Type::Text(Domain::Literal)) => self.take_domain(right.0, domain),
            (a, b) => {
                let message = format!("{} is never {}", a.name(), b.name());
                let hint = match (a, b) {
                    (Type::Duration, Type::Int) | (Type::Int, Type::Duration) => {
                        "a length of time is written duration(\"3d\")"
                    }
                    (Type::Int, Type::Text(_)) | (Type::Text(_), Type::Int) => {
                        "numbers stand without quotes"
                    }
                    _ => "",
                };
                self.fault(code::TYPE, span, message, hint)
            }
        }
    }

    /// Gives text as written its number in `domain`.
    fn take_domain(&mut self, id: Id, domain: Domain) -> Option<Type> {
        let kind = Type::Text(domain);
        match self.program().nodes[id as usize] {
            Node::Const(number) => {
                let text = self.program().literals[number as usize].clone();
                let span = self.program().places[id as usize].1;
                let number = self.number(&text, domain, span)?;
                self.program().nodes[id as usize] = Node::Const(number);
            }
            Node::Cond(_, then, other) => {
                let both = (
                    self.take_domain(then, domain),
                    self.take_domain(other, domain),
                );
                let (Some(_), Some(_)) = both else {
                    return None;
                };
            }
            _ => {}
        }
        self.program().places[id as usize].2 = kind;
        Some(kind)
    }

    fn number(&mut self, text: &str, domain: Domain, span: Span) -> Option<i64> {
        let members: Vec<String> = match domain {
            Domain::Literal => return Some(intern(&mut self.program().literals, text)),
            Domain::Product => return Some(intern(&mut self.program().products, text)),
            Domain::Jurisdiction => return Some(intern(&mut self.program().jurisdictions, text)),
            Domain::Segment => self.program().segments.clone(),
            _ => domain
                .members()
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        if let Some(number) = members.iter().position(|m| m == text) {
            return Some(number as i64);
        }
        let message = format!("`{text}` is no {}", domain.name());
        let hint = nearest(text, members.iter().map(String::as_str));
        self.fault(code::MEMBER, span, message, hint)
    }

    fn membership(&mut self, l: Id, r: Id, span: Span) -> Typed {
        let left = self.infer(l);
        let Kind::List(items) = &self.tree.node(r).kind else {
            let at = self.tree.node(r).span;
            return self.fault(
                code::TYPE,
                at,
                "behind `in` stands a list",
                "write [1, 2] or [\"a\", \"b\"]",
            );
        };
        if items.is_empty() {
            let at = self.tree.node(r).span;
            return self.fault(code::COUNT, at, "the list is empty", "nothing is in it");
        }
        let left = left?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.item(*item, left.1));
        }
        // Numbers are known only when every item is: a list with a fault is not compiled.
        let values = values.into_iter().collect::<Option<Vec<i64>>>()?;
        let lists = &mut self.program().lists;
        let from = lists.len() as u16;
        lists.extend(values);
        let to = lists.len() as u16;
        Some(self.emit(Node::In(left.0, from, to), span, Type::Bool))
    }

    fn item(&mut self, id: Id, of: Type) -> Option<i64> {
        let span = self.tree.node(id).span;
        let (node, kind) = self.infer(id)?;
        if !matches!(self.program().nodes[node as usize], Node::Const(_)) {
            return self.fault(
                code::OUTSIDE,
                span,
                "a list holds only what is written out",
                "compare with `==` instead",
            );
        }
        match (kind, of) {
            (Type::Text(Domain::Literal), Type::Text(domain)) => {
                self.take_domain(node, domain)?;
            }
            (a, b) if a == b => {}
            (a, b) => {
                let message = format!("{} is never {}", b.name(), a.name());
                return self.fault(code::TYPE, span, message, "");
            }
        }
        match self.program().nodes[node as usize] {
            Node::Const(value) => Some(value),
            _ => None,
        }
    }

    fn cond(&mut self, test: Id, then: Id, other: Id, span: Span) -> Typed {
        let test = self.boolean(test, "what stands before `?`");
        let (Some(then), Some(other)) = (self.infer(then), self.infer(other)) else {
            return None;
        };
        let kind = self.same(then, other, span)?;
        Some(self.emit(Node::Cond(test?, then.0, other.0), span, kind))
    }
}

/// The number of a text in a table, which grows.
fn intern(table: &mut Vec<String>, text: &str) -> i64 {
    let number = table.iter().position(|t| t == text).unwrap_or_else(|| {
        table.push(text.to_owned());
        table.len() - 1
    });
    number as i64
}
