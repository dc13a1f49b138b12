//! Overrides: where law only presumes a violation, counsel may decide otherwise, for a time and on record.

use crate::ids::{CaseId, OverrideId, TenantId};
use crate::sealed::Sealed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who put their name to something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The principal.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// An override of one rule that presumes a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its id.
    pub id: OverrideId,
    /// The lender.
    pub tenant: TenantId,
    /// Counts writes.
    pub version: u64,
    /// The pack that holds the rule.
    pub pack: String,
    /// The rule.
    pub rule: String,
    /// The one case it is about; none means all of the lender.
    pub case: Option<CaseId>,
    /// Before when it holds.
    pub until: Timestamp,
    /// Who asked for it.
    pub proposed: Signed,
    /// The second person, none where it waits for one.
    pub approved: Option<Signed>,
    /// Who ended it before its time.
    pub revoked: Option<Signed>,
    /// What people wrote about it, sealed.
    pub sealed: Sealed,
}

/// Where an override stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideState {
    /// Waits for a second person.
    Proposed,
    /// In force.
    Active,
    /// Ended by a person.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Override {
    /// Where it stands at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> OverrideState {
        if self.revoked.is_some() {
            OverrideState::Revoked
        } else if self.until <= now {
            OverrideState::Expired
        } else if self.approved.is_some() {
            OverrideState::Active
        } else {
            OverrideState::Proposed
        }
    }

    /// Whether it is about a case.
    #[must_use]
    pub fn covers(&self, case: CaseId) -> bool {
        self.case.is_none_or(|own| own == case)
    }

    /// What it lifts; nothing before a second person approved it and after it was revoked.
    #[must_use]
    pub fn lift(&self) -> Option<Lift> {
        let approved = self.approved.as_ref()?;
        self.revoked.is_none().then(|| Lift {
            id: self.id,
            pack: self.pack.clone(),
            rule: self.rule.clone(),
            from: approved.at,
            until: self.until,
            proposed_by: self.proposed.by.clone(),
            approved_by: approved.by.clone(),
        })
    }
}

/// One rule, lifted for effects that lie whole between two instants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// The override.
    pub id: OverrideId,
    /// The pack that holds the rule.
    pub pack: String,
    /// The rule.
    pub rule: String,
    /// From when.
    pub from: Timestamp,
    /// Before when.
    pub until: Timestamp,
    /// Who asked for it.
    pub proposed_by: String,
    /// The second person.
    pub approved_by: String,
}

/// What happened to an override.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum OverrideEvent {
    /// Somebody asked for it.
    Proposed {
        /// Before when it shall hold.
        until: Timestamp,
    },
    /// A second person agreed: it is in force.
    Approved {
        /// Before when it holds.
        until: Timestamp,
    },
    /// Somebody ended it.
    Revoked,
}
