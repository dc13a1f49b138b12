//! What the people outside do, as calls to the service.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use prost_types::FieldMask;
use recoup::api::google::r#type::Date as PbDate;
use recoup::api::recoup::v1 as pb;
use recoup::cli::import::values;
use tonic::{Code, Status};

use super::DemoError;
use super::behaviour::Act;
use super::cases::{CaseView, timestamp};
use super::client::Client;

/// The two people of the demo.
#[derive(Clone)]
pub(crate) struct People {
    /// Works for the lender: records payments and promises, reports visits.
    pub(crate) agent: Client,
    /// The second person: approves.
    pub(crate) second: Client,
}

impl People {
    /// Reads a contact.
    pub(crate) async fn contact(&self, contact_id: &str) -> Result<pb::Contact, DemoError> {
        let request = pb::GetContactRequest {
            contact_id: contact_id.to_owned(),
        };
        let answer = self.agent.contacts().get_contact(request).await;
        let answer = answer.map_err(|status| DemoError::rpc("read a contact", &status))?;
        Ok(answer.into_inner().contact.unwrap_or_default())
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Done.
    Done,
    /// A promise is on record, due in so many days.
    Promised {
        /// Days.
        days: i64,
    },
    /// The service refused it for a reason of the case, as it must: it was closed meanwhile, or the like.
    Refused(String),
}

/// One call, as it was decided at an instant.
pub(crate) struct Call {
    pub(crate) case_id: String,
    pub(crate) case: CaseView,
    pub(crate) now_us: i64,
}

impl Call {
    /// Does what somebody does.
    pub(crate) async fn act(self, people: &People, act: Act) -> Result<Ended, DemoError> {
        match act {
            Act::Pay { percent } => {
                let minor = (self.case.overdue_minor * percent / 100).max(1);
                self.pay(people, minor).await
            }
            Act::PayPromised { percent } => {
                let minor = (self.case.promised_minor * percent / 100).max(1);
                self.pay(people, minor).await
            }
            Act::Promise {
                percent,
                days,
                contact_id,
            } => self.promise(people, percent, days, contact_id).await,
            Act::Cease => {
                let request = pb::RecordCeaseRequest {
                    request_id: self.request_id("cease"),
                    party: Some(self.party(people).await?),
                    case_id: String::new(),
                    written: true,
                    received_time: None,
                    evidence: None,
                };
                let answer = people.agent.borrowers().record_cease(request).await;
                ended("record a cease", answer.map(drop))
            }
            Act::OptOut => {
                let request = pb::RecordOptOutRequest {
                    request_id: self.request_id("opt-out"),
                    party: Some(self.party(people).await?),
                    scope: Some(pb::record_opt_out_request::Scope::Channel("sms".to_owned())),
                    contact_point_id: String::new(),
                    received_via: "letter".to_owned(),
                    received_time: None,
                };
                let answer = people.agent.borrowers().record_opt_out(request).await;
                ended("record an opt-out", answer.map(drop))
            }
            Act::Approve { contact_id } => {
                let request = pb::ApproveContactRequest {
                    request_id: format!("demo-approve-{}", short(&contact_id)),
                    contact_id,
                    note: "papers checked".to_owned(),
                };
                let answer = people.second.contacts().approve_contact(request).await;
                ended("approve a contact", answer.map(drop))
            }
        }
    }

    /// Records money that came in now. What the case is overdue follows from it.
    pub(crate) async fn pay(self, people: &People, minor: i64) -> Result<Ended, DemoError> {
        let number = self.case.payments;
        let request = pb::RecordPaymentRequest {
            request_id: self.request_id(&format!("pay{number}")),
            case_id: self.case_id.clone(),
            payment_ref: format!("{}-p{number}", self.case.case_ref),
            amount: Some(self.case.money(minor)),
            received_time: Some(timestamp(self.now_us)),
            balance_after: None,
        };
        let answer = people.agent.cases().record_payment(request).await;
        ended("record a payment", answer.map(drop))
    }

    async fn promise(
        self,
        people: &People,
        percent: i64,
        days: i64,
        contact_id: String,
    ) -> Result<Ended, DemoError> {
        let minor = (self.case.overdue_minor * percent / 100).max(1);
        let request = pb::RecordPromiseRequest {
            request_id: self.request_id(&format!("promise{}", self.case.seen.promises)),
            case_id: self.case_id.clone(),
            amount: Some(self.case.money(minor)),
            due_date: Some(local_day(self.now_us, self.case.zone(), days)?),
            contact_id,
            note: String::new(),
        };
        let answer = people.agent.arrangements().record_promise(request).await;
        match ended("record a promise", answer.map(drop))? {
            Ended::Done => Ok(Ended::Promised { days }),
            other => Ok(other),
        }
    }

    /// Tells what the lender's system says is overdue; none means nothing.
    pub(crate) async fn statement(
        self,
        people: &People,
        overdue: Option<(i64, jiff::civil::Date)>,
    ) -> Result<Ended, DemoError> {
        let facts = pb::CaseFacts {
            overdue: Some(self.case.money(overdue.map_or(0, |(minor, _)| minor))),
            oldest_unpaid_due_date: overdue.map(|(_, due)| values::date(due)),
            ..pb::CaseFacts::default()
        };
        // Where nothing is overdue any more the case is cured, and its due date is history.
        let paths: &[&str] = match overdue {
            Some(_) => &["overdue", "oldest_unpaid_due_date"],
            None => &["overdue"],
        };
        let request = pb::UpdateCaseFactsRequest {
            request_id: self.request_id(&format!("statement{}", self.now_us / 86_400_000_000)),
            case_id: self.case_id.clone(),
            facts: Some(facts),
            update_mask: Some(FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
            etag: String::new(),
            effective_time: None,
        };
        let answer = people.agent.cases().update_case_facts(request).await;
        ended("tell what is overdue", answer.map(drop))
    }

    /// The borrower; events of a case name the case alone.
    async fn party(&self, people: &People) -> Result<pb::PartyRef, DemoError> {
        let request = pb::GetCaseRequest {
            r#ref: Some(pb::get_case_request::Ref::CaseId(self.case_id.clone())),
        };
        let answer = people.agent.cases().get_case(request).await;
        let answer = answer.map_err(|status| DemoError::rpc("read a case", &status))?;
        let case = answer.into_inner().case.unwrap_or_default();
        Ok(pb::PartyRef {
            r#ref: Some(pb::party_ref::Ref::PartyId(case.party_id)),
        })
    }

    fn request_id(&self, what: &str) -> String {
        format!("demo-{what}-{}", short(&self.case_id))
    }
}

/// A request id has at most 64 letters; an id's ending tells it from all others.
fn short(id: &str) -> &str {
    let (_, ending) = id.split_once('_').unwrap_or(("", id));
    ending
}

/// Refusals for the case's own reasons are part of a run; anything else ends it.
pub(crate) fn ended(what: &str, answer: Result<(), Status>) -> Result<Ended, DemoError> {
    match answer {
        Ok(()) => Ok(Ended::Done),
        Err(status) if status.code() == Code::FailedPrecondition => {
            Ok(Ended::Refused(format!("{what}: {}", status.message())))
        }
        Err(status) => Err(DemoError::rpc(what, &status)),
    }
}

fn local_day(now_us: i64, zone: &str, days: i64) -> Result<PbDate, DemoError> {
    let about = |error: jiff::Error| DemoError::Failed(format!("date a promise: {error}"));
    let zone = TimeZone::get(zone).map_err(about)?;
    let now = Timestamp::from_microsecond(now_us).map_err(about)?;
    let day = now
        .to_zoned(zone)
        .date()
        .checked_add(days.days())
        .map_err(about)?;
    Ok(values::date(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reasons_of_the_case_are_passed_over() {
        assert_eq!(ended("pay", Ok(())).unwrap(), Ended::Done);
        let refused = ended("pay", Err(Status::failed_precondition("it is closed")));
        assert_eq!(
            refused.unwrap(),
            Ended::Refused("pay: it is closed".to_owned())
        );
        for status in [
            Status::internal("x"),
            Status::invalid_argument("x"),
            Status::unavailable("x"),
        ] {
            assert!(ended("pay", Err(status)).is_err());
        }
    }

    #[test]
    fn a_promise_is_dated_in_the_borrowers_zone() {
        // 20:00 UTC is the next day in China.
        let now_us = "2026-03-01T20:00:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .as_microsecond();
        let day = local_day(now_us, "Asia/Shanghai", 3).unwrap();
        assert_eq!((day.year, day.month, day.day), (2026, 3, 5));
    }
}
