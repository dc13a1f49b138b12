//! The report for people: one HTML file that needs nothing else, without scripts, charts as SVG. It says which figures
//! rest on assumptions.

mod chart;

use crate::summary::{Amount, Compared, Named, PolicySummary, Summary};
use chart::{Bars, Line, Stack};
use std::fmt::Write;

const STYLE: &str = ":root{color-scheme:light}body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff;overflow-wrap:break-word}\
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #d0d7de}h3{font-size:1rem}\
table{border-collapse:collapse;margin:.6rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top;border-bottom:1px solid #eaeef2}\
td:first-child:not(.n){min-width:7rem}td.n,.ref{white-space:nowrap}th.of{padding-top:.8rem}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.tag{font-size:.75rem;padding:0 .4rem;border-radius:.6rem;background:#fff1c9;color:#6a4b00;white-space:nowrap}\
.tag.fit{background:#d8f0dc;color:#124d20}.note{background:#fff8e5;border-left:4px solid #d9a400;padding:.5rem .8rem}\
.wide{overflow-x:auto}.wide td,.wide th{overflow-wrap:normal}.wide td.long{min-width:15rem}.cap{margin:.6rem 0 0;font-size:.8rem;color:#424a53}svg{display:block;margin:.4rem 0}svg text{font:11px system-ui,sans-serif;fill:#424a53}pre{background:#f6f8fa;padding:.8rem;overflow:auto;font-size:12px}\
.key span{display:inline-block;margin-right:1rem}.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem;vertical-align:-1px}";

/// Kinds of contact, with their colours.
const KINDS: [(&str, &str); 5] = [
    ("sms", "#4e79a7"),
    ("phone", "#f28e2b"),
    ("email", "#76b7b2"),
    ("visit", "#b04a8b"),
    ("legal", "#59472f"),
];
/// Colours of a first and a second policy.
const POLICIES: [&str; 2] = ["#4e79a7", "#e15759"];

const FITTED: &str = "<span class=\"tag fit\">fitted, scaled by an assumption</span>";
const ASSUMED: &str = "<span class=\"tag\">assumption</span>";
const REPLAYED: &str = "<span class=\"tag\">replayed on assumed answers</span>";

/// The report. `behaviour` is the text of the file that says how borrowers behave.
#[must_use]
pub fn html(summary: &Summary, behaviour: &str) -> String {
    let names: Vec<String> = summary.policies.iter().map(|p| text(&p.policy)).collect();
    let title = names.join(" against ");
    let mut out = String::with_capacity(64 * 1024);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Replay of {title}</title><style>{STYLE}</style></head><body>\n<h1>Replay of {title}</h1>\n"
    );
    let _ = writeln!(
        out,
        "<p>{} days from {}, seed {}, behaviour <b>{}</b>. Nothing was sent. The same portfolio, policy, \
         behaviour and seed give this file again, byte for byte.</p>",
        summary.days,
        instant(&summary.start),
        summary.seed,
        text(&summary.behaviour)
    );
    let _ = writeln!(
        out,
        "<p class=\"note\"><b>What the figures rest on.</b> Which contact a policy asks for and what the gate permits \
         is decided by the code that decides real cases. How people answer is not known beforehand: payments that \
         come by themselves are {FITTED} ({}); what comes of contacts, promises, costs and how fast somebody approves \
         are {ASSUMED}. Compare policies by them; do not promise their sums to anybody.</p>",
        text(summary.fitted_from.trim_end_matches('.'))
    );
    if let Some(difference) = &summary.difference {
        compared(&mut out, difference, &names);
    }
    headline(&mut out, &summary.policies);
    contacts(&mut out, &summary.policies);
    visits(&mut out, &summary.policies);
    denials(&mut out, &summary.policies);
    money(&mut out, &summary.policies);
    ends(&mut out, &summary.policies);
    let _ = writeln!(
        out,
        "<h2>How borrowers behave here</h2>\n<p>The file as it was read. What stands under <code>fitted</code> was \
         counted in data, what stands under <code>assumed</code> is an assumption.</p>\n<pre>{}</pre>\n</body></html>",
        text(behaviour)
    );
    out
}

fn compared(out: &mut String, d: &Compared, names: &[String]) {
    let second = names.get(1).map_or("the second", String::as_str);
    let _ = writeln!(
        out,
        "<h2>Case by case</h2>\n<p>Of {} cases, {} differ under {second}. {REPLAYED}</p>\n<div class=\"wide\"><table>\
         <tr><th class=\"n\">cases</th><th>are, under {second}</th><th>the first of them</th></tr>",
        grouped(d.cases.into()),
        grouped(d.differing.into())
    );
    for change in d.changes.iter().filter(|c| c.cases > 0) {
        let first: Vec<String> = change
            .first
            .iter()
            .take(5)
            .map(|c| format!("<span class=\"ref\">{}</span>", text(c)))
            .collect();
        let _ = writeln!(
            out,
            "<tr><td class=\"n\">{}</td><td>{}</td><td class=\"long\">{}</td></tr>",
            grouped(change.cases.into()),
            change.words,
            first.join(", ")
        );
    }
    let _ = writeln!(out, "</table></div>");
    if d.only_one > 0 {
        let n = grouped(d.only_one.into());
        let _ = writeln!(
            out,
            "<p>{n} cases can be taken by one of the policies only.</p>"
        );
    }
}

fn head(out: &mut String, first: &str, policies: &[PolicySummary]) {
    let _ = write!(out, "<div class=\"wide\"><table><tr><th>{first}</th>");
    for p in policies {
        let _ = write!(out, "<th class=\"n\">{}</th>", text(&p.policy));
    }
    let _ = writeln!(out, "</tr>");
}

fn row(out: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let _ = write!(out, "<tr><td>{name}</td>");
    for cell in cells {
        let _ = write!(out, "<td class=\"n\">{cell}</td>");
    }
    let _ = writeln!(out, "</tr>");
}

fn headline(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(out, "<h2>At a glance</h2>");
    head(out, "", all);
    let mut line = |name: &str, of: &dyn Fn(&PolicySummary) -> String| {
        row(out, name, all.iter().map(of));
    };
    line("cases replayed", &|p| grouped(p.cases.into()));
    line("people", &|p| grouped(p.people.into()));
    line("people contacted", &|p| grouped(p.people_contacted.into()));
    line("people reached", &|p| grouped(p.people_reached.into()));
    for (i, (kind, _)) in KINDS.iter().enumerate() {
        let made = |p: &PolicySummary| p.channels.get(i).map_or(0, |c| c.made);
        line(&format!("contacts by {kind}"), &|p| grouped(made(p).into()));
    }
    line("most calls on a day", &|p| peak(&p.calls_a_day));
    line("most calls begun within an hour", &|p| {
        peak(&p.calls_an_hour)
    });
    line("most visits on a day", &|p| peak(&p.visits_a_day));
    line("contacts that a person approved", &|p| {
        grouped(p.approvals.into())
    });
    line("cases cured", &|p| grouped(p.cured.into()));
    let left_out = |p: &PolicySummary| p.excluded.iter().map(|n| i128::from(n.count)).sum();
    line("cases left out", &|p| grouped(left_out(p)));
    let _ = writeln!(out, "</table></div>");
    for p in all {
        for why in &p.excluded {
            let (n, why) = (grouped(why.count.into()), text(&why.name));
            let _ = writeln!(out, "<p>{}: {n} left out: {why}.</p>", text(&p.policy));
        }
    }
}

fn peak(peak: &crate::summary::PeakOf) -> String {
    match peak.count {
        0 => "0".to_owned(),
        n => format!(
            "{}<br><small>{}</small>",
            grouped(n.into()),
            instant(&peak.when)
        ),
    }
}

fn contacts(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(out, "<h2>Contacts by channel and day {REPLAYED}</h2>");
    key(
        out,
        KINDS
            .iter()
            .map(|(name, colour)| ((*name).to_owned(), *colour)),
    );
    let total = |contacts: &[u32]| contacts.iter().map(|n| u64::from(*n)).sum::<u64>();
    let days = all.iter().flat_map(|p| &p.by_day);
    let most = days.map(|d| total(&d.contacts)).max().unwrap_or(0);
    for p in all {
        let _ = writeln!(out, "<h3>{}</h3>", text(&p.policy));
        let stack = Stack {
            labels: p.by_day.iter().map(|d| d.date.as_str()).collect(),
            parts: p.by_day.iter().map(|d| d.contacts.as_slice()).collect(),
            colours: &KINDS.map(|(_, colour)| colour),
            most,
        };
        out.push_str(&stack.svg());
    }
    let _ = writeln!(out, "<h3>What came of them</h3>");
    let _ = writeln!(
        out,
        "<div class=\"wide\"><table><tr><th>channel</th><th class=\"n\">made</th><th class=\"n\">effect proven</th>\
         <th class=\"n\">called off</th><th class=\"n\">people</th><th>outcomes</th></tr>"
    );
    for p in all {
        if all.len() > 1 {
            let name = text(&p.policy);
            let _ = writeln!(out, "<tr><th class=\"of\" colspan=\"6\">{name}</th></tr>");
        }
        for c in p.channels.iter().filter(|c| c.made + c.called_off > 0) {
            let outcomes = c.outcomes.iter();
            let outcomes = outcomes.map(|o| format!("{} {}", o.outcome, grouped(o.count.into())));
            let outcomes: Vec<String> = outcomes.collect();
            let [made, done, off, people] =
                [c.made, c.completed, c.called_off, c.people].map(|n| grouped(n.into()));
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{made}</td><td class=\"n\">{done}</td>\
                 <td class=\"n\">{off}</td><td class=\"n\">{people}</td><td class=\"long\">{}</td></tr>",
                c.kind,
                outcomes.join(", ")
            );
        }
    }
    let _ = writeln!(out, "</table></div>");
}

fn key(out: &mut String, entries: impl Iterator<Item = (String, &'static str)>) {
    let _ = write!(out, "<p class=\"key\">");
    for (name, colour) in entries {
        let _ = write!(
            out,
            "<span><i style=\"background:{colour}\"></i>{name}</span>"
        );
    }
    let _ = writeln!(out, "</p>");
}

fn key_of_policies(out: &mut String, all: &[PolicySummary]) {
    if all.len() > 1 {
        let names = all.iter().map(|p| text(&p.policy));
        key(out, names.zip(POLICIES));
    }
}

fn visits(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(
        out,
        "<h2>Visits by days past due {REPLAYED}</h2>\n<p>M1 is 1 to 30 days past due, M2 31 to 60, and so on.</p>"
    );
    key_of_policies(out, all);
    bars(out, "visits", all, |p| &p.visits_by_bucket);
}

fn denials(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(
        out,
        "<h2>What the gate refused, by rule {REPLAYED}</h2>\n<p>The primary rule of each refusal; one that stands is \
         counted once. What is refused waits for the instant at which it is permitted.</p>"
    );
    key_of_policies(out, all);
    bars(out, "refusals", all, |p| &p.denials);
    if all.iter().any(|p| !p.ruled_out.is_empty()) {
        let _ = writeln!(
            out,
            "<h3>Steps that the gate rules out for good, by rule</h3>"
        );
        bars(out, "steps", all, |p| &p.ruled_out);
    }
}

/// Rows of bars, one a name and policy, in the order of the first policy that has the name.
fn bars(
    out: &mut String,
    what: &str,
    all: &[PolicySummary],
    of: impl Fn(&PolicySummary) -> &Vec<Named>,
) {
    let mut names: Vec<&str> = Vec::new();
    for named in all.iter().flat_map(&of) {
        if !names.contains(&named.name.as_str()) {
            names.push(&named.name);
        }
    }
    let count = |p: &PolicySummary, name: &str| {
        let found = of(p).iter().find(|n| n.name == name);
        found.map_or(0, |n| n.count)
    };
    let values = |name: &&str| all.iter().map(|p| count(p, name)).collect();
    let values: Vec<Vec<u64>> = names.iter().map(values).collect();
    if names.is_empty() {
        let _ = writeln!(out, "<p>None.</p>");
        return;
    }
    let bars = Bars {
        what,
        names,
        values,
        colours: &POLICIES,
    };
    out.push_str(&bars.svg());
}

fn money(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(out, "<h2>Expected recoveries and cost</h2>");
    let mut currencies: Vec<&str> = Vec::new();
    for m in all.iter().flat_map(|p| &p.money) {
        if !currencies.contains(&m.currency.as_str()) {
            currencies.push(&m.currency);
        }
    }
    for currency in currencies {
        let _ = writeln!(out, "<h3>{}</h3>", text(currency));
        let of = |p: &PolicySummary| p.money.iter().find(|m| m.currency == currency).cloned();
        let found: Vec<Option<Amount>> = all.iter().map(of).collect();
        head(out, "in minor units", all);
        let mut line = |name: &str, of: &dyn Fn(&Amount) -> String| {
            let cell = |m: &Option<Amount>| m.as_ref().map_or_else(String::new, of);
            row(out, name, found.iter().map(cell));
        };
        line("overdue at the start", &|m| grouped(m.overdue));
        line("came in", &|m| grouped(m.recovered));
        line(&format!("… by itself {FITTED}"), &|m| {
            grouped(m.own_accord)
        });
        line(&format!("… after a contact {ASSUMED}"), &|m| {
            grouped(m.after_contacts)
        });
        line(&format!("… as promised {ASSUMED}"), &|m| {
            grouped(m.promised)
        });
        line(&format!("cost of contacts {ASSUMED}"), &|m| match m.cost {
            Some(cost) => grouped(cost.into()),
            None => "no prices known".to_owned(),
        });
        let _ = writeln!(out, "</table></div>");
        key_of_policies(out, all);
        let sums = |m: &Option<Amount>| -> Vec<i128> {
            let days = m.iter().flat_map(|m| &m.by_day);
            let sum = |sum: &mut i128, day: &crate::summary::DayMoney| {
                *sum += i128::from(day.minor);
                Some(*sum)
            };
            days.scan(0_i128, sum).collect()
        };
        let days = found.iter().flatten().next();
        let days = days.map_or(&[][..], |m| m.by_day.as_slice());
        let line = Line {
            series: found.iter().map(sums).collect(),
            colours: &POLICIES,
            labels: days.iter().map(|d| d.date.as_str()).collect(),
            name: &format!("came in so far, by day, in minor units of {currency}"),
        };
        out.push_str(&line.svg());
    }
}

fn ends(out: &mut String, all: &[PolicySummary]) {
    let _ = writeln!(out, "<h2>At the end</h2>");
    for p in all {
        let _ = writeln!(
            out,
            "<h3>{}</h3>\n<div class=\"wide\"><table>",
            text(&p.policy)
        );
        let cell = |n: u64| std::iter::once(grouped(n.into()));
        for stage in &p.stages {
            let name = format!("open in stage {}", text(&stage.name));
            row(out, &name, cell(stage.count));
        }
        row(out, "cured", cell(p.cured));
        row(out, "before a person", cell(p.worklist));
        row(out, &format!("promises given {ASSUMED}"), cell(p.promises));
        for ended in &p.promises_ended {
            row(out, &format!("… {}", ended.name), cell(ended.count));
        }
        row(
            out,
            &format!("people who opted out of a kind {ASSUMED}"),
            cell(p.opted_out),
        );
        row(
            out,
            &format!("people who wanted no more contact {ASSUMED}"),
            cell(p.ceased),
        );
        let _ = writeln!(out, "</table></div>");
    }
}

/// A day, or an instant, for people: `2026-03-01 10:00 UTC`.
fn instant(given: &str) -> String {
    let Some((day, time)) = given.split_once('T') else {
        return text(given);
    };
    let time = time.trim_end_matches('Z');
    let time = time.strip_suffix(":00").unwrap_or(time);
    text(&format!("{day} {time} UTC"))
}

/// A number with its thousands apart.
pub(crate) fn grouped(n: i128) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Text in HTML.
pub(crate) fn text(given: &str) -> String {
    let mut out = String::with_capacity(given.len());
    for c in given.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (-1_234_567, "-1,234,567"),
            (100_000, "100,000"),
        ] {
            assert_eq!(grouped(n), expected);
        }
    }

    #[test]
    fn instants_are_for_people() {
        for (given, expected) in [
            ("2026-03-01", "2026-03-01"),
            ("2026-03-01T10:00:00Z", "2026-03-01 10:00 UTC"),
            ("2026-03-01T10:02:03.5Z", "2026-03-01 10:02:03.5 UTC"),
        ] {
            assert_eq!(instant(given), expected);
        }
    }

    #[test]
    fn nothing_given_becomes_markup() {
        assert_eq!(text("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
