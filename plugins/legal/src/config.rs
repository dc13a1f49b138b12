//! The configuration: one JSON object, every key checked by name.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The configuration's schema, as the descriptor shows it.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["endpoint"],
  "properties": {
    "endpoint": {"type": "string", "format": "uri"},
    "ca_pem": {"type": "string"},
    "token_secret": {"type": "string", "format": "recoup-secret"},
    "desks": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "pack_bytes_max": {"type": "integer", "minimum": 1024, "default": 33554432}
  }
}"#;

/// What `create` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The law firm's API.
    pub(crate) endpoint: String,
    /// PEM of certificates to trust besides the web's own; empty: none.
    #[serde(default)]
    pub(crate) ca_pem: String,
    /// Name of the secret with the bearer token.
    pub(crate) token_secret: Option<String>,
    /// The desks that may be written to; unset: any.
    pub(crate) desks: Option<BTreeSet<String>>,
    /// The most bytes of all parts of a pack together.
    #[serde(default = "pack_bytes_max")]
    pub(crate) pack_bytes_max: u64,
}

fn pack_bytes_max() -> u64 {
    32 << 20
}

impl Config {
    /// Reads the configuration. The error names the key and what would be right.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let mut input = serde_json::Deserializer::from_str(json);
        let config: Self = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            let path = error.path().to_string();
            let what = error.into_inner();
            match path.as_str() {
                "." => format!("legal: {what}"),
                key => format!("legal: `{key}`: {what}"),
            }
        })?;
        if config.pack_bytes_max < 1024 {
            return Err(format!(
                "legal: `pack_bytes_max` is {}; it must be 1024 or more",
                config.pack_bytes_max
            ));
        }
        let desks = config.desks.iter().flatten();
        if let Some(desk) = desks.into_iter().find(|desk| !is_desk(desk)) {
            return Err(format!(
                "legal: `desks` holds `{desk}`; a desk's id must be printable ASCII"
            ));
        }
        if config.desks.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err("legal: `desks` is empty; name a desk, or leave the key out".to_owned());
        }
        Ok(config)
    }
}

/// What a header can carry.
pub(crate) fn is_desk(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let cases = [
            ("{}", "endpoint"),
            (r#"{"endpoint": 3}"#, "`endpoint`"),
            (r#"{"endpoint": "http://d", "token": "x"}"#, "`token`"),
            (
                r#"{"endpoint": "http://d", "desks": []}"#,
                "`desks` is empty",
            ),
            (r#"{"endpoint": "http://d", "desks": ["a b"]}"#, "`a b`"),
            (r#"{"endpoint": "http://d", "desks": [3]}"#, "`desks[0]`"),
            (
                r#"{"endpoint": "http://d", "pack_bytes_max": 3}"#,
                "`pack_bytes_max` is 3",
            ),
        ];
        for (json, want) in cases {
            let got = Config::read(json).expect_err(json);
            assert!(got.contains(want), "{json}: {got}");
        }
        let config = Config::read(r#"{"endpoint": "http://d"}"#).expect("valid");
        assert_eq!(config.pack_bytes_max, 32 << 20);
    }
}
