//! What an operator sees on one screen.

use crate::channels::ChannelInfo;
use crate::clock_guard::Trouble;
use crate::commands::worklist::LOOKED_AT_MAX;
use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_decide::Action;
use recoup_domain::Case;
use recoup_domain::ids::TenantId;
use recoup_store::{CaseFilter, Room, Scope, StoreStatus, Switch};
use std::collections::BTreeMap;

/// How the clock is.
#[derive(Clone, Copy, Debug)]
pub struct ClockStatus {
    /// Now, by it.
    pub now: Timestamp,
    /// Why no contact leaves, where that is the clock.
    pub trouble: Option<Trouble>,
}

/// Counts and states of the running service.
#[derive(Clone, Debug)]
pub struct EngineStatus {
    /// The policy clock.
    pub clock: ClockStatus,
    /// Switches that are off.
    pub switches: Vec<Switch>,
    /// The process sends nothing any more: it is going down, or the stepped clock has ended.
    pub halted: bool,
    /// Counts of the lender.
    pub store: StoreStatus,
    /// The store's kind.
    pub store_kind: &'static str,
    /// How its disk is, where that is known.
    pub room: Option<Room>,
    /// The channels.
    pub channels: Vec<ChannelInfo>,
}

impl Engine {
    /// What the service is doing, with the counts of one lender.
    ///
    /// # Errors
    /// NotFound for a tenant that is not configured; Store where the store fails.
    pub async fn status(&self, tenant: &TenantId) -> Done<EngineStatus> {
        self.tenant(tenant)?;
        let now = self.0.wall.now();
        Ok(EngineStatus {
            clock: ClockStatus {
                now,
                trouble: self.clock_trouble(),
            },
            switches: self.0.store.switches().await?,
            halted: self.is_halted(),
            store: self.0.store.status(tenant, now).await?,
            store_kind: self.0.store.name(),
            room: self.room().await,
            channels: self.channels(),
        })
    }

    /// Cases whose contact would go now, were dispatch not paused.
    async fn held_by_dispatch(&self, cases: &[Case]) -> Done<u64> {
        let switches = self.0.store.switches().await?;
        if !switches.iter().any(|s| s.paused) {
            return Ok(0);
        }
        let now = self.0.wall.now();
        let mut held = 0;
        let running: Vec<_> = cases.iter().filter(|c| c.pauses.is_empty()).collect();
        for some in running.chunks(256) {
            let ids: Vec<_> = some.iter().map(|c| c.id).collect();
            for facts in self.0.store.facts(&ids).await? {
                // A case that cannot be decided is on the worklist, and counted there.
                let Ok(world) = self.world(&facts.case, &facts).await else {
                    continue;
                };
                let decision = {
                    let input = world.input(&facts.case, &facts);
                    recoup_decide::step(&input, now, &mut recoup_decide::NoTrace::default())
                };
                let Action::Contact(plan) = decision.action else {
                    continue;
                };
                let stage = &world.policy.stages()[usize::from(plan.stage)];
                let channel = &stage.steps[usize::from(plan.step)].channel;
                let covers = |s: &Switch| match &s.scope {
                    Scope::All | Scope::Restored => s.paused,
                    Scope::Tenant { tenant } => s.paused && *tenant == facts.case.tenant,
                    Scope::Channel { channel: of } => s.paused && of == channel,
                };
                held += u64::from(!plan.needs_approval && switches.iter().any(covers));
            }
        }
        Ok(held)
    }

    /// What does not go on by itself, by reason, in cases (approvals in contacts): what pauses it (`hold`, `dispute`
    /// …), the rule that refused its last wish for a contact, `approval`, `case_review`, `dispatch_paused`. Where a lender has too many
    /// cases to look at each, `paused` stands for all pauses, and rules are not told.
    ///
    /// # Errors
    /// Store where the store fails.
    pub async fn blocked(
        &self,
        tenant: &TenantId,
        counts: &StoreStatus,
    ) -> Done<BTreeMap<String, u64>> {
        let count = |all: &[(String, u64)], name: &str| {
            let found = all.iter().find(|(n, _)| n == name);
            found.map_or(0, |(_, n)| *n)
        };
        let mut blocked = BTreeMap::new();
        blocked.insert("approval".to_owned(), count(&counts.contacts, "PLANNED"));
        blocked.insert("case_review".to_owned(), counts.worklist);
        for status in ["paused", "open", "legal"] {
            let cases = count(&counts.cases, status);
            if cases > LOOKED_AT_MAX as u64 {
                if status == "paused" {
                    blocked.insert(status.to_owned(), cases);
                }
            } else if cases > 0 {
                let filter = CaseFilter {
                    status: Some(status.to_owned()),
                    ..CaseFilter::default()
                };
                let cases = self.some_cases(tenant, &filter).await?;
                let held = self.held_by_dispatch(&cases).await?;
                if held > 0 {
                    *blocked.entry("dispatch_paused".to_owned()).or_default() += held;
                }
                for case in cases {
                    let pause = case.pauses.first().map(|p| p.reason.name().to_owned());
                    let why = pause.or_else(|| Some(case.last_denial?.rule));
                    why.into_iter()
                        .for_each(|why| *blocked.entry(why).or_default() += 1);
                }
            }
        }
        blocked.retain(|_, n| *n > 0);
        Ok(blocked)
    }
}
