//! Tokens to a tree: precedence climbing over CEL's grammar, with hard limits, so that no input can
//! exhaust the stack.

use super::lexer::{Span, Token, tokens};
use super::{EXPRESSION_BYTES_MAX, Fault, NESTING_MAX, NODES_MAX};
use crate::finding::code;

/// A node by its number in the tree.
pub(crate) type Id = u16;

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Arithmetic operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Binary {
    Or,
    And,
    Cmp(Cmp),
    In,
    Arith(Arith),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Int(i64),
    Bool(bool),
    Text(String),
    List(Vec<Id>),
    Name(String),
    Member(Id, String),
    /// Function or method: the object is none for a function.
    Call(Option<Id>, String, Vec<Id>),
    Not(Id),
    Neg(Id),
    Binary(Binary, Id, Id),
    Cond(Id, Id, Id),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// With the parentheses around it; what encloses it reaches as far.
    outer: Span,
}

/// A tree; the root is the last node.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Expr>,
}

impl Tree {
    pub(crate) fn root(&self) -> Id {
        (self.nodes.len() - 1) as Id
    }

    pub(crate) fn node(&self, id: Id) -> &Expr {
        &self.nodes[id as usize]
    }
}

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Tree, Fault> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(too_big(Span::default(), || {
            format!(
                "is {} bytes long, at most {EXPRESSION_BYTES_MAX} are allowed",
                text.len()
            )
        }));
    }
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        nodes: Vec::new(),
        depth: 0,
    };
    parser.condition()?;
    match parser.peek() {
        (Token::End, _) => Ok(Tree {
            nodes: parser.nodes,
        }),
        (Token::Sign(":"), span) => Err(syntax(*span, "`:` without its `?`", "")),
        (_, span) => {
            let found = span.of(text);
            let hint = match found {
                "and" | "AND" => "and is `&&`",
                "or" | "OR" => "or is `||`",
                "is" => "equality is `==`",
                "not" => "not is `!`",
                _ => "",
            };
            Err(syntax(
                *span,
                &format!("expected an operator or the end, found `{found}`"),
                hint,
            ))
        }
    }
}

fn syntax(span: Span, message: &str, hint: &str) -> Fault {
    Fault {
        code: code::SYNTAX,
        span,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

fn too_big(span: Span, what: impl Fn() -> String) -> Fault {
    Fault {
        code: code::TOO_BIG,
        span,
        message: format!("the expression {}", what()),
        hint: "split it: move a part into a segment".into(),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, Span)>,
    next: usize,
    nodes: Vec<Expr>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &(Token, Span) {
        // The last token is End, and nothing steps over it.
        &self.tokens[self.next]
    }

    fn take(&mut self) -> (Token, Span) {
        let token = self.peek().clone();
        if token.0 != Token::End {
            self.next += 1;
        }
        token
    }

    fn accept(&mut self, sign: &'static str) -> Option<Span> {
        let span = match self.peek() {
            (Token::Sign(s), span) if *s == sign => *span,
            _ => return None,
        };
        self.next += 1;
        Some(span)
    }

    fn expect(&mut self, sign: &'static str, why: &str) -> Result<Span, Fault> {
        self.accept(sign)
            .ok_or_else(|| self.unexpected(&format!("`{sign}` {why}")))
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let (token, span) = self.peek();
        let found = match token {
            Token::End => "the end".to_owned(),
            _ => format!("`{}`", span.of(self.text)),
        };
        syntax(*span, &format!("expected {expected}, found {found}"), "")
    }

    fn push(&mut self, kind: Kind, span: Span) -> Result<Id, Fault> {
        if self.nodes.len() >= NODES_MAX {
            let here = self.peek().1;
            return Err(too_big(here, || format!("has more than {NODES_MAX} parts")));
        }
        self.nodes.push(Expr {
            kind,
            span,
            outer: span,
        });
        Ok((self.nodes.len() - 1) as Id)
    }

    fn span(&self, id: Id) -> Span {
        self.nodes[id as usize].outer
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= NESTING_MAX {
            let span = self.peek().1;
            return Err(too_big(span, || {
                format!("is nested deeper than {NESTING_MAX} levels")
            }));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// `or ? or : condition`.
    fn condition(&mut self) -> Result<Id, Fault> {
        let test = self.binary(0)?;
        if self.accept("?").is_none() {
            return Ok(test);
        }
        self.nested(|p| {
            let then = p.binary(0)?;
            p.expect(":", "and what else holds")?;
            let other = p.condition()?;
            let span = p.span(test).to(p.span(other));
            p.push(Kind::Cond(test, then, other), span)
        })
    }

    /// Operators of at least `level`, all left-associative.
    fn binary(&mut self, level: u8) -> Result<Id, Fault> {
        let mut left = self.unary()?;
        while let Some((op, binds)) = self.operator().filter(|(_, binds)| *binds >= level) {
            self.take();
            let right = self.nested(|p| p.binary(binds + 1))?;
            let span = self.span(left).to(self.span(right));
            left = self.push(Kind::Binary(op, left, right), span)?;
        }
        Ok(left)
    }

    fn operator(&self) -> Option<(Binary, u8)> {
        let (token, span) = self.peek();
        let found = match token {
            Token::Sign(sign) => sign,
            Token::Name => span.of(self.text),
            _ => return None,
        };
        Some(match found {
            "||" => (Binary::Or, 0),
            "&&" => (Binary::And, 1),
            "==" => (Binary::Cmp(Cmp::Eq), 2),
            "!=" => (Binary::Cmp(Cmp::Ne), 2),
            "<" => (Binary::Cmp(Cmp::Lt), 2),
            "<=" => (Binary::Cmp(Cmp::Le), 2),
            ">" => (Binary::Cmp(Cmp::Gt), 2),
            ">=" => (Binary::Cmp(Cmp::Ge), 2),
            "in" => (Binary::In, 2),
            "+" => (Binary::Arith(Arith::Add), 3),
            "-" => (Binary::Arith(Arith::Sub), 3),
            "*" => (Binary::Arith(Arith::Mul), 4),
            "/" => (Binary::Arith(Arith::Div), 4),
            "%" => (Binary::Arith(Arith::Rem), 4),
            _ => return None,
        })
    }

    fn unary(&mut self) -> Result<Id, Fault> {
        if let Some(sign) = self.accept("!") {
            let of = self.nested(Self::unary)?;
            let span = sign.to(self.span(of));
            return self.push(Kind::Not(of), span);
        }
        let Some(sign) = self.accept("-") else {
            return self.member();
        };
        if let (Token::Int(n), span) = *self.peek() {
            // The sign belongs to the number: only so can the least integer be written.
            self.next += 1;
            let id = self.push(Kind::Int((n as i64).wrapping_neg()), sign.to(span))?;
            return self.members_of(id);
        }
        let of = self.nested(Self::unary)?;
        let span = sign.to(self.span(of));
        self.push(Kind::Neg(of), span)
    }

    fn member(&mut self) -> Result<Id, Fault> {
        let id = self.primary()?;
        self.members_of(id)
    }

    fn members_of(&mut self, mut id: Id) -> Result<Id, Fault> {
        loop {
            if let (Token::Sign("["), span) = self.peek() {
                return Err(Fault {
                    code: code::OUTSIDE,
                    span: *span,
                    message: "there is no indexing in the policy language".into(),
                    hint: "lists stand only behind `in`".into(),
                });
            }
            if self.accept(".").is_none() {
                return Ok(id);
            }
            let (Token::Name, name) = *self.peek() else {
                return Err(self.unexpected("a name after `.`"));
            };
            self.next += 1;
            let text = name.of(self.text).to_owned();
            let start = self.span(id);
            id = match self.arguments()? {
                Some((arguments, end)) => {
                    self.push(Kind::Call(Some(id), text, arguments), start.to(end))?
                }
                None => self.push(Kind::Member(id, text), start.to(name))?,
            };
        }
    }

    /// `(a, b)`, if it stands here.
    fn arguments(&mut self) -> Result<Option<(Vec<Id>, Span)>, Fault> {
        if self.accept("(").is_none() {
            return Ok(None);
        }
        self.nested(|p| p.list(")")).map(Some)
    }

    fn list(&mut self, close: &'static str) -> Result<(Vec<Id>, Span), Fault> {
        let mut items = Vec::new();
        loop {
            if let Some(end) = self.accept(close) {
                return Ok((items, end));
            }
            items.push(self.condition()?);
            if self.accept(",").is_none() {
                let end = self.expect(close, "or `,`")?;
                return Ok((items, end));
            }
        }
    }

    fn primary(&mut self) -> Result<Id, Fault> {
        let (token, span) = self.peek().clone();
        match token {
            Token::Int(n) => {
                self.next += 1;
                let n = i64::try_from(n)
                    .map_err(|_| syntax(span, &format!("`{n}` is too large"), ""))?;
                self.push(Kind::Int(n), span)
            }
            Token::Text(text) => {
                self.next += 1;
                self.push(Kind::Text(text), span)
            }
            Token::Sign("(") => self.parenthesis(),
            Token::Sign("[") => {
                self.next += 1;
                let (items, end) = self.nested(|p| p.list("]"))?;
                self.push(Kind::List(items), span.to(end))
            }
            Token::Name => self.name(span),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn parenthesis(&mut self) -> Result<Id, Fault> {
        let open = self.take().1;
        let id = self.nested(Self::condition)?;
        let close = self.expect(")", "for the `(` before")?;
        self.nodes[id as usize].outer = open.to(close);
        Ok(id)
    }

    fn name(&mut self, span: Span) -> Result<Id, Fault> {
        self.next += 1;
        let name = span.of(self.text);
        match name {
            "true" | "false" => return self.push(Kind::Bool(name == "true"), span),
            "not" | "NOT" => return Err(syntax(span, "`not` is no operator", "not is `!`")),
            "in" => return Err(syntax(span, "`in` without a value before it", "")),
            "null" => {
                return Err(Fault {
                    code: code::OUTSIDE,
                    span,
                    message: "there is no `null` in the policy language".into(),
                    hint: "every comparison with an absent value is false".into(),
                });
            }
            _ => {}
        }
        match self.arguments()? {
            Some((arguments, end)) => {
                self.push(Kind::Call(None, name.to_owned(), arguments), span.to(end))
            }
            None => self.push(Kind::Name(name.to_owned()), span),
        }
    }
}
