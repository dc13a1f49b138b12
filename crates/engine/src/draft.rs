//! A unit of work while it is made: the rows it has read, what happens to them, and what follows. What is
//! recorded here is applied by the same fold that reads the journal back, so rows and journal agree.

use jiff::Timestamp;
use recoup_domain::case::{CaseEvent, WorklistReason};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, ContactId, PartyId, TenantId};
use recoup_domain::journal::{
    ContactEvent, Entry, What, apply_contact, apply_to_case, apply_to_party,
};
use recoup_domain::overrides::{Override, OverrideEvent};
use recoup_domain::party::PartyEvent;
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, Party};
use recoup_store::{Change, Guard, Write};
use std::collections::BTreeMap;

/// A row as it stands in the draft.
struct Held<T> {
    row: T,
    /// The version that was read; none for a row the draft makes.
    read: Option<u64>,
    changed: bool,
}

/// A contact as it stands in the draft.
struct HeldContact {
    row: Contact,
    /// State and fence that were read; none for a contact the draft makes.
    read: Option<(ContactState, u64)>,
    changed: bool,
}

/// A unit of work while it is made.
pub(crate) struct Draft {
    /// The instant everything in it happens at.
    pub(crate) now: Timestamp,
    tenant: TenantId,
    actor: String,
    effective_at: Timestamp,
    cases: BTreeMap<CaseId, Held<Case>>,
    parties: BTreeMap<PartyId, Held<Party>>,
    contacts: BTreeMap<ContactId, HeldContact>,
    schedules: BTreeMap<CaseId, Option<Timestamp>>,
    entries: Vec<Entry>,
    guards: Vec<Guard>,
    writes: Vec<Write>,
    cancels: Vec<ContactId>,
}

impl Draft {
    pub(crate) fn new(tenant: TenantId, actor: impl Into<String>, now: Timestamp) -> Self {
        Self {
            now,
            tenant,
            actor: actor.into(),
            effective_at: now,
            cases: BTreeMap::new(),
            parties: BTreeMap::new(),
            contacts: BTreeMap::new(),
            schedules: BTreeMap::new(),
            entries: Vec::new(),
            guards: Vec::new(),
            writes: Vec::new(),
            cancels: Vec::new(),
        }
    }

    /// What is recorded from here on holds from `at`: a late fact. What follows from it holds from now, see
    /// [`follows`](Self::follows).
    pub(crate) fn effective(&mut self, at: Timestamp) {
        self.effective_at = at.min(self.now);
    }

    /// What is recorded from here on follows from the facts before, and holds from now.
    pub(crate) fn follows(&mut self) {
        self.effective_at = self.now;
    }

    /// Says who speaks from here on.
    pub(crate) fn speak_as(&mut self, actor: impl Into<String>) {
        self.actor = actor.into();
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(crate) fn hold_case(&mut self, case: Case) {
        let read = Some(case.version);
        self.cases.entry(case.id).or_insert(Held {
            row: case,
            read,
            changed: false,
        });
    }

    pub(crate) fn hold_party(&mut self, party: Party) {
        let read = Some(party.version);
        self.parties.entry(party.id).or_insert(Held {
            row: party,
            read,
            changed: false,
        });
    }

    pub(crate) fn hold_contact(&mut self, contact: Contact) {
        let read = Some((contact.state, contact.fence));
        self.contacts.entry(contact.id).or_insert(HeldContact {
            row: contact,
            read,
            changed: false,
        });
    }

    pub(crate) fn case(&self, id: CaseId) -> Option<&Case> {
        self.cases.get(&id).map(|h| &h.row)
    }

    /// Why the case is before a person; none where it is not.
    pub(crate) fn listed(&self, case: CaseId) -> Option<&WorklistReason> {
        self.case(case)?.worklist.as_ref()
    }

    /// Puts a case that the draft holds before a person, unless it is there for just that.
    pub(crate) fn list(&mut self, id: CaseId, reason: WorklistReason) {
        let reason = Some(reason);
        if self.case(id).is_some_and(|case| case.worklist != reason) {
            self.case_event(id, CaseEvent::WorklistChanged { reason });
        }
    }

    /// Nobody need look at the case any more.
    pub(crate) fn off_worklist(&mut self, case: CaseId) {
        self.case_event(case, CaseEvent::WorklistChanged { reason: None });
    }

    pub(crate) fn party(&self, id: PartyId) -> Option<&Party> {
        self.parties.get(&id).map(|h| &h.row)
    }

    pub(crate) fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.contacts.get(&id).map(|h| &h.row)
    }

    pub(crate) fn is_new_party(&self, id: PartyId) -> bool {
        self.parties.get(&id).is_some_and(|h| h.read.is_none())
    }

    pub(crate) fn contacts_of(&self, case: CaseId) -> impl Iterator<Item = &Contact> {
        self.contacts
            .values()
            .map(|h| &h.row)
            .filter(move |c| c.id.case == case)
    }

    /// Makes a party; everything after it can speak of it.
    pub(crate) fn make_party(&mut self, party: Party, key: Vec<u8>) {
        self.guards
            .push(Guard::NoParty(self.tenant.clone(), party.lender_ref));
        self.writes.push(Write::PartyKey(party.id, key));
        let what = What::Party {
            id: party.id,
            event: PartyEvent::Upserted(Box::new(party.clone())),
        };
        self.entry(what, Sealed::default());
        self.parties.insert(
            party.id,
            Held {
                row: party,
                read: None,
                changed: true,
            },
        );
    }

    /// Makes a case.
    pub(crate) fn make_case(&mut self, opened: CaseEvent) {
        let CaseEvent::Opened(case) = &opened else {
            return;
        };
        let case = (**case).clone();
        self.guards
            .push(Guard::NoOpenCase(self.tenant.clone(), case.lender_ref));
        self.entry(
            What::Case {
                id: case.id,
                event: opened,
            },
            Sealed::default(),
        );
        self.cases.insert(
            case.id,
            Held {
                row: case,
                read: None,
                changed: true,
            },
        );
    }

    pub(crate) fn case_event(&mut self, id: CaseId, event: CaseEvent) {
        self.record(What::Case { id, event }, Sealed::default());
    }

    pub(crate) fn case_events(&mut self, id: CaseId, events: Vec<CaseEvent>) {
        events
            .into_iter()
            .for_each(|event| self.case_event(id, event));
    }

    pub(crate) fn party_event(&mut self, id: PartyId, event: PartyEvent) {
        self.record(What::Party { id, event }, Sealed::default());
    }

    pub(crate) fn contact_event(&mut self, id: ContactId, event: ContactEvent) {
        let Some(party) = self.contact(id).map(|c| c.party) else {
            return;
        };
        self.record(What::Contact { id, party, event }, Sealed::default());
    }

    /// Puts personal data beside the entry recorded last.
    pub(crate) fn seal_last(&mut self, sealed: Sealed) {
        if let Some(entry) = self.entries.last_mut() {
            entry.sealed = sealed;
        }
    }

    /// Puts a contact into its slot: planned or intended.
    pub(crate) fn put_contact(&mut self, contact: Contact, event: ContactEvent) {
        let (id, party) = (contact.id, contact.party);
        let read = self.contacts.get(&id).and_then(|h| h.read);
        self.contacts.insert(
            id,
            HeldContact {
                row: contact,
                read,
                changed: true,
            },
        );
        self.record(What::Contact { id, party, event }, Sealed::default());
    }

    /// Sets what is sealed in a contact: that is no event, its text is not journalled.
    pub(crate) fn reseal_contact(&mut self, id: ContactId, sealed: Sealed) {
        if let Some(held) = self.contacts.get_mut(&id) {
            held.row.sealed = sealed;
            held.changed = true;
        }
    }

    /// Something happened to an override.
    pub(crate) fn override_event(&mut self, row: &Override, event: OverrideEvent) {
        let what = What::Override {
            id: row.id,
            rule: row.rule.clone(),
            case: row.case,
            event,
        };
        self.entry(what, Sealed::default());
    }

    /// A collector was told of, or changed.
    pub(crate) fn collector(&mut self, collector: &Collector) {
        let what = What::Collector {
            id: collector.id,
            told: Box::new(collector.clone()),
        };
        self.entry(what, Sealed::default());
    }

    /// Something happened to the service.
    pub(crate) fn service_event(&mut self, event: &str, subject: String) {
        self.entry(
            What::Service {
                event: event.to_owned(),
                subject,
            },
            Sealed::default(),
        );
    }

    /// Asks the carrier to call an accepted contact off, once the change is durable.
    pub(crate) fn cancel_after(&mut self, id: ContactId) {
        self.cancels.push(id);
    }

    pub(crate) fn cancels(&self) -> &[ContactId] {
        &self.cancels
    }

    /// Cases that the draft pauses.
    pub(crate) fn paused(&self) -> Vec<CaseId> {
        let paused = |e: &Entry| match &e.what {
            What::Case {
                id,
                event: CaseEvent::Paused(_),
            } => Some(*id),
            _ => None,
        };
        self.entries.iter().filter_map(paused).collect()
    }

    /// When a case is due next, where the draft says so: none within is not by itself.
    pub(crate) fn scheduled(&self, case: CaseId) -> Option<Option<Timestamp>> {
        self.schedules.get(&case).copied()
    }

    pub(crate) fn schedule(&mut self, case: CaseId, at: Option<Timestamp>) {
        self.schedules.insert(case, at);
    }

    pub(crate) fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    pub(crate) fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Compares the versions of everything held, also of what did not change: for a decision that was
    /// made from it.
    pub(crate) fn guard_all(&mut self) {
        self.cases
            .values_mut()
            .for_each(|h| h.changed |= h.read.is_none());
        let cases = self.cases.values().filter(|h| !h.changed);
        let cases = cases.filter_map(|h| h.read.map(|v| Guard::Case(h.row.id, v)));
        let parties = self.parties.values().filter(|h| !h.changed);
        let parties = parties.filter_map(|h| h.read.map(|v| Guard::Party(h.row.id, v)));
        let all: Vec<_> = cases.chain(parties).collect();
        self.guards.extend(all);
    }

    /// What is recorded so far.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The change, and the contacts to call off at their carriers when it is durable.
    pub(crate) fn finish(self) -> (Change, Vec<Contact>) {
        let mut change = Change {
            guards: self.guards,
            writes: self.writes,
            entries: self.entries,
            answer: None,
        };
        let cancels = self.cancels;
        let to_cancel = cancels
            .iter()
            .filter_map(|id| self.contacts.get(id))
            .map(|h| h.row.clone())
            .collect();
        for held in self.parties.into_values().filter(|h| h.changed) {
            change
                .guards
                .extend(held.read.map(|v| Guard::Party(held.row.id, v)));
            change.writes.push(Write::Party(Box::new(held.row)));
        }
        for held in self.cases.into_values().filter(|h| h.changed) {
            change
                .guards
                .extend(held.read.map(|v| Guard::Case(held.row.id, v)));
            change.writes.push(Write::Case(Box::new(held.row)));
        }
        for held in self.contacts.into_values().filter(|h| h.changed) {
            let id = held.row.id;
            change.guards.extend(
                held.read
                    .map(|(state, fence)| Guard::Contact(id, state, fence)),
            );
            change.writes.push(Write::Contact(Box::new(held.row)));
        }
        change.writes.extend(
            self.schedules
                .into_iter()
                .map(|(case, at)| Write::Schedule(case, at)),
        );
        (change, to_cancel)
    }

    /// Records, and applies what was recorded to every row that it concerns.
    fn record(&mut self, what: What, sealed: Sealed) {
        let now = self.now;
        let case = match &what {
            What::Case { id, .. } => Some(*id),
            What::Contact { id, .. } => Some(id.case),
            What::Party { .. }
            | What::Override { .. }
            | What::Collector { .. }
            | What::Service { .. } => None,
        };
        if let Some(held) = case.and_then(|id| self.cases.get_mut(&id)) {
            apply_to_case(&mut held.row, &what, now);
            held.changed = true;
        }
        let party = match &what {
            What::Party { id, .. } => Some(*id),
            What::Contact { party, .. } => Some(*party),
            What::Case { .. }
            | What::Override { .. }
            | What::Collector { .. }
            | What::Service { .. } => None,
        };
        if let Some(held) = party.and_then(|id| self.parties.get_mut(&id)) {
            apply_to_party(&mut held.row, &what, now);
            held.changed = true;
        }
        if let What::Contact { id, event, .. } = &what
            && let Some(held) = self.contacts.get_mut(id)
        {
            apply_contact(&mut held.row, event, now);
            held.changed = true;
        }
        self.entry(what, sealed);
    }

    fn entry(&mut self, what: What, sealed: Sealed) {
        self.entries.push(Entry {
            tenant: self.tenant.clone(),
            at: self.now,
            effective_at: self.effective_at,
            actor: self.actor.clone(),
            what,
            sealed,
        });
    }
}
