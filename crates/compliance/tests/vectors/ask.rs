//! Asks the gate what a worked example asks.

use super::format::{Address, Agreed, Answer, Consumer, Disputed, Event, Span, Vector, Way};
use jiff::Timestamp;
use recoup_compliance::{
    Audience, Binding, CaseFacts, DebtorFacts, NoTrace, Packs, Proposal, Verdict, gate,
};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, OptOutId, PartyId, TenantId};
use recoup_domain::party::{
    Attorney, BorrowerKind, Cease, Consent, ContactPoint, Dispute, Inconvenient, OptOut, Party,
    PointKind, PointOwner, PointState, Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use std::collections::BTreeMap;

const PROPOSED: PartyId = PartyId::from_bytes([1; 16]);
const SOMEBODY_ELSE: PartyId = PartyId::from_bytes([2; 16]);

/// What the gate says; what of the example it cannot be asked about, in words.
pub(crate) fn ask(vector: &Vector) -> Result<Answer, String> {
    let mut keys = Keys::default();
    let asked = &vector.proposal;
    let history: Vec<PastContact> = vector
        .history
        .iter()
        .map(|event| past(event, vector, &mut keys))
        .collect();
    let point = point(vector, &mut keys);
    let mut party = party(vector, &mut keys)?;
    party.points = vec![point.clone()];
    party.points.extend(points_of(&vector.history, &mut keys));
    let proposal = Proposal {
        class: asked.channel,
        effect: Window {
            from: asked.at,
            to: asked.until.unwrap_or(asked.at),
        },
        debt: keys.debt(&asked.debt_id),
        party: &party,
        relation: relation(vector),
        point: Some(&point),
        audience: asked.to,
        purpose: asked.purpose.unwrap_or_default(),
        case: case(vector),
        debtor: debtor(vector),
        qualified_collectors: asked.qualified_collectors.unwrap_or(2),
        requested_by_person: asked.requested_by_person,
    };
    let binding = binding(vector)?;
    let verdict = gate(&binding, &proposal, &history, asked.at, &mut NoTrace);
    Ok(answer(&verdict))
}

fn binding(vector: &Vector) -> Result<Binding, String> {
    let only = Packs::builtin().only(&vector.rule_ids);
    let pause: Vec<_> = vector
        .consumer
        .pause
        .iter()
        .map(|[a, b]| (*a, *b))
        .collect();
    let holidays = &vector.consumer.holidays;
    only.map(|binding| binding.on_days(holidays, &pause))
        .map_err(|e| e.to_string())
}

fn answer(verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Permit { .. } => Answer::Permit,
        Verdict::Deny(denial) => Answer::Deny {
            reason: denial.reason.id().to_owned(),
            all: denial.all.iter().map(|r| r.rule.id().to_owned()).collect(),
            earliest: denial.earliest,
        },
    }
}

/// Gives each debt and each number a key of its own.
#[derive(Default)]
struct Keys(BTreeMap<String, usize>);

impl Keys {
    fn bytes(&mut self, kind: &str, name: &str) -> [u8; 16] {
        let next = self.0.len() + 1;
        let key = *self.0.entry(format!("{kind} {name}")).or_insert(next);
        (key as u128).to_be_bytes()
    }

    fn debt(&mut self, name: &str) -> CaseId {
        CaseId::from_bytes(self.bytes("debt", name))
    }

    /// A number that is not named is one of its own, at home and at work: absent matches absent.
    fn number(&mut self, name: Option<&str>, to: Audience, work_email: bool) -> KeyedHash {
        KeyedHash(match name {
            Some(name) => self.bytes("number", name),
            None if work_email => self.bytes("the", "work mailbox"),
            None if to == Audience::Workplace => self.bytes("the", "workplace"),
            None => self.bytes("the", "own number"),
        })
    }
}

fn party(vector: &Vector, keys: &mut Keys) -> Result<Party, String> {
    let consumer = &vector.consumer;
    if consumer.timezones.is_empty() {
        return Err("`timezones` is empty; name the person's zone".to_owned());
    }
    let zones = consumer.timezones.iter().map(|name| Zone::new(name));
    Ok(Party {
        id: PROPOSED,
        tenant: TenantId::new("vectors").map_err(|e| e.to_string())?,
        lender_ref: KeyedHash([0; 16]),
        version: 1,
        kind: BorrowerKind::Individual,
        regions: vec![],
        zones: zones.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
        locale: String::new(),
        points: vec![],
        tags: vec![],
        opt_outs: opt_outs(vector),
        ceases: ceases(consumer, vector.proposal.at),
        consents: consents(consumer, keys),
        attorneys: attorneys(consumer),
        employer_prohibits: consumer.employer_prohibits,
        inconvenient: consumer.inconvenient.iter().map(inconvenient).collect(),
        consent_ids: vec![],
        declined_points: vec![],
        gone: vec![],
        hardship_until: None,
        moratorium_until: consumer.hardship_moratorium_until,
        deceased: consumer.deceased,
        incapacitated: false,
        refused: consumer.contact_refused,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        sealed: Sealed::default(),
    })
}

/// An opt-out has no time of its own: it came by the last message in, or else just now.
fn opt_outs(vector: &Vector) -> Vec<OptOut> {
    let told = |class: ContactClass| {
        let inbound = vector.history.iter().filter(|e| {
            e.direction == Way::Inbound && e.channel == class && e.at <= vector.proposal.at
        });
        inbound.map(|e| e.at).max().unwrap_or(vector.proposal.at)
    };
    let all = vector.consumer.opt_outs.iter().map(|class| OptOut {
        id: OptOutId::from_bytes([1; 16]),
        class: Some(*class),
        point: None,
        via: String::new(),
        at: told(*class),
    });
    all.collect()
}

fn ceases(consumer: &Consumer, at: Timestamp) -> Vec<Cease> {
    let cease = consumer.cease_requested.then_some(Cease {
        case: None,
        written: true,
        at,
    });
    cease.into_iter().collect()
}

fn attorneys(consumer: &Consumer) -> Vec<Attorney> {
    let attorney = consumer.represented_by_attorney.then_some(Attorney {
        case: None,
        unresponsive: consumer.attorney_unresponsive,
        consents: consumer.attorney_consents,
    });
    attorney.into_iter().collect()
}

fn consents(consumer: &Consumer, keys: &mut Keys) -> Vec<Consent> {
    let mut all = Vec::new();
    for agreed in &consumer.consents {
        let (kind, debt, received_at) = match agreed {
            Agreed::Bare(kind) => (*kind, None, None),
            Agreed::Full {
                kind,
                debt_id,
                received_at,
            } => (*kind, debt_id.as_ref(), *received_at),
        };
        all.push(Consent {
            kind,
            case: debt.map(|id| keys.debt(id)),
            received_at,
            expires_at: None,
            class: None,
            point: None,
            revoked_at: None,
            proof: Default::default(),
        });
    }
    all
}

fn inconvenient(span: &Span) -> Inconvenient {
    Inconvenient {
        days: span.days.iter().map(|day| *day as i8).collect(),
        from: span.from,
        to: span.to.0,
    }
}

fn relation(vector: &Vector) -> Relation {
    match (vector.proposal.to, vector.proposal.third_party_kind) {
        (_, Some(kind)) => kind,
        (Audience::ThirdParty, None) => Relation::Other,
        _ => Relation::Borrower,
    }
}

fn case(vector: &Vector) -> CaseFacts {
    CaseFacts {
        evidence_pack: vector.proposal.evidence_pack.unwrap_or(true),
        dispute: vector.consumer.dispute.map(|d| match d {
            Disputed::WrittenInValidationPeriodUnverified => Dispute::WrittenUnverified,
            Disputed::VerifiedSent => Dispute::VerifiedSent,
        }),
        time_barred: vector.consumer.debt_time_barred,
        days_past_due: vector.consumer.days_past_due,
        forbearance: false,
    }
}

fn debtor(vector: &Vector) -> DebtorFacts {
    let gone = vector.consumer.debtor_deceased_or_incapacitated;
    DebtorFacts {
        unreachable: vector.consumer.debtor_unreachable,
        deceased: gone,
        incapacitated: gone,
        ceased: vector.proposal.debtor_ceased,
        represented: vector.consumer.represented_by_attorney,
    }
}

fn point(vector: &Vector, keys: &mut Keys) -> ContactPoint {
    let asked = &vector.proposal;
    let work = asked.address_kind == Some(Address::WorkEmail);
    let number = asked.number.as_deref();
    let unusable = number.is_some_and(|n| vector.consumer.unusable.iter().any(|u| u == n));
    ContactPoint {
        kind: match asked.channel {
            ContactClass::Email => PointKind::Email,
            ContactClass::Visit => PointKind::Postal,
            _ => PointKind::Mobile,
        },
        state: if unusable {
            PointState::WrongNumber
        } else {
            PointState::Usable
        },
        ..known(
            keys.number(number, asked.to, work),
            work || asked.to == Audience::Workplace,
        )
    }
}

/// Where the past contacts landed.
fn points_of(history: &[Event], keys: &mut Keys) -> Vec<ContactPoint> {
    let mut all: Vec<ContactPoint> = Vec::new();
    for event in history {
        let key = keys.number(event.number.as_deref(), event.to, false);
        all.push(known(key, event.to == Audience::Workplace));
    }
    all
}

fn known(key: KeyedHash, at_work: bool) -> ContactPoint {
    ContactPoint {
        key,
        kind: PointKind::Mobile,
        owner: if at_work {
            PointOwner::Workplace
        } else {
            PointOwner::Own
        },
        zone: None,
        verified: true,
        source: String::new(),
        state: PointState::Usable,
        failed_days: 0,
        failed_on: None,
    }
}

fn past(event: &Event, vector: &Vector, keys: &mut Keys) -> PastContact {
    let asked = &vector.proposal;
    let debts: Vec<CaseId> = event.debt_id.all().iter().map(|id| keys.debt(id)).collect();
    let third = |to: Audience| to == Audience::ThirdParty;
    let same = third(event.to) == third(asked.to) && event.person == asked.person;
    let outbound = event.direction == Way::Outbound;
    PastContact {
        id: None,
        at: event.at,
        effect: Window::moment(event.at),
        class: event.channel,
        direction: if outbound {
            Direction::Outbound
        } else {
            Direction::Inbound
        },
        debt: debts.first().copied().unwrap_or_else(|| keys.debt("")),
        more_debts: debts.iter().skip(1).copied().collect(),
        party: if same { PROPOSED } else { SOMEBODY_ELSE },
        point: Some(keys.number(event.number.as_deref(), event.to, false)),
        outcome: Some(event.came_to()),
        state: outbound.then_some(ContactState::Effected),
        place: None,
    }
}
