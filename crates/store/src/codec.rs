//! Values to rows and back: the one place that knows how a snapshot is encoded.

use crate::figures::Fact;
use crate::leaf::{JournalRow, from_micros, micros};
use crate::{Answer, Change, Guard, Histories, LibraryPart, Reach, Read, Scope, StoreError, Write};
use jiff::Timestamp;
use recoup_domain::case::Status;
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::{
    CaseId, CollectorId, ContactId, KeyedHash, OverrideId, PartyId, TenantId,
};
use recoup_domain::journal::{ContactEvent, What, filed_under};
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, Outcome, Party};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A change with its rows encoded, so that the writer thread only moves bytes.
pub(crate) struct Prepared {
    pub(crate) guards: Vec<Guard>,
    pub(crate) rows: Vec<Row>,
    pub(crate) entries: Vec<EntryRow>,
    pub(crate) answer: Option<Answer>,
    /// What is counted once it is durable.
    pub(crate) facts: Vec<Fact>,
    /// Two rows of one kind may take the same place, which only the database can tell.
    pub(crate) may_conflict: bool,
}

pub(crate) enum Row {
    Case(CaseRow),
    Party(PartyRow),
    PartyKey(PartyId, Vec<u8>),
    Contact(Box<ContactRow>),
    Schedule(CaseId, Option<i64>),
    Policy(VersionRow),
    Template(VersionRow),
    Collector(CollectorRow),
    Switch(SwitchRow),
    Override(OverrideRow),
    Rollout(RolloutRow),
    LibraryPart(LibraryPart),
    LibraryGone(String, String),
    WakeAll(TenantId, i64),
    /// Name and value in the table of the store itself.
    Meta(String, String),
}

pub(crate) struct CaseRow {
    pub(crate) id: CaseId,
    pub(crate) tenant: TenantId,
    pub(crate) version: u64,
    pub(crate) lender_ref: KeyedHash,
    pub(crate) borrower: PartyId,
    pub(crate) status: u8,
    pub(crate) stage: Option<u8>,
    pub(crate) worklist: bool,
    /// Name and version of the policy it is pinned to.
    pub(crate) policy: Option<(String, u32)>,
    pub(crate) body: Vec<u8>,
    pub(crate) sealed: Sealed,
}

pub(crate) struct PartyRow {
    pub(crate) id: PartyId,
    pub(crate) tenant: TenantId,
    pub(crate) version: u64,
    pub(crate) lender_ref: KeyedHash,
    /// The keys of its points, sorted, one after the other.
    pub(crate) points: Vec<u8>,
    /// Its language and regions, see [`crate::Reach`].
    pub(crate) reach: String,
    pub(crate) body: Vec<u8>,
    pub(crate) sealed: Sealed,
}

pub(crate) struct ContactRow {
    pub(crate) id: ContactId,
    pub(crate) tenant: TenantId,
    pub(crate) party: PartyId,
    pub(crate) class: u8,
    pub(crate) state: ContactState,
    /// The states it went through, the present one last.
    pub(crate) path: Vec<ContactState>,
    pub(crate) outcome: Option<u8>,
    pub(crate) at: i64,
    pub(crate) effect: (i64, i64),
    pub(crate) point: Option<KeyedHash>,
    pub(crate) place: Option<(u8, u8)>,
    pub(crate) fence: u64,
    pub(crate) body: Vec<u8>,
    pub(crate) sealed: Sealed,
    /// It takes a slot that must be free.
    pub(crate) is_birth: bool,
}

/// A version of a policy or template: its text is fixed, the rest of the row may move.
pub(crate) struct VersionRow {
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) hash: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct CollectorRow {
    pub(crate) id: CollectorId,
    pub(crate) tenant: TenantId,
    pub(crate) version: u64,
    pub(crate) body: Vec<u8>,
    pub(crate) sealed: Sealed,
}

pub(crate) struct SwitchRow {
    pub(crate) scope: String,
    pub(crate) paused: bool,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct RolloutRow {
    pub(crate) channel: String,
    pub(crate) version: u64,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct OverrideRow {
    pub(crate) id: OverrideId,
    pub(crate) tenant: TenantId,
    pub(crate) version: u64,
    /// Before when it holds, where it was approved.
    pub(crate) until: Option<i64>,
    pub(crate) body: Vec<u8>,
    pub(crate) sealed: Sealed,
}

impl OverrideRow {
    /// Whether it may change a decision: what is merely asked for does not.
    pub(crate) const fn counts(&self) -> bool {
        self.version > 1 || self.until.is_some()
    }
}

pub(crate) struct EntryRow {
    pub(crate) tenant: TenantId,
    pub(crate) kind: u8,
    pub(crate) case: Option<CaseId>,
    pub(crate) party: Option<PartyId>,
    pub(crate) row: JournalRow,
}

/// Encodes a change.
pub(crate) fn prepare(change: Change) -> Read<Prepared> {
    let facts = Fact::of(&change);
    let updates = |id: ContactId| {
        let guarded = change
            .guards
            .iter()
            .any(|g| matches!(g, Guard::Contact(given, ..) if *given == id));
        guarded || change.entries.iter().any(|e| tells_on(&e.what, id))
    };
    let mut contacts = Vec::new();
    for write in &change.writes {
        if let Write::Contact(contact) = write {
            contacts.push(!updates(contact.id));
        }
    }
    let may_conflict = may_conflict(&change.writes);
    let mut births = contacts.into_iter();
    let rows = change
        .writes
        .into_iter()
        .map(|write| row(write, &mut births))
        .collect::<Read<_>>()?;
    let entries = change
        .entries
        .into_iter()
        .map(|entry| {
            let tenant = entry.tenant.clone();
            let (row, what) = JournalRow::new(entry).map_err(|e| unwritable("an entry", e))?;
            let (kind, case, party) = subject(&what);
            Ok(EntryRow {
                tenant,
                kind,
                case,
                party,
                row,
            })
        })
        .collect::<Read<_>>()?;
    Ok(Prepared {
        guards: change.guards,
        rows,
        entries,
        answer: change.answer,
        facts,
        may_conflict,
    })
}

/// Whether an event tells on a contact that exists.
fn tells_on(what: &What, contact: ContactId) -> bool {
    match what {
        What::Contact { id, event, .. } => {
            *id == contact && !matches!(event, ContactEvent::Planned(_) | ContactEvent::Intended(_))
        }
        _ => false,
    }
}

fn may_conflict(writes: &[Write]) -> bool {
    let mut kinds = [0_u32; 7];
    for write in writes {
        let kind = match write {
            Write::Case(_) => 0,
            Write::Party(_) => 1,
            Write::Contact(_) => 2,
            Write::Policy(_) => 3,
            Write::Template(_) => 4,
            Write::Collector(_) => 5,
            Write::Override(_) => 6,
            Write::PartyKey(..)
            | Write::Schedule(..)
            | Write::Switch(_)
            | Write::Rollout(_)
            | Write::LibraryPart(_)
            | Write::LibraryGone(..)
            | Write::WakeAll(..)
            | Write::Packs(..)
            | Write::RestoreHeld(_) => continue,
        };
        kinds[kind] += 1;
    }
    kinds.iter().any(|n| *n > 1)
}

fn subject(what: &What) -> (u8, Option<CaseId>, Option<PartyId>) {
    match what {
        What::Case { id, .. } => (0, Some(*id), None),
        What::Party { id, .. } => (1, None, Some(*id)),
        What::Contact { id, party, .. } => (2, Some(id.case), Some(*party)),
        What::Service { .. } => (3, None, None),
        What::Override { id, case, .. } => (4, *case, Some(filed_under(id.to_bytes()))),
        What::Collector { id, .. } => (5, None, Some(filed_under(id.to_bytes()))),
    }
}

fn row(write: Write, births: &mut impl Iterator<Item = bool>) -> Read<Row> {
    Ok(match write {
        Write::Case(case) => Row::Case(case_row(*case)?),
        Write::Party(party) => Row::Party(party_row(*party)?),
        Write::PartyKey(id, wrapped) => Row::PartyKey(id, wrapped),
        Write::Contact(contact) => {
            let is_birth = births.next().unwrap_or(true);
            Row::Contact(Box::new(contact_row(*contact, is_birth)?))
        }
        Write::Schedule(id, at) => Row::Schedule(id, at.map(micros_up)),
        Write::Policy(p) => Row::Policy(VersionRow {
            body: json("a policy", &p)?,
            tenant: p.tenant,
            name: p.name,
            version: p.version,
            hash: p.hash,
        }),
        Write::Template(t) => Row::Template(VersionRow {
            body: json("a template", &t)?,
            tenant: t.tenant,
            name: t.name,
            version: t.version,
            hash: String::new(),
        }),
        Write::Collector(mut c) => {
            let sealed = std::mem::take(&mut c.sealed);
            Row::Collector(CollectorRow {
                body: json("a collector", &c)?,
                id: c.id,
                tenant: c.tenant,
                version: c.version,
                sealed,
            })
        }
        Write::Switch(s) => Row::Switch(SwitchRow {
            body: json("a switch", &s)?,
            scope: match &s.scope {
                Scope::All => "all".to_owned(),
                Scope::Tenant { tenant } => tenant_scope(tenant),
                Scope::Channel { channel } => channel_scope(channel),
                Scope::Restored => RESTORED.to_owned(),
            },
            paused: s.paused,
        }),
        Write::Override(mut o) => {
            let sealed = std::mem::take(&mut o.sealed);
            Row::Override(OverrideRow {
                body: json("an override", &o)?,
                id: o.id,
                tenant: o.tenant,
                version: o.version,
                until: o.approved.is_some().then(|| micros_up(o.until)),
                sealed,
            })
        }
        Write::Rollout(r) => Row::Rollout(RolloutRow {
            body: json("a rollout", &r)?,
            version: r.version,
            channel: r.channel,
        }),
        Write::LibraryPart(part) => Row::LibraryPart(part),
        Write::LibraryGone(channel, sha256) => Row::LibraryGone(channel, sha256),
        Write::WakeAll(tenant, at) => Row::WakeAll(tenant, micros_up(at)),
        Write::Packs(tenant, hash) => Row::Meta(packs_name(&tenant), hash),
        Write::RestoreHeld(history) => Row::Meta(RESTORE_HELD.to_owned(), history.to_string()),
    })
}

/// The key of the times a store was opened from a copy, and of the switch that each lays.
pub(crate) const RESTORED: &str = "restored";
/// The key of the history whose cases in doubt are held.
pub(crate) const RESTORE_HELD: &str = "restore_held";
/// The key of a copy's mark.
pub(crate) const COPY: &str = "copy";

/// The times that a store was opened from a copy, of what its stamps say.
pub(crate) fn histories(restored: Option<&str>, held: Option<&str>) -> Read<Histories> {
    let restored = restored.map(|text| plain("the restores", text.as_bytes()));
    let held = held.map(|text| plain("the held restore", text.as_bytes()));
    Ok(Histories {
        restored: restored.transpose()?.unwrap_or_default(),
        held: held.transpose()?,
    })
}

pub(crate) fn packs_name(tenant: &TenantId) -> String {
    format!("packs:{tenant}")
}

pub(crate) fn tenant_scope(tenant: &TenantId) -> String {
    format!("tenant:{tenant}")
}

pub(crate) fn channel_scope(channel: &str) -> String {
    format!("channel:{channel}")
}

fn case_row(mut case: Case) -> Read<CaseRow> {
    let sealed = std::mem::take(&mut case.sealed);
    Ok(CaseRow {
        body: json("a case", &case)?,
        status: status_code(case.status()),
        stage: case.stage,
        worklist: case.worklist.is_some(),
        policy: case.policy.map(|pin| (pin.name, pin.version)),
        id: case.id,
        tenant: case.tenant,
        version: case.version,
        lender_ref: case.lender_ref,
        borrower: case.borrower,
        sealed,
    })
}

fn party_row(mut party: Party) -> Read<PartyRow> {
    let sealed = std::mem::take(&mut party.sealed);
    // A party is found by its numbers and addresses, and by the records that can be taken back.
    let opt_outs = party.opt_outs.iter().map(|o| o.id.to_bytes());
    let consents = party.consent_ids.iter().map(|id| id.to_bytes());
    let records = opt_outs.chain(consents);
    let points = party.points.iter().map(|p| p.key.0);
    let mut points: Vec<_> = points.chain(records).collect();
    points.sort_unstable();
    points.dedup();
    Ok(PartyRow {
        body: json("a party", &party)?,
        points: points.concat(),
        reach: reach_of(&party),
        id: party.id,
        tenant: party.tenant,
        version: party.version,
        lender_ref: party.lender_ref,
        sealed,
    })
}

/// One word after the other: neither a language nor a region has a space in it.
fn reach_of(party: &Party) -> String {
    let words =
        std::iter::once(party.locale.as_str()).chain(party.regions.iter().map(String::as_str));
    words.collect::<Vec<_>>().join(" ")
}

/// What [`reach_of`] wrote.
pub(crate) fn reach(text: &str) -> Reach {
    let mut words = text.split(' ').map(str::to_owned);
    Reach {
        locale: words.next().unwrap_or_default(),
        regions: words.collect(),
    }
}

fn contact_row(mut contact: Contact, is_birth: bool) -> Read<ContactRow> {
    let sealed = std::mem::take(&mut contact.sealed);
    Ok(ContactRow {
        body: json("a contact", &contact)?,
        class: class_code(contact.class),
        state: contact.state,
        path: contact.states.iter().map(|(state, _)| *state).collect(),
        outcome: contact.outcome.map(outcome_code),
        at: micros(contact.intent_at.unwrap_or(contact.planned_at)),
        effect: (micros(contact.effect.from), micros(contact.effect.to)),
        point: contact.point,
        place: contact.place.as_ref().map(|p| (p.stage, p.step)),
        fence: contact.fence,
        id: contact.id,
        tenant: contact.tenant,
        party: contact.party,
        sealed,
        is_birth,
    })
}

/// Where values with a sealed part keep it.
pub(crate) trait HasSealed {
    fn sealed_mut(&mut self) -> &mut Sealed;
}

macro_rules! has_sealed {
    ($($name:ty),*) => {$(
        impl HasSealed for $name {
            fn sealed_mut(&mut self) -> &mut Sealed {
                &mut self.sealed
            }
        }
    )*};
}
has_sealed!(
    Case,
    Party,
    Contact,
    recoup_domain::collector::Collector,
    recoup_domain::overrides::Override
);

/// A snapshot from its body and its sealed part.
pub(crate) fn snapshot<T: DeserializeOwned + HasSealed>(
    what: &str,
    body: &[u8],
    sealed: Vec<u8>,
) -> Read<T> {
    let mut value: T = plain(what, body)?;
    *value.sealed_mut() = Sealed::from_ciphertext(sealed);
    Ok(value)
}

/// A value without a sealed part.
pub(crate) fn plain<T: DeserializeOwned>(what: &str, body: &[u8]) -> Read<T> {
    serde_json::from_slice(body).map_err(|e| unreadable(what, e))
}

pub(crate) fn unreadable(
    what: impl Into<String>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Unreadable {
        what: what.into(),
        source: source.into(),
    }
}

fn unwritable(what: &str, e: serde_json::Error) -> StoreError {
    StoreError::Refused(format!("{what} cannot be written as JSON: {e}"))
}

fn json<T: Serialize>(what: &str, value: &T) -> Read<Vec<u8>> {
    crate::leaf::json(value).map_err(|e| unwritable(what, e))
}

/// Microseconds, rounded up: a case is never claimed before its instant.
fn micros_up(at: Timestamp) -> i64 {
    let floor = micros(at);
    let exact = from_micros(floor) == Some(at);
    // The last instant of all has no microsecond above it that could be read back.
    if exact || from_micros(floor.saturating_add(1)).is_none() {
        floor
    } else {
        floor + 1
    }
}

pub(crate) fn instant(us: i64) -> Read<Timestamp> {
    from_micros(us).ok_or_else(|| unreadable(format!("the instant {us}"), "out of range"))
}

const STATUSES: [Status; 4] = [Status::Open, Status::Paused, Status::Legal, Status::Closed];

fn status_code(status: Status) -> u8 {
    match status {
        Status::Open => 0,
        Status::Paused => 1,
        Status::Legal => 2,
        Status::Closed => 3,
    }
}

pub(crate) fn status_name(code: u8) -> &'static str {
    STATUSES.get(usize::from(code)).map_or("?", |s| s.name())
}

/// The code of a status by its name; none where there is no such status.
pub(crate) fn status_code_of(name: &str) -> Option<u8> {
    STATUSES
        .into_iter()
        .find(|s| s.name() == name)
        .map(status_code)
}

/// Codes are positions: they are stored and never change.
pub(crate) const STATES: [ContactState; 13] = ContactState::ALL;

pub(crate) fn state_code(state: ContactState) -> u8 {
    match state {
        ContactState::Planned => 0,
        ContactState::Dispatching => 1,
        ContactState::Accepted => 2,
        ContactState::Effected => 3,
        ContactState::Failed => 4,
        ContactState::RejectedProven => 5,
        ContactState::ProvenNotSent => 6,
        ContactState::Unknown => 7,
        ContactState::Cancelling => 8,
        ContactState::Cancelled => 9,
        ContactState::CancelUnknown => 10,
        ContactState::Suppressed => 11,
        ContactState::Expired => 12,
    }
}

pub(crate) fn state(code: u8) -> Read<ContactState> {
    let found = STATES.get(usize::from(code)).copied();
    found.ok_or_else(|| unreadable(format!("contact state {code}"), "no such code"))
}

pub(crate) fn class_code(class: ContactClass) -> u8 {
    match class {
        ContactClass::Sms => 0,
        ContactClass::Phone => 1,
        ContactClass::Email => 2,
        ContactClass::Visit => 3,
        ContactClass::Legal => 4,
    }
}

pub(crate) fn class(code: u8) -> Read<ContactClass> {
    let found = ContactClass::ALL
        .into_iter()
        .find(|c| class_code(*c) == code);
    found.ok_or_else(|| unreadable(format!("contact class {code}"), "no such code"))
}

/// Stored codes; the test below holds them.
fn outcome_code(outcome: Outcome) -> u8 {
    outcome as u8
}

pub(crate) fn outcome(code: u8) -> Read<Outcome> {
    let found = Outcome::ALL.get(usize::from(code)).copied();
    found.ok_or_else(|| unreadable(format!("outcome {code}"), "no such code"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_stay() {
        for s in STATES {
            assert_eq!(state(state_code(s)).unwrap(), s);
        }
        for c in ContactClass::ALL {
            assert_eq!(class(class_code(c)).unwrap(), c);
        }
        let names: Vec<_> = Outcome::ALL
            .iter()
            .map(|o| serde_json::to_string(o).unwrap())
            .collect();
        // Stores hold these numbers: append, never reorder.
        assert_eq!(
            names.join(" ").replace('"', ""),
            "delivered undelivered no_answer busy declined not_in_service invalid_address voicemail \
             unable_to_leave_message answered_unconfirmed conversation third_party_answered \
             wrong_number inbound_no_discussion visited nobody_contacted filed cancelled unknown"
        );
        for o in Outcome::ALL {
            assert_eq!(outcome(outcome_code(o)).unwrap(), o);
        }
    }

    #[test]
    fn schedules_round_up_and_the_end_of_time_stays() {
        let at: Timestamp = "2026-04-08T08:00:00.000000001Z".parse().unwrap();
        assert_eq!(micros_up(at), micros(at) + 1);
        assert_eq!(micros_up(Timestamp::MAX), micros(Timestamp::MAX));
        assert!(instant(micros_up(Timestamp::MAX)).is_ok());
        assert!(instant(micros_up(Timestamp::MIN)).is_ok());
    }
}
