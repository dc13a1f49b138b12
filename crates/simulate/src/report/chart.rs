//! Charts as SVG. Coordinates are whole numbers: the same bytes on any machine.

use super::{grouped, text};
use std::fmt::Write;

const WIDTH: i128 = 900;
const LEFT: i128 = 70;
const HEIGHT: i128 = 200;
const BELOW: i128 = 24;
/// Above the highest line, for its label.
const ABOVE: i128 = 8;

/// What the full height stands for, and the steps to it: whole numbers that are easily read.
struct Scale {
    step: i128,
    steps: i128,
}

impl Scale {
    /// Up to `most`, in five steps at most.
    fn to(most: i128) -> Self {
        let most = most.max(1);
        let mut unit = 1;
        loop {
            for digit in [1, 2, 5] {
                let step = digit * unit;
                if step * 5 >= most {
                    let steps = (most + step - 1) / step;
                    return Self { step, steps };
                }
            }
            unit *= 10;
        }
    }

    const fn top(&self) -> i128 {
        self.step * self.steps
    }

    fn axis(&self, out: &mut String) {
        for n in 0..=self.steps {
            let (y, x) = (HEIGHT - HEIGHT * n / self.steps, LEFT - 6);
            let (label, at) = (short(self.step * n), y + 4);
            let _ = write!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{WIDTH}\" y2=\"{y}\" stroke=\"#eaeef2\"/>\
                 <text x=\"{x}\" y=\"{at}\" text-anchor=\"end\">{label}</text>"
            );
        }
    }
}

/// A round number in few letters: `1,500`, `20 k`, `1.5 M`, `3 bn`.
fn short(n: i128) -> String {
    for (unit, name) in [
        (1_000_000_000_000, "tn"),
        (1_000_000_000, "bn"),
        (1_000_000, "M"),
        (1_000, "k"),
    ] {
        if n >= 10 * unit || (unit > 1_000 && n >= unit) {
            let (whole, tenth) = (n / unit, n % unit * 10 / unit);
            return match tenth {
                0 => format!("{} {name}", grouped(whole)),
                _ => format!("{}.{tenth} {name}", grouped(whole)),
            };
        }
    }
    grouped(n)
}

/// Columns of stacked parts, one a day.
pub(super) struct Stack<'a> {
    /// Under the first, the middle and the last column.
    pub(super) labels: Vec<&'a str>,
    pub(super) parts: Vec<&'a [u32]>,
    pub(super) colours: &'a [&'a str],
    /// What the full height stands for.
    pub(super) most: u64,
}

impl Stack<'_> {
    pub(super) fn svg(&self) -> String {
        let mut out = open("contacts a day");
        let scale = Scale::to(self.most.into());
        scale.axis(&mut out);
        let most = scale.top();
        let n = i128::try_from(self.parts.len()).unwrap_or(1).max(1);
        for (i, parts) in (0_i128..).zip(&self.parts) {
            let (from, to) = (place(i, n), place(i + 1, n));
            let mut below = 0_i128;
            for (part, colour) in parts.iter().zip(self.colours) {
                let (low, high) = (below, below + i128::from(*part));
                below = high;
                let (y, foot) = (HEIGHT - high * HEIGHT / most, HEIGHT - low * HEIGHT / most);
                if foot > y {
                    let width = (to - from - i128::from(n < 200)).max(1);
                    let _ = write!(
                        out,
                        "<rect x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>",
                        foot - y
                    );
                }
            }
        }
        days(&mut out, &self.labels);
        out.push_str("</svg></div>\n");
        out
    }
}

/// Bars that lie, one a name and policy.
pub(super) struct Bars<'a> {
    /// What is counted.
    pub(super) what: &'a str,
    pub(super) names: Vec<&'a str>,
    /// By name and policy.
    pub(super) values: Vec<Vec<u64>>,
    pub(super) colours: &'a [&'a str],
}

impl Bars<'_> {
    pub(super) fn svg(&self) -> String {
        const BAR: i128 = 14;
        /// A letter at most, as wide as the letters of names are.
        const LETTER: i128 = 8;
        let longest = self.names.iter().map(|name| name.chars().count()).max();
        let names = (longest.unwrap_or(0) as i128 * LETTER + 12).clamp(40, 400);
        let most = self.values.iter().flatten().copied().max().unwrap_or(0);
        let most = i128::from(most.max(1));
        let of_name = |values: &Vec<u64>| values.len() as i128 * BAR + 6;
        let height: i128 = self.values.iter().map(of_name).sum();
        let mut out = drawing(self.what, 0, height);
        let mut y = 0;
        for (name, values) in self.names.iter().zip(&self.values) {
            let (x, at) = (names - 8, y + 11);
            let _ = write!(
                out,
                "<text x=\"{x}\" y=\"{at}\" text-anchor=\"end\">{}</text>",
                text(name)
            );
            for (value, colour) in values.iter().zip(self.colours) {
                let width = i128::from(*value) * (WIDTH - names - 90) / most;
                let (x, at) = (names + width + 6, y + 11);
                let _ = write!(
                    out,
                    "<rect x=\"{names}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>\
                     <text x=\"{x}\" y=\"{at}\">{}</text>",
                    BAR - 2,
                    grouped(i128::from(*value))
                );
                y += BAR;
            }
            y += 6;
        }
        out.push_str("</svg></div>\n");
        out
    }
}

/// Lines over days, one a policy.
pub(super) struct Line<'a> {
    pub(super) series: Vec<Vec<i128>>,
    pub(super) colours: &'a [&'a str],
    /// Under the first, the middle and the last day.
    pub(super) labels: Vec<&'a str>,
    pub(super) name: &'a str,
}

impl Line<'_> {
    pub(super) fn svg(&self) -> String {
        let most = self.series.iter().flatten().copied().max().unwrap_or(0);
        let scale = Scale::to(most);
        let mut out = open(self.name);
        scale.axis(&mut out);
        for (series, colour) in self.series.iter().zip(self.colours) {
            let n = i128::try_from(series.len()).unwrap_or(1).max(1);
            let mut points = String::new();
            for (i, value) in (1_i128..).zip(series) {
                let (x, y) = (place(i, n), HEIGHT - value * HEIGHT / scale.top());
                let _ = write!(points, "{x},{y} ");
            }
            let points = points.trim_end();
            let _ = write!(
                out,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
        }
        days(&mut out, &self.labels);
        out.push_str("</svg></div>\n");
        out
    }
}

/// A drawing over days.
fn open(name: &str) -> String {
    drawing(name, ABOVE, HEIGHT + BELOW)
}

/// A drawing in a frame that scrolls where the window is narrower: shrunk, nobody could read it.
fn drawing(name: &str, above: i128, height: i128) -> String {
    let (name, tall) = (text(name), above + height);
    format!(
        "<p class=\"cap\">{name}</p>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{name}\">\
         <svg viewBox=\"0 -{above} {WIDTH} {tall}\" width=\"{WIDTH}\" height=\"{tall}\" role=\"img\" \
         aria-label=\"{name}\">"
    )
}

/// The first, the middle and the last day.
fn days(out: &mut String, labels: &[&str]) {
    let last = labels.len().saturating_sub(1);
    let mut places = vec![(0, "start"), (last / 2, "middle"), (last, "end")];
    places.dedup_by_key(|(at, _)| *at);
    for (at, anchor) in places {
        let Some(label) = labels.get(at) else {
            continue;
        };
        let x = LEFT + (WIDTH - LEFT) * at as i128 / last.max(1) as i128;
        let (y, label) = (HEIGHT + 16, text(label));
        let _ = write!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>"
        );
    }
}

/// Where the i-th of n columns begins.
const fn place(i: i128, n: i128) -> i128 {
    LEFT + (WIDTH - LEFT) * i / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reaches_what_it_must_in_few_steps_that_all_differ() {
        for most in [
            0,
            1,
            2,
            3,
            4,
            7,
            10,
            11,
            49,
            50,
            51,
            999,
            1_000,
            1_234_567,
            98_765_432_100,
        ] {
            let scale = Scale::to(most);
            assert!(scale.top() >= most && scale.step >= 1, "{most}");
            assert!((1..=5).contains(&scale.steps), "{most}");
            assert!(scale.top() - scale.step < most.max(1), "{most}");
        }
    }

    #[test]
    fn round_numbers_are_told_in_few_letters() {
        for (n, expected) in [
            (0, "0"),
            (1_500, "1,500"),
            (9_999, "9,999"),
            (20_000, "20 k"),
            (1_500_000, "1.5 M"),
            (300_000_000, "300 M"),
            (2_000_000_000, "2 bn"),
            (4_500_000_000_000, "4.5 tn"),
        ] {
            assert_eq!(short(n), expected);
        }
    }
}
