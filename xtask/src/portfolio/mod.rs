//! A made-up portfolio in the native format, always the same for the same seed. Numbers, mail and street
//! addresses lie in ranges that nobody has: see `docs/import.md`.

mod markets;

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use crate::chance::{between, draw, happens, pick, weighed};
use markets::{MARKETS, Market};

/// Write the made-up portfolio of the demo to standard output, as `recoup import` takes it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Number of cases.
    #[arg(long, default_value_t = 2_000)]
    cases: u32,
    /// Another seed gives another portfolio.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The day the portfolio is of.
    #[arg(long, default_value = "2026-03-01")]
    as_of: Date,
}

/// Writes a portfolio to standard output.
pub(crate) fn run(args: &Args) -> ExitCode {
    let rows = rows(&Options {
        cases: args.cases,
        seed: args.seed,
        as_of: args.as_of,
    });
    match write(&rows, io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portfolio: write the rows: {error}");
            ExitCode::from(2)
        }
    }
}

/// How a portfolio is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    /// Number of cases.
    pub(crate) cases: u32,
    /// Another seed gives another portfolio.
    pub(crate) seed: u64,
    /// The day the portfolio is of.
    pub(crate) as_of: Date,
}

/// A case in the native format; the names are those of the import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) lender_case_ref: String,
    pub(crate) borrower_ref: String,
    pub(crate) borrower_kind: &'static str,
    pub(crate) jurisdiction: String,
    pub(crate) lender_kind: &'static str,
    pub(crate) currency: &'static str,
    pub(crate) overdue: String,
    pub(crate) principal: String,
    pub(crate) interest: String,
    pub(crate) fees: String,
    pub(crate) oldest_unpaid_due_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ability: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) willingness: Option<i64>,
    pub(crate) product: &'static str,
    pub(crate) policy_name: &'static str,
    pub(crate) display_name: String,
    pub(crate) regions: Vec<String>,
    pub(crate) locale: &'static str,
    pub(crate) mobiles: Vec<String>,
    pub(crate) emails: Vec<String>,
    pub(crate) addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repayment_record: Option<String>,
}

/// The rows of a portfolio.
pub(crate) fn rows(options: &Options) -> Vec<Row> {
    let mut rows = Vec::with_capacity(options.cases as usize);
    let mut person = 0;
    while rows.len() < options.cases as usize {
        person += 1;
        let borrower = Borrower::new(options, person);
        for loan in 1..=borrower.loans {
            if rows.len() < options.cases as usize {
                rows.push(borrower.row(options, loan));
            }
        }
    }
    rows
}

/// Writes rows as JSON Lines.
pub(crate) fn write(rows: &[Row], mut to: impl Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut to, row)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// Somebody who owes.
struct Borrower {
    number: u32,
    market: &'static Market,
    region: String,
    is_business: bool,
    is_lost: bool,
    loans: u32,
}

impl Borrower {
    fn new(options: &Options, number: u32) -> Self {
        let n = number.to_string();
        let seed = options.seed;
        let shares: Vec<(u64, &Market)> = MARKETS.iter().map(|m| (m.share, m)).collect();
        let market = weighed(seed, &["market", &n], &shares);
        Self {
            number,
            market,
            region: (*pick(seed, &["region", &n], market.regions)).to_owned(),
            is_business: happens(seed, &["business", &n], market.business_percent),
            is_lost: happens(seed, &["lost", &n], 6),
            loans: weighed(seed, &["loans", &n], &[(86, 1), (11, 2), (3, 3)]),
        }
    }

    fn row(&self, options: &Options, loan: u32) -> Row {
        let seed = options.seed;
        let reference = format!("{}-{:05}-{loan}", self.market.prefix, self.number);
        let r = reference.as_str();
        let dpd = days_past_due(seed, r);
        let due = options.as_of - dpd.days();
        let overdue = self.overdue_minor(seed, r);
        let principal = overdue * between(seed, &["principal", r], 100, 320) / 100;
        let document = |kind: &str, percent: i64| {
            let there = happens(seed, &["document", kind, r], percent);
            there.then(|| format!("{kind}/{r} {}", pseudo_sha256(seed, kind, r)))
        };
        let score = |what: &str| {
            let known = happens(seed, &["scored", what, r], 85);
            known.then(|| between(seed, &[what, r], 3, 97))
        };
        Row {
            lender_case_ref: reference.clone(),
            borrower_ref: format!("{}-B{:05}", self.market.prefix, self.number),
            borrower_kind: if self.is_business {
                "micro_business"
            } else {
                "individual"
            },
            jurisdiction: self.region.clone(),
            lender_kind: self.market.lender_kind,
            currency: self.market.currency,
            overdue: decimal(overdue),
            principal: decimal(principal),
            interest: decimal(overdue * 6 / 100),
            fees: decimal(overdue / 100),
            oldest_unpaid_due_date: due.to_string(),
            ability: score("ability"),
            willingness: score("willingness"),
            product: if self.is_business {
                "shop_loan"
            } else {
                "cash_loan"
            },
            policy_name: self.market.policy,
            display_name: self.name(seed),
            regions: vec![self.region.clone()],
            locale: self.market.locale,
            mobiles: self.mobiles(),
            emails: self.emails(seed),
            addresses: vec![self.address(seed)],
            contract: document("contract", 96),
            statement: document("statement", 96),
            repayment_record: document("repayments", 90),
        }
    }

    /// Most amounts are small; about one in eight is above 20,000.00.
    fn overdue_minor(&self, seed: u64, r: &str) -> i64 {
        let bands = [
            (50, (300, 3_000)),
            (37, (3_000, 19_000)),
            (13, (20_100, 95_000)),
        ];
        let (low, high) = weighed(seed, &["band", r], &bands);
        let units = between(seed, &["units", r], low, high) * self.market.scale_percent / 100;
        units * 100 + between(seed, &["minor", r], 0, 99)
    }

    fn name(&self, seed: u64) -> String {
        let n = self.number.to_string();
        let words: Vec<&str> = self
            .market
            .names
            .iter()
            .enumerate()
            .map(|(i, list)| *pick(seed, &["name", &i.to_string(), &n], list))
            .collect();
        words.join(self.market.name_join)
    }

    /// The first number is a person's own; every fourth person has a second one. Who is lost has none.
    fn mobiles(&self) -> Vec<String> {
        if self.is_lost {
            return Vec::new();
        }
        let own = (self.market.mobile)(self.number * 2);
        let second =
            (self.number.is_multiple_of(4)).then(|| (self.market.mobile)(self.number * 2 + 1));
        std::iter::once(own).chain(second).collect()
    }

    fn emails(&self, seed: u64) -> Vec<String> {
        let n = self.number.to_string();
        // Who is lost can be written to, or nobody could ever be asked to pay before a visit.
        if !self.is_lost && !happens(seed, &["email", &n], 75) {
            return Vec::new();
        }
        let host = pick(
            seed,
            &["mail host", &n],
            &["example.com", "example.org", "example.net"],
        );
        vec![format!("{}{n}@{host}", self.market.prefix.to_lowercase())]
    }

    fn address(&self, seed: u64) -> String {
        let n = self.number.to_string();
        let street = pick(seed, &["street", &n], self.market.streets);
        let house = between(seed, &["house", &n], 1, 480).to_string();
        self.market
            .address
            .replace("{street}", street)
            .replace("{house}", &house)
    }
}

/// Spread so that within a quarter of a year every rung is reached: mostly early, some late, none before its
/// due date.
fn days_past_due(seed: u64, r: &str) -> i64 {
    let bands = [
        (34, (1, 5)),
        (28, (6, 29)),
        (18, (30, 59)),
        (12, (60, 89)),
        (8, (90, 170)),
    ];
    let (first, last) = weighed(seed, &["dpd band", r], &bands);
    between(seed, &["dpd", r], first, last)
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The papers are made up, and so are their hashes.
fn pseudo_sha256(seed: u64, kind: &str, r: &str) -> String {
    let part = |i: &str| format!("{:016x}", draw(seed, &["sha256", kind, r, i]));
    ["0", "1", "2", "3"].map(part).concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn sample(seed: u64) -> Vec<Row> {
        rows(&Options {
            cases: 2_000,
            seed,
            as_of: Date::constant(2026, 3, 1),
        })
    }

    fn bytes(rows: &[Row]) -> Vec<u8> {
        let mut text = Vec::new();
        write(rows, &mut text).unwrap();
        text
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_does_not() {
        assert_eq!(bytes(&sample(42)), bytes(&sample(42)));
        assert_ne!(bytes(&sample(42)), bytes(&sample(43)));
        let fewer = rows(&Options {
            cases: 100,
            seed: 42,
            as_of: Date::constant(2026, 3, 1),
        });
        assert_eq!(
            fewer[..],
            sample(42)[..100],
            "a smaller portfolio is the beginning of a larger one"
        );
    }

    #[test]
    fn everything_the_ladder_needs_occurs() {
        let rows = sample(42);
        assert_eq!(rows.len(), 2_000);
        let share = |test: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| test(r)).count();
        assert!(share(&|r| r.currency == "CNY") > 1_200);
        assert!(share(&|r| r.currency == "TWD") > 150);
        assert!(share(&|r| r.currency == "USD") > 150);
        assert!(share(&|r| r.borrower_kind == "micro_business") > 300);
        assert!(share(&|r| r.mobiles.is_empty()) > 50, "lost contacts");
        assert!(share(&|r| r.contract.is_none() || r.repayment_record.is_none()) > 100);
        assert!(share(&|r| r.willingness.is_none()) > 100);
        let minor = |r: &Row| r.overdue.replace('.', "").parse::<i64>().unwrap();
        assert!(
            share(&|r| r.currency == "CNY" && minor(r) >= 2_000_000) > 100,
            "large amounts"
        );
        let mut loans: BTreeMap<&str, u32> = BTreeMap::new();
        for row in &rows {
            *loans.entry(&row.borrower_ref).or_default() += 1;
        }
        assert!(loans.values().any(|n| *n == 3), "several loans a person");
        let references: BTreeSet<&str> = rows.iter().map(|r| r.lender_case_ref.as_str()).collect();
        assert_eq!(references.len(), rows.len());
        assert!(
            rows.iter()
                .all(|r| r.oldest_unpaid_due_date.as_str() < "2026-03-01")
        );
    }

    #[test]
    fn no_two_people_share_a_number() {
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for row in sample(42) {
            for mobile in row.mobiles {
                let owner = owners
                    .entry(mobile.clone())
                    .or_insert_with(|| row.borrower_ref.clone());
                assert_eq!(*owner, row.borrower_ref, "{mobile}");
            }
        }
    }
}
