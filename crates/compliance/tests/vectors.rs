//! Runs the worked examples of `tests/vectors/*.jsonl` against the gate.

mod support;

use jiff::Timestamp;
use jiff::civil::{Date, Time, date};
use recoup_compliance::{Audience, Calendar, NoTrace, Packs, Proposal, Purpose, Verdict, gate};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{
    Attorney, Cease, Consent, ConsentKind, ContactPoint, Dispute, Inconvenient, OptOut, Party,
    PointKind, PointOwner, PointState, Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::time::{Window, Zone};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How many worked examples of the law there are; see tests/vectors/README.md.
const VECTORS: usize = 95;
/// And of the house.
const HOUSE_VECTORS: usize = 24;

#[derive(Deserialize)]
struct Vector {
    id: String,
    jurisdiction: String,
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
    days_past_due: Option<i32>,
    /// The calendar of the pack must hold them.
    #[serde(default)]
    holidays: Vec<Date>,
    /// The dates of the pack must be these.
    pause: Option<[Date; 2]>,
    #[serde(default)]
    deceased: bool,
    /// Numbers and addresses that are known not to be the person's.
    #[serde(default)]
    unusable: Vec<String>,
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
    #[serde(default)]
    days: Vec<String>,
    from: Time,
    to: String,
}

#[derive(Deserialize)]
struct Event {
    channel: ContactClass,
    at: Timestamp,
    direction: String,
    outcome: Outcome,
    debt_id: Debts,
    #[serde(default)]
    to: Audience,
    number: Option<String>,
    person: Option<String>,
    /// Where it stands, if it is not settled.
    state: Option<ContactState>,
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
    number: Option<String>,
    person: Option<String>,
    address_kind: Option<String>,
    until: Option<Timestamp>,
    evidence_pack: Option<bool>,
    qualified_collectors: Option<u8>,
    #[serde(default)]
    debtor_ceased: bool,
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
    party.inconvenient = consumer.inconvenient.iter().map(inconvenient).collect();
    party.deceased = consumer.deceased;
    party.employer_prohibits = consumer.employer_prohibits;
    party.moratorium_until = consumer.hardship_moratorium_until;
    party.refused = consumer.contact_refused;
    party
}

fn inconvenient(span: &Span) -> Inconvenient {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let number = |day: &String| 1 + DAYS.iter().position(|d| d == day).unwrap() as i8;
    Inconvenient {
        days: span.days.iter().map(number).collect(),
        from: span.from,
        to: (span.to != "24:00").then(|| span.to.parse().unwrap()),
    }
}

/// A key of its own for each number.
fn key(number: &str) -> KeyedHash {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(number.bytes()) {
        *to = from;
    }
    KeyedHash(bytes)
}

fn point(vector: &Vector) -> Option<ContactPoint> {
    let asked = &vector.proposal;
    let work = asked.address_kind.as_deref() == Some("work_email");
    let number = asked.number.as_deref();
    let kind = match asked.channel {
        ContactClass::Email => PointKind::Email,
        ContactClass::Visit => PointKind::Postal,
        _ => PointKind::Mobile,
    };
    let unusable = number.is_some_and(|n| vector.consumer.unusable.iter().any(|u| u == n));
    let state = if unusable {
        PointState::WrongNumber
    } else {
        PointState::Usable
    };
    (number.is_some() || work).then(|| ContactPoint {
        key: key(number.unwrap_or_default()),
        owner: if work {
            PointOwner::Workplace
        } else {
            PointOwner::Own
        },
        ..support::point(kind, state)
    })
}

fn past(event: &Event, asked: &Asked, debts: &mut DebtIds) -> PastContact {
    let ids: Vec<CaseId> = match &event.debt_id {
        Debts::One(id) => vec![debts.of(id)],
        Debts::Many(ids) => ids.iter().map(|id| debts.of(id)).collect(),
    };
    // On a visit, `delivered` means that somebody was contacted.
    let outcome = match (event.channel, event.outcome) {
        (ContactClass::Visit, Outcome::Delivered) => Outcome::Visited,
        (_, outcome) => outcome,
    };
    let mut made = support::made(event.channel, event.at, outcome);
    if event.state.is_some() {
        made.state = event.state;
        made.outcome = None;
    }
    made.point = event.number.as_deref().map(key);
    made.debt = ids[0];
    made.more_debts = ids[1..].into();
    if event.direction == "inbound" {
        made.direction = Direction::Inbound;
        made.state = None;
    }
    let third = |to: Audience| to == Audience::ThirdParty;
    if third(event.to) != third(asked.to) || event.person != asked.person {
        made.party = support::SOMEBODY_ELSE;
    }
    made
}

fn ask(vector: &Vector) -> Verdict {
    let mut debts = DebtIds::default();
    let asked = &vector.proposal;
    let consumer = &vector.consumer;
    let party = party(consumer, asked.at, &mut debts);
    let history: Vec<PastContact> = vector
        .history
        .iter()
        .map(|e| past(e, asked, &mut debts))
        .collect();
    let point = point(vector);
    let mut proposal: Proposal<'_> = support::proposal(&party, asked.channel, asked.at);
    proposal.effect = Window {
        from: asked.at,
        to: asked.until.unwrap_or(asked.at),
    };
    proposal.point = point.as_ref();
    proposal.case.evidence_pack = asked.evidence_pack.unwrap_or(true);
    proposal.qualified_collectors = asked.qualified_collectors.unwrap_or(2);
    proposal.debtor.ceased = asked.debtor_ceased;
    proposal.case.days_past_due = consumer.days_past_due;
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

fn read(file: &str) -> Vec<Vector> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let vectors = text.lines().map(|line| match serde_json::from_str(line) {
        Ok(vector) => vector,
        Err(error) => panic!("{file}: {error}: {line}"),
    });
    vectors.collect()
}

#[track_caller]
fn check(vectors: &[Vector]) {
    let misses: Vec<String> = vectors
        .iter()
        .filter_map(|v| miss(&v.expect, &ask(v)).map(|got| format!("{}: {got}", v.id)))
        .collect();
    let (bad, all) = (misses.len(), vectors.len());
    assert!(bad == 0, "{bad} of {all} missed:\n{}", misses.join("\n"));
}

#[test]
fn every_vector_of_the_law_is_answered_as_written() {
    let vectors = read("compliance.jsonl");
    assert_eq!(vectors.len(), VECTORS);
    check(&vectors);
}

#[test]
fn every_vector_of_the_house_is_answered_as_written() {
    let vectors = read("house.jsonl");
    assert_eq!(vectors.len(), HOUSE_VECTORS);
    assert!(vectors.iter().all(|v| v.jurisdiction == "HOUSE"));
    check(&vectors);
    let asked = |rule: &str| {
        vectors
            .iter()
            .any(|v| v.rule_ids.iter().any(|id| id == rule))
    };
    let house = Packs::builtin().packs().iter().find(|p| p.id() == "house");
    for rule in house.unwrap().rules() {
        assert!(asked(rule.id()), "no vector asks {}", rule.id());
    }
}

#[test]
fn no_two_vectors_have_one_name() {
    let mut ids: Vec<String> = ["compliance.jsonl", "house.jsonl"]
        .into_iter()
        .flat_map(read)
        .map(|v| v.id)
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// The gate reads holidays and pauses from data: what a vector says of them must be what the data say.
#[test]
fn holidays_and_pauses_of_the_vectors_are_those_of_the_data() {
    let mut seen = 0;
    for vector in read("compliance.jsonl") {
        let file = format!("{}.yaml", vector.jurisdiction.to_lowercase());
        for date in &vector.consumer.holidays {
            let calendar = Calendar::builtin().iter().find(|c| c.file() == file);
            let day = calendar.unwrap().day(*date);
            assert_eq!(
                day,
                Ok(recoup_compliance::calendar::Day::Holiday),
                "{}",
                vector.id
            );
            seen += 1;
        }
        if let Some([from, to]) = vector.consumer.pause {
            assert_eq!((from, to), (date(2026, 2, 14), date(2026, 2, 22)));
            let pack = include_str!("../packs/tw.yaml");
            assert!(pack.contains(&format!("{{from: {from}, to: {to}}}")));
            seen += 1;
        }
    }
    assert_eq!(seen, 9);
}
