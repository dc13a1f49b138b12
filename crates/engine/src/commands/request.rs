//! A contact that a person asks for. It takes the same way out as one of the policy: the gate, an intent that
//! is durable, then the channel.

use super::Decided;
use super::read::contact_view;
use super::whom::Whom;
use crate::beside::Beside;
use crate::content::To;
use crate::dispatch::Outgoing;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::intent::{
    TZDB, VISIT_HORIZON, choose_visitors, given_to, lifted_in, permitted_by, sha256_hex,
};
use crate::message::must_suit;
use crate::types::{Answered, Caller, ContactView, Encode, PartyName};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{
    Audience, CaseFacts, DebtorFacts, Packs, Proposal, TraceLine, Verdict, gate,
};
use recoup_decide::DECISION_VERSION;
use recoup_domain::case::Refusal;
use recoup_domain::contact::{Contact, ContactClass, ContactState, DecisionRecord, Origin};
use recoup_domain::ids::{CaseId, CollectorId, ContactId, KeyedHash, TenantId};
use recoup_domain::journal::ContactEvent;
use recoup_domain::party::{ContactPoint, LOST_AFTER_FAILED_DAYS, Party};
use recoup_domain::sealed::Sealed;
use recoup_domain::standing::Aim;
use recoup_domain::time::Window;
use recoup_store::{Facts, Guard, Scope, StoredTemplate};

/// How far ahead a visit's appointment lies where nobody says.
const VISIT_LEAD: SignedDuration = SignedDuration::from_hours(24);

/// A contact that somebody asks for.
#[derive(Clone, Debug)]
pub struct HandInput {
    /// The case.
    pub case: CaseId,
    /// The kind.
    pub class: ContactClass,
    /// Name of the template.
    pub template: String,
    /// Who: the borrower, or a third party named in the case. None means the borrower.
    pub party: Option<PartyName>,
    /// Where; none means the first that is usable.
    pub point: Option<KeyedHash>,
    /// When a visit's appointment begins; none means a day ahead, and now for all else.
    pub at: Option<Timestamp>,
    /// Why; kept sealed.
    pub reason: String,
}

/// What was found of a contact asked for, before the gate is asked.
struct Wanted<'a> {
    whom: &'a Whom,
    template: &'a StoredTemplate,
    point: &'a ContactPoint,
    effect: Window,
    visitors: Vec<CollectorId>,
}

/// A contact whose intent is written, and what is handed to its channel then.
struct Made {
    view: ContactView,
    send: Outgoing,
}

impl Engine {
    /// Makes a contact by hand. Its intent is durable when this answers; then it goes to its channel.
    ///
    /// # Errors
    /// Denied by the gate, a pause or a wish of the person, with the least instant that it would be permitted at;
    /// Unsayable and Lacking where the text must not go; Refused where the case is closed; PointUnusable, DispatchPaused, ClockSuspect; NotFound for case, party, template, number.
    pub async fn request_contact(
        &self,
        who: &Caller,
        input: HandInput,
        encode: Encode<'_, ContactView>,
    ) -> Done<Answered<ContactView>> {
        // Below it waits for room in a channel: who was answered before must not.
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let work = self.0.activity.begin();
        let encode_view = |made: &Made| encode(&made.view);
        let done = self.command(who, &encode_view, || async {
            let facts = self.facts_for(who, input.case).await?;
            self.must_be_on(&who.tenant, input.class.name()).await?;
            let mut draft = self.draft_on(&facts, &who.principal);
            let send = self.by_hand(who, &mut draft, &facts, &input).await?;
            let view = contact_view(send.contact.clone());
            let result = Made { view, send };
            let key = self.0.keys.of(result.send.contact.party).await?;
            Ok(Decided { draft, result, key })
        });
        let done = done.await;
        if let Err(
            CommandError::Unsayable { name, problem } | CommandError::Lacking { name, problem },
        ) = &done
        {
            let why = format!("template {name}: {problem}");
            self.withheld(who, input.case, &why).await?;
        }
        Ok(done?.map(|made| {
            self.dispatch(made.send, work);
            made.view
        }))
    }

    async fn must_be_on(&self, tenant: &TenantId, channel: &str) -> Done<()> {
        if self.is_halted() {
            let why = "the service is going down".to_owned();
            return Err(CommandError::DispatchPaused(why));
        }
        self.must_trust_clock()?;
        self.must_have_room().await?;
        let switches = self.0.store.switches().await?;
        let stops = |scope: &Scope| match scope {
            Scope::All | Scope::Restored => true,
            Scope::Tenant { tenant: own } => own == tenant,
            Scope::Channel { channel: own } => own == channel,
        };
        match switches.into_iter().find(|s| s.paused && stops(&s.scope)) {
            Some(switch) => {
                let why = format!("{} stopped dispatch: {}", switch.by, switch.reason);
                Err(CommandError::DispatchPaused(why))
            }
            None => Ok(()),
        }
    }

    /// Judges what is asked for, and puts its intent on the draft.
    async fn by_hand(
        &self,
        who: &Caller,
        draft: &mut Draft,
        facts: &Facts,
        input: &HandInput,
    ) -> Done<Outgoing> {
        must_run(facts)?;
        let party = input.party.as_ref();
        let whom = self.whom(who, facts, party, input.class).await?;
        draft.hold_party(whom.party.clone());
        let template = self.template_of(&whom.party, &input.template)?;
        must_suit(&template, whom.relation)?;
        let wanted = self.wanted(draft.now, &whom, input, &template)?;
        let (expires, decision) = self.judge(draft.now, facts, input.class, &wanted)?;
        if let Some(at) = self.earlier() {
            // The wall was accepted although it is behind what is on record: it must be permitted then, too.
            let wanted = self.wanted(at, &whom, input, &template)?;
            self.judge(at, facts, input.class, &wanted)?;
        }
        let mut contact = self.contact_by_hand(draft, facts, input, &wanted, expires);
        if contact.not_after <= draft.now {
            let why = format!("the permit ends at {expires}: too soon to send safely");
            return Err(denied(why));
        }
        contact.decision = Some(decision);
        let to = To {
            party: &whom.party,
            relation: whom.relation,
            past: &whom.past,
        };
        let (message, content) = self.content(facts, to, &contact, &template).await?;
        let key = self.0.keys.of(whom.party.id).await?;
        contact.sealed = content.seal(&key)?;
        let hashed = format!("{}\n{}\n{}", content.address, content.subject, content.body);
        contact.payload_hash = Some(self.0.vault.keyed(&contact.tenant, "payload", &hashed));
        let lane = self.0.channels.of_new(&contact.channel, contact.id);
        let lane = lane.ok_or_else(|| no_channel(input.class))?;
        (contact.plugin_digest, contact.generation) = given_to(Some(&lane));
        let room = lane.wait_for_room();
        let room = tokio::time::timeout(self.0.options.call_timeout, room);
        let room = room.await.map_err(|_| {
            let why = format!(
                "channel {} takes no more at present; try again",
                contact.channel
            );
            CommandError::DispatchPaused(why)
        })?;
        let said = (whom.party.locale.as_str(), &message, &content);
        let send = self.outgoing(facts, &contact, said, lane, room);
        let guard = Guard::DispatchOn(contact.tenant.clone(), contact.channel.clone());
        draft.guard(guard);
        draft.guard(facts.overrides_guard());
        draft.schedule(contact.id.case, None);
        let event = ContactEvent::Intended(Box::new(contact.clone()));
        draft.put_contact(contact, event);
        let told = Beside::note(&input.reason);
        draft.seal_last(told.seal(&key)?);
        // The borrower's facts were asked also where somebody else is contacted.
        draft.guard_all();
        // Last before the intent: there was a wait above.
        self.must_trust_clock()?;
        Ok(send)
    }

    fn wanted<'a>(
        &self,
        now: Timestamp,
        whom: &'a Whom,
        input: &HandInput,
        template: &'a StoredTemplate,
    ) -> Done<Wanted<'a>> {
        let class = input.class;
        if class == ContactClass::Legal {
            let problem = "a referral is planned by the policy, where a second person approves it";
            return Err(invalid("channel", problem));
        }
        if self.0.channels.class(class.name()).is_none() {
            return Err(no_channel(class));
        }
        if template.class != class {
            let problem = format!("`{}` is written for {}", template.name, template.class);
            return Err(invalid("template", problem));
        }
        let from = match (class, input.at) {
            (ContactClass::Visit, None) => now.saturating_add(VISIT_LEAD).unwrap_or(now),
            (ContactClass::Visit, Some(at)) if at > now => at,
            (ContactClass::Visit, Some(_)) => {
                return Err(invalid("time", "an appointment lies ahead of now"));
            }
            (_, None) => now,
            (_, Some(_)) => {
                let problem =
                    "only a visit has an appointment; all else goes at once, or is denied";
                return Err(invalid("time", problem));
            }
        };
        let horizon = now.saturating_add(VISIT_HORIZON).unwrap_or(from).max(from);
        Ok(Wanted {
            template,
            whom,
            point: point(&whom.party, class, input.point)?,
            effect: Window::starting(from, length(class)),
            visitors: self.0.library.visitors(&whom.party, horizon),
        })
    }

    /// Asks the gate, and the person's own wishes; answers until when the permit holds, and what was known.
    fn judge(
        &self,
        now: Timestamp,
        facts: &Facts,
        class: ContactClass,
        wanted: &Wanted<'_>,
    ) -> Done<(Timestamp, DecisionRecord)> {
        let (case, borrower, whom) = (&facts.case, &facts.borrower, wanted.whom);
        let binding = if whom.party.id == borrower.id {
            self.binding(facts)?
        } else {
            // What counsel decided of the borrower says nothing of anybody else.
            self.binding_with(case, &whom.party)?
        };
        let policy = self.0.library.policy_of(case);
        let lost_after = policy.map_or(LOST_AFTER_FAILED_DAYS, |p| p.lost_after_failed_days());
        let proposal = Proposal {
            class,
            effect: wanted.effect,
            debt: case.id,
            party: &whom.party,
            relation: whom.relation,
            point: Some(wanted.point),
            audience: Audience::of(whom.relation, Some(wanted.point)),
            purpose: whom.purpose(),
            case: CaseFacts {
                days_past_due: Some(case.dpd(wanted.effect.from, borrower.home_zone())),
                ..CaseFacts::from(case)
            },
            debtor: DebtorFacts::of(borrower, case.id, lost_after),
            qualified_collectors: u8::try_from(wanted.visitors.len()).unwrap_or(u8::MAX),
            requested_by_person: false,
        };
        let mut trace = recoup_compliance::FullTrace::default();
        let expires = match gate(&binding, &proposal, &whom.past, now, &mut trace) {
            Verdict::Permit { expires } => expires,
            Verdict::Deny(denial) => {
                return Err(CommandError::Denied {
                    reasons: denial.all.iter().map(ToString::to_string).collect(),
                    earliest: denial.earliest,
                });
            }
        };
        let aim = Aim {
            debt: case.id,
            class,
            point: Some(wanted.point.key),
            effect: wanted.effect,
        };
        if whom.party.forbids(&aim) {
            let why = "a fact of the person forbids it; read their circumstances";
            return Err(denied(why.to_owned()));
        }
        Ok((expires, record(facts, self.0.library.packs(), &trace)))
    }

    fn contact_by_hand(
        &self,
        draft: &Draft,
        facts: &Facts,
        input: &HandInput,
        wanted: &Wanted<'_>,
        expires: Timestamp,
    ) -> Contact {
        let (case, now) = (&facts.case, draft.now);
        let id = ContactId {
            case: case.id,
            seq: self.slot_from(case.next_seq),
        };
        let latest = wanted.effect.to.checked_sub(self.0.options.guard);
        let latest = latest.unwrap_or(wanted.effect.from);
        let channel = input.class.name();
        Contact {
            id,
            tenant: case.tenant.clone(),
            party: wanted.whom.party.id,
            class: input.class,
            channel: channel.to_owned(),
            point: Some(wanted.point.key),
            template: wanted.template.name.clone(),
            template_version: wanted.template.version,
            policy: None,
            place: None,
            origin: Origin::Hand,
            retry_of: None,
            key: self.0.vault.contact_key(&case.tenant, id),
            effect: wanted.effect,
            not_after: expires.min(latest),
            planned_at: now,
            intent_at: Some(now),
            fence: 0,
            state: ContactState::Dispatching,
            outcome: None,
            outcome_at: None,
            corrected: false,
            beyond_recall: false,
            states: vec![(ContactState::Dispatching, now)],
            payload_hash: None,
            plugin_digest: String::new(),
            generation: 1,
            decision: None,
            approved_by: None,
            approved_at: None,
            collectors: match input.class {
                ContactClass::Visit => choose_visitors(&wanted.visitors, id),
                _ => Vec::new(),
            },
            sealed: Sealed::default(),
        }
    }
}

/// The case runs: it is neither closed nor paused.
fn must_run(facts: &Facts) -> Done<()> {
    let case = &facts.case;
    if let Some(closed) = case.closed {
        return Err(Refusal::Closed(closed.reason.name()).into());
    }
    match case.pauses.iter().max_by_key(|p| p.until) {
        Some(pause) => Err(CommandError::Denied {
            reasons: vec![format!("the case is paused ({})", pause.reason.name())],
            earliest: Some(pause.until).filter(|at| *at < recoup_domain::time::NEVER),
        }),
        None => Ok(()),
    }
}

fn point(party: &Party, class: ContactClass, key: Option<KeyedHash>) -> Done<&ContactPoint> {
    let mut usable = party.usable_points(class);
    let Some(key) = key else {
        let none = || {
            CommandError::PointUnusable(format!(
                "the person has no number or address left that {class} can use"
            ))
        };
        return usable.next().ok_or_else(none);
    };
    if party.point(key).is_none() {
        return Err(CommandError::NotFound {
            what: "contact point",
            id: key.to_string(),
        });
    }
    let unusable = || {
        let why = "is invalid, declined or opted out of, or not of the channel's kind";
        CommandError::PointUnusable(format!("the contact point {why}"))
    };
    usable.find(|p| p.key == key).ok_or_else(unusable)
}

/// Length of the effect window, as a step of a policy has it that says nothing.
const fn length(class: ContactClass) -> SignedDuration {
    match class {
        ContactClass::Sms | ContactClass::Phone | ContactClass::Email => {
            SignedDuration::from_mins(30)
        }
        ContactClass::Visit => SignedDuration::from_hours(2),
        ContactClass::Legal => SignedDuration::from_hours(24),
    }
}

fn record(facts: &Facts, packs: &Packs, trace: &recoup_compliance::FullTrace) -> DecisionRecord {
    let line = |l: &TraceLine| format!("{l:?}");
    let lines: Vec<String> = trace.lines.iter().map(line).collect();
    let pin = facts.case.policy.as_ref();
    DecisionRecord {
        as_of: facts.position,
        policy_hash: pin.map(|p| p.hash.clone()).unwrap_or_default(),
        packs_hash: packs.hash().to_owned(),
        tzdb: TZDB.to_owned(),
        decision_version: DECISION_VERSION,
        trace_hash: sha256_hex(lines.join("\n").as_bytes()),
        permitted_by: permitted_by(trace),
        lifted: lifted_in(trace),
        awaited: Vec::new(),
    }
}

fn denied(why: String) -> CommandError {
    CommandError::Denied {
        reasons: vec![why],
        earliest: None,
    }
}

fn no_channel(class: ContactClass) -> CommandError {
    invalid("channel", format!("no channel for {class} is loaded"))
}

fn invalid(field: &str, problem: impl Into<String>) -> CommandError {
    CommandError::Invalid(vec![Violation {
        field: field.to_owned(),
        problem: problem.into(),
    }])
}
