//! Reading mappings with all that can be wrong in them.

use super::source::{byte_of, line_and_column};
use super::yaml::{At, Key, Node, Value};
use crate::expr::Fault;
use crate::finding::{Finding, Severity, code};
use crate::hint::nearest;

/// How many keys of one mapping are told by name that it does not have: whoever has more has another mistake.
const UNKNOWN_KEYS_MAX: usize = 50;

/// The document's text and what was found wrong in it so far.
pub(crate) struct Report<'s> {
    pub(crate) source: &'s str,
    pub(crate) findings: Vec<Finding>,
    /// Bytes of colons that YAML was not shown.
    pub(crate) shielded: Vec<usize>,
}

impl<'s> Report<'s> {
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        at: At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, code, at.start, message.into(), hint.into());
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        at: At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (message, hint) = (message.into(), hint.into());
        self.push(Severity::Warning, code, at.start, message, hint);
    }

    /// A fault inside the expression that scalar `at` holds.
    pub(crate) fn fault(&mut self, at: At, text: &str, fault: Fault) {
        let byte = byte_of(self.source, at, text, usize::from(fault.span.start));
        let Fault {
            code,
            message,
            hint,
            ..
        } = fault;
        self.push(Severity::Error, code, byte, message, hint);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        byte: usize,
        message: String,
        hint: String,
    ) {
        let (line, column) = line_and_column(self.source, byte);
        self.findings.push(Finding {
            code,
            severity,
            line,
            column,
            message,
            hint,
            example: Vec::new(),
        });
    }

    /// Line and column of something.
    pub(crate) fn place(&self, at: At) -> (u32, u32) {
        line_and_column(self.source, at.start)
    }

    /// The text of a scalar as it stands in the document, if YAML was shown another one.
    pub(crate) fn as_written(&self, at: At) -> Option<&'s str> {
        let within = |byte: &usize| (at.start..at.end).contains(byte);
        self.shielded.iter().any(within).then(|| {
            self.source
                .get(at.start..at.end)
                .unwrap_or_default()
                .trim_end()
        })
    }

    fn wrong_kind<T>(&mut self, node: &Node, what: &str, expected: &str, hint: &str) -> Option<T> {
        let message = format!("{what} must be {expected}, this is {}", node.value.kind());
        self.error(code::WRONG_KIND, node.at, message, hint);
        None
    }

    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            _ => self.wrong_kind(node, what, "text", "put it in quotes"),
        }
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(list) => Some(list),
            _ => self.wrong_kind(node, what, "a list", ""),
        }
    }

    /// An integer of `min..=max`.
    pub(crate) fn int(&mut self, node: &Node, what: &str, min: u32, max: u32) -> Option<u32> {
        let Value::Int(n) = node.value else {
            return self.wrong_kind(node, what, "an integer", "");
        };
        let fits = u32::try_from(n).ok().filter(|n| (min..=max).contains(n));
        if fits.is_none() {
            let hint = format!("from {min} to {max}");
            self.error(code::RANGE, node.at, format!("{what} cannot be {n}"), hint);
        }
        fits
    }

    /// The entries of a mapping, none but `known` ones.
    pub(crate) fn map<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Map<'n>> {
        let Value::Map(entries) = &node.value else {
            return self.wrong_kind(node, what, "a mapping", "");
        };
        let is_unknown = |(key, _): &&(Key, Node)| !known.contains(&key.name.as_str());
        let left_out = entries
            .iter()
            .filter(is_unknown)
            .skip(UNKNOWN_KEYS_MAX)
            .count();
        for (n, (key, _)) in entries
            .iter()
            .filter(is_unknown)
            .take(UNKNOWN_KEYS_MAX)
            .enumerate()
        {
            let mut message = format!("{what} has no key `{}`", key.name);
            if n + 1 == UNKNOWN_KEYS_MAX && left_out > 0 {
                message += &format!(", nor {left_out} others below");
            }
            let hint = nearest(&key.name, known.iter().copied());
            self.error(code::UNKNOWN_KEY, key.at, message, hint);
        }
        Some(Map {
            at: node.at,
            entries,
        })
    }

    /// The value of a key that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        map: &Map<'n>,
        what: &str,
        key: &str,
    ) -> Option<&'n Node> {
        let found = map.get(key);
        if found.is_none() {
            let message = format!("{what} needs `{key}`");
            self.error(code::MISSING_KEY, map.at, message, "");
        }
        found
    }
}

/// A mapping's entries.
pub(crate) struct Map<'n> {
    pub(crate) at: At,
    entries: &'n [(Key, Node)],
}

impl<'n> Map<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(k, _)| k.name == key)
            .map(|(_, node)| node)
    }
}
