//! Cases and their facts.

use recoup_domain::case::{Amounts, Document, Pause, PolicyPin, Promise, Scores};
use recoup_domain::ids::CaseId;
use recoup_domain::money::{Currency, Money};
use recoup_domain::party::Relation;
use recoup_domain::regions::zones_of;
use recoup_engine::types::{CaseInput, CaseView, PartyName};

use super::read::Bad;
use super::{party, value, words};
use crate::api::google::r#type as google;
use crate::api::recoup::v1::{self, ErrorReason};

/// The fields of a case's facts that UpdateCaseFacts takes.
pub const FACTS: [&str; 8] = [
    "principal",
    "interest",
    "fees",
    "overdue",
    "oldest_unpaid_due_date",
    "ability",
    "willingness",
    "tags",
];

/// Facts as they were given, each checked.
#[derive(Debug, Default)]
pub struct Facts {
    /// In the case's currency, which is that of all amounts.
    pub principal: Option<Money>,
    /// As above.
    pub interest: Option<Money>,
    /// As above.
    pub fees: Option<Money>,
    /// As above.
    pub overdue: Option<Money>,
    /// Due date of the oldest unpaid instalment.
    pub due: Option<jiff::civil::Date>,
    /// Scores.
    pub scores: Scores,
    /// The lender's name of the product.
    pub product: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
}

impl Facts {
    /// The one currency of all amounts given.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.amounts()
            .into_iter()
            .flatten()
            .map(|m| m.currency)
            .next()
    }

    fn amounts(&self) -> [Option<Money>; 4] {
        [self.overdue, self.principal, self.interest, self.fees]
    }
}

/// Reads facts; `at` is the path of the message.
pub fn facts(bad: &mut Bad, at: &str, given: &v1::CaseFacts) -> Facts {
    let mut amount = |name: &str, given: Option<&google::Money>| {
        given.and_then(|m| value::money(bad, &format!("{at}.{name}"), m))
    };
    let mut facts = Facts {
        principal: amount("principal", given.principal.as_ref()),
        interest: amount("interest", given.interest.as_ref()),
        fees: amount("fees", given.fees.as_ref()),
        overdue: amount("overdue", given.overdue.as_ref()),
        ..Facts::default()
    };
    one_currency(bad, at, &facts);
    if let Some(day) = &given.oldest_unpaid_due_date {
        facts.due = value::date(bad, &format!("{at}.oldest_unpaid_due_date"), day);
    }
    facts.scores = Scores {
        ability: score(bad, &format!("{at}.ability"), given.ability),
        willingness: score(bad, &format!("{at}.willingness"), given.willingness),
    };
    facts.product = match given.product.as_str() {
        "" => None,
        name => bad.short(&format!("{at}.product"), name, 64),
    };
    facts.tags = bad.tags(&format!("{at}.tags"), &given.tags);
    facts
}

/// Names every amount where they are not all in one currency: which of them is wrong nobody here knows.
fn one_currency(bad: &mut Bad, at: &str, facts: &Facts) {
    let named = ["overdue", "principal", "interest", "fees"]
        .into_iter()
        .zip(facts.amounts());
    let given = named.filter_map(|(name, amount)| Some((name, amount?)));
    let given: Vec<_> = given.collect();
    if given
        .iter()
        .all(|(_, m)| Some(m.currency) == facts.currency())
    {
        return;
    }
    for (name, amount) in given {
        let code = amount.currency.code();
        let problem = format!("is {code}; amounts of a case are in one currency");
        let field = format!("{at}.{name}.currency_code");
        bad.note(ErrorReason::CurrencyMismatch, &field, problem);
    }
}

fn score(bad: &mut Bad, field: &str, given: Option<i32>) -> Option<u8> {
    let given = given?;
    let score = u8::try_from(given).ok().filter(|s| *s <= 100);
    if score.is_none() {
        bad.invalid(field, format!("is {given}; scores go from 0 to 100"));
    }
    score
}

/// Reads a case to open.
pub fn input(
    bad: &mut Bad,
    at: &str,
    borrower: Option<PartyName>,
    given: Option<&v1::CaseInput>,
) -> Option<CaseInput> {
    let Some(given) = given else {
        bad.missing("case");
        return None;
    };
    let before = bad.count();
    let lender_case_ref = bad.text("case.lender_case_ref", &given.lender_case_ref, 128);
    let jurisdiction = jurisdiction(bad, &given.jurisdiction);
    let lender_kind = bad.word::<v1::LenderKind>("case.lender_kind", given.lender_kind);
    let facts = opening_facts(bad, given.facts.as_ref());
    let documents = documents(bad, "case.documents", &given.documents);
    let previous = bad.id_or_none::<CaseId>("case.previous_case_id", &given.previous_case_id);
    let parties = parties(bad, &given.parties);
    let policy = bad.short("case.policy_name", &given.policy_name, 64);
    let mut borrower = borrower?;
    told_once(bad, &borrower, &parties, &given.parties);
    let jurisdiction = jurisdiction?;
    zones_known(bad, at, &mut borrower, &jurisdiction);
    if bad.count() != before {
        return None;
    }
    let minor = |m: Option<Money>| m.map_or(0, |m| m.minor);
    Some(CaseInput {
        lender_case_ref: lender_case_ref?,
        borrower,
        parties,
        jurisdiction,
        lender_kind: words::lender_kind(lender_kind?)?,
        borrower_kind: None,
        product: facts.product.clone(),
        currency: facts.currency()?,
        amounts: Amounts {
            principal: minor(facts.principal),
            interest: minor(facts.interest),
            fees: minor(facts.fees),
            overdue: minor(facts.overdue),
        },
        oldest_unpaid_due: facts.due,
        scores: facts.scores,
        tags: facts.tags,
        documents,
        previous: previous?,
        policy: policy.filter(|name| !name.is_empty()),
    })
}

fn jurisdiction(bad: &mut Bad, given: &str) -> Option<String> {
    let text = bad.text("case.jurisdiction", given, 6)?;
    if party::is_region(&text) {
        return Some(text);
    }
    let problem = format!("`{text}` is not ISO 3166, such as `CN` or `US-NY`");
    bad.note(
        ErrorReason::JurisdictionUnknown,
        "case.jurisdiction",
        problem,
    );
    None
}

/// A party told in full must have a zone to judge hours in; without regions the case's jurisdiction
/// is the region.
/// Two of a case that are written under one reference would be one party, written twice.
fn told_once(
    bad: &mut Bad,
    borrower: &PartyName,
    parties: &[(PartyName, Relation)],
    given: &[v1::CasePartyInput],
) {
    let reference = |name: &PartyName| match name {
        PartyName::Told(told) => Some(told.lender_ref.clone()),
        PartyName::Id(_) | PartyName::Reference(_) => None,
    };
    // Where one of them could not be read, the places do not fit, and that one is named already.
    if parties.len() != given.len() {
        return;
    }
    let mut seen: Vec<String> = reference(borrower).into_iter().collect();
    for (i, (name, _)) in parties.iter().enumerate() {
        let Some(reference) = reference(name) else {
            continue;
        };
        if seen.contains(&reference) {
            let field = format!("case.parties[{i}].upsert.lender_ref");
            bad.invalid(&field, "is that of another party of the case");
        }
        seen.push(reference);
    }
}

fn zones_known(bad: &mut Bad, at: &str, borrower: &mut PartyName, jurisdiction: &str) {
    let PartyName::Told(told) = borrower else {
        return;
    };
    if told.regions.is_empty() {
        told.regions.push(jurisdiction.to_owned());
    }
    if told.zones.is_empty() && zones_of(jurisdiction).is_none() && !party::has_zone(told, None) {
        let problem = "neither time_zones nor regions give a zone to judge hours in";
        let field = format!("{at}.time_zones");
        bad.note(ErrorReason::TimeZoneMissing, &field, problem);
    }
}

fn opening_facts(bad: &mut Bad, given: Option<&v1::CaseFacts>) -> Facts {
    let Some(given) = given else {
        bad.missing("case.facts");
        return Facts::default();
    };
    let facts = facts(bad, "case.facts", given);
    if given.overdue.is_none() {
        bad.missing("case.facts.overdue");
    }
    if facts.overdue.is_some_and(|m| m.minor > 0) && given.oldest_unpaid_due_date.is_none() {
        bad.missing("case.facts.oldest_unpaid_due_date");
    }
    facts
}

fn parties(bad: &mut Bad, given: &[v1::CasePartyInput]) -> Vec<(PartyName, Relation)> {
    use v1::case_party_input::Who;
    bad.count_of("case.parties", given, 32);
    let mut all = Vec::with_capacity(given.len().min(32));
    for (i, p) in given.iter().take(32).enumerate() {
        let at = format!("case.parties[{i}]");
        let who = match &p.who {
            None => {
                bad.missing(&format!("{at}.party"));
                None
            }
            Some(Who::Party(name)) => party::reference(bad, &format!("{at}.party"), Some(name)),
            Some(Who::Upsert(told)) => party::told(bad, &format!("{at}.upsert"), told, false),
        };
        let relation = relation(bad, &at, p);
        all.extend(who.zip(relation));
    }
    all
}

fn relation(bad: &mut Bad, at: &str, p: &v1::CasePartyInput) -> Option<Relation> {
    let kind = bad.word_or_unset(&format!("{at}.third_party_kind"), p.third_party_kind)?;
    match bad.word::<v1::PartyRole>(&format!("{at}.role"), p.role)? {
        v1::PartyRole::Guarantor => Some(Relation::Guarantor),
        v1::PartyRole::ThirdParty => Some(words::third_party(kind)),
        v1::PartyRole::Borrower | v1::PartyRole::Unspecified => {
            bad.invalid(&format!("{at}.role"), "must be GUARANTOR or THIRD_PARTY");
            None
        }
    }
}

fn documents(bad: &mut Bad, at: &str, given: &[v1::Document]) -> Vec<Document> {
    bad.count_of(at, given, 64);
    let mut all = Vec::with_capacity(given.len().min(64));
    for (i, d) in given.iter().take(64).enumerate() {
        all.extend(document(bad, &format!("{at}[{i}]"), d));
    }
    all
}

/// Reads a document.
pub fn document(bad: &mut Bad, at: &str, given: &v1::Document) -> Option<Document> {
    let kind = bad.word::<v1::DocumentKind>(&format!("{at}.kind"), given.kind);
    let reference = bad.text(&format!("{at}.reference"), &given.reference, 512);
    let sha256 = bad.sha256(&format!("{at}.sha256"), &given.sha256);
    Some(Document {
        kind: words::document_kind(kind?)?,
        sha256: sha256?,
        reference: reference?,
    })
}

/// A bucket of days past due: M0 before, M1 to M6 by 30 days, M7+ from 181.
#[must_use]
pub fn bucket(dpd: i32) -> String {
    match dpd {
        ..=0 => "M0".to_owned(),
        1..=180 => format!("M{}", (dpd - 1) / 30 + 1),
        _ => "M7+".to_owned(),
    }
}

/// A case on the wire.
#[must_use]
pub fn render(view: &CaseView) -> v1::Case {
    let case = &view.case;
    let money = |minor: i64| value::to_money(Money::new(minor, case.currency));
    v1::Case {
        case_id: case.id.to_string(),
        lender_case_ref: view.lender_case_ref.clone(),
        party_id: case.borrower.to_string(),
        borrower_ref: view.borrower_ref.clone(),
        jurisdiction: case.jurisdiction.clone(),
        lender_kind: words::to_lender_kind(case.lender_kind).into(),
        borrower_kind: words::to_borrower_kind(case.borrower_kind).into(),
        facts: Some(render_facts(case)),
        dpd: view.dpd.max(0),
        bucket: bucket(view.dpd),
        status: words::to_status(case.status()).into(),
        pause: weightiest(&case.pauses).map(render_pause),
        close_reason: case
            .closed
            .map_or(0, |c| words::to_close_reason(c.reason).into()),
        contactability: contactability(view).into(),
        stage: view.stage.clone(),
        segment: view.segment.clone(),
        policy: case.policy.as_ref().map(render_pin),
        documents: case.documents.iter().map(render_document).collect(),
        previous_case_id: case.previous.map_or_else(String::new, |c| c.to_string()),
        parties: render_parties(case),
        next_action_time: view.next_at.map(value::to_instant),
        open_time: Some(value::to_instant(case.opened_at)),
        update_time: Some(value::to_instant(case.updated_at)),
        close_time: case.closed.map(|c| value::to_instant(c.at)),
        etag: etag(case),
        contacts_made: view
            .contacts_made
            .iter()
            .map(|(class, n)| {
                (
                    class.name().to_owned(),
                    i32::try_from(*n).unwrap_or(i32::MAX),
                )
            })
            .collect(),
        collected: Some(money(case.collected())),
    }
}

/// A case's etag: its version.
#[must_use]
pub fn etag(case: &recoup_domain::Case) -> String {
    case.version.to_string()
}

fn contactability(view: &CaseView) -> v1::Contactability {
    let days = recoup_domain::party::LOST_AFTER_FAILED_DAYS;
    words::to_contactability(view.borrower.contactability(days))
}

fn render_facts(case: &recoup_domain::Case) -> v1::CaseFacts {
    let money = |minor: i64| Some(value::to_money(Money::new(minor, case.currency)));
    v1::CaseFacts {
        principal: money(case.amounts.principal),
        interest: money(case.amounts.interest),
        fees: money(case.amounts.fees),
        overdue: money(case.amounts.overdue),
        oldest_unpaid_due_date: case.oldest_unpaid_due.map(value::to_date),
        ability: case.scores.ability.map(i32::from),
        willingness: case.scores.willingness.map(i32::from),
        product: case.product.clone().unwrap_or_default(),
        tags: case.tags.clone(),
    }
}

/// The pause that ends last weighs most.
fn weightiest(pauses: &[Pause]) -> Option<&Pause> {
    pauses.iter().max_by_key(|p| p.until)
}

fn render_pause(pause: &Pause) -> v1::Pause {
    v1::Pause {
        reason: words::to_pause_reason(pause.reason).into(),
        owner: pause.owner.clone(),
        until: value::to_end(pause.until),
        since: Some(value::to_instant(pause.since)),
    }
}

/// A policy pin on the wire.
#[must_use]
pub fn render_pin(pin: &PolicyPin) -> v1::PolicyPin {
    v1::PolicyPin {
        policy_id: super::policy::policy_id(&pin.name, pin.version),
        name: pin.name.clone(),
        version: i64::from(pin.version),
        hash: pin.hash.clone(),
        arm: pin.arm.clone(),
    }
}

fn render_document(document: &Document) -> v1::Document {
    v1::Document {
        kind: words::to_document_kind(document.kind).into(),
        reference: document.reference.clone(),
        sha256: document.sha256.clone(),
        record_time: None,
    }
}

fn render_parties(case: &recoup_domain::Case) -> Vec<v1::CaseParty> {
    let borrower = (case.borrower, Relation::Borrower);
    let others = case.parties.iter().map(|p| (p.party, p.relation));
    let render = |(party, relation): (recoup_domain::PartyId, Relation)| {
        let (role, kind) = words::to_relation(relation);
        v1::CaseParty {
            party_id: party.to_string(),
            role: role.into(),
            third_party_kind: kind.into(),
        }
    };
    std::iter::once(borrower)
        .chain(others)
        .map(render)
        .collect()
}

/// A promise on the wire: the pause that stands for it.
#[must_use]
pub fn render_promise(case: &recoup_domain::Case, pause: &Pause, contact: String) -> v1::Promise {
    let promise = pause.promise.unwrap_or(Promise {
        after_payments: 0,
        amount: 0,
        due: jiff::civil::Date::ZERO,
        paid: 0,
    });
    let money = |minor: i64| Some(value::to_money(Money::new(minor, case.currency)));
    v1::Promise {
        promise_id: pause.id.to_string(),
        case_id: case.id.to_string(),
        amount: money(promise.amount),
        due_date: Some(value::to_date(promise.due)),
        pause_until: value::to_end(pause.until),
        state: v1::ArrangementState::Active.into(),
        paid: money(promise.paid),
        contact_id: contact,
        create_time: Some(value::to_instant(pause.since)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_where_the_vocabulary_says() {
        for (dpd, name) in [
            (-3, "M0"),
            (0, "M0"),
            (1, "M1"),
            (30, "M1"),
            (31, "M2"),
            (180, "M6"),
            (181, "M7+"),
        ] {
            assert_eq!(bucket(dpd), name, "{dpd}");
        }
    }

    #[test]
    fn a_case_without_its_facts_names_all_that_is_missing() {
        let mut bad = Bad::new();
        let borrower = PartyName::Reference("b-1".into());
        assert!(
            input(
                &mut bad,
                "upsert",
                Some(borrower),
                Some(&v1::CaseInput::default())
            )
            .is_none()
        );
        // lender_case_ref, jurisdiction, lender_kind and facts.
        assert_eq!(bad.count(), 4, "{bad:?}");
    }

    #[test]
    fn amounts_of_two_currencies_are_refused() {
        let money = |code: &str| google::Money {
            currency_code: code.into(),
            units: 1,
            nanos: 0,
        };
        let given = v1::CaseFacts {
            overdue: Some(money("CNY")),
            fees: Some(money("USD")),
            ..v1::CaseFacts::default()
        };
        let mut bad = Bad::new();
        facts(&mut bad, "facts", &given);
        assert_eq!(bad.count(), 2, "either may be the wrong one");
    }

    #[test]
    fn scores_go_from_0_to_100() {
        let given = v1::CaseFacts {
            ability: Some(101),
            willingness: Some(-1),
            ..v1::CaseFacts::default()
        };
        let mut bad = Bad::new();
        facts(&mut bad, "facts", &given);
        assert_eq!(bad.count(), 2);
    }
}
