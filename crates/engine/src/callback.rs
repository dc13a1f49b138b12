//! Call-backs of providers: whose contact it is, is settled by the address before a channel reads a byte.

use crate::beside::seal_raw;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::figures::Operation;
use crate::results::Told;
use crate::settle::{self, Evidence};
use jiff::Timestamp;
use recoup_channel::wire::{Inbound, OutcomeReport, RawCallback, Reply, inbound};
use recoup_channel::{Call, ChannelError};
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{ContactId, TenantId};
use std::time::Duration;
use std::time::Instant;

/// How long a report waits for the answer to the submit that it overtook.
const SUBMIT_WAIT: Duration = Duration::from_millis(20);
/// How often it looks.
const SUBMIT_LOOKS: usize = 500;

/// Where a call-back came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackTarget {
    /// At a contact's own address: the token in it.
    Contact(String),
    /// At a provider account's fixed address: the path in it.
    Account(String),
}

/// What to answer a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Its media type.
    pub media_type: String,
}

impl CallbackAnswer {
    fn plain(status: u16) -> Self {
        Self {
            status,
            body: Vec::new(),
            media_type: "text/plain".to_owned(),
        }
    }
}

impl Engine {
    /// Takes a call-back: what it says is durable when this answers.
    ///
    /// # Errors
    /// Where the store fails; the provider is to call again.
    pub async fn callback(
        &self,
        target: &CallbackTarget,
        mut raw: RawCallback,
    ) -> Done<CallbackAnswer> {
        let _work = self.0.activity.begin();
        let Some((tenant, channel, contact)) = self.whose(target).await? else {
            return Ok(CallbackAnswer::plain(404));
        };
        let lane = match &contact {
            Some(contact) => self.0.channels.of(contact),
            None => self.0.channels.live(&channel),
        };
        let Some(lane) = lane else {
            return Ok(CallbackAnswer::plain(503));
        };
        raw.received_at_unix_ms = self.0.wall.now().as_millisecond();
        // As the carrier knows it, and signs over it, whatever a proxy made of it on the way.
        raw.url = format!("{}{}", self.0.options.callback_base_url, raw.path);
        raw.contact_id = contact
            .as_ref()
            .map_or_else(String::new, |c| c.id.to_string());
        if let CallbackTarget::Account(path) = target {
            raw.account.clone_from(path);
        }
        let call = Call::new(self.0.options.call_timeout, self.0.channel_clock.clone());
        let room = lane.wait_for_callback_room().await;
        let begun = Instant::now();
        let parsed = lane.handle.channel.parse_callback(&call, raw.clone()).await;
        self.note_call(&channel, Operation::Callback, begun);
        drop(room);
        let inbounds = match parsed {
            Ok(inbounds) => inbounds,
            Err(error) => {
                tracing::warn!(channel, kind = error.kind(), "a call-back was not taken");
                let refused = matches!(
                    error,
                    ChannelError::Rejected { .. } | ChannelError::Permanent { .. }
                );
                return Ok(CallbackAnswer::plain(if refused { 400 } else { 503 }));
            }
        };
        for inbound in &inbounds.items {
            self.take_inbound(&tenant, &channel, contact.as_ref(), inbound, &raw.body)
                .await?;
        }
        let media_type = match inbounds.answer_media_type.as_str() {
            "" => "text/plain".to_owned(),
            given => given.to_owned(),
        };
        Ok(CallbackAnswer {
            status: 200,
            body: inbounds.answer,
            media_type,
        })
    }

    async fn whose(
        &self,
        target: &CallbackTarget,
    ) -> Done<Option<(TenantId, String, Option<Contact>)>> {
        match target {
            CallbackTarget::Contact(token) => {
                let Some(id) = self.0.vault.read_token(token) else {
                    return Ok(None);
                };
                let Some(facts) = self.facts_of(id.case).await? else {
                    return Ok(None);
                };
                let contact = self.0.store.contact(&facts.case.tenant, id).await?;
                Ok(contact.map(|c| (c.tenant.clone(), c.channel.clone(), Some(c))))
            }
            CallbackTarget::Account(path) => Ok(self
                .accounts()
                .find(|(_, _, p)| p == path)
                .map(|(tenant, channel, _)| (tenant, channel, None))),
        }
    }

    /// The fixed call-back paths: one for each lender and channel.
    pub fn accounts(&self) -> impl Iterator<Item = (TenantId, String, String)> + '_ {
        self.0.tenants.keys().flat_map(move |tenant| {
            self.0.channels.list().into_iter().map(move |c| {
                let path = self.0.vault.account_path(tenant, &c.handle.name);
                (tenant.clone(), c.handle.name, path)
            })
        })
    }

    async fn take_inbound(
        &self,
        tenant: &TenantId,
        channel: &str,
        contact: Option<&Contact>,
        inbound: &Inbound,
        raw: &[u8],
    ) -> Done<()> {
        match &inbound.what {
            Some(inbound::What::Report(report)) => {
                self.take_report(tenant, channel, contact, report, raw)
                    .await
            }
            Some(inbound::What::Reply(reply)) => self.take_reply(tenant, channel, reply).await,
            None => Ok(()),
        }
    }

    async fn take_report(
        &self,
        tenant: &TenantId,
        channel: &str,
        contact: Option<&Contact>,
        report: &OutcomeReport,
        raw: &[u8],
    ) -> Done<()> {
        let named = report.contact_id.parse::<ContactId>().ok();
        let Some(id) = contact.map(|c| c.id).or(named) else {
            tracing::warn!(channel, "a report names no contact that is known");
            return Ok(());
        };
        let Some(outcome) = settle::outcome(report.outcome()).filter(|_| report.r#final) else {
            return Ok(());
        };
        let Some(contact) = self.after_submit(tenant, id).await? else {
            return Ok(());
        };
        // At an account's address the carrier names the contact itself: it has a say in what it was given, alone.
        if contact.channel != channel {
            tracing::warn!(channel, contact = %id, "a report of a contact that another channel carries");
            return Ok(());
        }
        let at = (report.at_unix_ms > 0)
            .then(|| Timestamp::from_millisecond(report.at_unix_ms).ok())
            .flatten();
        let key = self.0.keys.of(contact.party).await?;
        let sealed = seal_raw(&key, raw)?;
        self.settle(Told {
            tenant: tenant.clone(),
            contact: id,
            evidence: Evidence::Outcome { outcome, at },
            actor: format!("channel:{channel}"),
            beside: Some(sealed),
        })
        .await
    }

    /// A report can beat the answer to its submit: wait for that answer to be written.
    async fn after_submit(&self, tenant: &TenantId, id: ContactId) -> Done<Option<Contact>> {
        for _ in 0..SUBMIT_LOOKS {
            let contact = self.0.store.contact(tenant, id).await?;
            match contact {
                Some(c) if c.state == ContactState::Dispatching => {
                    tokio::time::sleep(SUBMIT_WAIT).await;
                }
                other => return Ok(other),
            }
        }
        Err(CommandError::Contended)
    }

    /// What a person wrote: a wish to stop is a fact at once.
    async fn take_reply(&self, tenant: &TenantId, channel: &str, reply: &Reply) -> Done<()> {
        let point = self.point_key(tenant, &reply.from);
        let parties = self.0.store.parties_by_point(tenant, point).await?;
        let Some(class) = self.0.channels.class(channel) else {
            return Ok(());
        };
        // A number that the lender has replaced is still the person's who had it, unless somebody has it now.
        let has = |p: &recoup_domain::Party| p.point(point).is_some();
        let is_known = parties.iter().any(has);
        for party in parties.into_iter().filter(|p| !is_known || has(p)) {
            self.reply_of(tenant, channel, class, point, party.id, reply)
                .await?;
        }
        Ok(())
    }
}
