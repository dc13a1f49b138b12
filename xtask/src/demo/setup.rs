//! What a lender sets up before the first case: collectors, templates and policies.

use recoup::api::google::r#type::Date;
use recoup::api::recoup::v1 as pb;
use serde::Deserialize;

use super::DemoError;
use super::client::Client;

/// The policies by name, with the ending of the names of their templates and where those are sent to.
const POLICIES: [(&str, &str, &str, &str); 3] = [
    (
        "cn-micro",
        "_cn",
        "CN",
        include_str!("../../data/policies/cn-micro.yaml"),
    ),
    (
        "tw-card",
        "_tw",
        "TW",
        include_str!("../../data/policies/tw-card.yaml"),
    ),
    (
        "us-consumer",
        "_us",
        "US",
        include_str!("../../data/policies/us-consumer.yaml"),
    ),
];

const TEMPLATES: &str = include_str!("../../data/templates.json");

#[derive(Deserialize)]
struct Template {
    name: String,
    channel: String,
    locale: String,
    subject: String,
    body: String,
}

/// Registers what is needed for the policies named; `author` writes, `second` activates.
pub(crate) async fn set_up(
    author: &Client,
    second: &Client,
    policies: &[&str],
) -> Result<(), DemoError> {
    collectors(author).await?;
    let wanted = POLICIES.iter().filter(|(name, ..)| policies.contains(name));
    for (name, ending, place, yaml) in wanted {
        templates(author, ending, place).await?;
        let created = author
            .policies()
            .create_policy(pb::CreatePolicyRequest {
                request_id: format!("demo-policy-{name}"),
                yaml: (*yaml).to_owned(),
            })
            .await
            .map_err(|status| DemoError::rpc(&format!("create the policy {name}"), &status))?
            .into_inner();
        let policy = created.policy.unwrap_or_default();
        second
            .policies()
            .activate_policy(pb::ActivatePolicyRequest {
                request_id: format!("demo-activate-{name}"),
                policy_id: policy.policy_id,
                note: "checked by a second person".to_owned(),
            })
            .await
            .map_err(|status| DemoError::rpc(&format!("activate the policy {name}"), &status))?;
    }
    Ok(())
}

async fn collectors(author: &Client) -> Result<(), DemoError> {
    let names = [
        "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel",
    ];
    for (i, name) in names.iter().enumerate() {
        let collector = pb::Collector {
            lender_ref: format!("collector-{}", i + 1),
            display_name: (*name).to_owned(),
            credentials: vec![pb::Credential {
                kind: "field_visit".to_owned(),
                number: format!("F-{:03}", i + 1),
                valid_until: Some(Date {
                    year: 2028,
                    month: 12,
                    day: 31,
                }),
            }],
            languages: vec!["zh-CN".to_owned(), "zh-TW".to_owned(), "en".to_owned()],
            active: Some(true),
            ..pb::Collector::default()
        };
        let request = pb::UpsertCollectorRequest {
            request_id: format!("demo-collector-{}", i + 1),
            collector: Some(collector),
            update_mask: None,
        };
        let written = author.collectors().upsert_collector(request).await;
        written.map_err(|status| DemoError::rpc("write a collector", &status))?;
    }
    Ok(())
}

async fn templates(author: &Client, ending: &str, place: &str) -> Result<(), DemoError> {
    let all: Vec<Template> = serde_json::from_str(TEMPLATES)
        .map_err(|error| DemoError::Failed(format!("read the demo's templates: {error}")))?;
    for template in all.into_iter().filter(|t| t.name.ends_with(ending)) {
        // In China carriers approve a signature and a template beforehand.
        let is_approved = place == "CN" && template.channel == "sms";
        let approved = |text: &str| {
            if is_approved {
                text.to_owned()
            } else {
                String::new()
            }
        };
        let request = pb::RegisterTemplateRequest {
            request_id: format!("demo-template-{}", template.name),
            variables: variables(&template),
            name: template.name.clone(),
            channel: template.channel,
            locale: template.locale,
            subject: template.subject,
            body: template.body,
            audience: pb::TemplateAudience::Debtor.into(),
            regions: vec![place.to_owned()],
            sms_signature: approved("Demo Lender"),
            provider_template_id: approved("demo-reminder"),
            ..pb::RegisterTemplateRequest::default()
        };
        let what = format!("register the template {}", template.name);
        let registered = author.policies().register_template(request).await;
        registered.map_err(|status| DemoError::rpc(&what, &status))?;
    }
    Ok(())
}

/// The variables that a template's texts use.
fn variables(template: &Template) -> Vec<String> {
    let mut found: Vec<String> = [&template.subject, &template.body]
        .into_iter()
        .flat_map(|text| text.split("{{").skip(1))
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Template> {
        serde_json::from_str(TEMPLATES).unwrap()
    }

    #[test]
    fn every_policy_finds_its_templates() {
        for (name, ending, _, yaml) in POLICIES {
            assert!(yaml.contains(&format!("name: {name}\n")), "{name}");
            let used: Vec<&str> = yaml
                .split("template: ")
                .skip(1)
                .filter_map(|rest| rest.split([',', '}']).next())
                .collect();
            assert!(used.len() >= 6, "{name}");
            for template in used {
                assert!(template.ends_with(ending), "{name}: {template}");
                assert!(
                    all().iter().any(|t| t.name == template),
                    "{name}: {template}"
                );
            }
        }
    }

    #[test]
    fn a_visits_text_says_no_amount_and_names_its_case() {
        for template in all().into_iter().filter(|t| t.channel == "visit") {
            let variables = variables(&template);
            for amount in ["overdue_amount", "total_amount", "currency"] {
                assert!(!variables.iter().any(|v| v == amount), "{}", template.name);
            }
            assert!(
                template.subject.contains("[ref:{{ case_ref }}]"),
                "{}",
                template.name
            );
        }
    }
}
