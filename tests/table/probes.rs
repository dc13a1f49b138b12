//! The ways to break a field, made from its descriptor.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value,
};

use super::contract::{Contract, is_output, is_required};

/// Characters of a text that nobody means.
const LONG: usize = 100_000;
/// Entries of a list that nobody means.
const MANY: usize = 10_000;

/// A step from a message into one of its fields, and there into an entry.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) field: FieldDescriptor,
    pub(crate) entry: Option<usize>,
}

/// One broken field.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) steps: Vec<Step>,
    /// What was done to it, for people and for the table of exceptions.
    pub(crate) what: &'static str,
    /// Whether no server may take it.
    pub(crate) must_fail: bool,
    act: Act,
}

#[derive(Clone)]
enum Act {
    Set(Value),
    Clear,
}

impl Probe {
    /// The path as the contract writes it, such as `case.facts.tags[0]`.
    pub(crate) fn path(&self) -> String {
        path_of(&self.steps)
    }

    /// The path, and what was done to it.
    pub(crate) fn told(&self) -> String {
        format!("{} ({})", self.path(), self.what)
    }

    /// The path without the places in lists, such as `case.facts.tags`.
    pub(crate) fn plain_path(&self) -> String {
        let names: Vec<&str> = self.steps.iter().map(|s| s.field.name()).collect();
        names.join(".")
    }

    /// A field with another value.
    pub(crate) fn set(steps: Vec<Step>, what: &'static str, value: Value) -> Self {
        Self {
            steps,
            what,
            must_fail: true,
            act: Act::Set(value),
        }
    }

    /// The same field with another text.
    pub(crate) fn with(&self, text: &str) -> Self {
        let value = Value::String(text.to_owned());
        Self::set(self.steps.clone(), self.what, value)
    }

    /// Breaks the field.
    pub(crate) fn apply(&self, root: &mut DynamicMessage) {
        apply(root, &self.steps, &self.act);
    }

    /// Whether a violation that names `named` names this field. Where a member of a oneof was taken away,
    /// the oneof, another member, or the message around it is meant.
    pub(crate) fn is_named_by(&self, named: &str) -> bool {
        let own = self.path();
        let within = |outer: &str| {
            named
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if within(&own) {
            return true;
        }
        let Some((last, before)) = self.steps.split_last() else {
            return false;
        };
        let Some(oneof) = last.field.containing_oneof().filter(|o| !o.is_synthetic()) else {
            return false;
        };
        let around = path_of(before);
        let beside = |name: &str| match around.as_str() {
            "" => name.to_owned(),
            around => format!("{around}.{name}"),
        };
        matches!(self.act, Act::Clear | Act::Set(Value::Bool(false)))
            && (named == around
                || named == beside(oneof.name())
                || oneof.fields().any(|f| named == beside(f.name())))
    }
}

fn path_of(steps: &[Step]) -> String {
    let step = |s: &Step| match s.entry {
        Some(i) => format!("{}[{i}]", s.field.name()),
        None => s.field.name().to_owned(),
    };
    let steps: Vec<String> = steps.iter().map(step).collect();
    steps.join(".")
}

fn apply(message: &mut DynamicMessage, steps: &[Step], act: &Act) {
    let (first, rest) = steps.split_first().expect("a path");
    if rest.is_empty() {
        match (act, first.entry) {
            (Act::Clear, _) => message.clear_field(&first.field),
            (Act::Set(value), None) => message.set_field(&first.field, value.clone()),
            (Act::Set(value), Some(i)) => {
                let list = message.get_field_mut(&first.field).as_list_mut();
                list.expect("a list")[i] = value.clone();
            }
        }
        return;
    }
    let mut value = message.get_field_mut(&first.field);
    if let Some(i) = first.entry {
        value = &mut value.as_list_mut().expect("a list")[i];
    }
    apply(value.as_message_mut().expect("a message"), rest, act);
}

/// Every way to break every field of a request that is set, its messages entered.
pub(crate) fn probes(contract: &Contract, request: &DynamicMessage) -> Vec<Probe> {
    let mut all = Vec::new();
    walk(contract, request, &[], &mut all);
    all
}

fn walk(contract: &Contract, message: &DynamicMessage, at: &[Step], all: &mut Vec<Probe>) {
    for field in message.descriptor().fields() {
        let said = contract.said_of(&field);
        let arm = field.containing_oneof().is_some_and(|o| !o.is_synthetic());
        if arm && !message.has_field(&field) {
            continue;
        }
        let output = is_output(&said);
        let step = |entry| {
            let own = Step {
                field: field.clone(),
                entry,
            };
            [at, &[own]].concat()
        };
        let mut add = |what, must_fail: bool, entry, act| {
            all.push(Probe {
                steps: step(entry),
                what,
                must_fail: must_fail && !output,
                act,
            });
        };
        // The oneof as a whole is required where its members are: that it is, the server says.
        add("unset", is_required(&said), None, Act::Clear);
        if field.is_list() {
            let value = message.get_field(&field);
            let list = value.as_list().unwrap_or_default();
            let one = list.first().cloned();
            let one = one.unwrap_or_else(|| Value::default_value(&field.kind()));
            let many = Value::List(vec![one; MANY]);
            add("10,000 entries", true, None, Act::Set(many));
            if list.is_empty() {
                continue;
            }
            for (what, must_fail, value) in broken(&field, &list[0]) {
                add(what, must_fail, Some(0), Act::Set(value));
            }
            if let (Some(inner), false) = (list[0].as_message(), output || is_leaf(&field.kind())) {
                walk(contract, inner, &step(Some(0)), all);
            }
            continue;
        }
        let value = message.get_field(&field);
        for (what, must_fail, value) in broken(&field, &value) {
            add(what, must_fail, None, Act::Set(value));
        }
        if let (Some(inner), true) = (value.as_message(), message.has_field(&field))
            && !output
            && !is_leaf(&field.kind())
        {
            walk(contract, inner, &step(None), all);
        }
    }
}

/// Whether a kind is broken as a whole: messages that the contract takes from others.
pub(crate) fn is_leaf(kind: &Kind) -> bool {
    match kind {
        Kind::Message(m) => m.full_name().starts_with("google."),
        _ => true,
    }
}

type Broken = (&'static str, bool, Value);

/// Values that are wrong for a field, each with whether no server may take it.
fn broken(field: &FieldDescriptor, now: &Value) -> Vec<Broken> {
    match field.kind() {
        Kind::String => texts(field, now),
        Kind::Int32 => vec![
            ("-1", true, Value::I32(-1)),
            ("least number", true, Value::I32(i32::MIN)),
            ("greatest number", true, Value::I32(i32::MAX)),
        ],
        Kind::Int64 => vec![
            ("-1", true, Value::I64(-1)),
            ("least number", true, Value::I64(i64::MIN)),
            ("greatest number", true, Value::I64(i64::MAX)),
        ],
        // Seeds: any number is one.
        Kind::Uint64 => vec![("greatest number", false, Value::U64(u64::MAX))],
        Kind::Bool => vec![("flipped", false, Value::Bool(now.as_bool() != Some(true)))],
        Kind::Enum(_) => [9999, -1, i32::MIN]
            .map(|n| ("unknown enum value", true, Value::EnumNumber(n)))
            .into(),
        Kind::Message(m) => messages(&m),
        other => panic!("no way to break a {other:?} yet: {}", field.full_name()),
    }
}

fn texts(field: &FieldDescriptor, now: &Value) -> Vec<Broken> {
    let text = |t: &str| Value::String(t.to_owned());
    let mut all = vec![
        ("100,000 characters", true, text(&"x".repeat(LONG))),
        (
            "100,000 wide characters",
            true,
            text(&"\u{5b57}".repeat(LONG / 3)),
        ),
        ("NUL", true, text("a\0b")),
        ("control character", true, text("a\u{7}b")),
    ];
    if field.is_list() {
        all.push(("empty entry", true, text("")));
    } else if field.containing_oneof().is_some() {
        all.push(("empty", true, text("")));
    }
    if field.name() == "request_id" {
        all.push(("65 characters", true, text(&"x".repeat(65))));
        all.push(("a space", true, text("a b")));
    }
    let prefix = now.as_str().and_then(|t| t.split_once('_'));
    if let (true, Some((prefix, _))) = (is_id(field), prefix) {
        all.push(("bad id", true, Value::String(format!("{prefix}_!!!"))));
        all.push(("bad id", true, text("!!!")));
        all.push((
            "id of another kind",
            true,
            text("rule_01h455vb4pex5vsknk084sn02q"),
        ));
    }
    all
}

/// Whether a field holds an id of recoup.
pub(crate) fn is_id(field: &FieldDescriptor) -> bool {
    let name = field.name();
    (name.ends_with("_id") || name.ends_with("_ids"))
        && !matches!(name, "request_id" | "only_rule_ids")
}

fn messages(kind: &MessageDescriptor) -> Vec<Broken> {
    let with = |fields: &[(&str, Value)]| {
        let mut message = DynamicMessage::new(kind.clone());
        for (name, value) in fields {
            message.set_field_by_name(name, value.clone());
        }
        Value::Message(message)
    };
    let date = |y, m, d| {
        with(&[
            ("year", Value::I32(y)),
            ("month", Value::I32(m)),
            ("day", Value::I32(d)),
        ])
    };
    let time = |s, n| with(&[("seconds", Value::I64(s)), ("nanos", Value::I32(n))]);
    let money = |code: &str, units, nanos| {
        with(&[
            ("currency_code", Value::String(code.into())),
            ("units", Value::I64(units)),
            ("nanos", Value::I32(nanos)),
        ])
    };
    let mask = |paths: Vec<String>| {
        let paths = paths.into_iter().map(Value::String).collect();
        with(&[("paths", Value::List(paths))])
    };
    match kind.full_name() {
        "google.type.Date" => vec![
            ("no date", true, date(2026, 2, 30)),
            ("no date", true, date(0, 0, 0)),
            ("no year", true, date(0, 1, 1)),
            ("negative date", true, date(-1, 1, 1)),
            ("extreme date", true, date(i32::MAX, i32::MAX, i32::MAX)),
            ("extreme date", true, date(i32::MIN, i32::MIN, i32::MIN)),
            ("last date", false, date(9999, 12, 31)),
            ("first date", false, date(1, 1, 1)),
        ],
        "google.protobuf.Timestamp" => vec![
            ("no instant", true, time(i64::MAX, 0)),
            ("no instant", true, time(i64::MIN, 0)),
            (
                "nanos out of range",
                true,
                time(1_700_000_000, 2_000_000_000),
            ),
            ("nanos out of range", true, time(1_700_000_000, -1)),
            ("last instant", false, time(253_402_300_799, 999_999_999)),
            ("first instant", false, time(-62_135_596_800, 0)),
        ],
        "google.type.Money" => vec![
            ("negative amount", true, money("CNY", -1, 0)),
            ("negative amount", true, money("CNY", i64::MIN, 0)),
            ("too large an amount", true, money("CNY", i64::MAX, 0)),
            ("nanos out of range", true, money("CNY", 1, -1)),
            ("nanos out of range", true, money("CNY", 1, 2_000_000_000)),
            ("finer than a minor unit", true, money("CNY", 1, 1)),
            ("no currency", true, money("", 1, 0)),
            ("no currency", true, money("ZZZ", 1, 0)),
            ("no currency", true, money("C\0Y", 1, 0)),
            ("100,000 characters", true, money(&"x".repeat(LONG), 1, 0)),
            ("largest amount", false, money("CNY", i64::MAX / 100, 0)),
            ("other currency", false, money("USD", 1, 0)),
        ],
        "google.protobuf.FieldMask" => vec![
            ("no such path", true, mask(vec!["no.such".into()])),
            ("no such path", true, mask(vec!["*".into()])),
            ("no such path", true, mask(vec![String::new()])),
            ("no such path", true, mask(vec!["a\0b".into()])),
            ("100,000 characters", true, mask(vec!["x".repeat(LONG)])),
            ("10,000 entries", true, mask(vec!["tags".into(); MANY])),
        ],
        _ => vec![("empty message", false, with(&[]))],
    }
}

/// Every field that a request may carry, without places in lists; what the server alone writes left out.
pub(crate) fn reachable(contract: &Contract, message: &MessageDescriptor) -> Vec<String> {
    let mut all = Vec::new();
    for field in message.fields() {
        if is_output(&contract.said_of(&field)) {
            continue;
        }
        all.push(field.name().to_owned());
        if let (Kind::Message(inner), false) = (field.kind(), is_leaf(&field.kind())) {
            let inner = reachable(contract, &inner);
            all.extend(inner.iter().map(|p| format!("{}.{p}", field.name())));
        }
    }
    all
}

/// Whether a reason says that a thing of this name is not there, which is as right for a name that is none.
pub(crate) fn may_be_missing(probe: &Probe, reason: &str) -> bool {
    let text = probe
        .steps
        .last()
        .is_some_and(|s| s.field.kind() == Kind::String);
    text && (reason.ends_with("_NOT_FOUND") || reason == "STALE_ETAG")
}
