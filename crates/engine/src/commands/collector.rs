//! Collectors.

use super::check_etag;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, CollectorInput, CollectorPlain, Encode};
use crate::vault::VaultError;
use recoup_domain::collector::{Collector, Credential};
use recoup_domain::ids::{CollectorId, PartyId};
use recoup_store::{Guard, Write};

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
    /// Makes a collector, or takes over what the lender says of one now.
    ///
    /// # Errors
    /// NotFound for an id that is not there; Stale where somebody else wrote in between.
    pub async fn upsert_collector(
        &self,
        who: &Caller,
        input: CollectorInput,
        encode: Encode<'_, CollectorView>,
    ) -> Done<Answered<CollectorView>> {
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let id = input.id.unwrap_or_else(|| self.collector_id(who, &input));
        for _ in 0..super::ATTEMPTS_MAX {
            let known = self.0.store.collector(&who.tenant, id).await?;
            if known.is_none() && input.id.is_some() {
                return Err(CommandError::NotFound {
                    what: "collector",
                    id: id.to_string(),
                });
            }
            let version = known.as_ref().map_or(0, |c| c.version);
            check_etag("collector", input.etag.as_deref(), version)?;
            let (collector, wrapped) = self
                .collector(who, id, version, known.as_ref(), &input)
                .await?;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            draft.guard(Guard::Collector(id, version));
            if let Some(wrapped) = wrapped {
                draft.write(Write::PartyKey(key_id(id), wrapped));
            }
            draft.write(Write::Collector(Box::new(collector.clone())));
            draft.service_event("collector_upserted", id.to_string());
            let view = CollectorView {
                collector: collector.clone(),
                plain: plain_of(&input),
                created: known.is_none(),
            };
            if let Some(done) = self.commit_command(who, draft, view, encode).await? {
                self.0.library.take_collector(collector);
                return Ok(done);
            }
        }
        Err(CommandError::Contended)
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

    async fn collector(
        &self,
        who: &Caller,
        id: CollectorId,
        version: u64,
        known: Option<&Collector>,
        input: &CollectorInput,
    ) -> Done<(Collector, Option<Vec<u8>>)> {
        let (key, wrapped) = match known {
            Some(_) => (self.0.keys.of(key_id(id)).await?, None),
            None => {
                let (key, wrapped) = self.0.vault.new_key(key_id(id))?;
                (std::sync::Arc::new(key), Some(wrapped))
            }
        };
        let plain = serde_json::to_vec(&plain_of(input)).unwrap_or_default();
        let credential = |(kind, _, until): &(String, String, jiff::Timestamp)| Credential {
            kind: kind.clone(),
            valid_until: *until,
        };
        let collector = Collector {
            id,
            tenant: who.tenant.clone(),
            version: version + 1,
            credentials: input.credentials.iter().map(credential).collect(),
            languages: input.languages.clone(),
            regions: input.regions.clone(),
            active: input.active,
            sealed: key.seal(COLLECTOR_PLACE, &plain)?,
        };
        Ok((collector, wrapped))
    }

    /// What is sealed of a collector, in the open.
    ///
    /// # Errors
    /// Where it does not open.
    pub async fn collector_plain(&self, collector: &Collector) -> Done<CollectorPlain> {
        let key = self.0.keys.of(key_id(collector.id)).await?;
        let bytes = key.open(COLLECTOR_PLACE, &collector.sealed)?;
        serde_json::from_slice(&bytes).map_err(|_| VaultError::Forged(COLLECTOR_PLACE).into())
    }
}

/// A collector's data key lies beside those of parties, under the collector's own id.
fn key_id(id: CollectorId) -> PartyId {
    PartyId::from_bytes(id.to_bytes())
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
