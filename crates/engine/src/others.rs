//! Contacts with people of a case besides its borrower: their facts are read and called off by themselves, because
//! the facts of a case hold its borrower's contacts alone.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::stops::PartyStop;
use recoup_domain::Case;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, PartyId, TenantId};
use recoup_domain::past::PastContact;
use recoup_store::{ContactFilter, Facts};
use std::collections::BTreeMap;

/// How many contacts are read at once.
const PAGE: usize = 500;

impl Engine {
    /// Holds the person of a contact, who is not always the borrower: what comes of it is a fact of theirs.
    pub(crate) async fn hold_person(&self, draft: &mut Draft, contact: &Contact) -> Done<()> {
        if draft.party(contact.party).is_none()
            && let Some(person) = self.0.store.party(&contact.tenant, contact.party).await?
        {
            draft.hold_party(person);
        }
        Ok(())
    }

    /// All contacts with somebody, over all cases.
    pub(crate) async fn past_of(
        &self,
        tenant: &TenantId,
        party: PartyId,
    ) -> Done<Vec<PastContact>> {
        let filter = ContactFilter {
            party: Some(party),
            ..ContactFilter::default()
        };
        let mut past: Vec<PastContact> = Vec::new();
        for contact in self.all_contacts(tenant, &filter).await? {
            past.push((&contact).into());
        }
        past.sort_by_key(|c| c.at);
        Ok(past)
    }

    /// Begins to call off the contacts of a case with others than its borrower that were accepted and are meant.
    pub(crate) async fn call_off_others(
        &self,
        draft: &mut Draft,
        facts: &Facts,
        meant: impl Fn(&PastContact) -> bool,
    ) -> Done<()> {
        if facts.case.parties.is_empty() {
            return Ok(());
        }
        let filter = ContactFilter {
            case: Some(facts.case.id),
            state: Some(ContactState::Accepted),
            ..ContactFilter::default()
        };
        for contact in self.all_contacts(&facts.case.tenant, &filter).await? {
            if contact.party != facts.borrower.id && meant(&(&contact).into()) {
                self.hold_and_call_off(draft, contact).await?;
            }
        }
        Ok(())
    }

    /// Begins to call off what a right of a person overtakes in cases of others: those that they were asked about.
    pub(crate) async fn call_off_as_other(
        &self,
        draft: &mut Draft,
        party: PartyId,
        stop: &PartyStop,
    ) -> Done<()> {
        let filter = ContactFilter {
            party: Some(party),
            state: Some(ContactState::Accepted),
            ..ContactFilter::default()
        };
        let tenant = draft.tenant().clone();
        for contact in self.all_contacts(&tenant, &filter).await? {
            let Some(facts) = self.facts_of(contact.id.case).await? else {
                continue;
            };
            let Some(person) = draft.party(party).cloned() else {
                continue;
            };
            let theirs = facts.borrower.id == party;
            if !theirs && stop.covers(&facts.case, &person, &(&contact).into()) {
                draft.hold_case(facts.case);
                self.hold_and_call_off(draft, contact).await?;
            }
        }
        Ok(())
    }

    async fn hold_and_call_off(&self, draft: &mut Draft, contact: Contact) -> Done<()> {
        let id = contact.id;
        self.hold_person(draft, &contact).await?;
        draft.hold_contact(contact);
        self.call_off_one(draft, id);
        Ok(())
    }

    /// The open cases of others that somebody was contacted for.
    pub(crate) async fn cases_asked_about(
        &self,
        tenant: &TenantId,
        party: PartyId,
    ) -> Done<Vec<Case>> {
        let mut cases = self.cases_as_other(tenant, party).await?;
        cases.retain(|c| c.closed.is_none());
        Ok(cases)
    }

    /// Whether somebody was contacted as who owes nothing, in whatever case, also a closed one.
    pub(crate) async fn was_asked(&self, tenant: &TenantId, party: PartyId) -> Done<bool> {
        let owes = |c: &Case| {
            let mut named = c.parties.iter();
            named.any(|p| p.party == party && p.relation.is_obligor())
        };
        let cases = self.cases_as_other(tenant, party).await?;
        Ok(cases.iter().any(|c| !owes(c)))
    }

    /// The cases of others that somebody was contacted for.
    async fn cases_as_other(&self, tenant: &TenantId, party: PartyId) -> Done<Vec<Case>> {
        let filter = ContactFilter {
            party: Some(party),
            ..ContactFilter::default()
        };
        let mut cases: BTreeMap<CaseId, Case> = BTreeMap::new();
        for contact in self.all_contacts(tenant, &filter).await? {
            let id = contact.id.case;
            if cases.contains_key(&id) {
                continue;
            }
            if let Some(facts) = self.facts_of(id).await? {
                cases.insert(id, facts.case);
            }
        }
        let of_another = |c: &Case| c.borrower != party;
        Ok(cases.into_values().filter(of_another).collect())
    }

    pub(crate) async fn all_contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
    ) -> Done<Vec<Contact>> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = self.0.store.contacts(tenant, filter, after, PAGE).await?;
            after = page.rows.last().map(|c| c.id);
            all.extend(page.rows);
            if !page.more {
                return Ok(all);
            }
        }
    }
}
