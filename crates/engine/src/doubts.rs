//! Contacts in doubt: carriers that can be asked are asked what became of them. Why so: docs/decisions/asking-carriers.md.

use crate::dispatch::GRACE;
use crate::engine::Engine;
use crate::error::Done;
use crate::figures::Operation;
use crate::render::Content;
use crate::results::Told;
use crate::settle::{self, Evidence, Taken};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use recoup_channel::Call;
use recoup_channel::wire::{Status, StatusKind, StatusRequest};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::ids::ContactId;
use recoup_store::ContactFilter;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Questions at once; each channel bounds its own, too.
const AT_ONCE: usize = 64;
/// How often the contacts in doubt are looked at; who is new among them is asked about then.
const LOOK: Duration = Duration::from_secs(5);
/// Pauses between two questions about one contact, in seconds; the last again and again.
const PAUSES: [i64; 5] = [15, 60, 5 * 60, 15 * 60, 60 * 60];
/// For how long after the end of its window a carrier is asked about a contact.
const ASKED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long after the end of a contact's window its carrier's word counts that it never had it: nothing left after
/// `not_after`, which lies before that end, and what lay in a queue of the carrier is found by then.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// When which contact is asked about next, in this process.
#[derive(Default)]
pub(crate) struct Asked(Mutex<HashMap<ContactId, Next>>);

struct Next {
    /// Questions so far.
    times: usize,
    /// The next not before.
    at: Timestamp,
}

impl Asked {
    /// Which of all contacts in doubt are to be asked about now; the next question about each of them is put off.
    fn due(&self, mut doubts: Vec<Contact>, now: Timestamp) -> Vec<Contact> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: BTreeSet<ContactId> = doubts.iter().map(|contact| contact.id).collect();
        asked.retain(|id, _| ids.contains(id));
        doubts.retain(|contact| {
            let next = asked.entry(contact.id);
            let next = next.or_insert(Next { times: 0, at: now });
            let is_due = next.at <= now;
            if is_due {
                let pause = PAUSES.get(next.times).or(PAUSES.last()).copied();
                let pause = SignedDuration::from_secs(pause.unwrap_or_default());
                next.times += 1;
                next.at = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
            }
            is_due
        });
        doubts
    }
}

impl Engine {
    /// Asks the carriers of contacts in doubt for ever.
    pub(crate) async fn keep_asking(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.is_halted() {
                continue;
            }
            if let Err(error) = self.ask_about_doubts().await {
                tracing::warn!(%error, "the contacts in doubt cannot be read; it is tried again");
            }
        }
    }

    /// Asks the carriers of contacts in doubt whose next question is due, once, and puts on record what they say.
    /// [`run`](Self::run) does it again and again.
    ///
    /// # Errors
    /// Where the contacts in doubt cannot be read.
    pub async fn ask_about_doubts(&self) -> Done<()> {
        let doubts = self.doubts().await?;
        let due = self.0.asked.due(doubts, self.0.wall.now());
        let ask = |contact: Contact| async move {
            if let Err(error) = self.ask_about(&contact).await {
                tracing::warn!(contact = %contact.id, %error, "what its carrier says of it is not on record");
            }
        };
        let questions = futures_util::stream::iter(due);
        questions.for_each_concurrent(AT_ONCE, ask).await;
        Ok(())
    }

    /// The contacts in doubt whose carriers can be asked, and may still know.
    async fn doubts(&self) -> Done<Vec<Contact>> {
        let now = self.0.wall.now();
        let mut found = Vec::new();
        for tenant in self.0.tenants.keys() {
            for class in self.classes_to_ask() {
                for state in [ContactState::Unknown, ContactState::CancelUnknown] {
                    let filter = ContactFilter {
                        class: Some(class),
                        state: Some(state),
                        ..ContactFilter::default()
                    };
                    found.extend(self.all_contacts(tenant, &filter).await?);
                }
            }
        }
        found.retain(|contact| now.duration_since(contact.effect.to) < ASKED_FOR);
        Ok(found)
    }

    /// The classes of the channels that can be asked.
    fn classes_to_ask(&self) -> BTreeSet<ContactClass> {
        let channels = self.0.channels.list().into_iter();
        let can = channels.filter(|info| info.handle.can_query());
        can.map(|info| info.handle.class).collect()
    }

    async fn ask_about(&self, contact: &Contact) -> Done<()> {
        let Some(lane) = self.0.channels.of(contact) else {
            return Ok(());
        };
        if !lane.handle.can_query() {
            return Ok(());
        }
        let content = Content::of(contact, &self.0.keys).await?;
        let request = StatusRequest {
            contact_id: contact.id.to_string(),
            idempotency_key: contact.key.clone(),
            provider_ref: content.provider_ref,
            state: content.state,
        };
        let call = Call::new(self.0.options.call_timeout, self.0.channel_clock.clone())
            .with_idempotency_key(contact.key.clone());
        // As a call-back: what says what became of contacts does not wait behind new ones.
        let _room = lane.wait_for_callback_room().await;
        let _work = self.0.activity.begin();
        let begun = Instant::now();
        let asking = lane.handle.channel.status(&call, request);
        let answer = tokio::time::timeout(self.0.options.call_timeout + GRACE, asking).await;
        self.note_call(&contact.channel, Operation::Status, begun);
        let said = match answer {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => {
                tracing::debug!(contact = %contact.id, kind = error.kind(), "its carrier did not say");
                return Ok(());
            }
            Err(_) => return Ok(()),
        };
        let Some(evidence) = meaning(contact, &said, self.0.wall.now()) else {
            return Ok(());
        };
        tracing::info!(contact = %contact.id, said = said.kind().as_str_name(), "its carrier was asked");
        self.settle(Told {
            tenant: contact.tenant.clone(),
            contact: contact.id,
            evidence,
            actor: format!("channel:{}:status", contact.channel),
            beside: None,
        })
        .await
    }
}

/// What a carrier's word says of a contact in doubt; nothing where it leaves it in doubt.
fn meaning(contact: &Contact, said: &Status, now: Timestamp) -> Option<Evidence> {
    let is_sent_in_doubt = contact.state == ContactState::Unknown;
    let outcome = said.outcome.and(settle::outcome(said.outcome()));
    let at = (said.at_unix_ms > 0).then_some(said.at_unix_ms);
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match (said.kind(), outcome) {
        (StatusKind::Found, Some(outcome)) if outcome != recoup_domain::Outcome::Unknown => {
            Some(Evidence::Outcome { outcome, at })
        }
        (StatusKind::Found, _) if is_sent_in_doubt => Some(Evidence::Taken(Taken {
            provider_ref: said.provider_ref.clone(),
            state: said.state.clone(),
        })),
        (StatusKind::NotFound, _) if is_sent_in_doubt => {
            let over_for = now.duration_since(contact.effect.to);
            (over_for >= SETTLED).then_some(Evidence::NeverHad)
        }
        _ => None,
    }
}
