//! What the demo tells at its end: tables for people, and the same as data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use jiff::Timestamp;
use recoup::api::recoup::v1 as pb;
use recoup::cli::import::values;
use serde_json::{Value, json};

use super::DemoError;
use super::cases::{Cases, instant_us};
use super::client::Client;
use super::ledger::Figures;

/// The rungs, mildest first.
pub(crate) const CHANNELS: [&str; 5] = ["sms", "phone", "email", "visit", "legal"];
/// Buckets of days past due with their first day.
const BUCKETS: [(&str, i32); 9] = [
    ("M0", i32::MIN),
    ("M1", 1),
    ("M2", 31),
    ("M3", 61),
    ("M4", 91),
    ("M5", 121),
    ("M6", 151),
    ("M7+", 181),
    ("", i32::MAX),
];
const PAGE: i32 = 500;

/// What the service says of the cases at the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Portfolio {
    /// Number of cases, by bucket, then status (a closed one with its reason).
    pub(crate) statuses: BTreeMap<String, BTreeMap<String, u64>>,
    /// Cases.
    pub(crate) cases: u64,
    /// Cases closed as cured.
    pub(crate) cured: u64,
    /// Money received, by currency, in minor units.
    pub(crate) collected_minor: BTreeMap<String, i64>,
}

impl Portfolio {
    /// Reads every case.
    pub(crate) async fn read(client: &Client) -> Result<Self, DemoError> {
        let mut portfolio = Self::default();
        let mut page_token = String::new();
        loop {
            let request = pb::ListCasesRequest {
                page_size: PAGE,
                page_token,
                filter: String::new(),
            };
            let answer = client.cases().list_cases(request).await;
            let page = answer
                .map_err(|status| DemoError::rpc("list the cases", &status))?
                .into_inner();
            page.cases.iter().for_each(|case| portfolio.add(case));
            if page.next_page_token.is_empty() {
                return Ok(portfolio);
            }
            page_token = page.next_page_token;
        }
    }

    fn add(&mut self, case: &pb::Case) {
        let status = match case.status() {
            pb::CaseStatus::Closed => {
                format!(
                    "closed: {}",
                    word(case.close_reason().as_str_name(), "CLOSE_REASON_")
                )
            }
            pb::CaseStatus::Paused => {
                let reason = case.pause.as_ref().map_or("", |p| p.reason().as_str_name());
                format!("paused: {}", word(reason, "PAUSE_REASON_"))
            }
            other => word(other.as_str_name(), "CASE_STATUS_"),
        };
        let bucket = self.statuses.entry(case.bucket.clone()).or_default();
        *bucket.entry(status).or_default() += 1;
        self.cases += 1;
        self.cured += u64::from(case.close_reason() == pb::CloseReason::Cured);
        if let Some(money) = &case.collected {
            let sum = self
                .collected_minor
                .entry(money.currency_code.clone())
                .or_default();
            *sum += values::minor_of(money);
        }
    }
}

fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

/// Everything there is to tell.
pub(crate) struct Report<'a> {
    pub(crate) portfolio: &'a Portfolio,
    pub(crate) figures: &'a Figures,
    pub(crate) cases: &'a Cases,
    pub(crate) refused: &'a BTreeMap<String, u64>,
}

impl Report<'_> {
    /// The tables.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        let parts = [
            ("Cases by bucket and status", self.status_table()),
            ("Contacts by week and channel", self.week_table()),
            (
                "Contacts by channel and where they ended",
                self.state_table(),
            ),
            (
                "Visits that took place, by days past due",
                self.visit_table(),
            ),
            (
                "Denials of the gate, by rule",
                counts("rule", &self.figures.denials),
            ),
            ("Cures, promises and money", self.money_table()),
            (
                "Calls that the service refused",
                counts("reason", self.refused),
            ),
        ];
        for (title, table) in parts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n{title}\n{table}");
        }
        text
    }

    fn status_table(&self) -> Table {
        let rows = &self.portfolio.statuses;
        let statuses: std::collections::BTreeSet<&String> =
            rows.values().flat_map(BTreeMap::keys).collect();
        let mut table = table();
        let head = statuses.iter().map(|status| status.as_str());
        table.set_header(std::iter::once("bucket").chain(head).chain(["all"]));
        for (bucket, counts) in rows {
            let cells = statuses
                .iter()
                .map(|s| counts.get(*s).unwrap_or(&0).to_string());
            let all = counts.values().sum::<u64>().to_string();
            let name = if bucket.is_empty() {
                "none".to_owned()
            } else {
                bucket.clone()
            };
            table.add_row(std::iter::once(name).chain(cells).chain([all]));
        }
        table
    }

    fn week_table(&self) -> Table {
        let mut table = table();
        table.set_header(std::iter::once("week of").chain(CHANNELS));
        for (monday, counts) in &self.figures.weeks {
            let cells = CHANNELS.map(|c| counts.get(c).unwrap_or(&0).to_string());
            table.add_row(std::iter::once(monday.to_string()).chain(cells));
        }
        let cells = CHANNELS.map(|c| self.figures.contacts.get(c).unwrap_or(&0).to_string());
        table.add_row(std::iter::once("all".to_owned()).chain(cells));
        table
    }

    fn state_table(&self) -> Table {
        let mut table = table();
        table.set_header(["channel", "state", "contacts"]);
        for channel in CHANNELS {
            for ((of, state), count) in &self.figures.states {
                if of == channel {
                    table.add_row([channel, state.as_str(), &count.to_string()]);
                }
            }
        }
        table
    }

    fn visit_table(&self) -> Table {
        let mut table = table();
        table.set_header(["bucket", "visits"]);
        for (bucket, count) in visit_buckets(&self.cases.visit_dpds) {
            table.add_row([bucket.to_owned(), count.to_string()]);
        }
        table
    }

    fn money_table(&self) -> Table {
        let mut table = table();
        table.set_header(["what", "figure"]);
        let [given, kept, broken] = self.cases.promises;
        let cases = [
            ("cases", self.portfolio.cases),
            ("cured", self.portfolio.cured),
            ("promises given", given),
            ("promises kept, in whole or in part", kept),
            ("promises broken", broken),
        ];
        for (what, figure) in cases {
            table.add_row([what.to_owned(), figure.to_string()]);
        }
        for (currency, minor) in &self.portfolio.collected_minor {
            let digits = values::minor_digits(currency).unwrap_or(2);
            table.add_row([
                format!("collected, {currency}"),
                values::decimal(*minor, digits),
            ]);
        }
        table
    }

    /// The same as data, with what the judge printed as `proof`.
    pub(crate) fn data(&self, proof: Value, more: Value) -> Value {
        let contacts: BTreeMap<&str, u64> = CHANNELS
            .iter()
            .map(|channel| (*channel, *self.figures.contacts.get(*channel).unwrap_or(&0)))
            .collect();
        let weeks: BTreeMap<String, &BTreeMap<String, u64>> = self
            .figures
            .weeks
            .iter()
            .map(|(week, counts)| (week.to_string(), counts))
            .collect();
        let [given, kept, broken] = self.cases.promises;
        let mut data = json!({
            "cases": self.portfolio.cases,
            "cured": self.portfolio.cured,
            "collected_minor": self.portfolio.collected_minor.values().sum::<i64>(),
            "collected_minor_by_currency": self.portfolio.collected_minor,
            "contacts": contacts,
            "contacts_by_week": weeks,
            "cases_by_bucket": self.portfolio.statuses,
            "visits_by_bucket": visit_buckets(&self.cases.visit_dpds).into_iter().collect::<BTreeMap<_, _>>(),
            "denials": self.figures.denials,
            "promises": {"given": given, "kept": kept, "broken": broken},
            "refused_calls": self.refused,
            "proof": proof,
        });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    }
}

fn visit_buckets(dpds: &[i32]) -> Vec<(&'static str, usize)> {
    let bucket = |pair: &[(&'static str, i32)]| {
        let (first, next) = (pair[0].1, pair[1].1);
        let count = dpds
            .iter()
            .filter(|dpd| (first..next).contains(*dpd))
            .count();
        (pair[0].0, count)
    };
    BUCKETS
        .windows(2)
        .map(bucket)
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn counts(what: &str, counts: &BTreeMap<String, u64>) -> Table {
    let mut table = table();
    table.set_header([what, "number"]);
    let mut rows: Vec<(&String, &u64)> = counts.iter().collect();
    rows.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    for (name, count) in rows {
        table.add_row([name.clone(), count.to_string()]);
    }
    table
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table
}

/// One case from the first contact on, each step with its reason.
pub(crate) async fn story(
    client: &Client,
    case_id: &str,
    case_ref: &str,
) -> Result<String, DemoError> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::GetTimelineRequest {
            case_id: case_id.to_owned(),
            page_size: PAGE,
            page_token,
        };
        let answer = client.cases().get_timeline(request).await;
        let page = answer
            .map_err(|status| DemoError::rpc("read a timeline", &status))?
            .into_inner();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut table = table();
    table.set_header(["when (UTC)", "what", "by", "why"]);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    for entry in &entries {
        let at = Timestamp::from_microsecond(instant_us(entry.time.as_ref()));
        let at = at.map_or_else(
            |_| String::new(),
            |at| at.strftime("%m-%d %H:%M").to_string(),
        );
        let reason = entry.reason.as_ref();
        let why = reason.map_or("", |reason| reason.text.as_str());
        table.add_row([
            at.as_str(),
            entry.summary.as_str(),
            entry.actor.as_str(),
            why,
        ]);
    }
    Ok(format!("\nThe story of {case_ref} ({case_id})\n{table}\n"))
}

/// What is too little for a clean run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Floors {
    /// Receipts that there must be.
    pub(crate) receipts: u64,
    /// Whether every channel must have contacts.
    pub(crate) every_channel: bool,
}

/// What a run falls short of, in words; empty where it is as it must be.
pub(crate) fn shortfalls(data: &Value, floors: Floors) -> Vec<String> {
    let proof = |name: &str| data["proof"][name].as_u64().unwrap_or(0);
    let (intents, accepted, unknown) = (proof("intents"), proof("accepted"), proof("unknown"));
    let mut short = Vec::new();
    if intents == 0 || accepted * 100 < intents * 95 {
        short.push(format!(
            "{accepted} of {intents} intents were accepted, fewer than 95 %"
        ));
    }
    if unknown * 100 > intents {
        short.push(format!(
            "{unknown} of {intents} intents are unknown, more than 1 %"
        ));
    }
    let receipts = proof("receipts");
    if receipts < floors.receipts {
        short.push(format!(
            "there are {receipts} receipts, fewer than {}",
            floors.receipts
        ));
    }
    for channel in CHANNELS.iter().filter(|_| floors.every_channel) {
        if data["contacts"][*channel].as_u64().unwrap_or(0) == 0 {
            short.push(format!("no contact went out on {channel}"));
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(accepted: u64, unknown: u64, receipts: u64, legal: u64) -> Value {
        json!({
            "contacts": {"sms": 1, "phone": 1, "email": 1, "visit": 1, "legal": legal},
            "proof": {"intents": 1_000, "accepted": accepted, "unknown": unknown, "receipts": receipts},
        })
    }

    #[test]
    fn a_run_that_falls_short_is_told() {
        let floors = Floors {
            receipts: 5_000,
            every_channel: true,
        };
        let table = [
            (data(1_000, 0, 5_000, 1), ""),
            (data(950, 10, 9_000, 1), ""),
            (data(949, 0, 9_000, 1), "fewer than 95 %"),
            (data(990, 11, 9_000, 1), "more than 1 %"),
            (data(990, 0, 4_999, 1), "fewer than 5000"),
            (data(990, 0, 5_000, 0), "no contact went out on legal"),
            (json!({}), "0 of 0 intents"),
        ];
        for (data, want) in table {
            let short = shortfalls(&data, floors);
            match want {
                "" => assert_eq!(short, Vec::<String>::new(), "{data}"),
                want => assert!(
                    short.iter().any(|line| line.contains(want)),
                    "{data}: {short:?}"
                ),
            }
        }
        let lax = Floors {
            receipts: 0,
            every_channel: false,
        };
        assert_eq!(shortfalls(&data(990, 0, 10, 0), lax), Vec::<String>::new());
    }

    #[test]
    fn visits_fall_into_buckets() {
        let buckets = visit_buckets(&[0, 1, 30, 31, 60, 61, 500]);
        assert_eq!(
            buckets,
            [("M0", 1), ("M1", 2), ("M2", 2), ("M3", 1), ("M7+", 1)]
        );
    }

    #[test]
    fn the_data_has_what_readers_expect() {
        let portfolio = Portfolio {
            cases: 3,
            cured: 1,
            collected_minor: BTreeMap::from([("CNY".to_owned(), 5), ("USD".to_owned(), 7)]),
            ..Portfolio::default()
        };
        let report = Report {
            portfolio: &portfolio,
            figures: &Figures::default(),
            cases: &Cases::default(),
            refused: &BTreeMap::new(),
        };
        let data = report.data(json!({"intents": 4}), json!({"seconds": 1}));
        assert_eq!(data["cases"], 3);
        assert_eq!(data["collected_minor"], 12);
        assert_eq!(
            data["contacts"],
            json!({"sms": 0, "phone": 0, "email": 0, "visit": 0, "legal": 0})
        );
        assert_eq!(data["proof"]["intents"], 4);
        assert_eq!(data["seconds"], 1);
        assert!(report.tables().contains("Denials of the gate"));
    }
}
