//! What happens to a case from outside, and what it does to case and borrower.

use super::facts;
use super::world::World;
use jiff::Timestamp;
use recoup_domain::PastContact;
use recoup_domain::case::{self, CaseEvent, CloseReason, DueDate, PauseReason, Refusal};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{KeyedHash, OptOutId, PauseId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{Attorney, Cease, OptOut};
use recoup_domain::time::add_days;
use serde::Deserialize;

/// Something that happens from outside.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fact {
    /// Money comes in; minor units.
    Payment(i64),
    /// The last payment bounces.
    Bounced,
    /// The borrower promises to pay.
    Promise { amount: i64, by_day: i32 },
    /// A plan is agreed, and kept to the end of a day.
    PlanTo(i32),
    /// The borrower declares hardship, to the end of a day.
    HardshipTo(i32),
    /// The borrower disputes the debt.
    Dispute { written: bool },
    /// The lender finds the debt right, or not.
    DisputeSettled { verified: bool },
    /// The borrower complains.
    Complaint,
    /// A person settles the complaint.
    ComplaintSettled,
    /// Somebody holds the case until the end of a day.
    HoldTo(i32),
    /// Somebody lets a held case go on.
    Released,
    /// The borrower opts out of a medium.
    OptOut(String),
    /// The borrower asks to stop all contact.
    Cease,
    /// An attorney represents the borrower.
    Attorney,
    /// The borrower died.
    Deceased,
    /// A moratorium protects the borrower up to and on a day.
    MoratoriumTo(i32),
    /// The lender scores willingness anew.
    Willingness(u8),
    /// The lender labels the borrower anew.
    BorrowerTags(Vec<String>),
    /// The lender corrects what is overdue; minor units.
    Overdue(i64),
    /// The lender corrects the due date.
    DueDay(i32),
    /// The evidence pack is completed.
    Evidence,
    /// The lender accepts less as final.
    Settled,
    /// The lender takes the case back.
    Withdrawn,
    /// The lender calls and talks about another debt of the borrower.
    OtherDebtCall,
    /// The channel of this name is unloaded.
    Unloaded(String),
    /// The channel of this name cannot be loaded for now.
    Awaited(String),
    /// It is there again.
    Loaded(String),
}

type Events = Result<Vec<CaseEvent>, Refusal>;

impl World {
    /// A fact becomes known.
    pub(crate) fn learn(&mut self, now: Timestamp, fact: Fact) {
        self.note(now, "fact", format!("{fact:?}"));
        let events = match fact {
            Fact::Payment(_) | Fact::Bounced | Fact::Overdue(_) | Fact::DueDay(_) => {
                self.of_money(now, &fact)
            }
            Fact::Promise { .. }
            | Fact::PlanTo(_)
            | Fact::HardshipTo(_)
            | Fact::Dispute { .. }
            | Fact::DisputeSettled { .. }
            | Fact::Complaint
            | Fact::ComplaintSettled
            | Fact::HoldTo(_)
            | Fact::Released => self.of_pauses(now, &fact),
            other => self.of_the_rest(now, other),
        };
        // A closed case refuses some facts, as it should.
        self.apply(now, &events.unwrap_or_default());
        self.call_off_overtaken(now);
    }

    fn of_money(&self, now: Timestamp, fact: &Fact) -> Events {
        let case = &self.case;
        match *fact {
            Fact::Payment(amount) => {
                let reference = KeyedHash([self.log.len() as u8; 16]);
                case::record_payment(case, reference, amount, case.currency, now, None)
            }
            Fact::Bounced => {
                let (reference, _) = *case.payments.last().expect("a payment to take back");
                case::reverse_payment(case, reference, None)
            }
            Fact::Overdue(overdue) => {
                let amounts = case::Amounts {
                    overdue,
                    ..case.amounts
                };
                case::update_facts(case, Some(amounts), None, None, None, None)
            }
            Fact::DueDay(day) => {
                let due = DueDate::On(add_days(facts::DUE, day));
                case::update_facts(case, None, Some(due), None, None, None)
            }
            _ => Ok(vec![]),
        }
    }

    fn of_pauses(&mut self, now: Timestamp, fact: &Fact) -> Events {
        let zone = self.zone();
        let ends_on = |day: i32| zone.start_of_day(add_days(facts::DUE, day + 1));
        let pause = PauseId::from_bytes([self.log.len() as u8; 16]);
        let owner = || "tester".to_owned();
        let case = &self.case;
        let to = |reason, day| {
            let request = case::PauseRequest {
                id: pause,
                reason,
                owner: owner(),
                until: ends_on(day),
            };
            case::pause(case, request, now)
        };
        let objection = || case::Objection {
            pause,
            owner: owner(),
            received_at: now,
        };
        let open = |reason| {
            let found = case.pauses.iter().find(|p| p.reason == reason);
            found.map_or(pause, |p| p.id)
        };
        match *fact {
            Fact::Promise { amount, by_day } => {
                let due = add_days(facts::DUE, by_day);
                let owner = owner();
                let request = case::PromiseRequest {
                    pause,
                    amount,
                    due,
                    owner,
                };
                case::record_promise(case, request, now, &zone)
            }
            Fact::PlanTo(day) => to(PauseReason::Plan, day),
            Fact::HoldTo(day) => to(PauseReason::Hold, day),
            Fact::HardshipTo(day) => {
                let events = to(PauseReason::Hardship, day);
                self.borrower.hardship_until = Some(ends_on(day));
                events
            }
            Fact::Dispute { written } => case::raise_dispute(case, objection(), written),
            Fact::DisputeSettled { verified } => {
                let settlement = case::Settlement {
                    verified,
                    sent: verified,
                    hold: (pause, owner()),
                };
                case::resolve_dispute(case, open(PauseReason::Dispute), settlement, now)
            }
            Fact::Complaint => case::file_complaint(case, objection()),
            Fact::ComplaintSettled => {
                case::resolve_complaint(case, open(PauseReason::Complaint), true)
            }
            Fact::Released => case::release_hold(case),
            _ => Ok(vec![]),
        }
    }

    fn of_the_rest(&mut self, now: Timestamp, fact: Fact) -> Events {
        let case = &self.case;
        match fact {
            Fact::Willingness(score) => {
                let scores = case::Scores {
                    willingness: Some(score),
                    ..case.scores
                };
                return case::update_facts(case, None, None, None, Some(scores), None);
            }
            Fact::Evidence => {
                let papers = facts::evidence().into_iter();
                return Ok(papers.map(CaseEvent::DocumentAdded).collect());
            }
            Fact::Settled => return case::close(case, CloseReason::Settled),
            Fact::Withdrawn => return case::close(case, CloseReason::Withdrawn),
            Fact::BorrowerTags(tags) => self.borrower.tags = tags,
            Fact::OptOut(class) => self.borrower.opt_outs.push(OptOut {
                id: OptOutId::from_bytes([1; 16]),
                class: Some(class.parse().unwrap()),
                point: None,
                via: "letter".into(),
                at: now,
            }),
            Fact::Cease => {
                let (case, written, at) = (None, true, now);
                self.borrower.ceases.push(Cease { case, written, at });
            }
            Fact::Attorney => self.borrower.attorneys.push(Attorney {
                case: None,
                unresponsive: false,
                consents: false,
            }),
            Fact::Deceased => self.borrower.deceased = true,
            Fact::MoratoriumTo(day) => {
                self.borrower.moratorium_until = Some(add_days(facts::DUE, day));
            }
            Fact::OtherDebtCall => self.contacts.push(PastContact {
                debt: facts::OTHER_DEBT,
                outcome: Some(Outcome::Conversation),
                state: Some(ContactState::Effected),
                ..facts::contact(ContactClass::Phone, now)
            }),
            Fact::Unloaded(channel) => {
                self.channels.remove(&channel);
            }
            Fact::Awaited(channel) => {
                self.awaited.insert(channel);
            }
            Fact::Loaded(channel) => {
                self.awaited.remove(&channel);
            }
            _ => {}
        }
        Ok(vec![])
    }
}
