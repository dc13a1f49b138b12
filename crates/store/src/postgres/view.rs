//! What a group of changes finds and leaves: the heads of the rows it names, as they were locked and read, and as
//! the changes before in the group have left them. Changes are decided here, without the database.

use crate::codec::{
    CaseRow, ContactRow, PartyRow, Prepared, Row, VersionRow, channel_scope, state, state_code,
    tenant_scope,
};
use crate::rules::{CLOSED, may_follow, may_go};
use crate::tally::Moves;
use crate::{Answer, CommitError, Guard, StoreError};
use recoup_domain::ids::{
    CaseId, CollectorId, ContactId, KeyedHash, OverrideId, PartyId, TenantId,
};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

pub(super) struct CaseHead {
    pub(super) version: u64,
    pub(super) tenant: TenantId,
    pub(super) status: u8,
}

pub(super) struct PartyHead {
    pub(super) version: u64,
    pub(super) tenant: TenantId,
    pub(super) points: Vec<u8>,
}

pub(super) struct ContactHead {
    pub(super) state: u8,
    pub(super) fence: u64,
    pub(super) tenant: TenantId,
    pub(super) party: PartyId,
}

/// A row's version and lender.
pub(super) type Head = (u64, TenantId);
/// A version of a policy or template, by lender and name.
pub(super) type VersionKey = (TenantId, String, u32);
/// A loan, or a person by reference.
pub(super) type RefKey = (TenantId, KeyedHash);

/// Heads by key: as stored, as changes have left them, and as the change that is being decided would.
pub(super) struct Layer<K, V> {
    stored: HashMap<K, V>,
    kept: HashMap<K, V>,
    draft: HashMap<K, V>,
}

impl<K, V> Default for Layer<K, V> {
    fn default() -> Self {
        Self {
            stored: HashMap::new(),
            kept: HashMap::new(),
            draft: HashMap::new(),
        }
    }
}

impl<K: Eq + Hash, V> Layer<K, V> {
    pub(super) fn load(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
        self.stored.extend(rows);
    }

    pub(super) fn stored<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.stored.get(key)
    }

    fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let newer = self.draft.get(key).or_else(|| self.kept.get(key));
        newer.or_else(|| self.stored.get(key))
    }

    fn put(&mut self, key: K, value: V) {
        self.draft.insert(key, value);
    }

    fn end(&mut self, applied: bool) {
        if applied {
            self.kept.extend(self.draft.drain());
        } else {
            self.draft.clear();
        }
    }
}

/// All heads that a group names. What is not in it is not there.
#[derive(Default)]
pub(super) struct View {
    pub(super) cases: Layer<CaseId, CaseHead>,
    /// The open case of a loan; none where one was closed in the group.
    pub(super) loans: Layer<RefKey, Option<CaseId>>,
    pub(super) parties: Layer<PartyId, PartyHead>,
    pub(super) party_refs: Layer<RefKey, PartyId>,
    pub(super) contacts: Layer<ContactId, ContactHead>,
    /// The fence of a lease that lives; none where it ended in the group.
    pub(super) leases: Layer<CaseId, Option<u64>>,
    pub(super) policies: Layer<VersionKey, String>,
    pub(super) templates: Layer<VersionKey, Vec<u8>>,
    pub(super) collectors: Layer<CollectorId, Head>,
    pub(super) overrides: Layer<OverrideId, Head>,
    pub(super) override_heads: Layer<TenantId, u64>,
    pub(super) rollouts: Layer<String, u64>,
    /// Scopes that are switched off.
    pub(super) switches: Layer<String, bool>,
    pub(super) requests: Layer<(TenantId, String), Answer>,
}

impl View {
    /// Decides a change whole or not at all; answers what it moves.
    pub(super) fn apply(&mut self, change: &Prepared) -> Result<Moves, CommitError> {
        let done = self.check_and_put(change);
        self.end(done.is_ok());
        done
    }

    fn end(&mut self, applied: bool) {
        self.cases.end(applied);
        self.loans.end(applied);
        self.parties.end(applied);
        self.party_refs.end(applied);
        self.contacts.end(applied);
        self.leases.end(applied);
        self.policies.end(applied);
        self.templates.end(applied);
        self.collectors.end(applied);
        self.overrides.end(applied);
        self.override_heads.end(applied);
        self.rollouts.end(applied);
        self.switches.end(applied);
        self.requests.end(applied);
    }

    fn check_and_put(&mut self, change: &Prepared) -> Result<Moves, CommitError> {
        if let Some(answer) = &change.answer {
            self.must_be_unanswered(answer)?;
        }
        for guard in &change.guards {
            if !self.holds(guard) {
                return Err(CommitError::Stale(guard.clone()));
            }
        }
        let mut moves = Moves::default();
        for row in &change.rows {
            self.put(row, &mut moves)?;
        }
        if let Some(answer) = &change.answer {
            let key = (answer.tenant.clone(), answer.request_id.clone());
            self.requests.put(key, answer.clone());
        }
        Ok(moves)
    }

    fn must_be_unanswered(&self, asked: &Answer) -> Result<(), CommitError> {
        let key = (asked.tenant.clone(), asked.request_id.clone());
        match self.requests.get(&key) {
            None => Ok(()),
            Some(known) if known.fingerprint == asked.fingerprint => {
                Err(CommitError::Answered(Box::new(known.clone())))
            }
            Some(_) => Err(CommitError::OtherRequest),
        }
    }

    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Case(id, version) => self.cases.get(id).is_some_and(|c| c.version == *version),
            Guard::Party(id, version) => {
                self.parties.get(id).is_some_and(|p| p.version == *version)
            }
            Guard::Fence(case, fence) => self.leases.get(case) == Some(&Some(*fence)),
            Guard::Contact(id, state, fence) => self
                .contacts
                .get(id)
                .is_some_and(|c| c.state == state_code(*state) && c.fence == *fence),
            Guard::DispatchOn(tenant, channel) => {
                let scopes = [
                    "all".to_owned(),
                    crate::codec::RESTORED.to_owned(),
                    tenant_scope(tenant),
                    channel_scope(channel),
                ];
                !scopes.iter().any(|s| self.switches.get(s) == Some(&true))
            }
            Guard::NoOpenCase(tenant, key) => !self.is_open((tenant.clone(), *key)),
            Guard::NoParty(tenant, key) => self.party_refs.get(&(tenant.clone(), *key)).is_none(),
            Guard::NoPolicy(tenant, name, version) => {
                let key = (tenant.clone(), name.clone(), *version);
                self.policies.get(&key).is_none()
            }
            Guard::NoTemplate(tenant, name, version) => {
                let key = (tenant.clone(), name.clone(), *version);
                self.templates.get(&key).is_none()
            }
            Guard::Overrides(tenant, version) => {
                self.override_heads.get(tenant).copied().unwrap_or(0) == *version
            }
            Guard::Rollout(channel, version) => {
                self.rollouts.get(channel).copied().unwrap_or(0) == *version
            }
            Guard::Collector(id, version) => {
                self.collectors.get(id).map_or(0, |(stored, _)| *stored) == *version
            }
        }
    }

    fn is_open(&self, loan: RefKey) -> bool {
        self.loans.get(&loan).is_some_and(Option::is_some)
    }

    fn put(&mut self, row: &Row, moves: &mut Moves) -> Result<(), CommitError> {
        match row {
            Row::Case(case) => self.put_case(case, moves)?,
            Row::Party(party) => self.put_party(party)?,
            Row::Contact(contact) => self.put_contact(contact, moves)?,
            Row::Policy(policy) => {
                let (key, stored) = (version_key(policy), &self.policies);
                if stored.get(&key).is_some_and(|hash| *hash != policy.hash) {
                    return Err(CommitError::Taken("policy version"));
                }
                self.policies.put(key, policy.hash.clone());
            }
            Row::Template(template) => {
                let (key, stored) = (version_key(template), &self.templates);
                if stored.get(&key).is_some_and(|body| *body != template.body) {
                    return Err(CommitError::Taken("template version"));
                }
                self.templates.put(key, template.body.clone());
            }
            Row::Collector(c) => {
                let stale = Guard::Collector(c.id, c.version);
                let head = self.collectors.get(&c.id).map(text_head);
                may_follow(head, &c.tenant, c.version, "collector", stale)?;
                self.collectors.put(c.id, (c.version, c.tenant.clone()));
            }
            Row::Override(o) => {
                let stale = Guard::Overrides(o.tenant.clone(), o.version);
                let head = self.overrides.get(&o.id).map(text_head);
                may_follow(head, &o.tenant, o.version, "override", stale)?;
                self.overrides.put(o.id, (o.version, o.tenant.clone()));
                if o.counts() {
                    let seen = self.override_heads.get(&o.tenant).copied().unwrap_or(0);
                    self.override_heads.put(o.tenant.clone(), seen + 1);
                }
            }
            Row::Schedule(case, _) => self.leases.put(*case, None),
            Row::Switch(s) => self.switches.put(s.scope.clone(), s.paused),
            Row::Rollout(r) => self.rollouts.put(r.channel.clone(), r.version),
            Row::PartyKey(..)
            | Row::LibraryPart(_)
            | Row::LibraryGone(..)
            | Row::WakeAll(..)
            | Row::Meta(..) => {}
        }
        Ok(())
    }

    fn put_case(&mut self, case: &CaseRow, moves: &mut Moves) -> Result<(), CommitError> {
        let loan = (case.tenant.clone(), case.lender_ref);
        let old = match self.cases.get(&case.id) {
            Some(head) => {
                let stale = Guard::Case(case.id, case.version);
                let of = (head.version, head.tenant.as_str().to_owned());
                may_follow(Some(of), &case.tenant, case.version, "case", stale)?;
                if head.status == CLOSED && case.status != CLOSED {
                    let id = case.id;
                    let why = format!("{id} is closed, which is final: it cannot be opened again");
                    return Err(StoreError::Refused(why).into());
                }
                Some(head.status)
            }
            None if case.status != CLOSED && self.is_open(loan.clone()) => {
                return Err(CommitError::Taken("an open case of the loan"));
            }
            None => None,
        };
        moves.case(&case.tenant, old, case.status);
        if case.status != CLOSED {
            self.loans.put(loan, Some(case.id));
        } else if old.is_some_and(|old| old != CLOSED) {
            self.loans.put(loan, None);
        }
        let head = CaseHead {
            version: case.version,
            tenant: case.tenant.clone(),
            status: case.status,
        };
        self.cases.put(case.id, head);
        Ok(())
    }

    fn put_party(&mut self, party: &PartyRow) -> Result<(), CommitError> {
        let key = (party.tenant.clone(), party.lender_ref);
        match self.parties.get(&party.id) {
            Some(head) => {
                let stale = Guard::Party(party.id, party.version);
                let of = (head.version, head.tenant.as_str().to_owned());
                may_follow(Some(of), &party.tenant, party.version, "party", stale)?;
            }
            None if self.party_refs.get(&key).is_some() => {
                return Err(CommitError::Taken("a party with this reference"));
            }
            None => self.party_refs.put(key, party.id),
        }
        let head = PartyHead {
            version: party.version,
            tenant: party.tenant.clone(),
            points: party.points.clone(),
        };
        self.parties.put(party.id, head);
        Ok(())
    }

    fn put_contact(&mut self, contact: &ContactRow, moves: &mut Moves) -> Result<(), CommitError> {
        let id = contact.id;
        let stale = || CommitError::Stale(Guard::Contact(id, contact.state, contact.fence));
        let old = match self.contacts.get(&id) {
            None if contact.is_birth => None,
            None => return Err(stale()),
            Some(_) if contact.is_birth => return Err(CommitError::Taken("contact")),
            Some(head) if head.tenant != contact.tenant || head.party != contact.party => {
                return Err(CommitError::Taken("contact"));
            }
            Some(head) if head.fence > contact.fence => return Err(stale()),
            Some(head) => {
                let old = state(head.state)?;
                if !may_go(old, contact) {
                    let why = format!("{id} is {old}: it cannot become {}", contact.state);
                    return Err(StoreError::Refused(why).into());
                }
                Some(head.state)
            }
        };
        let new = state_code(contact.state);
        moves.contact(&contact.tenant, contact.class, old, new);
        let head = ContactHead {
            state: new,
            fence: contact.fence,
            tenant: contact.tenant.clone(),
            party: contact.party,
        };
        self.contacts.put(id, head);
        Ok(())
    }
}

fn text_head((version, tenant): &Head) -> (u64, String) {
    (*version, tenant.as_str().to_owned())
}

pub(super) fn version_key(row: &VersionRow) -> VersionKey {
    (row.tenant.clone(), row.name.clone(), row.version)
}
