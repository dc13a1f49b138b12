//! Packs and rules of law.

use recoup_compliance::pack::{Pack, Packs, Unchecked};
use recoup_compliance::{DutyRef, Layer, RuleRef};
use recoup_domain::contact::{ContactClass, Reader};
use recoup_domain::ids::CaseId;
use recoup_domain::overrides::{OverrideState, Signed};
use recoup_engine::commands::{OverrideInput, OverrideView};

use super::read::Bad;
use super::{gate, value, words};
use crate::api::recoup::v1::{self, ErrorReason};

/// A pack on the wire.
#[must_use]
pub fn pack(all: &Packs, pack: &Pack) -> v1::Pack {
    let rules = pack.rules();
    v1::Pack {
        pack: Some(gate::version(all, pack)),
        title: pack.title().to_owned(),
        house: rules.iter().all(|r| r.layer() == Layer::House),
        rules: rules.iter().map(|r| rule(all, r)).collect(),
        regions: pack.regions().to_vec(),
        off_because: off(all, pack.id(), pack.off_because()),
        unchecked: pack.unchecked().iter().map(unchecked).collect(),
        beside: pack.is_overlay(),
        content: pack.content().iter().map(duty).collect(),
        file: all.file_of(pack.id()).unwrap_or_default().to_owned(),
    }
}

fn duty(duty: &DutyRef) -> v1::ContentDuty {
    let readers: Vec<Reader> = duty.readers().collect();
    let audience = match readers[..] {
        [Reader::Obligor] => v1::TemplateAudience::Debtor,
        [Reader::ThirdParty] => v1::TemplateAudience::ThirdParty,
        _ => v1::TemplateAudience::Unspecified,
    };
    v1::ContentDuty {
        duty_id: duty.id().to_owned(),
        text: duty.text().to_owned(),
        citation: duty.citation().to_owned(),
        severity: words::to_severity(duty.severity()).into(),
        confidence: duty.confidence().name().to_owned(),
        channels: duty.channels().map(|c| c.name().to_owned()).collect(),
        audience: audience.into(),
        lender_kinds: lender_kinds(duty),
        message: duty.message().name().to_owned(),
        demand: duty.demand().in_words(),
        effective_from: duty.effective_from().map(value::to_date),
        effective_to: duty.effective_to().map(value::to_date),
    }
}

/// The kinds of lender that a duty binds; nothing where it binds all.
fn lender_kinds(duty: &DutyRef) -> Vec<i32> {
    let all = duty.lender_kinds();
    let kinds: Vec<i32> = all.map(|k| words::to_lender_kind(k).into()).collect();
    // UNSPECIFIED is no kind.
    let every = v1::LenderKind::Bank as usize;
    if kinds.len() == every {
        Vec::new()
    } else {
        kinds
    }
}

fn rule(all: &Packs, rule: &RuleRef) -> v1::Rule {
    let channels: Vec<ContactClass> = rule.channels().collect();
    v1::Rule {
        rule_id: rule.id().to_owned(),
        severity: words::to_severity(rule.severity()).into(),
        citation: rule.citation().to_owned(),
        text: rule.text().to_owned(),
        channels: match channels.len() == ContactClass::ALL.len() {
            true => Vec::new(),
            false => channels.iter().map(|c| c.name().to_owned()).collect(),
        },
        effective_from: rule.effective_from().map(value::to_date),
        effective_to: rule.effective_to().map(value::to_date),
        layer: rule.layer().name().to_owned(),
        confidence: rule.confidence().name().to_owned(),
        off_because: off(all, rule.id(), rule.off_because()),
    }
}

/// Why something binds nobody; empty where it was switched on.
fn off(all: &Packs, id: &str, because: Option<&str>) -> String {
    let because = because.filter(|_| !all.is_on(id));
    because.unwrap_or_default().to_owned()
}

fn unchecked(entry: &Unchecked) -> v1::Unchecked {
    v1::Unchecked {
        rule_id: entry.id.clone(),
        text: entry.text.clone(),
        citation: entry.citation.clone(),
        left_to: entry.left_to.clone(),
    }
}

/// Reads an override asked for.
pub fn proposed(
    bad: &mut Bad,
    given: &v1::ProposeOverrideRequest,
    packs: &Packs,
) -> Option<OverrideInput> {
    let rule = bad.text("rule_id", &given.rule_id, 128);
    if let Some(id) = &rule
        && !packs.rules().any(|r| r.id() == id)
    {
        let problem = "no pack has a rule of this id; `recoup law` lists the packs";
        bad.note(ErrorReason::RuleUnknown, "rule_id", problem);
    }
    let case = bad.id_or_none::<CaseId>("case_id", &given.case_id);
    let reason = bad.text("reason", &given.reason, 2000);
    let until = match &given.until {
        Some(until) => value::instant(bad, "until", until),
        None => {
            bad.missing("until");
            None
        }
    };
    Some(OverrideInput {
        rule: rule?,
        case: case?,
        reason: reason?,
        until: until?,
    })
}

/// An override on the wire; `sees_people`: with what was written about it, which may be personal data.
#[must_use]
pub fn render_override(view: &OverrideView, sees_people: bool) -> v1::Override {
    let row = &view.row;
    let by = |s: &Option<Signed>| s.as_ref().map_or_else(String::new, |s| s.by.clone());
    let at = |s: &Option<Signed>| s.as_ref().map(|s| value::to_instant(s.at));
    let told = |text: &str| match sees_people {
        true => text.to_owned(),
        false => String::new(),
    };
    v1::Override {
        override_id: row.id.to_string(),
        rule_id: row.rule.clone(),
        case_id: row.case.map_or_else(String::new, |c| c.to_string()),
        reason: told(&view.plain.reason),
        until: Some(value::to_instant(row.until)),
        state: state(view.state).into(),
        author: row.proposed.by.clone(),
        approved_by: by(&row.approved),
        pack: row.pack.clone(),
        propose_time: Some(value::to_instant(row.proposed.at)),
        approve_time: at(&row.approved),
        approval_note: told(&view.plain.approval_note),
        revoked_by: by(&row.revoked),
        revoke_time: at(&row.revoked),
        revoke_reason: told(&view.plain.revoke_reason),
    }
}

const fn state(state: OverrideState) -> v1::OverrideState {
    match state {
        OverrideState::Proposed => v1::OverrideState::Proposed,
        OverrideState::Active => v1::OverrideState::Active,
        OverrideState::Revoked => v1::OverrideState::Revoked,
        OverrideState::Expired => v1::OverrideState::Expired,
    }
}
