//! Random expressions of the right types, and how each language writes them.
//!
//! What differs is translated. Lengths of time are seconds for the oracle, whose crate has none without a calendar.
//! Labels, regions, amounts and used up stages are names there in place of functions. And every comparison with an
//! absent value is false here, which the oracle has no word for: so a comparison that touches one is written for it
//! as what it means, a question of whether both sides are known (see `unknown`).

use super::Dice;
use super::world::Truth;

/// A type, for texts with those that fit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    Bool,
    Int,
    Length,
    /// Number in [`DOMAINS`].
    Text(usize),
}

struct Domain {
    names: &'static [&'static str],
    values: &'static [&'static str],
}

const OUTCOMES: Domain = Domain {
    names: &[
        "contacts.sms.last_outcome",
        "contacts.phone.last_outcome",
        "contacts.any.last_outcome",
    ],
    values: &["delivered", "no_answer", "conversation", "unknown", "filed"],
};

/// Texts, the names that have them, and some values.
const DOMAINS: [Domain; 9] = [
    OUTCOMES,
    domain(&["case.status"], &["open", "paused", "legal", "closed"]),
    domain(&["case.product"], &["gold", "silver", "a'b", "\\\""]),
    domain(&["case.jurisdiction"], &["CN", "US-MA", "US"]),
    domain(&["case.lender_kind"], &["agency", "bank", "first_party"]),
    domain(&["borrower.kind"], &["individual", "micro_business"]),
    domain(&["segment"], &["small", "rest"]),
    domain(&["contactability"], &["reachable", "doubtful", "lost"]),
    // Texts that are compared with each other alone.
    domain(&[], &["a", "b", "it's"]),
];

/// Domains of which only names with written texts are compared.
const OPEN_DOMAINS: [usize; 2] = [2, 3];

const fn domain(names: &'static [&'static str], values: &'static [&'static str]) -> Domain {
    Domain { names, values }
}

const INTS: [&str; 13] = [
    "case.dpd",
    "case.age_days",
    "case.overdue_in(\"CNY\")",
    "case.principal_in('CNY')",
    "ability",
    "willingness",
    "now.hour",
    "now.weekday",
    "contacts.sms.made",
    "contacts.any.made",
    "contacts.phone.completed",
    "contacts.visit.days_since_last",
    "contacts.any.days_since_last",
];
const BOOLS: [&str; 5] = [
    "case.has_tag('vip')",
    "borrower.has_tag(\"student\")",
    "borrower.region('CN')",
    "borrower.region(\"CN-SH\")",
    "exhausted('s0')",
];
const LENGTHS: [&str; 3] = [
    "case.age",
    "contacts.any.since_last",
    "contacts.email.since_last",
];
const WRITTEN_LENGTHS: [(&str, i64); 5] = [
    ("3d", 259_200),
    ("36h", 129_600),
    ("90m", 5_400),
    ("1s", 1),
    ("3660d", 316_224_000),
];

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum E {
    Int(String),
    Bool(bool),
    Text(&'static str),
    Length(&'static str, i64),
    Name(&'static str),
    Neg(Box<E>),
    Not(Box<E>),
    Bin(&'static str, Box<E>, Box<E>),
    In(Box<E>, Vec<E>),
    Cond(Box<E>, Box<E>, Box<E>),
}

const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

fn is_comparison(op: &str) -> bool {
    COMPARISONS.contains(&op)
}

/// A random expression of a kind.
pub(super) fn grow(dice: &mut Dice, kind: Kind, depth: u32) -> E {
    if depth > 0 && dice.chance(10) {
        let test = Box::new(grow(dice, Kind::Bool, depth - 1));
        let then = Box::new(grow(dice, kind, depth - 1));
        return E::Cond(test, then, Box::new(grow(dice, kind, depth - 1)));
    }
    match kind {
        Kind::Bool => truth(dice, depth),
        Kind::Int => int(dice, depth),
        Kind::Length => length(dice, depth),
        Kind::Text(n) => {
            let names = DOMAINS[n].names;
            match names.is_empty() || OPEN_DOMAINS.contains(&n) || dice.chance(40) {
                true => E::Text(dice.pick(DOMAINS[n].values)),
                false => E::Name(dice.pick(names)),
            }
        }
    }
}

fn bin(op: &'static str, l: E, r: E) -> E {
    E::Bin(op, Box::new(l), Box::new(r))
}

fn truth(dice: &mut Dice, depth: u32) -> E {
    if depth == 0 {
        return match dice.below(8) {
            0 => E::Bool(dice.chance(50)),
            1..=3 => E::Name(dice.pick(&BOOLS)),
            _ => compared(dice, 0),
        };
    }
    match dice.below(12) {
        0..=2 => bin(
            "&&",
            grow(dice, Kind::Bool, depth - 1),
            grow(dice, Kind::Bool, depth - 1),
        ),
        3..=5 => bin(
            "||",
            grow(dice, Kind::Bool, depth - 1),
            grow(dice, Kind::Bool, depth - 1),
        ),
        6 => E::Not(Box::new(grow(dice, Kind::Bool, depth - 1))),
        7 => {
            let op = dice.pick(&["==", "!="]);
            bin(
                op,
                grow(dice, Kind::Bool, depth - 1),
                grow(dice, Kind::Bool, depth - 1),
            )
        }
        8 => member(dice, depth - 1),
        _ => compared(dice, depth - 1),
    }
}

fn compared(dice: &mut Dice, depth: u32) -> E {
    match dice.below(6) {
        0..=2 => {
            let op = dice.pick(&COMPARISONS);
            bin(
                op,
                grow(dice, Kind::Int, depth),
                grow(dice, Kind::Int, depth),
            )
        }
        3 => {
            let op = dice.pick(&COMPARISONS);
            bin(
                op,
                grow(dice, Kind::Length, depth),
                grow(dice, Kind::Length, depth),
            )
        }
        _ => {
            let n = dice.below(DOMAINS.len() as u64) as usize;
            let op = dice.pick(&["==", "!="]);
            let written = grow(dice, Kind::Text(n), depth);
            let other = match DOMAINS[n].names {
                [] => grow(dice, Kind::Text(n), depth),
                names => E::Name(dice.pick(names)),
            };
            match dice.chance(50) {
                true => bin(op, other, written),
                false => bin(op, written, other),
            }
        }
    }
}

fn member(dice: &mut Dice, depth: u32) -> E {
    let count = 1 + dice.below(3);
    if dice.chance(50) {
        let items = (0..count).map(|_| E::Int((dice.below(9) as i64 - 3).to_string()));
        let items = items.collect();
        return E::In(Box::new(grow(dice, Kind::Int, depth)), items);
    }
    let n = dice.below(DOMAINS.len() as u64 - 1) as usize;
    let items = (0..count).map(|_| E::Text(dice.pick(DOMAINS[n].values)));
    let items = items.collect();
    E::In(Box::new(E::Name(dice.pick(DOMAINS[n].names))), items)
}

fn int(dice: &mut Dice, depth: u32) -> E {
    if depth == 0 || dice.chance(25) {
        return match dice.below(10) {
            0..=1 => {
                let max = "9223372036854775807";
                let edge = [max, "-9223372036854775808", "0", "0", "0x1f", "-0x10"];
                E::Int(dice.pick(&edge).to_owned())
            }
            2..=4 => E::Int((dice.below(100) as i64 - 6).to_string()),
            _ => E::Name(dice.pick(&INTS)),
        };
    }
    if dice.chance(12) {
        return E::Neg(Box::new(grow(dice, Kind::Int, depth - 1)));
    }
    let op = dice.pick(&["+", "-", "*", "/", "%"]);
    bin(
        op,
        grow(dice, Kind::Int, depth - 1),
        grow(dice, Kind::Int, depth - 1),
    )
}

fn length(dice: &mut Dice, depth: u32) -> E {
    if depth == 0 || dice.chance(60) {
        if dice.chance(50) {
            let (written, seconds) = dice.pick(&WRITTEN_LENGTHS);
            return E::Length(written, seconds);
        }
        return E::Name(dice.pick(&LENGTHS));
    }
    let op = dice.pick(&["+", "-"]);
    bin(
        op,
        grow(dice, Kind::Length, depth - 1),
        grow(dice, Kind::Length, depth - 1),
    )
}

/// How weakly an expression binds, as both languages have it: parentheses stand only where they must.
fn strength(e: &E) -> u8 {
    match e {
        E::Cond(..) => 0,
        E::Bin("||", ..) => 1,
        E::Bin("&&", ..) => 2,
        E::In(..) => 3,
        E::Bin("+" | "-", ..) => 4,
        E::Bin("*" | "/" | "%", ..) => 5,
        E::Bin(..) => 3,
        E::Neg(_) | E::Not(_) => 6,
        E::Int(_) | E::Bool(_) | E::Text(_) | E::Length(..) | E::Name(_) => 7,
    }
}

/// For whom an expression is written.
#[derive(Clone, Copy)]
pub(super) enum For<'t> {
    Us,
    Oracle(&'t Truth),
}

impl For<'_> {
    pub(super) fn write(self, e: &E) -> String {
        match (self, e) {
            (Self::Oracle(truth), E::Bin(op, l, r))
                if is_comparison(op) && (touches(l, truth) || touches(r, truth)) =>
            {
                let plain = self.plain(e);
                let (l, r) = (self.unknown(truth, l), self.unknown(truth, r));
                format!("({l} ? ({r} ? false : false) : ({r} ? false : ({plain})))")
            }
            (Self::Oracle(truth), E::In(of, _)) if touches(of, truth) => {
                let plain = self.plain(e);
                format!("({} ? false : ({plain}))", self.unknown(truth, of))
            }
            _ => self.plain(e),
        }
    }

    fn plain(self, e: &E) -> String {
        match e {
            E::Int(n) => n.clone(),
            E::Bool(b) => b.to_string(),
            E::Text(text) => quoted(text),
            E::Length(written, seconds) => match self {
                Self::Us => format!("duration(\"{written}\")"),
                Self::Oracle(_) => seconds.to_string(),
            },
            E::Name(name) => match self {
                Self::Us => (*name).to_owned(),
                Self::Oracle(_) => oracle_name(name),
            },
            E::Neg(of) => format!("-{}", self.operand(of, 7)),
            E::Not(of) => format!("!{}", self.operand(of, 7)),
            E::Bin(op, l, r) => {
                // A comparison of a comparison: in order, as both read it; an order of them is no type of ours.
                let s = strength(e);
                format!("{} {op} {}", self.operand(l, s), self.operand(r, s + 1))
            }
            E::In(of, items) => {
                let items: Vec<String> = items.iter().map(|i| self.plain(i)).collect();
                format!("{} in [{}]", self.operand(of, 4), items.join(", "))
            }
            E::Cond(test, then, other) => format!(
                "{} ? {} : {}",
                self.operand(test, 1),
                self.operand(then, 1),
                self.operand(other, 0)
            ),
        }
    }

    fn operand(self, e: &E, least: u8) -> String {
        let text = self.write(e);
        match strength(e) >= least && !(least == 7 && text.starts_with('-')) {
            true => text,
            false => format!("({text})"),
        }
    }

    /// Whether a value is absent, for the oracle: true, false, or the error that stands in the way. An error wins
    /// over an absent value, for it is told.
    fn unknown(self, truth: &Truth, e: &E) -> String {
        let fails = |e: &E| {
            let text = self.write(e);
            format!("(({text}) != ({text}))")
        };
        match e {
            E::Name(name) => (!truth.contains_key(&oracle_name(name))).to_string(),
            E::Int(_) | E::Bool(_) | E::Text(_) | E::Length(..) => "false".to_owned(),
            E::Neg(of) if touches(of, truth) => {
                format!("({} ? true : {})", self.unknown(truth, of), fails(e))
            }
            E::Bin(op, l, r) if !is_comparison(op) && (touches(l, truth) || touches(r, truth)) => {
                let (l, r) = (self.unknown(truth, l), self.unknown(truth, r));
                let own = fails(e);
                format!("({l} ? ({r} ? true : true) : ({r} ? true : {own}))")
            }
            E::Cond(test, then, other) => {
                let (then, other) = (self.unknown(truth, then), self.unknown(truth, other));
                format!("(({}) ? {then} : {other})", self.write(test))
            }
            _ => fails(e),
        }
    }
}

/// Whether an absent name may be what a value comes from; that of a comparison comes from none.
pub(super) fn touches(e: &E, truth: &Truth) -> bool {
    match e {
        E::Name(name) => !truth.contains_key(&oracle_name(name)),
        E::Neg(of) => touches(of, truth),
        E::Bin("+" | "-" | "*" | "/" | "%", l, r) => touches(l, truth) || touches(r, truth),
        E::Cond(_, then, other) => touches(then, truth) || touches(other, truth),
        _ => false,
    }
}

/// Whether a comparison anywhere in it touches an absent value.
pub(super) fn asks_of_the_absent(e: &E, truth: &Truth) -> bool {
    let within = |e: &E| asks_of_the_absent(e, truth);
    match e {
        E::Bin(op, l, r) => {
            is_comparison(op) && (touches(l, truth) || touches(r, truth)) || within(l) || within(r)
        }
        E::In(of, _) => touches(of, truth) || within(of),
        E::Neg(of) | E::Not(of) => within(of),
        E::Cond(test, then, other) => within(test) || within(then) || within(other),
        _ => false,
    }
}

/// A function of ours is a name there.
fn oracle_name(name: &str) -> String {
    let plain = name.replace("('", "_").replace("(\"", "_");
    let plain = plain.trim_end_matches(['\'', '"', ')']).replace('-', "_");
    match plain.contains('_') && name.contains('(') {
        true => plain.to_lowercase(),
        false => plain,
    }
}

fn quoted(text: &str) -> String {
    match text.contains('\'') {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => format!("'{}'", text.replace('\\', "\\\\")),
    }
}
