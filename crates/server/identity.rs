//! Who calls. Development mode only, so far: a bearer token of the configuration names a principal, and
//! every listener is on loopback. Whoever shows none is nobody, and nobody may do nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use recoup_domain::ids::TenantId;
use subtle::ConstantTimeEq;

use crate::api::recoup::v1::Role;
use crate::config::{Config, ConfigError};

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

/// All who may call, by token.
#[derive(Clone)]
pub struct Principals(Arc<[(String, Principal)]>);

impl Principals {
    /// Those of the development mode.
    ///
    /// # Errors
    /// Where a role or lender is none.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        let mut all = Vec::with_capacity(config.dev_principal.len());
        for p in &config.dev_principal {
            let tenant = TenantId::new(p.tenant.clone()).map_err(|e| ConfigError::Value {
                key: format!("dev_principal.{}.tenant", p.name),
                problem: e.to_string(),
            })?;
            let principal = Principal {
                name: p.name.as_str().into(),
                tenant,
                roles: p.read_roles()?.into(),
            };
            all.push((p.token.clone(), principal));
        }
        Ok(Self(all.into()))
    }

    /// Whom an `authorization` header names. Every token is compared in full, whatever was given.
    #[must_use]
    pub fn named_by(&self, header: &str) -> Option<&Principal> {
        let (scheme, token) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut found = None;
        for (own, principal) in self.0.iter() {
            if bool::from(own.as_bytes().ct_eq(token.trim().as_bytes())) {
                found = Some(principal);
            }
        }
        found
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, p)| &*p.name)
    }
}

/// Development mode has no proof of who calls but a token in plain text: loopback only.
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
            "{address} is not a loopback address; development mode (bearer tokens in plain text) \
             listens on 127.0.0.1 or [::1] only"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
