//! Facts and rights: each calls off a visit that was accepted and drops what waited, at once; what is lifted
//! lets the ladder go on.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use recoup::api::google::r#type as google;
use recoup::api::recoup::v1;
use v1::ContactState;
use v1::record_circumstance_request::Circumstance as Told;

use crate::support::World;
use crate::support::client::Client;
use crate::support::judge;
use crate::support::process::until;
use crate::support::scenes::{self, Loan};

/// A text, an appointment, and a mail that waits for a second person.
const POLICY: &str = r"name: facts
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: visit, template: visit_brief, max: 1}
      - {channel: email, template: statement_mail, max: 1, approval: required}
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Hold,
    Dispute,
    Complaint,
    Hardship,
    OptOut,
    Attorney,
    Death,
    Moratorium,
    Place,
    Time,
    Consent,
}

const FACTS: [Fact; 11] = [
    Fact::Hold,
    Fact::Dispute,
    Fact::Complaint,
    Fact::Hardship,
    Fact::OptOut,
    Fact::Attorney,
    Fact::Death,
    Fact::Moratorium,
    Fact::Place,
    Fact::Time,
    Fact::Consent,
];

impl Fact {
    /// What is about the address alone leaves the mail waiting.
    const fn is_about_the_mail(self) -> bool {
        !matches!(self, Self::Place)
    }

    /// What cannot be lifted: the contract has no way back.
    const fn can_be_lifted(self) -> bool {
        !matches!(self, Self::Place | Self::Time)
    }
}

fn paper() -> Option<v1::Evidence> {
    Some(v1::Evidence {
        reference: "scan".into(),
        sha256: "ab".repeat(32),
    })
}

/// Somebody with a case, and how the calls name them.
struct Scene<'a> {
    ana: &'a Client,
    ben: &'a Client,
    loan: Loan,
    case: v1::Case,
}

impl Scene<'_> {
    fn party(&self) -> Option<v1::PartyRef> {
        Some(v1::PartyRef {
            r#ref: Some(v1::party_ref::Ref::PartyId(self.case.party_id.clone())),
        })
    }

    fn id(&self, what: &str) -> String {
        format!("{what}-{}", self.loan.number)
    }

    /// The person's own day, so many days from today.
    fn day(&self, days: i64) -> google::Date {
        let zone = TimeZone::get(&self.loan.zone).expect("a zone");
        let today = zone.to_datetime(scenes::now()).date();
        scenes::pb_date(today.checked_add(days.days()).expect("a date"))
    }

    async fn contact(&self, channel: &str, state: ContactState, not: &str) -> v1::Contact {
        let what = format!("{channel} {state:?} of {}", self.loan.number);
        until(&what, async || {
            let all = scenes::contacts_of(self.ana, &self.case.case_id).await;
            all.into_iter().find(|c| {
                c.channel == channel && c.state == i32::from(state) && c.contact_id != not
            })
        })
        .await
    }

    async fn circumstance(&self, request: &str, told: Told) {
        let request = v1::RecordCircumstanceRequest {
            request_id: self.id(request),
            party: self.party(),
            circumstance: Some(told),
            received_time: None,
        };
        let done = self.ana.borrowers().record_circumstance(request).await;
        done.unwrap_or_else(|e| panic!("{e:?}"));
    }

    async fn attorney(&self, request: &str, represents: bool) {
        let request = v1::RecordAttorneyRequest {
            request_id: self.id(request),
            party: self.party(),
            attorney: None,
            represents,
            received_time: None,
        };
        let done = self.ana.borrowers().record_attorney(request).await;
        done.expect("an attorney");
    }

    /// Records the fact; answers the id that it is lifted by, where it has one.
    async fn record(&self, fact: Fact) -> String {
        let (cases, borrowers) = (self.ana.cases(), self.ana.borrowers());
        let (mut cases, mut borrowers) = (cases, borrowers);
        let (request_id, case_id) = (self.id("fact"), self.case.case_id.clone());
        match fact {
            Fact::Hold => {
                let reason = "the branch asks".into();
                let request = v1::HoldCaseRequest {
                    request_id,
                    case_id,
                    reason,
                    until: None,
                };
                cases.hold_case(request).await.expect("a hold");
                String::new()
            }
            Fact::Dispute => {
                let request = v1::RaiseDisputeRequest {
                    request_id,
                    case_id,
                    statement: "not mine".into(),
                    written: true,
                    received_time: None,
                };
                let done = cases.raise_dispute(request).await;
                done.expect("a dispute").into_inner().dispute_id
            }
            Fact::Complaint => {
                let request = v1::FileComplaintRequest {
                    request_id,
                    case_id,
                    statement: "too loud".into(),
                    ..v1::FileComplaintRequest::default()
                };
                let done = cases.file_complaint(request).await;
                done.expect("a complaint").into_inner().complaint_id
            }
            Fact::Hardship => {
                let request = v1::DeclareHardshipRequest {
                    request_id,
                    party: self.party(),
                    until: None,
                    kind: "job_loss".into(),
                };
                let done = borrowers.declare_hardship(request).await;
                assert_eq!(done.expect("a hardship").into_inner().case_ids, [case_id]);
                String::new()
            }
            Fact::OptOut => {
                let request = v1::RecordOptOutRequest {
                    request_id,
                    party: self.party(),
                    scope: Some(v1::record_opt_out_request::Scope::AllChannels(true)),
                    received_via: "letter".into(),
                    ..v1::RecordOptOutRequest::default()
                };
                let done = borrowers.record_opt_out(request).await;
                done.expect("an opt-out").into_inner().opt_out_id
            }
            Fact::Attorney => {
                self.attorney("fact", true).await;
                String::new()
            }
            Fact::Death => {
                self.circumstance("fact", Told::Deceased(true)).await;
                String::new()
            }
            Fact::Moratorium => {
                let day = self.day(30);
                self.circumstance("fact", Told::MoratoriumLastDate(day))
                    .await;
                String::new()
            }
            Fact::Place => {
                let request = v1::GetBorrowerRequest {
                    party: self.party(),
                };
                let party = borrowers.get_borrower(request).await;
                let party = party.expect("a party").into_inner().party.expect("it");
                let postal = i32::from(v1::ContactPointKind::Postal);
                let mut points = party.contact_points.into_iter();
                let point = points.find(|p| p.kind == postal).expect("an address");
                let place = Told::InconvenientContactPointId(point.contact_point_id);
                self.circumstance("fact", place).await;
                String::new()
            }
            Fact::Time => {
                let always = v1::InconvenientTime {
                    days: Vec::new(),
                    start: "00:00".into(),
                    end: "24:00".into(),
                };
                self.circumstance("fact", Told::InconvenientTime(always))
                    .await;
                String::new()
            }
            Fact::Consent => {
                let request = v1::RecordConsentRequest {
                    request_id: self.id("consent"),
                    party: self.party(),
                    kind: v1::ConsentKind::OffHours.into(),
                    evidence: paper(),
                    source: "letter".into(),
                    ..v1::RecordConsentRequest::default()
                };
                let given = borrowers.record_consent(request).await;
                let request = v1::WithdrawConsentRequest {
                    request_id,
                    consent_id: given.expect("a consent").into_inner().consent_id,
                    received_time: None,
                };
                borrowers.withdraw_consent(request).await.expect("its end");
                String::new()
            }
        }
    }

    async fn lift(&self, fact: Fact, id: String) {
        let (mut cases, request_id) = (self.ben.cases(), self.id("lift"));
        match fact {
            Fact::Hold | Fact::Hardship => {
                let request = v1::ReleaseHoldRequest {
                    request_id,
                    case_id: self.case.case_id.clone(),
                    note: String::new(),
                };
                cases.release_hold(request).await.expect("a release");
            }
            Fact::Dispute => {
                let request = v1::ResolveDisputeRequest {
                    request_id,
                    dispute_id: id,
                    debt_verified: true,
                    verification_sent_time: Some(scenes::pb_time(scenes::now())),
                    note: "the contract is signed".into(),
                };
                cases.resolve_dispute(request).await.expect("settled");
            }
            Fact::Complaint => {
                let request = v1::ResolveComplaintRequest {
                    request_id,
                    complaint_id: id,
                    upheld: false,
                    note: "nobody had called".into(),
                };
                cases.resolve_complaint(request).await.expect("settled");
            }
            Fact::OptOut => {
                let request = v1::WithdrawOptOutRequest {
                    request_id,
                    opt_out_id: id,
                    evidence: paper(),
                };
                let done = self.ben.borrowers().withdraw_opt_out(request).await;
                done.expect("a withdrawal");
            }
            Fact::Attorney => self.attorney("lift", false).await,
            Fact::Death => self.circumstance("lift", Told::Deceased(false)).await,
            Fact::Moratorium => {
                let day = self.day(-1);
                self.circumstance("lift", Told::MoratoriumLastDate(day))
                    .await;
            }
            // The ladder goes on by itself: the visit needs no consent.
            Fact::Consent => {}
            Fact::Place | Fact::Time => {}
        }
    }
}

#[tokio::test]
async fn each_fact_stops_at_once_and_what_is_lifted_lets_the_ladder_go_on() {
    let mut world = World::live(&["sms", "visit", "email"], POLICY).await;
    scenes::add_collectors(&world.ana).await;
    let ben = world.server.ben();
    for (number, fact) in (1..).zip(FACTS) {
        let loan = Loan::at_noon(number);
        let case = scenes::open(&world.ana, &loan).await;
        let scene = Scene {
            ana: &world.ana,
            ben: &ben,
            loan,
            case,
        };
        let visit = scene.contact("visit", ContactState::Accepted, "").await;
        let mail = scene.contact("email", ContactState::Planned, "").await;
        let id = scene.record(fact).await;
        // In the fact's own transaction: whoever reads now sees it called off.
        let all = scenes::contacts_of(&world.ana, &scene.case.case_id).await;
        let now = |id: &str| all.iter().find(|c| c.contact_id == id).expect("it").state();
        let called_off = [ContactState::Cancelling, ContactState::Cancelled];
        assert!(called_off.contains(&now(&visit.contact_id)), "{fact:?}");
        if fact.is_about_the_mail() {
            assert_eq!(now(&mail.contact_id), ContactState::Suppressed, "{fact:?}");
        } else {
            assert_eq!(now(&mail.contact_id), ContactState::Planned, "{fact:?}");
        }
        scene.contact("visit", ContactState::Cancelled, "").await;
        if fact.can_be_lifted() {
            scene.lift(fact, id).await;
            let again = scene.contact("visit", ContactState::Accepted, &visit.contact_id);
            assert!(again.await.plan_seq > visit.plan_seq, "{fact:?}");
        }
    }
    world.sandbox.stop().await;
    let ledger = judge::export(&world.ana, world.folder.path()).await;
    let judged = judge::judge(world.sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}
