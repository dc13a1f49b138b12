//! What waits for a person, and other lists that are short enough to be read whole.

use crate::engine::Engine;
use crate::error::Done;
use crate::types::{CollectorPlain, PolicyView};
use jiff::Timestamp;
use recoup_domain::Case;
use recoup_domain::case::{Pause, PauseReason, WorklistReason, complaint_due};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, ContactId, TenantId};
use recoup_store::{CaseFilter, ContactFilter, StoredTemplate};
use std::sync::Arc;

/// Of each kind at most so many are looked at.
pub(crate) const LOOKED_AT_MAX: usize = 10_000;
/// Rows read at once.
const CHUNK: usize = 500;

/// One thing that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkItem {
    /// Why, in a word: `case_review`, `dispute`, `complaint`, `approval`, `unknown_contact`, `cancel_unknown`.
    pub reason: &'static str,
    /// One sentence for the person.
    pub text: String,
    /// Why somebody must look at the case; none but for `case_review`.
    pub review: Option<WorklistReason>,
    /// The case.
    pub case: CaseId,
    /// The contact it is about.
    pub contact: Option<ContactId>,
    /// Since when.
    pub since: Timestamp,
    /// By when it must be done.
    pub due: Option<Timestamp>,
}

impl Engine {
    /// What waits for a person, the oldest first.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn worklist(&self, tenant: &TenantId) -> Done<Vec<WorkItem>> {
        let mut all = Vec::new();
        let listed = CaseFilter {
            on_worklist: true,
            ..CaseFilter::default()
        };
        for case in self.some_cases(tenant, &listed).await? {
            let mut item = review(&case);
            if let Some(item) = &mut item
                && let Some(WorklistReason::NeverMade { class, .. }) = case.worklist
                && let Some(borrower) = self.0.store.party(tenant, case.borrower).await?
                && let Some(words) = borrower.stands_against(case.id, class)
            {
                item.text = format!("the borrower {words} ({})", item.text);
            }
            all.extend(item);
        }
        let paused = CaseFilter {
            status: Some("paused".to_owned()),
            ..CaseFilter::default()
        };
        for case in self.some_cases(tenant, &paused).await? {
            let borrower = self.0.store.party(tenant, case.borrower).await?;
            let zone = borrower.as_ref().map(|b| b.home_zone());
            for pause in &case.pauses {
                let due = zone.map(|zone| complaint_due(pause, zone));
                all.extend(objection(&case, pause, due));
            }
        }
        for (state, reason) in [
            (ContactState::Planned, "approval"),
            (ContactState::Unknown, "unknown_contact"),
            (ContactState::CancelUnknown, "cancel_unknown"),
        ] {
            let contacts = self.some_contacts(tenant, state).await?;
            let waiting = contacts
                .iter()
                .filter(|c| c.approved_by.is_none() || c.state != ContactState::Planned);
            all.extend(waiting.map(|c| doubt(c, reason)));
        }
        all.sort_by_key(|item| (item.since, item.case, item.contact));
        Ok(all)
    }

    pub(crate) async fn some_cases(
        &self,
        tenant: &TenantId,
        filter: &CaseFilter,
    ) -> Done<Vec<Case>> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map(|c: &Case| c.id);
            let page = self.0.store.cases(tenant, filter, after, CHUNK).await?;
            all.extend(page.rows);
            if !page.more || all.len() >= LOOKED_AT_MAX {
                return Ok(all);
            }
        }
    }

    async fn some_contacts(&self, tenant: &TenantId, state: ContactState) -> Done<Vec<Contact>> {
        let filter = ContactFilter {
            state: Some(state),
            ..ContactFilter::default()
        };
        let mut all = Vec::new();
        loop {
            let after = all.last().map(|c: &Contact| c.id);
            let page = self.0.store.contacts(tenant, &filter, after, CHUNK).await?;
            all.extend(page.rows);
            if !page.more || all.len() >= LOOKED_AT_MAX {
                return Ok(all);
            }
        }
    }

    /// All collectors of the lender, by the lender's own reference.
    ///
    /// # Errors
    /// Where the store fails, or personal data does not open.
    pub async fn collectors(&self, tenant: &TenantId) -> Done<Vec<(Collector, CollectorPlain)>> {
        let mut all = Vec::new();
        for collector in self.0.store.collectors(tenant).await? {
            let plain = self.collector_plain(&collector).await?;
            all.push((collector, plain));
        }
        all.sort_by(|(_, a), (_, b)| a.lender_ref.cmp(&b.lender_ref));
        Ok(all)
    }

    /// All policy versions of the lender by name, the newest first, but for the number of cases pinned to each.
    #[must_use]
    pub fn policy_versions(&self, tenant: &TenantId) -> Vec<PolicyView> {
        let library = &self.0.library;
        let view = |stored: recoup_store::StoredPolicy| {
            let compiled = library.policy(tenant, &stored.name, stored.version);
            let stages = compiled.map_or_else(Vec::new, |(_, policy)| {
                policy.stages().iter().map(|s| s.name.clone()).collect()
            });
            PolicyView {
                state: library.state(&stored),
                stages,
                pinned_cases: 0,
                stored,
            }
        };
        library.all_versions(tenant).into_iter().map(view).collect()
    }

    /// How many open cases are pinned to a policy version.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn pinned_cases(&self, tenant: &TenantId, name: &str, version: u32) -> Done<u64> {
        Ok(self.0.store.pinned_cases(tenant, name, version).await?)
    }

    /// The newest version of each template in each language, by name.
    #[must_use]
    pub fn templates(&self, tenant: &TenantId) -> Vec<Arc<StoredTemplate>> {
        self.0.library.newest_templates(tenant)
    }
}

fn review(case: &Case) -> Option<WorkItem> {
    Some(WorkItem {
        reason: "case_review",
        text: case.worklist.as_ref()?.to_string(),
        review: case.worklist.clone(),
        case: case.id,
        contact: None,
        since: case.worklist_since.unwrap_or(case.updated_at),
        due: None,
    })
}

fn objection(case: &Case, pause: &Pause, due: Option<Timestamp>) -> Option<WorkItem> {
    let (reason, text, due) = match pause.reason {
        PauseReason::Dispute => (
            "dispute",
            "the debt is disputed; somebody must settle it",
            None,
        ),
        PauseReason::Complaint => ("complaint", "a complaint waits for its answer", due),
        PauseReason::Hold | PauseReason::Promise | PauseReason::Plan | PauseReason::Hardship => {
            return None;
        }
    };
    Some(WorkItem {
        reason,
        text: text.to_owned(),
        review: None,
        case: case.id,
        contact: None,
        since: pause.since,
        due,
    })
}

fn doubt(contact: &Contact, reason: &'static str) -> WorkItem {
    let what = format!("{} `{}`", contact.class, contact.template);
    let text = match contact.state {
        ContactState::Planned => format!("{what} waits for a person's approval"),
        ContactState::Unknown => format!("nobody knows whether {what} was sent"),
        _ => format!("nobody knows whether {what} was called off"),
    };
    let since = contact
        .states
        .last()
        .map_or(contact.planned_at, |(_, at)| *at);
    WorkItem {
        reason,
        text,
        review: None,
        case: contact.id.case,
        contact: Some(contact.id),
        since,
        due: None,
    }
}
