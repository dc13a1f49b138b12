//! Other requests of one that is good: with another text, and with the ids of another lender.

use prost_reflect::{DynamicMessage, Value};

use super::probes::{Probe, Step, is_id};
use super::stage::Facts;

/// Ways to make another good request of one: each text is made longer, each flag flipped.
pub(crate) fn changes(request: &DynamicMessage) -> Vec<Probe> {
    let mut all = Vec::new();
    texts_of(request, &[], &mut all);
    let change = |(steps, value): (Vec<Step>, Value)| {
        let name = steps.last().map(|s| s.field.name().to_owned());
        let value = match value {
            Value::String(text) => Value::String(format!("{text}7")),
            Value::Bool(is) => Value::Bool(!is),
            // A second before.
            Value::I64(seconds) if name.as_deref() == Some("seconds") => Value::I64(seconds - 1),
            _ => return None,
        };
        let probe = Probe::set(steps, "changed", value);
        (name.as_deref() != Some("request_id")).then_some(probe)
    };
    all.into_iter().filter_map(change).collect()
}

/// The texts and flags that a message carries, with where they are.
fn texts_of(message: &DynamicMessage, at: &[Step], all: &mut Vec<(Vec<Step>, Value)>) {
    for (field, value) in message.fields() {
        let step = |entry| {
            let own = Step {
                field: field.clone(),
                entry,
            };
            [at, &[own]].concat()
        };
        match value {
            Value::List(list) => {
                for (i, value) in list.iter().enumerate() {
                    match value {
                        Value::Message(inner) => texts_of(inner, &step(Some(i)), all),
                        value => all.push((step(Some(i)), value.clone())),
                    }
                }
            }
            Value::Message(inner) => texts_of(inner, &step(None), all),
            value => all.push((step(None), value.clone())),
        }
    }
}

/// The ids that a request carries, each with the other lender's of its kind.
pub(crate) fn foreign(request: &DynamicMessage, theirs: &Facts) -> Vec<(Probe, String)> {
    let mut all = Vec::new();
    texts_of(request, &[], &mut all);
    let mut found = Vec::new();
    for (steps, value) in all {
        let (Some(text), Some(last)) = (value.as_str(), steps.last()) else {
            continue;
        };
        let case = theirs["$case"].strip_prefix("case_").unwrap_or_default();
        let kind = text.split_once('_').map(|(kind, _)| kind);
        let other = match (last.field.name(), kind) {
            ("lender_ref", _) if last.field.parent_message().name() == "PartyRef" => {
                theirs["$ref"].clone()
            }
            ("lender_case_ref", _) if steps.len() == 1 => theirs["$case_ref"].clone(),
            (_, _) if !is_id(&last.field) => continue,
            // The law is everybody's.
            ("rule_id", _) => continue,
            (_, Some("case")) => theirs["$case"].clone(),
            (_, Some("party")) => theirs["$party"].clone(),
            (_, Some("contact")) => theirs["$sent"].clone(),
            (_, Some("point")) => theirs["$point"].clone(),
            (_, Some("collector")) => theirs["$collector"].clone(),
            (_, Some("override")) => theirs["$override"].clone(),
            (_, Some("policy")) => "policy_theirs-1".to_owned(),
            (_, Some(kind @ ("dispute" | "complaint"))) => format!("{kind}_{case}-{case}"),
            (_, Some(kind @ ("consent" | "optout"))) => format!("{kind}_{case}"),
            (_, kind) => panic!("no {kind:?} of another lender: {}", last.field.full_name()),
        };
        found.push((Probe::set(steps, "id of nobody", value.clone()), other));
    }
    found
}

/// An id of the same form that nobody has.
pub(crate) fn unknown_like(id: &str) -> String {
    let Some((kind, rest)) = id.split_once('_') else {
        return format!("{id}-of-nobody");
    };
    if kind == "policy" {
        return "policy_nobodys-1".to_owned();
    }
    let mut bytes = rest.as_bytes().to_vec();
    bytes[20] = if bytes[20] == b'0' { b'1' } else { b'0' };
    format!("{kind}_{}", String::from_utf8_lossy(&bytes))
}
