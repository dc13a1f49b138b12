//! Settings held against the JSON Schema of the library's descriptor.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use recoup_channel::wire::ChannelDescriptor;
use serde_json::Value;

/// The format of a setting that names a secret.
const SECRET: &str = "recoup-secret";
/// Problems that are told at once.
const TOLD_MAX: usize = 10;

/// Whether settings are what the library says it takes. What it does not say, it refuses by itself.
///
/// # Errors
/// Every setting that is not, by its path. No value is told: it could be a secret that was written into the wrong place.
pub fn check(
    descriptor: &ChannelDescriptor,
    settings: &str,
    secrets: &[&str],
) -> Result<(), String> {
    if descriptor.config_schema_json.is_empty() {
        return Ok(());
    }
    let settings: Value = match settings {
        "" => Value::Object(serde_json::Map::new()),
        text => serde_json::from_str(text).map_err(|e| format!("its settings are no JSON: {e}"))?,
    };
    let (_, schema) = schema(descriptor, secrets)?;
    let mut problems: Vec<String> = schema
        .iter_errors(&settings)
        .flat_map(|e| told(&e))
        .collect();
    problems.truncate(TOLD_MAX);
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "its settings are not what {} {} takes: {}",
        descriptor.id,
        descriptor.version,
        problems.join("; ")
    ))
}

/// The schema of a descriptor, as it is written and ready to judge.
///
/// # Errors
/// Why it is none.
pub(crate) fn schema(
    descriptor: &ChannelDescriptor,
    secrets: &[&str],
) -> Result<(Value, Validator), String> {
    let written: Value = serde_json::from_str(&descriptor.config_schema_json)
        .map_err(|e| format!("the JSON Schema in its descriptor is no JSON: {e}"))?;
    let known: Vec<String> = secrets.iter().map(|&s| s.to_owned()).collect();
    let names_one = move |name: &str| known.iter().any(|known| known == name);
    let ready = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_format(SECRET, names_one)
        .should_validate_formats(true)
        // The other engine can be made to work without end, by a pattern of the library's.
        .with_pattern_options(PatternOptions::regex())
        .build(&written)
        .map_err(|e| format!("the JSON Schema in its descriptor is none: {}", e.masked()))?;
    Ok((written, ready))
}

/// The settings of a schema that name a secret, where they stand at its top.
#[must_use]
pub fn secret_settings(descriptor: &ChannelDescriptor) -> Vec<String> {
    let written = serde_json::from_str::<Value>(&descriptor.config_schema_json);
    let written = written.unwrap_or_default();
    let known = written.get("properties").and_then(Value::as_object);
    let is_secret = |of: &Value| of.get("format").and_then(Value::as_str) == Some(SECRET);
    known
        .into_iter()
        .flatten()
        .filter(|(_, of)| is_secret(of))
        .map(|(key, _)| key.clone())
        .collect()
}

/// What is wrong, at the path of the key that is meant.
fn told(error: &ValidationError<'_>) -> Vec<String> {
    let path = error.instance_path().as_str();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|key| format!("{path}/{key}: the library has no such setting"))
            .collect(),
        Kind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            vec![format!("{path}/{key}: is missing")]
        }
        Kind::Format { format } if format == SECRET => vec![format!(
            "{path}: names a secret that the channel does not have: write it into its `secrets`"
        )],
        _ if path.is_empty() => vec![error.masked_with("what is there").to_string()],
        _ => vec![format!("{path}: {}", error.masked_with("what is there"))],
    }
}
