//! Whose turn it is: the steps of a stage in order, the first that may go now goes.

use crate::target::{self, Target};
use crate::trace::{StepNote, Trace};
use crate::{Decision, Dropped, Input, Plan, Presence, RETRY_AFTER, approval_ends};
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::{
    Audience, CaseFacts, DebtorFacts, MissingYear, Proposal, Purpose, Verdict, gate,
};
use recoup_domain::case::{CaseEvent, Denial, SkipReason, WorklistReason};
use recoup_domain::contact::ContactClass;
use recoup_domain::contact::ContactState;
use recoup_domain::party::Relation;
use recoup_domain::time::{NEVER, Window, Zone, add_days, round_up_to_slot};
use recoup_policy::{Due, Env, Facts, OnOutcome, Step};

/// How often the gate is asked for one step: each answer moves the proposal to the instant it named, so a
/// few are enough; a step that is still refused after that is asked again when the last one comes.
const QUESTIONS_MAX: usize = 8;

pub(crate) enum Turn {
    Contact(Plan),
    Wait(Option<Timestamp>),
}

/// Looks at the steps of `stage` in order.
pub(crate) fn take<T: Trace>(
    input: &Input<'_>,
    env: &Env,
    stage: u8,
    now: Timestamp,
    decision: &mut Decision,
    trace: &mut T,
) -> Turn {
    let steps = &input.policy.stages()[usize::from(stage)].steps;
    let mut wake: Option<Timestamp> = None;
    let mut used_up = 0;
    let mut refused = false;
    let mut untold: Option<WorklistReason> = None;
    // What an outcome of one step says of the stage is said of each of its steps.
    let ended = target::ends_stage(input, steps, stage);
    for (number, step) in steps.iter().enumerate() {
        let place = (stage, u8::try_from(number).unwrap_or(u8::MAX));
        let Look { outlook, refusal } = match ended.filter(|_| !is_used_up(input, env, step, place))
        {
            Some(outcome) => {
                drop_waiting(input, place, decision);
                Outlook::Skip(SkipReason::ByOutcome { outcome }).into()
            }
            None => look(input, env, step, place, now, trace),
        };
        trace.step(place, outlook.note(step));
        if let Outlook::Untold {
            missing,
            rule,
            again,
        } = &outlook
            && is_near(input, *again, now)
        {
            untold.get_or_insert_with(|| WorklistReason::WaitsForYear {
                class: step.class,
                stage: name_of(input, stage),
                calendar: missing.calendar.clone(),
                year: missing.year,
                rule: rule.clone(),
            });
        }
        if let Some(denial) = refusal {
            // One stands for all: two refused steps would else take turns in the record.
            if !std::mem::replace(&mut refused, true) {
                record(input, denial, decision);
            }
        }
        match outlook {
            Outlook::UsedUp | Outlook::NoTurn => used_up += 1,
            Outlook::Skip(why) => {
                used_up += 1;
                skip(step, place, why, input, decision);
            }
            Outlook::UnderWay(until) | Outlook::Later(until) => {
                wake = wake.into_iter().chain(until).min();
            }
            Outlook::Untold { again, .. } | Outlook::NoChannelYet(again) => {
                wake = wake.into_iter().chain([again]).min();
            }
            Outlook::Blocked => {}
            Outlook::Go(plan) => {
                tell_of_year(input, untold, decision);
                return Turn::Contact(plan);
            }
        }
    }
    tell_of_year(input, untold, decision);
    // Whether another stage follows one that was ended is seen once that is on record.
    let ends_now = ended.is_some() && decision.events.iter().any(is_skip);
    if used_up == steps.len() && !ends_now {
        to_worklist(input, stage, decision);
    }
    Turn::Wait(wake)
}

/// What comes of looking at a step.
struct Look {
    outlook: Outlook,
    /// It is due, and the gate says no.
    refusal: Option<Denial>,
}

impl From<Outlook> for Look {
    fn from(outlook: Outlook) -> Self {
        let refusal = None;
        Self { outlook, refusal }
    }
}

enum Outlook {
    UsedUp,
    /// Its condition does not hold.
    NoTurn,
    Skip(SkipReason),
    UnderWay(Option<Timestamp>),
    Blocked,
    Later(Option<Timestamp>),
    /// Its channel should be there and is not; asked again then.
    NoChannelYet(Timestamp),
    /// Nobody knows when: a calendar lacks a year. The rule that asks for it, and when to ask again.
    Untold {
        missing: MissingYear,
        rule: String,
        again: Timestamp,
    },
    Go(Plan),
}

impl Outlook {
    fn note<'n>(&'n self, step: &'n Step) -> StepNote<'n> {
        match self {
            Self::UsedUp => StepNote::UsedUp,
            Self::NoTurn => StepNote::NoTurn(step.when.as_deref().unwrap_or_default()),
            Self::Skip(why) => StepNote::Skipped(why),
            Self::UnderWay(until) => StepNote::WaitsForApproval(*until),
            Self::Blocked => StepNote::WaitsForStepBefore,
            Self::Later(Some(at)) => StepNote::Due(*at),
            Self::Later(None) => StepNote::WaitsForStepBefore,
            Self::NoChannelYet(again) => StepNote::WaitsForChannel(&step.channel, *again),
            Self::Untold { missing, again, .. } => StepNote::WaitsForYear(missing, *again),
            Self::Go(_) => StepNote::Goes,
        }
    }
}

fn look<T: Trace>(
    input: &Input<'_>,
    env: &Env,
    step: &Step,
    place: (u8, u8),
    now: Timestamp,
    trace: &mut T,
) -> Look {
    if !input.policy.applies(env, place.0, place.1) {
        return Outlook::NoTurn.into();
    }
    // A contact that waits for a person ends its wait, whatever else became of its step.
    let waiting = input.waiting.iter().find(|w| w.place == place);
    if let Some(w) = waiting.filter(|w| !w.approved) {
        let end = approval_ends(input, w);
        return Outlook::UnderWay(Some(end).filter(|end| *end > now)).into();
    }
    if is_used_up(input, env, step, place) {
        return Outlook::UsedUp.into();
    }
    match input.channels.presence(&step.channel) {
        Presence::Here => {}
        Presence::Awaited => return until_it_is_here(input, env, place, now).into(),
        Presence::Unknown => return Outlook::Skip(SkipReason::NoChannel).into(),
    }
    let retry = match Retry::of(input, place) {
        Ok(retry) => retry,
        Err(why) => return Outlook::Skip(why).into(),
    };
    let target = match target::choose(input, step, place) {
        Ok(target) => target,
        Err(why) => return Outlook::Skip(why).into(),
    };
    let facts = Facts {
        case: input.case,
        borrower: input.borrower,
        contacts: input.contacts,
    };
    let Some(due) = input.policy.due(place.0, place.1, &facts, env, now) else {
        return Outlook::Blocked.into();
    };
    let due = match &retry {
        Some(retry) => retry.put_off(due, step, input.borrower.home_zone()),
        None => due,
    };
    let mut asker = Asker {
        input,
        step,
        place,
        target,
        now,
        refusal: None,
        trace,
    };
    let outlook = match asker.ask(&due) {
        Asked::Permit {
            start,
            effect,
            expires,
        } if start <= now => Outlook::Go(Plan {
            stage: place.0,
            step: place.1,
            class: step.class,
            point: asker.target.point().map(|p| p.key),
            effect,
            expires,
            needs_approval: step.approval && waiting.is_none(),
            approved: waiting.map(|w| w.seq),
            retry_of: retry.map(|r| r.seq),
        }),
        Asked::Permit {
            start,
            effect,
            expires,
        } => Outlook::Later(Some(asker.in_slot(start, effect, expires))),
        Asked::Later(start) => Outlook::Later(Some(round_up_to_slot(start))),
        Asked::Untold(missing, rule) => Outlook::Untold {
            missing,
            rule,
            again: round_up_to_slot(due.plan_at.max(asker.tomorrow())),
        },
        Asked::Never(rule) => Outlook::Skip(SkipReason::DeniedForever { rule }),
    };
    let refusal = asker.refusal;
    Look { outlook, refusal }
}

const fn is_skip(event: &CaseEvent) -> bool {
    matches!(event, CaseEvent::StepSkipped { .. })
}

/// A step whose channel is awaited. What kind of contact that makes is not known before it is there, so neither a number
/// or an address is chosen nor the gate asked.
fn until_it_is_here(input: &Input<'_>, env: &Env, place: (u8, u8), now: Timestamp) -> Outlook {
    let facts = Facts {
        case: input.case,
        borrower: input.borrower,
        contacts: input.contacts,
    };
    match input.policy.due(place.0, place.1, &facts, env, now) {
        None => Outlook::Blocked,
        Some(due) if due.plan_at > now => Outlook::Later(Some(due.plan_at)),
        Some(_) => Outlook::NoChannelYet(after(now)),
    }
}

/// The slot after an instant.
fn after(now: Timestamp) -> Timestamp {
    round_up_to_slot(
        now.saturating_add(SignedDuration::from_secs(1))
            .unwrap_or(NEVER),
    )
}

/// What waited for approval of a step that is passed over waits for nothing.
fn drop_waiting(input: &Input<'_>, place: (u8, u8), decision: &mut Decision) {
    let to = ContactState::Suppressed;
    for w in input.waiting.iter().filter(|w| w.place == place) {
        if decision.dropped.iter().all(|d| d.seq != w.seq) {
            decision.dropped.push(Dropped { seq: w.seq, to });
        }
    }
}

fn is_used_up(input: &Input<'_>, env: &Env, step: &Step, place: (u8, u8)) -> bool {
    env.step_counts().made(place.0, place.1) >= step.max || input.case.skipped.contains(&place)
}

/// The contact that was proven not sent and may be tried again.
struct Retry {
    seq: u32,
    not_before: Timestamp,
}

impl Retry {
    fn of(input: &Input<'_>, place: (u8, u8)) -> Result<Option<Self>, SkipReason> {
        use ContactState::{ProvenNotSent, RejectedProven};
        let mut newest = target::of_step(input, place)
            .filter(|c| {
                !matches!(
                    c.state,
                    Some(ContactState::Planned | ContactState::Suppressed | ContactState::Expired)
                )
            })
            .take_while(|c| matches!(c.state, Some(RejectedProven | ProvenNotSent)))
            .peekable();
        let Some((at, id)) = newest.peek().and_then(|c| Some((c.at, c.id?))) else {
            return Ok(None);
        };
        let Some(pause) = RETRY_AFTER.get(newest.count() - 1) else {
            return Err(SkipReason::RetriesUsedUp);
        };
        let not_before = at.saturating_add(*pause).unwrap_or(NEVER);
        Ok(Some(Self {
            seq: id.seq,
            not_before,
        }))
    }

    /// What kept the channel from sending takes its time to pass.
    fn put_off(&self, due: Due, step: &Step, zone: &Zone) -> Due {
        if self.not_before <= due.plan_at {
            return due;
        }
        let effect_at = self.not_before.saturating_add(step.lead).unwrap_or(NEVER);
        let effect_at = step.next_between(effect_at, zone);
        let plan_at = effect_at.checked_sub(step.lead).unwrap_or(effect_at);
        Due { plan_at, effect_at }
    }
}

enum Asked {
    /// Start of the work, the effect window, end of the permit.
    Permit {
        start: Timestamp,
        effect: Window,
        expires: Timestamp,
    },
    /// Refused at each instant asked about; ask again then.
    Later(Timestamp),
    Never(String),
    /// A calendar lacks a year, and the rule that denies.
    Untold(MissingYear, String),
}

struct Asker<'a, 'd, T> {
    input: &'a Input<'a>,
    step: &'a Step,
    place: (u8, u8),
    target: Target<'a>,
    now: Timestamp,
    refusal: Option<Denial>,
    trace: &'d mut T,
}

impl<T: Trace> Asker<'_, '_, T> {
    /// Finds the least start of work, at or after `due`, whose effect the gate permits.
    fn ask(&mut self, due: &Due) -> Asked {
        let zone = self.input.borrower.home_zone();
        let mut from = due.effect_at;
        for question in 0..QUESTIONS_MAX {
            let effect = Window::starting(from, self.step.window);
            let verdict = self.gate(effect);
            match verdict {
                Verdict::Permit { expires } => {
                    // An appointment is made its lead ahead, and no earlier: a pause of months is no
                    // reason to fix a visit today.
                    let start = from.checked_sub(self.step.lead).unwrap_or(from);
                    return Asked::Permit {
                        start,
                        effect,
                        expires,
                    };
                }
                Verdict::Deny(denial) => {
                    if question == 0 && due.plan_at <= self.now {
                        self.refused(&denial);
                    }
                    let Some(earliest) = denial.earliest else {
                        let rule = denial.reason.id().to_owned();
                        return match denial.lacks {
                            Some(missing) => Asked::Untold(missing, rule),
                            None => Asked::Never(rule),
                        };
                    };
                    from = self.step.next_between(earliest, zone);
                }
            }
        }
        Asked::Later(from)
    }

    fn gate(&mut self, effect: Window) -> Verdict {
        let Input {
            case,
            borrower,
            contacts,
            binding,
            policy,
            visitors,
            ..
        } = *self.input;
        let point = self.target.point();
        let proposal = Proposal {
            class: self.step.class,
            effect,
            debt: case.id,
            party: borrower,
            relation: Relation::Borrower,
            point,
            audience: Audience::of(Relation::Borrower, point),
            purpose: Purpose::Ordinary,
            case: CaseFacts {
                days_past_due: Some(case.dpd(effect.from, borrower.home_zone())),
                ..CaseFacts::from(case)
            },
            debtor: DebtorFacts::of(borrower, case.id, policy.lost_after_failed_days()),
            qualified_collectors: visitors,
            requested_by_person: false,
        };
        gate(
            binding,
            &proposal,
            contacts,
            self.now,
            self.trace.gate(self.place, effect.from),
        )
    }

    /// The first instant of the person's next day.
    fn tomorrow(&self) -> Timestamp {
        let zone = self.input.borrower.home_zone();
        zone.start_of_day(add_days(zone.date(self.now), 1))
    }

    /// The slot in which to ask again; the very instant where the slot would come too late.
    fn in_slot(&self, start: Timestamp, effect: Window, expires: Timestamp) -> Timestamp {
        let slot = round_up_to_slot(start);
        let from = effect.from.saturating_add(slot.duration_since(start));
        let from = from.unwrap_or(NEVER);
        let zone = self.input.borrower.home_zone();
        if from < expires && self.step.next_between(from, zone) == from {
            slot
        } else {
            start
        }
    }

    fn refused(&mut self, denial: &recoup_compliance::Denial) {
        self.trace.step(self.place, StepNote::Denied(denial));
        let rules = denial.all.iter().skip(1).map(|r| r.rule.id().to_owned());
        self.refusal = Some(Denial {
            place: self.place,
            class: self.step.class,
            rule: denial.reason.id().to_owned(),
            also: rules.collect(),
            earliest: denial.earliest,
            lacks: denial.lacks.as_ref().map(ToString::to_string),
        });
    }
}

/// Puts the gate's no on record, once as long as it stands.
fn record(input: &Input<'_>, denial: Denial, decision: &mut Decision) {
    let entered = |e: &CaseEvent| matches!(e, CaseEvent::StageEntered { .. });
    let stands = input.case.last_denial.as_ref() == Some(&denial);
    if !stands || decision.events.iter().any(entered) {
        decision.events.push(CaseEvent::Denied(denial));
    }
}

fn skip(step: &Step, place: (u8, u8), why: SkipReason, input: &Input<'_>, decision: &mut Decision) {
    let class = step.class;
    let told = match &why {
        SkipReason::DeniedForever { rule } => Some(WorklistReason::NeverMade {
            class,
            stage: name_of(input, place.0),
            rule: rule.clone(),
        }),
        SkipReason::ByOutcome { outcome } if step.on(*outcome) == Some(OnOutcome::AskPerson) => {
            Some(WorklistReason::AskedByPolicy {
                class,
                stage: name_of(input, place.0),
                outcome: *outcome,
            })
        }
        _ => None,
    };
    if let Some(reason) = told {
        let reason = Some(reason);
        decision.events.push(CaseEvent::WorklistChanged { reason });
    }
    decision.events.push(CaseEvent::StepSkipped {
        stage: place.0,
        step: place.1,
        why,
    });
}

/// Whether an instant is on the person's next day at the latest: a step that is due then, and waits, waits already.
fn is_near(input: &Input<'_>, at: Timestamp, now: Timestamp) -> bool {
    let zone = input.borrower.home_zone();
    zone.date(at) <= add_days(zone.date(now), 1)
}

/// A step waits for a year that a calendar lacks: a person is told, and told no more once no step waits for one. What
/// else was to be told of the case, now or before, stands.
fn tell_of_year(input: &Input<'_>, untold: Option<WorklistReason>, decision: &mut Decision) {
    use WorklistReason as R;
    let told = |e: &CaseEvent| matches!(e, CaseEvent::WorklistChanged { .. });
    if decision.events.iter().any(told) {
        return;
    }
    let reason = match (&input.case.worklist, untold) {
        (None | Some(R::StepsUsedUp { .. } | R::NoTarget { .. }), Some(year)) => Some(year),
        (Some(listed @ R::WaitsForYear { .. }), Some(year)) if *listed != year => Some(year),
        (Some(R::WaitsForYear { .. }), None) => None,
        _ => return,
    };
    decision.events.push(CaseEvent::WorklistChanged { reason });
}

/// Every step of the stage is used up: a person decides what is next.
fn to_worklist(input: &Input<'_>, stage: u8, decision: &mut Decision) {
    let told = |e: &CaseEvent| matches!(e, CaseEvent::WorklistChanged { .. });
    if input.case.worklist.is_none() && !decision.events.iter().any(told) {
        let leads_nowhere = leads_nowhere(input, stage);
        let stage = name_of(input, stage);
        let reason = Some(match leads_nowhere {
            true => WorklistReason::NoTarget { stage },
            false => WorklistReason::StepsUsedUp { stage },
        });
        decision.events.push(CaseEvent::WorklistChanged { reason });
    }
}

/// Whether no step of the stage has a number or address that it could use. A referral needs none.
fn leads_nowhere(input: &Input<'_>, stage: u8) -> bool {
    let steps = &input.policy.stages()[usize::from(stage)].steps;
    steps.iter().all(|step| {
        step.class != ContactClass::Legal
            && input.borrower.usable_points(step.class).next().is_none()
    })
}

fn name_of(input: &Input<'_>, stage: u8) -> String {
    input.policy.stages()[usize::from(stage)].name.clone()
}
