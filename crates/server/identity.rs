//! Who calls: somebody who shows a key, or whose certificate the listener has verified. Whoever shows neither
//! is nobody, and nobody may do nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use recoup_domain::ids::TenantId;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api::recoup::v1::Role;
use crate::config::{Config, ConfigError, read_roles};

/// Who may see personal data: whoever the contract lets read a borrower.
const SEE_PEOPLE: [Role; 5] = [
    Role::Lender,
    Role::Agent,
    Role::Compliance,
    Role::Operator,
    Role::Auditor,
];

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The name, as the journal keeps it.
    pub name: Arc<str>,
    /// The lender acted for.
    pub tenant: TenantId,
    /// What the principal is allowed to be.
    pub roles: Arc<[Role]>,
}

impl Principal {
    fn new(key: &str, name: &str, tenant: &str, roles: &[String]) -> Result<Self, ConfigError> {
        let tenant = TenantId::new(tenant.to_owned()).map_err(|e| ConfigError::Value {
            key: format!("{key}.tenant"),
            problem: e.to_string(),
        })?;
        Ok(Self {
            name: name.into(),
            tenant,
            roles: read_roles(&format!("{key}.roles"), roles)?.into(),
        })
    }

    /// Whether one of the roles may.
    #[must_use]
    pub fn may(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|own| roles.contains(own))
    }

    /// Whether personal data may be shown to them.
    #[must_use]
    pub fn sees_people(&self) -> bool {
        self.may(&SEE_PEOPLE)
    }
}

/// All who may call, and what they show.
#[derive(Clone)]
pub struct Principals(Arc<Known>);

#[derive(Default)]
struct Known {
    all: Vec<Principal>,
    /// SHA-256 of a key, and whose it is. Keys are long and random, so nothing slower is needed.
    keys: Vec<([u8; 32], usize)>,
    /// A name in a certificate, lower case, and whose it is.
    certificates: HashMap<String, usize>,
}

impl Principals {
    /// Those of the configuration.
    ///
    /// # Errors
    /// Where a role, lender or hash is none.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let mut known = Known::default();
        for (i, p) in config.dev_principal.iter().enumerate() {
            let key = format!("dev_principal[{i}]");
            let principal = Principal::new(&key, &p.name, &p.tenant, &p.roles)?;
            let token = Sha256::digest(p.token.as_bytes()).into();
            known.keys.push((token, known.all.len()));
            known.all.push(principal);
        }
        for (i, p) in config.principal.iter().enumerate() {
            let key = format!("principal[{i}]");
            let principal = Principal::new(&key, &p.name, &p.tenant, &p.roles)?;
            let place = known.all.len();
            for hash in &p.key_sha256 {
                let hash = sha256(hash).ok_or_else(|| ConfigError::Value {
                    key: format!("{key}.key_sha256"),
                    problem: format!("`{hash}` is no SHA-256"),
                })?;
                known.keys.push((hash, place));
            }
            let names = p.certificate_names.iter().map(|n| n.to_ascii_lowercase());
            known.certificates.extend(names.map(|name| (name, place)));
            known.all.push(principal);
        }
        Ok(Self(Arc::new(known)))
    }

    /// Whom an `authorization` header names. Every hash is compared in full, whatever was given.
    #[must_use]
    pub fn named_by(&self, header: &str) -> Option<&Principal> {
        let (scheme, key) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let given: [u8; 32] = Sha256::digest(key.trim().as_bytes()).into();
        let mut found = None;
        for (own, place) in &self.0.keys {
            if bool::from(own.ct_eq(&given)) {
                found = self.0.all.get(*place);
            }
        }
        found
    }

    /// Whom the names of a verified certificate name. One that names two principals names none.
    #[must_use]
    pub fn certified_by(&self, names: &[String]) -> Option<&Principal> {
        let places = names
            .iter()
            .filter_map(|name| self.0.certificates.get(&name.to_ascii_lowercase()));
        let mut places: Vec<usize> = places.copied().collect();
        places.sort_unstable();
        places.dedup();
        match places[..] {
            [place] => self.0.all.get(place),
            _ => None,
        }
    }

    /// Their lenders, each as often as it has principals.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.0.all.iter().map(|p| &p.tenant)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.all.iter().map(|p| &*p.name)
    }
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let bytes: Vec<u8> = digits?
        .chunks(2)
        .map(|d| d[0] << 4 | d[d.len() - 1])
        .collect();
    bytes.try_into().ok()
}

/// What is in plain text is for this machine alone.
///
/// # Errors
/// Where an address is of another network.
pub fn must_be_loopback(key: &str, address: SocketAddr) -> Result<(), ConfigError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(ConfigError::Value {
        key: key.to_owned(),
        problem: format!(
            "{address} is not a loopback address; plain text is served on 127.0.0.1 or [::1] only. The API \
             takes [tls]; for the rest, put a proxy with TLS before it"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `foo`.
    const FOO: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    fn known(text: &str) -> Principals {
        let config = Config::parse(text, std::path::Path::new("recoup.toml")).expect(text);
        Principals::of(&config).expect("principals")
    }

    #[test]
    fn a_token_names_its_principal_and_nothing_else_does() {
        let principals = Principals::of(&Config::default()).expect("the default");
        let ana = principals.named_by("Bearer dev-ana").expect("ana");
        assert_eq!((&*ana.name, ana.tenant.as_str()), ("ana", "demo"));
        assert!(ana.may(&[Role::Operator]) && !ana.may(&[]));
        for nobody in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer dev-an",
            "Basic dev-ana",
            "dev-ana",
        ] {
            assert!(principals.named_by(nobody).is_none(), "{nobody}");
        }
    }

    #[test]
    fn a_key_is_known_by_its_hash_and_the_hash_is_no_key() {
        let text = format!(
            "[[principal]]\nname = \"core\"\ntenant = \"demo\"\nroles = [\"lender\"]\nkey_sha256 = [\"{FOO}\"]"
        );
        let principals = known(&text);
        assert_eq!(
            principals.names().collect::<Vec<_>>(),
            ["core"],
            "nobody of the development mode"
        );
        assert!(principals.named_by("Bearer foo").is_some());
        assert!(principals.named_by(&format!("Bearer {FOO}")).is_none());
        assert!(principals.named_by("Bearer dev-ana").is_none());
    }

    #[test]
    fn a_certificate_names_one_principal_or_none() {
        let text = "[tls]\ncert_file = \"a\"\nkey_file = \"b\"\nclient_ca_file = \"c\"\n\
            [[principal]]\nname = \"core\"\ntenant = \"demo\"\nroles = [\"lender\"]\n\
            certificate_names = [\"Core.Lender.example\"]\n\
            [[principal]]\nname = \"app\"\ntenant = \"demo\"\nroles = [\"agent\"]\n\
            certificate_names = [\"spiffe://lender.example/app\"]\n";
        let principals = known(text);
        let whose = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            principals.certified_by(&names).map(|p| p.name.to_string())
        };
        let (core, app) = ("core.lender.example", "spiffe://lender.example/app");
        assert_eq!(whose(&["other", core]).as_deref(), Some("core"));
        assert_eq!(whose(&[app]).as_deref(), Some("app"));
        assert_eq!(whose(&[core, app]), None, "two at once");
        assert_eq!(whose(&["lender.example"]), None);
        assert_eq!(whose(&[]), None);
    }

    #[test]
    fn personal_data_is_for_whoever_may_read_a_borrower() {
        let methods = crate::api::methods().expect("the contract");
        let read = methods.iter().find(|m| m.name == "GetBorrower");
        assert_eq!(read.expect("a method").roles, SEE_PEOPLE);
    }

    #[test]
    fn only_loopback() {
        let address = |text: &str| text.parse().expect(text);
        assert!(must_be_loopback("listen", address("127.0.0.1:1")).is_ok());
        assert!(must_be_loopback("listen", address("[::1]:1")).is_ok());
        assert!(must_be_loopback("listen", address("0.0.0.0:1")).is_err());
    }
}
