//! Worked examples as they stand in `tests/vectors/*.jsonl`: the fields, and how an answer is held to them.
//! The tests of this crate and `cargo xtask vectors` read them by this one file.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use recoup_compliance::{Audience, Purpose};
use recoup_domain::contact::ContactClass;
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{ConsentKind, Relation};
use serde::Deserialize;
use std::fmt;

/// One example: a question and its answer.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) jurisdiction: String,
    pub(crate) rule_ids: Vec<String>,
    pub(crate) consumer: Consumer,
    #[serde(default)]
    pub(crate) history: Vec<Event>,
    pub(crate) proposal: Asked,
    pub(crate) expect: Expect,
}

#[derive(Deserialize)]
pub(crate) struct Consumer {
    pub(crate) timezones: Vec<String>,
    #[serde(default)]
    pub(crate) opt_outs: Vec<ContactClass>,
    #[serde(default)]
    pub(crate) consents: Vec<Agreed>,
    #[serde(default)]
    pub(crate) represented_by_attorney: bool,
    #[serde(default)]
    pub(crate) attorney_unresponsive: bool,
    #[serde(default)]
    pub(crate) attorney_consents: bool,
    #[serde(default)]
    pub(crate) cease_requested: bool,
    #[serde(default)]
    pub(crate) dispute: Option<Disputed>,
    #[serde(default)]
    pub(crate) hardship_moratorium_until: Option<Date>,
    #[serde(default)]
    pub(crate) employer_prohibits: bool,
    #[serde(default)]
    pub(crate) inconvenient: Vec<Span>,
    #[serde(default)]
    pub(crate) debtor_unreachable: bool,
    #[serde(default)]
    pub(crate) debtor_deceased_or_incapacitated: bool,
    #[serde(default)]
    pub(crate) contact_refused: bool,
    #[serde(default)]
    pub(crate) debt_time_barred: bool,
    #[serde(default)]
    pub(crate) days_past_due: Option<i32>,
    /// Where given they replace the calendar.
    #[serde(default)]
    pub(crate) holidays: Vec<Date>,
    /// First and last day; where given it replaces the dates of the pack.
    #[serde(default)]
    pub(crate) pause: Option<[Date; 2]>,
    #[serde(default)]
    pub(crate) deceased: bool,
    /// Numbers and addresses that are known not to be the person's.
    #[serde(default)]
    pub(crate) unusable: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Agreed {
    Bare(ConsentKind),
    Full {
        kind: ConsentKind,
        debt_id: Option<String>,
        received_at: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Disputed {
    WrittenInValidationPeriodUnverified,
    VerifiedSent,
}

/// A time of the week that does not suit.
#[derive(Deserialize)]
pub(crate) struct Span {
    #[serde(default)]
    pub(crate) days: Vec<Day>,
    pub(crate) from: Time,
    pub(crate) to: End,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) enum Day {
    Mon = 1,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A time of day, none for `24:00`.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct End(pub(crate) Option<Time>);

impl TryFrom<String> for End {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "24:00" {
            return Ok(Self(None));
        }
        let time = text.parse();
        time.map(|time| Self(Some(time)))
            .map_err(|e| format!("`{text}` is no time of day: {e}"))
    }
}

#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) channel: ContactClass,
    pub(crate) at: Timestamp,
    pub(crate) direction: Way,
    pub(crate) outcome: Outcome,
    pub(crate) debt_id: Debts,
    #[serde(default)]
    pub(crate) to: Audience,
    pub(crate) number: Option<String>,
    pub(crate) person: Option<String>,
}

impl Event {
    /// On a visit, `delivered` means that somebody was contacted.
    pub(crate) const fn came_to(&self) -> Outcome {
        match (self.channel, self.outcome) {
            (ContactClass::Visit, Outcome::Delivered) => Outcome::Visited,
            (_, outcome) => outcome,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    Inbound,
    Outbound,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Debts {
    One(String),
    Many(Vec<String>),
}

impl Debts {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) channel: ContactClass,
    pub(crate) at: Timestamp,
    pub(crate) debt_id: String,
    #[serde(default)]
    pub(crate) to: Audience,
    pub(crate) third_party_kind: Option<Relation>,
    pub(crate) purpose: Option<Purpose>,
    #[serde(default)]
    pub(crate) requested_by_person: bool,
    pub(crate) number: Option<String>,
    pub(crate) person: Option<String>,
    pub(crate) address_kind: Option<Address>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) evidence_pack: Option<bool>,
    pub(crate) qualified_collectors: Option<u8>,
    #[serde(default)]
    pub(crate) debtor_ceased: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Address {
    WorkEmail,
}

#[derive(Deserialize)]
pub(crate) struct Expect {
    pub(crate) verdict: Wanted,
    pub(crate) reason_rule_id: Option<String>,
    pub(crate) earliest: Option<Timestamp>,
    #[serde(default)]
    pub(crate) also: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    Permit,
    Deny,
}

/// What was answered, whoever was asked.
#[derive(Debug)]
pub(crate) enum Answer {
    Permit,
    Deny {
        /// The primary reason.
        reason: String,
        /// Every rule that denies.
        all: Vec<String>,
        earliest: Option<Timestamp>,
    },
}

impl Expect {
    /// The rules that may be the primary reason.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &str> {
        let ids = self.reason_rule_id.iter().chain(&self.also);
        ids.map(String::as_str)
    }

    /// Whether the answer is this: verdict and `earliest` strictly, the reason one of those allowed.
    pub(crate) fn is_met_by(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Permit => self.verdict == Wanted::Permit,
            Answer::Deny {
                reason, earliest, ..
            } => {
                self.verdict == Wanted::Deny
                    && *earliest == self.earliest
                    && self.allowed().any(|id| id == reason)
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permit => f.write_str("permit"),
            Self::Deny {
                reason,
                all,
                earliest,
            } => {
                write!(f, "deny by {reason} (of {}), ", all.join(", "))?;
                written(f, *earliest)
            }
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict == Wanted::Permit {
            return f.write_str("permit");
        }
        let allowed: Vec<&str> = self.allowed().collect();
        write!(f, "deny by {}, ", allowed.join(" or "))?;
        written(f, self.earliest)
    }
}

fn written(f: &mut fmt::Formatter<'_>, earliest: Option<Timestamp>) -> fmt::Result {
    match earliest {
        Some(at) => write!(f, "earliest {at}"),
        None => f.write_str("no time cures it"),
    }
}

/// A line that is no example.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) problem: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// What the parser says, without its own count of lines.
fn problem(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let what = said
        .rsplit_once(" at line")
        .map_or(&*said, |(what, _)| what);
    format!("{what}, at column {}", error.column())
}

/// Reads examples, one a line; empty lines are passed over. Each comes with its line, from 1.
pub(crate) fn read(text: &str) -> Result<Vec<(usize, Vector)>, BadLine> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let read = filled.map(|(line, text)| match serde_json::from_str(text) {
        Ok(vector) => Ok((line, vector)),
        Err(error) => Err(BadLine {
            line,
            problem: problem(&error),
        }),
    });
    read.collect()
}
