//! The configuration of one gateway account.

use serde::Deserialize;

/// JSON Schema of [`Config`].
pub(crate) const SCHEMA: &str = include_str!("config.schema.json");

/// One account at a gateway.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// URL of `sendsms`.
    pub(crate) endpoint: String,
    /// The account's name there.
    pub(crate) username: String,
    /// Name of the secret that is the account's password.
    pub(crate) password_secret: String,
    /// The sender that people see, and answer to.
    pub(crate) from: String,
    /// PEM of certificates to trust besides the web's own, for a gateway with a CA of its own.
    #[serde(default)]
    pub(crate) ca_pem: String,
    /// Whether delivery reports are asked for.
    #[serde(default = "yes")]
    pub(crate) dlr: bool,
    /// Texts of more segments are refused.
    #[serde(default = "ten")]
    pub(crate) segments_max: usize,
}

fn yes() -> bool {
    true
}

fn ten() -> usize {
    10
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// Which key is wrong, and what would be right.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let required = [
            ("username", &config.username),
            ("password_secret", &config.password_secret),
            ("from", &config.from),
        ];
        if let Some((key, _)) = required.iter().find(|(_, value)| value.is_empty()) {
            return Err(format!("`{key}` is empty"));
        }
        if !(1..=255).contains(&config.segments_max) {
            return Err(format!(
                "`segments_max` is {}, not 1 to 255",
                config.segments_max
            ));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_key() {
        let check = |json: &str, word: &str| {
            let error = Config::parse(json).expect_err(json);
            assert!(error.contains(word), "{error}");
        };
        check("{}", "endpoint");
        check(r#"{"endpont": ""}"#, "endpont");
        let account = r#""endpoint":"http://h/","username":"u","password_secret":"p""#;
        check(&format!(r#"{{{account},"from":""}}"#), "from");
        check(
            &format!(r#"{{{account},"from":"1","segments_max":0}}"#),
            "segments_max",
        );
    }

    #[test]
    fn the_schema_has_the_keys_of_the_configuration() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let keys: Vec<&String> = schema["properties"]
            .as_object()
            .expect("properties")
            .keys()
            .collect();
        let known = [
            "ca_pem",
            "dlr",
            "endpoint",
            "from",
            "password_secret",
            "segments_max",
            "username",
        ];
        assert_eq!(keys, known);
        assert_eq!(schema["additionalProperties"], false);
    }
}
