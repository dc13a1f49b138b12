//! A portfolio of a file: the formats and mappings of `recoup import`, and no server.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use recoup_domain::case::{self, CaseEvent, Opening};
use recoup_domain::ids::KeyedHash;
use recoup_domain::party::{ContactPoint, Introduction, Party, PointState, introduce};
use recoup_domain::regions::zones_of;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Zone;
use recoup_domain::{CaseId, PartyId, TenantId};
use recoup_engine::types::{CaseInput, PartyInput, PartyName};
use recoup_simulate::{CaseToAdd, Compact};

use super::super::super::Failure;
use super::super::super::import::mapping::{Mapped, Mapping};
use super::super::super::import::source::{Format, Source};
use super::super::super::import::{self, ImportError};
use crate::api::recoup::v1::ImportCasesRequest;
use crate::convert::read::Bad;
use crate::convert::{case as convert_case, party};

/// Bad rows that are told; all are counted.
const TOLD_MAX: u64 = 20;

/// A file, read.
pub(super) struct Read {
    pub(super) cases: Compact,
    /// Rows that could not be taken.
    pub(super) bad: u64,
    /// Rows that the mapping passes over.
    pub(super) skipped: u64,
    /// The day that the file's states are of, where its mapping says so.
    pub(super) as_of: Option<Date>,
}

/// Reads a file. Bad rows are told and passed over.
pub(super) fn read(
    path: &Path,
    mapping: &str,
    month: Option<&str>,
    now: Timestamp,
) -> Result<Read, Failure> {
    let failed = |e: ImportError| Failure {
        code: e.exit_code(),
        message: e.to_string(),
    };
    let unread = |source| {
        failed(ImportError::Read {
            path: path.to_owned(),
            source,
        })
    };
    let format = Format::of(path).ok_or_else(|| failed(ImportError::Format(path.to_owned())))?;
    let mapping = Mapping::load(mapping).map_err(|e| failed(e.into()))?;
    let number = import::month(&mapping, month).map_err(failed)?;
    let mut source = Source::open(path, format).map_err(unread)?;
    if let Some(header) = source.header() {
        mapping.check_header(header).map_err(|e| failed(e.into()))?;
    }
    let bytes = std::fs::metadata(path).map_err(unread)?.len();
    let bar = import::progress(bytes);
    bar.set_message("reading the portfolio");
    let as_of = match month {
        // The end of the month that was asked for.
        Some(month) => format!("{month}-01").parse().ok().map(Date::last_of_month),
        None => mapping.as_of,
    };
    let mut read = Read {
        cases: Compact::default(),
        bad: 0,
        skipped: 0,
        as_of,
    };
    while let Some(row) = source.next_row().map_err(unread)? {
        bar.set_position(source.position_bytes());
        let taken = match row {
            Err(bad) => Err((bad.number, bad.line, bad.reason)),
            Ok(row) => match mapping.map(&row, number) {
                Ok(Mapped::Skipped(_)) => {
                    read.skipped += 1;
                    continue;
                }
                Ok(Mapped::Case(request)) => {
                    to_add(&request, now).map_err(|reason| (row.number, row.line, reason))
                }
                Err(errors) => {
                    let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    Err((row.number, row.line, reasons.join("; ")))
                }
            },
        };
        match taken {
            Ok(case) => read.cases.add(case),
            Err((number, line, reason)) => {
                read.bad += 1;
                if read.bad <= TOLD_MAX {
                    bar.suspend(|| eprintln!("row {number} (line {line}): {reason}"));
                }
            }
        }
    }
    bar.finish_and_clear();
    read.cases = read.cases.sorted();
    Ok(read)
}

/// The instant at which a day begins for whom the replay is told in UTC.
pub(super) fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// A row as a case with its borrower, as the server would open it.
fn to_add(row: &ImportCasesRequest, now: Timestamp) -> Result<CaseToAdd, String> {
    let mut bad = Bad::new();
    let borrower = row
        .borrower
        .as_ref()
        .and_then(|told| party::told(&mut bad, "borrower", told, true));
    let input = convert_case::input(&mut bad, "borrower", borrower, row.case.as_ref());
    let input = bad
        .check(input)
        .map_err(|status| status.message().to_owned())?;
    let PartyName::Told(told) = &input.borrower else {
        return Err("the row names no borrower".to_owned());
    };
    let borrower = borrower_of(told, now)?;
    let (lender_ref, borrower_ref) = (input.lender_case_ref.clone(), told.lender_ref.clone());
    let opening = opening(input, &borrower);
    case::check_due(
        opening.amounts.overdue,
        opening.oldest_unpaid_due,
        &borrower.zones,
        now,
    )
    .map_err(|e| format!("oldest_unpaid_due_date: {} is ahead of {}", e.due, e.today))?;
    match case::open(opening, now).map_err(|e| e.to_string())? {
        CaseEvent::Opened(case) => Ok(CaseToAdd {
            lender_ref,
            borrower_ref,
            case: *case,
            borrower,
        }),
        _ => Err("the row opens no case".to_owned()),
    }
}

/// Nothing of who somebody is is kept: numbers and addresses are known by their order alone.
fn borrower_of(told: &PartyInput, now: Timestamp) -> Result<Party, String> {
    let mut zones: Vec<Zone> = told.zones.clone();
    if zones.is_empty() {
        for region in &told.regions {
            let names = zones_of(region).ok_or_else(|| {
                format!("regions: no time zone is known for `{region}`: give time_zones")
            })?;
            for zone in names.iter().filter_map(|name| Zone::new(name).ok()) {
                if !zones.contains(&zone) {
                    zones.push(zone);
                }
            }
        }
    }
    if zones.is_empty() {
        return Err(
            "time_zones: neither they nor regions give a zone to judge hours in".to_owned(),
        );
    }
    let points = (1_u8..).zip(&told.points).map(|(nth, p)| ContactPoint {
        key: KeyedHash([nth; 16]),
        kind: p.kind,
        owner: p.owner,
        zone: p.zone.clone(),
        verified: p.verified,
        source: p.source.clone(),
        state: p.state.unwrap_or(PointState::Usable),
        failed_days: 0,
        failed_on: None,
    });
    let told = Introduction {
        id: PartyId::from_bytes([0; 16]),
        tenant: lender()?,
        lender_ref: KeyedHash([0; 16]),
        kind: told.kind,
        regions: told.regions.clone(),
        zones,
        locale: told.locale.clone(),
        points: points.collect(),
        tags: told.tags.clone(),
    };
    Ok(introduce(told, now))
}

fn opening(input: CaseInput, borrower: &Party) -> Opening {
    Opening {
        id: CaseId::from_bytes([0; 16]),
        tenant: borrower.tenant.clone(),
        lender_ref: KeyedHash([0; 16]),
        borrower: borrower.id,
        parties: Vec::new(),
        jurisdiction: input.jurisdiction,
        lender_kind: input.lender_kind,
        borrower_kind: input.borrower_kind.unwrap_or(borrower.kind),
        product: input.product,
        currency: input.currency,
        amounts: input.amounts,
        oldest_unpaid_due: input.oldest_unpaid_due,
        scores: input.scores,
        tags: input.tags,
        documents: input.documents,
        previous: None,
        sealed: Sealed::default(),
    }
}

fn lender() -> Result<TenantId, String> {
    TenantId::new("file").map_err(|e| e.to_string())
}

/// A file of cases, for messages.
pub(super) fn shown(path: &Path) -> PathBuf {
    path.file_name()
        .map_or_else(|| path.to_owned(), PathBuf::from)
}
