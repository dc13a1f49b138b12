//! A write as a value.

use crate::StoreError;
use jiff::Timestamp;
use recoup_domain::case::LenderKind;
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactClass, ContactState, Reader};
use recoup_domain::ids::{CaseId, ContactId, PartyId, TenantId};
use recoup_domain::journal::Entry;
use recoup_domain::overrides::Override;
use recoup_domain::rollout::Rollout;
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, Party};
use serde::{Deserialize, Serialize};

/// One unit of work: applied whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What must still hold.
    pub guards: Vec<Guard>,
    /// The rows that follow from the entries.
    pub writes: Vec<Write>,
    /// What happened. Each gets a position and an audit leaf in the same transaction.
    pub entries: Vec<Entry>,
    /// The answer to the request that asked for it, kept so that the same request gets the same answer.
    pub answer: Option<Answer>,
}

/// What must hold when the change is applied; compared in its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The case has this version.
    Case(CaseId, u64),
    /// The party has this version.
    Party(PartyId, u64),
    /// The lease with this fence still holds the case.
    Fence(CaseId, u64),
    /// The contact stands in this state with this fence.
    Contact(ContactId, ContactState, u64),
    /// No switch stops dispatch for the tenant and channel.
    DispatchOn(TenantId, String),
    /// The loan has no open case (keyed hash of the lender's reference).
    NoOpenCase(TenantId, recoup_domain::ids::KeyedHash),
    /// No party has this reference yet.
    NoParty(TenantId, recoup_domain::ids::KeyedHash),
    /// The policy has no such version yet.
    NoPolicy(TenantId, String, u32),
    /// The template has no such version yet.
    NoTemplate(TenantId, String, u32),
    /// The lender's overrides are as they were read: this many times written.
    Overrides(TenantId, u64),
    /// The collector has this version; 0 where it must not exist yet.
    Collector(recoup_domain::ids::CollectorId, u64),
    /// The channel's rollout has this version; 0 where it must not exist yet.
    Rollout(String, u64),
}

/// A row to put.
#[derive(Clone, Debug)]
pub enum Write {
    /// The case's snapshot, with the events that led to it among the entries.
    Case(Box<Case>),
    /// The party's snapshot.
    Party(Box<Party>),
    /// A party's wrapped data key; durable in the key store before anything sealed under it. An empty one
    /// erases the key for good.
    PartyKey(PartyId, Vec<u8>),
    /// A contact. One that the change neither guards nor tells on by an entry other than its planning or
    /// intent is new and takes its slot, which must be free; any other must exist, and only go where the
    /// state table lets it.
    Contact(Box<Contact>),
    /// When the case is due next (none: not by itself). Ends a lease on it.
    Schedule(CaseId, Option<Timestamp>),
    /// A policy version.
    Policy(StoredPolicy),
    /// A template version.
    Template(StoredTemplate),
    /// A collector.
    Collector(Box<Collector>),
    /// A switch.
    Switch(Switch),
    /// An override. Counts in [`Guard::Overrides`] of its lender, save one that is merely asked for.
    Override(Box<Override>),
    /// The generations of a channel. It wants its [`Guard::Rollout`].
    Rollout(Box<Rollout>),
    /// A part of a library's bytes, of at most [`LIBRARY_PART_BYTES`].
    LibraryPart(LibraryPart),
    /// A library of a channel, by its SHA-256, is not needed any more.
    LibraryGone(String, String),
    /// All cases of a lender that are neither closed nor paused are due at an instant, unless they are earlier.
    WakeAll(TenantId, Timestamp),
    /// The packs, by their hash, that every open case of the lender has been looked at under.
    Packs(TenantId, String),
    /// What may have been contacted since the copy that began this history is held, all of it.
    RestoreHeld(u32),
}

/// The most bytes of a library in one part: what else waits for the store does not wait long for it.
pub const LIBRARY_PART_BYTES: usize = 1 << 20;

/// A part of a library's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryPart {
    /// The channel.
    pub channel: String,
    /// SHA-256 of the whole library, hexadecimal.
    pub sha256: String,
    /// Which part, from 0.
    pub part: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A policy version: the text and its hash; compiled policies are never stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// The lender.
    pub tenant: TenantId,
    /// The policy's name.
    pub name: String,
    /// From 1.
    pub version: u32,
    /// SHA-256 of the text, hexadecimal.
    pub hash: String,
    /// The YAML.
    pub text: String,
    /// Who wrote it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// Who activated it last; none where nobody did.
    pub activated: Option<Activation>,
}

/// A policy version was made the one of new cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they wrote for the record; speaks of the policy, not of people.
    pub note: String,
}

/// A template version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTemplate {
    /// The lender.
    pub tenant: TenantId,
    /// The name policies use.
    pub name: String,
    /// From 1.
    pub version: u32,
    /// The kind of contact it is written for.
    pub class: ContactClass,
    /// BCP 47 language tag.
    pub locale: String,
    /// Subject line; empty where the channel has none.
    pub subject: String,
    /// Text with variables.
    pub body: String,
    /// The variables it may use.
    pub variables: Vec<String>,
    /// For whom it is written; it never changes between versions.
    #[serde(default)]
    pub reader: Reader,
    /// Where it is sent to; empty where nobody said.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The kinds of lender whose cases it is for; empty means any.
    #[serde(default)]
    pub lender_kinds: Vec<LenderKind>,
    /// The signature and the provider's template id that carriers approved.
    #[serde(default)]
    pub approval: Option<(String, String)>,
    /// Who registered it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// What a switch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// One lender.
    Tenant {
        /// Which.
        tenant: TenantId,
    },
    /// One channel.
    Channel {
        /// Which.
        channel: String,
    },
    /// Everything, until what the carriers took since the copy is reconciled: laid by a store that was opened from
    /// one.
    Restored,
}

/// Dispatch stopped (or started again) by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// What it covers.
    pub scope: Scope,
    /// Whether dispatch is stopped.
    pub paused: bool,
    /// Why.
    pub reason: String,
    /// The lender whose person did it: nobody else's lets dispatch go again.
    pub tenant: TenantId,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The recorded answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The lender.
    pub tenant: TenantId,
    /// The request's id.
    pub request_id: String,
    /// Keyed hash of method and body: the same id with another body is refused.
    pub fingerprint: [u8; 16],
    /// The person it speaks of, whose key seals it; nobody for a policy or a switch.
    pub person: Option<PartyId>,
    /// The encoded answer.
    pub sealed: Sealed,
    /// When it was given.
    pub at: Timestamp,
}

/// A change that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The position of its last entry; the newest one before it where it has none.
    pub position: u64,
}

/// A change that was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Something it assumed no longer holds: read again, decide again.
    #[error("the facts moved: {0:?}")]
    Stale(Guard),
    /// The slot, reference or version that a row needs is taken, and no guard asked for it.
    #[error("{0} exists already")]
    Taken(&'static str),
    /// The request was answered before, with the same body.
    #[error("the request was answered before")]
    Answered(Box<Answer>),
    /// The request's id was used before with another body.
    #[error("the request id was used for another request")]
    OtherRequest,
    /// Below.
    #[error(transparent)]
    Store(#[from] StoreError),
}
