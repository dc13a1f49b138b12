//! Whether a refusal is one that a caller can act on.

use std::path::Path;

use prost_reflect::{Kind, MessageDescriptor};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::contract::{Contract, Method};

/// The longest message; it travels in a header.
const MESSAGE_MAX: usize = 2_000;
/// The largest details; they travel in a header, which clients bound to 16 KiB.
const DETAILS_MAX: usize = 6_000;
/// Words of drivers and of code, which say nothing to a caller.
const INSIDE: [&str; 13] = [
    "SQLite", "sqlite", "rusqlite", "prost", "tonic", "serde", "panicked", "unwrap", ".rs:",
    "src/", "UNIQUE", "h2 ", "hyper",
];

/// What is wrong with a refusal, if anything; else its reason.
pub(crate) fn reason(
    contract: &Contract,
    method: &Method,
    status: &Status,
) -> Result<String, String> {
    let details = status.get_error_details();
    let told = |problem: &str| Err(format!("{problem}: {:?} {}", status.code(), short(status)));
    if matches!(
        status.code(),
        Code::Internal | Code::Unknown | Code::Cancelled | Code::DataLoss | Code::Unavailable
    ) {
        return told("no answer to a caller's mistake");
    }
    let Some(info) = details.error_info() else {
        return told("no ErrorInfo");
    };
    if info.domain != "recoup" {
        return told("the domain is not recoup");
    }
    let Some(code) = contract.code_of(&info.reason) else {
        return told("a reason that the contract does not know");
    };
    if code != code_name(status.code()) {
        return told(&format!("{} goes with {code}", info.reason));
    }
    let page = format!("docs/errors/{}.md", info.reason);
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(page).exists() {
        return told("a reason without a page");
    }
    if !method.reasons.contains(&info.reason) {
        return told(&format!("its comments do not name {}", info.reason));
    }
    if status.message().is_empty() || status.message().len() > MESSAGE_MAX {
        return told(&format!("a message of {} bytes", status.message().len()));
    }
    if status.details().len() > DETAILS_MAX {
        return told(&format!("details of {} bytes", status.details().len()));
    }
    let fields = details.bad_request().map(|b| &b.field_violations[..]);
    let fields = fields.unwrap_or_default();
    let mut said = status.message().to_owned();
    for field in fields {
        said += &field.description;
        if field.description.is_empty() || contract.code_of(&field.reason).is_none() {
            return told(&format!("{} is named without a reason", field.field));
        }
        if !is_path(&method.input, &field.field) {
            return told(&format!("`{}` is no path of the request", field.field));
        }
    }
    if status.code() == Code::InvalidArgument && fields.is_empty() {
        return told("no field is named");
    }
    if let Some(word) = speaks_of_inside(&said) {
        return told(&format!("it speaks of `{word}`"));
    }
    Ok(info.reason.clone())
}

/// Whether a refusal speaks of what is inside: drivers, code.
pub(crate) fn speaks_of_inside(text: &str) -> Option<&'static str> {
    INSIDE.into_iter().find(|word| text.contains(word))
}

/// The beginning of what a refusal says, and the fields that it names.
pub(crate) fn short(status: &Status) -> String {
    let message: String = status.message().chars().take(200).collect();
    let details = status.get_error_details();
    let named = details.bad_request().map(|b| &b.field_violations[..]);
    let named = named.unwrap_or_default().iter().take(5);
    let named: Vec<&str> = named.map(|f| &*f.field).collect();
    let reason = details.error_info().map_or("", |i| &i.reason);
    format!("{reason} `{message}` {named:?}")
}

/// The fields that a refusal names.
pub(crate) fn named(status: &Status) -> Vec<String> {
    crate::support::client::fields(status)
}

/// Whether a path leads from a message to a field, an entry or a oneof.
fn is_path(message: &MessageDescriptor, path: &str) -> bool {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let (name, entry) = match first.split_once('[') {
        Some((name, place)) => (name, Some(place)),
        None => (first, None),
    };
    let Some(field) = message.get_field_by_name(name) else {
        return rest.is_none() && entry.is_none() && message.oneofs().any(|o| o.name() == name);
    };
    let place = |p: &str| {
        p.strip_suffix(']')
            .is_some_and(|p| p.parse::<usize>().is_ok())
    };
    if entry.is_some_and(|p| !field.is_list() || !place(p)) {
        return false;
    }
    match (rest, field.kind()) {
        (None, _) => true,
        (Some(rest), Kind::Message(inner)) => is_path(&inner, rest),
        (Some(_), _) => false,
    }
}

/// A code as the contract's comments write it.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_uppercase());
    }
    name
}
