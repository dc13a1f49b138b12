//! What people read: two tables, and each violation in words.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use crate::verdict::{Judgement, Verdict, Violation};

/// Violations printed in words of each kind; the JSON holds all of them.
pub const SHOWN_MAX: usize = 20;

/// The report of a judgement, ending with a newline.
#[must_use]
pub fn text(judgement: &Judgement) -> String {
    let mut out = format!("{}\n{}\n", channels(judgement), rules(judgement));
    violations(&mut out, &judgement.violations);
    if judgement.misbehaved > 0 {
        line(
            &mut out,
            format!(
                "the sandbox misbehaved on purpose {} times",
                judgement.misbehaved
            ),
        );
    }
    if judgement.ignored_lines > 0 {
        let n = judgement.ignored_lines;
        line(
            &mut out,
            format!("{n} lines of the sandbox log are of an unknown type"),
        );
    }
    match &judgement.live_reason {
        None => line(&mut out, "live: yes".to_owned()),
        Some(reason) => line(&mut out, format!("live: no, {reason}")),
    }
    let verdict = match (judgement.verdict, judgement.violations.len()) {
        (Verdict::Clean, _) => "clean".to_owned(),
        (Verdict::Violated, 0) => "violated: it had to be live".to_owned(),
        (Verdict::Violated, n) => format!("violated: {n} violations"),
    };
    line(&mut out, format!("verdict: {verdict}"));
    out
}

fn line(out: &mut String, text: String) {
    out.push_str(&text);
    out.push('\n');
}

fn channels(judgement: &Judgement) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["channel", "intents", "receipts", "accepted", "unknown"]);
    for (channel, tally) in &judgement.channels {
        let figures = [tally.intents, tally.receipts, tally.accepted, tally.unknown];
        let figures = figures.iter().map(usize::to_string);
        table.add_row(std::iter::once(channel.name().to_owned()).chain(figures));
    }
    let all = &judgement.tally;
    let figures = [all.intents, all.receipts, all.accepted, all.unknown];
    let figures = figures.iter().map(usize::to_string);
    table.add_row(std::iter::once("all".to_owned()).chain(figures));
    table
}

fn rules(judgement: &Judgement) -> Table {
    let tally = &judgement.tally;
    let rows = [
        ("effected", tally.effected),
        ("cancelled", tally.cancelled),
        ("denied", tally.denied),
        ("doubles", tally.doubles),
        ("losses", tally.losses),
        ("twins", tally.twins),
        ("outside window, or late", tally.outside_window),
        ("over cap", tally.over_cap),
        ("no prior contact", tally.no_prior_contact),
        ("after stop", tally.after_stop),
        ("receipts without intent", tally.receipts_without_intent),
        ("accepted without receipt", tally.accepted_without_receipt),
        ("bad edges", tally.bad_edges),
    ];
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["what", "number"]);
    for (name, number) in rows {
        table.add_row([name.to_owned(), number.to_string()]);
    }
    table
}

/// They come sorted by kind.
fn violations(out: &mut String, violations: &[Violation]) {
    for group in violations.chunk_by(|one, other| one.kind == other.kind) {
        for violation in group.iter().take(SHOWN_MAX) {
            let contact = violation.contact.as_deref().unwrap_or("none");
            let case = violation.case.as_deref().unwrap_or("none");
            let kind = violation.kind.name();
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{kind}: contact {contact}, case {case}: {}",
                violation.text
            );
        }
        if let Some(more) = group.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
            line(
                out,
                format!("{}: {more} more, in the JSON", group[0].kind.name()),
            );
        }
    }
}
