//! The expression language: an exact subset of CEL, typed, without loops, compiled to slots.

pub(crate) mod canon;
pub(crate) mod check;
pub(crate) mod eval;
pub(crate) mod lexer;
pub(crate) mod names;
pub(crate) mod parser;
mod resolve;

use lexer::Span;

/// Bytes of an expression.
pub(crate) const EXPRESSION_BYTES_MAX: usize = 2048;
/// Parts of an expression.
pub(crate) const NODES_MAX: usize = 256;
/// Nesting of parentheses, calls, negations and right-hand sides.
pub(crate) const NESTING_MAX: usize = 32;

/// What is wrong in an expression, with its place in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) hint: String,
}
