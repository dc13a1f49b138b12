//! The same case, asked of the gate.

use jiff::Timestamp;
use recoup_compliance as law;
use recoup_compliance::{CaseFacts, DebtorFacts, NoTrace, Packs, Proposal, Verdict};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, OptOutId, PartyId, TenantId};
use recoup_domain::outcome::Outcome;
use recoup_domain::party as domain;
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};

use super::case::{
    Agreed, Answer, Case, Class, DEBT, Kin, Past, Purpose, Stands, To, WORK_MAILBOX, WORK_PHONE,
};

const PERSON: PartyId = PartyId::from_bytes([1; 16]);
const ANOTHER: PartyId = PartyId::from_bytes([2; 16]);

/// What the gate says; with a permit, when it expires.
pub(crate) fn answer(case: &Case) -> Result<(Answer, Option<Timestamp>), String> {
    let binding = Packs::builtin()
        .only(&case.rules)
        .map_err(|e| e.to_string())?;
    let party = party(case)?;
    let point = case.number.map(|number| {
        let mut point = point(number);
        if case.number_is_wrong {
            point.state = domain::PointState::WrongNumber;
        }
        point
    });
    let past: Vec<PastContact> = case.past.iter().map(past).collect();
    let length = jiff::SignedDuration::from_mins(case.minutes);
    let proposal = Proposal {
        class: class(case.class),
        effect: Window::starting(case.at, length),
        debt: debt(DEBT),
        party: &party,
        relation: relation(case.kin),
        point: point.as_ref(),
        audience: match case.to {
            To::Consumer => law::Audience::Consumer,
            To::Workplace => law::Audience::Workplace,
            To::Third => law::Audience::ThirdParty,
        },
        purpose: purpose(case.purpose),
        case: CaseFacts {
            evidence_pack: case.evidence_pack,
            dispute: case.disputed.then_some(domain::Dispute::WrittenUnverified),
            time_barred: case.time_barred,
            days_past_due: case.days_past_due,
            forbearance: case.forbearance,
        },
        debtor: DebtorFacts {
            unreachable: case.debtor.unreachable,
            deceased: case.debtor.deceased,
            incapacitated: case.debtor.incapacitated,
            ceased: case.debtor.ceased,
            represented: case.debtor.represented,
        },
        qualified_collectors: case.collectors,
        requested_by_person: case.requested,
    };
    let verdict = law::gate(&binding, &proposal, &past, case.at, &mut NoTrace);
    Ok(match verdict {
        Verdict::Permit { expires } => (Answer::Permit, Some(expires)),
        Verdict::Deny(denial) => {
            let mut all: Vec<String> = denial.all.iter().map(|r| r.rule.id().to_owned()).collect();
            all.sort();
            let denied = Answer::Deny {
                reason: denial.reason.id().to_owned(),
                all,
                earliest: denial.earliest,
                waits_for_a_year: denial.lacks.is_some(),
            };
            (denied, None)
        }
    })
}

fn party(case: &Case) -> Result<domain::Party, String> {
    let zones = case.zones.iter().map(|name| Zone::new(name));
    Ok(domain::Party {
        id: PERSON,
        tenant: TenantId::new("law").map_err(|e| e.to_string())?,
        lender_ref: KeyedHash([0; 16]),
        version: 1,
        kind: domain::BorrowerKind::Individual,
        regions: vec![],
        zones: zones.collect::<Result<_, _>>().map_err(|e| e.to_string())?,
        locale: String::new(),
        // All but the number that nobody knows.
        points: (1..=4).map(point).collect(),
        tags: vec![],
        opt_outs: opt_outs(case),
        ceases: ceases(case),
        consents: consents(case),
        attorneys: attorneys(case),
        employer_prohibits: case.employer_prohibits,
        inconvenient: inconvenient(case),
        consent_ids: vec![],
        declined_points: vec![],
        gone: vec![],
        hardship_until: None,
        moratorium_until: case.moratorium_until,
        deceased: case.deceased,
        incapacitated: false,
        refused: case.refused,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        sealed: Sealed::default(),
    })
}

fn opt_outs(case: &Case) -> Vec<domain::OptOut> {
    let all = case.opt_outs.iter().map(|o| domain::OptOut {
        id: OptOutId::from_bytes([1; 16]),
        class: o.class.map(class),
        point: o.number.map(key),
        via: String::new(),
        at: o.at,
    });
    all.collect()
}

fn ceases(case: &Case) -> Vec<domain::Cease> {
    let all = case.ceases.iter().map(|c| domain::Cease {
        case: c.debt.map(debt),
        written: c.written,
        at: case.at,
    });
    all.collect()
}

fn attorneys(case: &Case) -> Vec<domain::Attorney> {
    let all = case.attorneys.iter().map(|a| domain::Attorney {
        case: a.debt.map(debt),
        unresponsive: a.unresponsive,
        consents: a.consents,
    });
    all.collect()
}

fn inconvenient(case: &Case) -> Vec<domain::Inconvenient> {
    let all = case.unsuitable.iter().map(|u| domain::Inconvenient {
        days: u.days.clone(),
        from: u.from,
        to: u.to,
    });
    all.collect()
}

fn consents(case: &Case) -> Vec<domain::Consent> {
    let all = case.consents.iter().map(|c| domain::Consent {
        kind: match c.to {
            Agreed::OffHours => domain::ConsentKind::OffHours,
            Agreed::ExtraCalls => domain::ConsentKind::ExtraCalls,
            Agreed::MoreAttempts => domain::ConsentKind::MoreAttemptsAgreed,
            Agreed::MoreVisits => domain::ConsentKind::MoreVisitsWritten,
            Agreed::WorkEmail => domain::ConsentKind::WorkEmail,
            Agreed::Electronic => domain::ConsentKind::Electronic,
        },
        case: c.debt.map(debt),
        received_at: c.received,
        expires_at: c.expires,
        class: c.class.map(class),
        point: c.number.map(key),
        revoked_at: c.revoked,
        proof: Default::default(),
    });
    all.collect()
}

fn past(past: &Past) -> PastContact {
    let debts: Vec<CaseId> = past.debts.iter().copied().map(debt).collect();
    PastContact {
        id: None,
        at: past.at,
        effect: Window::moment(past.effect),
        class: class(past.class),
        direction: if past.inbound {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        debt: debts[0],
        more_debts: debts[1..].into(),
        party: if past.with_another { ANOTHER } else { PERSON },
        point: past.number.map(key),
        outcome: (past.stands == Stands::Done).then(|| outcome(past.outcome)),
        state: (!past.inbound).then_some(match past.stands {
            Stands::Done => ContactState::Effected,
            Stands::UnderWay => ContactState::Accepted,
            Stands::CalledOff => ContactState::Cancelled,
            Stands::NeverSent => ContactState::ProvenNotSent,
        }),
        place: None,
    }
}

const fn debt(number: u8) -> CaseId {
    CaseId::from_bytes([number; 16])
}

const fn key(number: u8) -> KeyedHash {
    KeyedHash([number; 16])
}

fn point(number: u8) -> domain::ContactPoint {
    let at_work = number == WORK_MAILBOX || number == WORK_PHONE;
    domain::ContactPoint {
        key: key(number),
        kind: if number == WORK_MAILBOX {
            domain::PointKind::Email
        } else {
            domain::PointKind::Mobile
        },
        owner: if at_work {
            domain::PointOwner::Workplace
        } else {
            domain::PointOwner::Own
        },
        zone: None,
        verified: true,
        source: String::new(),
        state: domain::PointState::Usable,
        failed_days: 0,
        failed_on: None,
    }
}

const fn class(class: Class) -> ContactClass {
    match class {
        Class::Sms => ContactClass::Sms,
        Class::Phone => ContactClass::Phone,
        Class::Email => ContactClass::Email,
        Class::Visit => ContactClass::Visit,
        Class::Legal => ContactClass::Legal,
    }
}

const fn relation(kin: Kin) -> domain::Relation {
    use domain::Relation as R;
    match kin {
        Kin::Borrower => R::Borrower,
        Kin::Guarantor => R::Guarantor,
        Kin::Spouse => R::Spouse,
        Kin::Parent => R::Parent,
        Kin::Attorney => R::Attorney,
        Kin::EmergencyContact => R::EmergencyContact,
        Kin::Neighbour => R::Neighbour,
        Kin::Colleague => R::Colleague,
        Kin::Other => R::Other,
    }
}

const fn purpose(purpose: Purpose) -> law::Purpose {
    match purpose {
        Purpose::Ordinary => law::Purpose::Ordinary,
        Purpose::Location => law::Purpose::LocationInformation,
        Purpose::Response => law::Purpose::ResponseToInbound,
        Purpose::OptOutConfirmation => law::Purpose::OptOutConfirmation,
        Purpose::EffortsTerminated => law::Purpose::NoticeEffortsTerminated,
        Purpose::OrdinaryRemedy => law::Purpose::NoticeOrdinaryRemedy,
        Purpose::SpecifiedRemedy => law::Purpose::NoticeSpecifiedRemedy,
    }
}

const fn outcome(outcome: super::case::Outcome) -> Outcome {
    use super::case::Outcome as O;
    match outcome {
        O::Delivered => Outcome::Delivered,
        O::Undelivered => Outcome::Undelivered,
        O::NoAnswer => Outcome::NoAnswer,
        O::Busy => Outcome::Busy,
        O::Declined => Outcome::Declined,
        O::NotInService => Outcome::NotInService,
        O::InvalidAddress => Outcome::InvalidAddress,
        O::Voicemail => Outcome::Voicemail,
        O::UnableToLeaveMessage => Outcome::UnableToLeaveMessage,
        O::AnsweredUnconfirmed => Outcome::AnsweredUnconfirmed,
        O::Conversation => Outcome::Conversation,
        O::ThirdPartyAnswered => Outcome::ThirdPartyAnswered,
        O::WrongNumber => Outcome::WrongNumber,
        O::InboundNoDiscussion => Outcome::InboundNoDiscussion,
        O::Visited => Outcome::Visited,
        O::NobodyContacted => Outcome::NobodyContacted,
        O::Filed => Outcome::Filed,
        O::Unknown => Outcome::Unknown,
    }
}
