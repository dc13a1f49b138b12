//! The journal of a case in words.

use crate::beside::Beside;
use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_domain::Contact;
use recoup_domain::case::{CaseEvent, EndedBy, PolicyMove, PromiseResult, SkipReason};
use recoup_domain::ids::{CaseId, ConsentId, ContactId, OverrideId, PartyId, TenantId};
use recoup_domain::journal::{ContactEvent, Entry, What};
use recoup_domain::overrides::OverrideEvent;
use recoup_domain::party::{Consent, ConsentKind, PartyEvent, PointState};
use recoup_domain::time::NEVER;
use recoup_store::{JournalFilter, Page, Recorded};

use crate::render::amount;

/// A line of a case's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineItem {
    /// Its place in the journal.
    pub position: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// From when it holds.
    pub effective_at: Timestamp,
    /// Who said so.
    pub actor: String,
    /// What kind of event in a word, such as `payment_recorded`.
    pub kind: String,
    /// The event itself.
    pub what: What,
    /// What happened, in words.
    pub summary: String,
    /// The contact it is about.
    pub contact: Option<ContactId>,
    /// Why, where the service decided it.
    pub reason: Option<String>,
    /// The rules that were asked.
    pub rule_ids: Vec<String>,
    /// What was told with it; personal data.
    pub beside: Option<Beside>,
}

impl Engine {
    /// A case's history after a position: its own events, those of its contacts, and its borrower's.
    ///
    /// # Errors
    /// NotFound for a case that is not the tenant's.
    pub async fn timeline(
        &self,
        tenant: &TenantId,
        id: CaseId,
        after: u64,
        limit: usize,
    ) -> Done<Page<TimelineItem>> {
        let case = self.stored_case(tenant, id).await?;
        let of_case = JournalFilter {
            case: Some(id),
            ..Default::default()
        };
        let of_party = JournalFilter {
            party: Some(case.borrower),
            ..Default::default()
        };
        let mut rows = self.0.store.journal(&of_case, after, limit + 1).await?;
        let theirs = self.0.store.journal(&of_party, after, limit + 1).await?;
        let personal = |r: &Recorded| matches!(r.entry.what, What::Party { .. });
        rows.extend(theirs.into_iter().filter(personal));
        rows.sort_by_key(|r| r.position);
        rows.dedup_by_key(|r| r.position);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let currency = case.currency.code().to_owned();
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut item = item(row, &currency);
            item.beside = self.beside(&row.entry, case.borrower).await?;
            items.push(item);
        }
        Ok(Page { rows: items, more })
    }

    /// What was told with an entry of a case of `borrower`, in the open.
    ///
    /// # Errors
    /// Vault where it was changed.
    pub async fn beside(&self, entry: &Entry, borrower: PartyId) -> Done<Option<Beside>> {
        let person = match &entry.what {
            What::Case { .. } => borrower,
            What::Party { id, .. } => *id,
            What::Contact { party, .. } => *party,
            What::Override { case: Some(_), .. } => borrower,
            What::Override { case: None, .. } | What::Collector { .. } | What::Service { .. } => {
                return Ok(None);
            }
        };
        Beside::of(entry, person, &self.0.keys).await
    }
}

fn item(recorded: &Recorded, currency: &str) -> TimelineItem {
    let entry = &recorded.entry;
    let (kind, summary) = match &entry.what {
        What::Case { event, .. } => case_words(event, currency),
        What::Party { event, .. } => party_words(event),
        What::Contact { event, .. } => contact_words(event),
        What::Override {
            id, rule, event, ..
        } => override_words(*id, rule, *event),
        What::Collector { id, .. } => ("collector_upserted".to_owned(), id.to_string()),
        What::Service { event, subject } => (event.clone(), subject.clone()),
    };
    let contact = match &entry.what {
        What::Contact { id, .. } => Some(*id),
        _ => None,
    };
    let planned = match &entry.what {
        What::Contact {
            event: ContactEvent::Planned(c) | ContactEvent::Intended(c),
            ..
        } => Some(c),
        _ => None,
    };
    let decision = planned.and_then(|c| c.decision.as_ref());
    TimelineItem {
        position: recorded.position,
        at: entry.at,
        effective_at: entry.effective_at,
        actor: entry.actor.clone(),
        kind,
        what: entry.what.clone(),
        summary,
        contact,
        reason: planned.map(|c| why(c)),
        rule_ids: decision.map_or_else(Vec::new, |d| d.permitted_by.clone()),
        beside: None,
    }
}

/// Why a contact was planned.
fn why(contact: &Contact) -> String {
    let place = contact.place.as_ref().map_or_else(
        || "asked for by hand".to_owned(),
        |p| format!("stage `{}`, step {}", p.stage_name, p.step + 1),
    );
    let decision = contact.decision.as_ref();
    let rules = decision.map_or_else(String::new, |d| d.permitted_by.join(", "));
    let lifted = decision.map_or(&[][..], |d| &d.lifted);
    let lifted: Vec<String> = lifted
        .iter()
        .map(|l| format!("; {} was lifted by {} until {}", l.rule, l.id, l.until))
        .collect();
    let packs = decision.map_or_else(String::new, |d| format!("; packs {}", short(&d.packs_hash)));
    format!(
        "{place}; permitted by {}{}{packs}",
        if rules.is_empty() {
            "no rule at all"
        } else {
            &rules
        },
        lifted.concat()
    )
}

/// The beginning of a hash, enough to tell versions apart.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn case_words(event: &CaseEvent, currency: &str) -> (String, String) {
    let money = |minor: i64| format!("{} {currency}", amount(minor, currency));
    let (kind, words) = match event {
        CaseEvent::Opened(case) => (
            "case_opened",
            format!(
                "opened with {} overdue under {}",
                money(case.amounts.overdue),
                case.jurisdiction
            ),
        ),
        CaseEvent::FactsUpdated { amounts, .. } => (
            "facts_updated",
            amounts.map_or_else(
                || "the lender's facts changed".to_owned(),
                |a| format!("the lender's facts changed: {} overdue", money(a.overdue)),
            ),
        ),
        CaseEvent::DocumentAdded(d) => ("document_added", format!("{} added", d.kind.name())),
        CaseEvent::PaymentRecorded(p) => (
            "payment_recorded",
            format!(
                "{} came in, {} overdue after it",
                money(p.amount),
                money(p.overdue_after)
            ),
        ),
        CaseEvent::Paused(p) => (
            "paused",
            match p.promise {
                Some(promise) => format!("{} promised by {}", money(promise.amount), promise.due),
                None if p.until < NEVER => {
                    format!("paused ({}) until {}", p.reason.name(), p.until)
                }
                None => format!("paused ({}) until a person ends it", p.reason.name()),
            },
        ),
        CaseEvent::PaymentReversed(r) => (
            "payment_reversed",
            format!(
                "{} was taken back, {} overdue after it",
                money(r.amount),
                money(r.overdue_after)
            ),
        ),
        CaseEvent::Disputed { .. } => ("disputed", "the dispute is in writing".to_owned()),
        CaseEvent::DisputeResolved { verified, .. } => (
            "dispute_resolved",
            if *verified {
                "the dispute is settled: the debt stands".to_owned()
            } else {
                "the dispute is settled: the borrower was right".to_owned()
            },
        ),
        CaseEvent::ComplaintResolved { upheld, .. } => (
            "complaint_resolved",
            if *upheld {
                "the complaint is settled: it was right".to_owned()
            } else {
                "the complaint is settled: it was not right".to_owned()
            },
        ),
        CaseEvent::PauseEnded { by, .. } => (
            "pause_ended",
            match by {
                EndedBy::Timer => "the pause ended as planned".to_owned(),
                EndedBy::Release => "the pause was ended before its time".to_owned(),
                EndedBy::Close => "the pause ended with the case".to_owned(),
            },
        ),
        CaseEvent::PromiseResolved { result, paid, .. } => (
            "promise_resolved",
            match result {
                PromiseResult::Kept => format!("the promise was kept: {}", money(*paid)),
                PromiseResult::Partial => format!("the promise was kept in part: {}", money(*paid)),
                PromiseResult::Broken => "the promise was broken".to_owned(),
            },
        ),
        CaseEvent::PolicyPinned(p) => (
            "policy_pinned",
            format!("runs under {}@{} ({})", p.name, p.version, p.arm),
        ),
        CaseEvent::PolicyMoved(m) => ("policy_moved", moved_words(m)),
        CaseEvent::StageEntered { to, name, .. } => (
            "stage_entered",
            match to {
                Some(_) => format!("stands in stage `{name}`"),
                None => "stands in no stage".to_owned(),
            },
        ),
        CaseEvent::StepSkipped { step, why, .. } => (
            "step_skipped",
            format!("step {} is passed over: {}", step + 1, skip_words(why)),
        ),
        CaseEvent::StepsReopened => (
            "steps_reopened",
            "steps that were passed over are asked again".to_owned(),
        ),
        CaseEvent::Denied(d) => (
            "contact_denied",
            match (d.earliest, &d.lacks) {
                (Some(earliest), _) => {
                    format!("{} refused by {} before {earliest}", d.class, d.rule)
                }
                (None, Some(lacks)) => {
                    format!("{} refused by {} as long as {lacks}", d.class, d.rule)
                }
                (None, None) => format!(
                    "{} refused by {}; no passing of time cures it",
                    d.class, d.rule
                ),
            },
        ),
        CaseEvent::LegalBegan => ("legal_began", "is with the law".to_owned()),
        CaseEvent::LegalRecalled => ("legal_recalled", "the referral is taken back".to_owned()),
        CaseEvent::WorklistChanged { reason: None } => ("worklist", "off the worklist".to_owned()),
        CaseEvent::WorklistChanged {
            reason: Some(reason),
        } => ("worklist", format!("on the worklist: {reason}")),
        CaseEvent::Closed { reason, .. } => ("case_closed", format!("closed: {}", reason.name())),
    };
    (kind.to_owned(), words)
}

fn moved_words(m: &PolicyMove) -> String {
    let (from, to) = (&m.from, &m.to);
    let stage = match (&*m.stage_names.0, &*m.stage_names.1) {
        ("", _) => "it stood in no stage".to_owned(),
        (left, "") => format!("stage `{left}` became nothing"),
        (left, same) if left == same => format!("it stood in stage `{left}`"),
        (left, became) => format!("stage `{left}` became `{became}`"),
    };
    let number = |(stage, step): (u8, u8)| format!("{}.{}", stage + 1, step + 1);
    let steps = m.places.iter().filter(|(before, now)| before != now);
    let steps = steps.map(|(before, now)| format!("{} is {}", number(*before), number(*now)));
    let steps = match steps.collect::<Vec<_>>().join(", ") {
        steps if steps.is_empty() => String::new(),
        steps => format!("; steps by stage and number: {steps}"),
    };
    format!(
        "goes on under {}@{}, before under {}@{}; {stage}{steps}",
        to.name, to.version, from.name, from.version
    )
}

fn override_words(id: OverrideId, rule: &str, event: OverrideEvent) -> (String, String) {
    let (kind, words) = match event {
        OverrideEvent::Proposed { until } => (
            "override_proposed",
            format!("{id}: {rule} shall be lifted until {until}; a second person must agree"),
        ),
        OverrideEvent::Approved { until } => (
            "override_approved",
            format!("{id}: {rule} is lifted until {until}"),
        ),
        OverrideEvent::Revoked => (
            "override_revoked",
            format!("{id}: {rule} is lifted no more"),
        ),
    };
    (kind.to_owned(), words)
}

fn skip_words(why: &SkipReason) -> String {
    match why {
        SkipReason::NoTarget => "no usable number or address".to_owned(),
        SkipReason::DeniedForever { rule } => format!("{rule} will never permit it"),
        SkipReason::NoChannel => "no channel of that name is loaded".to_owned(),
        SkipReason::RetriesUsedUp => "tried as often as a step may be, never sent".to_owned(),
        SkipReason::CalledOff => "a person called it off".to_owned(),
        SkipReason::ByOutcome { outcome } => format!("the policy says so after {outcome}"),
    }
}

fn party_words(event: &PartyEvent) -> (String, String) {
    let (kind, words) = match event {
        PartyEvent::Upserted(_) => ("party_told", "the lender told of the person".to_owned()),
        PartyEvent::OptedOut(o) => (
            "opted_out",
            match o.class {
                Some(class) => format!("asked not to be contacted by {class}"),
                None => "asked not to be contacted".to_owned(),
            },
        ),
        PartyEvent::Ceased(c) => (
            "ceased",
            format!(
                "demanded that contact stops ({})",
                if c.written { "written" } else { "oral" }
            ),
        ),
        PartyEvent::Learned { outcome, .. } => {
            ("learned", format!("a number or address: {outcome}"))
        }
        PartyEvent::PointTold { state, .. } => (
            "learned",
            format!(
                "a number or address {}, says the lender",
                point_words(*state)
            ),
        ),
        PartyEvent::Refused => (
            "refused",
            "a third party asked not to be contacted".to_owned(),
        ),
        other => return right_words(other),
    };
    (kind.to_owned(), words)
}

fn right_words(event: &PartyEvent) -> (String, String) {
    let (kind, words) = match event {
        PartyEvent::OptOutWithdrawn { .. } => {
            ("opt_out_withdrawn", "took an opt-out back".to_owned())
        }
        PartyEvent::Consented { id, consent } => ("consented", consented_words(*id, consent)),
        PartyEvent::ConsentWithdrawn { id, .. } => ("consent_withdrawn", format!("took back {id}")),
        PartyEvent::Represented { attorney } => (
            "represented",
            match attorney {
                Some(attorney) => format!("is represented by an attorney, {attorney}"),
                None => "is represented by an attorney".to_owned(),
            },
        ),
        PartyEvent::RepresentationEnded => (
            "representation_ended",
            "no attorney represents the person any more".to_owned(),
        ),
        PartyEvent::TimeDeclined(span) => (
            "time_declined",
            match span.to {
                Some(to) => format!("not to be contacted from {} to {to}", span.from),
                None => format!("not to be contacted from {} on", span.from),
            },
        ),
        PartyEvent::PlaceDeclined { .. } => (
            "place_declined",
            "not to be contacted at a number, address or place".to_owned(),
        ),
        PartyEvent::EmployerProhibits { prohibits } => (
            "employer_prohibits",
            match prohibits {
                true => "the employer forbids contact at work".to_owned(),
                false => "the employer forbids contact at work no more".to_owned(),
            },
        ),
        PartyEvent::Moratorium { until } => (
            "moratorium",
            format!("a moratorium protects the person up to {until}"),
        ),
        PartyEvent::Died { died } => (
            "died",
            match died {
                true => "the person has died".to_owned(),
                false => "the report that the person had died was wrong".to_owned(),
            },
        ),
        PartyEvent::HardshipDeclared { until } if *until < NEVER => {
            ("hardship", format!("declared hardship until {until}"))
        }
        PartyEvent::HardshipDeclared { .. } => ("hardship", "declared hardship".to_owned()),
        PartyEvent::HardshipEnded => ("hardship_ended", "the hardship is over".to_owned()),
        PartyEvent::Upserted(_)
        | PartyEvent::OptedOut(_)
        | PartyEvent::Ceased(_)
        | PartyEvent::Learned { .. }
        | PartyEvent::PointTold { .. }
        | PartyEvent::Refused => ("party_told", String::new()),
    };
    (kind.to_owned(), words)
}

const fn point_words(state: PointState) -> &'static str {
    match state {
        PointState::Usable => "works",
        PointState::Invalid => "does not exist",
        PointState::WrongNumber => "is somebody else's",
    }
}

/// What was consented to, how, on what paper, until when, and the id by which it is taken back.
fn consented_words(id: ConsentId, consent: &Consent) -> String {
    let proof = &consent.proof;
    let source = match proof.source.as_str() {
        "" => "given nobody knows how",
        source => &format!("given by {source}"),
    };
    let paper = if proof.paper { "on file" } else { "none" };
    let end = match consent.expires_at {
        Some(end) => format!("until {end}"),
        None => "without end".to_owned(),
    };
    let what = consent_words(consent.kind);
    format!("consented to {what} {end}, {source}, paper: {paper} ({id})")
}

const fn consent_words(kind: ConsentKind) -> &'static str {
    match kind {
        ConsentKind::OffHours => "contact outside the hours of the day",
        ConsentKind::ExtraCalls => "more calls than the cap",
        ConsentKind::MoreAttemptsAgreed => "more attempts than advised",
        ConsentKind::MoreVisitsWritten => "more visits than the cap",
        ConsentKind::WorkEmail => "the work mailbox",
        ConsentKind::Electronic => "texts and e-mails",
    }
}

fn contact_words(event: &ContactEvent) -> (String, String) {
    let (kind, words) = match event {
        ContactEvent::Planned(c) => (
            "contact_planned",
            format!("{} `{}` waits for approval", c.class, c.template),
        ),
        ContactEvent::Intended(c) => (
            "contact_intended",
            format!(
                "{} `{}` (template_{}-{}) goes out, effect {} to {}",
                c.class, c.template, c.template, c.template_version, c.effect.from, c.effect.to
            ),
        ),
        ContactEvent::Approved { by } => ("contact_approved", format!("approved by {by}")),
        ContactEvent::Moved { to } => ("contact_moved", format!("is {to}")),
        ContactEvent::BeyondRecall => (
            "contact_beyond_recall",
            "was with the carrier already, which calls nothing off: it may still arrive".to_owned(),
        ),
        ContactEvent::Learned { outcome, .. } => ("contact_outcome", format!("outcome: {outcome}")),
        ContactEvent::Settled { to, outcome, .. } => {
            ("contact_outcome", format!("is {to}: {outcome}"))
        }
        ContactEvent::Corrected {
            was, to, outcome, ..
        } => (
            "contact_outcome",
            format!("corrected: it was {outcome}, not {was}; is {to}"),
        ),
    };
    (kind.to_owned(), words)
}
