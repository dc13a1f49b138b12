//! One change, applied inside the writer's transaction: what it assumes is checked first, then it is
//! written. A change that is refused has written nothing.

use super::leases::{Leases, Touched};
use super::sql;
use crate::codec::{
    CaseRow, ContactRow, EntryRow, PartyRow, Prepared, Row, VersionRow, channel_scope, state,
    state_code, tenant_scope,
};
use crate::figures::Fact;
use crate::leaf::from_micros;
use crate::rules::{CLOSED, may_follow, may_go};
use crate::tally::Moves;
use crate::{Answer, CommitError, Committed, Guard, StoreError};
use recoup_domain::ids::{PartyId, TenantId};
use recoup_domain::sealed::Sealed;
use rusqlite::{Connection, OptionalExtension, Params, Row as SqlRow, params};
use std::sync::{Mutex, PoisonError};

/// Why a change was not applied: it was refused, or the database failed.
pub(super) enum Fault {
    Refused(CommitError),
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Failed(e)
    }
}

impl From<CommitError> for Fault {
    fn from(e: CommitError) -> Self {
        Self::Refused(e)
    }
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        Self::Refused(e.into())
    }
}

type Done<T = ()> = Result<T, Fault>;

/// What a batch has done so far besides the rows.
pub(super) struct Batch<'a> {
    conn: &'a Connection,
    leases: &'a Mutex<Leases>,
    pub(super) touched: Touched,
    pub(super) keys: Vec<(PartyId, Vec<u8>)>,
    pub(super) moves: Moves,
    pub(super) facts: Vec<Fact>,
    pub(super) position: u64,
    pub(super) applied: usize,
}

/// The row that stands where a write goes; none where there is none.
enum Found {
    New,
    Case {
        old_status: u8,
    },
    Party {
        old_points: Vec<u8>,
        old_reach: String,
    },
    Contact {
        rowid: i64,
        old_state: u8,
    },
}

struct ContactHead {
    rowid: i64,
    state: u8,
    fence: i64,
    tenant: String,
    party: [u8; 16],
}

impl<'a> Batch<'a> {
    pub(super) fn new(conn: &'a Connection, leases: &'a Mutex<Leases>, position: u64) -> Self {
        Self {
            conn,
            leases,
            touched: Touched::default(),
            keys: Vec::new(),
            moves: Moves::default(),
            facts: Vec::new(),
            position,
            applied: 0,
        }
    }

    /// Applies a change whole or not at all.
    pub(super) fn apply(&mut self, change: &Prepared) -> Done<Committed> {
        if let Some(answer) = &change.answer {
            self.must_be_unanswered(answer)?;
        }
        for guard in &change.guards {
            self.must_hold(guard)?;
        }
        let moves = if change.may_conflict {
            self.write_one_by_one(&change.rows)?
        } else {
            self.write_checked(&change.rows, &change.guards)?
        };
        for entry in &change.entries {
            self.record(entry)?;
        }
        if let Some(answer) = &change.answer {
            self.keep_answer(answer)?;
        }
        self.note(&change.rows, moves);
        self.facts.extend_from_slice(&change.facts);
        Ok(Committed {
            position: self.position,
        })
    }

    /// Rows that cannot get in each other's way: all checks first, so no savepoint is needed. What the guards have
    /// found free is not looked for again.
    fn write_checked(&self, rows: &[Row], guards: &[Guard]) -> Done<Moves> {
        let found = rows
            .iter()
            .map(|row| self.find(row, guards))
            .collect::<Done<Vec<_>>>()?;
        let mut moves = Moves::default();
        for (row, found) in rows.iter().zip(found) {
            self.write(row, &found, &mut moves)?;
        }
        Ok(moves)
    }

    /// Rows of which one may take the place of another: checked as they are written.
    fn write_one_by_one(&self, rows: &[Row]) -> Done<Moves> {
        let mut moves = Moves::default();
        self.conn.prepare_cached(sql::SAVE)?.execute([])?;
        for row in rows {
            // What a guard found free may be taken by the row before.
            let done = match self.find(row, &[]) {
                Ok(found) => self.write(row, &found, &mut moves),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = done {
                self.conn.prepare_cached(sql::SAVE_UNDO)?.execute([])?;
                self.conn.prepare_cached(sql::SAVE_END)?.execute([])?;
                return Err(fault);
            }
        }
        self.conn.prepare_cached(sql::SAVE_END)?.execute([])?;
        Ok(moves)
    }

    /// Keeps what takes effect with the commit.
    fn note(&mut self, rows: &[Row], moves: Moves) {
        self.applied += 1;
        self.moves.add(moves);
        for row in rows {
            match row {
                Row::PartyKey(party, wrapped) => self.keys.push((*party, wrapped.clone())),
                Row::Schedule(case, _) => self.touched.end(*case),
                _ => {}
            }
        }
    }

    fn one<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.conn
            .prepare_cached(sql)?
            .query_row(params, read)
            .optional()
    }

    fn put(&self, sql: &'static str, params: impl Params) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute(params).map(drop)
    }

    fn must_be_unanswered(&self, asked: &Answer) -> Done {
        let known = self.one(
            sql::REQUEST_GET,
            params![asked.tenant.as_str(), asked.request_id],
            |r| {
                let fingerprint = r.get::<_, [u8; 16]>(0)?;
                let person = r.get::<_, Option<[u8; 16]>>(1)?;
                Ok((fingerprint, person, r.get(2)?, r.get(3)?))
            },
        )?;
        match known {
            None => Ok(()),
            Some((fingerprint, person, sealed, at)) if fingerprint == asked.fingerprint => {
                let answer = Answer {
                    tenant: asked.tenant.clone(),
                    request_id: asked.request_id.clone(),
                    fingerprint,
                    person: person.map(PartyId::from_bytes),
                    sealed: Sealed::from_ciphertext(sealed),
                    at: from_micros(at).unwrap_or(asked.at),
                };
                Err(CommitError::Answered(Box::new(answer)).into())
            }
            Some(_) => Err(CommitError::OtherRequest.into()),
        }
    }

    fn must_hold(&mut self, guard: &Guard) -> Done {
        let holds = match guard {
            Guard::Fence(case, fence) => {
                let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(self.touched.check(&mut leases, *case, *fence)?);
            }
            Guard::Case(id, version) => {
                self.version(sql::CASE_HEAD, id.to_bytes())? == Some(*version)
            }
            Guard::Party(id, version) => {
                self.version(sql::PARTY_HEAD, id.to_bytes())? == Some(*version)
            }
            Guard::Collector(id, version) => {
                let stored = self.version(sql::COLLECTOR_HEAD, id.to_bytes())?;
                stored.unwrap_or(0) == *version
            }
            Guard::Rollout(channel, version) => self.rollout_version(channel)? == *version,
            Guard::Overrides(tenant, version) => self.overrides_version(tenant)? == *version,
            Guard::Contact(id, state, fence) => self
                .contact_head(id.case.to_bytes(), id.seq)?
                .is_some_and(|c| {
                    c.state == state_code(*state) && c.fence.cast_unsigned() == *fence
                }),
            Guard::DispatchOn(tenant, channel) => !self.exists(
                sql::SWITCH_HITS,
                params![tenant_scope(tenant), channel_scope(channel)],
            )?,
            Guard::NoOpenCase(tenant, key) => {
                !self.exists(sql::CASE_OPEN, params![tenant.as_str(), key.0])?
            }
            Guard::NoParty(tenant, key) => {
                !self.exists(sql::PARTY_OF_REF, params![tenant.as_str(), key.0])?
            }
            Guard::NoPolicy(tenant, name, version) => {
                !self.exists(sql::POLICY_HASH, params![tenant.as_str(), name, version])?
            }
            Guard::NoTemplate(tenant, name, version) => {
                !self.exists(sql::TEMPLATE_BODY, params![tenant.as_str(), name, version])?
            }
        };
        if holds {
            Ok(())
        } else {
            Err(CommitError::Stale(guard.clone()).into())
        }
    }

    fn version(&self, sql: &'static str, id: [u8; 16]) -> rusqlite::Result<Option<u64>> {
        self.one(sql, [id], |r| r.get::<_, i64>(0).map(i64::cast_unsigned))
    }

    fn overrides_version(&self, tenant: &TenantId) -> rusqlite::Result<u64> {
        let version = self.one(sql::OVERRIDES_VERSION, [tenant.as_str()], |r| {
            r.get::<_, i64>(0)
        })?;
        Ok(version.unwrap_or(0).cast_unsigned())
    }

    fn rollout_version(&self, channel: &str) -> rusqlite::Result<u64> {
        let version = self.one(sql::ROLLOUT_VERSION, [channel], |r| r.get::<_, i64>(0))?;
        Ok(version.unwrap_or(0).cast_unsigned())
    }

    fn exists(&self, sql: &'static str, params: impl Params) -> rusqlite::Result<bool> {
        self.conn.prepare_cached(sql)?.exists(params)
    }

    fn contact_head(&self, case: [u8; 16], seq: u32) -> rusqlite::Result<Option<ContactHead>> {
        self.one(sql::CONTACT_HEAD, params![case, seq], |r| {
            Ok(ContactHead {
                rowid: r.get(0)?,
                state: r.get(1)?,
                fence: r.get(2)?,
                tenant: r.get(3)?,
                party: r.get(4)?,
            })
        })
    }

    /// What stands where a row goes, where the row may go there; `held` are guards that hold.
    fn find(&self, row: &Row, held: &[Guard]) -> Done<Found> {
        match row {
            Row::Case(case) => self.find_case(case, held),
            Row::Party(party) => self.find_party(party, held),
            Row::Contact(contact) => self.find_contact(contact),
            Row::Policy(policy) => self.find_version(sql::POLICY_HASH, policy, "policy version"),
            Row::Template(t) => self.find_version(sql::TEMPLATE_BODY, t, "template version"),
            Row::Collector(c) => {
                let head = self.head(sql::COLLECTOR_HEAD, c.id.to_bytes())?;
                let stale = Guard::Collector(c.id, c.version);
                may_follow(head, &c.tenant, c.version, "collector", stale)?;
                Ok(Found::New)
            }
            Row::Override(o) => {
                let head = self.head(sql::OVERRIDE_HEAD, o.id.to_bytes())?;
                let stale = Guard::Overrides(o.tenant.clone(), o.version);
                may_follow(head, &o.tenant, o.version, "override", stale)?;
                Ok(Found::New)
            }
            Row::PartyKey(..)
            | Row::Schedule(..)
            | Row::Switch(_)
            | Row::Rollout(_)
            | Row::LibraryPart(_)
            | Row::LibraryGone(..)
            | Row::WakeAll(..)
            | Row::Meta(..) => Ok(Found::New),
        }
    }

    fn head(&self, sql: &'static str, id: [u8; 16]) -> rusqlite::Result<Option<(u64, String)>> {
        self.one(sql, [id], |r| {
            Ok((r.get::<_, i64>(0)?.cast_unsigned(), r.get(1)?))
        })
    }

    fn find_case(&self, case: &CaseRow, held: &[Guard]) -> Done<Found> {
        let found = self.one(sql::CASE_HEAD, [case.id.to_bytes()], |r| {
            let head = (r.get::<_, i64>(0)?.cast_unsigned(), r.get(1)?);
            Ok((head, r.get::<_, u8>(2)?))
        })?;
        let Some((head, old_status)) = found else {
            let is_free = |g: &Guard| matches!(g, Guard::NoOpenCase(t, key) if *t == case.tenant && *key == case.lender_ref);
            let open = case.status != CLOSED
                && !held.iter().any(is_free)
                && self.exists(
                    sql::CASE_OPEN,
                    params![case.tenant.as_str(), case.lender_ref.0],
                )?;
            return if open {
                Err(CommitError::Taken("an open case of the loan").into())
            } else {
                Ok(Found::New)
            };
        };
        let stale = Guard::Case(case.id, case.version);
        may_follow(Some(head), &case.tenant, case.version, "case", stale)?;
        if old_status == CLOSED && case.status != CLOSED {
            let text = format!(
                "{} is closed, which is final: it cannot be opened again",
                case.id
            );
            return Err(StoreError::Refused(text).into());
        }
        Ok(Found::Case { old_status })
    }

    fn find_party(&self, party: &PartyRow, held: &[Guard]) -> Done<Found> {
        let found = self.one(sql::PARTY_HEAD, [party.id.to_bytes()], |r| {
            let head = (r.get::<_, i64>(0)?.cast_unsigned(), r.get(1)?);
            Ok((head, r.get(2)?, r.get(3)?))
        })?;
        let Some((head, old_points, old_reach)) = found else {
            let is_free = |g: &Guard| matches!(g, Guard::NoParty(t, key) if *t == party.tenant && *key == party.lender_ref);
            let known = params![party.tenant.as_str(), party.lender_ref.0];
            return if !held.iter().any(is_free) && self.exists(sql::PARTY_OF_REF, known)? {
                Err(CommitError::Taken("a party with this reference").into())
            } else {
                Ok(Found::New)
            };
        };
        let stale = Guard::Party(party.id, party.version);
        may_follow(Some(head), &party.tenant, party.version, "party", stale)?;
        Ok(Found::Party {
            old_points,
            old_reach,
        })
    }

    fn find_contact(&self, contact: &ContactRow) -> Done<Found> {
        let id = contact.id;
        let head = self.contact_head(id.case.to_bytes(), id.seq)?;
        let head = match head {
            None if contact.is_birth => return Ok(Found::New),
            None => {
                let gone = Guard::Contact(id, contact.state, contact.fence);
                return Err(CommitError::Stale(gone).into());
            }
            Some(_) if contact.is_birth => return Err(CommitError::Taken("contact").into()),
            Some(head) => head,
        };
        if head.tenant != contact.tenant.as_str() || head.party != contact.party.to_bytes() {
            return Err(CommitError::Taken("contact").into());
        }
        if head.fence.cast_unsigned() > contact.fence {
            let overtaken = Guard::Contact(id, contact.state, contact.fence);
            return Err(CommitError::Stale(overtaken).into());
        }
        let old = state(head.state)?;
        if !may_go(old, contact) {
            let text = format!("{id} is {old}: it cannot become {}", contact.state);
            return Err(StoreError::Refused(text).into());
        }
        Ok(Found::Contact {
            rowid: head.rowid,
            old_state: head.state,
        })
    }

    /// A version's text never changes; the rest of its row (who activated it) may.
    fn find_version(&self, sql: &'static str, row: &VersionRow, what: &'static str) -> Done<Found> {
        let key = params![row.tenant.as_str(), row.name, row.version];
        let is_same = match sql {
            sql::POLICY_HASH => self.one(sql, key, |r| Ok(r.get::<_, String>(0)? == row.hash))?,
            _ => self.one(sql, key, |r| Ok(r.get::<_, Vec<u8>>(0)? == row.body))?,
        };
        if is_same == Some(false) {
            return Err(CommitError::Taken(what).into());
        }
        Ok(Found::New)
    }

    fn write(&self, row: &Row, found: &Found, moves: &mut Moves) -> Done {
        match (row, found) {
            (Row::Case(case), Found::Case { old_status }) => {
                moves.case(&case.tenant, Some(*old_status), case.status);
                self.update_case(case)?;
            }
            (Row::Case(case), _) => {
                moves.case(&case.tenant, None, case.status);
                self.insert_case(case)?;
            }
            (
                Row::Party(party),
                Found::Party {
                    old_points,
                    old_reach,
                },
            ) => {
                self.put(
                    sql::PARTY_UPDATE,
                    params![
                        party.id.to_bytes(),
                        party.version.cast_signed(),
                        party.points,
                        party.body,
                        party.sealed.ciphertext(),
                    ],
                )?;
                if party.reach != *old_reach {
                    self.put(sql::PARTY_REACH, params![party.id.to_bytes(), party.reach])?;
                }
                self.move_points(party, old_points)?;
            }
            (Row::Party(party), _) => {
                self.insert_party(party)?;
                self.move_points(party, &[])?;
            }
            (Row::Contact(contact), Found::Contact { rowid, old_state }) => {
                moves.contact(
                    &contact.tenant,
                    contact.class,
                    Some(*old_state),
                    state_code(contact.state),
                );
                self.update_contact(contact, *rowid)?;
            }
            (Row::Contact(contact), _) => {
                moves.contact(
                    &contact.tenant,
                    contact.class,
                    None,
                    state_code(contact.state),
                );
                self.insert_contact(contact)?;
            }
            (other, _) => self.write_plain(other)?,
        }
        Ok(())
    }

    fn write_plain(&self, row: &Row) -> rusqlite::Result<()> {
        match row {
            Row::Schedule(case, Some(at)) => self.put(sql::SCHED_PUT, params![case.to_bytes(), at]),
            Row::Schedule(case, None) => self.put(sql::SCHED_DROP, [case.to_bytes()]),
            Row::Policy(p) => self.put(
                sql::POLICY_PUT,
                params![p.tenant.as_str(), p.name, p.version, p.hash, p.body],
            ),
            Row::Template(t) => self.put(
                sql::TEMPLATE_PUT,
                params![t.tenant.as_str(), t.name, t.version, t.body],
            ),
            Row::Collector(c) => self.put(
                sql::COLLECTOR_PUT,
                params![
                    c.id.to_bytes(),
                    c.tenant.as_str(),
                    c.version.cast_signed(),
                    c.body,
                    c.sealed.ciphertext(),
                ],
            ),
            Row::Switch(s) => self.put(sql::SWITCH_PUT, params![s.scope, s.paused, s.body]),
            Row::Override(o) => {
                if o.counts() {
                    self.put(sql::OVERRIDES_COUNT, [o.tenant.as_str()])?;
                }
                self.put(
                    sql::OVERRIDE_PUT,
                    params![
                        o.id.to_bytes(),
                        o.tenant.as_str(),
                        o.version.cast_signed(),
                        o.until,
                        o.body,
                        o.sealed.ciphertext(),
                    ],
                )
            }
            Row::Rollout(r) => self.put(
                sql::ROLLOUT_PUT,
                params![r.channel, r.version.cast_signed(), r.body],
            ),
            Row::LibraryPart(p) => self.put(
                sql::LIBRARY_PUT,
                params![p.channel, p.sha256, p.part, p.bytes],
            ),
            Row::LibraryGone(channel, sha256) => {
                self.put(sql::LIBRARY_DROP, params![channel, sha256])
            }
            Row::WakeAll(tenant, at) => self.put(sql::WAKE_ALL, params![tenant.as_str(), at]),
            Row::Meta(name, value) => self.put(sql::META_PUT, params![name, value]),
            // Keys go to a file of their own, before the commit; the others are written above.
            Row::PartyKey(..) | Row::Case(_) | Row::Party(_) | Row::Contact(_) => Ok(()),
        }
    }

    fn insert_case(&self, case: &CaseRow) -> rusqlite::Result<()> {
        self.put(
            sql::CASE_INSERT,
            params![
                case.id.to_bytes(),
                case.tenant.as_str(),
                case.version.cast_signed(),
                case.lender_ref.0,
                case.borrower.to_bytes(),
                case.status,
                case.stage,
                case.worklist,
                case.policy.as_ref().map(|(name, _)| name),
                case.policy.as_ref().map(|(_, version)| version),
                case.body,
                case.sealed.ciphertext(),
            ],
        )
    }

    fn update_case(&self, case: &CaseRow) -> rusqlite::Result<()> {
        self.put(
            sql::CASE_UPDATE,
            params![
                case.id.to_bytes(),
                case.version.cast_signed(),
                case.status,
                case.stage,
                case.worklist,
                case.policy.as_ref().map(|(name, _)| name),
                case.policy.as_ref().map(|(_, version)| version),
                case.body,
                case.sealed.ciphertext(),
            ],
        )
    }

    fn insert_party(&self, party: &PartyRow) -> rusqlite::Result<()> {
        self.put(
            sql::PARTY_INSERT,
            params![
                party.id.to_bytes(),
                party.tenant.as_str(),
                party.version.cast_signed(),
                party.lender_ref.0,
                party.points,
                party.body,
                party.sealed.ciphertext(),
                party.reach,
            ],
        )
    }

    fn move_points(&self, party: &PartyRow, old: &[u8]) -> rusqlite::Result<()> {
        if party.points == old {
            return Ok(());
        }
        let row = |point: &[u8], sql| {
            let (tenant, id) = (party.tenant.as_str(), party.id.to_bytes());
            self.put(sql, params![tenant, point, id])
        };
        // What a person had stays theirs: they may still write from a number that the lender has replaced.
        for point in party.points.chunks(16) {
            row(point, sql::POINT_PUT)?;
        }
        Ok(())
    }

    fn insert_contact(&self, c: &ContactRow) -> rusqlite::Result<()> {
        self.put(
            sql::CONTACT_INSERT,
            params![
                c.id.case.to_bytes(),
                c.id.seq,
                c.tenant.as_str(),
                c.party.to_bytes(),
                c.class,
                state_code(c.state),
                c.outcome,
                c.at,
                c.effect.0,
                c.effect.1,
                c.point.map(|p| p.0),
                c.place.map(|p| p.0),
                c.place.map(|p| p.1),
                c.fence.cast_signed(),
                c.body,
                c.sealed.ciphertext(),
            ],
        )
    }

    fn update_contact(&self, c: &ContactRow, rowid: i64) -> rusqlite::Result<()> {
        self.put(
            sql::CONTACT_UPDATE,
            params![
                rowid,
                state_code(c.state),
                c.outcome,
                c.at,
                c.effect.0,
                c.effect.1,
                c.point.map(|p| p.0),
                c.fence.cast_signed(),
                c.body,
                c.sealed.ciphertext(),
            ],
        )
    }

    /// The entry and its leaf, at the next position.
    fn record(&mut self, entry: &EntryRow) -> rusqlite::Result<()> {
        let position = self.position + 1;
        self.put(
            sql::JOURNAL_PUT,
            params![
                position.cast_signed(),
                entry.tenant.as_str(),
                entry.kind,
                entry.case.map(|c| c.to_bytes()),
                entry.party.map(|p| p.to_bytes()),
                entry.row.at_us,
                entry.row.body,
                entry.row.sealed,
                entry.row.inner,
            ],
        )?;
        let leaf = entry.row.leaf(position);
        self.put(sql::LEAF_PUT, params![position.cast_signed(), leaf])?;
        self.position = position;
        Ok(())
    }

    fn keep_answer(&self, answer: &Answer) -> rusqlite::Result<()> {
        self.put(
            sql::REQUEST_PUT,
            params![
                answer.tenant.as_str(),
                answer.request_id,
                answer.fingerprint,
                answer.person.map(PartyId::to_bytes),
                answer.sealed.ciphertext(),
                crate::leaf::micros(answer.at),
            ],
        )
    }
}
