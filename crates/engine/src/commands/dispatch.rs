//! Switches: stop everything, a lender, or a channel. And the word of an operator that the clock is right.

use super::Decided;
use crate::clock_guard::Reading;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::status::ClockStatus;
use crate::types::{Answered, Caller, Encode};
use recoup_store::{Scope, Switch, Write};

/// A clock that was accepted, and what was seen of it then.
struct Accepted {
    status: ClockStatus,
    seen: Option<Reading>,
}

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

    /// Accepts the wall clock as it is, on record; what it held back goes on.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn accept_clock(
        &self,
        who: &Caller,
        reason: String,
        encode: Encode<'_, ClockStatus>,
    ) -> Done<Answered<ClockStatus>> {
        let encode_status = |accepted: &Accepted| encode(&accepted.status);
        let done = self.command(who, &encode_status, || async {
            let found = self.clock_guard();
            let key = self.0.keys.nobodys();
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let trouble = found.and_then(|guard| guard.trouble());
            let trouble = trouble.map_or_else(|| "the clock was trusted".into(), |t| t.to_string());
            draft.service_event("clock_accepted", format!("{reason} ({trouble})"));
            for tenant in self.0.tenants.keys() {
                // Those that were held back, on a clock that may stand for a while.
                draft.write(Write::WakeAll(tenant.clone(), draft.now));
            }
            let seen = found.map(|guard| guard.seen());
            let after = found.map(|guard| guard.accept(guard.seen()));
            let status = ClockStatus {
                now: after.map_or(draft.now, |guard| guard.now()),
                trouble: after.and_then(|guard| guard.trouble()),
            };
            let result = Accepted { status, seen };
            Ok(Decided { draft, result, key })
        });
        let done = done.await?;
        if let Answered::Now(accepted) = &done
            && let (Some(wall), Some(seen)) = (self.0.wall.guarded(), accepted.seen)
        {
            // Not before it is on record.
            wall.accept(seen);
            self.0.wake.notify_one();
        }
        Ok(done.map(|accepted| accepted.status))
    }

    async fn switch(
        &self,
        who: &Caller,
        scope: Scope,
        paused: bool,
        reason: String,
        encode: Encode<'_, Vec<Switch>>,
    ) -> Done<Answered<Vec<Switch>>> {
        let event = match paused {
            true => "dispatch_paused",
            false => "dispatch_resumed",
        };
        self.command(who, encode, || async {
            self.must_know(&scope)?;
            let key = self.0.keys.nobodys();
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let mut result = self.0.store.switches().await?;
            let held = |s: &Switch| s.paused && s.scope == scope && s.tenant != who.tenant;
            if paused && result.iter().any(held) {
                // It is paused already, and stays the stop of whoever laid it.
                result.retain(|s| s.paused);
                return Ok(Decided { draft, result, key });
            }
            let switch = Switch {
                scope: scope.clone(),
                paused,
                reason: reason.clone(),
                tenant: who.tenant.clone(),
                by: who.principal.clone(),
                at: draft.now,
            };
            result.retain(|s| s.paused && s.scope != scope);
            result.extend(Some(switch.clone()).filter(|s| s.paused));
            draft.service_event(event, format!("{scope:?}"));
            draft.write(Write::Switch(switch));
            Ok(Decided { draft, result, key })
        })
        .await
    }

    fn must_know(&self, scope: &Scope) -> Done<()> {
        match scope {
            Scope::All | Scope::Restored => Ok(()),
            Scope::Tenant { tenant } => self.tenant(tenant).map(|_| ()),
            Scope::Channel { channel } if self.0.channels.class(channel).is_some() => Ok(()),
            Scope::Channel { channel } => Err(CommandError::NotFound {
                what: "channel",
                id: channel.clone(),
            }),
        }
    }
}
