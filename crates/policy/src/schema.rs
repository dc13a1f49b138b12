//! The shape of a policy as a JSON Schema, for editors: made of the reader's own tables. Names of channels and
//! templates, types within conditions, and what a policy does are no matter of shape: `Policy::parse` and CheckPolicy
//! know them.

use crate::expr::EXPRESSION_BYTES_MAX;
use crate::policy::{HOLD, OnOutcome, STAGES_MAX, STEPS_MAX};
use crate::read::step::ATTEMPTS_MAX;
use crate::read::{
    self, ARMS_MAX, CHAMPION, LOST_DAYS_MAX, LOST_KEY, NAME_BYTES_MAX, SEGMENTS_MAX,
};
use recoup_domain::Outcome;
use serde_json::{Map, Value, json};

/// What the schema is known by.
pub const ID: &str = "urn:recoup:schema:policy:1";

/// A whole number and a unit, and not nothing of it.
const LENGTH: &str = "^0*[1-9][0-9]*[smhd]$";
const TIME_OF_DAY: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

/// The schema, as indented JSON with a line end.
#[must_use]
pub fn schema() -> String {
    let policy = mapping(&read::KEYS, &["name", "stages"], |key| match key {
        "name" => name("The name of the policy."),
        "currency" => json!({
            "description": "The one currency of the policy. Left out, it is the one that its conditions name.",
            "type": "string", "pattern": "^[A-Z]{3}$",
        }),
        "segments" => json!({
            "description": "A case belongs to the first segment whose `when` holds.",
            "type": "array", "maxItems": SEGMENTS_MAX, "items": segment(),
        }),
        "contactability" => mapping(&[LOST_KEY], &[LOST_KEY], |_| {
            json!({
                "description": "Local days of failed attempts after which a number is given up.",
                "type": "integer", "minimum": 1, "maximum": LOST_DAYS_MAX, "default": 3,
            })
        }),
        "stages" => json!({
            "description": "The ladder, mildest stage first. A case stands in the last one whose `enter` holds.",
            "type": "array", "minItems": 1, "maxItems": STAGES_MAX, "items": stage(),
        }),
        "arms" => arms(),
        _ => json!(false),
    });
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "recoup escalation policy",
    });
    if let (Value::Object(all), Value::Object(policy)) = (&mut all, policy) {
        all.extend(policy);
    }
    format!("{all:#}\n")
}

/// A mapping of known keys; `of` says what each of them holds.
fn mapping(keys: &[&str], required: &[&str], of: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), of(key)))
        .collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn segment() -> Value {
    mapping(&read::SEGMENT_KEYS, &read::SEGMENT_KEYS, |key| match key {
        "name" => name("What conditions compare `segment` with."),
        "when" => condition("Which cases belong to it; cannot ask for `segment` or `exhausted`."),
        _ => json!(false),
    })
}

fn stage() -> Value {
    let required = ["name", "enter", "steps"];
    mapping(&read::STAGE_KEYS, &required, |key| match key {
        "name" => name("What `exhausted(\"…\")` and explanations call it."),
        "enter" => condition("When a case stands in it, unless a later stage holds too."),
        "approval" => approval("A person approves each of its contacts."),
        "steps" => json!({
            "description": "Its contacts, in order.",
            "type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": step(),
        }),
        _ => json!(false),
    })
}

fn step() -> Value {
    let required = ["channel", "template"];
    mapping(&read::step::KEYS, &required, |key| match key {
        "when" => condition(
            "The step has its turn only while this holds. Cannot ask for what time alone changes.",
        ),
        "channel" => json!({"description": "A loaded channel.", "type": "string"}),
        "template" => json!({"description": "A registered template.", "type": "string"}),
        "every" => length("Least time from the effect of its last contact to the next."),
        "after" => length("Least time since the effect of the step before."),
        "max" => json!({
            "description": "Contacts of this step over the whole case.",
            "type": "integer", "minimum": 1, "maximum": ATTEMPTS_MAX, "default": 1,
        }),
        "between" => json!({
            "description": "Local time of day in which the effect begins, the end not included.",
            "type": "array", "minItems": 2, "maxItems": 2,
            "items": {"type": "string", "pattern": TIME_OF_DAY},
        }),
        "approval" => approval("A person approves each contact."),
        "lead" => length("Visits alone: how far ahead of its planning an appointment lies."),
        "window" => length("Length of the effect window."),
        "on" => on(),
        _ => json!(false),
    })
}

fn on() -> Value {
    let words = OnOutcome::WORDS.map(OnOutcome::name);
    let hold = mapping(&[HOLD], &[HOLD], |_| {
        length("No contact of the case before this long after the effect.")
    });
    let action = json!({"anyOf": [{"type": "string", "enum": words}, hold]});
    json!({
        "description": "What an outcome of the step brings with it.",
        "type": "object",
        "propertyNames": {"enum": Outcome::ALL.map(Outcome::name)},
        "additionalProperties": action,
    })
}

fn arms() -> Value {
    let share = || json!({"description": "Per cent of the cases.", "type": "integer", "minimum": 0, "maximum": 100});
    let arm = mapping(&read::ARM_KEYS, &read::ARM_KEYS, |key| match key {
        "share" => share(),
        "policy" => name("The policy its cases are pinned to."),
        _ => json!(false),
    });
    json!({
        "description": "An experiment: shares add up to 100, and the champion is this policy.",
        "type": "object",
        "required": [CHAMPION],
        "maxProperties": ARMS_MAX,
        "propertyNames": {"pattern": name_pattern()},
        "properties": {CHAMPION: share()},
        "additionalProperties": arm,
    })
}

fn name_pattern() -> String {
    format!("^[a-z0-9_-]{{1,{NAME_BYTES_MAX}}}$")
}

fn name(what: &str) -> Value {
    json!({"description": what, "type": "string", "pattern": name_pattern()})
}

/// Written without quotes, YAML reads `true` and `false` as truth values.
fn condition(what: &str) -> Value {
    json!({
        "description": what,
        "type": ["string", "boolean"], "minLength": 1, "maxLength": EXPRESSION_BYTES_MAX,
    })
}

fn length(what: &str) -> Value {
    let what = format!("{what} A whole number and s, m, h or d: 15m, 2h, 3d.");
    json!({"description": what, "type": "string", "pattern": LENGTH})
}

fn approval(what: &str) -> Value {
    json!({"description": what, "const": "required"})
}
