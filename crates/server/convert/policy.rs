//! Policies and templates.

use recoup_decide::check::Report;
use recoup_domain::contact::Reader;
use recoup_engine::types::{PolicyState, PolicyView};
use recoup_policy::Finding;
use recoup_store::StoredTemplate;
use sha2::{Digest, Sha256};

use super::read::Bad;
use super::{value, words};
use crate::api::recoup::v1::{self, ErrorReason};

const PREFIX: &str = "policy_";

/// A policy version's id: its name and version.
#[must_use]
pub fn policy_id(name: &str, version: u32) -> String {
    format!("{PREFIX}{name}-{version}")
}

/// Reads a policy version's id.
pub fn version(bad: &mut Bad, field: &str, given: &str) -> Option<(String, u32)> {
    if given.is_empty() {
        bad.missing(field);
        return None;
    }
    let parts = given
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.rsplit_once('-'));
    let parsed = parts.and_then(|(name, version)| Some((name, version.parse::<u32>().ok()?)));
    let fits = |(name, version): &(&str, u32)| (1..=64).contains(&name.len()) && *version > 0;
    let Some((name, version)) = parsed.filter(fits) else {
        let problem = "is not an id of the form policy_<name>-<version>";
        bad.note(ErrorReason::IdInvalid, field, problem);
        return None;
    };
    Some((name.to_owned(), version))
}

/// A finding on the wire.
#[must_use]
pub fn finding(f: &Finding) -> v1::Finding {
    let severity = match f.severity {
        recoup_policy::Severity::Error => v1::Severity::Error,
        recoup_policy::Severity::Warning => v1::Severity::Warning,
    };
    v1::Finding {
        severity: severity.into(),
        code: f.code.to_owned(),
        line: i32::try_from(f.line).unwrap_or(i32::MAX),
        column: i32::try_from(f.column).unwrap_or(i32::MAX),
        message: f.message.clone(),
        hint: f.hint.clone(),
        counter_example: f.example.clone(),
    }
}

/// What a check of a text found, on the wire.
#[must_use]
pub fn checked(report: &Report, yaml: &str) -> v1::CheckPolicyResponse {
    v1::CheckPolicyResponse {
        ok: report.accepts(),
        findings: report.findings.iter().map(finding).collect(),
        hash: sha256_hex(&[yaml]),
        unchecked: report.unchecked.clone(),
    }
}

/// A policy version on the wire, with its text.
#[must_use]
pub fn render(view: &PolicyView) -> v1::Policy {
    let p = &view.stored;
    let state = match view.state {
        PolicyState::Draft => v1::PolicyState::Draft,
        PolicyState::Active => v1::PolicyState::Active,
        PolicyState::Retired => v1::PolicyState::Retired,
    };
    v1::Policy {
        policy_id: policy_id(&p.name, p.version),
        name: p.name.clone(),
        version: i64::from(p.version),
        hash: p.hash.clone(),
        state: state.into(),
        yaml: p.text.clone(),
        author: p.author.clone(),
        activated_by: p
            .activated
            .as_ref()
            .map_or_else(String::new, |a| a.by.clone()),
        create_time: Some(value::to_instant(p.created_at)),
        activate_time: p.activated.as_ref().map(|a| value::to_instant(a.at)),
        activate_note: p
            .activated
            .as_ref()
            .map_or_else(String::new, |a| a.note.clone()),
        stages: view.stages.clone(),
        pinned_cases: i64::try_from(view.pinned_cases).unwrap_or(i64::MAX),
    }
}

/// SHA-256 of a text, hexadecimal.
#[must_use]
pub fn sha256_hex(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    match parts {
        [one] => digest.update(one.as_bytes()),
        several => {
            for part in several {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part.as_bytes());
            }
        }
    }
    digest
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// The id of a template version.
#[must_use]
pub fn template_id(name: &str, version: u32) -> String {
    format!("template_{name}-{version}")
}

/// A template version on the wire.
#[must_use]
pub fn template(t: &StoredTemplate) -> v1::Template {
    let variables = t.variables.join(",");
    let (signature, provider) = t.approval.clone().unwrap_or_default();
    let kinds = t.lender_kinds.iter();
    let hash = sha256_hex(&[t.class.name(), &t.locale, &t.subject, &t.body, &variables]);
    v1::Template {
        template_id: template_id(&t.name, t.version),
        name: t.name.clone(),
        version: i64::from(t.version),
        hash,
        channel: t.class.name().to_owned(),
        locale: t.locale.clone(),
        subject: t.subject.clone(),
        body: t.body.clone(),
        variables: t.variables.clone(),
        audience: match t.reader {
            Reader::Obligor => v1::TemplateAudience::Debtor.into(),
            Reader::ThirdParty => v1::TemplateAudience::ThirdParty.into(),
        },
        author: t.author.clone(),
        create_time: Some(value::to_instant(t.created_at)),
        regions: t.regions.clone(),
        lender_kinds: kinds
            .map(|kind| words::to_lender_kind(*kind).into())
            .collect(),
        sms_signature: signature,
        provider_template_id: provider,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_ids_read_back() {
        let mut bad = Bad::new();
        let id = policy_id("cn-microloan", 12);
        assert_eq!(
            version(&mut bad, "policy_id", &id),
            Some(("cn-microloan".into(), 12))
        );
        for wrong in ["", "policy_x", "policy_-1", "policy_x-0", "cn-microloan-1"] {
            assert_eq!(version(&mut bad, "policy_id", wrong), None, "{wrong}");
        }
        assert_eq!(bad.count(), 5);
    }

    #[test]
    fn the_hash_of_one_text_is_its_sha_256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(&["abc"]), abc);
        assert_ne!(sha256_hex(&["ab", "c"]), sha256_hex(&["a", "bc"]));
    }
}
