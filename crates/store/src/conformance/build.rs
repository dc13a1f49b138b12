//! Small whole values: a lender, its people, cases, contacts and the entries that tell on them.

use crate::{Change, Guard, Write};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::case::{self, Amounts, CaseEvent, LenderKind, Opening, Scores};
use recoup_domain::contact::{Contact, ContactClass, ContactState, Origin, PolicyPlace};
use recoup_domain::ids::{CaseId, ContactId, KeyedHash, OverrideId, PartyId, TenantId};
use recoup_domain::journal::{ContactEvent, Entry, What, apply_to_case, apply_to_party};
use recoup_domain::overrides::{Override, Signed};
use recoup_domain::party::{
    BorrowerKind, ContactPoint, Introduction, PartyEvent, PointKind, introduce,
};
use recoup_domain::sealed::Sealed;
use recoup_domain::time::{Window, Zone};
use recoup_domain::{Case, Currency, Party};

/// An instant, in minutes after 2026-04-08 08:00 in Shanghai.
#[must_use]
pub fn at(minutes: i64) -> Timestamp {
    let start = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_775_606_400);
    start + SignedDuration::from_mins(minutes)
}

/// A lender by name.
///
/// # Panics
/// Where the name is none: 1 to 64 of `a-z`, `0-9` and `-`.
#[must_use]
pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a lender's name")
}

fn bytes(n: u32) -> [u8; 16] {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&n.to_be_bytes());
    id
}

/// The id of case `n`; ids sort by number.
#[must_use]
pub fn case_id(n: u32) -> CaseId {
    CaseId::from_bytes(bytes(n))
}

/// The id of party `n`.
#[must_use]
pub fn party_id(n: u32) -> PartyId {
    PartyId::from_bytes(bytes(n))
}

/// A keyed hash that stands for reference or number `n`.
#[must_use]
pub fn key(n: u32) -> KeyedHash {
    KeyedHash(bytes(n))
}

/// A borrower in Shanghai with one mobile number, whose key is `key(n)`.
///
/// # Panics
/// Never: the zone is in the bundled database.
#[must_use]
pub fn party(tenant: &TenantId, n: u32) -> Party {
    let told = Introduction {
        id: party_id(n),
        tenant: tenant.clone(),
        lender_ref: key(n),
        kind: BorrowerKind::Individual,
        regions: vec!["CN".into()],
        zones: vec![Zone::new("Asia/Shanghai").expect("a zone")],
        locale: "zh-CN".into(),
        points: vec![ContactPoint::of_contract(key(n), PointKind::Mobile)],
        tags: Vec::new(),
    };
    Party {
        sealed: Sealed::from_ciphertext(vec![1, 2, 3]),
        ..introduce(told, at(0))
    }
}

/// An open case of a borrower: 1,000.00 CNY overdue. Its loan's reference is `key(n)`.
///
/// # Panics
/// Never: the facts are sound.
#[must_use]
pub fn case(borrower: &Party, n: u32) -> Case {
    let opening = Opening {
        id: case_id(n),
        tenant: borrower.tenant.clone(),
        lender_ref: key(n),
        borrower: borrower.id,
        parties: Vec::new(),
        jurisdiction: "CN".into(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: borrower.kind,
        product: None,
        currency: Currency::new("CNY").expect("a currency"),
        amounts: Amounts {
            principal: 100_000,
            overdue: 100_000,
            ..Amounts::default()
        },
        oldest_unpaid_due: Some(jiff::civil::date(2026, 4, 1)),
        scores: Scores::default(),
        tags: vec!["vip".into()],
        documents: Vec::new(),
        previous: None,
        sealed: Sealed::from_ciphertext(vec![4, 5]),
    };
    match case::open(opening, at(0)).expect("sound facts") {
        CaseEvent::Opened(case) => *case,
        other => unreachable!("opening a case is {other:?}"),
    }
}

/// A text to the borrower, its intent just written with a fence.
#[must_use]
pub fn contact(case: &Case, seq: u32, fence: u64, now: Timestamp) -> Contact {
    let effect = Window::starting(now, SignedDuration::from_hours(1));
    Contact {
        id: ContactId { case: case.id, seq },
        tenant: case.tenant.clone(),
        party: case.borrower,
        class: ContactClass::Sms,
        channel: "sms".into(),
        point: Some(key(1)),
        template: "reminder".into(),
        template_version: 1,
        policy: case.policy.clone(),
        place: Some(PolicyPlace {
            stage: 0,
            step: 1,
            stage_name: "reminder".into(),
        }),
        origin: Origin::Policy,
        retry_of: None,
        key: format!("{}-{seq}", case.id),
        effect,
        not_after: effect.to,
        planned_at: now,
        intent_at: Some(now),
        fence,
        state: ContactState::Dispatching,
        outcome: None,
        outcome_at: None,
        corrected: false,
        beyond_recall: false,
        states: vec![(ContactState::Dispatching, now)],
        payload_hash: Some(key(7)),
        plugin_digest: "d".repeat(64),
        generation: 2,
        decision: None,
        approved_by: None,
        approved_at: None,
        collectors: Vec::new(),
        sealed: Sealed::from_ciphertext(vec![6; 8]),
    }
}

/// An entry recorded by the policy at `now`.
#[must_use]
pub fn entry(tenant: &TenantId, what: What, now: Timestamp) -> Entry {
    Entry {
        tenant: tenant.clone(),
        at: now,
        effective_at: now,
        actor: "policy".into(),
        what,
        sealed: Sealed::default(),
    }
}

/// The entry of a case's event.
#[must_use]
pub fn case_entry(case: &Case, event: CaseEvent, now: Timestamp) -> Entry {
    entry(&case.tenant, What::Case { id: case.id, event }, now)
}

/// The entry of a party's event.
#[must_use]
pub fn party_entry(party: &Party, event: PartyEvent, now: Timestamp) -> Entry {
    let id = party.id;
    entry(&party.tenant, What::Party { id, event }, now)
}

/// The entry of a contact's event.
#[must_use]
pub fn contact_entry(contact: &Contact, event: ContactEvent, now: Timestamp) -> Entry {
    let (id, party) = (contact.id, contact.party);
    entry(&contact.tenant, What::Contact { id, party, event }, now)
}

/// A new party.
#[must_use]
pub fn tell_party(party: &Party) -> Change {
    let event = PartyEvent::Upserted(Box::new(party.clone()));
    Change {
        guards: vec![Guard::NoParty(party.tenant.clone(), party.lender_ref)],
        writes: vec![Write::Party(Box::new(party.clone()))],
        entries: vec![party_entry(party, event, at(0))],
        answer: None,
    }
}

/// A new case of a known borrower, due at `due`.
#[must_use]
pub fn open_case(case: &Case, due: Option<Timestamp>) -> Change {
    let event = CaseEvent::Opened(Box::new(case.clone()));
    Change {
        guards: vec![Guard::NoOpenCase(case.tenant.clone(), case.lender_ref)],
        writes: vec![
            Write::Case(Box::new(case.clone())),
            Write::Schedule(case.id, due),
        ],
        entries: vec![case_entry(case, event, case.opened_at)],
        answer: None,
    }
}

/// A change that a case's events make, guarded by the version they were decided on; the case afterwards.
#[must_use]
pub fn case_change(case: &Case, events: &[CaseEvent], now: Timestamp) -> (Case, Change) {
    let mut after = case.clone();
    let mut entries = Vec::new();
    for event in events {
        let entry = case_entry(case, event.clone(), now);
        apply_to_case(&mut after, &entry.what, now);
        entries.push(entry);
    }
    let change = Change {
        guards: vec![Guard::Case(case.id, case.version)],
        writes: vec![Write::Case(Box::new(after.clone()))],
        entries,
        answer: None,
    };
    (after, change)
}

/// The change that writes an intent: it takes the contact's slot, and counts in the case and the person.
#[must_use]
pub fn intend(case: &Case, party: &Party, contact: &Contact) -> (Case, Party, Change) {
    let now = contact.intent_at.unwrap_or(contact.planned_at);
    let event = ContactEvent::Intended(Box::new(contact.clone()));
    touch(case, party, contact, event, now)
}

/// The change that an event of a contact makes to it, its case and its person.
#[must_use]
pub fn touch(
    case: &Case,
    party: &Party,
    contact: &Contact,
    event: ContactEvent,
    now: Timestamp,
) -> (Case, Party, Change) {
    let (mut case_after, mut party_after) = (case.clone(), party.clone());
    let entry = contact_entry(contact, event, now);
    apply_to_case(&mut case_after, &entry.what, now);
    apply_to_party(&mut party_after, &entry.what, now);
    let change = Change {
        guards: vec![
            Guard::Case(case.id, case.version),
            Guard::Party(party.id, party.version),
        ],
        writes: vec![
            Write::Case(Box::new(case_after.clone())),
            Write::Party(Box::new(party_after.clone())),
            Write::Contact(Box::new(contact.clone())),
        ],
        entries: vec![entry],
        answer: None,
    };
    (case_after, party_after, change)
}

/// An override that waits for a second person.
#[must_use]
pub fn an_override(tenant: &TenantId, n: u8, case: Option<CaseId>) -> Override {
    Override {
        id: OverrideId::from_bytes([n; 16]),
        tenant: tenant.clone(),
        version: 1,
        pack: "cn".into(),
        rule: "CN-GBT45251-FREQ3".into(),
        case,
        until: at(60),
        proposed: Signed {
            by: "ann".into(),
            at: at(0),
        },
        approved: None,
        revoked: None,
        sealed: Sealed::from_ciphertext(vec![3]),
    }
}
