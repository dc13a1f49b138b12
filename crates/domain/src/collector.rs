//! People who work cases for the lender: agents, visitors, law firm staff.

use crate::ids::{CollectorId, TenantId};
use crate::sealed::Sealed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A collector. The name is sealed; credentials are facts the gate reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collector {
    /// Its id.
    pub id: CollectorId,
    /// The lender.
    pub tenant: TenantId,
    /// Counts writes; guards against two people editing at once.
    pub version: u64,
    /// Licences and trainings, with the last instant of their validity.
    pub credentials: Vec<Credential>,
    /// BCP 47 language tags.
    pub languages: Vec<String>,
    /// Regions worked in, such as `CN-SH`; empty means all.
    pub regions: Vec<String>,
    /// Whether work may be given to them.
    pub active: bool,
    /// Name and contact data, sealed.
    pub sealed: Sealed,
}

/// A licence, training or identity card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// What it is, such as `field_visit`.
    pub kind: String,
    /// Valid before this instant.
    pub valid_until: Timestamp,
}

impl Collector {
    /// Whether they may go on a field visit in one of the regions at `at`; where regions are not known, only who works
    /// in all.
    #[must_use]
    pub fn may_visit_in(&self, regions: &[String], at: Timestamp) -> bool {
        let works = |own: &String| regions.iter().any(|r| r.starts_with(own.as_str()));
        self.may_visit(at) && (self.regions.is_empty() || self.regions.iter().any(works))
    }

    /// Whether they may go on a field visit at `at`.
    #[must_use]
    pub fn may_visit(&self, at: Timestamp) -> bool {
        self.active
            && self
                .credentials
                .iter()
                .any(|c| c.kind == "field_visit" && at < c.valid_until)
    }
}
