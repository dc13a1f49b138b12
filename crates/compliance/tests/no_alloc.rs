//! The way to a permit allocates nothing.

mod support;

use jiff::SignedDuration;
use jiff::civil::Time;
use recoup_compliance::pack::Binding;
use recoup_compliance::{NoTrace, Packs, Proposal, Verdict, gate};
use recoup_domain::case::LenderKind;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::OverrideId;
use recoup_domain::outcome::Outcome;
use recoup_domain::overrides::Lift;
use recoup_domain::party::{ConsentKind, Inconvenient, PointKind, PointState};
use recoup_domain::past::PastContact;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

#[expect(
    unsafe_code,
    reason = "a counting allocator can be written no other way; tests alone have it"
)]
// SAFETY: every call goes on to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn a_permit_allocates_nothing() {
    let now = support::at("2026-05-06T15:00:00Z");
    let person = support::party(&["America/New_York", "America/Chicago"]);
    // Fifty calls, one a day and a half.
    let past: Vec<PastContact> = (1..=50)
        .rev()
        .map(|i| {
            let at = now - SignedDuration::from_hours(36 * i);
            support::made(ContactClass::Phone, at, Outcome::NoAnswer)
        })
        .collect();
    let regions = ["US-NY".to_owned(), "CN".to_owned()];
    let packs = Packs::builtin();
    let two = packs.bind("US-NY", &regions, LenderKind::Agency).unwrap();
    for class in ContactClass::ALL {
        permits_for_nothing(&two, &support::proposal(&person, class, now), &past);
    }
    // All rules of all packs at once, those that ship off too; with a person who asks for the contact,
    // consented to it, has hours of their own, and about whom little was done.
    let mut person = support::party(&["Asia/Kolkata"]);
    person.consents = vec![support::consent(ConsentKind::Electronic, None)];
    person.inconvenient = vec![Inconvenient {
        days: vec![1, 7],
        from: Time::constant(12, 0, 0, 0),
        to: None,
    }];
    let number = support::point(PointKind::Mobile, PointState::Usable);
    // An afternoon in India is night in Massachusetts, whose hours hold beside the person's own.
    let ids = packs.rules().map(|r| r.id());
    let ids: Vec<&str> = ids.filter(|id| *id != "US-MA-HOURS").collect();
    let all = packs.only(&ids).unwrap();
    let now = support::at("2026-07-08T14:30:00+05:30");
    let before = support::made(
        ContactClass::Sms,
        now - SignedDuration::from_hours(40),
        Outcome::Delivered,
    );
    for class in ContactClass::ALL {
        let mut proposal = support::proposal(&person, class, now);
        proposal.point = Some(&number);
        proposal.requested_by_person = true;
        proposal.case.forbearance = true;
        permits_for_nothing(&all, &proposal, std::slice::from_ref(&before));
    }
    // A presumption that an override lifts.
    let night = support::at("2026-07-08T23:30:00+08:00");
    let rule = packs.rules().find(|r| r.id() == "CN-GBT45251-TIME");
    let rule = rule.unwrap();
    let lift = Lift {
        id: OverrideId::from_bytes([1; 16]),
        pack: rule.pack().to_owned(),
        rule: rule.id().to_owned(),
        from: night - SignedDuration::from_hours(1),
        until: night + SignedDuration::from_hours(1),
        proposed_by: "ann".to_owned(),
        approved_by: "ben".to_owned(),
    };
    let lifted = packs.only(&[rule.id()]).unwrap().lifting([lift]);
    let person = support::party(&["Asia/Shanghai"]);
    let proposal = support::proposal(&person, ContactClass::Phone, night);
    permits_for_nothing(&lifted, &proposal, &[]);
    // The counter counts.
    assert_eq!(allocations(|| drop(black_box(Box::new(1_u8)))), 1);
}

fn permits_for_nothing(binding: &Binding, proposal: &Proposal<'_>, past: &[PastContact]) {
    let now = proposal.effect.from;
    let class = proposal.class;
    let mut verdict = None;
    let count = allocations(|| {
        verdict = Some(black_box(gate(binding, proposal, past, now, &mut NoTrace)));
    });
    assert!(
        matches!(verdict, Some(Verdict::Permit { .. })),
        "{class}: {verdict:?}"
    );
    assert_eq!(count, 0, "{class}");
}
