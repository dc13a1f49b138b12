//! Runs the worked examples of `tests/vectors/compliance.jsonl` against the gate.

mod support;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use recoup_compliance::{Audience, NoTrace, Packs, Proposal, Purpose, Verdict, gate};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::CaseId;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    Attorney, Cease, Consent, ConsentKind, Dispute, Inconvenient, OptOut, Party, Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::{Window, Zone};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many vectors speak only of rules that the packs have; see tests/vectors/README.md.
const VECTORS: usize = 47;

#[derive(Deserialize)]
struct Vector {
    id: String,
    rule_ids: Vec<String>,
    consumer: Consumer,
    history: Vec<Event>,
    proposal: Asked,
    expect: Expect,
}

#[derive(Deserialize)]
struct Consumer {
    timezones: Vec<String>,
    #[serde(default)]
    opt_outs: Vec<ContactClass>,
    #[serde(default)]
    consents: Vec<Agreed>,
    #[serde(default)]
    represented_by_attorney: bool,
    #[serde(default)]
    attorney_unresponsive: bool,
    #[serde(default)]
    attorney_consents: bool,
    #[serde(default)]
    cease_requested: bool,
    dispute: Option<Disputed>,
    hardship_moratorium_until: Option<Date>,
    #[serde(default)]
    employer_prohibits: bool,
    #[serde(default)]
    inconvenient: Vec<Span>,
    #[serde(default)]
    debtor_unreachable: bool,
    #[serde(default)]
    debtor_deceased_or_incapacitated: bool,
    #[serde(default)]
    contact_refused: bool,
    #[serde(default)]
    debt_time_barred: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Agreed {
    Bare(ConsentKind),
    Full {
        kind: ConsentKind,
        debt_id: Option<String>,
        received_at: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Disputed {
    WrittenInValidationPeriodUnverified,
    VerifiedSent,
}

#[derive(Deserialize)]
struct Span {
    from: Time,
    to: Time,
}

#[derive(Deserialize)]
struct Event {
    channel: ContactClass,
    at: Timestamp,
    direction: String,
    outcome: Outcome,
    debt_id: Debts,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Debts {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Asked {
    channel: ContactClass,
    at: Timestamp,
    debt_id: String,
    to: Audience,
    third_party_kind: Option<Relation>,
    purpose: Option<Purpose>,
    #[serde(default)]
    requested_by_person: bool,
}

#[derive(Deserialize)]
struct Expect {
    verdict: String,
    reason_rule_id: Option<String>,
    earliest: Option<Timestamp>,
    #[serde(default)]
    also: Vec<String>,
}

/// Gives each debt name an id of its own.
#[derive(Default)]
struct DebtIds(BTreeMap<String, CaseId>);

impl DebtIds {
    fn of(&mut self, name: &str) -> CaseId {
        let next = u8::try_from(self.0.len() + 1).unwrap();
        let made = CaseId::from_bytes([next; 16]);
        *self.0.entry(name.to_owned()).or_insert(made)
    }
}

fn party(consumer: &Consumer, at: Timestamp, debts: &mut DebtIds) -> Party {
    let mut party = support::party(&["UTC"]);
    let zone = |name: &String| Zone::new(name).unwrap();
    party.zones = consumer.timezones.iter().map(zone).collect();
    party.opt_outs = consumer
        .opt_outs
        .iter()
        .map(|class| OptOut {
            id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
            class: Some(*class),
            point: None,
            via: "letter".into(),
            at,
        })
        .collect();
    party.consents = consumer
        .consents
        .iter()
        .map(|agreed| match agreed {
            Agreed::Bare(kind) => support::consent(*kind, None),
            Agreed::Full {
                kind,
                debt_id,
                received_at,
            } => Consent {
                case: debt_id.as_ref().map(|id| debts.of(id)),
                ..support::consent(*kind, *received_at)
            },
        })
        .collect();
    if consumer.cease_requested {
        party.ceases.push(Cease {
            case: None,
            written: true,
            at,
        });
    }
    if consumer.represented_by_attorney {
        party.attorneys.push(Attorney {
            case: None,
            unresponsive: consumer.attorney_unresponsive,
            consents: consumer.attorney_consents,
        });
    }
    party.inconvenient = consumer
        .inconvenient
        .iter()
        .map(|span| Inconvenient {
            days: vec![],
            from: span.from,
            to: Some(span.to),
        })
        .collect();
    party.employer_prohibits = consumer.employer_prohibits;
    party.moratorium_until = consumer.hardship_moratorium_until;
    party.refused = consumer.contact_refused;
    party
}

fn past(event: &Event, debts: &mut DebtIds) -> PastContact {
    let ids: Vec<CaseId> = match &event.debt_id {
        Debts::One(id) => vec![debts.of(id)],
        Debts::Many(ids) => ids.iter().map(|id| debts.of(id)).collect(),
    };
    let mut made = support::made(event.channel, event.at, event.outcome);
    made.debt = ids[0];
    made.more_debts = ids[1..].into();
    if event.direction == "inbound" {
        made.direction = Direction::Inbound;
        made.state = None;
    }
    if event.to.as_deref().is_some_and(|to| to == "third_party") {
        made.party = support::SOMEBODY_ELSE;
    }
    made
}

fn ask(vector: &Vector) -> Verdict {
    let mut debts = DebtIds::default();
    let asked = &vector.proposal;
    let consumer = &vector.consumer;
    let party = party(consumer, asked.at, &mut debts);
    let history: Vec<PastContact> = vector.history.iter().map(|e| past(e, &mut debts)).collect();
    let mut proposal: Proposal<'_> = support::proposal(&party, asked.channel, asked.at);
    proposal.effect = Window::moment(asked.at);
    proposal.debt = debts.of(&asked.debt_id);
    proposal.audience = asked.to;
    proposal.relation = match (asked.to, asked.third_party_kind) {
        (_, Some(kind)) => kind,
        (Audience::ThirdParty, None) => Relation::Other,
        _ => Relation::Borrower,
    };
    proposal.purpose = asked.purpose.unwrap_or_default();
    proposal.requested_by_person = asked.requested_by_person;
    proposal.case.time_barred = consumer.debt_time_barred;
    proposal.case.dispute = consumer.dispute.map(|d| match d {
        Disputed::WrittenInValidationPeriodUnverified => Dispute::WrittenUnverified,
        Disputed::VerifiedSent => Dispute::VerifiedSent,
    });
    proposal.debtor.unreachable = consumer.debtor_unreachable;
    proposal.debtor.deceased = consumer.debtor_deceased_or_incapacitated;
    let binding = Packs::builtin().only(&vector.rule_ids).unwrap();
    gate(&binding, &proposal, &history, asked.at, &mut NoTrace)
}

/// What is wrong with an answer, if anything is.
fn miss(expect: &Expect, got: &Verdict) -> Option<String> {
    let fits = match got {
        Verdict::Permit { .. } => expect.verdict == "permit",
        Verdict::Deny(denial) => {
            let allowed = || expect.reason_rule_id.iter().chain(&expect.also);
            let reason = denial.reason.id();
            expect.verdict == "deny"
                && denial.earliest == expect.earliest
                && allowed().any(|id| id == reason)
                && allowed().all(|id| denial.all.iter().any(|r| r.rule.id() == id))
        }
    };
    (!fits).then(|| format!("{got:?}"))
}

#[test]
fn every_vector_is_answered_as_written() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/compliance.jsonl"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let vectors: Vec<Vector> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(vectors.len(), VECTORS);
    let misses: Vec<String> = vectors
        .iter()
        .filter_map(|v| miss(&v.expect, &ask(v)).map(|got| format!("{}: {got}", v.id)))
        .collect();
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}
