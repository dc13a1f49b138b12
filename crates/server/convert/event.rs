//! Journal entries as events and lines of a timeline. They carry ids and amounts, never personal data.

use jiff::Timestamp;
use recoup_domain::case::{CaseEvent, Denial, DueDate, PauseReason, PolicyPin};
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{ContactId, OverrideId};
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::money::{Currency, Money};
use recoup_domain::overrides::OverrideEvent;
use recoup_domain::party::{OptOut, PartyEvent};
use recoup_domain::time::{Zone, days_between};
use recoup_engine::timeline::TimelineItem;
use recoup_store::Recorded;

use super::{case, contact, party, value, words};
use crate::api::recoup::v1::{self, EventKind as K, event::Detail};

/// An event's id: its place in the journal in the form of an id.
#[must_use]
pub fn event_id(position: u64) -> String {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&position.to_be_bytes());
    recoup_domain::CaseId::from_bytes(bytes)
        .to_string()
        .replacen("case_", "event_", 1)
}

/// What an event needs beside its entry.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The contact as it is now, for what the entry does not repeat.
    pub contact: Option<Contact>,
    /// Currency of the case, for amounts.
    pub currency: Option<Currency>,
    /// The lender's own reference of the case.
    pub lender_case_ref: String,
    /// Where the borrower's days are counted.
    pub zone: Option<Zone>,
    /// The policy version the case runs under.
    pub policy: Option<PolicyPin>,
    /// The lender's own reference of the payment.
    pub payment_ref: String,
}

/// An event on the wire.
#[must_use]
pub fn render(recorded: &Recorded, beside: &Beside) -> v1::Event {
    let entry = &recorded.entry;
    let late = entry.effective_at != entry.at;
    let mut event = v1::Event {
        event_id: event_id(recorded.position),
        position: i64::try_from(recorded.position).unwrap_or(i64::MAX),
        time: Some(value::to_instant(entry.at)),
        effective_time: late.then(|| value::to_instant(entry.effective_at)),
        actor: entry.actor.clone(),
        ..v1::Event::default()
    };
    let (kind, detail) = match &entry.what {
        What::Case { id, event: e } => {
            event.case_id = id.to_string();
            if let CaseEvent::Opened(opened) = e {
                event.party_id = opened.borrower.to_string();
            }
            of_case(e, entry.at, beside)
        }
        What::Party { id, event: e } => {
            event.party_id = id.to_string();
            of_party(e)
        }
        What::Contact {
            id,
            party,
            event: e,
        } => {
            event.case_id = id.case.to_string();
            event.contact_id = id.to_string();
            event.party_id = party.to_string();
            of_contact(*id, e, beside)
        }
        What::Override {
            id,
            rule,
            case,
            event: e,
        } => {
            event.case_id = case.map_or_else(String::new, |c| c.to_string());
            of_override(*id, rule, *e)
        }
        What::Collector { .. } => (K::CollectorUpserted, None),
        What::Service {
            event: name,
            subject,
        } => told_of_service(name, subject),
    };
    event.kind = kind.into();
    event.detail = detail;
    event
}

/// The kind of an entry.
#[must_use]
pub fn kind(what: &What) -> K {
    match what {
        What::Case { event, .. } => of_case(event, Timestamp::UNIX_EPOCH, &Beside::default()).0,
        What::Party { event, .. } => of_party(event).0,
        What::Contact { id, event, .. } => of_contact(*id, event, &Beside::default()).0,
        What::Override {
            id, rule, event, ..
        } => of_override(*id, rule, *event).0,
        What::Collector { .. } => K::CollectorUpserted,
        What::Service { event, .. } => of_service(event),
    }
}

fn of_override(id: OverrideId, rule: &str, event: OverrideEvent) -> (K, Option<Detail>) {
    let (kind, until) = match event {
        OverrideEvent::Proposed { until } => (K::OverrideProposed, Some(until)),
        OverrideEvent::Approved { until } => (K::OverrideApproved, Some(until)),
        OverrideEvent::Revoked => (K::OverrideRevoked, None),
    };
    let detail = v1::OverrideChanged {
        override_id: id.to_string(),
        rule_id: rule.to_owned(),
        until: until.map(value::to_instant),
    };
    (kind, Some(Detail::Override(detail)))
}

fn of_case(event: &CaseEvent, at: Timestamp, beside: &Beside) -> (K, Option<Detail>) {
    let money = |minor: i64| {
        beside
            .currency
            .map(|c| value::to_money(Money::new(minor, c)))
    };
    match event {
        CaseEvent::Opened(c) => (K::CaseOpened, Some(opened(c, at, beside))),
        CaseEvent::FactsUpdated { .. } => {
            (K::CaseFactsUpdated, Some(facts_updated(event, at, beside)))
        }
        CaseEvent::DocumentAdded(_) => (K::DocumentAdded, None),
        CaseEvent::PaymentRecorded(p) => {
            let detail = v1::PaymentRecorded {
                payment_ref: beside.payment_ref.clone(),
                amount: money(p.amount),
                received_time: Some(value::to_instant(p.received_at)),
                overdue_after: money(p.overdue_after),
                cured: p.cures,
            };
            (K::PaymentRecorded, Some(Detail::Payment(detail)))
        }
        CaseEvent::PaymentReversed(r) => {
            let detail = v1::PaymentRecorded {
                payment_ref: beside.payment_ref.clone(),
                amount: money(r.amount),
                overdue_after: money(r.overdue_after),
                ..v1::PaymentRecorded::default()
            };
            (K::PaymentReversed, Some(Detail::Payment(detail)))
        }
        CaseEvent::Disputed { .. } => {
            let detail = v1::StopRecorded {
                kind: v1::StopKind::Dispute.into(),
                ..v1::StopRecorded::default()
            };
            (K::StopRecorded, Some(Detail::Stop(detail)))
        }
        CaseEvent::DisputeResolved { .. } => {
            (K::CaseResumed, Some(paused(PauseReason::Dispute, None)))
        }
        CaseEvent::ComplaintResolved { .. } => {
            (K::CaseResumed, Some(paused(PauseReason::Complaint, None)))
        }
        CaseEvent::Paused(pause) => match pause.promise {
            Some(promise) => {
                let detail = v1::PromiseChanged {
                    promise_id: pause.id.to_string(),
                    amount: money(promise.amount),
                    due_date: Some(value::to_date(promise.due)),
                    paid: money(promise.paid),
                };
                (K::PromiseRecorded, Some(Detail::Promise(detail)))
            }
            None => (
                K::CasePaused,
                Some(paused(pause.reason, value::to_end(pause.until))),
            ),
        },
        CaseEvent::PauseEnded { .. } => (K::CaseResumed, None),
        CaseEvent::PromiseResolved {
            pause,
            result,
            paid,
        } => {
            use recoup_domain::case::PromiseResult as R;
            let kind = match result {
                R::Kept | R::Partial => K::PromiseKept,
                R::Broken => K::PromiseBroken,
            };
            let detail = v1::PromiseChanged {
                promise_id: pause.to_string(),
                paid: money(*paid),
                ..v1::PromiseChanged::default()
            };
            (kind, Some(Detail::Promise(detail)))
        }
        CaseEvent::PolicyPinned(_) => (K::CaseMigrated, None),
        CaseEvent::PolicyMoved(m) => {
            let detail = v1::CaseMigrated {
                from: Some(case::render_pin(&m.from)),
                to: Some(case::render_pin(&m.to)),
                from_stage: m.stage_names.0.clone(),
                to_stage: m.stage_names.1.clone(),
            };
            (K::CaseMigrated, Some(Detail::CaseMigrated(detail)))
        }
        CaseEvent::StageEntered {
            left, name, dpd, ..
        } => {
            let detail = v1::StageChanged {
                from_stage: left.clone(),
                to_stage: name.clone(),
                dpd: (*dpd).max(0),
                ..v1::StageChanged::default()
            };
            (K::StageChanged, Some(Detail::StageChanged(detail)))
        }
        CaseEvent::StepSkipped { .. } => (K::StepSkipped, None),
        CaseEvent::StepsReopened => (K::StepsReopened, None),
        CaseEvent::Denied(denial) => (K::ContactDenied, Some(denied(denial))),
        CaseEvent::LegalBegan | CaseEvent::LegalRecalled => (K::StageChanged, None),
        CaseEvent::WorklistChanged { reason } => {
            let detail = v1::WorklistAdded {
                reason: String::new(),
                review: words::to_review_reason(reason.as_ref()).into(),
                text: reason
                    .as_ref()
                    .map_or_else(String::new, ToString::to_string),
            };
            (K::WorklistAdded, Some(Detail::Worklist(detail)))
        }
        CaseEvent::Closed { reason, collected } => {
            let reason = words::to_close_reason(*reason).into();
            let detail = v1::CaseClosed {
                reason,
                collected: money(*collected),
            };
            (K::CaseClosed, Some(Detail::CaseClosed(detail)))
        }
    }
}

fn opened(c: &recoup_domain::Case, at: Timestamp, beside: &Beside) -> Detail {
    let zone = beside.zone.as_ref();
    Detail::CaseOpened(v1::CaseOpened {
        lender_case_ref: beside.lender_case_ref.clone(),
        jurisdiction: c.jurisdiction.clone(),
        overdue: Some(value::to_money(Money::new(c.amounts.overdue, c.currency))),
        dpd: zone.map_or(0, |zone| c.dpd(at, zone).max(0)),
        policy: beside.policy.as_ref().map(case::render_pin),
    })
}

fn facts_updated(event: &CaseEvent, at: Timestamp, beside: &Beside) -> Detail {
    let CaseEvent::FactsUpdated {
        amounts,
        oldest_unpaid_due,
        pause_days,
        scores,
        tags,
    } = event
    else {
        return Detail::CaseFactsUpdated(v1::CaseFactsUpdated::default());
    };
    let named = [
        ("amounts", amounts.is_some()),
        ("oldest_unpaid_due_date", oldest_unpaid_due.is_some()),
        ("pause_days", pause_days.is_some()),
        ("scores", scores.is_some()),
        ("tags", tags.is_some()),
    ];
    let fields = named
        .into_iter()
        .filter(|(_, told)| *told)
        .map(|(name, _)| name.to_owned());
    let overdue = amounts
        .zip(beside.currency)
        .map(|(a, c)| Money::new(a.overdue, c));
    let today = beside.zone.as_ref().map(|zone| zone.date(at));
    let days = |due: DueDate, today| due.day().map_or(0, |due| days_between(due, today));
    let dpd = oldest_unpaid_due.zip(today);
    let dpd = dpd.map(|(due, today)| days(due, today));
    Detail::CaseFactsUpdated(v1::CaseFactsUpdated {
        fields: fields.collect(),
        overdue: overdue.map(value::to_money),
        dpd: dpd.map(|days| days.max(0)),
    })
}

fn paused(reason: PauseReason, until: Option<prost_types::Timestamp>) -> Detail {
    Detail::Pause(v1::CasePaused {
        reason: words::to_pause_reason(reason).into(),
        until,
    })
}

fn denied(denial: &Denial) -> Detail {
    let reason = |rule: &String| v1::GateReason {
        rule_id: rule.clone(),
        ..v1::GateReason::default()
    };
    let reasons: Vec<_> = std::iter::once(&denial.rule)
        .chain(&denial.also)
        .map(reason)
        .collect();
    let decision = v1::GateDecision {
        verdict: v1::Verdict::Deny.into(),
        primary: reasons.first().cloned(),
        reasons,
        earliest: denial.earliest.map(value::to_instant),
        ..v1::GateDecision::default()
    };
    Detail::Denied(v1::ContactDenied {
        channel: denial.class.name().to_owned(),
        template: String::new(),
        decision: Some(decision),
    })
}

fn of_party(event: &PartyEvent) -> (K, Option<Detail>) {
    let stop = |kind: v1::StopKind, opt_out: Option<&OptOut>| {
        let class = opt_out.and_then(|o| o.class);
        Some(Detail::Stop(v1::StopRecorded {
            kind: kind.into(),
            channel: class.map_or_else(String::new, |c| c.name().to_owned()),
            contact_point_id: opt_out
                .and_then(|o| o.point)
                .map_or_else(String::new, party::point_id),
            until: None,
        }))
    };
    match event {
        PartyEvent::Upserted(_) => (K::PartyUpserted, None),
        PartyEvent::OptedOut(o) => (K::StopRecorded, stop(v1::StopKind::OptOut, Some(o))),
        PartyEvent::Ceased(_) => (K::StopRecorded, stop(v1::StopKind::Cease, None)),
        PartyEvent::Learned { .. } | PartyEvent::PointTold { .. } => (K::ContactPointChanged, None),
        PartyEvent::Refused => (K::StopRecorded, stop(v1::StopKind::Cease, None)),
        other => of_right(other),
    }
}

/// Rights and circumstances of a person: a stop that is recorded, or lifted.
fn of_right(event: &PartyEvent) -> (K, Option<Detail>) {
    use v1::StopKind as S;
    let stop = |recorded: bool, kind: S, until: Option<prost_types::Timestamp>| {
        let detail = v1::StopRecorded {
            kind: kind.into(),
            until,
            ..v1::StopRecorded::default()
        };
        let kind = match recorded {
            true => K::StopRecorded,
            false => K::StopLifted,
        };
        (kind, Some(Detail::Stop(detail)))
    };
    match event {
        PartyEvent::OptOutWithdrawn { .. } => stop(false, S::OptOut, None),
        PartyEvent::Represented { .. } => stop(true, S::Attorney, None),
        PartyEvent::RepresentationEnded => stop(false, S::Attorney, None),
        PartyEvent::PlaceDeclined { point } => {
            let detail = v1::StopRecorded {
                kind: S::Inconvenient.into(),
                contact_point_id: party::point_id(*point),
                ..v1::StopRecorded::default()
            };
            (K::StopRecorded, Some(Detail::Stop(detail)))
        }
        PartyEvent::TimeDeclined(_) => stop(true, S::Inconvenient, None),
        PartyEvent::EmployerProhibits { prohibits } => stop(*prohibits, S::EmployerBan, None),
        PartyEvent::Moratorium { .. } => stop(true, S::Moratorium, None),
        PartyEvent::Died { died } => stop(*died, S::Deceased, None),
        PartyEvent::HardshipDeclared { until } => stop(true, S::Hardship, value::to_end(*until)),
        PartyEvent::HardshipEnded => stop(false, S::Hardship, None),
        PartyEvent::Consented { .. } => (K::ConsentRecorded, None),
        PartyEvent::ConsentWithdrawn { .. } => (K::ConsentWithdrawn, None),
        PartyEvent::Upserted(_)
        | PartyEvent::OptedOut(_)
        | PartyEvent::Ceased(_)
        | PartyEvent::Learned { .. }
        | PartyEvent::PointTold { .. }
        | PartyEvent::Refused => (K::PartyUpserted, None),
    }
}

fn of_contact(id: ContactId, event: &ContactEvent, beside: &Beside) -> (K, Option<Detail>) {
    let changed = |state: ContactState, contact: Option<&Contact>| {
        let place = contact.and_then(|c| c.place.as_ref());
        Detail::Contact(v1::ContactChanged {
            state: words::to_contact_state(state).into(),
            channel: contact.map_or_else(String::new, |c| c.class.name().to_owned()),
            template: contact.map_or_else(String::new, |c| c.template.clone()),
            stage: place.map_or_else(String::new, |p| p.stage_name.clone()),
            plan_seq: i64::from(id.seq),
            reason: String::new(),
            effect_start_time: contact.map(|c| value::to_instant(c.effect.from)),
            effect_end_time: contact.and_then(|c| value::to_end(c.effect.to)),
            ..v1::ContactChanged::default()
        })
    };
    let now = beside.contact.as_ref();
    match event {
        ContactEvent::Planned(c) => (K::ContactPlanned, Some(changed(c.state, Some(c)))),
        ContactEvent::Intended(c) => (
            K::ContactDispatching,
            Some(changed(ContactState::Dispatching, Some(c))),
        ),
        ContactEvent::Approved { .. } => (
            K::ContactApproved,
            Some(changed(ContactState::Planned, now)),
        ),
        ContactEvent::Moved { to } => (of_state(*to), Some(changed(*to, now))),
        ContactEvent::BeyondRecall => (
            K::ContactBeyondRecall,
            Some(changed(ContactState::Accepted, now)),
        ),
        ContactEvent::Settled {
            to, outcome, at, ..
        } => {
            let mut detail = changed(*to, now);
            if let Detail::Contact(changed) = &mut detail {
                changed.outcome = words::to_outcome(*outcome).into();
                changed.outcome_time = Some(value::to_instant(*at));
            }
            (of_state(*to), Some(detail))
        }
        ContactEvent::Learned { outcome, at, .. } => {
            let detail = v1::OutcomeRecorded {
                outcome: words::to_outcome(*outcome).into(),
                occurred_time: Some(value::to_instant(*at)),
                channel: now.map_or_else(String::new, |c| c.class.name().to_owned()),
                // An outcome learnt without a change of state takes the place of a weaker one.
                correction: true,
                ..v1::OutcomeRecorded::default()
            };
            (K::OutcomeRecorded, Some(Detail::Outcome(detail)))
        }
        ContactEvent::Corrected {
            was,
            to,
            outcome,
            at,
            ..
        } => {
            let detail = v1::OutcomeRecorded {
                outcome: words::to_outcome(*outcome).into(),
                occurred_time: Some(value::to_instant(*at)),
                channel: now.map_or_else(String::new, |c| c.class.name().to_owned()),
                correction: true,
                previous_outcome: words::to_outcome(*was).into(),
                state: words::to_contact_state(*to).into(),
            };
            (K::OutcomeRecorded, Some(Detail::Outcome(detail)))
        }
    }
}

const fn of_state(state: ContactState) -> K {
    match state {
        ContactState::Planned => K::ContactPlanned,
        ContactState::Dispatching => K::ContactDispatching,
        ContactState::Accepted => K::ContactAccepted,
        ContactState::Effected => K::ContactEffected,
        ContactState::Failed => K::ContactFailed,
        ContactState::RejectedProven => K::ContactRejectedProven,
        ContactState::ProvenNotSent => K::ContactProvenNotSent,
        ContactState::Unknown => K::ContactUnknown,
        ContactState::Cancelling => K::ContactCancelling,
        ContactState::Cancelled => K::ContactCancelled,
        ContactState::CancelUnknown => K::ContactCancelUnknown,
        ContactState::Suppressed => K::ContactSuppressed,
        ContactState::Expired => K::ContactExpired,
    }
}

fn told_of_service(name: &str, subject: &str) -> (K, Option<Detail>) {
    let kind = of_service(name);
    let reason = || subject.to_owned();
    let told = (kind == K::ClockAccepted).then(|| v1::ClockAccepted { reason: reason() });
    (kind, told.map(Detail::ClockAccepted))
}

fn of_service(name: &str) -> K {
    match name {
        "policy_created" => K::PolicyCreated,
        "policy_activated" => K::PolicyActivated,
        "template_registered" => K::TemplateRegistered,
        "cases_migrated" => K::CasesMigrated,
        "dispatch_paused" => K::DispatchPaused,
        "dispatch_resumed" => K::DispatchResumed,
        "clock_accepted" => K::ClockAccepted,
        "store_copied" => K::StoreCopied,
        "store_reconciled" => K::StoreReconciled,
        _ => K::Unspecified,
    }
}

/// A line of a timeline on the wire; `sees_people`: with what was told with it, which is personal data.
#[must_use]
pub fn timeline_entry(item: &TimelineItem, sees_people: bool) -> v1::TimelineEntry {
    let told = item.beside.clone().filter(|_| sees_people);
    let told = told.unwrap_or_default();
    let late = item.effective_at != item.at;
    let decided = item.reason.is_some() || !item.rule_ids.is_empty();
    let place = match &item.what {
        What::Contact {
            event: ContactEvent::Planned(c) | ContactEvent::Intended(c),
            ..
        } => c.place.as_ref(),
        _ => None,
    };
    v1::TimelineEntry {
        time: Some(value::to_instant(item.at)),
        effective_time: late.then(|| value::to_instant(item.effective_at)),
        kind: kind(&item.what).into(),
        summary: item.summary.clone(),
        actor: item.actor.clone(),
        event_id: event_id(item.position),
        position: i64::try_from(item.position).unwrap_or(i64::MAX),
        contact_id: item.contact.map_or_else(String::new, |c| c.to_string()),
        reason: decided.then(|| v1::DecisionReason {
            rule_ids: item.rule_ids.clone(),
            text: item.reason.clone().unwrap_or_default(),
            stage: place.map_or_else(String::new, |p| p.stage_name.clone()),
            step: place.map(|p| i32::from(p.step)),
            ..v1::DecisionReason::default()
        }),
        evidence: told.evidence.iter().map(contact::render_evidence).collect(),
        note: told.note,
        reporter: told.reporter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_sort_as_their_positions() {
        assert!(event_id(1).starts_with("event_"));
        assert!(event_id(9) < event_id(10));
        assert!(event_id(u64::MAX - 1) < event_id(u64::MAX));
    }
}
