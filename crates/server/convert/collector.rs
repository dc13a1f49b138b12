//! Collectors.

use jiff::Timestamp;
use recoup_domain::collector::Collector;
use recoup_domain::time::{Zone, add_days};
use recoup_engine::types::{CollectorInput, CollectorPlain};

use super::read::Bad;
use super::{party, value};
use crate::api::recoup::v1;

/// The paths that can be written alone.
pub const MASK: [&str; 5] = [
    "display_name",
    "credentials",
    "languages",
    "regions",
    "active",
];

/// What is known, with the fields that a mask names as they are told.
#[must_use]
pub fn overlay(
    (known, plain): (&Collector, &CollectorPlain),
    told: CollectorInput,
    paths: &[String],
) -> CollectorInput {
    let names = |path: &str| paths.iter().any(|p| p == path);
    let numbers = plain.numbers.iter().cloned();
    let credentials = known.credentials.iter().zip(numbers);
    let credentials = credentials.map(|(c, number)| (c.kind.clone(), number, c.valid_until));
    CollectorInput {
        display_name: match names("display_name") {
            true => told.display_name,
            false => plain.display_name.clone(),
        },
        credentials: match names("credentials") {
            true => told.credentials,
            false => credentials.collect(),
        },
        languages: match names("languages") {
            true => told.languages,
            false => known.languages.clone(),
        },
        regions: match names("regions") {
            true => told.regions,
            false => known.regions.clone(),
        },
        active: match names("active") {
            true => told.active,
            false => known.active,
        },
        ..told
    }
}

/// Reads a collector to write.
pub fn input(bad: &mut Bad, given: Option<&v1::Collector>) -> Option<CollectorInput> {
    let Some(given) = given else {
        bad.missing("collector");
        return None;
    };
    let lender_ref = bad.text("collector.lender_ref", &given.lender_ref, 128);
    let display_name = bad.text("collector.display_name", &given.display_name, 200);
    let credentials = credentials(bad, "collector.credentials", &given.credentials);
    let trainings = credentials_of(bad, &given.trainings);
    bad.texts("collector.languages", &given.languages, 16);
    let regions = party::regions(bad, "collector.regions", &given.regions);
    let etag = bad.short("collector.etag", &given.etag, 64);
    if !given.shifts.is_empty() {
        bad.invalid(
            "collector.shifts",
            "shifts are not planned by yet; leave them out",
        );
    }
    Some(CollectorInput {
        id: None,
        lender_ref: lender_ref?,
        display_name: display_name?,
        credentials: [credentials, trainings].concat(),
        languages: given.languages.clone(),
        regions,
        active: given.active.unwrap_or(true),
        etag: etag.filter(|e| !e.is_empty()),
    })
}

fn credentials_of(bad: &mut Bad, given: &[v1::Credential]) -> Vec<(String, String, Timestamp)> {
    credentials(bad, "collector.trainings", given)
}

fn credentials(
    bad: &mut Bad,
    at: &str,
    given: &[v1::Credential],
) -> Vec<(String, String, Timestamp)> {
    bad.count_of(at, given, 16);
    let mut all = Vec::with_capacity(given.len().min(16));
    for (i, c) in given.iter().take(16).enumerate() {
        let kind = bad.text(&format!("{at}[{i}].kind"), &c.kind, 64);
        let number = bad.short(&format!("{at}[{i}].number"), &c.number, 64);
        let until = valid_before(bad, &format!("{at}[{i}].valid_until"), c);
        if let (Some(kind), Some(number), Some(until)) = (kind, number, until) {
            all.push((kind, number, until));
        }
    }
    all
}

/// The first instant after the last valid day, in UTC.
fn valid_before(bad: &mut Bad, field: &str, given: &v1::Credential) -> Option<Timestamp> {
    let Some(day) = &given.valid_until else {
        return Some(recoup_domain::time::NEVER);
    };
    let day = value::date(bad, field, day)?;
    let utc = Zone::new("UTC").ok()?;
    Some(utc.start_of_day(add_days(day, 1)))
}

/// A collector on the wire.
#[must_use]
pub fn render(collector: &Collector, plain: &CollectorPlain) -> v1::Collector {
    let numbers = plain
        .numbers
        .iter()
        .map(String::as_str)
        .chain(std::iter::repeat(""));
    let credentials = collector
        .credentials
        .iter()
        .zip(numbers)
        .map(|(c, number)| v1::Credential {
            kind: c.kind.clone(),
            number: number.to_owned(),
            valid_until: last_day(c.valid_until),
        });
    v1::Collector {
        collector_id: collector.id.to_string(),
        lender_ref: plain.lender_ref.clone(),
        display_name: plain.display_name.clone(),
        credentials: credentials.collect(),
        languages: collector.languages.clone(),
        regions: collector.regions.clone(),
        active: Some(collector.active),
        trainings: Vec::new(),
        shifts: Vec::new(),
        etag: collector.version.to_string(),
    }
}

fn last_day(before: Timestamp) -> Option<crate::api::google::r#type::Date> {
    if before >= recoup_domain::time::NEVER {
        return None;
    }
    let utc = Zone::new("UTC").ok()?;
    Some(value::to_date(add_days(utc.date(before), -1)))
}
