//! What is read, row by row.

use super::pool::{Reader, failed};
use super::sql;
use crate::codec::{
    self, class, class_code, instant, outcome, plain, snapshot, state, state_code, status_code_of,
    unreadable,
};
use crate::leaf::{Leaf, entry_of};
use crate::{
    Answer, CaseFilter, ContactFilter, Facts, JournalFilter, Page, Reach, Read, Recorded, Sought,
    SoughtParty, Standing,
};
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId, TenantId};
use recoup_domain::overrides::Override;
use recoup_domain::past::Direction;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Window;
use recoup_domain::{Case, Party, PastContact};
use rusqlite::types::FromSql;
use rusqlite::{Params, Row, params};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub(super) fn get<T: FromSql>(row: &Row<'_>, column: usize) -> Read<T> {
    row.get(column)
        .map_err(|e| unreadable(format!("column {column} of a row"), e))
}

/// `LIMIT`, held to what SQLite can count.
fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A snapshot in the first two columns.
fn value<T: DeserializeOwned + codec::HasSealed>(what: &str, row: &Row<'_>) -> Read<T> {
    let body = row.get_ref(0).and_then(|v| Ok(v.as_blob()?));
    let body = body.map_err(|e| unreadable(what, e))?;
    snapshot(what, body, get(row, 1)?)
}

pub(super) fn first<T: DeserializeOwned + codec::HasSealed>(
    r: &Reader,
    what: &str,
    sql: &'static str,
    params: impl Params,
) -> Read<Option<T>> {
    Ok(all(r, what, sql, params)?.into_iter().next())
}

pub(super) fn all<T: DeserializeOwned + codec::HasSealed>(
    r: &Reader,
    what: &str,
    sql: &'static str,
    params: impl Params,
) -> Read<Vec<T>> {
    r.all(sql, params, |row| value(what, row))
}

/// Values without a sealed part, in the first column.
pub(super) fn bodies<T: DeserializeOwned>(
    r: &Reader,
    what: &str,
    sql: &'static str,
    params: impl Params,
) -> Read<Vec<T>> {
    r.all(sql, params, |row| plain(what, &get::<Vec<u8>>(row, 0)?))
}

/// All facts of some cases. Call it in a snapshot.
pub(super) fn facts(r: &Reader, cases: &[CaseId]) -> Read<Vec<Facts>> {
    let position = position(r)?;
    let mut lenders = HashMap::new();
    let mut out = Vec::with_capacity(cases.len());
    for id in cases {
        let Some(case) = first::<Case>(r, "a case", sql::CASE_BY_ID, [id.to_bytes()])? else {
            continue;
        };
        let key = [case.borrower.to_bytes()];
        let borrower = first::<Party>(r, "a party", sql::PARTY_BY_ID, key)?;
        let borrower = borrower
            .ok_or_else(|| unreadable(format!("the borrower of {id}"), "there is no such party"))?;
        let whose = params![case.borrower.to_bytes(), case.tenant.as_str()];
        let contacts = r.all(sql::PAST, whose, |row| past(row, case.borrower))?;
        let told = match lenders.entry(case.tenant.clone()) {
            Entry::Occupied(told) => told.into_mut(),
            Entry::Vacant(place) => place.insert(approved(r, &case.tenant)?),
        };
        let (overrides_version, overrides) = &*told;
        let about = overrides.iter().filter(|o| o.covers(*id)).cloned();
        out.push(Facts {
            overrides: about.collect(),
            overrides_version: *overrides_version,
            case,
            borrower,
            contacts,
            position,
        });
    }
    Ok(out)
}

/// A lender's approved overrides that have not ended, and how many times its overrides were written.
pub(super) fn approved(r: &Reader, tenant: &TenantId) -> Read<(u64, Vec<Override>)> {
    let key = [tenant.as_str()];
    let version = r.one(sql::OVERRIDES_VERSION, key, |row| row.get::<_, i64>(0))?;
    let Some(version) = version else {
        return Ok((0, Vec::new()));
    };
    let overrides = all(r, "an override", sql::OVERRIDES_APPROVED, key)?;
    Ok((version.cast_unsigned(), overrides))
}

fn past(row: &Row<'_>, party: PartyId) -> Read<PastContact> {
    let case = CaseId::from_bytes(get(row, 0)?);
    let stage: Option<u8> = get(row, 9)?;
    let step: Option<u8> = get(row, 10)?;
    Ok(PastContact {
        id: Some(ContactId {
            case,
            seq: get(row, 1)?,
        }),
        at: instant(get(row, 5)?)?,
        effect: Window {
            from: instant(get(row, 6)?)?,
            to: instant(get(row, 7)?)?,
        },
        class: class(get(row, 2)?)?,
        direction: Direction::Outbound,
        debt: case,
        more_debts: Box::default(),
        party,
        point: get::<Option<[u8; 16]>>(row, 8)?.map(KeyedHash),
        outcome: get::<Option<u8>>(row, 4)?.map(outcome).transpose()?,
        state: Some(state(get(row, 3)?)?),
        place: stage.zip(step),
    })
}

pub(super) fn position(r: &Reader) -> Read<u64> {
    let newest = r.one(sql::POSITION, [], |row| row.get::<_, i64>(0))?;
    Ok(newest.unwrap_or(0).cast_unsigned())
}

pub(super) fn case_by_ref(r: &Reader, tenant: &TenantId, key: KeyedHash) -> Read<Option<Case>> {
    let loan = params![tenant.as_str(), key.0];
    if let Some(open) = first(r, "a case", sql::CASE_OPEN_OF_REF, loan)? {
        return Ok(Some(open));
    }
    first(r, "a case", sql::CASE_CLOSED_OF_REF, loan)
}

/// What stands already of cases that are to be opened. Call it in a snapshot.
pub(super) fn standing(r: &Reader, sought: &[Sought]) -> Read<Vec<Standing>> {
    let of = |sought: &Sought| {
        let tenant = sought.tenant.as_str();
        let loan = params![tenant, sought.case_ref.0];
        let case = first(r, "a case", sql::CASE_OPEN_OF_REF, loan)?;
        let borrower: Option<Party> = match sought.borrower {
            SoughtParty::Id(id) => {
                first(r, "a party", sql::PARTY_OF, params![id.to_bytes(), tenant])?
            }
            SoughtParty::Reference(key) => {
                first(r, "a party", sql::PARTY_BY_REF, params![tenant, key.0])?
            }
        };
        let others = match &borrower {
            Some(party) => open_cases_of(r, &sought.tenant, party.id)?,
            None => Vec::new(),
        };
        Ok(Standing {
            case,
            borrower,
            others,
        })
    };
    sought.iter().map(of).collect()
}

pub(super) fn open_cases_of(r: &Reader, tenant: &TenantId, party: PartyId) -> Read<Vec<Case>> {
    let whose = params![party.to_bytes(), tenant.as_str()];
    all(r, "a case", sql::CASES_OPEN_OF, whose)
}

pub(super) fn cases(
    r: &Reader,
    tenant: &TenantId,
    filter: &CaseFilter,
    after: Option<CaseId>,
    rows: usize,
) -> Read<Page<Case>> {
    let status = match filter.status.as_deref().map(status_code_of) {
        Some(None) => return Ok(page(Vec::new(), rows)),
        known => known.flatten(),
    };
    let tenant = tenant.as_str();
    // Ids are UUIDs of version 7: all zeros is before the first.
    let after = after.map_or([0; 16], CaseId::to_bytes);
    let (stage, more) = (filter.stage, limit(rows.saturating_add(1)));
    let what = "a case";
    let found = match filter.borrower {
        Some(borrower) => {
            let (borrower, worklist) = (borrower.to_bytes(), filter.on_worklist);
            let given = params![tenant, after, status, stage, more, borrower, worklist];
            all(r, what, sql::CASES_OF_BORROWER, given)?
        }
        None if filter.on_worklist => {
            let given = params![tenant, after, status, stage, more];
            all(r, what, sql::CASES_ON_WORKLIST, given)?
        }
        None => all(
            r,
            what,
            sql::CASES,
            params![tenant, after, status, stage, more],
        )?,
    };
    Ok(page(found, rows))
}

pub(super) fn contacts(
    r: &Reader,
    tenant: &TenantId,
    filter: &ContactFilter,
    after: Option<ContactId>,
    rows: usize,
) -> Read<Page<Contact>> {
    let tenant = tenant.as_str();
    let (case, seq) = after.map_or(([0; 16], 0), |id| (id.case.to_bytes(), id.seq));
    let party = filter.party.map(PartyId::to_bytes);
    let (state, class) = (filter.state.map(state_code), filter.class.map(class_code));
    let (more, what) = (limit(rows.saturating_add(1)), "a contact");
    let found = if let Some(wanted) = filter.case.map(CaseId::to_bytes) {
        let seq = match wanted.cmp(&case) {
            std::cmp::Ordering::Less => return Ok(page(Vec::new(), rows)),
            std::cmp::Ordering::Equal => seq,
            std::cmp::Ordering::Greater => 0,
        };
        let given = params![wanted, tenant, seq, party, state, class, more];
        all(r, what, sql::CONTACTS_OF_CASE, given)?
    } else if let Some(party) = party {
        let given = params![party, tenant, case, seq, state, class, more];
        all(r, what, sql::CONTACTS_OF_PARTY, given)?
    } else {
        let given = params![tenant, case, seq, state, class, more];
        all(r, what, sql::CONTACTS, given)?
    };
    Ok(page(found, rows))
}

pub(super) fn contacts_in(r: &Reader, state: ContactState, rows: usize) -> Read<Vec<Contact>> {
    use ContactState as S;
    let sql = match state {
        S::Planned | S::Dispatching | S::Unknown | S::Cancelling | S::CancelUnknown => {
            sql::CONTACTS_OPEN_IN
        }
        _ => sql::CONTACTS_IN,
    };
    all(r, "a contact", sql, params![state_code(state), limit(rows)])
}

fn page<T>(mut rows: Vec<T>, limit: usize) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    Page { rows, more }
}

pub(super) fn journal(
    r: &Reader,
    filter: &JournalFilter,
    after: u64,
    rows: usize,
) -> Read<Vec<Recorded>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = limit(rows);
    let tenant = filter.tenant.as_ref().map(TenantId::as_str);
    let party = filter.party.map(PartyId::to_bytes);
    if let Some(case) = filter.case.map(CaseId::to_bytes) {
        let given = params![after, rows, tenant, case, party];
        return r.all(sql::JOURNAL_OF_CASE, given, recorded);
    }
    if let Some(party) = party {
        let given = params![after, rows, tenant, party];
        return r.all(sql::JOURNAL_OF_PARTY, given, recorded);
    }
    match tenant {
        Some(tenant) => r.all(
            sql::JOURNAL_OF_TENANT,
            params![after, rows, tenant],
            recorded,
        ),
        None => r.all(sql::JOURNAL, params![after, rows], recorded),
    }
}

fn recorded(row: &Row<'_>) -> Read<Recorded> {
    let position = get::<i64>(row, 0)?.cast_unsigned();
    let unfit = |e: Box<dyn std::error::Error + Send + Sync>| {
        unreadable(format!("journal entry {position}"), e)
    };
    let tenant = TenantId::new(get::<String>(row, 1)?).map_err(|e| unfit(e.into()))?;
    let body: Vec<u8> = get(row, 3)?;
    let entry = entry_of(tenant, get(row, 2)?, &body, get(row, 4)?, get(row, 5)?);
    Ok(Recorded {
        position,
        entry: entry.map_err(|e| unfit(e.into()))?,
    })
}

pub(super) fn leaves(r: &Reader, after: u64, rows: usize) -> Read<Vec<Leaf>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    r.all(sql::LEAVES, params![after, limit(rows)], |row| {
        Ok(Leaf {
            position: get::<i64>(row, 0)?.cast_unsigned(),
            hash: get(row, 1)?,
        })
    })
}

/// A value of the store itself, by its name.
pub(super) fn meta(r: &Reader, name: &str) -> Read<Option<String>> {
    r.one(sql::META_GET, [name], |row| row.get(0))
}

pub(super) fn party_key(r: &Reader, party: PartyId) -> Read<Option<Vec<u8>>> {
    super::pool::one(&r.keys, sql::KEY_GET, [party.to_bytes()], |row| row.get(0))
}

pub(super) fn answer(r: &Reader, tenant: &TenantId, request_id: &str) -> Read<Option<Answer>> {
    let key = params![tenant.as_str(), request_id];
    let found = r.all(sql::REQUEST_GET, key, |row| {
        Ok(Answer {
            tenant: tenant.clone(),
            request_id: request_id.to_owned(),
            fingerprint: get(row, 0)?,
            person: get::<Option<[u8; 16]>>(row, 1)?.map(PartyId::from_bytes),
            sealed: Sealed::from_ciphertext(get(row, 2)?),
            at: instant(get(row, 3)?)?,
        })
    })?;
    Ok(found.into_iter().next())
}

/// Rows that are due at or before `until`, the longest due first.
pub(super) fn due(r: &Reader, until: i64, rows: usize) -> Read<Vec<(CaseId, jiff::Timestamp)>> {
    r.all(sql::DUE, params![until, limit(rows)], schedule)
}

/// The first rows of the schedule, due or not.
pub(super) fn next_due(r: &Reader, rows: usize) -> Read<Vec<(CaseId, jiff::Timestamp)>> {
    r.all(sql::NEXT_DUE, params![limit(rows)], schedule)
}

/// All facts of some cases, and when each is due next. Call it in a snapshot.
pub(super) fn shown(r: &Reader, cases: &[CaseId]) -> Read<Vec<(Facts, Option<jiff::Timestamp>)>> {
    let of = |facts: Facts| {
        let due = r.all(sql::SCHED_OF, [facts.case.id.to_bytes()], schedule)?;
        Ok((facts, due.first().map(|(_, at)| *at)))
    };
    facts(r, cases)?.into_iter().map(of).collect()
}

fn schedule(row: &Row<'_>) -> Read<(CaseId, jiff::Timestamp)> {
    Ok((CaseId::from_bytes(get(row, 0)?), instant(get(row, 1)?)?))
}

/// Cases of a lender that are due at or before `until`.
pub(super) fn due_count(r: &Reader, tenant: &TenantId, until: i64) -> Read<u64> {
    count(r, sql::DUE_COUNT, params![until, tenant.as_str()])
}

/// Cases of a lender that wait for a person.
pub(super) fn waiting_count(r: &Reader, tenant: &TenantId) -> Read<u64> {
    count(r, sql::CASES_WAITING, [tenant.as_str()])
}

/// When a case of a lender is due next.
pub(super) fn next_due_of(r: &Reader, tenant: &TenantId) -> Read<Option<jiff::Timestamp>> {
    let first = r.all(sql::NEXT_DUE_OF, [tenant.as_str()], schedule)?;
    Ok(first.first().map(|(_, due)| *due))
}

/// Open cases pinned to a policy version.
pub(super) fn pinned(r: &Reader, tenant: &TenantId, name: &str, version: u32) -> Read<u64> {
    count(
        r,
        sql::CASES_PINNED,
        params![tenant.as_str(), name, version],
    )
}

/// As whom the borrowers of open cases are reached.
pub(super) fn reaches(r: &Reader, tenant: &TenantId, rows: usize) -> Read<Vec<Reach>> {
    let asked = params![tenant.as_str(), limit(rows)];
    r.all(sql::REACH, asked, |row| {
        Ok(codec::reach(&get::<String>(row, 0)?))
    })
}

/// A page of them.
pub(super) fn cases_pinned(
    r: &Reader,
    tenant: &TenantId,
    (name, version): (&str, u32),
    after: Option<CaseId>,
    rows: usize,
) -> Read<Page<Case>> {
    let after = after.map_or([0; 16], CaseId::to_bytes);
    let more = limit(rows.saturating_add(1));
    let asked = params![tenant.as_str(), name, version, after, more];
    let found = all(r, "a case", sql::CASES_OF_POLICY, asked)?;
    Ok(page(found, rows))
}

fn count(r: &Reader, sql: &'static str, params: impl Params) -> Read<u64> {
    let mut count = r.main.prepare_cached(sql).map_err(failed)?;
    let n: i64 = count.query_row(params, |row| row.get(0)).map_err(failed)?;
    Ok(n.cast_unsigned())
}
