//! Whom a contact by hand is with: the borrower, or somebody named in the case who owes nothing and is asked where
//! the borrower is.

use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::settle::WRITES_MAX;
use crate::types::{Caller, PartyName};
use recoup_compliance::Purpose;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::CaseId;
use recoup_domain::party::{Party, Relation};
use recoup_domain::past::PastContact;
use recoup_store::Facts;

/// Who is contacted.
pub(super) struct Whom {
    /// The person.
    pub(super) party: Party,
    /// What they are to the debt.
    pub(super) relation: Relation,
    /// All contacts with them.
    pub(super) past: Vec<PastContact>,
}

impl Whom {
    /// Why they are contacted: of who owes nothing, only where the borrower is can be asked.
    pub(super) const fn purpose(&self) -> Purpose {
        match Reader::of(self.relation) {
            Reader::Obligor => Purpose::Ordinary,
            Reader::ThirdParty => Purpose::LocationInformation,
        }
    }
}

impl Engine {
    /// Who a contact by hand is with, where that is somebody it can be with.
    pub(super) async fn whom(
        &self,
        who: &Caller,
        facts: &Facts,
        name: Option<&PartyName>,
        class: ContactClass,
    ) -> Done<Whom> {
        let found = match name {
            None => None,
            Some(name) => Some(self.find_party(&who.tenant, name).await?),
        };
        let Some(party) = found.filter(|p| p.id != facts.borrower.id) else {
            return Ok(Whom {
                party: facts.borrower.clone(),
                relation: Relation::Borrower,
                past: facts.contacts.clone(),
            });
        };
        let mut named = facts.case.parties.iter();
        let Some(relation) = named.find(|p| p.party == party.id).map(|p| p.relation) else {
            let problem = "is not named in the case; by hand its borrower is contacted, or a third party of it";
            return Err(invalid("party", problem));
        };
        if relation.is_obligor() {
            let problem = "a guarantor is not contacted by hand; the borrower is, or a third party of the case";
            return Err(invalid("party", problem));
        }
        if matches!(class, ContactClass::Visit | ContactClass::Legal) {
            let problem =
                "nobody but the borrower is visited; a third party has sms, phone and email";
            return Err(invalid("channel", problem));
        }
        if party.refused {
            let reasons = vec!["the person asked not to be contacted".to_owned()];
            return Err(CommandError::Denied {
                reasons,
                earliest: None,
            });
        }
        Ok(Whom {
            relation,
            past: self.past_of(&who.tenant, party.id).await?,
            party,
        })
    }

    /// Puts on record that a text was held back, and the case before a person, unless one must look at it already for
    /// a reason of its own.
    pub(super) async fn withheld(&self, who: &Caller, id: CaseId, why: &str) -> Done<()> {
        for _ in 0..WRITES_MAX {
            let facts = self.facts_for(who, id).await?;
            let listed = facts.case.worklist.as_ref();
            if listed.is_some_and(|other| !other.is_of_steps()) {
                return Ok(());
            }
            let mut draft = self.draft_on(&facts, &who.principal);
            draft.list(id, WorklistReason::HandHeld { why: why.into() });
            if self.commit_draft(draft).await? {
                return Ok(());
            }
        }
        Err(CommandError::Contended)
    }
}

fn invalid(field: &str, problem: &str) -> CommandError {
    CommandError::Invalid(vec![Violation::new(field, problem)])
}
