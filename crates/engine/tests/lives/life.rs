//! The engine lives what was replayed, and is compared with it.

use crate::script::{Script, Told};
use crate::support::Rig;
use jiff::SignedDuration;
use recoup_channel::wire;
use recoup_domain::case::{Case, DueDate};
use recoup_domain::ids::ContactId;
use recoup_domain::money::Money;
use recoup_domain::{Outcome, PastContact};
use recoup_engine::CommandError;
use recoup_engine::clock::Wall as _;
use recoup_engine::commands::{
    CaseName, CeaseInput, FactsInput, OptOutInput, PaymentInput, PromiseInput,
};
use recoup_engine::stepped::Ground as _;
use recoup_engine::types::{PartyName, Report};
use recoup_simulate::Fact;
use recoup_store::ContactFilter;
use std::collections::{BTreeMap, VecDeque};

/// Lives so many days from now on, and tells the engine what the script says; answers what it refused.
pub(crate) async fn live(rig: &Rig, script: &Script, days: u32) -> Vec<String> {
    let end = rig.wall.now() + SignedDuration::from_hours(24 * i64::from(days));
    let (mut ahead, mut refused) = (VecDeque::new(), Vec::new());
    for told in &script.told {
        match told.fact {
            // What the carrier says at once.
            Fact::Settled(id, outcome) if told.within == Some(id) => answers(rig, id, outcome),
            _ => ahead.push_back(*told),
        }
    }
    loop {
        let now = rig.wall.now();
        // What came by itself is there before anything is decided at that instant.
        while ahead
            .front()
            .is_some_and(|t| t.at == now && t.within.is_none())
        {
            refused.extend(tell(rig, ahead.pop_front()).await);
        }
        let of_now = ahead.iter().take_while(|t| t.at == now).count();
        let mut said: Vec<Told> = ahead.drain(..of_now).collect();
        loop {
            // What came by itself to others at the same instant.
            for told in said.extract_if(.., |t| t.within.is_none()) {
                refused.extend(tell(rig, Some(told)).await);
            }
            let taken = rig.engine.turn().await.unwrap();
            rig.engine.activity().until_quiet().await;
            let made: Vec<String> = sent(rig);
            let is_made = |t: &mut Told| t.within.is_some_and(|id| made.contains(&id.to_string()));
            let mut any = false;
            for told in said.extract_if(.., is_made) {
                any = true;
                refused.extend(tell(rig, Some(told)).await);
            }
            if taken == 0 && !any {
                break;
            }
        }
        for told in said {
            refused.push(format!("{told:?}: there was no such contact"));
        }
        let due = rig.engine.run_dry().await.unwrap();
        let next = due.into_iter().chain(ahead.front().map(|t| t.at)).min();
        match next.filter(|at| *at < end) {
            Some(at) => rig.wall.advance(at),
            None => break rig.wall.advance(end),
        }
    }
    refused
}

fn sent(rig: &Rig) -> Vec<String> {
    let mut all = Vec::new();
    for (_, channel) in &rig.channels {
        let seen = channel.seen.lock().unwrap();
        all.extend(seen.iter().map(|(_, r)| r.contact_id.clone()));
    }
    all
}

fn answers(rig: &Rig, id: ContactId, outcome: Outcome) {
    for (_, channel) in &rig.channels {
        let mut outcomes = channel.outcomes.lock().unwrap();
        outcomes.insert(id.to_string(), on_wire(outcome));
    }
}

fn on_wire(outcome: Outcome) -> wire::Outcome {
    use wire::Outcome as W;
    match outcome {
        Outcome::Delivered => W::Delivered,
        Outcome::Undelivered => W::Undelivered,
        Outcome::NoAnswer => W::NoAnswer,
        Outcome::Busy => W::Busy,
        Outcome::Declined => W::Declined,
        Outcome::NotInService => W::NotInService,
        Outcome::Voicemail => W::Voicemail,
        Outcome::UnableToLeaveMessage => W::UnableToLeaveMessage,
        Outcome::AnsweredUnconfirmed => W::AnsweredUnconfirmed,
        Outcome::Conversation => W::Conversation,
        Outcome::ThirdPartyAnswered => W::ThirdPartyAnswered,
        Outcome::WrongNumber => W::WrongNumber,
        other => panic!("{other} comes of no text, mail or call of the behaviour"),
    }
}

/// Tells the engine something; answers where it did not take it.
async fn tell(rig: &Rig, told: Option<Told>) -> Option<String> {
    let told = told?;
    let taken = match told.fact {
        Fact::Settled(contact, outcome) => report(rig, contact, outcome).await,
        Fact::Approved(id) => {
            let note = String::new();
            let ben = rig.as_of("ben");
            let done = rig.engine.approve_contact(&ben, id, note, &|_| vec![]);
            done.await.map(|_| ())
        }
        _ => tell_of_case_or_person(rig, &told).await,
    };
    taken.err().map(|error| format!("{told:?}: {error}"))
}

async fn report(rig: &Rig, contact: ContactId, outcome: Outcome) -> Result<(), CommandError> {
    let report = Report {
        contact,
        outcome,
        at: None,
        reporter: "field".into(),
        note: String::new(),
        evidence: vec![],
        collectors: vec![],
    };
    let ana = rig.as_of("ana");
    let done = rig.engine.report_outcome(&ana, report, &|_| vec![]);
    done.await.map(|_| ())
}

async fn tell_of_case_or_person(rig: &Rig, told: &Told) -> Result<(), CommandError> {
    let (engine, ana) = (&rig.engine, rig.as_of("ana"));
    match told.fact {
        Fact::Settled(..) | Fact::Approved(_) => unreachable!("they are of contacts"),
        Fact::Paid(case, minor) => {
            let input = PaymentInput {
                reference: format!("{case}-{}", told.at),
                amount: Money::new(minor, currency(rig, case).await),
                received_at: None,
                balance_after: None,
            };
            let done = engine.record_payment(&ana, case, input, &|_| vec![]);
            done.await.map(|_| ())
        }
        Fact::Promised(case, minor, due) => {
            let input = PromiseInput {
                amount: Money::new(minor, currency(rig, case).await),
                due,
                contact: None,
                note: String::new(),
            };
            let done = engine.record_promise(&ana, case, input, &|_| vec![]);
            done.await.map(|_| ())
        }
        Fact::Due(case, day) => {
            let input = FactsInput {
                amounts: None,
                currency: None,
                oldest_unpaid_due: Some(DueDate::On(day)),
                pause_days: None,
                scores: None,
                tags: None,
                etag: None,
                effective_at: None,
            };
            let done = engine.update_case_facts(&ana, case, input, &|_| vec![]);
            done.await.map(|_| ())
        }
        Fact::OptedOut(party, class) => {
            let input = OptOutInput {
                class: Some(class),
                point: None,
                via: class.name().into(),
                received_at: None,
            };
            let name = PartyName::Id(party);
            let done = engine.record_opt_out(&ana, &name, input, &|_| vec![]);
            done.await.map(|_| ())
        }
        Fact::Ceased(party) => {
            let input = CeaseInput {
                case: None,
                written: false,
                received_at: None,
                evidence: None,
            };
            let name = PartyName::Id(party);
            let done = engine.record_cease(&ana, &name, input, &|_| vec![]);
            done.await.map(|_| ())
        }
    }
}

async fn case(rig: &Rig, id: recoup_domain::CaseId) -> Case {
    let view = rig.engine.case(&rig.tenant, &CaseName::Id(id)).await;
    view.unwrap().case
}

async fn currency(rig: &Rig, id: recoup_domain::CaseId) -> recoup_domain::Currency {
    case(rig, id).await.currency
}

/// Where the engine's life differs from the replayed one: a line for each contact and each case.
pub(crate) async fn differences(rig: &Rig, script: &Script) -> Vec<String> {
    let mut found = Vec::new();
    let filter = ContactFilter::default();
    let page = rig.engine.contacts(&rig.tenant, &filter, None, 100_000);
    let rows = page.await.unwrap().rows;
    let mut own: BTreeMap<ContactId, PastContact> = BTreeMap::new();
    for row in &rows {
        let contact = &row.contact;
        // Those of cases that were closed before the replay began are of none.
        if script.cases.contains_key(&contact.id.case) {
            own.insert(contact.id, PastContact::from(contact));
        }
    }
    let ids: std::collections::BTreeSet<_> = own.keys().chain(script.contacts.keys()).collect();
    for id in ids {
        let (engine, replayed) = (own.get(id), script.contacts.get(id));
        if engine != replayed {
            found.push(format!(
                "{id}:\n engine   {engine:?}\n replayed {replayed:?}"
            ));
        }
    }
    for (id, replayed) in &script.cases {
        let (engine, replayed) = (standing(&case(rig, *id).await), standing(replayed));
        if engine != replayed {
            found.push(format!("{id}:\n engine   {engine}\n replayed {replayed}"));
        }
    }
    found
}

/// All of a case that its ladder, its balance and its reports rest on; ids and texts that each side makes for itself
/// are left out.
fn standing(case: &Case) -> String {
    let pauses: Vec<_> = case
        .pauses
        .iter()
        .map(|p| (p.reason, p.since, p.until, p.promise))
        .collect();
    let payments: Vec<i64> = case.payments.iter().map(|(_, minor)| *minor).collect();
    let mut skipped = case.skipped.clone();
    skipped.sort_unstable();
    format!(
        "stage {:?}, skipped {skipped:?}, next {}, overdue {:?}, due {:?}, paid {payments:?}, pauses {pauses:?}, with \
         the law since {:?}, closed {:?}, denied {:?}, before a person {}",
        case.stage,
        case.next_seq,
        case.amounts,
        case.oldest_unpaid_due,
        case.legal_since,
        case.closed,
        case.last_denial,
        case.worklist.is_some(),
    )
}
