//! G12, G13, G18: a policy replayed over a portfolio.

use std::fs;
use std::hint::black_box;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use recoup_compliance::Packs;
use recoup_decide::{Input, NoTrace, step};
use recoup_domain::ContactClass;
use recoup_domain::money::Currency;
use recoup_domain::party::PointKind;
use recoup_domain::time::add_days;
use recoup_policy::{Names, Policy};
use recoup_simulate::{
    Behaviour, CaseToAdd, Compact, DEFAULT_BEHAVIOUR, Person, Portfolio, Setting, Totals, Trail,
    simulate,
};

use super::measure::{Arm, Pairs, Sample, Stopwatch};
use super::report::{Better, Figure, Line, short};
use super::scene::decision::{Facts, person};
use super::{Failure, Ground};

/// Days of a replay.
const DAYS: u32 = 90;
const LADDER: &str = include_str!("../../data/policies/cn-micro.yaml");

/// What is replayed, and under what.
struct Scene {
    policy: Policy,
    behaviour: Behaviour,
    start: Timestamp,
}

impl Scene {
    fn new() -> Result<Self, Failure> {
        let names = Names {
            channels: ContactClass::ALL.map(|c| (c.name().to_owned(), c)).into(),
            any_template: true,
            ..Names::default()
        };
        let faults = |f: Vec<_>| Failure::Wrong(format!("the ladder: {f:?}"));
        Ok(Self {
            policy: Policy::parse(LADDER, &names).map_err(faults)?,
            behaviour: Behaviour::parse(DEFAULT_BEHAVIOUR).map_err(Failure::other)?,
            start: "2026-03-01T16:00:00Z".parse().map_err(Failure::other)?,
        })
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            policy: &self.policy,
            packs: Packs::builtin(),
            behaviour: &self.behaviour,
            channels: &|_: &str| true,
            visitors: 2,
            start: self.start,
            days: DAYS,
            seed: 1,
        }
    }

    fn replay(&self, cases: &Compact, threads: usize) -> Result<Replayed, Failure> {
        let watch = Stopwatch::start();
        let mut lived =
            simulate(cases, &[self.setting()], threads, &|_| true).map_err(Failure::other)?;
        let (totals, trails) = lived
            .pop()
            .ok_or_else(|| Failure::Wrong("nothing was replayed".to_owned()))?;
        if totals.cases != cases.len() as u64 || totals.made(ContactClass::Phone) == 0 {
            return Err(Failure::Wrong("cases were left out".to_owned()));
        }
        let sample = watch.stop(usize::try_from(totals.case_days).unwrap_or(usize::MAX));
        Ok((sample, totals, trails))
    }
}

type Replayed = (Sample, Totals, Vec<Trail>);

/// Cases of all ages and sizes, every seventh person with two.
fn portfolio(cases: usize) -> Result<Compact, Failure> {
    let due: Timestamp = Facts::due().map_err(Failure::other)?;
    let template = Facts::new(due).map_err(Failure::other)?.case;
    let mut borrower = person("Asia/Shanghai").map_err(Failure::other)?;
    borrower.regions = vec!["CN".to_owned()];
    let mut address = borrower.points[0].clone();
    address.kind = PointKind::Email;
    borrower.points.push(address.clone());
    address.kind = PointKind::Postal;
    borrower.points.push(address);
    let mut all = Compact::default();
    for n in 0..cases {
        let mut case = template.clone();
        case.jurisdiction = "CN".to_owned();
        case.currency = Currency::new("CNY").map_err(Failure::other)?;
        case.amounts.overdue = 300_000 + (n as i64 * 7_919) % 4_000_000;
        case.amounts.principal = case.amounts.overdue;
        case.oldest_unpaid_due = Some(add_days(date(2026, 3, 2), -((n as i32 * 31) % 120)));
        (case.stage, case.closed, case.policy) = (None, None, None);
        case.scores.willingness = Some((n % 100) as u8);
        all.add(CaseToAdd {
            lender_ref: format!("C{n}"),
            borrower_ref: format!("B{}", n - usize::from(n % 8 == 7)),
            case,
            borrower: borrower.clone(),
        });
    }
    Ok(all.sorted())
}

/// The step, asked once for each case and day, and nothing done about it.
fn day_by_day(scene: &Scene, people: &[Person]) -> Result<Sample, Failure> {
    let packs = Packs::builtin();
    let mut days = 0;
    let watch = Stopwatch::start();
    for person in people {
        for loan in &person.cases {
            let case = &loan.case;
            let regions = &person.borrower.regions;
            let binding = packs.bind(&case.jurisdiction, regions, case.lender_kind);
            let binding = binding.map_err(Failure::other)?;
            let input = Input {
                case,
                borrower: &person.borrower,
                contacts: &person.contacts,
                waiting: &[],
                policy: &scene.policy,
                binding: &binding,
                channels: &|_: &str| true,
                visitors: 2,
            };
            for day in 0..DAYS {
                let at = scene.start + SignedDuration::from_hours(i64::from(day) * 24 + 10);
                drop(black_box(step(&input, at, &mut NoTrace::default())));
                days += 1;
            }
        }
    }
    Ok(watch.stop(days))
}

/// G12: how many days of cases a core replays in a second.
pub(super) fn rate(ground: &Ground) -> Result<Line, Failure> {
    let scene = Scene::new()?;
    let n = ground.size(20_000, 200);
    let cases = portfolio(n)?;
    let few: Vec<Person> = (0..cases.people().min(n / 20))
        .map(|i| cases.person(i))
        .collect();
    scene.replay(&cases, 1)?;
    let mut seen = (0, 0);
    let pairs = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => {
            let (sample, totals, _) = scene.replay(&cases, 1)?;
            let made = ContactClass::ALL
                .map(|c| totals.made(c))
                .iter()
                .sum::<u64>();
            seen = (totals.decisions, made);
            Ok(sample)
        }
        Arm::Raw => day_by_day(&scene, &few),
    })?;
    let ours = Figure::rate("replay on one thread", "case-days/s", &pairs.ours);
    let result = ours.value / 1e6;
    Ok(Line {
        goal: "G12",
        what: format!("replay of {n} cases over {DAYS} days: case-days a second and core"),
        ours,
        raw: Figure::rate(
            "the step once a case and day, nothing done",
            "case-days/s",
            &pairs.raw,
        ),
        result,
        result_unit: "million a second",
        aim: 5.0,
        stretch: Some(15.0),
        better: Better::Higher,
        suspect: None,
        price: None,
        notes: vec![format!(
            "{} decisions, {} contacts in a replay",
            seen.0, seen.1
        )],
    })
}

/// G13: two threads against one.
pub(super) fn threads(ground: &Ground) -> Result<Line, Failure> {
    let scene = Scene::new()?;
    let n = ground.size(20_000, 600);
    let cases = portfolio(n)?;
    let (_, totals, trails) = scene.replay(&cases, 1)?;
    let pairs = Pairs::measure(ground.rounds, |arm| {
        let threads = match arm {
            Arm::Ours => 2,
            Arm::Raw => 1,
        };
        let (sample, same, these) = scene.replay(&cases, threads)?;
        if same != totals || these != trails {
            return Err(Failure::Wrong(format!(
                "{threads} threads gave something else"
            )));
        }
        Ok(sample)
    })?;
    Ok(Line {
        goal: "G13",
        what: format!("replay of {n} cases on two threads against one, the same bytes"),
        ours: Figure::rate("two threads", "case-days/s", &pairs.ours),
        raw: Figure::rate("one thread", "case-days/s", &pairs.raw),
        result: pairs.ratio(),
        result_unit: "times",
        aim: 1.7,
        stretch: Some(1.9),
        better: Better::Higher,
        suspect: None,
        price: None,
        notes: vec![],
    })
}

/// G18: memory of a replay, the portfolio included.
pub(super) fn memory(ground: &Ground) -> Result<Line, Failure> {
    let scene = Scene::new()?;
    let n = ground.size(1_000_000, 2_000);
    let few = portfolio(ground.size(10_000, 200))?;
    // What a replay needs whatever its size is there already.
    scene.replay(&few, 1)?;
    let before = resident()?;
    let cases = portfolio(n)?;
    let held = resident()?;
    let (_, totals, trails) = scene.replay(&cases, 1)?;
    let after = resident()?;
    drop((totals, trails));
    let whole: Vec<Person> = (0..few.people()).map(|i| few.person(i)).collect();
    let beside = resident()?;
    let people = whole.len().max(1);
    drop(black_box(whole));
    let mb = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    let per_million = |mb: f64, n: usize| (mb * 1e6 / n as f64).max(0.001);
    let figure = |name: &str, value: f64| Figure {
        name: name.to_owned(),
        value,
        unit: "MB for 1M cases",
        cpu_us: None,
    };
    let result = per_million(mb(before, after), n);
    Ok(Line {
        goal: "G18",
        what: format!("resident memory of a replay of {n} cases with its portfolio, for 1M cases"),
        ours: figure("held in few bytes, and replayed", result),
        raw: figure("the cases whole", per_million(mb(after, beside), people)),
        result,
        result_unit: "MB",
        aim: 64.0,
        stretch: Some(40.0),
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: vec![format!(
            "{} MB for 1M cases before the replay: the portfolio with the lender's references",
            short(per_million(mb(before, held), n))
        )],
    })
}

/// Bytes of this process that are in memory.
fn resident() -> Result<u64, Failure> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| Failure::Wrong("no statm".to_owned()))?;
    Ok(pages * rustix::param::page_size() as u64)
}
