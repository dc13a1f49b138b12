//! Money over a case's life, told as stories: partial, late, reversed, said twice and too much; promises kept,
//! partly kept and broken; the cure. A second, plain book is kept beside and compared.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recoup_domain::case::{
    self, Amounts, CloseReason, Closed, LenderKind, Opening, PromiseRequest,
};
use recoup_domain::case::{Refusal, Scores};
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, PauseId, TenantId};
use recoup_domain::money::{Currency, MoneyError};
use recoup_domain::party::BorrowerKind;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Zone;
use recoup_domain::{Case, CaseEvent};

const DUE: Date = date(2026, 3, 20);

fn start() -> Timestamp {
    "2026-03-10T02:00:00Z".parse().unwrap()
}

fn zone() -> Zone {
    Zone::new("Asia/Shanghai").unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

/// A case that owes so many minor units in a currency.
fn owing(overdue: i64, code: &str) -> Case {
    let opening = Opening {
        id: CaseId::from_bytes([1; 16]),
        tenant: TenantId::new("lender").unwrap(),
        lender_ref: KeyedHash([2; 16]),
        borrower: PartyId::from_bytes([3; 16]),
        parties: Vec::new(),
        jurisdiction: "CN".to_owned(),
        lender_kind: LenderKind::MicroloanCompany,
        borrower_kind: BorrowerKind::Individual,
        product: None,
        currency: currency(code),
        amounts: Amounts {
            principal: overdue,
            overdue,
            ..Amounts::default()
        },
        oldest_unpaid_due: Some(date(2026, 3, 1)),
        scores: Scores::default(),
        tags: Vec::new(),
        documents: Vec::new(),
        previous: None,
        sealed: Sealed::default(),
    };
    match case::open(opening, start()).unwrap() {
        CaseEvent::Opened(case) => *case,
        other => panic!("{other:?}"),
    }
}

/// What is told of a case; amounts in minor units of CNY.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// A payment: reference, amount, and what is overdue after it where the lender says.
    Pay(u8, i64, Option<i64>),
    /// A payment taken back, and what is overdue after it where the lender says.
    Reverse(u8, Option<i64>),
    /// A promise of so much by the 20th.
    Promise(i64),
    /// So many hours pass and the timers are asked.
    Wait(i64),
}
use Told::{Pay, Promise, Reverse, Wait};

/// The case and its hour.
struct World {
    case: Case,
    now: Timestamp,
    promises: u8,
    words: Vec<String>,
}

impl World {
    fn new(overdue: i64) -> Self {
        Self {
            case: owing(overdue, "CNY"),
            now: start(),
            promises: 0,
            words: Vec::new(),
        }
    }

    fn tell(&mut self, told: Told) -> Result<(), Refusal> {
        let case = &self.case;
        let reference = |n| KeyedHash([n; 16]);
        let events = match told {
            Pay(n, amount, after) => {
                case::record_payment(case, reference(n), amount, case.currency, self.now, after)?
            }
            Reverse(n, after) => case::reverse_payment(case, reference(n), after)?,
            Promise(amount) => {
                self.promises += 1;
                let request = PromiseRequest {
                    pause: PauseId::from_bytes([self.promises; 16]),
                    amount,
                    due: DUE,
                    owner: "agent".to_owned(),
                };
                case::record_promise(case, request, self.now, &zone())?
            }
            Wait(hours) => {
                self.now += SignedDuration::from_hours(hours);
                case::due_timers(case, self.now).0
            }
        };
        for event in &events {
            if let CaseEvent::PromiseResolved { result, paid, .. } = event {
                self.words.push(format!("{result:?} {paid}"));
            }
            case::apply(&mut self.case, event, self.now);
        }
        Ok(())
    }

    fn closed(&self) -> Option<CloseReason> {
        self.case.closed.as_ref().map(|c: &Closed| c.reason)
    }
}

/// What holds at the end of a story: overdue, collected, how it closed, what came of promises.
type End = (i64, i64, Option<CloseReason>, &'static [&'static str]);

#[test]
fn stories_of_money() {
    const TEN_DAYS: Told = Wait(24 * 12);
    let cured = Some(CloseReason::Cured);
    let stories: [(&str, &[Told], End); 20] = [
        ("part of it", &[Pay(1, 200, None)], (400, 200, None, &[])),
        (
            "all of it cures",
            &[Pay(1, 600, None)],
            (0, 600, cured, &[]),
        ),
        (
            "too much cures, and all of it came in",
            &[Pay(1, 900, None)],
            (0, 900, cured, &[]),
        ),
        (
            "two parts",
            &[Pay(1, 200, None), Pay(2, 400, None)],
            (0, 600, cured, &[]),
        ),
        (
            "said twice counts once",
            &[Pay(1, 200, None), Pay(1, 200, None)],
            (400, 200, None, &[]),
        ),
        (
            "the lender's balance rules",
            &[Pay(1, 200, Some(550))],
            (550, 200, None, &[]),
        ),
        (
            "a balance of nothing cures, whatever came in",
            &[Pay(1, 200, Some(0))],
            (0, 200, cured, &[]),
        ),
        (
            "money after the end is late, and counted",
            &[Pay(1, 600, None), Pay(2, 50, None)],
            (0, 650, cured, &[]),
        ),
        (
            "taken back after the end is owed again, and the end stays",
            &[Pay(1, 600, None), Reverse(1, None)],
            (600, 0, cured, &[]),
        ),
        (
            "taken back is owed again",
            &[Pay(1, 200, None), Reverse(1, None)],
            (600, 0, None, &[]),
        ),
        (
            "taken back twice is taken back once",
            &[Pay(1, 200, None), Reverse(1, None), Reverse(1, None)],
            (600, 0, None, &[]),
        ),
        (
            "taken back, and the lender's balance rules",
            &[Pay(1, 200, None), Reverse(1, Some(650))],
            (650, 0, None, &[]),
        ),
        (
            "a promise kept by one payment",
            &[Promise(300), Pay(1, 300, None)],
            (300, 300, None, &["Kept 300"]),
        ),
        (
            "a promise kept by two",
            &[Promise(300), Pay(1, 100, None), Pay(2, 250, None)],
            (250, 350, None, &["Kept 350"]),
        ),
        (
            "a promise broken",
            &[Promise(300), TEN_DAYS],
            (600, 0, None, &["Broken 0"]),
        ),
        (
            "a promise partly kept",
            &[Promise(300), Pay(1, 100, None), TEN_DAYS],
            (500, 100, None, &["Partial 100"]),
        ),
        (
            "what was paid before a promise is none of it",
            &[Pay(1, 100, None), Promise(300), TEN_DAYS],
            (500, 100, None, &["Broken 0"]),
        ),
        (
            "what is taken back was not kept",
            &[Promise(300), Pay(1, 100, None), Reverse(1, None), TEN_DAYS],
            (600, 0, None, &["Broken 0"]),
        ),
        (
            "a cure keeps the promise and ends the case",
            &[Promise(600), Pay(1, 600, None), TEN_DAYS],
            (0, 600, cured, &["Kept 600"]),
        ),
        (
            "a second promise takes the place of the first",
            &[Promise(300), Promise(200), Pay(1, 200, None), TEN_DAYS],
            (400, 200, None, &["Kept 200"]),
        ),
    ];
    for (name, told, (overdue, collected, closed, promises)) in stories {
        let mut world = World::new(600);
        for told in told {
            world.tell(*told).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert_eq!(world.case.amounts.overdue, overdue, "{name}: overdue");
        assert_eq!(world.case.collected(), collected, "{name}: collected");
        assert_eq!(world.closed(), closed, "{name}: how it ended");
        assert_eq!(world.words, promises, "{name}: promises");
    }
}

#[test]
fn a_promise_waits_for_its_day_and_the_day_of_grace() {
    let mut world = World::new(600);
    world.tell(Promise(300)).unwrap();
    // The 20th and the day after belong to it, in the borrower's zone: it ends as the 22nd begins there.
    let (_, end) = case::due_timers(&world.case, world.now);
    assert_eq!(end, Some("2026-03-21T16:00:00Z".parse().unwrap()));
    let hours = (end.unwrap().as_second() - world.now.as_second()) / 3600;
    world.tell(Wait(hours - 1)).unwrap();
    assert!(world.words.is_empty() && !world.case.pauses.is_empty());
    world.tell(Wait(1)).unwrap();
    assert_eq!(world.words, ["Broken 0"]);
    assert!(world.case.pauses.is_empty(), "contact goes on");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut world = World::new(600);
    world.tell(Pay(1, 200, None)).unwrap();
    world.tell(Pay(3, 50, None)).unwrap();
    world.tell(Reverse(3, None)).unwrap();
    let before = world.case.clone();
    for (told, why) in [
        (Pay(2, 0, None), "above 0"),
        (Pay(2, -5, None), "above 0"),
        (Pay(2, 5, Some(-1)), "0 or more"),
        (Pay(1, 300, None), "another amount"),
        (Pay(3, 50, None), "was taken back"),
        (Pay(3, 60, None), "new reference"),
        (Reverse(9, None), "no payment"),
        (Promise(0), "above 0"),
        (Promise(401), "at most what is overdue"),
    ] {
        let refused = world.tell(told).expect_err(why).to_string();
        assert!(refused.contains(why), "{told:?}: {refused}");
        assert_eq!(world.case, before, "{told:?}");
    }
    let yen = currency("JPY");
    let mixed = case::record_payment(&world.case, KeyedHash([7; 16]), 5, yen, world.now, None);
    assert!(
        matches!(mixed, Err(Refusal::Money(MoneyError::Mixed(..)))),
        "{mixed:?}"
    );
}

#[test]
fn every_currency_counts_in_its_own_minor_units() {
    for code in ["CNY", "JPY", "KWD", "USD"] {
        let mut world = World {
            case: owing(1_001, code),
            ..World::new(1)
        };
        world.tell(Pay(1, 1_000, None)).unwrap();
        assert_eq!(
            (world.case.amounts.overdue, world.closed()),
            (1, None),
            "{code}"
        );
        world.tell(Pay(2, 1, None)).unwrap();
        assert_eq!(world.closed(), Some(CloseReason::Cured), "{code}");
    }
}

/// The plain book: payments by reference, what is overdue, whether it ended.
#[derive(Default)]
struct Book {
    overdue: i64,
    payments: Vec<(u8, i64, bool)>,
    ended: bool,
}

impl Book {
    fn tell(&mut self, told: Told) {
        match told {
            Pay(n, amount, after) if self.payments.iter().all(|(known, ..)| *known != n) => {
                let overdue = after.unwrap_or((self.overdue - amount).max(0));
                self.ended |= self.overdue > 0 && overdue == 0;
                self.overdue = overdue;
                self.payments.push((n, amount, false));
            }
            Reverse(n, after) => {
                let paid = self.payments.iter_mut().find(|(known, ..)| *known == n);
                let Some((_, amount, reversed @ false)) = paid else {
                    return;
                };
                *reversed = true;
                self.overdue = after.unwrap_or(self.overdue + *amount);
            }
            Pay(..) | Promise(_) | Wait(_) => {}
        }
    }
}

fn told() -> impl Strategy<Value = Told> {
    let after = || prop_oneof![3 => Just(None), 1 => (0..900_i64).prop_map(Some)];
    prop_oneof![
        4 => (0..6_u8, 1..400_i64, after()).prop_map(|(n, amount, after)| Pay(n, amount, after)),
        2 => (0..6_u8, after()).prop_map(|(n, after)| Reverse(n, after)),
        1 => (1..900_i64).prop_map(Promise),
        1 => (1..200_i64).prop_map(Wait),
    ]
}

proptest! {
    #[test]
    fn the_case_agrees_with_a_plain_book(all in prop::collection::vec(told(), 0..40)) {
        let mut world = World::new(600);
        let mut book = Book { overdue: 600, ..Book::default() };
        for told in all {
            let before = world.case.clone();
            match world.tell(told) {
                Ok(()) => book.tell(told),
                Err(_) => prop_assert_eq!(&world.case, &before),
            }
            let kept = book.payments.iter().filter(|(.., reversed)| !reversed);
            prop_assert_eq!(world.case.collected(), kept.map(|(_, amount, _)| amount).sum::<i64>());
            prop_assert_eq!(world.case.amounts.overdue, book.overdue);
            prop_assert_eq!(world.closed().is_some(), book.ended);
            // An ended case has nothing that waits; an open one at most one promise, never paid in full.
            let promises: Vec<_> = world.case.pauses.iter().filter_map(|p| p.promise).collect();
            prop_assert!(promises.len() <= usize::from(!book.ended));
            prop_assert!(promises.iter().all(|p| (0..p.amount).contains(&p.paid)));
        }
    }
}
