//! `cargo xtask fit`: counts what became of late accounts, for the `fitted` part of a behaviour file. Whole numbers
//! alone; ratios are basis points, cut.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use recoup::cli::import::source::{Format, Row, Source};

/// Count, for a behaviour file, what became of late accounts: the public file of 15,000 credit card accounts (Taiwan,
/// 2005) with the data set's own columns.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file, CSV.
    file: PathBuf,
}

/// Months of a bucket below which it is pooled with the next one.
const MONTHS_MIN: u64 = 100;
/// The bucket of a file's code, which says so many months late; the last one has all that are later.
const OLDEST: usize = 7;

/// What became of months that began late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Months {
    all: u64,
    cures: u64,
    improves: u64,
    pays_part: u64,
    /// Sum of the parts paid, in basis points of the bill, and of how many.
    parts: (u64, u64),
}

impl Months {
    fn add(&mut self, o: &Self) {
        self.all += o.all;
        self.cures += o.cures;
        self.improves += o.improves;
        self.pays_part += o.pays_part;
        self.parts = (self.parts.0 + o.parts.0, self.parts.1 + o.parts.1);
    }

    /// A month that began at `late` months with `bill` owed, brought `paid` and ended at `then` months late.
    fn count(&mut self, late: i64, bill: i64, paid: i64, then: i64) {
        self.all += 1;
        if then <= 0 {
            self.cures += 1;
        } else if paid > 0 {
            match then <= late {
                true => self.improves += 1,
                false => self.pays_part += 1,
            }
            let part = (paid.saturating_mul(10_000) / bill).min(10_000);
            self.parts = (self.parts.0 + part.unsigned_abs(), self.parts.1 + 1);
        }
    }

    fn text(&self) -> String {
        let share = |n: u64| n * 10_000 / self.all.max(1);
        format!(
            "{{cures: {}, improves: {}, pays_part: {}, part: {}}}",
            share(self.cures),
            share(self.improves),
            share(self.pays_part),
            self.parts.0 / self.parts.1.max(1)
        )
    }
}

/// Runs the command.
pub(crate) fn command(args: &Args) -> ExitCode {
    match read(&args.file) {
        Ok(months) => {
            print!("{}", text(&months));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("fit: {}: {problem}", args.file.display());
            ExitCode::from(2)
        }
    }
}

fn read(path: &Path) -> Result<[Months; OLDEST], String> {
    let mut source = Source::open(path, Format::Csv).map_err(|e| e.to_string())?;
    let mut months = [Months::default(); OLDEST];
    while let Some(row) = source.next_row().map_err(|e| e.to_string())? {
        let row = row.map_err(|bad| format!("line {}: {}", bad.line, bad.reason))?;
        let line = row.line;
        account(&row, &mut months)
            .map_err(|column| format!("line {line}: no number in {column}"))?;
    }
    Ok(months)
}

/// Month 6 is the oldest; what was paid in month k came behind the bill of month k + 1.
fn account(row: &Row, months: &mut [Months; OLDEST]) -> Result<(), String> {
    for k in 1..6 {
        let number = |name: String| {
            let text = row.columns.get(&name).map_or("", String::as_str);
            number(text).ok_or(name)
        };
        let late = number(format!("PAY_{}", k + 1))?;
        let bill = number(format!("BILL_AMT{}", k + 1))?;
        if late < 1 || bill <= 0 {
            continue;
        }
        let (paid, then) = (number(format!("PAY_AMT{k}"))?, number(format!("PAY_{k}"))?);
        let bucket = usize::try_from(late).unwrap_or(OLDEST).min(OLDEST);
        months[bucket - 1].count(late, bill, paid, then);
    }
    Ok(())
}

/// A whole number; some cells are written like 5.00E+05.
fn number(text: &str) -> Option<i64> {
    let Some((digits, power)) = text.split_once(['E', 'e']) else {
        return text.parse().ok();
    };
    let power: u32 = power.trim_start_matches('+').parse().ok()?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let places = u32::try_from(part.len()).ok()?;
    let all: i64 = format!("{whole}{part}").parse().ok()?;
    match power.checked_sub(places) {
        Some(more) => all.checked_mul(10_i64.checked_pow(more)?),
        None => {
            let cut = 10_i64.checked_pow(places - power)?;
            (all % cut == 0).then_some(all / cut)
        }
    }
}

/// Buckets with few months go together with the next one, the last ones with the one before.
fn pooled(months: &[Months; OLDEST]) -> BTreeMap<usize, Months> {
    let mut groups: Vec<(Vec<usize>, Months)> = Vec::new();
    let mut open: (Vec<usize>, Months) = (Vec::new(), Months::default());
    for (bucket, own) in months.iter().enumerate() {
        // The oldest have no end, and are not like others.
        if bucket + 1 == OLDEST && !open.0.is_empty() {
            groups.push(std::mem::take(&mut open));
        }
        open.0.push(bucket);
        open.1.add(own);
        if open.1.all >= MONTHS_MIN || bucket + 1 == OLDEST {
            groups.push(std::mem::take(&mut open));
        }
    }
    let each = |(buckets, sum): (Vec<usize>, Months)| buckets.into_iter().map(move |b| (b, sum));
    groups.into_iter().flat_map(each).collect()
}

fn text(months: &[Months; OLDEST]) -> String {
    let all: u64 = months.iter().map(|m| m.all).sum();
    let mut out = format!("# {all} months that began late\nmonths:\n");
    out += "  M0: {cures: 0, improves: 0, pays_part: 0, part: 0}\n";
    for (bucket, sum) in pooled(months) {
        let name = match bucket + 1 {
            OLDEST => format!("M{OLDEST}+"),
            n => format!("M{n}"),
        };
        out += &format!("  {name}: {}  # of {} months\n", sum.text(), sum.all);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_what_it_ended_as() {
        let mut m = Months::default();
        for (late, bill, paid, then) in [
            (2, 1_000, 1_000, 0), // cured
            (2, 1_000, 0, -2),    // cured, whoever paid
            (2, 1_000, 100, 2),   // as late as before: a month was paid
            (2, 1_000, 300, 1),   // less late
            (2, 1_000, 200, 3),   // a part, and later
            (2, 1_000, 0, 3),     // nothing
            (2, 1_000, 0, 2),     // nothing, by what was paid
            (2, 1_000, 5_000, 1), // no more than all of it
        ] {
            m.count(late, bill, paid, then);
        }
        assert_eq!((m.all, m.cures, m.improves, m.pays_part), (8, 2, 3, 1));
        assert_eq!(m.parts, (1_000 + 3_000 + 2_000 + 10_000, 4));
        assert_eq!(
            m.text(),
            "{cures: 2500, improves: 3750, pays_part: 1250, part: 4000}"
        );
    }

    #[test]
    fn few_months_go_with_the_next() {
        let of = |all| Months {
            all,
            ..Months::default()
        };
        let found = pooled(&[7, 8_157, 552, 202, 50, 30, 102].map(of));
        let sums: Vec<u64> = found.values().map(|m| m.all).collect();
        assert_eq!(sums, [8_164, 8_164, 552, 202, 80, 80, 102]);
    }

    #[test]
    fn numbers_are_exact() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-2", Some(-2)),
            ("5.00E+05", Some(500_000)),
            ("1.5E+01", Some(15)),
            ("1.55E+01", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    /// What was counted in the public file: all, cured, improved, paid a part, sum of the parts, how many.
    const COUNTED: [[u64; 6]; OLDEST] = [
        [7, 0, 7, 0, 11164, 7],
        [8157, 2054, 3458, 212, 3261371, 3670],
        [552, 86, 86, 22, 63045, 108],
        [202, 11, 49, 5, 29399, 54],
        [50, 3, 5, 4, 4225, 9],
        [30, 2, 3, 1, 2870, 4],
        [102, 0, 1, 0, 951, 1],
    ];

    #[test]
    fn what_ships_is_what_was_counted() {
        let months = COUNTED.map(|[all, cures, improves, pays_part, sum, parts]| Months {
            all,
            cures,
            improves,
            pays_part,
            parts: (sum, parts),
        });
        let shipped = recoup_simulate::DEFAULT_BEHAVIOUR;
        for line in text(&months).lines().filter(|l| l.contains('{')) {
            let fit = line.split("  #").next().unwrap().trim();
            assert!(shipped.contains(fit), "{fit}");
        }
        let all: u64 = months.iter().map(|m| m.all).sum();
        assert!(shipped.contains(&format!("{},{:03} months", all / 1_000, all % 1_000)));
        recoup_simulate::Behaviour::parse(shipped).unwrap();
    }
}
