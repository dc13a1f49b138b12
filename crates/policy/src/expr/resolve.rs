//! Names, members, functions and methods: what each of them is, or what would have been right.

use super::check::{Check, Owner, Typed};
use super::lexer::Span;
use super::names::{self, Domain, Of, Slot, Type};
use super::parser::{Id, Kind};
use crate::finding::code;
use crate::hint::nearest;
use crate::program::{FLAGS_MAX, Flag, Node};
use recoup_domain::ContactClass;
use recoup_domain::money::Currency;

impl<'t> Check<'_, '_, 't> {
    pub(super) fn name(&mut self, name: &str, span: Span) -> Typed {
        if let Some((_, slot, kind)) = names::BARE.iter().find(|(n, _, _)| *n == name) {
            if *slot == names::SEGMENT {
                if self.owner == Owner::Segment {
                    return self.fault(
                        code::MISPLACED,
                        span,
                        "a segment cannot ask for the segment",
                        "the first segment whose `when` holds is the case's",
                    );
                }
                if self.program().segments.is_empty() {
                    return self.fault(
                        code::UNKNOWN_NAME,
                        span,
                        "this policy has no segments",
                        "declare them: segments: [{name: …, when: …}]",
                    );
                }
            }
            return self.slot(*slot, span, *kind);
        }
        if names::OBJECTS.contains(&name) {
            let message = format!("`{name}` is no value by itself");
            let hint = format!("there are: {}", members_of(name).join(", "));
            return self.fault(code::UNKNOWN_NAME, span, message, hint);
        }
        let message = format!("there is no `{name}`");
        let known = names::BARE.iter().map(|(n, _, _)| *n).chain(names::OBJECTS);
        self.fault(code::UNKNOWN_NAME, span, message, nearest(name, known))
    }

    pub(super) fn member(&mut self, object: Id, name: &str, span: Span) -> Typed {
        let tree = self.tree;
        let own = tail(span, name);
        match &tree.node(object).kind {
            Kind::Name(o) if o == "contacts" => {
                if group(name).is_none() {
                    return self.no_group(name, own);
                }
                let message = format!("`contacts.{name}` is no value by itself");
                let hint = format!("there are: {}", names::CONTACT_MEMBERS.join(", "));
                self.fault(code::UNKNOWN_NAME, span, message, hint)
            }
            Kind::Name(o) => {
                let found = names::MEMBERS.iter().find(|m| m.0 == o && m.1 == name);
                if let Some((_, _, slot, kind)) = found {
                    return self.slot(*slot, span, *kind);
                }
                let age = names::AGES.iter().find(|a| a.0 == o && a.1 == name);
                if let Some((_, _, slot)) = age {
                    return self.days(*slot, span);
                }
                self.no_member(o, name, own, tree.node(object).span)
            }
            Kind::Member(contacts, of) if tree.node(*contacts).kind == name_of("contacts") => {
                let Some(group) = group(of) else {
                    return self.no_group(of, tail(tree.node(object).span, of));
                };
                self.contacts(group, name, span)
            }
            _ => {
                // The object may have a fault of its own; otherwise a value has no members.
                let (_, kind) = self.infer(object)?;
                let message = format!("{} has no `.{name}`", kind.name());
                self.fault(code::UNKNOWN_NAME, own, message, "")
            }
        }
    }

    fn days(&mut self, slot: Slot, span: Span) -> Typed {
        self.read(slot, span)?;
        Some(self.emit(Node::Days(slot), span, Type::Duration))
    }

    fn contacts(&mut self, group: usize, name: &str, span: Span) -> Typed {
        let outcome = Type::Text(Domain::Outcome);
        match name {
            "made" => self.slot(names::contacts(group, Of::Made), span, Type::Int),
            "completed" => self.slot(names::contacts(group, Of::Completed), span, Type::Int),
            "days_since_last" => {
                self.slot(names::contacts(group, Of::DaysSinceLast), span, Type::Int)
            }
            "since_last" => self.days(names::contacts(group, Of::DaysSinceLast), span),
            "last_outcome" => self.slot(names::contacts(group, Of::LastOutcome), span, outcome),
            _ => {
                let message = format!("contacts have no `{name}`");
                let hint = nearest(name, names::CONTACT_MEMBERS);
                self.fault(code::UNKNOWN_NAME, tail(span, name), message, hint)
            }
        }
    }

    fn no_group(&mut self, name: &str, span: Span) -> Typed {
        let known = ContactClass::ALL.map(ContactClass::name);
        let message = format!("`{name}` is no kind of contact");
        let hint = nearest(name, known.into_iter().chain(["any"]));
        self.fault(code::UNKNOWN_NAME, span, message, hint)
    }

    fn no_member(&mut self, object: &str, name: &str, own: Span, at: Span) -> Typed {
        if !names::OBJECTS.contains(&object) {
            let message = format!("there is no `{object}`");
            let hint = nearest(object, names::OBJECTS);
            return self.fault(code::UNKNOWN_NAME, at, message, hint);
        }
        let known = members_of(object);
        if names::METHODS.contains(&(object, name)) {
            let message = format!("`{object}.{name}` needs an argument");
            let hint = format!("write {object}.{name}(\"…\")");
            return self.fault(code::ARGUMENTS, own, message, hint);
        }
        let message = format!("`{object}` has no `{name}`");
        self.fault(code::UNKNOWN_NAME, own, message, nearest(name, known))
    }

    /// The one argument of a function: text as written.
    fn text_argument(
        &mut self,
        name: &str,
        arguments: &[Id],
        span: Span,
    ) -> Option<(&'t str, Span)> {
        let tree = self.tree;
        let [only] = arguments else {
            let message = format!("`{name}` takes one argument, given are {}", arguments.len());
            return self.fault(
                code::ARGUMENTS,
                span,
                message,
                format!("write {name}(\"…\")"),
            );
        };
        let argument = tree.node(*only);
        match &argument.kind {
            Kind::Text(text) => Some((text, argument.span)),
            _ => self.fault(
                code::ARGUMENTS,
                argument.span,
                format!("the argument of `{name}` must be written out as text"),
                format!("write {name}(\"…\")"),
            ),
        }
    }

    pub(super) fn function(&mut self, name: &str, arguments: &[Id], span: Span) -> Typed {
        match name {
            "duration" => {
                let (text, at) = self.text_argument(name, arguments, span)?;
                let Some(length) = crate::duration::parse(text) else {
                    let message = format!("`{text}` is no length of time");
                    return self.fault(code::DURATION, at, message, crate::duration::LOOKS);
                };
                Some(self.emit(Node::Const(length.as_secs()), span, Type::Duration))
            }
            "exhausted" => {
                let (text, at) = self.text_argument(name, arguments, span)?;
                self.exhausted(text, at, span)
            }
            "has" | "all" | "exists" | "exists_one" | "filter" | "map" => self.fault(
                code::OUTSIDE,
                span,
                format!("`{name}` is not part of the policy language"),
                "",
            ),
            _ => {
                let message = format!("there is no function `{name}`");
                let methods = names::METHODS.iter().map(|(_, m)| *m);
                let hint = nearest(name, names::FUNCTIONS.into_iter().chain(methods));
                self.fault(code::UNKNOWN_FUNCTION, head(span, name), message, hint)
            }
        }
    }

    fn exhausted(&mut self, stage: &str, at: Span, span: Span) -> Typed {
        let (Owner::Stage(own) | Owner::Step(own)) = self.owner else {
            return self.fault(
                code::MISPLACED,
                span,
                "a segment cannot ask whether a stage is exhausted",
                "ask in `enter` of a later stage",
            );
        };
        let stages = self.compiler.stages;
        let earlier = &stages[..usize::from(own).min(stages.len())];
        if let Some(number) = earlier.iter().position(|s| s == stage) {
            self.program().uses_exhausted |= 1 << number;
            return Some(self.emit(Node::Exhausted(number as u8), span, Type::Bool));
        }
        let (message, hint) = if stages.iter().any(|s| s == stage) {
            let hint = match earlier {
                [] => "this is the first stage".to_owned(),
                _ => format!("earlier stages are: {}", earlier.join(", ")),
            };
            (
                format!("stage `{stage}` does not come before this one"),
                hint,
            )
        } else {
            let hint = nearest(stage, earlier.iter().map(String::as_str));
            (format!("there is no stage `{stage}`"), hint)
        };
        self.fault(code::STAGE, at, message, hint)
    }

    pub(super) fn method(&mut self, object: Id, name: &str, arguments: &[Id], span: Span) -> Typed {
        let tree = self.tree;
        let Kind::Name(object_name) = &tree.node(object).kind else {
            let message = format!("there is no method `{name}` here");
            return self.fault(code::UNKNOWN_FUNCTION, span, message, "");
        };
        if !names::METHODS.contains(&(object_name, name)) {
            let known = names::METHODS.iter().filter(|m| m.0 == object_name);
            let hint = nearest(name, known.map(|m| m.1));
            let message = format!("there is no `{object_name}.{name}(…)`");
            return self.fault(code::UNKNOWN_FUNCTION, span, message, hint);
        }
        let (text, at) = self.text_argument(name, arguments, span)?;
        let flag = match (object_name.as_str(), name) {
            ("case", "overdue_in") => return self.amount(names::OVERDUE, text, at, span),
            ("case", "principal_in") => return self.amount(names::PRINCIPAL, text, at, span),
            ("case", _) => Flag::CaseTag(text.to_owned()),
            (_, "has_tag") => Flag::BorrowerTag(text.to_owned()),
            _ => Flag::Region(text.to_owned()),
        };
        let flags = &mut self.program().flags;
        let number = flags.iter().position(|f| *f == flag).unwrap_or_else(|| {
            flags.push(flag);
            flags.len() - 1
        });
        if number >= FLAGS_MAX {
            let message =
                format!("a policy asks for at most {FLAGS_MAX} different tags and regions");
            return self.fault(code::TOO_BIG, span, message, "");
        }
        Some(self.emit(Node::Flag(number as u8), span, Type::Bool))
    }

    fn amount(&mut self, slot: Slot, currency: &str, at: Span, span: Span) -> Typed {
        let Ok(asked) = Currency::new(currency) else {
            let message = format!("`{currency}` is no currency");
            let hint = "three capital letters, such as CNY";
            return self.fault(code::CURRENCY, at, message, hint);
        };
        match self.compiler.currency {
            Some(known) if known != asked => {
                let message = format!("the policy names two currencies, {known} and {asked}");
                let hint = "a policy is for one currency: write another policy for the other";
                self.fault(code::CURRENCY, at, message, hint)
            }
            _ => {
                self.compiler.currency = Some(asked);
                self.slot(slot, span, Type::Int)
            }
        }
    }
}

fn name_of(name: &str) -> Kind {
    Kind::Name(name.to_owned())
}

/// The class, or all of them.
fn group(name: &str) -> Option<usize> {
    if name == "any" {
        return Some(names::ANY);
    }
    ContactClass::ALL.iter().position(|c| c.name() == name)
}

fn members_of(object: &str) -> Vec<&'static str> {
    if object == "contacts" {
        return vec!["sms", "phone", "email", "visit", "legal", "any"];
    }
    let values = names::MEMBERS.iter().filter(|m| m.0 == object);
    let ages = names::AGES.iter().filter(|m| m.0 == object);
    let methods = names::METHODS.iter().filter(|m| m.0 == object);
    values
        .map(|m| m.1)
        .chain(ages.map(|m| m.1))
        .chain(methods.map(|m| m.1))
        .collect()
}

/// The last bytes of a span: the name behind the last dot.
fn tail(span: Span, name: &str) -> Span {
    Span {
        start: span.end - name.len() as u16,
        end: span.end,
    }
}

/// The first bytes of a span: the name of a function.
fn head(span: Span, name: &str) -> Span {
    Span {
        start: span.start,
        end: span.start + name.len() as u16,
    }
}
