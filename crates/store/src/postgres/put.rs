//! Writes what a group of changes leaves: of each row the last state, many rows a statement. Rows that stood before
//! are moved first, so that a place one of them leaves is free for a new one.

use super::connect::run;
use super::sql;
use super::view::View;
use crate::Answer;
use crate::codec::{CaseRow, ContactRow, PartyRow, Prepared, Row, state_code};
use deadpool_postgres::Object;
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, PartyId};
use std::collections::BTreeMap;
use std::hash::Hash;
use tokio_postgres::Error;

/// The rows that follow from the changes that were applied, the last state of each.
#[derive(Default)]
pub(super) struct Rows<'a> {
    cases: BTreeMap<CaseId, &'a CaseRow>,
    parties: BTreeMap<PartyId, &'a PartyRow>,
    /// Points that a party has after any of its writes.
    points: Vec<(&'a str, &'a [u8], PartyId)>,
    keys: BTreeMap<PartyId, &'a [u8]>,
    /// With the one that took the slot, where a change of the group did.
    contacts: BTreeMap<ContactId, &'a ContactRow>,
    /// In their order.
    schedule: Vec<&'a Row>,
    rules: Vec<&'a Row>,
    answers: Vec<&'a Answer>,
}

impl<'a> Rows<'a> {
    /// Adds what a change writes that was applied.
    pub(super) fn add(&mut self, change: &'a Prepared) {
        for row in &change.rows {
            match row {
                Row::Case(case) => drop(self.cases.insert(case.id, case)),
                Row::Party(party) => {
                    let points = party.points.chunks(16);
                    self.points
                        .extend(points.map(|p| (party.tenant.as_str(), p, party.id)));
                    self.parties.insert(party.id, party);
                }
                Row::PartyKey(party, wrapped) => drop(self.keys.insert(*party, wrapped)),
                Row::Contact(contact) => drop(self.contacts.insert(contact.id, contact)),
                Row::Schedule(..) | Row::WakeAll(..) => self.schedule.push(row),
                Row::Policy(_)
                | Row::Template(_)
                | Row::Collector(_)
                | Row::Switch(_)
                | Row::Override(_)
                | Row::Rollout(_)
                | Row::LibraryPart(_)
                | Row::LibraryGone(..)
                | Row::Meta(..) => self.rules.push(row),
            }
        }
        self.answers.extend(change.answer.as_ref());
    }

    /// Writes them all; `owner` is the process.
    pub(super) async fn put(&self, conn: &Object, view: &View, owner: i64) -> Result<(), Error> {
        self.put_cases(conn, view).await?;
        self.put_parties(conn, view).await?;
        self.put_contacts(conn, view, owner).await?;
        self.put_schedule(conn).await?;
        for row in &self.rules {
            put_rule(conn, row).await?;
        }
        self.put_answers(conn).await
    }

    async fn put_cases(&self, conn: &Object, view: &View) -> Result<(), Error> {
        let (old, new) = parted(&self.cases, |id| view.cases.stored(id).is_some());
        if !old.is_empty() {
            let c = CaseColumns::of(&old);
            #[rustfmt::skip]
            run(conn, sql::CASE_UPDATE, &[&c.ids, &c.versions, &c.statuses, &c.stages, &c.worklists,
                &c.policies, &c.policy_versions, &c.bodies, &c.sealed]).await?;
        }
        if !new.is_empty() {
            let c = CaseColumns::of(&new);
            let tenants: Vec<&str> = new.iter().map(|c| c.tenant.as_str()).collect();
            let loans: Vec<&[u8]> = new.iter().map(|c| &c.lender_ref.0[..]).collect();
            let borrowers = bytes(new.iter().map(|c| c.borrower.to_bytes()));
            #[rustfmt::skip]
            run(conn, sql::CASE_INSERT, &[&c.ids, &c.versions, &c.statuses, &c.stages, &c.worklists,
                &c.policies, &c.policy_versions, &c.bodies, &c.sealed, &tenants, &loans, &borrowers]).await?;
        }
        Ok(())
    }

    async fn put_parties(&self, conn: &Object, view: &View) -> Result<(), Error> {
        let (old, new) = parted(&self.parties, |id| view.parties.stored(id).is_some());
        for (group, statement) in [(&old, sql::PARTY_UPDATE), (&new, sql::PARTY_INSERT)] {
            if group.is_empty() {
                continue;
            }
            let ids = bytes(group.iter().map(|p| p.id.to_bytes()));
            let versions: Vec<i64> = group.iter().map(|p| p.version.cast_signed()).collect();
            let points: Vec<&[u8]> = group.iter().map(|p| &p.points[..]).collect();
            let bodies: Vec<&[u8]> = group.iter().map(|p| &p.body[..]).collect();
            let sealed: Vec<&[u8]> = group.iter().map(|p| p.sealed.ciphertext()).collect();
            let reaches: Vec<&str> = group.iter().map(|p| p.reach.as_str()).collect();
            let tenants: Vec<&str> = group.iter().map(|p| p.tenant.as_str()).collect();
            let refs: Vec<&[u8]> = group.iter().map(|p| &p.lender_ref.0[..]).collect();
            if statement == sql::PARTY_UPDATE {
                let given: super::connect::Params<'_> =
                    &[&ids, &versions, &points, &bodies, &sealed, &reaches];
                run(conn, statement, given).await?;
            } else {
                #[rustfmt::skip]
                run(conn, statement, &[&ids, &versions, &points, &bodies, &sealed, &reaches, &tenants, &refs]).await?;
            }
        }
        self.put_points(conn, view).await?;
        if self.keys.is_empty() {
            return Ok(());
        }
        // An empty key erases: the row stays as the tombstone.
        let ids = bytes(self.keys.keys().map(|id| id.to_bytes()));
        let keys: Vec<Option<&[u8]>> = self
            .keys
            .values()
            .map(|key| Some(*key).filter(|k| !k.is_empty()))
            .collect();
        run(conn, sql::KEY_PUT, &[&ids, &keys]).await.map(drop)
    }

    /// What a person had stays theirs: they may still write from a number that the lender has replaced.
    async fn put_points(&self, conn: &Object, view: &View) -> Result<(), Error> {
        let is_known = |point: &[u8], party: &PartyId| {
            let stored = view.parties.stored(party);
            stored.is_some_and(|head| head.points.chunks(16).any(|known| known == point))
        };
        let new = self
            .points
            .iter()
            .filter(|(_, point, id)| !is_known(point, id));
        let (mut tenants, mut points, mut parties) = (Vec::new(), Vec::new(), Vec::new());
        for (tenant, point, party) in new {
            tenants.push(*tenant);
            points.push(*point);
            parties.push(party.to_bytes().to_vec());
        }
        if points.is_empty() {
            return Ok(());
        }
        let given: super::connect::Params<'_> = &[&tenants, &points, &parties];
        run(conn, sql::POINT_PUT, given).await.map(drop)
    }

    async fn put_contacts(&self, conn: &Object, view: &View, owner: i64) -> Result<(), Error> {
        let (old, new) = parted(&self.contacts, |id| view.contacts.stored(id).is_some());
        if !old.is_empty() {
            let c = ContactColumns::of(&old);
            #[rustfmt::skip]
            run(conn, sql::CONTACT_UPDATE, &[&c.cases, &c.seqs, &c.states, &c.outcomes, &c.at, &c.from, &c.to,
                &c.points, &c.fences, &c.bodies, &c.sealed, &owner]).await?;
        }
        if !new.is_empty() {
            let c = ContactColumns::of(&new);
            let tenants: Vec<&str> = new.iter().map(|c| c.tenant.as_str()).collect();
            let parties = bytes(new.iter().map(|c| c.party.to_bytes()));
            let classes: Vec<i16> = new.iter().map(|c| c.class.into()).collect();
            let stages: Vec<Option<i16>> =
                new.iter().map(|c| c.place.map(|p| p.0.into())).collect();
            let steps: Vec<Option<i16>> = new.iter().map(|c| c.place.map(|p| p.1.into())).collect();
            #[rustfmt::skip]
            run(conn, sql::CONTACT_INSERT, &[&c.cases, &c.seqs, &c.states, &c.outcomes, &c.at, &c.from, &c.to,
                &c.points, &c.fences, &c.bodies, &c.sealed, &owner, &tenants, &parties, &classes, &stages,
                &steps]).await?;
        }
        Ok(())
    }

    /// Schedules in their order, but for what a later one of the same case overtakes; whatever wakes many cases
    /// stands between.
    async fn put_schedule(&self, conn: &Object) -> Result<(), Error> {
        let mut last: BTreeMap<CaseId, Option<i64>> = BTreeMap::new();
        for row in &self.schedule {
            match row {
                Row::Schedule(case, at) => drop(last.insert(*case, *at)),
                Row::WakeAll(tenant, at) => {
                    schedule(conn, std::mem::take(&mut last)).await?;
                    run(conn, sql::WAKE_ALL, &[&tenant.as_str(), at]).await?;
                }
                _ => {}
            }
        }
        schedule(conn, last).await
    }

    async fn put_answers(&self, conn: &Object) -> Result<(), Error> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let all = &self.answers;
        let tenants: Vec<&str> = all.iter().map(|a| a.tenant.as_str()).collect();
        let names: Vec<&str> = all.iter().map(|a| a.request_id.as_str()).collect();
        let fingerprints: Vec<&[u8]> = all.iter().map(|a| &a.fingerprint[..]).collect();
        let person = |a: &&Answer| a.person.map(|id| id.to_bytes().to_vec());
        let persons: Vec<Option<Vec<u8>>> = all.iter().map(person).collect();
        let sealed: Vec<&[u8]> = all.iter().map(|a| a.sealed.ciphertext()).collect();
        let at: Vec<i64> = all.iter().map(|a| crate::leaf::micros(a.at)).collect();
        let given: super::connect::Params<'_> =
            &[&tenants, &names, &fingerprints, &persons, &sealed, &at];
        run(conn, sql::REQUEST_PUT, given).await.map(drop)
    }
}

async fn schedule(conn: &Object, last: BTreeMap<CaseId, Option<i64>>) -> Result<(), Error> {
    let (mut put, mut when, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for (case, at) in last {
        match at {
            Some(at) => {
                put.push(case.to_bytes().to_vec());
                when.push(at);
            }
            None => dropped.push(case.to_bytes().to_vec()),
        }
    }
    if !put.is_empty() {
        run(conn, sql::SCHED_PUT, &[&put, &when]).await?;
    }
    if !dropped.is_empty() {
        run(conn, sql::SCHED_DROP, &[&dropped]).await?;
    }
    Ok(())
}

async fn put_rule(conn: &Object, row: &Row) -> Result<(), Error> {
    let done = match row {
        Row::Policy(p) => {
            let (tenant, version) = (p.tenant.as_str(), i64::from(p.version));
            let given: super::connect::Params<'_> = &[&tenant, &p.name, &version, &p.hash, &p.body];
            run(conn, sql::POLICY_PUT, given).await
        }
        Row::Template(t) => {
            let (tenant, version) = (t.tenant.as_str(), i64::from(t.version));
            run(
                conn,
                sql::TEMPLATE_PUT,
                &[&tenant, &t.name, &version, &t.body],
            )
            .await
        }
        Row::Collector(c) => {
            let (id, tenant) = (c.id.to_bytes().to_vec(), c.tenant.as_str());
            let (version, sealed) = (c.version.cast_signed(), c.sealed.ciphertext());
            let given: super::connect::Params<'_> = &[&id, &tenant, &version, &c.body, &sealed];
            run(conn, sql::COLLECTOR_PUT, given).await
        }
        Row::Switch(s) => run(conn, sql::SWITCH_PUT, &[&s.scope, &s.paused, &s.body]).await,
        Row::Override(o) => {
            let (id, tenant) = (o.id.to_bytes().to_vec(), o.tenant.as_str());
            let (version, sealed) = (o.version.cast_signed(), o.sealed.ciphertext());
            if o.counts() {
                run(conn, sql::OVERRIDES_COUNT, &[&tenant]).await?;
            }
            let given: super::connect::Params<'_> =
                &[&id, &tenant, &version, &o.until, &o.body, &sealed];
            run(conn, sql::OVERRIDE_PUT, given).await
        }
        Row::Rollout(r) => {
            let version = r.version.cast_signed();
            run(conn, sql::ROLLOUT_PUT, &[&r.channel, &version, &r.body]).await
        }
        Row::LibraryPart(p) => {
            let part = i64::from(p.part);
            let given: super::connect::Params<'_> = &[&p.channel, &p.sha256, &part, &p.bytes];
            run(conn, sql::LIBRARY_PUT, given).await
        }
        Row::LibraryGone(channel, sha256) => run(conn, sql::LIBRARY_DROP, &[channel, sha256]).await,
        Row::Meta(name, value) => run(conn, sql::META_PUT, &[name, value]).await,
        _ => Ok(0),
    };
    done.map(drop)
}

/// Rows that stood before the group, and rows that did not.
fn parted<'a, K: Ord + Hash, V>(
    all: &BTreeMap<K, &'a V>,
    stood: impl Fn(&K) -> bool,
) -> (Vec<&'a V>, Vec<&'a V>) {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (key, row) in all {
        if stood(key) { &mut old } else { &mut new }.push(*row);
    }
    (old, new)
}

fn bytes(ids: impl Iterator<Item = [u8; 16]>) -> Vec<Vec<u8>> {
    ids.map(|id| id.to_vec()).collect()
}

struct CaseColumns<'a> {
    ids: Vec<Vec<u8>>,
    versions: Vec<i64>,
    statuses: Vec<i16>,
    stages: Vec<Option<i16>>,
    worklists: Vec<bool>,
    policies: Vec<Option<&'a str>>,
    policy_versions: Vec<Option<i64>>,
    bodies: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> CaseColumns<'a> {
    fn of(rows: &[&'a CaseRow]) -> Self {
        let policy = |c: &&'a CaseRow| c.policy.as_ref();
        Self {
            ids: bytes(rows.iter().map(|c| c.id.to_bytes())),
            versions: rows.iter().map(|c| c.version.cast_signed()).collect(),
            statuses: rows.iter().map(|c| c.status.into()).collect(),
            stages: rows.iter().map(|c| c.stage.map(i16::from)).collect(),
            worklists: rows.iter().map(|c| c.worklist).collect(),
            policies: rows
                .iter()
                .map(|c| policy(c).map(|p| p.0.as_str()))
                .collect(),
            policy_versions: rows.iter().map(|c| policy(c).map(|p| p.1.into())).collect(),
            bodies: rows.iter().map(|c| &c.body[..]).collect(),
            sealed: rows.iter().map(|c| c.sealed.ciphertext()).collect(),
        }
    }
}

struct ContactColumns<'a> {
    cases: Vec<Vec<u8>>,
    seqs: Vec<i64>,
    states: Vec<i16>,
    outcomes: Vec<Option<i16>>,
    at: Vec<i64>,
    from: Vec<i64>,
    to: Vec<i64>,
    points: Vec<Option<Vec<u8>>>,
    fences: Vec<i64>,
    bodies: Vec<&'a [u8]>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> ContactColumns<'a> {
    fn of(rows: &[&'a ContactRow]) -> Self {
        let point = |key: KeyedHash| key.0.to_vec();
        Self {
            cases: bytes(rows.iter().map(|c| c.id.case.to_bytes())),
            seqs: rows.iter().map(|c| c.id.seq.into()).collect(),
            states: rows.iter().map(|c| state_code(c.state).into()).collect(),
            outcomes: rows.iter().map(|c| c.outcome.map(i16::from)).collect(),
            at: rows.iter().map(|c| c.at).collect(),
            from: rows.iter().map(|c| c.effect.0).collect(),
            to: rows.iter().map(|c| c.effect.1).collect(),
            points: rows.iter().map(|c| c.point.map(point)).collect(),
            fences: rows.iter().map(|c| c.fence.cast_signed()).collect(),
            bodies: rows.iter().map(|c| &c.body[..]).collect(),
            sealed: rows.iter().map(|c| c.sealed.ciphertext()).collect(),
        }
    }
}
