//! Collectors.

use super::{Decided, check_etag};
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CollectorInput, CollectorPlain, Encode, OverCollector};
use crate::vault::{DataKey, VaultError};
use recoup_domain::collector::{Collector, Credential};
use recoup_domain::ids::CollectorId;
use recoup_domain::journal::filed_under;
use recoup_store::{Guard, Write};
use std::sync::Arc;

/// Where a collector's sealed data belongs.
const COLLECTOR_PLACE: &str = "collector.sealed";

/// A collector as a caller sees it.
#[derive(Clone, Debug)]
pub struct CollectorView {
    /// The collector.
    pub collector: Collector,
    /// What is sealed in it.
    pub plain: CollectorPlain,
    /// Whether the command made it.
    pub created: bool,
}

impl Engine {
    /// Makes a collector, or takes over what the lender says of one now. `over` may lay what was told over what
    /// is there: it is asked anew where the collector was changed before this is written.
    ///
    /// # Errors
    /// NotFound for an id that is not there; Stale where somebody else wrote in between.
    pub async fn upsert_collector(
        &self,
        who: &Caller,
        told: CollectorInput,
        over: OverCollector<'_>,
        encode: Encode<'_, CollectorView>,
    ) -> Done<Answered<CollectorView>> {
        let id = told.id.unwrap_or_else(|| self.collector_id(who, &told));
        let done = self.command(who, encode, || async {
            let known = self.0.store.collector(&who.tenant, id).await?;
            if known.is_none() && told.id.is_some() {
                return Err(CommandError::NotFound {
                    what: "collector",
                    id: id.to_string(),
                });
            }
            let seen = match &known {
                Some(known) => Some(self.collector_plain(known).await?),
                None => None,
            };
            let input = over(told.clone(), known.as_ref().zip(seen.as_ref()));
            let version = known.as_ref().map_or(0, |c| c.version);
            check_etag("collector", input.etag.as_deref(), version)?;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            draft.guard(Guard::Collector(id, version));
            let key = self.collector_key(&mut draft, id, known.is_some()).await?;
            let collector = collector_of(who, id, version + 1, &input, &key)?;
            draft.write(Write::Collector(Box::new(collector.clone())));
            draft.collector(&collector);
            let result = CollectorView {
                collector,
                plain: plain_of(&input),
                created: known.is_none(),
            };
            Ok(Decided { draft, result, key })
        });
        let done = done.await?;
        if let Answered::Now(view) = &done {
            let before = self.0.library.take_collector(view.collector.clone());
            if before.is_none_or(|before| !visits_alike(&before, &view.collector)) {
                self.look_again(&who.tenant);
            }
        }
        Ok(done)
    }

    /// The key of a collector; a new one goes on the draft.
    async fn collector_key(
        &self,
        draft: &mut Draft,
        id: CollectorId,
        is_known: bool,
    ) -> Done<Arc<DataKey>> {
        if is_known {
            return self.0.keys.of(filed_under(id.to_bytes())).await;
        }
        let (key, wrapped) = self.0.vault.new_key(filed_under(id.to_bytes()))?;
        draft.write(Write::PartyKey(filed_under(id.to_bytes()), wrapped));
        Ok(Arc::new(key))
    }

    /// A collector named by the lender's reference alone always has the same id.
    fn collector_id(&self, who: &Caller, input: &CollectorInput) -> CollectorId {
        if input.lender_ref.is_empty() {
            return self.0.ids.collector();
        }
        CollectorId::from_bytes(
            self.0
                .vault
                .keyed(&who.tenant, "collector", &input.lender_ref)
                .0,
        )
    }

    /// What is sealed of a collector, in the open.
    ///
    /// # Errors
    /// Where it does not open.
    pub async fn collector_plain(&self, collector: &Collector) -> Done<CollectorPlain> {
        let key = self.0.keys.of(filed_under(collector.id.to_bytes())).await?;
        let bytes = key.open(COLLECTOR_PLACE, &collector.sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| VaultError::Forged(COLLECTOR_PLACE).into())
    }
}

/// Whether what counts for visits is the same.
fn visits_alike(one: &Collector, other: &Collector) -> bool {
    (&one.credentials, &one.regions, one.active)
        == (&other.credentials, &other.regions, other.active)
}

fn collector_of(
    who: &Caller,
    id: CollectorId,
    version: u64,
    input: &CollectorInput,
    key: &DataKey,
) -> Done<Collector> {
    let plain = serde_json::to_vec(&plain_of(input)).unwrap_or_default();
    let credential = |(kind, _, until): &(String, String, jiff::Timestamp)| Credential {
        kind: kind.clone(),
        valid_until: *until,
    };
    Ok(Collector {
        id,
        tenant: who.tenant.clone(),
        version,
        credentials: input.credentials.iter().map(credential).collect(),
        languages: input.languages.clone(),
        regions: input.regions.clone(),
        active: input.active,
        sealed: key.seal(COLLECTOR_PLACE, &plain)?,
    })
}

fn plain_of(input: &CollectorInput) -> CollectorPlain {
    CollectorPlain {
        lender_ref: input.lender_ref.clone(),
        display_name: input.display_name.clone(),
        numbers: input
            .credentials
            .iter()
            .map(|(_, number, _)| number.clone())
            .collect(),
    }
}
