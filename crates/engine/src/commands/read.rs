//! What callers may read.

use super::AsyncView;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::render::{CasePlain, Content};
use crate::types::{CaseView, ContactView, PartyName, PartyView};
use jiff::Timestamp;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, TenantId};
use recoup_domain::journal::{ContactEvent, Entry, What};
use recoup_domain::{Case, CaseEvent, Party};
use recoup_policy::Facts as PolicyFacts;
use recoup_store::{CaseFilter, ContactFilter, Facts, Page, Recorded, SoughtParty};
use std::collections::BTreeMap;

/// Names a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseName {
    /// By id.
    Id(CaseId),
    /// By the lender's reference of the loan: its open case, else its newest closed one.
    Reference(String),
}

/// Shows a case as the draft leaves it.
pub(crate) struct ShowCase;

impl AsyncView<CaseView> for ShowCase {
    async fn of(&self, engine: &Engine, draft: &Draft, facts: &Facts) -> Done<CaseView> {
        let mut view = engine.view_in(draft, facts).await?;
        view.cancelling = draft.cancels().to_vec();
        Ok(view)
    }
}

/// Shows a case as a payment leaves it, and whether it is the one that cured it.
pub(crate) struct ShowPayment(pub(crate) KeyedHash);

impl AsyncView<CaseView> for ShowPayment {
    async fn of(&self, engine: &Engine, draft: &Draft, facts: &Facts) -> Done<CaseView> {
        let mut view = ShowCase.of(engine, draft, facts).await?;
        let cures = |entry: &Entry| match &entry.what {
            What::Case {
                id,
                event: CaseEvent::PaymentRecorded(p),
            } => *id == facts.case.id && p.reference == self.0 && p.cures,
            _ => false,
        };
        view.cured = draft.entries().iter().any(cures);
        if !draft.has_entries() {
            // Said before, under another request: the journal knows.
            let filter = recoup_store::JournalFilter {
                case: Some(facts.case.id),
                ..Default::default()
            };
            let journal = engine.0.store.journal(&filter, 0, usize::MAX).await?;
            view.cured = journal.iter().any(|row| cures(&row.entry));
        }
        Ok(view)
    }
}

impl Engine {
    /// A case of the tenant.
    ///
    /// # Errors
    /// NotFound, also for a case of another tenant.
    pub async fn case(&self, tenant: &TenantId, name: &CaseName) -> Done<CaseView> {
        let id = match name {
            CaseName::Id(id) => *id,
            CaseName::Reference(reference) => {
                let key = self.0.vault.keyed(tenant, "case", reference);
                let missing = || CommandError::NotFound {
                    what: "case",
                    id: reference.clone(),
                };
                self.0
                    .store
                    .case_by_ref(tenant, key)
                    .await?
                    .ok_or_else(missing)?
                    .id
            }
        };
        let shown = self.0.store.shown(&[id]).await?.pop();
        let (facts, next_at) = shown
            .filter(|(facts, _)| facts.case.tenant == *tenant)
            .ok_or_else(|| CommandError::NotFound {
                what: "case",
                id: id.to_string(),
            })?;
        self.case_view(&facts, next_at).await
    }

    /// Cases of the tenant in the order of their ids.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
        after: Option<CaseId>,
        limit: usize,
    ) -> Done<Page<CaseView>> {
        let page = self.0.store.cases(tenant, filter, after, limit).await?;
        let ids: Vec<CaseId> = page.rows.iter().map(|c| c.id).collect();
        let mut rows = Vec::with_capacity(ids.len());
        for (facts, next_at) in self.0.store.shown(&ids).await? {
            rows.push(self.case_view(&facts, next_at).await?);
        }
        Ok(Page {
            rows,
            more: page.more,
        })
    }

    pub(crate) async fn view_in(&self, draft: &Draft, facts: &Facts) -> Done<CaseView> {
        let mut now = facts.clone();
        if let Some(case) = draft.case(facts.case.id) {
            now.case = case.clone();
        }
        if let Some(party) = draft.party(facts.borrower.id) {
            now.borrower = party.clone();
        }
        let id = now.case.id;
        let next_at = match draft.scheduled(id) {
            Some(at) => at,
            None => self.next_at(id).await?,
        };
        self.case_view(&now, next_at).await
    }

    pub(crate) async fn next_at(&self, case: CaseId) -> Done<Option<Timestamp>> {
        Ok(self.0.store.shown(&[case]).await?.pop().and_then(|s| s.1))
    }

    async fn case_view(&self, facts: &Facts, next_at: Option<Timestamp>) -> Done<CaseView> {
        let (case, borrower) = (&facts.case, &facts.borrower);
        let plain = self.0.keys.plain(borrower).await?;
        let own = CasePlain::of(case, &self.0.keys).await?;
        let now = self.0.wall.now();
        let (stage, segment) = self.place(facts);
        let mut made = BTreeMap::new();
        for c in facts
            .contacts
            .iter()
            .filter(|c| c.concerns(case.id) && c.is_made())
        {
            *made.entry(c.class).or_insert(0) += 1;
        }
        Ok(CaseView {
            dpd: case.dpd(now, borrower.home_zone()),
            lender_case_ref: own.lender_ref,
            borrower_ref: plain.lender_ref,
            stage,
            segment,
            next_at,
            contacts_made: made,
            cancelling: Vec::new(),
            cured: false,
            case: case.clone(),
            borrower: borrower.clone(),
        })
    }

    /// Names of stage and segment.
    fn place(&self, facts: &Facts) -> (String, String) {
        let Some(policy) = self.0.library.policy_of(&facts.case) else {
            return Default::default();
        };
        let asked = PolicyFacts {
            case: &facts.case,
            borrower: &facts.borrower,
            contacts: &facts.contacts,
        };
        let env = policy.env(&asked, self.0.wall.now());
        let segment = policy
            .segment(&env)
            .and_then(|s| policy.segments().get(usize::from(s)).cloned());
        let stage = facts
            .case
            .stage
            .and_then(|s| policy.stages().get(usize::from(s)));
        (
            stage.map_or_else(String::new, |s| s.name.clone()),
            segment.unwrap_or_default(),
        )
    }

    /// A party of the tenant.
    ///
    /// # Errors
    /// NotFound, also for a party of another tenant; Vault where it was erased.
    pub async fn borrower(&self, tenant: &TenantId, name: &PartyName) -> Done<PartyView> {
        let party = self.find_party(tenant, name).await?;
        self.party_view(party).await
    }

    pub(crate) async fn party_view(&self, party: Party) -> Done<PartyView> {
        let plain = self.0.keys.plain(&party).await?;
        Ok(PartyView {
            party,
            plain,
            created: false,
            paused: Vec::new(),
            cancelling: Vec::new(),
        })
    }

    pub(crate) async fn find_party(&self, tenant: &TenantId, name: &PartyName) -> Done<Party> {
        self.seek_party(tenant, name)
            .await?
            .ok_or_else(|| name.not_found())
    }

    /// The party of a name, where there is one.
    pub(crate) async fn seek_party(
        &self,
        tenant: &TenantId,
        name: &PartyName,
    ) -> Done<Option<Party>> {
        Ok(match self.sought_party(tenant, name) {
            SoughtParty::Id(id) => self.0.store.party(tenant, id).await?,
            SoughtParty::Reference(key) => self.0.store.party_by_ref(tenant, key).await?,
        })
    }

    /// How the store knows a party's name.
    pub(crate) fn sought_party(&self, tenant: &TenantId, name: &PartyName) -> SoughtParty {
        let by_ref = |lender_ref: &str| {
            SoughtParty::Reference(self.0.vault.keyed(tenant, "party", lender_ref))
        };
        match name {
            PartyName::Id(id) => SoughtParty::Id(*id),
            PartyName::Reference(reference) => by_ref(reference),
            PartyName::Told(told) => by_ref(&told.lender_ref),
        }
    }

    /// A contact of the tenant.
    ///
    /// # Errors
    /// NotFound, also for a contact of another tenant.
    pub async fn contact(&self, tenant: &TenantId, id: ContactId) -> Done<ContactView> {
        let found = self.0.store.contact(tenant, id).await?;
        let missing = || CommandError::NotFound {
            what: "contact",
            id: id.to_string(),
        };
        let mut view = contact_view(found.ok_or_else(missing)?);
        // What the channel said against it is for the person who must act, never for a log.
        let content = Content::of(&view.contact, &self.0.keys).await?;
        if let Some(said) = content.said.last() {
            view.reason.push_str("; the channel said: ");
            view.reason.push_str(said);
        }
        if !view.contact.sealed.is_empty() {
            view.said = Some((content.subject, content.body));
        }
        let (name, version) = (&view.contact.template, view.contact.template_version);
        if let Ok(template) = self.0.library.template_version(tenant, name, version) {
            view.locale.clone_from(&template.locale);
        }
        self.told_of(&mut view, &[]).await?;
        Ok(view)
    }

    /// A contact as it is stored; none where the tenant has no such contact.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn stored_contact(&self, tenant: &TenantId, id: ContactId) -> Done<Option<Contact>> {
        Ok(self.0.store.contact(tenant, id).await?)
    }

    /// Lays into a view what people told of its contact: it lies beside the entries of the journal, and of
    /// those that are about to be recorded.
    pub(crate) async fn told_of(&self, view: &mut ContactView, pending: &[Entry]) -> Done<()> {
        let contact = &view.contact;
        let doubtful = contact.reached(ContactState::Unknown).is_some();
        let plain = contact.approved_by.is_none() && contact.outcome.is_none();
        if plain && !doubtful && !is_called_off(contact) {
            return Ok(());
        }
        let (id, person) = (contact.id, contact.party);
        let filter = recoup_store::JournalFilter {
            case: Some(id.case),
            party: Some(person),
            ..Default::default()
        };
        let recorded = self.0.store.journal(&filter, 0, usize::MAX).await?;
        for entry in recorded.iter().map(|r| &r.entry).chain(pending) {
            let event = match &entry.what {
                What::Contact { id: of, event, .. } if *of == id => event,
                _ => continue,
            };
            let Some(told) = self.beside(entry, person).await? else {
                continue;
            };
            match event {
                ContactEvent::Approved { .. } => view.approval_note = told.note,
                ContactEvent::Moved { .. } => {
                    view.cancel_note = told.note;
                    view.evidence.extend(told.evidence);
                }
                ContactEvent::Settled { .. }
                | ContactEvent::Learned { .. }
                | ContactEvent::Corrected { .. } => {
                    view.evidence.extend(told.evidence);
                }
                ContactEvent::Planned(_)
                | ContactEvent::Intended(_)
                | ContactEvent::BeyondRecall => {}
            }
        }
        Ok(())
    }

    /// Contacts of the tenant in the order of case and number.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn contacts(
        &self,
        tenant: &TenantId,
        filter: &ContactFilter,
        after: Option<ContactId>,
        limit: usize,
    ) -> Done<Page<ContactView>> {
        let page = self.0.store.contacts(tenant, filter, after, limit).await?;
        Ok(Page {
            rows: page.rows.into_iter().map(contact_view).collect(),
            more: page.more,
        })
    }

    /// Journal entries of the tenant after a position.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn events(&self, tenant: &TenantId, after: u64, limit: usize) -> Done<Vec<Recorded>> {
        let filter = recoup_store::JournalFilter {
            tenant: Some(tenant.clone()),
            ..Default::default()
        };
        Ok(self.0.store.journal(&filter, after, limit).await?)
    }

    /// The case as stored, without what is sealed.
    pub(crate) async fn stored_case(&self, tenant: &TenantId, id: CaseId) -> Done<Case> {
        let missing = || CommandError::NotFound {
            what: "case",
            id: id.to_string(),
        };
        self.0.store.case(tenant, id).await?.ok_or_else(missing)
    }
}

pub(crate) fn contact_view(contact: Contact) -> ContactView {
    let reason = contact.place.as_ref().map_or_else(
        || "asked for by hand".to_owned(),
        |p| {
            let rules = contact
                .decision
                .as_ref()
                .map_or(0, |d| d.permitted_by.len());
            format!(
                "step {} of stage `{}` was due; {rules} rules were asked, all permitted it",
                p.step + 1,
                p.stage_name
            )
        },
    );
    ContactView {
        contact,
        reason,
        cancel_note: String::new(),
        approval_note: String::new(),
        evidence: Vec::new(),
        locale: String::new(),
        said: None,
    }
}

const fn is_called_off(contact: &Contact) -> bool {
    use ContactState as S;
    matches!(
        contact.state,
        S::Cancelling | S::Cancelled | S::CancelUnknown
    )
}
