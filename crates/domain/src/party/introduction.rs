//! A person is told of for the first time.

use super::{BorrowerKind, ContactPoint, Party, PointKind, PointOwner, PointState};
use crate::ids::{KeyedHash, PartyId, TenantId};
use crate::sealed::Sealed;
use crate::time::Zone;
use jiff::Timestamp;

/// What a lender says of a person when it first tells of them.
#[derive(Clone, Debug)]
pub struct Introduction {
    /// The new party's id.
    pub id: PartyId,
    /// The lender.
    pub tenant: TenantId,
    /// Keyed hash of the lender's reference of the person.
    pub lender_ref: KeyedHash,
    /// What kind of borrower.
    pub kind: BorrowerKind,
    /// Candidate regions.
    pub regions: Vec<String>,
    /// Candidate zones, the address' zone first; at least one.
    pub zones: Vec<Zone>,
    /// BCP 47 language tag for texts.
    pub locale: String,
    /// Numbers and addresses, preferred first.
    pub points: Vec<ContactPoint>,
    /// Labels.
    pub tags: Vec<String>,
}

/// The person as introduced at `now`: they have said nothing yet, and nothing was learned of them.
#[must_use]
pub fn introduce(i: Introduction, now: Timestamp) -> Party {
    Party {
        id: i.id,
        tenant: i.tenant,
        lender_ref: i.lender_ref,
        version: 1,
        kind: i.kind,
        regions: i.regions,
        zones: i.zones,
        locale: i.locale,
        points: i.points,
        tags: i.tags,
        opt_outs: Vec::new(),
        ceases: Vec::new(),
        consents: Vec::new(),
        consent_ids: Vec::new(),
        attorneys: Vec::new(),
        employer_prohibits: false,
        inconvenient: Vec::new(),
        declined_points: Vec::new(),
        gone: Vec::new(),
        hardship_until: None,
        moratorium_until: None,
        deceased: false,
        incapacitated: false,
        refused: false,
        created_at: now,
        updated_at: now,
        sealed: Sealed::default(),
    }
}

impl ContactPoint {
    /// The person's own number or address, verified, as a contract says it; nothing was learned of it.
    #[must_use]
    pub fn of_contract(key: KeyedHash, kind: PointKind) -> Self {
        Self {
            key,
            kind,
            owner: PointOwner::Own,
            zone: None,
            verified: true,
            source: "contract".into(),
            state: PointState::Usable,
            failed_days: 0,
            failed_on: None,
        }
    }
}
