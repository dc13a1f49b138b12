//! History and snapshots say the same: commands are played against a store, then its journal is folded
//! and compared with the rows.

use super::build;
use crate::{Change, Guard, JournalFilter, Recorded, Store, Write};
use jiff::Timestamp;
use recoup_domain::case::{self, CloseReason, PauseReason, PauseRequest, PromiseRequest};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::history::History;
use recoup_domain::ids::{ContactId, PauseId};
use recoup_domain::journal::{ContactEvent, apply_contact, apply_to_party};
use recoup_domain::party::{Cease, Consent, ConsentKind, Inconvenient, OptOut, PartyEvent};
use recoup_domain::{Case, Outcome, Party, PastContact};

/// Something a lender, a person or a channel does. What cannot be at that moment does nothing.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// A payment in minor units.
    Pay(i64),
    /// The newest payment is taken back.
    Reverse,
    /// A dispute, in writing or not.
    Dispute(bool),
    /// The oldest dispute is settled: the debt stands, verification was sent.
    Settle(bool, bool),
    /// A complaint.
    Complain,
    /// The oldest complaint is settled.
    Answer(bool),
    /// A promise of minor units in so many days.
    Promise(i64, i32),
    /// A hold of so many hours.
    Hold(i64),
    /// The oldest pause ends.
    Release,
    /// The timers are asked.
    Timers,
    /// The ledger says this is overdue.
    Overdue(i64),
    /// The ledger says that nothing is unpaid any more.
    NothingDue,
    /// The case goes on under another version of its policy, in which its stage has another number.
    Repin(u8),
    /// The case is closed.
    Close,
    /// A contact goes out.
    Intend,
    /// The newest contact goes to a state, by its number in the table; with an outcome where it has one.
    Move(u8, Option<Outcome>),
    /// The person opts out of a kind of contact.
    OptOut(ContactClass),
    /// The person asks to stop.
    Cease,
    /// Something else of the person's, by its number in a list.
    Right(u8),
    /// So many hours pass.
    Wait(i64),
}

/// Folds a whole journal.
#[must_use]
pub fn fold(journal: &[Recorded]) -> History {
    let mut all = History::default();
    journal.iter().for_each(|r| all.apply(&r.entry));
    all
}

/// Plays commands on one case, each decided on what the store tells, then compares fold and rows.
///
/// # Panics
/// Where the store does not do what it must.
pub async fn play(store: &dyn Store, commands: &[Command]) {
    let lender = build::tenant("fold");
    let party = build::party(&lender, 1);
    let opened = build::case(&party, 1);
    for first in [build::tell_party(&party), build::open_case(&opened, None)] {
        store.commit(first).await.expect("the first rows");
    }
    let mut now = build::at(1);
    for (n, command) in (0_u32..).zip(commands) {
        if let Command::Wait(hours) = command {
            now += jiff::SignedDuration::from_hours(*hours);
            continue;
        }
        let seen = store.facts(&[opened.id]).await.expect("facts").remove(0);
        let (case, person) = (seen.case, seen.borrower);
        let newest = case.next_seq.checked_sub(1).filter(|seq| *seq > 0);
        let contact = match newest {
            Some(seq) => {
                let id = ContactId { case: case.id, seq };
                store.contact(&lender, id).await.expect("a read")
            }
            None => None,
        };
        if let Some(change) = decide(command, n, &case, &person, contact, now) {
            store.commit(change).await.expect("nobody else writes");
        }
    }
    compare(store, &opened).await;
}

fn decide(
    command: &Command,
    n: u32,
    case: &Case,
    person: &Party,
    contact: Option<Contact>,
    now: Timestamp,
) -> Option<Change> {
    let pause = PauseId::from_bytes(build::key(n).0);
    let events = match command {
        Command::Pay(amount) => {
            case::record_payment(case, build::key(n), *amount, case.currency, now, None)
        }
        Command::Promise(amount, days) => {
            let zone = person.home_zone();
            let request = PromiseRequest {
                pause,
                amount: *amount,
                due: recoup_domain::time::add_days(zone.date(now), *days),
                owner: "agent".into(),
            };
            case::record_promise(case, request, now, zone)
        }
        Command::Reverse => case::reverse_payment(case, case.payments.last()?.0, None),
        Command::Dispute(written) => case::raise_dispute(case, objection(pause, now), *written),
        Command::Settle(verified, sent) => {
            let settlement = case::Settlement {
                verified: *verified,
                sent: *sent,
                hold: (pause, "agent".into()),
            };
            let dispute = oldest(case, PauseReason::Dispute)?;
            case::resolve_dispute(case, dispute, settlement, now)
        }
        Command::Complain => case::file_complaint(case, objection(pause, now)),
        Command::Answer(upheld) => {
            case::resolve_complaint(case, oldest(case, PauseReason::Complaint)?, *upheld)
        }
        Command::Hold(hours) => {
            let request = PauseRequest {
                id: pause,
                reason: PauseReason::Hold,
                owner: "agent".into(),
                until: now + jiff::SignedDuration::from_hours(*hours),
            };
            case::pause(case, request, now)
        }
        Command::Release => case::release(case, case.pauses.first()?.id),
        Command::Repin(stage) => {
            let pin = |version| case::PolicyPin {
                name: "p".into(),
                version,
                hash: String::new(),
                arm: "champion".into(),
            };
            let version = 1 + case.moved.len() as u32;
            let policy_move = case::PolicyMove {
                from: case.policy.clone().unwrap_or_else(|| pin(version)),
                to: pin(version + 1),
                stage_names: Default::default(),
                stage: Some(*stage),
                below: case.next_seq,
                places: vec![((0, 0), (*stage, 0))],
                skipped: vec![(*stage, 1)],
            };
            case::move_policy(case, policy_move)
        }
        Command::Timers => Ok(case::due_timers(case, now).0),
        Command::Overdue(minor) => {
            let amounts = case::Amounts {
                overdue: *minor,
                ..case.amounts
            };
            case::update_facts(case, Some(amounts), None, None, None, None)
        }
        Command::NothingDue => {
            let due = Some(case::DueDate::Cleared);
            case::update_facts(case, None, due, None, None, None)
        }
        Command::Close => case::close(case, CloseReason::Withdrawn),
        other => return decide_contact(other, case, person, contact, now),
    };
    // A refusal is a fine answer: nothing changes then.
    let events = events.ok().filter(|e| !e.is_empty())?;
    Some(build::case_change(case, &events, now).1)
}

fn objection(pause: PauseId, received_at: Timestamp) -> case::Objection {
    case::Objection {
        pause,
        owner: "agent".into(),
        received_at,
    }
}

fn oldest(case: &Case, reason: PauseReason) -> Option<PauseId> {
    let mut pauses = case.pauses.iter();
    pauses.find(|p| p.reason == reason).map(|p| p.id)
}

fn decide_contact(
    command: &Command,
    case: &Case,
    person: &Party,
    contact: Option<Contact>,
    now: Timestamp,
) -> Option<Change> {
    match command {
        Command::Intend => {
            let mut contact = build::contact(case, case.next_seq, u64::from(case.next_seq), now);
            contact.point = person.points.first().map(|p| p.key);
            Some(build::intend(case, person, &contact).2)
        }
        Command::Move(state, outcome) => {
            let mut contact = contact?;
            let to = STATES[usize::from(*state) % STATES.len()];
            let event = match outcome {
                Some(outcome) => ContactEvent::Settled {
                    to,
                    outcome: *outcome,
                    point: contact.point,
                    at: now,
                },
                None => ContactEvent::Moved { to },
            };
            contact.state.may_become(to).then_some(())?;
            let seen = (contact.state, contact.fence);
            apply_contact(&mut contact, &event, now);
            let mut change = build::touch(case, person, &contact, event, now).2;
            let guard = Guard::Contact(contact.id, seen.0, seen.1);
            change.guards.push(guard);
            Some(change)
        }
        Command::OptOut(class) => {
            let opt_out = OptOut {
                id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
                class: Some(*class),
                point: None,
                via: "letter".into(),
                at: now,
            };
            Some(person_change(person, PartyEvent::OptedOut(opt_out), now))
        }
        Command::Cease => {
            // Received the day before it is told: a late fact.
            let received = now - jiff::SignedDuration::from_hours(24);
            let cease = Cease {
                case: Some(case.id),
                written: true,
                at: received,
            };
            let mut change = person_change(person, PartyEvent::Ceased(cease), now);
            change.entries[0].effective_at = received;
            Some(change)
        }
        Command::Right(number) => Some(person_change(person, right(*number, person, now), now)),
        _ => None,
    }
}

/// Rights and circumstances, each once.
fn right(number: u8, person: &Party, now: Timestamp) -> PartyEvent {
    let consent_id = recoup_domain::ids::ConsentId::from_bytes([person.consents.len() as u8; 16]);
    let newest = person.consent_ids.last().copied().unwrap_or(consent_id);
    let point = person.points[0].key;
    let consent = Consent {
        kind: ConsentKind::OffHours,
        case: None,
        received_at: Some(now),
        expires_at: None,
        class: None,
        point: Some(point),
        revoked_at: None,
        proof: recoup_domain::party::ConsentProof {
            source: "letter".into(),
            paper: true,
        },
    };
    let all = [
        PartyEvent::OptOutWithdrawn {
            id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
        },
        PartyEvent::Consented {
            id: consent_id,
            consent,
        },
        PartyEvent::ConsentWithdrawn {
            id: newest,
            at: now,
        },
        PartyEvent::Represented { attorney: None },
        PartyEvent::RepresentationEnded,
        PartyEvent::TimeDeclined(Inconvenient {
            days: vec![1],
            from: jiff::civil::time(12, 0, 0, 0),
            to: None,
        }),
        PartyEvent::PlaceDeclined { point },
        PartyEvent::EmployerProhibits { prohibits: true },
        PartyEvent::EmployerProhibits { prohibits: false },
        PartyEvent::Moratorium {
            until: person.home_zone().date(now),
        },
        PartyEvent::Died { died: true },
        PartyEvent::Died { died: false },
        PartyEvent::HardshipDeclared { until: now },
        PartyEvent::HardshipEnded,
    ];
    all[usize::from(number) % all.len()].clone()
}

const STATES: [ContactState; 7] = [
    ContactState::Accepted,
    ContactState::Unknown,
    ContactState::Effected,
    ContactState::Failed,
    ContactState::Cancelling,
    ContactState::Cancelled,
    ContactState::ProvenNotSent,
];

fn person_change(person: &Party, event: PartyEvent, now: Timestamp) -> Change {
    let entry = build::party_entry(person, event, now);
    let mut after = person.clone();
    apply_to_party(&mut after, &entry.what, now);
    Change {
        guards: vec![Guard::Party(person.id, person.version)],
        writes: vec![Write::Party(Box::new(after))],
        entries: vec![entry],
        answer: None,
    }
}

async fn compare(store: &dyn Store, opened: &Case) {
    let everything = JournalFilter::default();
    let journal = store.journal(&everything, 0, usize::MAX).await;
    let folded = fold(&journal.expect("the journal"));
    let facts = store.facts(&[opened.id]).await.expect("facts").remove(0);
    assert_eq!(folded.cases.get(&opened.id), Some(&facts.case), "the case");
    let party = folded.parties.get(&opened.borrower);
    assert_eq!(party, Some(&facts.borrower), "the party");
    let past: Vec<_> = folded.contacts.values().map(PastContact::from).collect();
    assert_eq!(past, facts.contacts, "what a decision reads of contacts");
    let all = store
        .contacts(
            &opened.tenant,
            &crate::ContactFilter::default(),
            None,
            usize::MAX,
        )
        .await
        .expect("contacts");
    let contacts: Vec<_> = folded.contacts.into_values().collect();
    assert_eq!(contacts, all.rows, "the contacts");
}
