//! Copies of the store: one is made; what happened since one is reconciled.

use super::Decided;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, Encode};
use jiff::Timestamp;
use recoup_store::{Copied, CopyTo, Scope, Switch, Write};

impl Engine {
    /// Makes a copy of the store while it is used.
    ///
    /// # Errors
    /// Copy where it cannot be made: nothing is left then that looks like one.
    pub async fn copy_store(
        &self,
        who: &Caller,
        to: &CopyTo,
        encode: Encode<'_, Copied>,
    ) -> Done<Answered<Copied>> {
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let copied = self.0.store.copy_to(to).await?;
        self.command(who, encode, || async {
            let key = self.0.keys.nobodys();
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            draft.service_event("store_copied", copied.name.clone());
            let result = copied.clone();
            Ok(Decided { draft, result, key })
        })
        .await
    }

    /// Lets contacts go again after a restore: what the carriers took since the copy was compared. Cases that are
    /// held stay so. Said again, it is on record again and changes nothing.
    ///
    /// # Errors
    /// NotRestored where the store never was a copy.
    pub async fn confirm_reconciled(
        &self,
        who: &Caller,
        reason: &str,
        encode: Encode<'_, Timestamp>,
    ) -> Done<Answered<Timestamp>> {
        self.command(who, encode, || async {
            let last = self.0.histories.restored.last();
            let last = last.ok_or(CommandError::NotRestored)?;
            let key = self.0.keys.nobodys();
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let result = draft.now;
            let told = format!("{reason} (history {})", last.history);
            draft.service_event("store_reconciled", told);
            draft.write(Write::Switch(Switch {
                scope: Scope::Restored,
                paused: false,
                reason: reason.to_owned(),
                tenant: who.tenant.clone(),
                by: who.principal.clone(),
                at: result,
            }));
            Ok(Decided { draft, result, key })
        })
        .await
    }
}
