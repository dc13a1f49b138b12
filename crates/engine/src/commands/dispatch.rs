//! Switches: stop everything, a lender, or a channel.

use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, Encode};
use recoup_store::{Scope, Switch, Write};

impl Engine {
    /// Stops dispatch in a scope: from the answer on, no new intent is written in it.
    ///
    /// # Errors
    /// NotFound for a channel or lender that is not there.
    pub async fn pause_dispatch(
        &self,
        who: &Caller,
        scope: Scope,
        reason: String,
        encode: Encode<'_, Vec<Switch>>,
    ) -> Done<Answered<Vec<Switch>>> {
        self.switch(who, scope, true, reason, encode).await
    }

    /// Lets dispatch go on in a scope.
    ///
    /// # Errors
    /// NotFound for a channel or lender that is not there.
    pub async fn resume_dispatch(
        &self,
        who: &Caller,
        scope: Scope,
        reason: String,
        encode: Encode<'_, Vec<Switch>>,
    ) -> Done<Answered<Vec<Switch>>> {
        self.switch(who, scope, false, reason, encode).await
    }

    async fn switch(
        &self,
        who: &Caller,
        scope: Scope,
        paused: bool,
        reason: String,
        encode: Encode<'_, Vec<Switch>>,
    ) -> Done<Answered<Vec<Switch>>> {
        let _work = self.0.activity.begin();
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        self.must_know(&scope)?;
        for _ in 0..super::ATTEMPTS_MAX {
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let switch = Switch {
                scope: scope.clone(),
                paused,
                reason: reason.clone(),
                tenant: who.tenant.clone(),
                by: who.principal.clone(),
                at: draft.now,
            };
            let mut off = self.0.store.switches().await?;
            let held = |s: &&Switch| s.paused && s.scope == scope && s.tenant != who.tenant;
            if paused && off.iter().any(|s| held(&s)) {
                // It is paused already, and stays the stop of whoever laid it.
                off.retain(|s| s.paused);
                if let Some(done) = self.commit_command(who, draft, off, encode).await? {
                    return Ok(done);
                }
                continue;
            }
            off.retain(|s| s.paused && s.scope != scope);
            off.extend(Some(switch.clone()).filter(|s| s.paused));
            let event = if paused {
                "dispatch_paused"
            } else {
                "dispatch_resumed"
            };
            draft.service_event(event, format!("{scope:?}"));
            draft.write(Write::Switch(switch));
            if let Some(done) = self.commit_command(who, draft, off, encode).await? {
                return Ok(done);
            }
        }
        Err(CommandError::Contended)
    }

    fn must_know(&self, scope: &Scope) -> Done<()> {
        match scope {
            Scope::All => Ok(()),
            Scope::Tenant { tenant } => self.tenant(tenant).map(|_| ()),
            Scope::Channel { channel } if self.0.channels.get(channel).is_some() => Ok(()),
            Scope::Channel { channel } => Err(CommandError::NotFound {
                what: "channel",
                id: channel.clone(),
            }),
        }
    }
}
