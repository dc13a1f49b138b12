//! What a campaign's lender works with: texts, collectors and a policy, set up before the first fault.

use recoup::api::google::r#type as google;
use recoup::api::recoup::v1 as pb;

use crate::demo::client::Client;

/// Everything is due at once, so that every instant finds contacts under way.
pub(super) const POLICY: &str = "name: all-at-once
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: phone, template: first_call, max: 1}
      - {channel: email, template: statement_mail, max: 1}
      - {channel: visit, template: visit_brief, max: 1}
";

/// Name, channel, subject, body, variables.
const TEMPLATES: [(&str, &str, &str, &str, &[&str]); 4] = [
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
        "visit_brief",
        "visit",
        "",
        "Visit {{ borrower_name }} on {{ visit_date }}.",
        &["borrower_name", "visit_date"],
    ),
];

/// Sets all of it up, with a policy of these texts; `second` activates what `author` wrote.
pub(crate) async fn set_up(author: &Client, second: &Client, policy: &str) -> Result<(), String> {
    for (name, channel, subject, body, variables) in TEMPLATES {
        let approved = |text: &str| match channel {
            "sms" => text.to_owned(),
            _ => String::new(),
        };
        let request = pb::RegisterTemplateRequest {
            request_id: format!("template-{name}"),
            name: name.into(),
            channel: channel.into(),
            locale: "zh-CN".into(),
            subject: subject.into(),
            body: body.into(),
            variables: variables.iter().map(|v| (*v).into()).collect(),
            sms_signature: approved("Demo Lender"),
            provider_template_id: approved("demo"),
            ..pb::RegisterTemplateRequest::default()
        };
        let done = author.policies().register_template(request).await;
        done.map_err(|e| format!("template {name}: {e}"))?;
    }
    for name in ["li", "wang"] {
        let done = author.collectors().upsert_collector(collector(name)).await;
        done.map_err(|e| format!("collector {name}: {e}"))?;
    }
    let request = pb::CreatePolicyRequest {
        request_id: "policy".into(),
        yaml: policy.into(),
    };
    let created = author.policies().create_policy(request).await;
    let policy = created.map_err(|e| format!("the policy: {e}"))?;
    let policy = policy.into_inner().policy.unwrap_or_default();
    let request = pb::ActivatePolicyRequest {
        request_id: "activate".into(),
        policy_id: policy.policy_id,
        note: String::new(),
    };
    let active = second.policies().activate_policy(request).await;
    active.map(drop).map_err(|e| format!("the policy: {e}"))
}

fn collector(name: &str) -> pb::UpsertCollectorRequest {
    pb::UpsertCollectorRequest {
        request_id: format!("collector-{name}"),
        collector: Some(pb::Collector {
            lender_ref: name.into(),
            display_name: name.into(),
            credentials: vec![pb::Credential {
                kind: "field_visit".into(),
                number: "1".into(),
                valid_until: Some(google::Date {
                    year: 2099,
                    month: 12,
                    day: 31,
                }),
            }],
            active: Some(true),
            ..pb::Collector::default()
        }),
        update_mask: None,
    }
}
