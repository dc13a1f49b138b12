//! Errors as callers see them: a gRPC status with a `google.rpc.ErrorInfo` whose reason is one of the
//! contract's [`ErrorReason`]s, field violations all at once, and a delay where trying again helps.
//! Each reason has a page in docs/errors. No driver's text and no personal data gets out here.

use std::collections::HashMap;
use std::time::Duration;

use recoup_domain::case::Refusal;
use recoup_engine::error::CommandError;
use recoup_engine::vault::VaultError;
use recoup_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::api::recoup::v1::ErrorReason;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "recoup";

/// How long to wait before trying again where others write the same record.
const RETRY_CONTENDED: Duration = Duration::from_millis(50);
/// How long to wait before trying again where the server is not there.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

/// The longest message, in bytes: it travels in a header, which clients bound to 16 KiB.
const MESSAGE_MAX: usize = 2_000;
/// The longest word on one field, or value in the metadata, in bytes.
const WORDS_MAX: usize = 300;
/// The most fields that are named, and the most bytes that naming them takes: they travel in a header too.
const FIELDS_MAX: (usize, usize) = (32, 4_000);

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    reason: ErrorReason,
    message: String,
    metadata: HashMap<String, String>,
    retry: Option<Duration>,
}

impl Problem {
    /// A problem, with a sentence for the person who must act.
    #[must_use]
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: HashMap::new(),
            retry: None,
        }
    }

    /// Adds to the metadata, such as `value`, `limit` or `field`.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        let value = cut(&value.to_string(), WORDS_MAX);
        self.metadata.insert(key.to_owned(), value);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry(mut self, after: Duration) -> Self {
        self.retry = Some(after);
        self
    }

    /// The reason.
    #[must_use]
    pub const fn reason(&self) -> ErrorReason {
        self.reason
    }

    fn details(&self) -> ErrorDetails {
        let mut details =
            ErrorDetails::with_error_info(reason_name(self.reason), DOMAIN, self.metadata.clone());
        if self.retry.is_some() {
            details.set_retry_info(self.retry);
        }
        // What the engine refuses is named as what the edge refuses is.
        if let (Code::InvalidArgument, Some(field)) =
            (code_of(self.reason), self.metadata.get("field"))
        {
            let problem = cut(&self.message, WORDS_MAX);
            details.set_bad_request(vec![violation(field, self.reason, &problem)]);
        }
        details
    }
}

fn violation(field: &str, reason: ErrorReason, problem: &str) -> FieldViolation {
    let mut violation = FieldViolation::new(field, problem);
    reason_name(reason).clone_into(&mut violation.reason);
    violation
}

/// A text of at most `max` bytes: what was given may be of any length, and stands in messages.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|i| text.is_char_boundary(*i));
    format!("{} … (cut)", &text[..end.unwrap_or(0)])
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let details = problem.details();
        let message = cut(&problem.message, MESSAGE_MAX);
        Self::with_error_details(code_of(problem.reason), message, details)
    }
}

/// The name of a reason without its prefix, such as `FIELD_REQUIRED`.
#[must_use]
pub fn reason_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The status code of each reason, as the contract's comments have it.
#[must_use]
pub const fn code_of(reason: ErrorReason) -> Code {
    use ErrorReason as R;
    match reason {
        R::FieldRequired
        | R::FieldInvalid
        | R::FieldTooLong
        | R::RequestIdInvalid
        | R::IdInvalid
        | R::AmountInvalid
        | R::CurrencyUnknown
        | R::CurrencyMismatch
        | R::DateInvalid
        | R::TimeInvalid
        | R::TimeZoneUnknown
        | R::TimeZoneMissing
        | R::RegionUnknown
        | R::JurisdictionUnknown
        | R::ContactPointInvalid
        | R::HashInvalid
        | R::FieldMaskInvalid
        | R::FilterInvalid
        | R::PageTokenInvalid
        | R::CursorInvalid
        | R::PolicyInvalid
        | R::TemplateInvalid
        | R::OutcomeInvalid
        | R::RuleUnknown
        | R::ChannelUnknown
        | R::RowInvalid
        | R::PackInvalid => Code::InvalidArgument,
        R::CaseNotFound
        | R::PartyNotFound
        | R::ContactNotFound
        | R::ContactPointNotFound
        | R::CollectorNotFound
        | R::PolicyNotFound
        | R::TemplateNotFound
        | R::ArrangementNotFound
        | R::PaymentNotFound
        | R::OverrideNotFound
        | R::ChannelNotFound
        | R::GenerationNotFound
        | R::RecordNotFound => Code::NotFound,
        R::RequestIdReused | R::CaseExists | R::PaymentExists | R::TemplateExists => {
            Code::AlreadyExists
        }
        R::CaseClosed
        | R::CaseNotPaused
        | R::PolicyNotActive
        | R::PolicyCurrency
        | R::ContactNotWaiting
        | R::ContactState
        | R::ContactDenied
        | R::ContactPointUnusable
        | R::CredentialsMissing
        | R::EvidenceIncomplete
        | R::DispatchPaused
        | R::DispatchNotPaused
        | R::ArrangementState
        | R::PromiseOutOfRange
        | R::ClockSuspect
        | R::PartyErased
        | R::LegalHold
        | R::RuleNotOverridable
        | R::BackupImpossible
        | R::NotRestored
        | R::ChannelState
        | R::LibraryRefused => Code::FailedPrecondition,
        R::StaleEtag | R::Conflict => Code::Aborted,
        R::Unauthenticated => Code::Unauthenticated,
        R::RoleMissing | R::SamePerson => Code::PermissionDenied,
        R::TooManyRequests | R::MessageTooLarge | R::StoreFull => Code::ResourceExhausted,
        R::NotBuilt => Code::Unimplemented,
        R::NotServing | R::StoreUnavailable => Code::Unavailable,
        R::Internal | R::Unspecified => Code::Internal,
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Path of the field, such as `case.facts.overdue`.
    pub field: String,
    /// Which rule it breaks.
    pub reason: ErrorReason,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// All fields that cannot be taken; the reason is that of the first.
#[must_use]
pub fn bad_fields(fields: &[FieldProblem]) -> Status {
    let Some(first) = fields.first() else {
        return internal("a request was refused without a reason");
    };
    let rest = match fields.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    let words = cut(&first.problem, WORDS_MAX);
    let message = format!("{}: {words}{rest}", first.field);
    let problem = Problem::new(first.reason, message.clone()).with("field", &first.field);
    let mut room = FIELDS_MAX.1;
    let mut violations = Vec::with_capacity(fields.len().min(FIELDS_MAX.0));
    for f in fields.iter().take(FIELDS_MAX.0) {
        let named = violation(&f.field, f.reason, &cut(&f.problem, WORDS_MAX));
        let size = named.field.len() + named.description.len() + named.reason.len() + 8;
        // The first is always named.
        if size > room && !violations.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        violations.push(named);
    }
    let mut details = problem.details();
    details.set_bad_request(violations);
    Status::with_error_details(code_of(first.reason), message, details)
}

/// A fault of recoup itself: the whole story goes to the log under an id, the caller gets the id.
#[must_use]
pub fn internal(what: &str) -> Status {
    let id = incident();
    tracing::error!(incident = %id, "{what}");
    let message = format!("a fault of recoup itself; look for incident {id} in its log");
    Problem::new(ErrorReason::Internal, message)
        .with("incident", id)
        .into()
}

fn incident() -> String {
    let mut bytes = [0_u8; 6];
    if getrandom::fill(&mut bytes).is_err() {
        return "without-number".to_owned();
    }
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The status of a command that was not done, where what the engine cannot name (amounts of two currencies,
/// a text that does not parse) came in the field of this path.
#[must_use]
pub fn of_command_at(error: CommandError, field: &str) -> Status {
    let mut problem = match problem_of(error) {
        Ok(problem) => problem,
        Err(status) => return status,
    };
    if !problem.metadata.contains_key("field") {
        problem = problem.with("field", field);
    }
    problem.into()
}

/// The status of a command that was not done.
#[must_use]
pub fn of_command(error: CommandError) -> Status {
    problem_of(error).map_or_else(|status| status, Status::from)
}

/// The problem of a command that was not done; where there is more to say than a problem holds, its status.
fn problem_of(error: CommandError) -> Result<Problem, Status> {
    use ErrorReason as R;
    let message = error.to_string();
    let problem = match error {
        CommandError::NotFound { what, id } => {
            Problem::new(not_found(what), message).with("value", id)
        }
        CommandError::Invalid(violations) => {
            let fields: Vec<FieldProblem> = violations
                .into_iter()
                .map(|v| FieldProblem {
                    reason: reason_of_field(&v.field),
                    field: v.field,
                    problem: v.problem,
                })
                .collect();
            return Err(bad_fields(&fields));
        }
        CommandError::Refused(refusal) => of_refusal(&refusal),
        CommandError::CaseExists(case) => {
            Problem::new(R::CaseExists, message).with("case_id", case)
        }
        CommandError::Stale { now, .. } => Problem::new(R::StaleEtag, message).with("etag", now),
        CommandError::RequestReused => Problem::new(R::RequestIdReused, message),
        CommandError::SamePerson { principal, .. } => {
            Problem::new(R::SamePerson, message).with("principal", principal)
        }
        CommandError::RuleUnknown(rule) => Problem::new(R::RuleUnknown, message)
            .with("field", "rule_id")
            .with("value", rule),
        CommandError::RuleNotOverridable { rule, .. } => {
            Problem::new(R::RuleNotOverridable, message).with("value", rule)
        }
        CommandError::ContactState { contact, state, .. } => Problem::new(R::ContactState, message)
            .with("contact_id", contact)
            .with("value", state),
        CommandError::TemplateLacks { violations, .. } => {
            let fields: Vec<FieldProblem> = violations
                .into_iter()
                .map(|v| FieldProblem {
                    reason: R::TemplateInvalid,
                    field: v.field,
                    problem: v.problem,
                })
                .collect();
            return Err(bad_fields(&fields));
        }
        CommandError::Unsayable { problem, .. } | CommandError::Lacking { problem, .. } => {
            Problem::new(R::ContactDenied, message).with("reasons", problem)
        }
        CommandError::Denied { reasons, earliest } => {
            let problem = Problem::new(R::ContactDenied, message);
            let problem = problem.with("reasons", reasons.join("; "));
            match earliest {
                Some(at) => problem.with("earliest", at),
                None => problem,
            }
        }
        CommandError::PointUnusable(_) => Problem::new(R::ContactPointUnusable, message),
        CommandError::DispatchPaused(_) => Problem::new(R::DispatchPaused, message),
        CommandError::ClockSuspect(_) => Problem::new(R::ClockSuspect, message),
        CommandError::Rollout { channel, .. } => {
            Problem::new(R::ChannelState, message).with("value", channel)
        }
        CommandError::NotRestored => Problem::new(R::NotRestored, message),
        CommandError::Copy(_) => Problem::new(R::BackupImpossible, message),
        CommandError::NoPolicy(_) => Problem::new(R::PolicyNotActive, message),
        CommandError::NotActivated(version) => {
            Problem::new(R::PolicyNotActive, message).with("value", version)
        }
        CommandError::PolicyFaults(findings) => {
            // What is wrong is told whole; how a case comes there, by CheckPolicy.
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            let text = format!("the policy does not pass its check:\n{}", lines.join("\n"));
            Problem::new(R::PolicyInvalid, text).with("findings", lines.len())
        }
        CommandError::Template { name, .. } => {
            Problem::new(R::TemplateInvalid, message).with("value", name)
        }
        CommandError::Jurisdiction { given, known } => {
            Problem::new(R::JurisdictionUnknown, message)
                .with("field", "case.jurisdiction")
                .with("value", given)
                .with("limit", known)
        }
        CommandError::Contended => Problem::new(R::Conflict, message).retry(RETRY_CONTENDED),
        CommandError::Vault(error) => return Err(of_vault(&error)),
        CommandError::Store(error) => return Err(of_store(&error)),
    };
    Ok(problem)
}

fn not_found(what: &str) -> ErrorReason {
    use ErrorReason as R;
    match what {
        "party" => R::PartyNotFound,
        "contact" => R::ContactNotFound,
        "contact point" => R::ContactPointNotFound,
        "collector" => R::CollectorNotFound,
        "policy" => R::PolicyNotFound,
        "template" => R::TemplateNotFound,
        "channel" => R::ChannelNotFound,
        "generation" => R::GenerationNotFound,
        "override" => R::OverrideNotFound,
        "payment" => R::PaymentNotFound,
        "dispute" | "complaint" | "consent" | "opt-out" => R::RecordNotFound,
        _ => R::CaseNotFound,
    }
}

/// The reason that goes with a field the engine refuses: it knows what is wrong, the contract knows
/// the word.
fn reason_of_field(field: &str) -> ErrorReason {
    use ErrorReason as R;
    let last = field.rsplit('.').next().unwrap_or(field);
    let name = last.split('[').next().unwrap_or(last);
    match name {
        "time_zones" | "zones" => R::TimeZoneMissing,
        "time_zone" => R::TimeZoneUnknown,
        "regions" => R::RegionUnknown,
        "jurisdiction" => R::JurisdictionUnknown,
        "value" | "contact_points" | "points" => R::ContactPointInvalid,
        "currency" => R::CurrencyMismatch,
        "amount" | "overdue" | "principal" | "interest" | "fees" | "balance_after" => {
            R::AmountInvalid
        }
        "sha256" => R::HashInvalid,
        "outcome" => R::OutcomeInvalid,
        "occurred_time" | "received_time" | "effective_time" | "expire_time" | "until" | "time" => {
            R::TimeInvalid
        }
        "due_date" | "oldest_unpaid_due_date" => R::DateInvalid,
        "channel" => R::ChannelUnknown,
        "request_id" => R::RequestIdInvalid,
        _ => R::FieldInvalid,
    }
}

/// An amount as the command line shows it, too.
fn words_of(money: recoup_domain::Money) -> String {
    recoup_engine::render::money(money.minor, money.currency.code())
}

fn of_refusal(refusal: &Refusal) -> Problem {
    use ErrorReason as R;
    let message = refusal.to_string();
    match refusal {
        Refusal::Closed(reason) => Problem::new(R::CaseClosed, message).with("value", reason),
        Refusal::Amount { field, given, must } => Problem::new(R::AmountInvalid, message)
            .with("field", field)
            .with("value", given)
            .with("limit", must),
        Refusal::Money(_) => Problem::new(R::CurrencyMismatch, message),
        Refusal::OtherPayment { recorded, given } => {
            let (recorded, given) = (words_of(*recorded), words_of(*given));
            let message = format!("{message}: {recorded}, now {given}");
            Problem::new(R::PaymentExists, message)
                .with("field", "amount")
                .with("value", given)
                .with("limit", recorded)
        }
        Refusal::TakenBack => Problem::new(R::PaymentExists, message).with("field", "payment_ref"),
        Refusal::PromisedAmount { given, overdue } => {
            let (given, overdue) = (words_of(*given), words_of(*overdue));
            let message =
                format!("amount: {given} is not above 0 and at most what is overdue, {overdue}");
            Problem::new(R::PromiseOutOfRange, message).with("field", "amount")
        }
        Refusal::Promise { field, .. } => {
            Problem::new(R::PromiseOutOfRange, message).with("field", field)
        }
        Refusal::Time { field, .. } => Problem::new(R::TimeInvalid, message).with("field", field),
        Refusal::Missing(_) => Problem::new(R::RecordNotFound, message),
        Refusal::NoPayment => Problem::new(R::PaymentNotFound, message),
        Refusal::NotPaused(_) => Problem::new(R::CaseNotPaused, message),
        Refusal::Sha256(_) => Problem::new(R::HashInvalid, message).with("field", "sha256"),
        Refusal::Score { field, given } => Problem::new(R::FieldInvalid, message)
            .with("field", field)
            .with("value", given)
            .with("limit", "0-100"),
    }
}

fn of_vault(error: &VaultError) -> Status {
    match error {
        VaultError::Erased(party) => Problem::new(ErrorReason::PartyErased, error.to_string())
            .with("party_id", party)
            .into(),
        VaultError::Forged(_) | VaultError::NoRandomness => internal(&error.to_string()),
    }
}

/// The driver's words go to the log; the caller learns what to do.
fn of_store(error: &StoreError) -> Status {
    use std::error::Error;
    let source = error.source().map(ToString::to_string).unwrap_or_default();
    match error {
        StoreError::Unreadable { .. } => internal(&format!("{error}: {source}")),
        StoreError::Unavailable { .. } => {
            tracing::warn!(%source, "{error}");
            let message = "the store cannot be reached now; nothing was written";
            Problem::new(ErrorReason::StoreUnavailable, message)
                .retry(RETRY_UNAVAILABLE)
                .into()
        }
        StoreError::Broken { .. } | StoreError::Refused(_) => {
            tracing::error!(%source, "{error}");
            let message = "the store cannot be reached; nothing is known to have been written";
            Problem::new(ErrorReason::StoreUnavailable, message)
                .retry(RETRY_UNAVAILABLE)
                .into()
        }
        StoreError::Closed => not_serving(),
    }
}

/// What a refusal of the transport itself should say: a message that does not decode is the caller's
/// mistake. None where the status is one of ours, or nothing of the caller's.
#[must_use]
pub fn of_transport(status: &Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    let message = status.message();
    let problem = match status.code() {
        Code::OutOfRange => Problem::new(ErrorReason::MessageTooLarge, message),
        Code::ResourceExhausted => {
            Problem::new(ErrorReason::TooManyRequests, message).retry(Duration::from_secs(1))
        }
        Code::Internal if message.contains("decode") => Problem::new(
            ErrorReason::FieldInvalid,
            "the message is not one of the contract",
        ),
        _ => return None,
    };
    Some(problem.into())
}

/// The server is stopping.
#[must_use]
pub fn not_serving() -> Status {
    let message = "the server is stopping; repeat with the same request id";
    Problem::new(ErrorReason::NotServing, message)
        .retry(RETRY_UNAVAILABLE)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use recoup_engine::error::Violation;
    use tonic_types::StatusExt;

    fn every_reason() -> impl Iterator<Item = ErrorReason> {
        (1..=200).filter_map(|n| ErrorReason::try_from(n).ok())
    }

    #[test]
    fn every_reason_has_a_page_that_says_what_to_do() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
        for reason in every_reason() {
            let path = dir.join(format!("{}.md", reason_name(reason)));
            let page = std::fs::read_to_string(&path).unwrap_or_default();
            for part in ["# ", "## Likely cause", "## What to do"] {
                assert!(page.contains(part), "{} lacks `{part}`", path.display());
            }
        }
    }

    #[test]
    fn the_codes_are_those_of_the_contracts_comments() {
        let proto = include_str!("../../proto/recoup/v1/error_reason.proto");
        for reason in every_reason() {
            let name = reason.as_str_name();
            let (before, _) = proto
                .split_once(&format!("{name} ="))
                .expect("in the proto");
            let comment = before
                .rsplit("// ")
                .find(|c| c.contains(": "))
                .expect("a comment");
            let word = comment.split(':').next().expect("a code");
            let code = format!("{:?}", code_of(reason));
            let camel: String = word
                .split('_')
                .map(|w| format!("{}{}", &w[..1], w[1..].to_lowercase()))
                .collect();
            assert_eq!(code, camel, "{name}");
        }
    }

    #[test]
    fn all_violations_come_back_at_once_with_their_reasons() {
        let error = CommandError::Invalid(vec![
            Violation::new("borrower.time_zones", "no zone is known"),
            Violation::new("case.note", "too much"),
        ]);
        let status = of_command(error);
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().expect("an ErrorInfo");
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("TIME_ZONE_MISSING", DOMAIN)
        );
        let fields = &details
            .bad_request()
            .expect("a BadRequest")
            .field_violations;
        let reasons: Vec<&str> = fields.iter().map(|f| f.reason.as_str()).collect();
        assert_eq!(reasons, ["TIME_ZONE_MISSING", "FIELD_INVALID"]);
    }

    #[test]
    fn what_is_worth_trying_again_says_when() {
        let status = of_command(CommandError::Contended);
        assert_eq!(status.code(), Code::Aborted);
        assert!(status.get_error_details().retry_info().is_some());
        let status = of_command(CommandError::Store(StoreError::Closed));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_error_details().retry_info().is_some());
    }

    #[test]
    fn no_drivers_text_gets_out() {
        let source = "SQLITE_CORRUPT at page 7".into();
        let error = StoreError::Broken {
            what: "write",
            source,
        };
        let status = of_command(CommandError::Store(error));
        assert!(!status.message().contains("SQLITE"), "{}", status.message());
    }
}
