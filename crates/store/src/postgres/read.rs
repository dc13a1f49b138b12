//! What is read, row by row.

use super::connect::{Fault, Params, rows};
use super::load::{Unloaded, code, count, id, maybe_id, seq, tenant};
use super::sql;
use crate::codec::{
    self, HasSealed, class, class_code, instant, outcome, plain, snapshot, state, state_code,
    status_code_of, unreadable,
};
use crate::leaf::{Leaf, entry_of};
use crate::tally::{Counts, Tally};
use crate::{
    Answer, CaseFilter, ContactFilter, Facts, JournalFilter, Page, Reach, Read, Recorded, Sought,
    SoughtParty, Standing, StoreStatus,
};
use deadpool_postgres::{GenericClient, Object, Transaction};
use jiff::Timestamp;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::overrides::Override;
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Window;
use recoup_domain::{Case, Party, PastContact};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use tokio_postgres::{IsolationLevel, Row};

/// The result of a read before it is told to whoever asked.
pub(super) type Found<T> = Result<T, Unloaded>;

/// Begins a snapshot; it ends when it is dropped.
pub(super) async fn snapshot_of(conn: &mut Object) -> Found<Transaction<'_>> {
    let begun = conn
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start();
    Ok(begun.await?)
}

/// `LIMIT`, held to what the server can count.
fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A snapshot in the first two columns.
fn value<T: DeserializeOwned + HasSealed>(what: &str, row: &Row) -> Read<T> {
    snapshot(what, row.get(0), row.get(1))
}

pub(super) async fn first<T: DeserializeOwned + HasSealed>(
    conn: &impl GenericClient,
    what: &str,
    sql: &'static str,
    given: Params<'_>,
) -> Found<Option<T>> {
    Ok(all(conn, what, sql, given).await?.into_iter().next())
}

pub(super) async fn all<T: DeserializeOwned + HasSealed>(
    conn: &impl GenericClient,
    what: &str,
    sql: &'static str,
    given: Params<'_>,
) -> Found<Vec<T>> {
    let found = rows(conn, sql, given).await?;
    let values: Read<Vec<T>> = found.iter().map(|row| value(what, row)).collect();
    Ok(values?)
}

/// Values without a sealed part, in the first column.
pub(super) async fn bodies<T: DeserializeOwned>(
    conn: &impl GenericClient,
    what: &str,
    sql: &'static str,
    given: Params<'_>,
) -> Found<Vec<T>> {
    let found = rows(conn, sql, given).await?;
    let values: Read<Vec<T>> = found.iter().map(|row| plain(what, row.get(0))).collect();
    Ok(values?)
}

/// All facts of some cases. Call it in a snapshot.
pub(super) async fn facts(conn: &impl GenericClient, cases: &[CaseId]) -> Found<Vec<Facts>> {
    let position = position(conn).await?;
    let ids: Vec<Vec<u8>> = cases.iter().map(|id| id.to_bytes().to_vec()).collect();
    let found = all::<Case>(conn, "a case", sql::CASES_BY_ID, &[&ids]).await?;
    let found: HashMap<CaseId, Case> = found.into_iter().map(|c| (c.id, c)).collect();
    let borrowers: Vec<Vec<u8>> = found
        .values()
        .map(|c| c.borrower.to_bytes().to_vec())
        .collect();
    let parties = all::<Party>(conn, "a party", sql::PARTIES_BY_ID, &[&borrowers]).await?;
    let parties: HashMap<PartyId, Party> = parties.into_iter().map(|p| (p.id, p)).collect();
    let mut past = past_of(conn, &found).await?;
    let mut lenders = HashMap::new();
    for case in found.values() {
        if !lenders.contains_key(&case.tenant) {
            let told = approved(conn, &case.tenant).await?;
            lenders.insert(case.tenant.clone(), told);
        }
    }
    let mut out = Vec::with_capacity(found.len());
    for id in cases {
        let Some(case) = found.get(id).cloned() else {
            continue;
        };
        let borrower = parties.get(&case.borrower).cloned();
        let borrower = borrower
            .ok_or_else(|| unreadable(format!("the borrower of {id}"), "there is no such party"))?;
        let whose = (case.tenant.clone(), case.borrower);
        let (overrides_version, overrides) = lenders.get(&case.tenant).cloned().unwrap_or_default();
        out.push(Facts {
            overrides: overrides.into_iter().filter(|o| o.covers(*id)).collect(),
            overrides_version,
            borrower,
            contacts: past.entry(whose).or_default().clone(),
            position,
            case,
        });
    }
    Ok(out)
}

type Past = HashMap<(TenantId, PartyId), Vec<PastContact>>;

async fn past_of(conn: &impl GenericClient, cases: &HashMap<CaseId, Case>) -> Found<Past> {
    let mut whose: Vec<(&str, PartyId)> = cases
        .values()
        .map(|c| (c.tenant.as_str(), c.borrower))
        .collect();
    whose.sort_unstable();
    whose.dedup();
    let tenants: Vec<&str> = whose.iter().map(|(tenant, _)| *tenant).collect();
    let parties: Vec<Vec<u8>> = whose.iter().map(|(_, p)| p.to_bytes().to_vec()).collect();
    let mut past = Past::new();
    for row in rows(conn, sql::PAST, &[&tenants, &parties]).await? {
        let party = PartyId::from_bytes(id(&row, 11)?);
        let key = (tenant(&row, 12)?, party);
        past.entry(key)
            .or_default()
            .push(past_contact(&row, party)?);
    }
    Ok(past)
}

/// A lender's approved overrides that have not ended, and how many times its overrides were written.
pub(super) async fn approved(
    conn: &impl GenericClient,
    tenant: &TenantId,
) -> Found<(u64, Vec<Override>)> {
    let key = tenant.as_str();
    let version = rows(conn, sql::OVERRIDES_VERSION, &[&key]).await?;
    let Some(version) = version.first().map(|row| count(row, 0)) else {
        return Ok((0, Vec::new()));
    };
    let overrides = all(conn, "an override", sql::OVERRIDES_APPROVED, &[&key]).await?;
    Ok((version, overrides))
}

fn maybe_code(row: &Row, column: usize) -> Read<Option<u8>> {
    let code = row.get::<_, Option<i16>>(column).map(u8::try_from);
    code.transpose()
        .map_err(|e| unreadable(format!("column {column} of a row"), e))
}

fn past_contact(row: &Row, party: PartyId) -> Read<PastContact> {
    let case = CaseId::from_bytes(id(row, 0)?);
    Ok(PastContact {
        id: Some(ContactId {
            case,
            seq: seq(row, 1)?,
        }),
        at: instant(row.get(5))?,
        effect: Window {
            from: instant(row.get(6))?,
            to: instant(row.get(7))?,
        },
        class: class(code(row, 2)?)?,
        direction: Direction::Outbound,
        debt: case,
        more_debts: Box::default(),
        party,
        point: maybe_id(row, 8)?.map(KeyedHash),
        outcome: maybe_code(row, 4)?.map(outcome).transpose()?,
        state: Some(state(code(row, 3)?)?),
        place: maybe_code(row, 9)?.zip(maybe_code(row, 10)?),
    })
}

pub(super) async fn position(conn: &impl GenericClient) -> Found<u64> {
    let found = rows(conn, sql::POSITION, &[]).await?;
    Ok(found.first().map_or(0, |row| count(row, 0)))
}

pub(super) async fn case_by_ref(
    conn: &impl GenericClient,
    tenant: &TenantId,
    key: KeyedHash,
) -> Found<Option<Case>> {
    let (tenant, key) = (tenant.as_str(), &key.0[..]);
    let open = first(conn, "a case", sql::CASE_OPEN_OF_REF, &[&tenant, &key]).await?;
    if open.is_some() {
        return Ok(open);
    }
    first(conn, "a case", sql::CASE_CLOSED_OF_REF, &[&tenant, &key]).await
}

/// What stands already of cases that are to be opened. Call it in a snapshot.
pub(super) async fn standing(conn: &impl GenericClient, sought: &[Sought]) -> Found<Vec<Standing>> {
    let mut out = Vec::with_capacity(sought.len());
    for sought in sought {
        let (tenant, loan) = (sought.tenant.as_str(), &sought.case_ref.0[..]);
        let case = first(conn, "a case", sql::CASE_OPEN_OF_REF, &[&tenant, &loan]).await?;
        let borrower: Option<Party> = match sought.borrower {
            SoughtParty::Id(id) => {
                let id = id.to_bytes();
                first(conn, "a party", sql::PARTY_OF, &[&&id[..], &tenant]).await?
            }
            SoughtParty::Reference(key) => {
                first(conn, "a party", sql::PARTY_BY_REF, &[&tenant, &&key.0[..]]).await?
            }
        };
        let others = match &borrower {
            Some(party) => open_cases_of(conn, &sought.tenant, party.id).await?,
            None => Vec::new(),
        };
        out.push(Standing {
            case,
            borrower,
            others,
        });
    }
    Ok(out)
}

pub(super) async fn open_cases_of(
    conn: &impl GenericClient,
    tenant: &TenantId,
    party: PartyId,
) -> Found<Vec<Case>> {
    let (party, tenant) = (party.to_bytes(), tenant.as_str());
    all(conn, "a case", sql::CASES_OPEN_OF, &[&&party[..], &tenant]).await
}

pub(super) async fn cases(
    conn: &impl GenericClient,
    tenant: &TenantId,
    filter: &CaseFilter,
    after: Option<CaseId>,
    wanted: usize,
) -> Found<Page<Case>> {
    let status = match filter.status.as_deref().map(status_code_of) {
        Some(None) => return Ok(page(Vec::new(), wanted)),
        known => known.flatten().map(i16::from),
    };
    let tenant = tenant.as_str();
    // Ids are UUIDs of version 7: all zeros is before the first.
    let after = after.map_or([0; 16], CaseId::to_bytes);
    let after = &after[..];
    let (stage, more) = (filter.stage.map(i16::from), limit(wanted.saturating_add(1)));
    let what = "a case";
    let found = match filter.borrower {
        Some(borrower) => {
            let (borrower, worklist) = (borrower.to_bytes(), filter.on_worklist);
            let borrower = &borrower[..];
            let given: Params<'_> = &[
                &tenant, &after, &status, &stage, &more, &borrower, &worklist,
            ];
            all(conn, what, sql::CASES_OF_BORROWER, given).await?
        }
        None => {
            let sql = if filter.on_worklist {
                sql::CASES_ON_WORKLIST
            } else {
                sql::CASES
            };
            all(conn, what, sql, &[&tenant, &after, &status, &stage, &more]).await?
        }
    };
    Ok(page(found, wanted))
}

pub(super) async fn contacts(
    conn: &impl GenericClient,
    tenant: &TenantId,
    filter: &ContactFilter,
    after: Option<ContactId>,
    wanted: usize,
) -> Found<Page<Contact>> {
    let tenant = tenant.as_str();
    let (case, seq) = after.map_or(([0; 16], 0), |id| (id.case.to_bytes(), i64::from(id.seq)));
    let party = filter.party.map(|id| id.to_bytes().to_vec());
    let state = filter.state.map(|s| i16::from(state_code(s)));
    let class = filter.class.map(|c| i16::from(class_code(c)));
    let (more, what) = (limit(wanted.saturating_add(1)), "a contact");
    let found = if let Some(sought) = filter.case.map(CaseId::to_bytes) {
        let seq = match sought.cmp(&case) {
            std::cmp::Ordering::Less => return Ok(page(Vec::new(), wanted)),
            std::cmp::Ordering::Equal => seq,
            std::cmp::Ordering::Greater => 0,
        };
        let sought = &sought[..];
        let given: Params<'_> = &[&sought, &tenant, &seq, &party, &state, &class, &more];
        all(conn, what, sql::CONTACTS_OF_CASE, given).await?
    } else if let Some(party) = party {
        let case = &case[..];
        let given: Params<'_> = &[&party, &tenant, &case, &seq, &state, &class, &more];
        all(conn, what, sql::CONTACTS_OF_PARTY, given).await?
    } else {
        let case = &case[..];
        let given: Params<'_> = &[&tenant, &case, &seq, &state, &class, &more];
        all(conn, what, sql::CONTACTS, given).await?
    };
    Ok(page(found, wanted))
}

/// A page of the open cases that are pinned to a policy version.
pub(super) async fn cases_pinned(
    conn: &impl GenericClient,
    tenant: &TenantId,
    (name, version): (&str, i64),
    after: Option<CaseId>,
    wanted: usize,
) -> Found<Page<Case>> {
    let (tenant, more) = (tenant.as_str(), limit(wanted.saturating_add(1)));
    let after = after.map_or([0; 16], CaseId::to_bytes);
    let given: Params<'_> = &[&tenant, &name, &version, &&after[..], &more];
    let found = all(conn, "a case", sql::CASES_OF_POLICY, given).await?;
    Ok(page(found, wanted))
}

const fn is_open(state: ContactState) -> bool {
    use ContactState as S;
    matches!(
        state,
        S::Planned | S::Dispatching | S::Unknown | S::Cancelling | S::CancelUnknown
    )
}

pub(super) async fn contacts_in(
    conn: &impl GenericClient,
    state: ContactState,
    wanted: usize,
) -> Found<Vec<Contact>> {
    let sql = if is_open(state) {
        sql::CONTACTS_OPEN_IN
    } else {
        sql::CONTACTS_IN
    };
    let (state, wanted) = (i16::from(state_code(state)), limit(wanted));
    all(conn, "a contact", sql, &[&state, &wanted]).await
}

/// Contacts in an open state whose process is gone.
pub(super) async fn contacts_left_in(
    conn: &impl GenericClient,
    state: ContactState,
    wanted: usize,
) -> Found<Vec<Contact>> {
    let (state, wanted) = (i16::from(state_code(state)), limit(wanted));
    all(conn, "a contact", sql::CONTACTS_LEFT, &[&state, &wanted]).await
}

fn page<T>(mut rows: Vec<T>, limit: usize) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, more }
}

pub(super) async fn journal(
    conn: &impl GenericClient,
    filter: &JournalFilter,
    after: u64,
    wanted: usize,
) -> Found<Vec<Recorded>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let wanted = limit(wanted);
    let tenant = filter.tenant.as_ref().map(TenantId::as_str);
    let party = filter.party.map(|id| id.to_bytes().to_vec());
    let found = if let Some(case) = filter.case.map(CaseId::to_bytes) {
        let case = &case[..];
        let given: Params<'_> = &[&after, &wanted, &tenant, &case, &party];
        rows(conn, sql::JOURNAL_OF_CASE, given).await?
    } else if let Some(party) = party {
        rows(
            conn,
            sql::JOURNAL_OF_PARTY,
            &[&after, &wanted, &tenant, &party],
        )
        .await?
    } else if let Some(tenant) = tenant {
        rows(conn, sql::JOURNAL_OF_TENANT, &[&after, &wanted, &tenant]).await?
    } else {
        rows(conn, sql::JOURNAL, &[&after, &wanted]).await?
    };
    let entries: Read<Vec<Recorded>> = found.iter().map(recorded).collect();
    Ok(entries?)
}

fn recorded(row: &Row) -> Read<Recorded> {
    let position = count(row, 0);
    let entry = entry_of(
        tenant(row, 1)?,
        row.get(2),
        row.get(3),
        row.get(4),
        row.get(5),
    );
    Ok(Recorded {
        position,
        entry: entry.map_err(|e| unreadable(format!("journal entry {position}"), e))?,
    })
}

pub(super) async fn leaves(
    conn: &impl GenericClient,
    after: u64,
    wanted: usize,
) -> Found<Vec<Leaf>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let found = rows(conn, sql::LEAVES, &[&after, &limit(wanted)]).await?;
    let leaf = |row: &Row| {
        let hash: &[u8] = row.get(1);
        Ok(Leaf {
            position: count(row, 0),
            hash: hash
                .try_into()
                .map_err(|e| unreadable("an audit leaf", e))?,
        })
    };
    let leaves: Read<Vec<Leaf>> = found.iter().map(leaf).collect();
    Ok(leaves?)
}

pub(super) async fn answer(
    conn: &impl GenericClient,
    tenant: &TenantId,
    request_id: &str,
) -> Found<Option<Answer>> {
    let found = rows(conn, sql::REQUEST_GET, &[&tenant.as_str(), &request_id]).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    Ok(Some(Answer {
        tenant: tenant.clone(),
        request_id: request_id.to_owned(),
        fingerprint: id(row, 0)?,
        person: maybe_id(row, 1)?.map(PartyId::from_bytes),
        sealed: Sealed::from_ciphertext(row.get(2)),
        at: instant(row.get(3))?,
    }))
}

/// All facts of some cases, and when each is due next. Call it in a snapshot.
pub(super) async fn shown(
    conn: &impl GenericClient,
    cases: &[CaseId],
) -> Found<Vec<(Facts, Option<Timestamp>)>> {
    let ids: Vec<Vec<u8>> = cases.iter().map(|id| id.to_bytes().to_vec()).collect();
    let mut due = HashMap::new();
    for row in rows(conn, sql::SCHED_OF, &[&ids]).await? {
        due.insert(CaseId::from_bytes(id(&row, 0)?), instant(row.get(1))?);
    }
    let facts = facts(conn, cases).await?;
    let with_due = |facts: Facts| {
        let at = due.get(&facts.case.id).copied();
        (facts, at)
    };
    Ok(facts.into_iter().map(with_due).collect())
}

pub(super) async fn number(
    conn: &impl GenericClient,
    sql: &'static str,
    given: Params<'_>,
) -> Found<u64> {
    let found = rows(conn, sql, given).await?;
    Ok(found.first().map_or(0, |row| count(row, 0)))
}

/// As whom the borrowers of open cases are reached.
pub(super) async fn reaches(
    conn: &impl GenericClient,
    tenant: &str,
    limit: i64,
) -> Found<Vec<Reach>> {
    let found = rows(conn, sql::REACH, &[&tenant, &limit]).await?;
    Ok(found.iter().map(|row| codec::reach(row.get(0))).collect())
}

/// The first instant of a list of them.
pub(super) async fn instant_of(
    conn: &impl GenericClient,
    sql: &'static str,
    given: Params<'_>,
) -> Found<Option<Timestamp>> {
    let found = rows(conn, sql, given).await?;
    let first = found.first().map(|row| instant(row.get(0)));
    Ok(first.transpose()?)
}

/// A lender's counts. Call it in a snapshot.
pub(super) async fn status(
    conn: &impl GenericClient,
    tenant: &TenantId,
    now_us: i64,
) -> Found<StoreStatus> {
    let key = tenant.as_str();
    let counts = counts(conn, tenant).await?;
    Ok(StoreStatus {
        cases: counts.cases(),
        contacts: counts.contacts(),
        worklist: number(conn, sql::CASES_WAITING, &[&key]).await?,
        due: number(conn, sql::DUE_COUNT, &[&now_us, &key]).await?,
        next_due: instant_of(conn, sql::NEXT_DUE_OF, &[&key]).await?,
        position: position(conn).await?,
    })
}

async fn counts(conn: &impl GenericClient, of: &TenantId) -> Found<Counts> {
    let mut tally = Tally::default();
    let found = rows(conn, sql::TALLY_OF, &[&of.as_str()]).await?;
    let row = |r: &Row| (of.clone(), r.get(1), r.get(2), r.get(3));
    tally.replace(found.iter().map(row));
    Ok(tally.of(of))
}

/// Leases on what is due, by their fences; of so many seconds, to a process.
pub(super) async fn claim(
    conn: &impl GenericClient,
    now_us: i64,
    (seconds, owner): (f64, i64),
    wanted: usize,
) -> Found<Vec<crate::Claim>> {
    let given: Params<'_> = &[&now_us, &limit(wanted), &seconds, &owner];
    let mut claims = Vec::new();
    for row in rows(conn, sql::CLAIM, given).await? {
        claims.push(crate::Claim {
            case: CaseId::from_bytes(id(&row, 0)?),
            fence: count(&row, 2),
            due: instant(row.get(1))?,
        });
    }
    claims.sort_unstable_by_key(|c| c.fence);
    Ok(claims)
}

/// The store's error of a read.
pub(super) fn told(why: Unloaded) -> crate::StoreError {
    match why {
        Unloaded::Fault(fault) => fault.told("reading"),
        Unloaded::Unreadable(error) => error,
    }
}

/// Whether a read may succeed on another connection.
pub(super) const fn is_away(why: &Unloaded) -> bool {
    matches!(why, Unloaded::Fault(Fault::Away(_) | Fault::InTheWay(_)))
}
