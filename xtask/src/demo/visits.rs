//! The field app: which visits are on their way, and the reports it has.

use serde::Deserialize;

use recoup::api::recoup::v1 as pb;

use super::DemoError;
use super::cases::timestamp;
use super::http;

/// A visit that was accepted and not reported yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// The contact.
    pub(crate) contact_id: String,
    /// The lender's reference of the case, as the work order names it.
    pub(crate) case_ref: String,
    /// Start of the appointment.
    pub(crate) from_us: i64,
    /// End of the appointment.
    pub(crate) to_us: i64,
}

/// A report of the field app, as the sandbox gives it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Report {
    key: String,
    dest: String,
    outcome: String,
    at_us: i64,
    #[serde(default)]
    collectors: Vec<String>,
    #[serde(default)]
    evidence: Vec<Photo>,
}

#[derive(Debug, Clone, Deserialize)]
struct Photo {
    name: String,
    sha256: String,
}

/// A report with the case that its work order names.
#[derive(Debug, Clone)]
pub(crate) struct Reported {
    pub(crate) report: Report,
    pub(crate) case_ref: String,
}

/// Fetches the reports there are, each with the work order it is about.
pub(crate) async fn fetch(control: &str, calendar: &str) -> Result<Vec<Reported>, DemoError> {
    let text = http::call(control, "GET", "/control/visit-reports", "").await?;
    let reports: Vec<Report> = serde_json::from_str(&text)
        .map_err(|error| DemoError::Failed(format!("read the visit reports: {error}")))?;
    let mut all = Vec::with_capacity(reports.len());
    for report in reports {
        let path = format!("/{}/{}.ics", report.dest.trim_matches('/'), report.key);
        let order = http::call(calendar, "GET", &path, "").await?;
        let case_ref = case_of(&order).ok_or_else(|| {
            DemoError::Failed(format!(
                "read the work order {path}: it names no case as [ref:…]"
            ))
        })?;
        all.push(Reported { report, case_ref });
    }
    Ok(all)
}

/// The case that a work order names as `[ref:…]`. Long lines of a calendar go on after a space.
fn case_of(order: &str) -> Option<String> {
    let unfolded = order
        .replace("\r\n ", "")
        .replace("\n ", "")
        .replace("\r\n\t", "");
    let (_, rest) = unfolded.split_once("[ref:")?;
    let (case_ref, _) = rest.split_once(']')?;
    Some(case_ref.to_owned())
}

impl Reported {
    /// The visit of the list that it is about: same case, appointment around the instant.
    pub(crate) fn find(&self, visits: &[Visit]) -> Option<usize> {
        let at_us = self.report.at_us;
        // A calendar has whole seconds.
        let second = 1_000_000;
        visits.iter().position(|visit| {
            visit.case_ref == self.case_ref
                && (visit.from_us - second..=visit.to_us + second).contains(&at_us)
        })
    }

    /// The request that tells recoup.
    pub(crate) fn request(&self, contact_id: &str) -> Result<pb::ReportOutcomeRequest, DemoError> {
        let Report {
            key,
            outcome,
            at_us,
            collectors,
            evidence,
            ..
        } = &self.report;
        let name = format!("OUTCOME_{}", outcome.to_ascii_uppercase());
        let outcome = pb::Outcome::from_str_name(&name).ok_or_else(|| {
            DemoError::Failed(format!("report a visit: there is no outcome {outcome}"))
        })?;
        Ok(pb::ReportOutcomeRequest {
            request_id: format!("demo-visit-{key}"),
            contact_id: contact_id.to_owned(),
            outcome: outcome.into(),
            occurred_time: Some(timestamp(*at_us)),
            reporter: "field-app".to_owned(),
            note: String::new(),
            evidence: evidence
                .iter()
                .map(|photo| pb::Evidence {
                    reference: format!("field-app/{key}/{}", photo.name),
                    sha256: photo.sha256.clone(),
                })
                .collect(),
            collector_ids: collectors
                .iter()
                .map(|uri| uri.rsplit(':').next().unwrap_or_default().to_owned())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(at_us: i64) -> Reported {
        let report = serde_json::json!({
            "key": "k1", "uid": "k1@x", "dest": "/calendars/field", "outcome": "visited", "at_us": at_us,
            "collectors": ["urn:x-recoup:collector:collector_1", "urn:x-recoup:collector:collector_2"],
            "evidence": [{"name": "door.jpg", "sha256": "ab"}],
        });
        Reported {
            report: serde_json::from_value(report).unwrap(),
            case_ref: "CN-1".to_owned(),
        }
    }

    #[test]
    fn a_work_order_names_its_case_over_folded_lines() {
        let order = "BEGIN:VEVENT\r\nSUMMARY:Visit [ref:CN-00\r\n 012-1]\r\nEND:VEVENT\r\n";
        assert_eq!(case_of(order).as_deref(), Some("CN-00012-1"));
        assert_eq!(case_of("SUMMARY:Visit"), None);
    }

    #[test]
    fn a_report_finds_its_visit_and_becomes_a_request() {
        let visit = |from_us| Visit {
            contact_id: format!("contact_{from_us}"),
            case_ref: "CN-1".to_owned(),
            from_us,
            to_us: from_us + 7_200_000_000,
        };
        let visits = [visit(0), visit(100_000_000_000)];
        let reported = reported(100_000_000_000);
        assert_eq!(reported.find(&visits), Some(1));
        let request = reported.request("contact_7").unwrap();
        assert_eq!(request.outcome(), pb::Outcome::Visited);
        assert_eq!(request.collector_ids, ["collector_1", "collector_2"]);
        assert_eq!(request.evidence[0].reference, "field-app/k1/door.jpg");
    }
}
