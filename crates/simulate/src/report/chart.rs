//! Charts as SVG. Coordinates are whole numbers: the same bytes on any machine.

use super::{grouped, text};
use std::fmt::Write;

const WIDTH: i128 = 900;
const LEFT: i128 = 70;
const HEIGHT: i128 = 200;
const BELOW: i128 = 24;

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
        let mut out = open("contacts by day");
        let most = i128::from(self.most.max(1));
        axis(&mut out, most);
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
        let last = self.labels.len().saturating_sub(1);
        let places = [(0, "start"), (last / 2, "middle"), (last, "end")];
        for (at, anchor) in places {
            let Some(label) = self.labels.get(at) else {
                continue;
            };
            let x = LEFT + (WIDTH - LEFT) * at as i128 / last.max(1) as i128;
            let (y, label) = (HEIGHT + 16, text(label));
            let _ = write!(
                out,
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{label}</text>"
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Bars that lie, one a name and policy.
pub(super) struct Bars<'a> {
    pub(super) names: Vec<&'a str>,
    /// By name and policy.
    pub(super) values: Vec<Vec<u64>>,
    pub(super) colours: &'a [&'a str],
}

impl Bars<'_> {
    pub(super) fn svg(&self) -> String {
        const NAMES: i128 = 300;
        const BAR: i128 = 14;
        let most = self.values.iter().flatten().copied().max().unwrap_or(0);
        let most = i128::from(most.max(1));
        let of_name = |values: &Vec<u64>| values.len() as i128 * BAR + 6;
        let height: i128 = self.values.iter().map(of_name).sum();
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">"
        );
        let mut y = 0;
        for (name, values) in self.names.iter().zip(&self.values) {
            let (x, at) = (NAMES - 8, y + 11);
            let _ = write!(
                out,
                "<text x=\"{x}\" y=\"{at}\" text-anchor=\"end\">{}</text>",
                text(name)
            );
            for (value, colour) in values.iter().zip(self.colours) {
                let width = i128::from(*value) * (WIDTH - NAMES - 90) / most;
                let (x, at) = (NAMES + width + 6, y + 11);
                let _ = write!(
                    out,
                    "<rect x=\"{NAMES}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>\
                     <text x=\"{x}\" y=\"{at}\">{}</text>",
                    BAR - 2,
                    grouped(i128::from(*value))
                );
                y += BAR;
            }
            y += 6;
        }
        out.push_str("</svg>\n");
        out
    }
}

/// Lines over days, one a policy.
pub(super) struct Line<'a> {
    pub(super) series: Vec<Vec<i128>>,
    pub(super) colours: &'a [&'a str],
    pub(super) name: &'a str,
}

impl Line<'_> {
    pub(super) fn svg(&self) -> String {
        let most = self
            .series
            .iter()
            .flatten()
            .copied()
            .max()
            .unwrap_or(0)
            .max(1);
        let mut out = open(self.name);
        axis(&mut out, most);
        for (series, colour) in self.series.iter().zip(self.colours) {
            let n = i128::try_from(series.len()).unwrap_or(1).max(1);
            let mut points = String::new();
            for (i, value) in (1_i128..).zip(series) {
                let (x, y) = (place(i, n), HEIGHT - value * HEIGHT / most);
                let _ = write!(points, "{x},{y} ");
            }
            let points = points.trim_end();
            let _ = write!(
                out,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
        }
        let (x, y) = (LEFT, HEIGHT + 16);
        let _ = write!(
            out,
            "<text x=\"{x}\" y=\"{y}\">{}</text></svg>",
            text(self.name)
        );
        out.push('\n');
        out
    }
}

fn open(name: &str) -> String {
    let height = HEIGHT + BELOW;
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">",
        text(name)
    )
}

/// Where the i-th of n columns begins.
const fn place(i: i128, n: i128) -> i128 {
    LEFT + (WIDTH - LEFT) * i / n
}

fn axis(out: &mut String, most: i128) {
    for part in 0..=4 {
        let (y, x) = (HEIGHT - HEIGHT * part / 4, LEFT - 6);
        let label = grouped(most * part / 4);
        let at = (y + 4).max(10);
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{WIDTH}\" y2=\"{y}\" stroke=\"#eaeef2\"/>\
             <text x=\"{x}\" y=\"{at}\" text-anchor=\"end\">{label}</text>"
        );
    }
}
