//! The configuration: one JSON object, every key checked by name.

use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, TlsParameters};
use serde::Deserialize;

/// The configuration's schema, as the descriptor shows it.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["host", "from"],
  "properties": {
    "host": {"type": "string"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "tls": {"enum": ["implicit", "starttls", "none"], "default": "starttls"},
    "ca_pem": {"type": "string"},
    "username": {"type": "string"},
    "password_secret": {"type": "string", "format": "recoup-secret"},
    "hello_name": {"type": "string"},
    "from": {"type": "string"},
    "reply_to": {"type": "string"},
    "bounce_domain": {"type": "string"},
    "list_unsubscribe": {"type": "string"}
  }
}"#;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tls {
    /// From the first byte, port 465.
    Implicit,
    /// After STARTTLS, port 587; without it nothing is sent.
    Starttls,
    /// Not at all, port 25: for a relay on the same machine.
    None,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    host: String,
    port: Option<u16>,
    #[serde(default = "starttls")]
    tls: Tls,
    ca_pem: Option<String>,
    username: Option<String>,
    password_secret: Option<String>,
    hello_name: Option<String>,
    from: String,
    reply_to: Option<String>,
    bounce_domain: Option<String>,
    list_unsubscribe: Option<String>,
}

fn starttls() -> Tls {
    Tls::Starttls
}

/// What `create` takes, read and checked.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<TlsParameters>,
    pub(crate) tls_kind: Tls,
    /// User, and the name of the secret with the password.
    pub(crate) login: Option<(String, String)>,
    /// Our name in the greeting; unset: the domain of `from`.
    pub(crate) hello_name: String,
    pub(crate) from: Mailbox,
    pub(crate) reply_to: Option<Mailbox>,
    /// Domain of `bounces+<contact>@`; unset: bounces go to `from`.
    pub(crate) bounce_domain: Option<String>,
    /// Value of `List-Unsubscribe`.
    pub(crate) list_unsubscribe: Option<String>,
}

impl Config {
    /// Reads the configuration. The error names the key and what would be right.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let mut input = serde_json::Deserializer::from_str(json);
        let keys: Keys = serde_path_to_error::deserialize(&mut input).map_err(|error| {
            let path = error.path().to_string();
            let what = error.into_inner();
            match path.as_str() {
                "." => format!("email: {what}"),
                key => format!("email: `{key}`: {what}"),
            }
        })?;
        keys.check().map_err(|why| format!("email: {why}"))
    }
}

impl Keys {
    fn check(self) -> Result<Config, String> {
        if self.host.is_empty() {
            return Err("`host` is empty; it must name the mail server".to_owned());
        }
        let from = mailbox("from", &self.from)?;
        let reply_to = self
            .reply_to
            .as_deref()
            .map(|text| mailbox("reply_to", text));
        if let Some(domain) = &self.bounce_domain {
            Address::new("bounces", domain)
                .map_err(|error| format!("`bounce_domain` is `{domain}`: {error}"))?;
        }
        let unsubscribe = self.list_unsubscribe.as_deref();
        if let Some(value) = unsubscribe.filter(|value| !is_unsubscribe(value)) {
            return Err(format!(
                "`list_unsubscribe` is `{value}`; it must be <mailto:...> or <https://...>, \
                 several with commas between"
            ));
        }
        Ok(Config {
            port: self.port.unwrap_or(match self.tls {
                Tls::Implicit => 465,
                Tls::Starttls => 587,
                Tls::None => 25,
            }),
            login: self.login()?,
            tls: self.parameters()?,
            tls_kind: self.tls,
            hello_name: self
                .hello_name
                .unwrap_or_else(|| from.email.domain().to_owned()),
            host: self.host,
            reply_to: reply_to.transpose()?,
            from,
            bounce_domain: self.bounce_domain,
            list_unsubscribe: self.list_unsubscribe,
        })
    }

    fn login(&self) -> Result<Option<(String, String)>, String> {
        match (&self.username, &self.password_secret) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) if self.tls == Tls::None => Err(
                "`username` is set and `tls` is none; a password goes out encrypted only: \
                     set `tls` to starttls or implicit"
                    .to_owned(),
            ),
            (Some(user), Some(secret)) => Ok(Some((user.clone(), secret.clone()))),
            _ => Err("`username` and `password_secret` go together; set both or none".to_owned()),
        }
    }

    fn parameters(&self) -> Result<Option<TlsParameters>, String> {
        if self.tls == Tls::None {
            return match self.ca_pem {
                None => Ok(None),
                Some(_) => Err("`ca_pem` is set and `tls` is none; remove one".to_owned()),
            };
        }
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.ca_pem {
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return Err("`ca_pem` holds no certificate in PEM".to_owned());
            }
            let ca = Certificate::from_pem(pem.as_bytes())
                .map_err(|error| format!("`ca_pem` cannot be read: {error}"))?;
            builder = builder.add_root_certificate(ca);
        }
        let parameters = builder.build_rustls();
        parameters
            .map(Some)
            .map_err(|error| format!("`host`: TLS cannot be set up: {error}"))
    }
}

fn mailbox(key: &str, text: &str) -> Result<Mailbox, String> {
    text.parse()
        .map_err(|error| format!("`{key}` is `{text}`: {error}; it must be a@b or Name <a@b>"))
}

fn is_unsubscribe(value: &str) -> bool {
    value.is_ascii()
        && !value.contains(['\r', '\n'])
        && value.split(',').map(str::trim).all(|one| {
            (one.starts_with("<mailto:") || one.starts_with("<https://")) && one.ends_with('>')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &str) -> Result<Config, String> {
        Config::read(&format!(
            r#"{{"host": "mx.test", "from": "催收 <a@b.test>"{extra}}}"#
        ))
    }

    #[test]
    fn the_least_configuration_is_encrypted() {
        let config = with("").expect("valid");
        assert_eq!((config.port, config.tls_kind), (587, Tls::Starttls));
        assert!(config.tls.is_some());
        assert_eq!(config.hello_name, "b.test");
        assert_eq!(with(r#", "tls": "implicit""#).expect("valid").port, 465);
        assert_eq!(with(r#", "tls": "none""#).expect("valid").port, 25);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        let cases = [
            (r#", "tls": "ssl""#, "`tls`"),
            (r#", "port": 70000"#, "`port`"),
            (r#", "smtp": 1"#, "`smtp`"),
            (r#", "reply_to": "x""#, "`reply_to` is `x`"),
            (r#", "username": "u""#, "set both or none"),
            (
                r#", "username": "u", "password_secret": "p", "tls": "none""#,
                "encrypted only",
            ),
            (r#", "ca_pem": "x", "tls": "none""#, "`ca_pem`"),
            (r#", "ca_pem": "-----BEGIN""#, "`ca_pem`"),
            (r#", "bounce_domain": "a b""#, "`bounce_domain`"),
            (r#", "list_unsubscribe": "https://x""#, "`list_unsubscribe`"),
        ];
        for (extra, want) in cases {
            let got = with(extra).map(|_| ()).expect_err(extra);
            assert!(got.contains(want), "{extra}: {got}");
        }
        let got = Config::read("{}").map(|_| ()).expect_err("nothing is set");
        assert!(got.contains("host"), "{got}");
    }
}
