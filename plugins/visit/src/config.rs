//! The configuration: one JSON object, every key checked by name.

use serde::Deserialize;

/// The configuration's schema, as the descriptor shows it.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["collection_url", "domain"],
  "properties": {
    "collection_url": {"type": "string", "format": "uri"},
    "ca_pem": {"type": "string"},
    "domain": {"type": "string"},
    "username": {"type": "string"},
    "password_secret": {"type": "string", "format": "recoup-secret"}
  }
}"#;

/// What `create` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The calendar that work orders go to.
    pub(crate) collection_url: String,
    /// PEM of certificates to trust besides the web's own; empty: none.
    #[serde(default)]
    pub(crate) ca_pem: String,
    /// What follows the key in an event's UID.
    pub(crate) domain: String,
    /// User of Basic credentials.
    pub(crate) username: Option<String>,
    /// Name of the secret that holds the password.
    pub(crate) password_secret: Option<String>,
}

impl Config {
    /// Reads the configuration. The error names the key and what would be right.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let mut input = serde_json::Deserializer::from_str(json);
        let config: Self = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            let path = error.path().to_string();
            let what = error.into_inner();
            match path.as_str() {
                "." => format!("visit: {what}"),
                key => format!("visit: `{key}`: {what}"),
            }
        })?;
        let in_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
        if config.domain.is_empty() || !config.domain.bytes().all(in_host) {
            return Err(format!(
                "visit: `domain` is `{}`; it must be a host name",
                config.domain
            ));
        }
        if config.username.is_some() != config.password_secret.is_some() {
            return Err(
                "visit: `username` and `password_secret` go together; set both or none".to_owned(),
            );
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let cases = [
            ("{}", "collection_url"),
            (r#"{"collection_url": 3}"#, "`collection_url`"),
            (
                r#"{"collection_url": "http://c", "domain": ""}"#,
                "`domain`",
            ),
            (
                r#"{"collection_url": "http://c", "domain": "a\r\nb"}"#,
                "`domain`",
            ),
            (
                r#"{"collection_url": "http://c", "domain": "d", "user": "x"}"#,
                "`user`",
            ),
            (
                r#"{"collection_url": "http://c", "domain": "d", "username": "x"}"#,
                "both or none",
            ),
        ];
        for (json, want) in cases {
            let got = Config::read(json).expect_err(json);
            assert!(got.contains(want), "{json}: {got}");
        }
        Config::read(r#"{"collection_url": "http://c/v", "domain": "d.test"}"#).expect("valid");
    }
}
