//! The gate's answers.

use jiff::Timestamp;
use recoup_compliance::{Denial, Packs, Reason, Verdict};
use recoup_domain::overrides::Lift;

use super::{value, words};
use crate::api::recoup::v1;

/// The gate's answer on the wire.
#[must_use]
pub fn render(verdict: &Verdict, all: &Packs) -> v1::GateDecision {
    match verdict {
        Verdict::Permit { expires } => permitted(*expires, all),
        Verdict::Deny(denial) => denied(denial, all),
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
pub fn denied(denial: &Denial, all: &Packs) -> v1::GateDecision {
    let mut reasons: Vec<_> = denial.all.iter().map(reason).collect();
    // Where a pause ends in a year that nobody told, no reason of its own says so.
    if let (Some(lacks), Some(primary)) = (&denial.lacks, reasons.first_mut()) {
        let why = recoup_compliance::Why::CalendarLacks(lacks.clone()).to_string();
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

fn reason(reason: &Reason) -> v1::GateReason {
    let rule = &reason.rule;
    v1::GateReason {
        rule_id: rule.id().to_owned(),
        pack: rule.pack().to_owned(),
        pack_version: env!("CARGO_PKG_VERSION").to_owned(),
        house: rule.confidence() == recoup_compliance::Confidence::House,
        severity: words::to_severity(rule.severity()).into(),
        citation: rule.citation().to_owned(),
        message: message(rule),
        earliest: reason.earliest.map(value::to_instant),
        facts: facts(reason),
    }
}

/// What denied, and the numbers in force: a pack may have others than its sentence says.
fn message(rule: &recoup_compliance::Rule) -> String {
    match rule.limit() {
        Some(limit) => format!("{} In force: {limit}.", rule.text()),
        None => rule.text().to_owned(),
    }
}

/// The numbers in force, and what else lies behind it.
fn facts(reason: &Reason) -> std::collections::HashMap<String, String> {
    let limit = reason.rule.limit().map(|limit| ("limit".to_owned(), limit));
    let why = reason
        .why
        .as_ref()
        .map(|why| ("why".to_owned(), why.to_string()));
    limit.into_iter().chain(why).collect()
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
