//! Whether facts that came since its intent forbid a contact that is under way.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::lifts::is_unlifted;
use recoup_domain::contact::{Contact, ContactClass};
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::party::PointState;
use recoup_domain::{Case, CaseEvent, Party};
use recoup_store::{Facts, JournalFilter};

impl Engine {
    /// Whether what a contact was meant to do is forbidden by now, as its case and its person stand in the draft.
    pub(crate) async fn is_overtaken(
        &self,
        draft: &Draft,
        facts: &Facts,
        contact: &Contact,
    ) -> Done<bool> {
        let case = draft.case(contact.id.case).unwrap_or(&facts.case);
        let person = draft.party(contact.party).unwrap_or(&facts.borrower);
        Ok(forbid(case, person, contact)
            || is_unlifted(contact, &facts.overrides)
            || self.is_visit_to_a_payer(case, contact).await?)
    }

    /// Whoever pays anything is not visited on the old terms.
    async fn is_visit_to_a_payer(&self, case: &Case, contact: &Contact) -> Done<bool> {
        if contact.class != ContactClass::Visit || case.payments.is_empty() {
            return Ok(false);
        }
        let filter = JournalFilter {
            tenant: Some(contact.tenant.clone()),
            case: Some(case.id),
            ..JournalFilter::default()
        };
        let journal = self.0.store.journal(&filter, 0, usize::MAX).await?;
        let told = journal.iter().map(|row| &row.entry.what);
        let mut since = told.skip_while(|what| !is_intent_of(what, contact));
        Ok(since.any(|what| {
            let What::Case { event, .. } = what else {
                return false;
            };
            matches!(event, CaseEvent::PaymentRecorded(_))
        }))
    }
}

fn is_intent_of(what: &What, contact: &Contact) -> bool {
    let intended = |event: &ContactEvent| matches!(event, ContactEvent::Intended(_));
    matches!(what, What::Contact { id, event, .. } if *id == contact.id && intended(event))
}

fn forbid(case: &Case, person: &Party, contact: &Contact) -> bool {
    let point = contact.point.and_then(|key| person.point(key));
    case.closed.is_some()
        || !case.pauses.is_empty()
        || person.forbids(&contact.into())
        || point.is_some_and(|p| p.state == PointState::WrongNumber)
}
