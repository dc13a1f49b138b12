//! To the channel and back: the send after a durable intent, and what comes of it.

use crate::activity::Work;
use crate::channels::ChannelHandle;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::Done;
use crate::figures::Operation;
use crate::message::{Message, ObligorText};
use crate::render::Content;
use crate::results::Told;
use crate::routes::Lane;
use crate::settle::{self, Evidence};
use recoup_channel::wire::{
    self, Attachment, CancelKind, CancelRequest, DebtorMessage, Destination, Receipt, SendRequest,
    destination, send_request,
};
use recoup_channel::{Call, ChannelError};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::journal::ContactEvent;
use recoup_domain::{CaseEvent, Outcome};
use recoup_store::Facts;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// How much longer than its time-out a channel is waited for: its host ends the call itself.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// Pauses before a cancel that never left is asked for again.
const CANCEL_AGAIN: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// A contact whose intent is durable, on its way to its channel.
pub(crate) struct Outgoing {
    pub(crate) contact: Contact,
    pub(crate) request: SendRequest,
    pub(crate) lane: Arc<Lane>,
    /// Attachments held for it.
    pub(crate) held: Vec<[u8; 32]>,
    /// Its room in the channel, free when this is dropped.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

impl Engine {
    /// The request for a contact, and the attachments held for it.
    pub(crate) fn request(
        &self,
        facts: &Facts,
        contact: &Contact,
        (locale, message, content): (&str, &Message, &Content),
        handle: &ChannelHandle,
    ) -> (SendRequest, Vec<[u8; 32]>) {
        let (told, held) = match message {
            Message::ToObligor(text) => {
                let message = self.to_obligor(facts, contact, text);
                let named = message.attachments.iter();
                let held = named.filter_map(|a| a.sha256.as_slice().try_into().ok());
                let held = held.collect();
                (send_request::Content::Debtor(message), held)
            }
            Message::ToThirdParty(text) => {
                (send_request::Content::ThirdParty(text.into()), Vec::new())
            }
        };
        let base = &self.0.options.callback_base_url;
        let request = SendRequest {
            contact_id: contact.id.to_string(),
            idempotency_key: contact.key.clone(),
            locale: locale.to_owned(),
            destination: Some(destination(contact, content, handle)),
            content: Some(told),
            effect_from_unix_ms: contact.effect.from.as_millisecond(),
            effect_to_unix_ms: contact.effect.to.as_millisecond(),
            callback_url: format!("{base}/cb/v1/c/{}", self.0.vault.callback_token(contact.id)),
            collectors: collectors(contact),
        };
        (request, held)
    }

    /// What goes to somebody who may be told of the debt: the text, and what of the case goes along.
    fn to_obligor(&self, facts: &Facts, contact: &Contact, text: &ObligorText) -> DebtorMessage {
        let documents = facts.case.documents.iter();
        let references = documents.map(|d| {
            (
                d.kind.name().to_owned(),
                format!("{} sha256:{}", d.reference, d.sha256),
            )
        });
        DebtorMessage {
            subject: text.subject.clone(),
            body: text.body.clone(),
            attachments: self.attachments(facts, contact),
            approved_template: text.approved_template.clone(),
            correlation: [("case".to_owned(), contact.id.case.to_string())].into(),
            references: match contact.class {
                ContactClass::Visit | ContactClass::Legal => references.collect(),
                _ => Default::default(),
            },
            ..Default::default()
        }
    }

    /// What goes with a referral: the statement of account and the log of contacts.
    fn attachments(&self, facts: &Facts, contact: &Contact) -> Vec<Attachment> {
        if contact.class != ContactClass::Legal {
            return Vec::new();
        }
        let parts = [
            (
                "statement.json",
                crate::referral::statement(&facts.case, self.0.wall.now()),
            ),
            (
                "contact-log.json",
                crate::referral::contact_log(&facts.case, &facts.contacts),
            ),
        ];
        let attach = |(name, bytes): (&str, Vec<u8>)| Attachment {
            name: name.to_owned(),
            media_type: "application/json".to_owned(),
            size_bytes: bytes.len() as u64,
            sha256: self.0.blobs.hold(bytes).to_vec(),
        };
        parts.into_iter().map(attach).collect()
    }

    /// Sends on a task of its own.
    pub(crate) fn dispatch(&self, out: Outgoing, work: Work) {
        let engine = self.clone();
        tokio::spawn(async move {
            let result = engine.send(&out).await;
            out.held
                .iter()
                .for_each(|hash| engine.0.blobs.release(hash));
            engine.record(out, result, work).await;
        });
    }

    async fn send(&self, out: &Outgoing) -> Result<Receipt, ChannelError> {
        let timeout = self.0.options.call_timeout;
        let call = Call::new(timeout, self.0.channel_clock.clone())
            .with_not_after(out.contact.not_after.as_millisecond())
            .with_idempotency_key(out.contact.key.clone());
        // Checked last before the channel: nothing leaves at or after `not_after`.
        call.check_not_after()?;
        let sending = out.lane.handle.channel.send(&call, out.request.clone());
        let begun = Instant::now();
        let sent = tokio::time::timeout(timeout + GRACE, sending).await;
        self.note_call(&out.lane.handle.name, Operation::Send, begun);
        out.lane.note_time(begun.elapsed());
        match sent {
            Ok(result) => result,
            Err(_) => Err(ChannelError::unknown("the channel did not answer in time")),
        }
    }

    /// Keeps the provider's reference, or what the channel said against it, sealed with the contact.
    pub(crate) async fn reseal(
        &self,
        draft: &mut Draft,
        out: &Outgoing,
        result: &Result<Receipt, ChannelError>,
    ) -> Done<()> {
        let mut content = Content::of(&out.contact, &self.0.keys).await?;
        match result {
            Ok(receipt) => {
                content.provider_ref.clone_from(&receipt.provider_ref);
                content.state.clone_from(&receipt.state);
            }
            Err(error) => content.said.push(error.to_string()),
        }
        let key = self.0.keys.of(out.contact.party).await?;
        draft.reseal_contact(out.contact.id, content.seal(&key)?);
        Ok(())
    }

    /// A stop fact that came while the contact was in flight calls it off as soon as it is accepted.
    pub(crate) async fn end_if_overtaken(
        &self,
        draft: &mut Draft,
        out: &Outgoing,
        facts: &Facts,
    ) -> Done<()> {
        let contact = &out.contact;
        let accepted = draft
            .contact(contact.id)
            .is_some_and(|c| c.can_be_called_off(draft.now));
        let overtaken = self.is_overtaken(draft, facts, contact).await?;
        if accepted && overtaken {
            self.begin_cancel(draft, contact.id);
        }
        let in_doubt = draft
            .contact(contact.id)
            .is_some_and(|c| c.state == ContactState::Unknown && draft.now < c.effect.to);
        if overtaken && in_doubt {
            crate::stops::alarm_for_cancel(draft, contact.id.case);
        }
        Ok(())
    }

    /// Asks the carriers to call contacts off, each on a task of its own.
    pub(crate) fn call_off(&self, contacts: Vec<Contact>) {
        for contact in contacts {
            let engine = self.clone();
            let work = self.0.activity.begin();
            tokio::spawn(async move {
                if let Err(error) = engine.cancel_at_carrier(&contact).await {
                    tracing::error!(contact = %contact.id, %error, "a cancel could not be written");
                }
                drop(work);
                engine.0.wake.notify_one();
            });
        }
    }

    async fn cancel_at_carrier(&self, contact: &Contact) -> Done<()> {
        let Some(lane) = self.0.channels.of(contact) else {
            return Ok(());
        };
        let content = Content::of(contact, &self.0.keys).await?;
        let _room = lane.wait_for_room().await;
        // One for each try: a call that came to its end lets nothing begin any more.
        let call = || {
            Call::new(self.0.options.call_timeout, self.0.channel_clock.clone())
                .with_idempotency_key(contact.key.clone())
        };
        let request = || CancelRequest {
            contact_id: contact.id.to_string(),
            idempotency_key: contact.key.clone(),
            provider_ref: content.provider_ref.clone(),
            state: content.state.clone(),
            effect_from_unix_ms: contact.effect.from.as_millisecond(),
            effect_to_unix_ms: contact.effect.to.as_millisecond(),
            subject: content.subject.clone(),
            collectors: collectors(contact),
            destination: Some(destination(contact, &content, &lane.handle)),
        };
        let waited = self.0.options.call_timeout + GRACE;
        let mut pauses = CANCEL_AGAIN.into_iter();
        let result = loop {
            let call = call();
            let cancelling = lane.handle.channel.cancel(&call, request());
            let begun = Instant::now();
            let result = tokio::time::timeout(waited, cancelling).await;
            self.note_call(&contact.channel, Operation::Cancel, begun);
            // A cancel that never left is asked for again, for a while: a carrier that is away for a moment must
            // not send a visitor to somebody who has paid.
            match (&result, pauses.next()) {
                (Ok(Err(error)), Some(pause)) if error.proves_not_sent() => {
                    tokio::time::sleep(pause).await;
                }
                _ => break result,
            }
        };
        let evidence = match result {
            Ok(Ok(answer)) => match answer.kind() {
                CancelKind::Cancelled => Evidence::Cancelled,
                CancelKind::TooLate => match settle::outcome(answer.outcome()) {
                    Some(outcome) if outcome.meaning().effect_proven => {
                        Evidence::Outcome { outcome, at: None }
                    }
                    // It came to an end that reached nobody: neither called off nor effected.
                    Some(_) | None => Evidence::CancelUnknown,
                },
                CancelKind::NotFound | CancelKind::Unspecified => Evidence::CancelUnknown,
            },
            Ok(Err(error)) => {
                tracing::warn!(contact = %contact.id, kind = error.kind(), "not called off");
                Evidence::CancelUnknown
            }
            Err(_) => Evidence::CancelUnknown,
        };
        self.settle(Told {
            tenant: contact.tenant.clone(),
            contact: contact.id,
            evidence,
            actor: format!("channel:{}", contact.channel),
            beside: None,
        })
        .await
    }
}

/// What the channel's answer moves.
pub(crate) fn note_result(
    draft: &mut Draft,
    out: &Outgoing,
    result: &Result<Receipt, ChannelError>,
) {
    let (id, now) = (out.contact.id, draft.now);
    match result {
        Ok(receipt) => {
            draft.contact_event(
                id,
                ContactEvent::Moved {
                    to: ContactState::Accepted,
                },
            );
            let first_referral = out.contact.class == ContactClass::Legal
                && draft
                    .case(id.case)
                    .is_some_and(|c| c.legal_since.is_none() && c.closed.is_none());
            if first_referral {
                draft.case_event(id.case, CaseEvent::LegalBegan);
            }
            if let Some(outcome) = receipt.immediate.and(settle::outcome(receipt.immediate())) {
                settle::apply(draft, id, &Evidence::Outcome { outcome, at: None });
            }
        }
        // The carrier refuses this number or address: it is not tried again.
        Err(error) if refuses_address(error) => draft.contact_event(
            id,
            ContactEvent::Settled {
                to: ContactState::RejectedProven,
                outcome: Outcome::InvalidAddress,
                point: out.contact.point,
                at: now,
            },
        ),
        Err(error) if error.proves_not_sent() => {
            draft.contact_event(
                id,
                ContactEvent::Moved {
                    to: ContactState::RejectedProven,
                },
            );
        }
        Err(_) => draft.contact_event(
            id,
            ContactEvent::Moved {
                to: ContactState::Unknown,
            },
        ),
    }
}

/// Channels say `invalid_address:` where the number or address itself is at fault.
pub(crate) fn refuses_address(error: &ChannelError) -> bool {
    matches!(error, ChannelError::Rejected { .. })
        || (error.proves_not_sent() && error.message().starts_with("invalid_address:"))
}

fn destination(contact: &Contact, content: &Content, handle: &ChannelHandle) -> Destination {
    let address = content.address.clone();
    let to = match contact.class {
        ContactClass::Sms | ContactClass::Phone => destination::To::E164(address),
        ContactClass::Email => destination::To::Email(address),
        ContactClass::Visit => destination::To::Postal(wire::PostalAddress {
            lines: address.lines().map(str::to_owned).collect(),
            ..Default::default()
        }),
        ContactClass::Legal => {
            let id = handle.desk.clone().unwrap_or_else(|| "default".to_owned());
            destination::To::Desk(wire::Desk {
                id,
                ..Default::default()
            })
        }
    };
    Destination {
        to: Some(to),
        display_name: content.name.clone(),
    }
}

fn collectors(contact: &Contact) -> Vec<wire::Collector> {
    let collector = |id: &recoup_domain::CollectorId| wire::Collector {
        id: id.to_string(),
        ..Default::default()
    };
    contact.collectors.iter().map(collector).collect()
}
