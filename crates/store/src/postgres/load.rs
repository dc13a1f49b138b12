//! Locks and reads the heads of all rows that a group of changes names: a few statements, however many changes.

use super::connect::{Fault, rows, run};
use super::sql;
use super::view::{CaseHead, ContactHead, PartyHead, RefKey, VersionKey, View, version_key};
use crate::codec::{Prepared, Row, instant};
use crate::{Answer, Guard, Read};
use deadpool_postgres::Object;
use recoup_domain::ids::{
    CaseId, CollectorId, ContactId, KeyedHash, OverrideId, PartyId, TenantId,
};
use recoup_domain::sealed::Sealed;
use std::collections::BTreeSet;
use tokio_postgres::Row as SqlRow;

/// What a group names.
#[derive(Default)]
struct Named {
    cases: BTreeSet<CaseId>,
    loans: BTreeSet<RefKey>,
    parties: BTreeSet<PartyId>,
    party_refs: BTreeSet<RefKey>,
    contacts: BTreeSet<ContactId>,
    leases: BTreeSet<CaseId>,
    policies: BTreeSet<VersionKey>,
    templates: BTreeSet<VersionKey>,
    collectors: BTreeSet<CollectorId>,
    overrides: BTreeSet<OverrideId>,
    override_heads: BTreeSet<TenantId>,
    rollouts: BTreeSet<String>,
    switches: bool,
    requests: BTreeSet<(TenantId, String)>,
    /// It changes a rule that others rely on, or needs that nobody else does.
    changes_rules: bool,
}

impl Named {
    fn add(&mut self, change: &Prepared) {
        if let Some(answer) = &change.answer {
            let key = (answer.tenant.clone(), answer.request_id.clone());
            self.requests.insert(key);
        }
        for guard in &change.guards {
            self.add_guard(guard);
        }
        for row in &change.rows {
            self.add_row(row);
        }
    }

    fn add_guard(&mut self, guard: &Guard) {
        match guard {
            Guard::Case(id, _) => drop(self.cases.insert(*id)),
            Guard::Party(id, _) => drop(self.parties.insert(*id)),
            Guard::Fence(id, _) => drop(self.leases.insert(*id)),
            Guard::Contact(id, ..) => drop(self.contacts.insert(*id)),
            Guard::DispatchOn(..) => self.switches = true,
            Guard::NoOpenCase(tenant, key) => drop(self.loans.insert((tenant.clone(), *key))),
            Guard::NoParty(tenant, key) => drop(self.party_refs.insert((tenant.clone(), *key))),
            Guard::NoPolicy(tenant, name, version) => {
                self.changes_rules = true;
                self.policies
                    .insert((tenant.clone(), name.clone(), *version));
            }
            Guard::NoTemplate(tenant, name, version) => {
                self.changes_rules = true;
                self.templates
                    .insert((tenant.clone(), name.clone(), *version));
            }
            Guard::Overrides(tenant, _) => drop(self.override_heads.insert(tenant.clone())),
            Guard::Rollout(channel, _) => {
                self.changes_rules = true;
                self.rollouts.insert(channel.clone());
            }
            Guard::Collector(id, _) => {
                self.changes_rules = true;
                self.collectors.insert(*id);
            }
        }
    }

    fn add_row(&mut self, row: &Row) {
        match row {
            Row::Case(case) => {
                self.cases.insert(case.id);
                self.loans.insert((case.tenant.clone(), case.lender_ref));
            }
            Row::Party(party) => {
                self.parties.insert(party.id);
                let key = (party.tenant.clone(), party.lender_ref);
                self.party_refs.insert(key);
            }
            Row::Contact(contact) => drop(self.contacts.insert(contact.id)),
            Row::Schedule(case, _) => drop(self.leases.insert(*case)),
            Row::PartyKey(..) => {}
            Row::Policy(policy) => {
                self.changes_rules = true;
                self.policies.insert(version_key(policy));
            }
            Row::Template(template) => {
                self.changes_rules = true;
                self.templates.insert(version_key(template));
            }
            Row::Collector(c) => {
                self.changes_rules = true;
                self.collectors.insert(c.id);
            }
            Row::Override(o) => {
                self.changes_rules = true;
                self.overrides.insert(o.id);
                self.override_heads.insert(o.tenant.clone());
            }
            Row::Rollout(r) => {
                self.changes_rules = true;
                self.rollouts.insert(r.channel.clone());
            }
            // Nobody reads a part before the rollout names its generation.
            Row::LibraryPart(_) | Row::LibraryGone(..) => {}
            Row::Switch(_) | Row::WakeAll(..) | Row::Meta(..) => self.changes_rules = true,
        }
    }
}

/// Why a group cannot be decided: the database, or a row that cannot be read.
pub(super) enum Unloaded {
    Fault(Fault),
    Unreadable(crate::StoreError),
}

impl From<tokio_postgres::Error> for Unloaded {
    fn from(e: tokio_postgres::Error) -> Self {
        Self::Fault(e.into())
    }
}

impl From<crate::StoreError> for Unloaded {
    fn from(e: crate::StoreError) -> Self {
        Self::Unreadable(e)
    }
}

/// Reads what `changes` name, under locks that last as long as the transaction; leases are those of the process
/// `owner` alone.
pub(super) async fn load(
    conn: &Object,
    changes: impl Iterator<Item = &Prepared>,
    owner: i64,
) -> Result<View, Unloaded> {
    let mut named = Named::default();
    changes.for_each(|change| named.add(change));
    // Before anything is read: a switch that was thrown and answered is seen by who comes after.
    if named.changes_rules {
        run(conn, sql::RULES_ALONE, &[&sql::RULES]).await?;
    } else if named.switches || !named.override_heads.is_empty() {
        run(conn, sql::RULES_SHARED, &[&sql::RULES]).await?;
    }
    let mut view = View::default();
    load_rows(conn, &named, owner, &mut view).await?;
    load_rules(conn, &named, &mut view).await?;
    Ok(view)
}

async fn load_rows(
    conn: &Object,
    named: &Named,
    owner: i64,
    view: &mut View,
) -> Result<(), Unloaded> {
    if !named.cases.is_empty() {
        let ids = ids(&named.cases, CaseId::to_bytes);
        for row in rows(conn, sql::CASE_HEADS, &[&ids]).await? {
            let head = CaseHead {
                version: count(&row, 1),
                tenant: tenant(&row, 2)?,
                status: code(&row, 3)?,
            };
            view.cases.load([(CaseId::from_bytes(id(&row, 0)?), head)]);
        }
    }
    if !named.parties.is_empty() {
        let ids = ids(&named.parties, PartyId::to_bytes);
        for row in rows(conn, sql::PARTY_HEADS, &[&ids]).await? {
            let head = PartyHead {
                version: count(&row, 1),
                tenant: tenant(&row, 2)?,
                points: row.get(3),
            };
            view.parties
                .load([(PartyId::from_bytes(id(&row, 0)?), head)]);
        }
    }
    if !named.contacts.is_empty() {
        let cases = ids(&named.contacts, |id| id.case.to_bytes());
        let seqs: Vec<i64> = named.contacts.iter().map(|id| id.seq.into()).collect();
        for row in rows(conn, sql::CONTACT_HEADS, &[&cases, &seqs]).await? {
            let (key, head) = contact_head(&row)?;
            view.contacts.load([(key, head)]);
        }
    }
    if !named.leases.is_empty() {
        let ids = ids(&named.leases, CaseId::to_bytes);
        for row in rows(conn, sql::LEASES, &[&ids, &owner]).await? {
            let fence = row.get::<_, Option<i64>>(1).map(i64::cast_unsigned);
            let lives = row.get::<_, Option<bool>>(2) == Some(true);
            let case = CaseId::from_bytes(id(&row, 0)?);
            view.leases.load([(case, fence.filter(|_| lives))]);
        }
    }
    if !named.loans.is_empty() {
        let (tenants, keys) = refs(&named.loans);
        for row in rows(conn, sql::LOANS, &[&tenants, &keys]).await? {
            let case = CaseId::from_bytes(id(&row, 2)?);
            view.loans.load([(ref_key(&row)?, Some(case))]);
        }
    }
    if !named.party_refs.is_empty() {
        let (tenants, keys) = refs(&named.party_refs);
        for row in rows(conn, sql::PARTY_REFS, &[&tenants, &keys]).await? {
            let party = PartyId::from_bytes(id(&row, 2)?);
            view.party_refs.load([(ref_key(&row)?, party)]);
        }
    }
    if !named.requests.is_empty() {
        let (tenants, names): (Vec<&str>, Vec<&str>) = named
            .requests
            .iter()
            .map(|(tenant, name)| (tenant.as_str(), name.as_str()))
            .unzip();
        for row in rows(conn, sql::REQUESTS, &[&tenants, &names]).await? {
            let answer = answer(&row)?;
            let key = (answer.tenant.clone(), answer.request_id.clone());
            view.requests.load([(key, answer)]);
        }
    }
    Ok(())
}

async fn load_rules(conn: &Object, named: &Named, view: &mut View) -> Result<(), Unloaded> {
    if !named.override_heads.is_empty() {
        let tenants: Vec<&str> = named.override_heads.iter().map(TenantId::as_str).collect();
        for row in rows(conn, sql::OVERRIDES_VERSIONS, &[&tenants]).await? {
            view.override_heads
                .load([(tenant(&row, 0)?, count(&row, 1))]);
        }
    }
    if !named.rollouts.is_empty() {
        let channels: Vec<&str> = named.rollouts.iter().map(String::as_str).collect();
        let found = rows(conn, sql::ROLLOUT_VERSIONS, &[&channels]).await?;
        let stored = found.iter().map(|row| (row.get(0), count(row, 1)));
        view.rollouts.load(stored);
    }
    if named.switches {
        let off = rows(conn, sql::SWITCHES_OFF, &[]).await?;
        view.switches.load(off.iter().map(|row| (row.get(0), true)));
    }
    if !named.policies.is_empty() {
        for row in versions(conn, sql::POLICY_HEADS, &named.policies).await? {
            view.policies.load([(stored_version(&row)?, row.get(3))]);
        }
    }
    if !named.templates.is_empty() {
        for row in versions(conn, sql::TEMPLATE_HEADS, &named.templates).await? {
            view.templates.load([(stored_version(&row)?, row.get(3))]);
        }
    }
    if !named.collectors.is_empty() {
        let ids = ids(&named.collectors, CollectorId::to_bytes);
        for row in rows(conn, sql::COLLECTOR_HEADS, &[&ids]).await? {
            let key = CollectorId::from_bytes(id(&row, 0)?);
            view.collectors
                .load([(key, (count(&row, 1), tenant(&row, 2)?))]);
        }
    }
    if !named.overrides.is_empty() {
        let ids = ids(&named.overrides, OverrideId::to_bytes);
        for row in rows(conn, sql::OVERRIDE_HEADS, &[&ids]).await? {
            let key = OverrideId::from_bytes(id(&row, 0)?);
            view.overrides
                .load([(key, (count(&row, 1), tenant(&row, 2)?))]);
        }
    }
    Ok(())
}

fn ids<K: Copy>(of: &BTreeSet<K>, bytes: impl Fn(K) -> [u8; 16]) -> Vec<Vec<u8>> {
    of.iter().map(|id| bytes(*id).to_vec()).collect()
}

fn refs(of: &BTreeSet<RefKey>) -> (Vec<&str>, Vec<&[u8]>) {
    of.iter().map(|(t, key)| (t.as_str(), &key.0[..])).unzip()
}

fn ref_key(row: &SqlRow) -> Read<RefKey> {
    Ok((tenant(row, 0)?, KeyedHash(id(row, 1)?)))
}

async fn versions(
    conn: &Object,
    sql: &'static str,
    of: &BTreeSet<VersionKey>,
) -> Result<Vec<SqlRow>, tokio_postgres::Error> {
    let tenants: Vec<&str> = of.iter().map(|(tenant, ..)| tenant.as_str()).collect();
    let names: Vec<&str> = of.iter().map(|(_, name, _)| name.as_str()).collect();
    let numbers: Vec<i64> = of.iter().map(|(.., n)| i64::from(*n)).collect();
    rows(conn, sql, &[&tenants, &names, &numbers]).await
}

fn stored_version(row: &SqlRow) -> Read<VersionKey> {
    let number = u32::try_from(row.get::<_, i64>(2));
    let number = number.map_err(|e| crate::codec::unreadable("a version's number", e))?;
    Ok((tenant(row, 0)?, row.get(1), number))
}

fn contact_head(row: &SqlRow) -> Read<(ContactId, ContactHead)> {
    let key = ContactId {
        case: CaseId::from_bytes(id(row, 0)?),
        seq: seq(row, 1)?,
    };
    let head = ContactHead {
        state: code(row, 2)?,
        fence: count(row, 3),
        tenant: tenant(row, 4)?,
        party: PartyId::from_bytes(id(row, 5)?),
    };
    Ok((key, head))
}

fn answer(row: &SqlRow) -> Read<Answer> {
    Ok(Answer {
        tenant: tenant(row, 0)?,
        request_id: row.get(1),
        fingerprint: id(row, 2)?,
        person: maybe_id(row, 3)?.map(PartyId::from_bytes),
        sealed: Sealed::from_ciphertext(row.get(4)),
        at: instant(row.get(5))?,
    })
}

/// The 16 bytes of an id or keyed hash.
pub(super) fn id(row: &SqlRow, column: usize) -> Read<[u8; 16]> {
    maybe_id(row, column)?
        .ok_or_else(|| crate::codec::unreadable(format!("column {column} of a row"), "no id"))
}

/// As [`id`], where there may be none.
pub(super) fn maybe_id(row: &SqlRow, column: usize) -> Read<Option<[u8; 16]>> {
    let bytes: Option<&[u8]> = row.get(column);
    let id = bytes.map(<[u8; 16]>::try_from).transpose();
    id.map_err(|e| crate::codec::unreadable(format!("column {column} of a row"), e))
}

/// A lender's name.
pub(super) fn tenant(row: &SqlRow, column: usize) -> Read<TenantId> {
    TenantId::new(row.get::<_, String>(column))
        .map_err(|e| crate::codec::unreadable("a lender's name", e))
}

/// A code of one byte.
pub(super) fn code(row: &SqlRow, column: usize) -> Read<u8> {
    u8::try_from(row.get::<_, i16>(column))
        .map_err(|e| crate::codec::unreadable(format!("column {column} of a row"), e))
}

/// A number of a contact.
pub(super) fn seq(row: &SqlRow, column: usize) -> Read<u32> {
    u32::try_from(row.get::<_, i64>(column))
        .map_err(|e| crate::codec::unreadable(format!("column {column} of a row"), e))
}

/// A version, fence or position.
pub(super) fn count(row: &SqlRow, column: usize) -> u64 {
    row.get::<_, i64>(column).cast_unsigned()
}
