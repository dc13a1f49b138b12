//! Conditions in one form: what is written differently and read the same is the same text.

use super::parser::{Arith, Binary, Cmp, Id, Kind, Tree, parse};

/// A condition without its formatting: blanks, redundant parentheses, kinds of quotes and notations of numbers do not
/// show. `stage` names the stages that it speaks of.
pub(crate) fn canonical(text: &str, stage: &dyn Fn(&str) -> String) -> String {
    let Ok(tree) = parse(text) else {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
    };
    let mut writer = Writer {
        tree: &tree,
        stage,
        out: String::new(),
    };
    writer.node(tree.root());
    writer.out
}

struct Writer<'a> {
    tree: &'a Tree,
    stage: &'a dyn Fn(&str) -> String,
    out: String,
}

impl Writer<'_> {
    fn node(&mut self, id: Id) {
        let tree = self.tree;
        match &tree.node(id).kind {
            Kind::Int(n) => self.out.push_str(&n.to_string()),
            Kind::Bool(b) => self.out.push_str(&b.to_string()),
            Kind::Text(text) => self.out.push_str(&format!("{text:?}")),
            Kind::List(items) => self.within("[", items, "]"),
            Kind::Name(name) => self.out.push_str(name),
            Kind::Member(object, name) => {
                self.node(*object);
                self.out.push_str(&format!(".{name}"));
            }
            Kind::Call(object, name, arguments) => self.call(*object, name, arguments),
            Kind::Not(of) => {
                self.out.push('!');
                self.node(*of);
            }
            Kind::Neg(of) => {
                self.out.push('-');
                self.node(*of);
            }
            Kind::Binary(op, left, right) => {
                self.out.push('(');
                self.chain(*op, *left);
                self.out.push_str(&format!(" {} ", sign(*op)));
                self.chain(*op, *right);
                self.out.push(')');
            }
            Kind::Cond(condition, then, other) => {
                self.out.push('(');
                self.node(*condition);
                self.out.push_str(" ? ");
                self.node(*then);
                self.out.push_str(" : ");
                self.node(*other);
                self.out.push(')');
            }
        }
    }

    /// A side of an operator: how a row of `&&` or `||` is grouped changes nothing.
    fn chain(&mut self, op: Binary, id: Id) {
        let tree = self.tree;
        match &tree.node(id).kind {
            Kind::Binary(same, left, right)
                if *same == op && matches!(op, Binary::And | Binary::Or) =>
            {
                self.chain(op, *left);
                self.out.push_str(&format!(" {} ", sign(op)));
                self.chain(op, *right);
            }
            _ => self.node(id),
        }
    }

    fn call(&mut self, object: Option<Id>, name: &str, arguments: &[Id]) {
        if let Some(object) = object {
            self.node(object);
            self.out.push('.');
        }
        self.out.push_str(name);
        let tree = self.tree;
        if let (None, "exhausted", [argument]) = (object, name, arguments)
            && let Kind::Text(text) = &tree.node(*argument).kind
        {
            let known = (self.stage)(text);
            return self.out.push_str(&format!("({known:?})"));
        }
        self.within("(", arguments, ")");
    }

    fn within(&mut self, open: &str, items: &[Id], close: &str) {
        self.out.push_str(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.node(*item);
        }
        self.out.push_str(close);
    }
}

const fn sign(op: Binary) -> &'static str {
    match op {
        Binary::Or => "||",
        Binary::And => "&&",
        Binary::In => "in",
        Binary::Cmp(Cmp::Eq) => "==",
        Binary::Cmp(Cmp::Ne) => "!=",
        Binary::Cmp(Cmp::Lt) => "<",
        Binary::Cmp(Cmp::Le) => "<=",
        Binary::Cmp(Cmp::Gt) => ">",
        Binary::Cmp(Cmp::Ge) => ">=",
        Binary::Arith(Arith::Add) => "+",
        Binary::Arith(Arith::Sub) => "-",
        Binary::Arith(Arith::Mul) => "*",
        Binary::Arith(Arith::Div) => "/",
        Binary::Arith(Arith::Rem) => "%",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        canonical(text, &str::to_owned)
    }

    #[test]
    fn formatting_does_not_count_and_meaning_does() {
        for (one, other) in [
            ("case.dpd>=1", "( case.dpd  >= 0x1 )"),
            (
                "borrower.kind == 'individual'",
                "borrower.kind == \"individual\"",
            ),
            (
                "case.dpd >= 1 && (willingness < 2 && ability > 3)",
                "(case.dpd >= 1 && willingness < 2) && ability > 3",
            ),
            ("case.dpd in [1,2]", "case.dpd in [1, 2]"),
            ("!(case.dpd == 1)", "! (case.dpd == 1)"),
        ] {
            assert_eq!(of(one), of(other));
        }
        for (one, other) in [
            ("case.dpd >= 1", "case.dpd > 1"),
            (
                "case.dpd >= 1 && willingness < 2 || ability > 3",
                "case.dpd >= 1 && (willingness < 2 || ability > 3)",
            ),
            ("case.dpd - 1 - 1 == 0", "case.dpd - (1 - 1) == 0"),
            ("exhausted(\"a\")", "exhausted(\"b\")"),
            ("case.has_tag(\"a\")", "borrower.has_tag(\"a\")"),
            ("-case.dpd < 0", "case.dpd < 0"),
        ] {
            assert_ne!(of(one), of(other));
        }
        let renamed = |name: &str| name.replace('a', "b");
        let text = canonical("exhausted(\"a\") && case.has_tag(\"a\")", &renamed);
        assert_eq!(text, "(exhausted(\"b\") && case.has_tag(\"a\"))");
    }
}
