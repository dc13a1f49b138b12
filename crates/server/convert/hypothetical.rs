//! Invented facts for the gate. What it says of them can never be used to send.
//!
//! What a hypothetical does not say is taken to be in order: a complete evidence pack and two qualified
//! collectors. Keys of numbers, persons and debts are hashes of the texts given, so that equal texts
//! are equal and nothing of a real case is ever touched.

use jiff::Timestamp;
use jiff::civil::Date;
use recoup_compliance::pack::{Binding, Packs};
use recoup_compliance::{Audience, CaseFacts, DebtorFacts, NoTrace, Proposal, Purpose, Verdict};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::party::{
    Attorney, BorrowerKind, Consent, ConsentKind, ContactPoint, Dispute, Inconvenient, OptOut,
    Party, PointKind, PointOwner, PointState, Relation,
};
use recoup_domain::past::{Direction, PastContact};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Window;
use sha2::{Digest, Sha256};

use super::read::Bad;
use super::{contact, party, value, words};
use crate::api::recoup::v1::{self, ErrorReason};

/// The longest history.
const HISTORY_MAX: usize = 1000;
/// The longest of its other lists.
const LIST_MAX: usize = 64;
/// Days past due that somebody may have, before the due date too.
const DPD: std::ops::RangeInclusive<i32> = -100_000..=100_000;
/// The longest of its keys and names, in characters.
const KEY_MAX: usize = 128;
/// The longest list of days.
const DAYS_MAX: usize = 1000;

/// A hypothetical that was read.
pub struct Question {
    binding: Binding,
    party: Party,
    point: Option<ContactPoint>,
    past: Vec<PastContact>,
    class: ContactClass,
    effect: Window,
    debt: CaseId,
    relation: Relation,
    audience: Audience,
    purpose: Purpose,
    case: CaseFacts,
    debtor: DebtorFacts,
    qualified_collectors: u8,
    requested: bool,
}

impl Question {
    /// What the gate says.
    pub fn ask(&self) -> Verdict {
        let proposal = Proposal {
            class: self.class,
            effect: self.effect,
            debt: self.debt,
            party: &self.party,
            relation: self.relation,
            point: self.point.as_ref(),
            audience: self.audience,
            purpose: self.purpose,
            case: self.case,
            debtor: self.debtor,
            qualified_collectors: self.qualified_collectors,
            requested_by_person: self.requested,
        };
        let now = self.effect.from;
        recoup_compliance::gate(&self.binding, &proposal, &self.past, now, &mut NoTrace)
    }
}

/// Reads a hypothetical.
pub fn read(bad: &mut Bad, given: &v1::Hypothetical, packs: &Packs) -> Option<Question> {
    let binding = binding(bad, given, packs);
    let Some(proposal) = &given.proposal else {
        bad.missing("hypothetical.proposal");
        return None;
    };
    let Some(person) = &given.party else {
        bad.missing("hypothetical.party");
        return None;
    };
    let at = "hypothetical.proposal";
    let class = class(bad, &format!("{at}.channel"), &proposal.channel);
    let effect = effect(bad, proposal);
    let recipient =
        bad.word_or_unset::<v1::Recipient>(&format!("{at}.recipient"), proposal.recipient);
    let kind = bad.word_or_unset::<v1::ThirdPartyKind>(
        &format!("{at}.third_party_kind"),
        proposal.third_party_kind,
    );
    let purpose =
        bad.word_or_unset::<v1::ContactPurpose>(&format!("{at}.purpose"), proposal.purpose);
    bad.word_or_unset::<v1::AddressKind>(&format!("{at}.address_kind"), proposal.address_kind);
    for (name, key) in [
        ("debt_ref", &proposal.debt_ref),
        ("number", &proposal.number),
        ("person", &proposal.person),
    ] {
        bad.short(&format!("{at}.{name}"), key, KEY_MAX);
    }
    let past = history(bad, &given.history);
    let audience = audience(recipient?);
    let mut party = party_of(bad, person, party_id(audience, &proposal.person));
    let told = |class| last_inbound(&past, class).or(effect.map(|e| e.from));
    if let Some(party) = &mut party {
        // The one contacted is not the debtor who died.
        party.deceased &= audience != Audience::ThirdParty;
        for opt_out in &mut party.opt_outs {
            opt_out.at = opt_out.class.and_then(told).unwrap_or(Timestamp::MIN);
        }
        party.points = points(&given.history);
    }
    let dispute = dispute(bad, person.dispute);
    let days = days(bad, person);
    Some(Question {
        binding: binding?.on_days(&days.holidays, &days.pauses),
        point: Some(point_of(proposal, &person.unusable_numbers)),
        qualified_collectors: collectors(bad, proposal.qualified_collectors),
        past,
        class: class?,
        effect: effect?,
        debt: debt(&proposal.debt_ref),
        relation: relation(audience, kind?),
        audience,
        purpose: purpose_of(purpose?),
        case: CaseFacts {
            evidence_pack: proposal.evidence_pack.unwrap_or(true),
            dispute,
            time_barred: person.debt_time_barred,
            days_past_due: person.days_past_due,
            ..CaseFacts::default()
        },
        debtor: DebtorFacts {
            unreachable: person.debtor_unreachable,
            deceased: person.debtor_deceased_or_incapacitated,
            incapacitated: person.debtor_deceased_or_incapacitated,
            ceased: person.cease_requested,
            represented: person.represented_by_attorney,
        },
        requested: proposal.requested_by_person,
        party: party?,
    })
}

fn binding(bad: &mut Bad, given: &v1::Hypothetical, packs: &Packs) -> Option<Binding> {
    let jurisdiction = bad.text("hypothetical.jurisdiction", &given.jurisdiction, KEY_MAX);
    let kind = bad.word_or_unset::<v1::LenderKind>("hypothetical.lender_kind", given.lender_kind);
    if !given.only_rule_ids.is_empty() {
        bad.texts("hypothetical.only_rule_ids", &given.only_rule_ids, LIST_MAX);
        let only = packs.only(&given.only_rule_ids);
        return only
            .map_err(|e| {
                bad.note(
                    ErrorReason::RuleUnknown,
                    "hypothetical.only_rule_ids",
                    e.to_string(),
                )
            })
            .ok();
    }
    let (jurisdiction, kind) = jurisdiction.zip(kind)?;
    let place = region(&jurisdiction, packs);
    let regions = given.party.as_ref().map_or(&[][..], |p| &p.regions);
    let kinds = match words::lender_kind(kind) {
        Some(kind) => vec![kind],
        // Not said: every rule that binds any kind of lender.
        None => vec![
            LenderKind::FirstParty,
            LenderKind::Agency,
            LenderKind::MicroloanCompany,
            LenderKind::Bank,
        ],
    };
    let mut ids: Vec<String> = Vec::new();
    for kind in kinds {
        match packs.bind(&place, regions, kind) {
            Ok(binding) => ids.extend(binding.rules().iter().map(|r| r.id().to_owned())),
            Err(error) => {
                let field = "hypothetical.jurisdiction";
                bad.note(ErrorReason::JurisdictionUnknown, field, error.to_string());
                return None;
            }
        }
    }
    // Rule ids are one namespace over all packs; the packs' own order is kept.
    let rules: Vec<&str> = packs
        .rules()
        .map(|r| r.id())
        .filter(|id| ids.iter().any(|bound| bound == id))
        .collect();
    packs.only(&rules).ok()
}

/// A pack's id stands for the first region it binds; anything else is a region itself.
fn region(given: &str, packs: &Packs) -> String {
    let named = packs
        .packs()
        .iter()
        .find(|p| p.id().eq_ignore_ascii_case(given));
    named
        .and_then(|p| p.regions().first())
        .filter(|r| *r != "*")
        .map_or_else(|| given.to_owned(), Clone::clone)
}

fn class(bad: &mut Bad, field: &str, given: &str) -> Option<ContactClass> {
    if given.is_empty() {
        bad.missing(field);
        return None;
    }
    contact::class(bad, field, given)
}

fn effect(bad: &mut Bad, proposal: &v1::HypotheticalProposal) -> Option<Window> {
    let Some(time) = &proposal.time else {
        bad.missing("hypothetical.proposal.time");
        return None;
    };
    let from = value::instant(bad, "hypothetical.proposal.time", time)?;
    let field = "hypothetical.proposal.end_time";
    let to = value::instant_or_none(bad, field, proposal.end_time.as_ref())?;
    if to.is_some_and(|to| to < from) {
        bad.note(ErrorReason::TimeInvalid, field, "lies before `time`");
        return None;
    }
    Some(Window {
        from,
        to: to.unwrap_or(from),
    })
}

const fn audience(recipient: v1::Recipient) -> Audience {
    match recipient {
        v1::Recipient::Unspecified | v1::Recipient::Consumer => Audience::Consumer,
        v1::Recipient::Workplace => Audience::Workplace,
        v1::Recipient::ThirdParty => Audience::ThirdParty,
    }
}

fn relation(audience: Audience, kind: v1::ThirdPartyKind) -> Relation {
    match audience {
        Audience::Consumer | Audience::Workplace => Relation::Borrower,
        Audience::ThirdParty => words::third_party(kind),
    }
}

const fn purpose_of(purpose: v1::ContactPurpose) -> Purpose {
    use v1::ContactPurpose as P;
    match purpose {
        P::Unspecified => Purpose::Ordinary,
        P::LocationInformation => Purpose::LocationInformation,
        P::ResponseToInbound => Purpose::ResponseToInbound,
        P::OptoutConfirmation => Purpose::OptOutConfirmation,
        P::NoticeEffortsTerminated => Purpose::NoticeEffortsTerminated,
        P::NoticeOrdinaryRemedy => Purpose::NoticeOrdinaryRemedy,
        P::NoticeSpecifiedRemedy => Purpose::NoticeSpecifiedRemedy,
    }
}

fn dispute(bad: &mut Bad, given: i32) -> Option<Dispute> {
    let word = bad.word_or_unset::<v1::DisputeState>("hypothetical.party.dispute", given)?;
    match word {
        v1::DisputeState::Unspecified => None,
        v1::DisputeState::WrittenUnverified => Some(Dispute::WrittenUnverified),
        v1::DisputeState::VerifiedSent => Some(Dispute::VerifiedSent),
    }
}

fn hash16(kind: &str, text: &str) -> [u8; 16] {
    let full = Sha256::digest([kind.as_bytes(), b"\0", text.as_bytes()].concat());
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

fn debt(reference: &str) -> CaseId {
    CaseId::from_bytes(hash16("debt", reference))
}

fn party_id(audience: Audience, person: &str) -> PartyId {
    let who = if audience == Audience::ThirdParty {
        "third party"
    } else {
        "debtor"
    };
    PartyId::from_bytes(hash16(who, person))
}

/// The key of a number. One that is not named is one of its own, at home and at work: empty matches empty.
fn number_key(number: &str, recipient: i32, work_mailbox: bool) -> KeyedHash {
    KeyedHash(match number {
        "" if work_mailbox => hash16("unnamed", "work mailbox"),
        "" if is_workplace(recipient) => hash16("unnamed", "workplace"),
        "" => hash16("unnamed", "own"),
        number => hash16("number", number),
    })
}

fn is_workplace(recipient: i32) -> bool {
    recipient == i32::from(v1::Recipient::Workplace)
}

fn point_of(proposal: &v1::HypotheticalProposal, unusable: &[String]) -> ContactPoint {
    let mailbox = proposal.address_kind == i32::from(v1::AddressKind::WorkEmail);
    let number = &proposal.number;
    ContactPoint {
        kind: match proposal.channel.as_str() {
            "email" => PointKind::Email,
            "visit" => PointKind::Postal,
            _ => PointKind::Mobile,
        },
        state: if !number.is_empty() && unusable.contains(number) {
            PointState::WrongNumber
        } else {
            PointState::Usable
        },
        ..known(
            number_key(number, proposal.recipient, mailbox),
            mailbox || is_workplace(proposal.recipient),
        )
    }
}

/// Where the past contacts landed.
fn points(history: &[v1::HypotheticalEvent]) -> Vec<ContactPoint> {
    let events = history.iter().take(HISTORY_MAX);
    let known = events.map(|e| {
        let key = number_key(&e.number, e.recipient, false);
        known(key, is_workplace(e.recipient))
    });
    known.collect()
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

/// When the person last came by this medium.
fn last_inbound(past: &[PastContact], class: ContactClass) -> Option<Timestamp> {
    let inbound = past
        .iter()
        .filter(|c| c.direction == Direction::Inbound && c.class == class);
    inbound.map(|c| c.at).max()
}

/// How many collectors hold valid credentials.
fn collectors(bad: &mut Bad, given: Option<i32>) -> u8 {
    let given = given.unwrap_or(2);
    u8::try_from(given).unwrap_or_else(|_| {
        let field = "hypothetical.proposal.qualified_collectors";
        bad.invalid(field, "is a count from 0 to 255");
        0
    })
}

/// Days that the question brings in place of those of the packs.
struct Days {
    holidays: Vec<Date>,
    /// First and last day.
    pauses: Vec<(Date, Date)>,
}

fn days(bad: &mut Bad, given: &v1::HypotheticalParty) -> Days {
    let at = "hypothetical.party";
    bad.count_of(&format!("{at}.holidays"), &given.holidays, DAYS_MAX);
    bad.count_of(&format!("{at}.pauses"), &given.pauses, DAYS_MAX);
    let mut days = Days {
        holidays: Vec::new(),
        pauses: Vec::new(),
    };
    for (i, date) in given.holidays.iter().take(DAYS_MAX).enumerate() {
        days.holidays
            .extend(value::date(bad, &format!("{at}.holidays[{i}]"), date));
    }
    for (i, range) in given.pauses.iter().take(DAYS_MAX).enumerate() {
        let at = format!("{at}.pauses[{i}]");
        for (name, day) in [("first", &range.first), ("last", &range.last)] {
            if day.is_none() {
                bad.missing(&format!("{at}.{name}"));
            }
        }
        let (Some(first), Some(last)) = (&range.first, &range.last) else {
            continue;
        };
        let first = value::date(bad, &format!("{at}.first"), first);
        let last = value::date(bad, &format!("{at}.last"), last);
        match first.zip(last) {
            Some((first, last)) if last < first => {
                let problem = "`last` lies before `first`";
                bad.invalid(&format!("{at}.first"), problem);
                bad.invalid(&format!("{at}.last"), problem);
            }
            range => days.pauses.extend(range),
        }
    }
    days
}

fn history(bad: &mut Bad, given: &[v1::HypotheticalEvent]) -> Vec<PastContact> {
    bad.count_of("hypothetical.history", given, HISTORY_MAX);
    let mut all = Vec::with_capacity(given.len().min(HISTORY_MAX));
    for (i, event) in given.iter().take(HISTORY_MAX).enumerate() {
        all.extend(past(bad, &format!("hypothetical.history[{i}]"), event));
    }
    all.sort_by_key(|p| p.at);
    all
}

fn past(bad: &mut Bad, at: &str, event: &v1::HypotheticalEvent) -> Option<PastContact> {
    let class = class(bad, &format!("{at}.channel"), &event.channel);
    let outcome = bad.word::<v1::Outcome>(&format!("{at}.outcome"), event.outcome);
    let recipient = bad.word_or_unset::<v1::Recipient>(&format!("{at}.recipient"), event.recipient);
    bad.word_or_unset::<v1::Direction>(&format!("{at}.direction"), event.direction);
    for (name, key) in [("number", &event.number), ("person", &event.person)] {
        bad.short(&format!("{at}.{name}"), key, KEY_MAX);
    }
    bad.count_of(&format!("{at}.debt_refs"), &event.debt_refs, LIST_MAX);
    for (i, key) in event.debt_refs.iter().take(LIST_MAX).enumerate() {
        bad.text(&format!("{at}.debt_refs[{i}]"), key, KEY_MAX);
    }
    let time = match &event.time {
        Some(time) => value::instant(bad, &format!("{at}.time"), time),
        None => {
            bad.missing(&format!("{at}.time"));
            None
        }
    };
    let debts: Vec<CaseId> = match &event.debt_refs[..] {
        [] => vec![debt("")],
        refs => refs.iter().map(|r| debt(r)).collect(),
    };
    let inbound = event.direction == i32::from(v1::Direction::Inbound);
    let when = time?;
    Some(PastContact {
        id: None,
        at: when,
        effect: Window::moment(when),
        class: class?,
        direction: if inbound {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        debt: debts[0],
        more_debts: debts[1..].into(),
        party: party_id(audience(recipient?), &event.person),
        point: Some(number_key(&event.number, event.recipient, false)),
        outcome: words::outcome(outcome?),
        state: None,
        place: None,
    })
}

fn party_of(bad: &mut Bad, given: &v1::HypotheticalParty, id: PartyId) -> Option<Party> {
    let at = "hypothetical.party";
    if given.time_zones.is_empty() {
        bad.missing(&format!("{at}.time_zones"));
    }
    bad.texts(
        &format!("{at}.unusable_numbers"),
        &given.unusable_numbers,
        LIST_MAX,
    );
    let zones = party::zones(bad, &format!("{at}.time_zones"), &given.time_zones);
    let regions = party::regions(bad, &format!("{at}.regions"), &given.regions);
    if given.days_past_due.is_some_and(|days| !DPD.contains(&days)) {
        let problem = format!("goes from {} to {}", DPD.start(), DPD.end());
        bad.invalid(&format!("{at}.days_past_due"), problem);
    }
    let opt_outs = opt_outs(bad, &given.opt_outs);
    let consents = consents(bad, &given.consents);
    let inconvenient = inconvenient(bad, &given.inconvenient);
    let moratorium = given
        .hardship_moratorium_until
        .as_ref()
        .and_then(|d| value::date(bad, &format!("{at}.hardship_moratorium_until"), d));
    let ceases = given
        .cease_requested
        .then_some(recoup_domain::party::Cease {
            case: None,
            written: true,
            at: Timestamp::MIN,
        });
    let attorney = given.represented_by_attorney.then_some(Attorney {
        case: None,
        unresponsive: given.attorney_unresponsive,
        consents: given.attorney_consents,
    });
    let tenant = TenantId::new("hypothetical").ok()?;
    (!zones.is_empty()).then(|| Party {
        consent_ids: Vec::new(),
        declined_points: Vec::new(),
        gone: Vec::new(),
        hardship_until: None,
        id,
        tenant,
        lender_ref: KeyedHash([0; 16]),
        version: 0,
        kind: BorrowerKind::Individual,
        regions,
        zones,
        locale: String::new(),
        points: Vec::new(),
        tags: Vec::new(),
        opt_outs,
        ceases: ceases.into_iter().collect(),
        consents,
        attorneys: attorney.into_iter().collect(),
        employer_prohibits: given.employer_prohibits,
        inconvenient,
        moratorium_until: moratorium,
        deceased: given.debtor_deceased_or_incapacitated,
        incapacitated: false,
        refused: given.contact_refused,
        created_at: Timestamp::MIN,
        updated_at: Timestamp::MIN,
        sealed: Sealed::default(),
    })
}

fn opt_outs(bad: &mut Bad, given: &[String]) -> Vec<OptOut> {
    bad.count_of("hypothetical.party.opt_outs", given, LIST_MAX);
    let mut all = Vec::with_capacity(given.len().min(LIST_MAX));
    for (i, name) in given.iter().take(LIST_MAX).enumerate() {
        let class = class(bad, &format!("hypothetical.party.opt_outs[{i}]"), name);
        all.extend(class.map(|c| OptOut {
            id: recoup_domain::ids::OptOutId::from_bytes([1; 16]),
            class: Some(c),
            point: None,
            via: String::new(),
            at: Timestamp::MIN,
        }));
    }
    all
}

fn consents(bad: &mut Bad, given: &[v1::HypotheticalConsent]) -> Vec<Consent> {
    bad.count_of("hypothetical.party.consents", given, LIST_MAX);
    let mut all = Vec::with_capacity(given.len().min(LIST_MAX));
    for (i, c) in given.iter().take(LIST_MAX).enumerate() {
        let at = format!("hypothetical.party.consents[{i}]");
        bad.short(&format!("{at}.debt_ref"), &c.debt_ref, KEY_MAX);
        let kind = match c.kind.as_str() {
            "off_hours" => Some(ConsentKind::OffHours),
            "extra_calls" => Some(ConsentKind::ExtraCalls),
            "more_attempts_agreed" => Some(ConsentKind::MoreAttemptsAgreed),
            "more_visits_written" => Some(ConsentKind::MoreVisitsWritten),
            "work_email" => Some(ConsentKind::WorkEmail),
            "electronic" => Some(ConsentKind::Electronic),
            other => {
                let problem = format!(
                    "`{other}` is none of off_hours, extra_calls, more_attempts_agreed, \
                     more_visits_written, work_email, electronic"
                );
                bad.invalid(&format!("{at}.kind"), problem);
                None
            }
        };
        let received = value::instant_or_none(
            bad,
            &format!("{at}.received_time"),
            c.received_time.as_ref(),
        );
        let expires =
            value::instant_or_none(bad, &format!("{at}.expire_time"), c.expire_time.as_ref());
        if let (Some(kind), Some(received_at), Some(expires_at)) = (kind, received, expires) {
            let case = (!c.debt_ref.is_empty()).then(|| debt(&c.debt_ref));
            all.push(Consent {
                kind,
                case,
                received_at,
                expires_at,
                class: None,
                point: None,
                revoked_at: None,
                proof: Default::default(),
            });
        }
    }
    all
}

fn inconvenient(bad: &mut Bad, given: &[v1::InconvenientTime]) -> Vec<Inconvenient> {
    bad.count_of("hypothetical.party.inconvenient", given, LIST_MAX);
    let mut all = Vec::with_capacity(given.len().min(LIST_MAX));
    for (i, time) in given.iter().take(LIST_MAX).enumerate() {
        let at = format!("hypothetical.party.inconvenient[{i}]");
        all.extend(inconvenient_time(bad, &at, time));
    }
    all
}

/// Reads a time of the week at which not to contact somebody.
pub fn inconvenient_time(
    bad: &mut Bad,
    at: &str,
    given: &v1::InconvenientTime,
) -> Option<Inconvenient> {
    bad.count_of(&format!("{at}.days"), &given.days, 7);
    let mut days = Vec::with_capacity(7);
    for (i, day) in given.days.iter().take(7).enumerate() {
        match i8::try_from(*day).ok().filter(|d| (1..=7).contains(d)) {
            Some(day) => days.push(day),
            None => {
                let problem = format!("is {day}; days go from 1 (Monday) to 7 (Sunday)");
                bad.invalid(&format!("{at}.days[{i}]"), problem);
            }
        }
    }
    let from = local_time(bad, &format!("{at}.start"), &given.start);
    let to = if given.end == "24:00" {
        Some(None)
    } else {
        local_time(bad, &format!("{at}.end"), &given.end).map(Some)
    };
    let (from, to) = from.zip(to)?;
    Some(Inconvenient { days, from, to })
}

fn local_time(bad: &mut Bad, field: &str, text: &str) -> Option<jiff::civil::Time> {
    if text.is_empty() {
        bad.missing(field);
        return None;
    }
    let time = clock(text);
    if time.is_none() {
        bad.invalid(field, "is not a local time such as 08:30");
    }
    time
}

fn clock(text: &str) -> Option<jiff::civil::Time> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<prost_types::Timestamp> {
        Some(value::to_instant(text.parse().expect(text)))
    }

    fn call(time: &str) -> v1::Hypothetical {
        v1::Hypothetical {
            jurisdiction: "US-FED".into(),
            party: Some(v1::HypotheticalParty {
                time_zones: vec!["America/New_York".into()],
                ..v1::HypotheticalParty::default()
            }),
            proposal: Some(v1::HypotheticalProposal {
                channel: "phone".into(),
                time: at(time),
                ..v1::HypotheticalProposal::default()
            }),
            only_rule_ids: vec!["US-REGF-1006.6b1i".into()],
            ..v1::Hypothetical::default()
        }
    }

    fn ask(given: &v1::Hypothetical) -> Verdict {
        let mut bad = Bad::new();
        let question = read(&mut bad, given, Packs::builtin());
        bad.check(question).expect("a question").ask()
    }

    #[test]
    fn the_hours_of_the_day_are_judged() {
        assert!(ask(&call("2026-04-08T08:00:00-04:00")).is_permit());
        let late = ask(&call("2026-04-08T21:00:01-04:00"));
        let denial = late.denial().expect("a denial");
        assert_eq!(denial.reason.id(), "US-REGF-1006.6b1i");
        let earliest = "2026-04-09T08:00:00-04:00".parse().expect("an instant");
        assert_eq!(denial.earliest, Some(earliest));
    }

    fn day(year: i32, month: i32, day: i32) -> crate::api::google::r#type::Date {
        crate::api::google::r#type::Date { year, month, day }
    }

    fn earliest(given: &v1::Hypothetical) -> Option<String> {
        let verdict = ask(given);
        verdict.denial()?.earliest.map(|at| at.to_string())
    }

    #[test]
    fn days_of_the_question_replace_those_of_the_packs() {
        let mut given = call("2031-01-07T12:00:00Z");
        given.only_rule_ids = vec!["RU-230FZ-HOURS".into()];
        given.party = Some(v1::HypotheticalParty {
            time_zones: vec!["UTC".into()],
            ..v1::HypotheticalParty::default()
        });
        // Nobody told the calendar of 2031.
        assert!(!ask(&given).is_permit() && earliest(&given).is_none());
        let person = given.party.as_mut().expect("a person");
        person.holidays = vec![day(2031, 1, 6)];
        assert!(ask(&given).is_permit());
        given.party.as_mut().expect("a person").holidays = vec![day(2031, 1, 7)];
        given.proposal.as_mut().expect("a contact").time = at("2031-01-07T21:00:00Z");
        assert_eq!(earliest(&given).as_deref(), Some("2031-01-08T08:00:00Z"));
        given.only_rule_ids = vec!["TW-CNY-PAUSE".into()];
        assert!(ask(&given).is_permit());
        let person = given.party.as_mut().expect("a person");
        person.pauses = vec![v1::DateRange {
            first: Some(day(2031, 1, 7)),
            last: Some(day(2031, 1, 9)),
        }];
        assert_eq!(earliest(&given).as_deref(), Some("2031-01-10T00:00:00Z"));
    }

    #[test]
    fn a_debtor_who_died_is_not_the_one_who_is_asked_about_it() {
        let mut given = call("2026-04-08T12:00:00-04:00");
        given.only_rule_ids = vec!["HOUSE-DECEASED".into()];
        let person = given.party.as_mut().expect("a person");
        person.debtor_deceased_or_incapacitated = true;
        assert!(!ask(&given).is_permit());
        let proposal = given.proposal.as_mut().expect("a contact");
        proposal.recipient = v1::Recipient::ThirdParty.into();
        assert!(ask(&given).is_permit());
    }

    #[test]
    fn all_rules_of_the_place_bind_where_none_is_named() {
        let mut given = call("2026-04-08T23:00:00-04:00");
        given.only_rule_ids.clear();
        assert!(!ask(&given).is_permit());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut given = call("2026-04-08T08:00:00-04:00");
        given.only_rule_ids = vec!["NO-SUCH".into()];
        given.party = Some(v1::HypotheticalParty {
            opt_outs: vec!["telegraph".into()],
            ..v1::HypotheticalParty::default()
        });
        let mut bad = Bad::new();
        assert!(read(&mut bad, &given, Packs::builtin()).is_none());
        // The rule, the channel opted out of, and the zones.
        assert_eq!(bad.count(), 3, "{bad:?}");
    }
}
