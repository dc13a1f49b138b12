//! Made-up facts, and what each name of the language is there, by arithmetic of its own.

use super::Dice;
use crate::support::{borrower, case, case_id, contact, placed};
use cel::{Context, Value};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use recoup_domain::case::{CloseReason, Closed, LenderKind, Pause, PauseReason};
use recoup_domain::ids::PauseId;
use recoup_domain::party::{BorrowerKind, PointState};
use recoup_domain::time::{Zone, add_days};
use recoup_domain::{Case, ContactClass, Currency, Outcome, Party, PastContact};
use std::collections::{BTreeMap, HashMap};

/// What a name is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Known {
    Int(i64),
    Bool(bool),
    Text(String),
}

/// What names are, by their name in the oracle; an absent value has no entry.
pub(super) type Truth = BTreeMap<String, Known>;

/// A case, its borrower and contacts at an instant.
pub(super) struct World {
    pub(super) case: Case,
    pub(super) borrower: Party,
    pub(super) contacts: Vec<PastContact>,
    pub(super) now: Timestamp,
    pub(super) truth: Truth,
}

const SECONDS_A_DAY: i64 = 86_400;

fn text(value: &str) -> Known {
    Known::Text(value.to_owned())
}

impl World {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let zone = Zone::new("Asia/Shanghai").unwrap();
        let today = add_days(date(2026, 1, 1), dice.below(700) as i32);
        let hour = dice.below(24) as i8;
        let time = jiff::civil::time(hour, dice.below(60) as i8, 0, 0);
        let mut world = Self {
            case: case(0),
            borrower: borrower(),
            contacts: Vec::new(),
            now: zone.instant(today, time),
            truth: Truth::new(),
        };
        world.knows("now.hour", Known::Int(i64::from(hour)));
        let weekday = i64::from(today.weekday().to_monday_one_offset());
        world.knows("now.weekday", Known::Int(weekday));
        world.of_the_case(dice, today, &zone);
        world.of_the_borrower(dice);
        world.of_contacts(dice, today, &zone);
        world
    }

    fn knows(&mut self, name: &str, value: Known) {
        self.truth.insert(name.to_owned(), value);
    }

    fn of_the_case(&mut self, dice: &mut Dice, today: Date, zone: &Zone) {
        let dpd = dice.pick(&[-400, -3, 0, 1, 2, 3, 4, 5, 30, 31, 60, 89, 90, 400]);
        self.case.oldest_unpaid_due = Some(add_days(today, -dpd));
        self.knows("case.dpd", Known::Int(i64::from(dpd)));
        let age = dice.below(90) as i32;
        let opened = add_days(today, -age);
        self.case.opened_at = zone.instant(opened, jiff::civil::time(0, 0, 1, 0));
        self.knows("case.age_days", Known::Int(i64::from(age)));
        self.knows("case.age", Known::Int(i64::from(age) * SECONDS_A_DAY));
        self.status(dice);
        let product = dice.pick(&[None, Some("gold"), Some("silver"), Some("tin")]);
        self.case.product = product.map(str::to_owned);
        if let Some(product) = product {
            self.knows("case.product", text(product));
        }
        let place = dice.pick(&["CN", "US-MA", "TW"]);
        self.case.jurisdiction = place.to_owned();
        self.knows("case.jurisdiction", text(place));
        let (lender, name) = dice.pick(&[
            (LenderKind::FirstParty, "first_party"),
            (LenderKind::Agency, "agency"),
            (LenderKind::MicroloanCompany, "microloan_company"),
            (LenderKind::Bank, "bank"),
        ]);
        self.case.lender_kind = lender;
        self.knows("case.lender_kind", text(name));
        let amounts = [0, 1, 999, 1_000, 20_000, 2_000_000, i64::MAX];
        self.case.amounts.overdue = dice.pick(&amounts);
        self.case.amounts.principal = dice.pick(&amounts);
        let ours = dice.chance(80);
        let currency = if ours { "CNY" } else { "USD" };
        self.case.currency = Currency::new(currency).unwrap();
        let mut segment = "rest";
        if ours {
            let amounts = self.case.amounts;
            self.knows("case.overdue_in_cny", Known::Int(amounts.overdue));
            self.knows("case.principal_in_cny", Known::Int(amounts.principal));
            if amounts.overdue < 1_000 {
                segment = "small";
            }
        }
        self.knows("segment", text(segment));
        let vip = dice.chance(50);
        self.case.tags.retain(|_| vip);
        self.knows("case.has_tag_vip", Known::Bool(vip));
        for name in ["ability", "willingness"] {
            let score = dice.chance(70).then(|| dice.below(101) as u8);
            match name {
                "ability" => self.case.scores.ability = score,
                _ => self.case.scores.willingness = score,
            }
            if let Some(score) = score {
                self.knows(name, Known::Int(i64::from(score)));
            }
        }
    }

    fn status(&mut self, dice: &mut Dice) {
        let status = dice.pick(&["open", "paused", "legal", "closed"]);
        match status {
            "paused" => self.case.pauses.push(Pause {
                id: PauseId::from_bytes([1; 16]),
                reason: PauseReason::Hold,
                owner: "tester".into(),
                since: self.now,
                until: self.now,
                promise: None,
            }),
            "legal" => self.case.legal_since = Some(self.now),
            "closed" => {
                self.case.closed = Some(Closed {
                    reason: CloseReason::Withdrawn,
                    at: self.now,
                });
            }
            _ => {}
        }
        self.knows("case.status", text(status));
    }

    fn of_the_borrower(&mut self, dice: &mut Dice) {
        let (kind, name) = dice.pick(&[
            (BorrowerKind::Individual, "individual"),
            (BorrowerKind::MicroBusiness, "micro_business"),
        ]);
        // The kind as of this loan counts.
        self.case.borrower_kind = kind;
        self.knows("borrower.kind", text(name));
        let student = dice.chance(50);
        self.borrower.tags.retain(|_| student);
        self.knows("borrower.has_tag_student", Known::Bool(student));
        let region = dice.pick(&["CN", "CN-SH", "CN-SHX", "US-MA"]);
        self.borrower.regions = vec![region.to_owned()];
        self.knows("borrower.region_cn", Known::Bool(region != "US-MA"));
        self.knows("borrower.region_cn_sh", Known::Bool(region == "CN-SH"));
        let reach = dice.pick(&["reachable", "doubtful", "lost"]);
        let point = &mut self.borrower.points[0];
        match reach {
            "doubtful" => point.failed_days = 1,
            "lost" => point.state = PointState::Invalid,
            _ => {}
        }
        self.knows("contactability", text(reach));
    }

    /// Contacts one a day or fewer, earliest first; the first stage's one step has room for two.
    fn of_contacts(&mut self, dice: &mut Dice, today: Date, zone: &Zone) {
        let mut made: BTreeMap<&str, i64> = BTreeMap::new();
        let mut completed: BTreeMap<&str, i64> = BTreeMap::new();
        let mut last: BTreeMap<&str, (i64, Outcome)> = BTreeMap::new();
        let mut of_step = 0;
        let mut days_ago = 40;
        for _ in 0..dice.below(7) {
            days_ago -= dice.below(7) as i32;
            let class = dice.pick(&ContactClass::ALL);
            let outcomes: Vec<Outcome> = Outcome::of_class(class).collect();
            let outcome = dice.pick(&outcomes);
            let when = zone.instant(add_days(today, -days_ago), jiff::civil::time(0, 0, 2, 0));
            let mut past = contact(class, outcome, when);
            past.effect.to = when + SignedDuration::from_mins(5);
            let attempt = outcome.meaning().attempt;
            for group in [class.name(), "any"] {
                *completed.entry(group).or_default() += i64::from(outcome.meaning().effect_proven);
                if attempt {
                    *made.entry(group).or_default() += 1;
                    last.insert(group, (i64::from(days_ago), outcome));
                }
            }
            if dice.chance(40) {
                past = placed(past, 0, 0);
                of_step += i64::from(attempt);
            }
            self.contacts.push(past);
        }
        let skipped = dice.chance(10);
        self.case.skipped.extend(skipped.then_some((0, 0)));
        self.knows("exhausted_s0", Known::Bool(skipped || of_step >= 2));
        for group in ["sms", "phone", "email", "visit", "legal", "any"] {
            let count = |of: &BTreeMap<&str, i64>| Known::Int(of.get(group).copied().unwrap_or(0));
            let (made, completed) = (count(&made), count(&completed));
            self.knows(&format!("contacts.{group}.made"), made);
            self.knows(&format!("contacts.{group}.completed"), completed);
            if let Some((days, outcome)) = last.get(group) {
                let name = |of: &str| format!("contacts.{group}.{of}");
                self.knows(&name("days_since_last"), Known::Int(*days));
                self.knows(&name("since_last"), Known::Int(days * SECONDS_A_DAY));
                self.knows(&name("last_outcome"), text(outcome.name()));
            }
        }
        assert_eq!(self.case.id, case_id(1));
    }

    /// The facts for the oracle.
    pub(super) fn context(&self) -> Context<'static, 'static> {
        let mut tree: BTreeMap<&str, HashMap<String, Value>> = BTreeMap::new();
        let mut groups: BTreeMap<&str, HashMap<String, Value>> = BTreeMap::new();
        let mut context = Context::default();
        for (name, known) in &self.truth {
            let value = match known {
                Known::Int(n) => Value::Int(*n),
                Known::Bool(b) => Value::Bool(*b),
                Known::Text(text) => Value::from(text.as_str()),
            };
            let parts: Vec<&str> = name.split('.').collect();
            match parts[..] {
                [object, member] => {
                    let object = tree.entry(object).or_default();
                    object.insert(member.to_owned(), value);
                }
                [_, group, member] => {
                    let group = groups.entry(group).or_default();
                    group.insert(member.to_owned(), value);
                }
                _ => context.add_variable_from_value(name.clone(), value),
            }
        }
        let groups = groups.into_iter();
        let contacts = groups.map(|(name, of)| (name.to_owned(), Value::from(of)));
        tree.insert("contacts", contacts.collect());
        for (name, object) in tree {
            context.add_variable_from_value(name, object);
        }
        context
    }
}
