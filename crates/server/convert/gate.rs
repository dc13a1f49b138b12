//! The gate's answers.

use jiff::Timestamp;
use recoup_compliance::{Denial, Packs, Reason, Rule, Verdict, Why};
use recoup_domain::overrides::Lift;
use recoup_engine::explain::Tongue;

use super::{value, words};
use crate::api::recoup::v1;

/// The gate's answer on the wire.
#[must_use]
pub fn render(verdict: &Verdict, all: &Packs, tongue: Tongue) -> v1::GateDecision {
    match verdict {
        Verdict::Permit { expires } => permitted(*expires, all),
        Verdict::Deny(denial) => denied(denial, all, tongue),
    }
}

/// A permit on the wire.
#[must_use]
pub fn permitted(expires: Timestamp, all: &Packs) -> v1::GateDecision {
    v1::GateDecision {
        verdict: v1::Verdict::Permit.into(),
        expires: value::to_end(expires),
        packs: packs(all),
        ..v1::GateDecision::default()
    }
}

/// A denial on the wire.
#[must_use]
pub fn denied(denial: &Denial, all: &Packs, tongue: Tongue) -> v1::GateDecision {
    let mut reasons: Vec<_> = denial.all.iter().map(|r| reason(r, tongue)).collect();
    // Where a pause ends in a year that nobody told, no reason of its own says so.
    if let (Some(lacks), Some(primary)) = (&denial.lacks, reasons.first_mut()) {
        let why = why_of(&Why::CalendarLacks(lacks.clone()), tongue);
        primary.facts.entry("why".to_owned()).or_insert(why);
    }
    v1::GateDecision {
        verdict: v1::Verdict::Deny.into(),
        primary: reasons.first().cloned(),
        reasons,
        earliest: denial.earliest.map(value::to_instant),
        expires: None,
        packs: packs(all),
        lifted: Vec::new(),
    }
}

/// A presumption that an override lifts; `decides`: the rule would deny without it.
#[must_use]
pub fn lifted(lift: &Lift, decides: bool) -> v1::LiftedRule {
    v1::LiftedRule {
        rule_id: lift.rule.clone(),
        pack: lift.pack.clone(),
        override_id: lift.id.to_string(),
        author: lift.proposed_by.clone(),
        approved_by: lift.approved_by.clone(),
        approve_time: Some(value::to_instant(lift.from)),
        until: Some(value::to_instant(lift.until)),
        decides,
    }
}

fn reason(reason: &Reason, tongue: Tongue) -> v1::GateReason {
    let rule = &reason.rule;
    v1::GateReason {
        rule_id: rule.id().to_owned(),
        pack: rule.pack().to_owned(),
        pack_version: env!("CARGO_PKG_VERSION").to_owned(),
        house: rule.confidence() == recoup_compliance::Confidence::House,
        severity: words::to_severity(rule.severity()).into(),
        citation: in_tongue(tongue, rule.citation_in_chinese(), rule.citation()).to_owned(),
        message: message(rule, tongue),
        earliest: reason.earliest.map(value::to_instant),
        facts: facts(reason, tongue),
    }
}

/// What denied, and the numbers in force: a pack may have others than its sentence says.
fn message(rule: &Rule, tongue: Tongue) -> String {
    let text = in_tongue(tongue, rule.text_in_chinese(), rule.text());
    match (limit(rule, tongue), tongue) {
        (None, _) => text.to_owned(),
        (Some(limit), Tongue::English) => format!("{text} In force: {limit}."),
        (Some(limit), Tongue::Chinese) => format!("{text}；现行限度：{limit}。"),
    }
}

/// The numbers in force, and what else lies behind it.
fn facts(reason: &Reason, tongue: Tongue) -> std::collections::HashMap<String, String> {
    let limit = limit(&reason.rule, tongue).map(|limit| ("limit".to_owned(), limit));
    let why = reason.why.as_ref();
    let why = why.map(|reason| ("why".to_owned(), why_of(reason, tongue)));
    limit.into_iter().chain(why).collect()
}

fn limit(rule: &Rule, tongue: Tongue) -> Option<String> {
    rule.limit().map(|numbers| match tongue {
        Tongue::English => numbers.to_string(),
        Tongue::Chinese => numbers.in_chinese(),
    })
}

fn why_of(why: &Why, tongue: Tongue) -> String {
    match tongue {
        Tongue::English => why.to_string(),
        Tongue::Chinese => why.in_chinese(),
    }
}

/// What nobody wrote in Chinese is told as it is.
fn in_tongue<'t>(tongue: Tongue, chinese: Option<&'t str>, english: &'t str) -> &'t str {
    match tongue {
        Tongue::English => english,
        Tongue::Chinese => chinese.unwrap_or(english),
    }
}

/// The packs that are switched on: one version each, that of the server, under one hash.
#[must_use]
pub fn packs(all: &Packs) -> Vec<v1::PackVersion> {
    let on = all.packs().iter().filter(|p| all.is_on(p.id()));
    on.map(|pack| version(all, pack)).collect()
}

/// The version of a pack.
#[must_use]
pub fn version(all: &Packs, pack: &recoup_compliance::pack::Pack) -> v1::PackVersion {
    v1::PackVersion {
        pack: pack.id().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hash: all.hash().to_owned(),
    }
}
