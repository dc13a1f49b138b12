//! What is printed: a table for people, JSON for programs.

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde::Serialize;

use super::measure::{Pairs, Sample, median_of};

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// What was run.
    pub(crate) name: String,
    /// The median over the rounds.
    pub(crate) value: f64,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// Processor time an operation, in microseconds: the median over the rounds.
    pub(crate) cpu_us: Option<f64>,
}

impl Figure {
    /// A rate.
    pub(crate) fn rate(name: impl Into<String>, unit: &'static str, samples: &[Sample]) -> Self {
        Self {
            name: name.into(),
            value: median_of(samples, Sample::rate),
            unit,
            cpu_us: Some(median_of(samples, Sample::cpu_us)),
        }
    }

    /// A time an operation, in microseconds.
    pub(crate) fn time(name: impl Into<String>, samples: &[Sample]) -> Self {
        Self {
            name: name.into(),
            value: median_of(samples, Sample::us),
            unit: "us",
            cpu_us: Some(median_of(samples, Sample::cpu_us)),
        }
    }

    fn text(&self) -> String {
        let cpu = self
            .cpu_us
            .map_or_else(String::new, |us| format!("\n{} us CPU each", short(us)));
        format!("{}\n{} {}{cpu}", self.name, short(self.value), self.unit)
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    /// More is better: a share of the raw limit.
    Higher,
    /// Less is better: a time, or a multiple.
    Lower,
}

/// A goal, and how far it is reached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// Its number in the design.
    pub(crate) goal: &'static str,
    /// What it says.
    pub(crate) what: String,
    /// What recoup did.
    pub(crate) ours: Figure,
    /// The raw limit or the peer, in the same run.
    pub(crate) raw: Figure,
    /// What is held against the goal.
    pub(crate) result: f64,
    /// The unit of `result`; empty for a ratio.
    pub(crate) result_unit: &'static str,
    /// What is aimed at.
    pub(crate) aim: f64,
    /// What would be better still; none where the design names none.
    pub(crate) stretch: Option<f64>,
    /// Which way is better.
    pub(crate) better: Better,
    /// Why the figures are not to be trusted: the machine was much slower than when it was quiet.
    pub(crate) suspect: Option<String>,
    /// What identity costs, where the goal is measured with it.
    pub(crate) price: Option<Price>,
    /// What else was seen.
    pub(crate) notes: Vec<String>,
}

/// The same work with identity and in the development mode, in turn.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Price {
    /// The median over the rounds of the rate with identity over the rate without.
    pub(crate) share: f64,
    /// Processor time an operation, in microseconds: with identity, and without.
    pub(crate) cpu_us: [f64; 2],
}

impl Price {
    fn text(&self) -> String {
        let [with, without] = self.cpu_us;
        format!(
            "identity (mutual TLS, a key on each call): {} of the rate in plain text, {} us CPU each against {}, \
             {} times",
            short(self.share),
            short(with),
            short(without),
            short(with / without)
        )
    }
}

impl Line {
    /// Our rate as a share of the raw one.
    pub(crate) fn share(goal: &'static str, what: &str, unit: &'static str, pairs: &Pairs) -> Self {
        Self {
            goal,
            what: what.to_owned(),
            ours: Figure::rate("recoup", unit, &pairs.ours),
            raw: Figure::rate("raw", unit, &pairs.raw),
            result: pairs.ratio(),
            result_unit: "",
            aim: f64::NAN,
            stretch: None,
            better: Better::Higher,
            suspect: None,
            price: None,
            notes: Vec::new(),
        }
    }

    /// With what identity costs: each round with it, and without.
    pub(crate) fn priced(mut self, both: &Pairs) -> Self {
        self.price = Some(Price {
            share: both.ratio(),
            cpu_us: [&both.ours, &both.raw].map(|samples| median_of(samples, Sample::cpu_us)),
        });
        self
    }

    pub(crate) fn named(mut self, ours: &str, raw: &str) -> Self {
        self.ours.name = ours.to_owned();
        self.raw.name = raw.to_owned();
        self
    }

    pub(crate) fn aims(mut self, aim: f64, stretch: f64) -> Self {
        self.aim = aim;
        self.stretch = Some(stretch);
        self
    }

    pub(crate) fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    /// `stretch`, `pass` or `miss`.
    pub(crate) fn verdict(&self) -> &'static str {
        let reaches = |aim: f64| match self.better {
            Better::Higher => self.result >= aim,
            Better::Lower => self.result <= aim,
        };
        if self.stretch.is_some_and(reaches) {
            "stretch"
        } else if reaches(self.aim) {
            "pass"
        } else {
            "miss"
        }
    }
}

/// How the machine did on something that was measured when it was quiet.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Baseline {
    /// What was measured.
    pub(crate) what: &'static str,
    /// Now: the median.
    pub(crate) now: f64,
    /// When it was quiet.
    pub(crate) quiet: f64,
    /// The unit.
    pub(crate) unit: &'static str,
    /// Which way is better.
    pub(crate) better: Better,
}

impl Baseline {
    /// Why what rests on it is suspect, where it is: more than twice worse than when quiet.
    pub(crate) fn suspect(&self) -> Option<String> {
        let worse = match self.better {
            Better::Higher => self.quiet / self.now,
            Better::Lower => self.now / self.quiet,
        };
        (worse > 2.0).then(|| {
            format!(
                "{}: {} {} now, {} when quiet",
                self.what,
                short(self.now),
                self.unit,
                short(self.quiet)
            )
        })
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether sizes were cut so that the figures mean nothing.
    pub(crate) quick: bool,
    /// Rounds of each comparison.
    pub(crate) rounds: usize,
    /// The machine.
    pub(crate) machine: Vec<Baseline>,
    /// The goals.
    pub(crate) lines: Vec<Line>,
}

impl Report {
    /// JSON, with verdicts.
    pub(crate) fn json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        for (line, json) in self
            .lines
            .iter()
            .zip(value["lines"].as_array_mut().into_iter().flatten())
        {
            json["verdict"] = line.verdict().into();
        }
        format!("{value:#}")
    }

    /// Tables.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        if self.quick {
            out += "A quick run: sizes are cut, the figures mean nothing.\n\n";
        }
        let mut machine = table(["machine", "now", "quiet", ""]);
        for b in &self.machine {
            let word = if b.suspect().is_some() { "suspect" } else { "" };
            machine.add_row([
                b.what.to_owned(),
                format!("{} {}", short(b.now), b.unit),
                short(b.quiet),
                word.to_owned(),
            ]);
        }
        out += &format!("{machine}\n\n");
        let mut goals = table(["goal", "what", "recoup", "raw", "result", "aim", ""]);
        for line in &self.lines {
            goals.add_row(row(line));
        }
        out += &format!("{goals}\n");
        for line in &self.lines {
            let suspect = line.suspect.iter().map(|s| format!("suspect: {s}"));
            let price = line.price.as_ref().map(Price::text);
            for note in price
                .into_iter()
                .chain(line.notes.iter().cloned())
                .chain(suspect)
            {
                out += &format!("{}: {note}\n", line.goal);
            }
        }
        out
    }
}

fn row(line: &Line) -> Vec<String> {
    let stretch = line
        .stretch
        .map_or_else(String::new, |s| format!("\nstretch {s}"));
    let suspect = if line.suspect.is_some() {
        "\nsuspect"
    } else {
        ""
    };
    vec![
        line.goal.to_owned(),
        line.what.clone(),
        line.ours.text(),
        line.raw.text(),
        format!("{} {}", short(line.result), line.result_unit),
        format!("{}{stretch}", line.aim),
        format!("{}{suspect}", line.verdict()),
    ]
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(header);
    table
}

/// Three figures that count, without an exponent.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(result: f64, better: Better) -> Line {
        let sample = Sample {
            ops: 1_000,
            wall: Duration::from_secs(1),
            cpu: Duration::from_millis(500),
        };
        let pairs = Pairs {
            ours: vec![sample],
            raw: vec![sample],
        };
        let mut line = Line::share("G0", "a thing", "a s", &pairs).aims(0.5, 0.7);
        (line.result, line.better) = (result, better);
        line
    }

    #[test]
    fn a_verdict_looks_the_right_way() {
        let high = |r| line(r, Better::Higher).verdict();
        assert_eq!(
            (high(0.4), high(0.5), high(0.7)),
            ("miss", "pass", "stretch")
        );
        let mut low = line(0.6, Better::Lower).aims(1.5, 0.3);
        assert_eq!(low.verdict(), "pass");
        low.result = 2.0;
        assert_eq!(low.verdict(), "miss");
    }

    #[test]
    fn more_than_twice_worse_is_suspect() {
        let mut b = Baseline {
            what: "rows",
            now: 500.0,
            quiet: 1_000.0,
            unit: "a s",
            better: Better::Higher,
        };
        assert_eq!(b.suspect(), None);
        b.now = 499.0;
        assert!(b.suspect().is_some_and(|s| s.contains("499 a s now")));
        (b.now, b.better) = (2_001.0, Better::Lower);
        assert!(b.suspect().is_some());
    }

    #[test]
    fn both_forms_name_goal_verdict_and_processor_time() {
        let report = Report {
            quick: false,
            rounds: 7,
            machine: vec![],
            lines: vec![line(0.6, Better::Higher)],
        };
        let text = report.text();
        assert!(
            text.contains("G0") && text.contains("pass") && text.contains("500 us CPU"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["lines"][0]["verdict"], "pass");
        assert_eq!(json["lines"][0]["ours"]["cpu_us"], 500.0);
    }
}
