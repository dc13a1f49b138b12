//! What has to be true of what a library says of itself, whatever it is used for.

use recoup_channel::wire::ChannelDescriptor;
use semver::Version;
use serde_json::Value;

use crate::settings;
use crate::trust::Endpoint;

/// The word of an egress that stands in the settings.
const BY_SETTING: &str = "config:";

/// Whether a descriptor is one that a server can go by.
///
/// # Errors
/// All that is wrong with it, for the library's maker.
pub fn check(descriptor: &ChannelDescriptor) -> Result<(), String> {
    let mut problems = Vec::new();
    if let Err(why) = Version::parse(&descriptor.version) {
        problems.push(format!(
            "its version `{}` is none ({why}): write MAJOR.MINOR.PATCH",
            descriptor.version
        ));
    }
    let schema = match descriptor.config_schema_json.as_str() {
        "" => Ok(Value::Null),
        _ => settings::schema(descriptor, &[]).map(|(written, _)| written),
    };
    let schema = schema.unwrap_or_else(|why| {
        problems.push(why);
        Value::Null
    });
    for word in &descriptor.egress {
        problems.extend(egress(word, &schema).err());
    }
    match problems.as_slice() {
        [] => Ok(()),
        _ => Err(problems.join("; ")),
    }
}

/// An egress is an endpoint, or names settings that the schema has, where it has any.
fn egress(word: &str, schema: &Value) -> Result<(), String> {
    let Some(keys) = word.strip_prefix(BY_SETTING) else {
        let read = Endpoint::parse(word).map(drop);
        return read.map_err(|why| format!("its egress {why}, nor `{BY_SETTING}SETTING`"));
    };
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        return Ok(());
    };
    match keys.split(':').find(|key| !known.contains_key(*key)) {
        None => Ok(()),
        Some(key) => Err(format!(
            "its egress `{word}` names the setting `{key}`, which its schema does not have: nobody could grant it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(version: &str, schema: &str, egress: &[&str], wanted: &str) {
        let descriptor = ChannelDescriptor {
            version: version.into(),
            config_schema_json: schema.into(),
            egress: egress.iter().map(|&word| word.to_owned()).collect(),
            ..ChannelDescriptor::default()
        };
        let said = check(&descriptor).err().unwrap_or_default();
        match wanted {
            "" => assert_eq!(said, ""),
            _ => assert!(said.contains(wanted), "{said}"),
        }
    }

    #[test]
    fn what_no_server_could_go_by_is_told() {
        let schema = r#"{"properties": {"url": {"type": "string"}, "port": {}}}"#;
        told("1.0.0", "", &[], "");
        told("1.0.0-rc.1", schema, &["config:url", "a.example:443"], "");
        told("1.0.0", schema, &["config:url:port"], "");
        told("1.0.0", "", &["config:anything"], "");
        told("1.0.0", "{}", &["config:anything"], "");
        told("new-one", "", &[], "its version `new-one` is none");
        told("", "", &[], "write MAJOR.MINOR.PATCH");
        told("1.0.0", "{", &[], "is no JSON");
        told("1.0.0", r#"{"type": 7}"#, &[], "is none");
        told("1.0.0", schema, &["config:uri"], "names the setting `uri`");
        told(
            "1.0.0",
            schema,
            &["config:url:prt"],
            "names the setting `prt`",
        );
        told(
            "1.0.0",
            schema,
            &["a:b:c"],
            "its egress `a:b:c` is no `host:port`, nor",
        );
        told("x", "{", &["a:b:c"], "; its egress");
    }
}
