//! What a replay of a policy reads of the live portfolio. Nothing is written.

use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::intent::{VISIT_HORIZON, waiting};
use crate::lifts::lifts;
use crate::many::take_turns;
use recoup_compliance::Packs;
use recoup_decide::Waiting;
use recoup_domain::case::PolicyPin;
use recoup_domain::ids::{CaseId, PartyId, TenantId};
use recoup_domain::overrides::Lift;
use recoup_policy::diff::Matching;
use recoup_policy::{Names, Policy};
use recoup_store::{Facts, StoredPolicy};
use std::sync::Arc;

/// A case as the planner would see it now.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// The case, its borrower and all contacts of that person.
    pub facts: Facts,
    /// Its contacts that wait for approval.
    pub waiting: Vec<Waiting>,
    /// Presumptions that are lifted for it.
    pub lifts: Vec<Lift>,
    /// How many collectors could visit the borrower.
    pub visitors: u8,
}

impl Engine {
    /// What a policy of the lender may name, and so which channels are there.
    #[must_use]
    pub fn names(&self, tenant: &TenantId) -> Names {
        self.0.library.names(tenant)
    }

    /// Compiles a text that is not stored.
    ///
    /// # Errors
    /// PolicyFaults.
    pub fn compile(&self, tenant: &TenantId, text: &str) -> Done<Policy> {
        let compiled = self.0.library.check(tenant, text);
        compiled.map_err(CommandError::PolicyFaults)
    }

    /// A stored version, compiled.
    ///
    /// # Errors
    /// NotFound.
    pub fn compiled(
        &self,
        tenant: &TenantId,
        name: &str,
        version: u32,
    ) -> Done<(StoredPolicy, Arc<Policy>)> {
        let found = self.0.library.policy(tenant, name, version);
        found.ok_or_else(|| CommandError::NotFound {
            what: "policy",
            id: format!("{name}@{version}"),
        })
    }

    /// What became of the steps of a stored version in `policy`, as a migration without a word on stages would have it;
    /// none for a version that is not there.
    #[must_use]
    pub fn became(&self, tenant: &TenantId, pin: &PolicyPin, policy: &Policy) -> Option<Matching> {
        let (_, before) = self.0.library.policy(tenant, &pin.name, pin.version)?;
        let stages = Matching::by_name(&before, policy);
        Some(Matching::with(&before, policy, stages))
    }

    /// The packs in force and the SHA-256 of a policy's text, as pins have it.
    #[must_use]
    pub fn law_and_hash(&self, text: &str) -> (Packs, String) {
        let hash = crate::intent::sha256_hex(text.as_bytes());
        (self.0.library.packs().clone(), hash)
    }

    /// The open cases of a lender, each with its borrower.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn open_cases(&self, tenant: &TenantId) -> Done<Vec<(PartyId, CaseId)>> {
        let mut all = Vec::new();
        let mut walk = self.walk_open_cases(tenant);
        while let Some(page) = walk.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// Cases as the planner would see them now, in the order of their ids; those that closed meanwhile are left out.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn portraits(&self, cases: &[CaseId]) -> Done<Vec<Portrait>> {
        let now = self.0.wall.now();
        let horizon = now.saturating_add(VISIT_HORIZON).unwrap_or(now);
        let mut all = self.facts_of_many(cases).await?;
        all.retain(|facts| facts.case.closed.is_none());
        all.sort_by_key(|facts| facts.case.id);
        let mut portraits = Vec::with_capacity(all.len());
        for (n, facts) in all.into_iter().enumerate() {
            take_turns(n).await;
            let rows = self.waiting_of(&facts.case, &facts).await?;
            let waiting = rows.iter().filter_map(waiting);
            let visitors = self.0.library.visitors(&facts.borrower, horizon).len();
            portraits.push(Portrait {
                waiting: waiting.collect(),
                lifts: lifts(&facts.overrides).collect(),
                visitors: u8::try_from(visitors).unwrap_or(u8::MAX),
                facts,
            });
        }
        Ok(portraits)
    }
}
