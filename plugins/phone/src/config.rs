//! The configuration: one JSON object, every key checked by name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// The configuration's schema, as the descriptor shows it.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["base_url", "account_sid", "auth_token_secret", "from"],
  "properties": {
    "base_url": {"type": "string", "format": "uri"},
    "ca_pem": {"type": "string"},
    "account_sid": {"type": "string"},
    "auth_token_secret": {"type": "string", "format": "recoup-secret"},
    "from": {"type": "string"},
    "ring_timeout_s": {"type": "integer", "minimum": 5, "maximum": 600, "default": 30},
    "detect_machine": {"type": "boolean", "default": true},
    "public_base_url": {"type": "string", "format": "uri"},
    "voices": {"type": "object", "additionalProperties": {"type": "string"}},
    "prompts": {"type": "object", "additionalProperties": {
      "type": "object",
      "additionalProperties": false,
      "required": ["confirm", "goodbye"],
      "properties": {
        "confirm": {"type": "string"},
        "confirm_named": {"type": "string"},
        "goodbye": {"type": "string"}
      }
    }}
  }
}"#;

/// What `create` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Scheme, host and port of the provider's API.
    pub(crate) base_url: String,
    /// PEM of certificates to trust besides the web's own; empty: none.
    #[serde(default)]
    pub(crate) ca_pem: String,
    /// The account, part of each path and the user of the credentials.
    pub(crate) account_sid: String,
    /// Name of the secret that holds the account's token.
    pub(crate) auth_token_secret: String,
    /// The number that calls, E.164.
    pub(crate) from: String,
    /// How long it rings, in seconds.
    #[serde(default = "ring_timeout_s")]
    ring_timeout_s: u16,
    /// Whether the provider tells machines from people.
    #[serde(default = "yes")]
    pub(crate) detect_machine: bool,
    /// Scheme and host that call-backs come to, where a proxy hides them from the core.
    pub(crate) public_base_url: Option<String>,
    /// Voice by language, as the provider names both.
    #[serde(default)]
    pub(crate) voices: BTreeMap<String, String>,
    /// What is said around the message, by language; beside the built-in ones.
    #[serde(default)]
    pub(crate) prompts: BTreeMap<String, Prompt>,
}

/// What is said around a message. It must not hint at a debt: anybody may hear it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    /// Asks the right person to press 1.
    pub(crate) confirm: String,
    /// The same with the person's name at `{name}`.
    pub(crate) confirm_named: Option<String>,
    /// Ends a call that nobody confirmed.
    pub(crate) goodbye: String,
}

fn ring_timeout_s() -> u16 {
    30
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads the configuration. The error names the key and what would be right.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let mut input = serde_json::Deserializer::from_str(json);
        let config: Self = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            let path = error.path().to_string();
            let what = error.into_inner();
            match path.as_str() {
                "." => format!("phone: {what}"),
                key => format!("phone: `{key}`: {what}"),
            }
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
        if !is_url(&self.base_url) {
            return Err(format!(
                "phone: `base_url` is `{}`; it must begin with https:// or http://",
                self.base_url
            ));
        }
        if let Some(url) = self.public_base_url.as_deref().filter(|url| !is_url(url)) {
            return Err(format!(
                "phone: `public_base_url` is `{url}`; it must begin with https:// or http://"
            ));
        }
        let sid_ok = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.account_sid.is_empty() || !self.account_sid.chars().all(sid_ok) {
            return Err(format!(
                "phone: `account_sid` is `{}`; it must be letters, digits, - and _",
                self.account_sid
            ));
        }
        if !is_e164(&self.from) {
            return Err(format!(
                "phone: `from` is `{}`; it must be E.164, + and 7 to 15 digits",
                self.from
            ));
        }
        if !(5..=600).contains(&self.ring_timeout_s) {
            return Err(format!(
                "phone: `ring_timeout_s` is {}; it must be 5 to 600",
                self.ring_timeout_s
            ));
        }
        Ok(())
    }

    /// How long it rings.
    pub(crate) fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.ring_timeout_s.into())
    }
}

/// `+` and 7 to 15 digits.
pub(crate) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &str) -> Result<Config, String> {
        Config::read(&format!(
            r#"{{"base_url": "http://127.0.0.1:1", "account_sid": "AC1",
                "auth_token_secret": "token", "from": "+861012345678"{extra}}}"#
        ))
    }

    #[test]
    fn the_least_configuration_has_its_defaults() {
        let config = with("").expect("valid");
        assert_eq!(config.ring_timeout(), Duration::from_secs(30));
        assert!(config.detect_machine && config.prompts.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let cases = [
            (r#", "ring_timeout_s": 4"#, "`ring_timeout_s` is 4"),
            (r#", "ring_timeout_s": "x""#, "`ring_timeout_s`"),
            (r#", "rings": 3"#, "`rings`"),
            (r#", "public_base_url": "x""#, "`public_base_url` is `x`"),
            (
                r#", "prompts": {"zh-CN": {"confirm": "x"}}"#,
                "`prompts.zh-CN`",
            ),
            (r#", "voices": {"zh-CN": 3}"#, "`voices.zh-CN`"),
        ];
        for (extra, want) in cases {
            let got = with(extra).expect_err(extra);
            assert!(got.contains(want), "{extra}: {got}");
        }
        let got = Config::read("{}").expect_err("nothing is set");
        assert!(got.contains("base_url"), "{got}");
        assert!(Config::read("[]").is_err() && Config::read("").is_err());
    }
}
