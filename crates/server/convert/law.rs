//! Packs and rules of law.

use recoup_compliance::pack::{Pack, Packs, Unchecked};
use recoup_compliance::{Layer, RuleRef};
use recoup_domain::contact::ContactClass;

use super::{gate, value, words};
use crate::api::recoup::v1;

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
