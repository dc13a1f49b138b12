//! The numbers for analysts, as files of comma-separated values.

use crate::difference::{CHANGES, changes};
use crate::summary::Summary;
use crate::trail::{NEVER_DAY, Trail};
use std::fmt::Write;

/// Files by name: what was counted, without the cases.
#[must_use]
pub fn files(summary: &Summary) -> Vec<(&'static str, String)> {
    vec![
        ("totals.csv", totals(summary)),
        ("contacts-by-day.csv", contacts_by_day(summary)),
        ("money-by-day.csv", money_by_day(summary)),
        ("changes.csv", compared(summary)),
    ]
}

/// Every single number: policy, what is counted, of which, how many.
fn totals(summary: &Summary) -> String {
    let mut out = "policy,measure,of,count\n".to_owned();
    for p in &summary.policies {
        let policy = &p.policy;
        let mut line = |measure: &str, of: &str, count: i128| {
            let _ = writeln!(out, "{},{measure},{},{count}", quoted(policy), quoted(of));
        };
        for (measure, n) in [
            ("people", p.people),
            ("cases", p.cases),
            ("case_days", p.case_days),
            ("people_contacted", p.people_contacted),
            ("people_reached", p.people_reached),
            ("approvals", p.approvals),
            ("promises", p.promises),
            ("opted_out", p.opted_out),
            ("ceased", p.ceased),
            ("cured", p.cured),
            ("worklist_at_end", p.worklist),
            ("peak_calls_a_day", p.calls_a_day.count),
            ("peak_calls_an_hour", p.calls_an_hour.count),
            ("peak_visits_a_day", p.visits_a_day.count),
        ] {
            line(measure, "", i128::from(n));
        }
        for (measure, all) in [
            ("excluded", &p.excluded),
            ("visits_by_bucket", &p.visits_by_bucket),
            ("denials", &p.denials),
            ("steps_ruled_out", &p.ruled_out),
            ("promises_ended", &p.promises_ended),
            ("open_at_end_by_stage", &p.stages),
        ] {
            for n in all {
                line(measure, &n.name, i128::from(n.count));
            }
        }
        for c in &p.channels {
            line("contacts_made", c.kind, i128::from(c.made));
            line("contacts_completed", c.kind, i128::from(c.completed));
            line("contacts_called_off", c.kind, i128::from(c.called_off));
            line("people_contacted_by", c.kind, i128::from(c.people));
            for o in &c.outcomes {
                let of = format!("{} {}", c.kind, o.outcome);
                line("outcomes", &of, i128::from(o.count));
            }
        }
        for m in &p.money {
            for (measure, minor) in [
                ("overdue_at_start_minor", m.overdue),
                ("recovered_minor", m.recovered),
                ("recovered_own_accord_minor", m.own_accord),
                ("recovered_after_contacts_minor", m.after_contacts),
                ("recovered_promised_minor", m.promised),
            ] {
                line(measure, &m.currency, minor);
            }
            if let Some(cost) = m.cost {
                line("cost_minor", &m.currency, i128::from(cost));
            }
        }
    }
    out
}

fn contacts_by_day(summary: &Summary) -> String {
    let mut out = "policy,date,sms,phone,email,visit,legal\n".to_owned();
    for p in &summary.policies {
        for day in &p.by_day {
            let _ = write!(out, "{},{}", quoted(&p.policy), day.date);
            for n in &day.contacts {
                let _ = write!(out, ",{n}");
            }
            out.push('\n');
        }
    }
    out
}

fn money_by_day(summary: &Summary) -> String {
    let mut out = "policy,currency,date,recovered_minor\n".to_owned();
    for p in &summary.policies {
        for m in &p.money {
            for day in &m.by_day {
                let (policy, currency) = (quoted(&p.policy), &m.currency);
                let _ = writeln!(out, "{policy},{currency},{},{}", day.date, day.minor);
            }
        }
    }
    out
}

fn compared(summary: &Summary) -> String {
    let mut out = "change,cases\n".to_owned();
    for change in summary.difference.iter().flat_map(|d| &d.changes) {
        let _ = writeln!(out, "{},{}", change.change, change.cases);
    }
    out
}

/// The head of the file of cases, for one policy or for two.
#[must_use]
pub fn case_head(policies: usize) -> String {
    let of = |n: usize| {
        let columns = [
            "first_contact",
            "first_visit",
            "first_legal",
            "cured",
            "contacts",
            "visits",
        ];
        columns.map(|c| format!(",{c}_{n}")).concat()
    };
    let all: String = (1..=policies).map(of).collect();
    match policies {
        2 => format!("case{all},changes\n"),
        _ => format!("case{all}\n"),
    }
}

/// One case's line: days from the start, empty for never; of two policies, what changes.
#[must_use]
pub fn case_line(case: &str, trails: &[Trail]) -> String {
    let mut out = quoted(case);
    for t in trails {
        for day in [t.contact, t.visit, t.legal, t.cured] {
            out.push(',');
            if day != NEVER_DAY {
                let _ = write!(out, "{day}");
            }
        }
        let _ = write!(out, ",{},{}", t.contacts, t.visits);
    }
    if let [a, b] = trails {
        let all: Vec<&str> = match a.excluded || b.excluded {
            true => vec!["not_compared"],
            false => changes(a, b).map(|c| CHANGES[c as usize].1).collect(),
        };
        let _ = write!(out, ",{}", all.join(" "));
    }
    out.push('\n');
    out
}

/// A field: quoted where it must be, and never read as a formula by a spreadsheet.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_never_formulas() {
        for (field, expected) in [
            ("A-1", "A-1"),
            ("a,b", "\"a,b\""),
            ("say \"a\"", "\"say \"\"a\"\"\""),
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
        ] {
            assert_eq!(quoted(field), expected);
        }
    }

    #[test]
    fn a_case_tells_what_changes() {
        let a = Trail {
            contact: 0,
            visit: 30,
            contacts: 4,
            visits: 1,
            ..Trail::NOTHING
        };
        let b = Trail {
            visit: NEVER_DAY,
            visits: 0,
            contacts: 3,
            ..a
        };
        assert_eq!(
            case_line("C-1", &[a, b]),
            "C-1,0,30,,,4,1,0,,,,3,0,never_visited fewer_contacts\n"
        );
        assert_eq!(
            case_head(2).matches(',').count(),
            case_line("c", &[a, b]).matches(',').count()
        );
        assert_eq!(
            case_head(1).matches(',').count(),
            case_line("c", &[a]).matches(',').count()
        );
    }
}
