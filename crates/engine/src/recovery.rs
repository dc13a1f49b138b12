//! After a crash, of this process before or of another one on the same store: what was in flight is doubtful, what was to be called off is asked again, and every case
//! that nobody would wake is scheduled.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::stops::alarm_for_sending;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::journal::ContactEvent;
use recoup_store::{CommitError, StoreError};

/// How many contacts are looked after at a time.
const BATCH: usize = 1_024;

impl Engine {
    /// Looks after what a process left behind that is gone: a contact whose intent stands without an
    /// outcome may have been sent, so it is UNKNOWN and never sent again on its own.
    pub(crate) async fn recover(&self) -> Result<(), StoreError> {
        let mut doubtful = 0;
        loop {
            let left = self
                .0
                .store
                .contacts_left_in(ContactState::Dispatching, BATCH)
                .await?;
            if left.is_empty() {
                break;
            }
            for contact in &left {
                self.doubt(contact).await?;
            }
            doubtful += left.len();
        }
        if doubtful > 0 {
            tracing::warn!(
                doubtful,
                "contacts were in flight when their process ended; they are UNKNOWN"
            );
        }
        let cancelling = self
            .0
            .store
            .contacts_left_in(ContactState::Cancelling, usize::MAX >> 1)
            .await?;
        self.call_off(cancelling);
        Ok(())
    }

    async fn doubt(&self, contact: &Contact) -> Result<(), StoreError> {
        let Some(facts) = self.0.store.facts(&[contact.id.case]).await?.pop() else {
            return Ok(());
        };
        let mut draft: Draft = self.draft_on(&facts, "recovery");
        draft.hold_contact(contact.clone());
        let held = self.hold_person(&mut draft, contact).await;
        held.map_err(|e| StoreError::Refused(e.to_string()))?;
        draft.contact_event(
            contact.id,
            ContactEvent::Moved {
                to: ContactState::Unknown,
            },
        );
        // What it was permitted by may be gone, and what forbids it may have come while it was in flight: a person
        // must hear of it.
        let overtaken = self.is_overtaken(&draft, &facts, contact).await;
        let overtaken = overtaken.map_err(|e| StoreError::Refused(e.to_string()))?;
        if overtaken && draft.now < contact.effect.to {
            alarm_for_sending(&mut draft, contact.id.case);
        }
        self.schedule_next(&mut draft, &facts).await;
        let (change, _) = draft.finish();
        match self.0.store.commit(change).await {
            Ok(_) | Err(CommitError::Stale(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
            Err(error) => Err(StoreError::Refused(error.to_string())),
        }
    }
}
