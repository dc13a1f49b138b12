//! A lender at work: templates, a policy, borrowers, loans.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use recoup::api::google::r#type as google;
use recoup::api::recoup::v1;

use super::client::Client;
use super::process::until;

/// One text a case, at once.
pub(crate) const ONE_TEXT: &str = "name: one-text
stages:
  - name: remind
    enter: case.dpd >= 1
    steps: [{channel: sms, template: reminder, every: 3d, max: 3}]
";

/// The whole ladder, as the README has it.
pub(crate) const LADDER: &str = r#"name: ladder
stages:
  - name: remind
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, every: 3d, max: 3}
      - {channel: email, template: statement_mail, after: 1d, max: 1}
  - name: call
    enter: case.dpd >= 4 && (contacts.sms.made >= 1 || exhausted("remind"))
    steps: [{channel: phone, template: first_call, every: 1d, max: 10, between: ["10:00","19:00"]}]
  - name: visit
    enter: contacts.any.made >= 1 && case.dpd >= 15 && case.overdue_in("CNY") >= 100
    steps: [{channel: visit, template: visit_brief, every: 14d, max: 2}]
"#;

/// The templates that the policies of the tests name: name, channel, subject, body, variables.
const TEMPLATES: [(&str, &str, &str, &str, &[&str]); 6] = [
    (
        "reminder",
        "sms",
        "",
        "【{{ lender_name }}】{{ borrower_name }}: {{ overdue_amount }} {{ currency }} is overdue.",
        &["lender_name", "borrower_name", "overdue_amount", "currency"],
    ),
    (
        "first_call",
        "phone",
        "",
        "{{ borrower_name }}, your loan {{ case_ref }} with {{ lender_name }} is {{ dpd }} days late.",
        &["borrower_name", "case_ref", "lender_name", "dpd"],
    ),
    (
        "second_call",
        "phone",
        "",
        "{{ borrower_name }}, {{ lender_name }} calls again about {{ case_ref }}.",
        &["borrower_name", "lender_name", "case_ref"],
    ),
    (
        "statement_mail",
        "email",
        "Your loan {{ case_ref }}",
        "{{ lender_name }}: {{ overdue_amount }} {{ currency }} is overdue since {{ due_date }}.",
        &[
            "case_ref",
            "lender_name",
            "overdue_amount",
            "currency",
            "due_date",
        ],
    ),
    (
        "second_mail",
        "email",
        "Your loan {{ case_ref }}, again",
        "{{ lender_name }}: it is still overdue since {{ due_date }}.",
        &["case_ref", "lender_name", "due_date"],
    ),
    (
        "visit_brief",
        "visit",
        "",
        "Visit {{ borrower_name }} on {{ visit_date }}.",
        &["borrower_name", "visit_date"],
    ),
];

/// Registers the templates, and a policy that Ana wrote and Ben activates.
pub(crate) async fn set_up(ana: &Client, ben: &Client, yaml: &str) -> v1::Policy {
    for (name, channel, subject, body, variables) in TEMPLATES {
        let approved = |text: &str| match channel {
            "sms" => text.to_owned(),
            _ => String::new(),
        };
        let request = v1::RegisterTemplateRequest {
            request_id: format!("template-{name}"),
            name: name.into(),
            channel: channel.into(),
            locale: "zh-CN".into(),
            subject: subject.into(),
            body: body.into(),
            variables: variables.iter().map(|v| (*v).into()).collect(),
            sms_signature: approved("Demo Lender"),
            provider_template_id: approved("demo"),
            ..v1::RegisterTemplateRequest::default()
        };
        let done = ana.policies().register_template(request).await;
        done.unwrap_or_else(|e| panic!("template {name}: {e:?}"));
    }
    let request = v1::CreatePolicyRequest {
        request_id: "policy".into(),
        yaml: yaml.into(),
    };
    let created = ana.policies().create_policy(request).await;
    let policy = created.expect("a policy").into_inner().policy;
    let policy = policy.expect("the policy");
    let request = v1::ActivatePolicyRequest {
        request_id: "activate".into(),
        policy_id: policy.policy_id.clone(),
        note: String::new(),
    };
    let active = ben.policies().activate_policy(request).await;
    let active = active.expect("a second person activates it").into_inner();
    active.policy.expect("the policy")
}

/// Two collectors who may visit.
pub(crate) async fn add_collectors(ana: &Client) {
    for name in ["li", "wang"] {
        let request = v1::UpsertCollectorRequest {
            request_id: format!("collector-{name}"),
            collector: Some(v1::Collector {
                lender_ref: name.into(),
                display_name: name.into(),
                credentials: vec![v1::Credential {
                    kind: "field_visit".into(),
                    number: "1".into(),
                    valid_until: Some(pb_date("2099-12-31".parse().expect("a date"))),
                }],
                active: Some(true),
                ..v1::Collector::default()
            }),
            update_mask: None,
        };
        let done = ana.collectors().upsert_collector(request).await;
        done.unwrap_or_else(|e| panic!("collector {name}: {e:?}"));
    }
}

/// A loan as the tests open it.
#[derive(Clone, Debug)]
pub(crate) struct Loan {
    /// Number of loan and borrower: their references, telephone number and address are made from it.
    pub(crate) number: u32,
    /// The borrower's zone.
    pub(crate) zone: String,
    /// Due date of the oldest unpaid instalment.
    pub(crate) due: Date,
}

impl Loan {
    /// A loan ten days late, of somebody for whom it is noon now.
    pub(crate) fn at_noon(number: u32) -> Self {
        let zone = noon_zone(now());
        let local = TimeZone::get(&zone).expect("a zone").to_datetime(now());
        let due = local.date().checked_sub(jiff::Span::new().days(10));
        Self {
            number,
            zone,
            due: due.expect("a date"),
        }
    }

    pub(crate) fn reference(&self) -> String {
        format!("L{}", self.number)
    }

    /// Whether anything can be overdue.
    fn is_late(&self) -> bool {
        let zone = TimeZone::get(&self.zone).expect("a zone");
        self.due <= zone.to_datetime(now()).date()
    }

    pub(crate) fn mobile(&self) -> String {
        format!("+86138{:08}", self.number)
    }

    /// The call that opens its case.
    pub(crate) fn open(&self) -> v1::OpenCaseRequest {
        let point = |kind: v1::ContactPointKind, value: String| v1::ContactPoint {
            kind: kind.into(),
            value,
            ..v1::ContactPoint::default()
        };
        let points = vec![
            point(v1::ContactPointKind::Mobile, self.mobile()),
            point(
                v1::ContactPointKind::Email,
                format!("b{}@borrower.example", self.number),
            ),
            point(
                v1::ContactPointKind::Postal,
                format!("Road {}, Town", self.number),
            ),
        ];
        let borrower = v1::Party {
            lender_ref: format!("B{}", self.number),
            display_name: format!("Borrower {}", self.number),
            kind: v1::BorrowerKind::Individual.into(),
            time_zones: vec![self.zone.clone()],
            locale: "zh-CN".into(),
            contact_points: points,
            ..v1::Party::default()
        };
        let case = v1::CaseInput {
            lender_case_ref: self.reference(),
            jurisdiction: "CN".into(),
            lender_kind: v1::LenderKind::MicroloanCompany.into(),
            facts: Some(v1::CaseFacts {
                principal: Some(cny(5_000)),
                overdue: Some(cny(if self.is_late() { 600 } else { 0 })),
                oldest_unpaid_due_date: Some(pb_date(self.due)),
                ..v1::CaseFacts::default()
            }),
            documents: documents(),
            ..v1::CaseInput::default()
        };
        v1::OpenCaseRequest {
            request_id: format!("open-{}", self.number),
            borrower: Some(v1::open_case_request::Borrower::Upsert(borrower)),
            case: Some(case),
        }
    }
}

fn documents() -> Vec<v1::Document> {
    use v1::DocumentKind as K;
    let document = |kind: K| v1::Document {
        kind: kind.into(),
        reference: format!("archive/{}", kind.as_str_name()),
        sha256: "ab".repeat(32),
        record_time: None,
    };
    [K::Contract, K::Statement, K::RepaymentRecord]
        .map(document)
        .into()
}

/// Opens a case.
pub(crate) async fn open(client: &Client, loan: &Loan) -> v1::Case {
    let opened = client.cases().open_case(loan.open()).await;
    let opened = opened.unwrap_or_else(|e| panic!("loan {}: {e:?}", loan.number));
    opened.into_inner().case.expect("the case")
}

/// Opens cases one after the other and waits until the gateway has said what became of each one's text.
pub(crate) async fn open_and_settle(client: &Client, numbers: impl Iterator<Item = u32>) {
    for number in numbers {
        let case = open(client, &Loan::at_noon(number)).await;
        until("the text's end", async || {
            let all = contacts_of(client, &case.case_id).await;
            all.into_iter().find(|c| c.outcome != 0)
        })
        .await;
    }
}

/// The case by the lender's reference.
pub(crate) async fn get(client: &Client, reference: &str) -> v1::Case {
    let request = v1::GetCaseRequest {
        r#ref: Some(v1::get_case_request::Ref::LenderCaseRef(reference.into())),
    };
    let found = client.cases().get_case(request).await;
    found.expect("a case").into_inner().case.expect("the case")
}

/// The contacts of a case.
pub(crate) async fn contacts_of(client: &Client, case: &str) -> Vec<v1::Contact> {
    let request = v1::ListContactsRequest {
        page_size: 1_000,
        filter: format!("case_id = \"{case}\""),
        ..v1::ListContactsRequest::default()
    };
    let page = client.contacts().list_contacts(request).await;
    page.expect("contacts").into_inner().contacts
}

/// Waits until some contact of a case stands in a state.
pub(crate) async fn until_contact(
    client: &Client,
    case: &str,
    state: v1::ContactState,
) -> v1::Contact {
    until(&format!("a contact that is {state:?}"), async || {
        let all = contacts_of(client, case).await;
        all.into_iter().find(|c| c.state == i32::from(state))
    })
    .await
}

/// Yuan.
pub(crate) fn cny(units: i64) -> google::Money {
    google::Money {
        currency_code: "CNY".into(),
        units,
        nanos: 0,
    }
}

/// A date as the API has it.
pub(crate) fn pb_date(date: Date) -> google::Date {
    google::Date {
        year: date.year().into(),
        month: date.month().into(),
        day: date.day().into(),
    }
}

/// An instant as the API has it.
pub(crate) fn pb_time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

/// The instant it is.
#[expect(
    clippy::disallowed_methods,
    reason = "tests on a live clock live in real time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A zone where it is between 12:00 and 13:00: every contact is permitted there for hours.
pub(crate) fn noon_zone(at: Timestamp) -> String {
    let hour = TimeZone::UTC.to_datetime(at).hour();
    // The sign of these zones is that of west.
    format!("Etc/GMT{:+}", hour - 12)
}

#[test]
fn it_is_noon_somewhere() {
    for hour in 0..24 {
        let at = Timestamp::from_second(1_790_000_000 + hour * 3600).expect("an instant");
        let zone = TimeZone::get(&noon_zone(at)).expect("a zone of the database");
        assert_eq!(zone.to_datetime(at).hour(), 12, "{}", noon_zone(at));
    }
}
