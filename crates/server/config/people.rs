//! Who may call, as the configuration says it: principals by key or certificate, the two of the development
//! mode, and the certificates of the listener.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Config, ConfigError, value_error};
use crate::api::recoup::v1::Role;

/// A principal: proves who it is by a key or by a certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalConfig {
    /// Its name, as the journal keeps it: 1 to 64 of a-z, 0-9, `-` and `.`. Required.
    pub name: String,
    /// The lender it acts for. Required.
    pub tenant: String,
    /// Its roles: `lender`, `agent`, `strategist`, `compliance`, `operator`, `auditor`, or `all`.
    /// Required.
    pub roles: Vec<String>,
    /// SHA-256 of each key it may show (`authorization: Bearer <key>`), 64 hexadecimal digits. Two at once
    /// let a key be changed without a pause. Default: none.
    #[serde(default)]
    pub key_sha256: Vec<String>,
    /// Names in its certificate, DNS names or URIs such as `spiffe://lender.example/core`; one is enough.
    /// Default: none.
    #[serde(default)]
    pub certificate_names: Vec<String>,
}

/// A principal of the development mode.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevPrincipal {
    /// Its name, as the journal keeps it: 1 to 64 of a-z, 0-9, `-` and `.`. Required.
    pub name: String,
    /// What it shows: `authorization: Bearer <token>`, 6 to 128 printable characters. Required.
    pub token: String,
    /// The lender it acts for. Required.
    pub tenant: String,
    /// Its roles: `lender`, `agent`, `strategist`, `compliance`, `operator`, `auditor`, or `all`.
    /// Required.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for DevPrincipal {
    // Not the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevPrincipal({}@{})", self.name, self.tenant)
    }
}

impl DevPrincipal {
    pub(super) fn defaults() -> Vec<Self> {
        let principal = |name: &str| Self {
            name: name.to_owned(),
            token: format!("dev-{name}"),
            tenant: "demo".to_owned(),
            roles: vec!["all".to_owned()],
        };
        vec![principal("ana"), principal("ben")]
    }
}

/// TLS of the API's listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate and those between it and the root, PEM. Required.
    pub cert_file: PathBuf,
    /// Its private key, PEM. Required.
    pub key_file: PathBuf,
    /// Roots of the callers' certificates, PEM. Default: none, and callers show keys.
    pub client_ca_file: Option<PathBuf>,
    /// Whether a caller without a certificate may connect, and show a key: `required` or `optional`.
    /// Default: `required` where there is a `client_ca_file`.
    #[serde(default)]
    pub client_certificate: ClientCertificate,
    /// Revoked certificates of callers, PEM. Default: none.
    #[serde(default)]
    pub crl_files: Vec<PathBuf>,
    /// How often the files are looked at, in seconds, 1 to 3600. New connections get what they hold then;
    /// files that cannot be used are reported, and the old ones stay. Default: 10.
    #[serde(default = "reload_default")]
    pub reload_s: u64,
}

const fn reload_default() -> u64 {
    10
}

impl TlsConfig {
    /// Every file it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = [&self.cert_file, &self.key_file];
        own.into_iter()
            .chain(&self.client_ca_file)
            .chain(&self.crl_files)
    }

    pub(super) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let own = [&mut self.cert_file, &mut self.key_file];
        own.into_iter()
            .chain(&mut self.client_ca_file)
            .chain(&mut self.crl_files)
    }
}

/// Whether callers must show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// No connection without one.
    #[default]
    Required,
    /// A connection without one may show a key.
    Optional,
}

const ROLES: [(&str, Role); 6] = [
    ("lender", Role::Lender),
    ("agent", Role::Agent),
    ("strategist", Role::Strategist),
    ("compliance", Role::Compliance),
    ("operator", Role::Operator),
    ("auditor", Role::Auditor),
];

/// Roles by their names. `key` is for messages.
///
/// # Errors
/// Where a name is none.
pub fn read_roles(key: &str, names: &[String]) -> Result<Vec<Role>, ConfigError> {
    let mut roles = Vec::new();
    for name in names {
        match ROLES.iter().find(|(n, _)| n == name) {
            Some((_, role)) => roles.push(*role),
            None if name == "all" => roles.extend(ROLES.iter().map(|(_, role)| *role)),
            None => {
                let names = ROLES.map(|(n, _)| n).join(", ");
                let problem = format!("`{name}` is no role; there are {names} and all");
                return Err(value_error(key, problem));
            }
        }
    }
    Ok(roles)
}

/// What a principal of either kind is checked for.
struct Named<'a> {
    key: String,
    name: &'a str,
    tenant: &'a str,
    roles: &'a [String],
}

impl Config {
    /// Whether principals are known by tokens that stand in the configuration in plain text.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.tls.is_none() && self.principal.is_empty()
    }

    pub(super) fn check_people(&self) -> Result<(), ConfigError> {
        if !self.is_development() && !self.dev_principal.is_empty() {
            let problem = "goes with neither `tls` nor `principal`: its tokens stand here in plain text. \
                           Write a [[principal]] with key_sha256";
            return Err(value_error("dev_principal", problem));
        }
        if self.principal.is_empty() && self.tls.is_some() {
            let problem = "there is none, so nobody could call; write at least one [[principal]]";
            return Err(value_error("principal", problem));
        }
        let all: Vec<Named<'_>> = self.named().collect();
        for (i, one) in all.iter().enumerate() {
            self.check_named(one)?;
            if all[..i].iter().any(|o| o.name == one.name) {
                let problem = format!("`{}` is there twice", one.name);
                return Err(value_error(format!("{}.name", one.key), problem));
            }
        }
        self.check_tokens()?;
        self.check_proofs()?;
        self.check_tls()
    }

    fn named(&self) -> impl Iterator<Item = Named<'_>> {
        let dev = self.dev_principal.iter().enumerate().map(|(i, p)| Named {
            key: format!("dev_principal[{i}]"),
            name: &p.name,
            tenant: &p.tenant,
            roles: &p.roles,
        });
        let known = self.principal.iter().enumerate().map(|(i, p)| Named {
            key: format!("principal[{i}]"),
            name: &p.name,
            tenant: &p.tenant,
            roles: &p.roles,
        });
        dev.chain(known)
    }

    fn check_named(&self, one: &Named<'_>) -> Result<(), ConfigError> {
        let key = |field: &str| format!("{}.{field}", one.key);
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if !(1..=64).contains(&one.name.len()) || !one.name.bytes().all(fits) {
            let problem = "must be 1 to 64 of a-z, 0-9, `-` and `.`";
            return Err(value_error(key("name"), problem));
        }
        if self.tenant.iter().all(|t| t.id != one.tenant) {
            let problem = format!("`{}` is no [[tenant]]", one.tenant);
            return Err(value_error(key("tenant"), problem));
        }
        read_roles(&key("roles"), one.roles).map(drop)
    }

    fn check_tokens(&self) -> Result<(), ConfigError> {
        for (i, p) in self.dev_principal.iter().enumerate() {
            let key = || format!("dev_principal[{i}].token");
            let is_text = p.token.bytes().all(|b| b.is_ascii_graphic());
            if !(6..=128).contains(&p.token.len()) || !is_text {
                return Err(value_error(key(), "must be 6 to 128 printable characters"));
            }
            if let Some(other) = self.dev_principal[..i].iter().find(|o| o.token == p.token) {
                let problem = format!("is the token of `{}`", other.name);
                return Err(value_error(key(), problem));
            }
        }
        Ok(())
    }

    /// A proof names one principal.
    fn check_proofs(&self) -> Result<(), ConfigError> {
        for (i, p) in self.principal.iter().enumerate() {
            let key = |field: &str| format!("principal[{i}].{field}");
            if p.key_sha256.is_empty() && p.certificate_names.is_empty() {
                let problem =
                    "and certificate_names are missing; one of them says who the caller is";
                return Err(value_error(key("key_sha256"), problem));
            }
            if let Some(given) = p.key_sha256.iter().find(|hash| !is_sha256(hash)) {
                let problem = format!(
                    "`{given}` is no SHA-256 of a key; take the 64 digits that `printf %s \"$KEY\" | \
                     sha256sum` gives"
                );
                return Err(value_error(key("key_sha256"), problem));
            }
            if !p.certificate_names.is_empty()
                && self.tls.as_ref().is_none_or(|t| t.client_ca_file.is_none())
            {
                let problem = "need `tls.client_ca_file`, or no certificate could be trusted";
                return Err(value_error(key("certificate_names"), problem));
            }
            for other in &self.principal[..i] {
                let twin = shared(&p.key_sha256, &other.key_sha256)
                    .or_else(|| shared(&p.certificate_names, &other.certificate_names));
                if let Some(twin) = twin {
                    let problem = format!("`{twin}` would name `{}` as well", other.name);
                    return Err(value_error(key("name"), problem));
                }
            }
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), ConfigError> {
        let Some(tls) = &self.tls else {
            return Ok(());
        };
        super::within("tls.reload_s", tls.reload_s, 1, 3600)?;
        if tls.client_ca_file.is_none() && !tls.crl_files.is_empty() {
            let problem = "are read with `tls.client_ca_file` alone";
            return Err(value_error("tls.crl_files", problem));
        }
        Ok(())
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn shared<'a>(some: &'a [String], others: &[String]) -> Option<&'a String> {
    let same = |a: &String| others.iter().any(|b| b.eq_ignore_ascii_case(a));
    some.iter().find(|a| same(a))
}
