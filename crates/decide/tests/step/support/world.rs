//! A small simulator: the step decides, a made-up world answers, event by event. It does what a shell around
//! the step must do (timers, drops, contacts, outcomes) and nothing else, so that what comes out shows the
//! step. Nothing in it is random by itself: answers come from a function of the contact and its ordinal.

use super::facts::{self, day_at, day_of};
use super::happenings::Fact;
use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{Binding, Packs};
use recoup_decide::{
    Action, ChannelNames, Decision, Dropped, FullTrace, Input, NoTrace, Plan, Presence, Waiting,
    step,
};
use recoup_domain::case::{self, CaseEvent, SkipReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::ContactId;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::PointKind;
use recoup_domain::time::{SLOT, Zone};
use recoup_domain::{Case, Party, PastContact};
use recoup_policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// What the world makes of a contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// The provider takes it, and this comes of it.
    Outcome(Outcome),
    /// The channel proves that it sent nothing.
    NotSent,
    /// Nobody knows whether it was sent.
    Unknown,
    /// The provider takes it and is never heard of again.
    Silence,
}

/// A line of the record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    /// `stage`, `contact`, `outcome`, `skip`, `refusal`, `worklist`, `drop`, `fact` or `end`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

#[derive(Clone, Debug)]
enum Happening {
    Answered(u32, Answer),
    Settled(u32, Outcome),
    Approved(u32),
    Fact(Fact),
}

pub(crate) type Answers = Box<dyn FnMut(&Plan, u32) -> Answer>;

/// The case, its borrower and everything around them.
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) binding: Binding,
    pub(crate) case: Case,
    pub(crate) borrower: Party,
    pub(crate) contacts: Vec<PastContact>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) channels: BTreeSet<String>,
    /// Those that should be there and are not.
    pub(crate) awaited: BTreeSet<String>,
    pub(crate) visitors: u8,
    /// How long a person takes to approve; none never does.
    pub(crate) approves_after: Option<SignedDuration>,
    pub(crate) log: Vec<Line>,
    /// Each instant at which the step was asked.
    pub(crate) asked: Vec<Timestamp>,
    /// Called with each decision before it takes effect.
    pub(crate) watch: fn(&World, Timestamp, &Decision, &FullTrace),
    answers: Answers,
    queue: BTreeMap<(Timestamp, u32), Happening>,
    queued: u32,
    made: BTreeMap<ContactClass, u32>,
}

impl ChannelNames for World {
    fn presence(&self, name: &str) -> Presence {
        match (self.awaited.contains(name), self.channels.contains(name)) {
            (true, _) => Presence::Awaited,
            (_, true) => Presence::Here,
            _ => Presence::Unknown,
        }
    }
}

impl World {
    pub(crate) fn new(policy: Policy, case: Case, borrower: Party, answers: Answers) -> Self {
        let binding = Packs::builtin()
            .bind(&case.jurisdiction, &borrower.regions, case.lender_kind)
            .unwrap();
        Self {
            channels: policy.channels().into_iter().map(str::to_owned).collect(),
            awaited: BTreeSet::new(),
            policy,
            binding,
            case,
            borrower,
            contacts: vec![],
            waiting: vec![],
            visitors: 2,
            approves_after: Some(SignedDuration::from_hours(2)),
            log: vec![],
            asked: vec![],
            watch: |_, _, _, _| {},
            answers,
            queue: BTreeMap::new(),
            queued: 0,
            made: BTreeMap::new(),
        }
    }

    pub(crate) fn zone(&self) -> Zone {
        self.borrower.home_zone().clone()
    }

    pub(crate) fn with_input<R>(&self, ask: impl FnOnce(&Input<'_>) -> R) -> R {
        ask(&Input {
            case: &self.case,
            borrower: &self.borrower,
            contacts: &self.contacts,
            waiting: &self.waiting,
            policy: &self.policy,
            binding: &self.binding,
            channels: self,
            visitors: self.visitors,
        })
    }

    pub(crate) fn expect(&mut self, at: Timestamp, fact: Fact) {
        self.later(at, Happening::Fact(fact));
    }

    /// Lives from `from` to `end`.
    pub(crate) fn run(&mut self, from: Timestamp, end: Timestamp) {
        let mut wake = Some(from);
        loop {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(now) = wake.into_iter().chain(next).min().filter(|at| *at < end) else {
                return;
            };
            while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= now) {
                let happening = entry.remove();
                self.happen(now, happening);
                wake = Some(now);
            }
            if wake.is_some_and(|at| at <= now) {
                wake = self.decide(now);
            }
        }
    }

    fn later(&mut self, at: Timestamp, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at, self.queued), happening);
    }

    pub(crate) fn note(&mut self, at: Timestamp, kind: &'static str, text: String) {
        self.log.push(Line { at, kind, text });
    }

    /// Asks the step and does what it says; answers when to ask again.
    fn decide(&mut self, now: Timestamp) -> Option<Timestamp> {
        let (timers, _) = case::due_timers(&self.case, now);
        self.apply(now, &timers);
        self.asked.push(now);
        let (decision, trace) = self.with_input(|input| {
            let quiet = step(input, now, &mut NoTrace::default());
            let mut trace = FullTrace::default();
            assert_eq!(quiet, step(input, now, &mut trace), "watched at {now}");
            assert_eq!(quiet, step(input, now, &mut NoTrace::default()), "at {now}");
            (quiet, trace)
        });
        (self.watch)(self, now, &decision, &trace);
        self.apply(now, &decision.events);
        self.call_off_overtaken(now);
        for Dropped { seq, to } in decision.dropped {
            self.waiting.retain(|w| w.seq != seq);
            self.contact_mut(seq).state = Some(to);
            self.note(now, "drop", format!("contact {seq} {}", to.name()));
        }
        match decision.action {
            Action::Sleep { until } => until.map(|at| if at <= now { now + SLOT } else { at }),
            Action::Contact(plan) => {
                self.contact(now, &plan);
                Some(now)
            }
        }
    }

    pub(crate) fn apply(&mut self, now: Timestamp, events: &[CaseEvent]) {
        for event in events {
            case::apply(&mut self.case, event, now);
            if let Some((kind, text)) = self.words(event) {
                self.note(now, kind, text);
            }
        }
    }

    fn contact(&mut self, now: Timestamp, plan: &Plan) {
        let seq = plan.approved.unwrap_or(self.case.next_seq);
        let to = plan
            .point
            .map_or_else(|| "the desk".to_owned(), |p| self.point_name(p));
        let mut text = format!("{} to {to}", plan.class);
        if plan.effect.from > now {
            text += &format!(" for {}", self.clock(plan.effect.from));
        }
        if plan.retry_of.is_some() {
            text += ", tried again";
        }
        let state = if plan.needs_approval {
            text += ", waits for approval";
            ContactState::Planned
        } else {
            ContactState::Dispatching
        };
        self.note(now, "contact", text);
        if plan.approved.is_some() {
            self.waiting.retain(|w| w.seq != seq);
            self.contacts
                .retain(|c| c.id.is_none_or(|id| id.seq != seq));
        } else {
            self.case.next_seq += 1;
        }
        self.contacts.push(PastContact {
            id: Some(ContactId {
                case: self.case.id,
                seq,
            }),
            effect: plan.effect,
            point: plan.point,
            state: Some(state),
            place: Some((plan.stage, plan.step)),
            ..facts::contact(plan.class, now)
        });
        if plan.needs_approval {
            let place = (plan.stage, plan.step);
            let (approved, since) = (false, now);
            self.waiting.push(Waiting {
                seq,
                place,
                approved,
                since,
            });
            if let Some(after) = self.approves_after {
                self.later(now + after, Happening::Approved(seq));
            }
            return;
        }
        let ordinal = self.made.entry(plan.class).or_default();
        *ordinal += 1;
        let answer = (self.answers)(plan, *ordinal - 1);
        self.later(
            now + SignedDuration::from_secs(2),
            Happening::Answered(seq, answer),
        );
    }

    fn happen(&mut self, now: Timestamp, happening: Happening) {
        match happening {
            Happening::Answered(seq, answer) => self.answered(now, seq, answer),
            Happening::Settled(seq, outcome) => {
                if self.contact_mut(seq).state == Some(ContactState::Accepted) {
                    self.settle(now, seq, outcome);
                }
            }
            Happening::Approved(seq) => {
                if let Some(w) = self.waiting.iter_mut().find(|w| w.seq == seq) {
                    w.approved = true;
                    self.note(now, "fact", format!("contact {seq} is approved"));
                }
            }
            Happening::Fact(fact) => self.learn(now, fact),
        }
    }

    fn answered(&mut self, now: Timestamp, seq: u32, answer: Answer) {
        let contact = self.contact_mut(seq);
        let (class, effect) = (contact.class, contact.effect);
        let state = match answer {
            Answer::Outcome(_) | Answer::Silence => ContactState::Accepted,
            Answer::NotSent => ContactState::RejectedProven,
            Answer::Unknown => ContactState::Unknown,
        };
        contact.state = Some(state);
        let (case, accepted) = (&self.case, state == ContactState::Accepted);
        let first_referral = class == ContactClass::Legal && case.legal_since.is_none();
        if accepted && first_referral && case.closed.is_none() {
            self.apply(now, &[CaseEvent::LegalBegan]);
        }
        if state != ContactState::Accepted {
            self.note(now, "outcome", format!("{class}: {}", state.name()));
        }
        if let Answer::Outcome(outcome) = answer {
            let at = match class {
                ContactClass::Visit => effect.to,
                ContactClass::Legal => now + SignedDuration::from_hours(1),
                _ => now + SignedDuration::from_mins(10),
            };
            self.later(at, Happening::Settled(seq, outcome));
        }
        self.call_off_overtaken(now);
    }

    fn settle(&mut self, now: Timestamp, seq: u32, outcome: Outcome) {
        let contact = self.contact_mut(seq);
        contact.outcome = Some(outcome);
        let proven = outcome.meaning().effect_proven;
        contact.state = Some(if proven {
            ContactState::Effected
        } else {
            ContactState::Failed
        });
        let (class, point) = (contact.class, contact.point);
        if let Some(point) = point {
            self.borrower.learn(point, outcome, now);
        }
        self.note(now, "outcome", format!("{class}: {}", outcome.name()));
    }

    /// Appointments that a fact overtook are called off at once.
    pub(crate) fn call_off_overtaken(&mut self, now: Timestamp) {
        let stop = self.case.closed.is_some()
            || !self.case.pauses.is_empty()
            || self.borrower.deceased
            || self.borrower.has_ceased(self.case.id, false);
        if !stop {
            return;
        }
        let ahead =
            |c: &&mut PastContact| c.state == Some(ContactState::Accepted) && c.effect.from > now;
        let mut called_off = vec![];
        for contact in self.contacts.iter_mut().filter(ahead) {
            contact.state = Some(ContactState::Cancelled);
            called_off.push(contact.class);
        }
        for class in called_off {
            self.note(now, "outcome", format!("{class}: called off"));
        }
    }

    fn contact_mut(&mut self, seq: u32) -> &mut PastContact {
        let of = |c: &&mut PastContact| c.id.is_some_and(|id| id.seq == seq);
        self.contacts.iter_mut().find(of).unwrap()
    }

    fn words(&self, event: &CaseEvent) -> Option<(&'static str, String)> {
        let place = |stage: u8, step: u8| {
            let stage = &self.policy.stages()[usize::from(stage)];
            format!(
                "{} of `{}`",
                stage.steps[usize::from(step)].class,
                stage.name
            )
        };
        Some(match event {
            CaseEvent::StageEntered { to: None, .. } => ("stage", "no stage".to_owned()),
            CaseEvent::StageEntered { name, .. } => ("stage", format!("enters `{name}`")),
            CaseEvent::StepSkipped { stage, step, why } => {
                let why = match why {
                    SkipReason::NoTarget => "no number or address".to_owned(),
                    SkipReason::NoChannel => "no channel".to_owned(),
                    SkipReason::RetriesUsedUp => "tried in vain too often".to_owned(),
                    SkipReason::CalledOff => "a person called it off".to_owned(),
                    SkipReason::DeniedForever { rule } => format!("never permitted by {rule}"),
                    SkipReason::ByOutcome { outcome } => format!("after {}", outcome.name()),
                };
                (
                    "skip",
                    format!("{} is skipped: {why}", place(*stage, *step)),
                )
            }
            CaseEvent::Denied(d) => {
                let until = d.earliest.map_or_else(
                    || "for ever".to_owned(),
                    |at| format!("until {}", self.clock(at)),
                );
                (
                    "refusal",
                    format!("{} refused {until} by {}", d.class, d.rule),
                )
            }
            CaseEvent::WorklistChanged { reason: None } => {
                ("worklist", "nothing to do for a person any more".to_owned())
            }
            CaseEvent::WorklistChanged {
                reason: Some(reason),
            } => ("worklist", format!("for a person: {reason}")),
            CaseEvent::PauseEnded { .. } => ("fact", "a pause ends".to_owned()),
            CaseEvent::PromiseResolved { result, .. } => ("fact", format!("promise {result:?}")),
            CaseEvent::LegalBegan => ("fact", "with the law".to_owned()),
            CaseEvent::LegalRecalled => ("fact", "recalled from the law".to_owned()),
            CaseEvent::Closed { reason, .. } => ("end", format!("closed: {}", reason.name())),
            _ => return None,
        })
    }

    /// `day 4 10:00`, in the borrower's first zone; seconds are left out.
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        let zone = self.borrower.home_zone();
        let time = zone.time(at);
        format!(
            "day {} {:02}:{:02}",
            day_of(zone, at),
            time.hour(),
            time.minute()
        )
    }

    /// The instant of a local time of day.
    pub(crate) fn at(&self, day: i32, time: Time) -> Timestamp {
        day_at(self.borrower.home_zone(), day, time)
    }

    fn point_name(&self, key: recoup_domain::ids::KeyedHash) -> String {
        let place = self
            .borrower
            .points
            .iter()
            .position(|p| p.key == key)
            .unwrap();
        let kind = self.borrower.points[place].kind;
        let before = self.borrower.points[..=place].iter();
        let number = before.filter(|p| p.kind == kind).count();
        let kind = match kind {
            PointKind::Mobile => "mobile",
            PointKind::Landline => "landline",
            PointKind::Email => "mailbox",
            PointKind::Postal => "address",
        };
        format!("{kind} {number}")
    }
}
