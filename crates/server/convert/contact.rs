//! Contacts and what came of them.

use jiff::Timestamp;
use recoup_domain::contact::{ContactState, DecisionRecord};
use recoup_domain::ids::{CaseId, CollectorId, ContactId};
use recoup_engine::commands::{HandInput, ResolutionInput};
use recoup_engine::types::{ContactView, Report};

use super::read::Bad;
use super::{case, gate, party, policy, value, words};
use crate::api::recoup::v1::{self, ErrorReason};

/// A contact on the wire; `sees_people`: with what was told of it, which is personal data.
#[must_use]
pub fn render(view: &ContactView, sees_people: bool) -> v1::Contact {
    let c = &view.contact;
    let (stage, step) = match &c.place {
        Some(place) => (place.stage_name.clone(), Some(i32::from(place.step))),
        None => (String::new(), None),
    };
    let changes = [
        c.states.last().map(|(_, at)| *at),
        c.outcome_at,
        c.approved_at,
    ];
    let updated = changes
        .into_iter()
        .flatten()
        .fold(c.planned_at, Timestamp::max);
    v1::Contact {
        contact_id: c.id.to_string(),
        provider_key: c.key.clone(),
        case_id: c.id.case.to_string(),
        party_id: c.party.to_string(),
        plan_seq: i64::from(c.id.seq),
        origin: words::to_origin(c.origin).into(),
        channel: c.class.name().to_owned(),
        channel_name: c.channel.clone(),
        template: c.template.clone(),
        stage,
        step,
        contact_point_id: c.point.map_or_else(String::new, party::point_id),
        state: words::to_contact_state(c.state).into(),
        outcome: c.outcome.map_or(0, |o| words::to_outcome(o).into()),
        outcome_time: c.outcome_at.map(value::to_instant),
        effect_start_time: Some(value::to_instant(c.effect.from)),
        effect_end_time: value::to_end(c.effect.to),
        not_after: c.intent_at.and_then(|_| value::to_end(c.not_after)),
        plan_time: Some(value::to_instant(c.planned_at)),
        intent_time: c.intent_at.map(value::to_instant),
        transitions: c.states.iter().map(|(s, at)| transition(*s, *at)).collect(),
        needs_approval: c.state == ContactState::Planned,
        approvals: approvals(view, sees_people),
        retry_of: retry_of(view),
        policy: c.policy.as_ref().map(case::render_pin),
        reason: reason(view, sees_people),
        collector_ids: c.collectors.iter().map(ToString::to_string).collect(),
        evidence: view
            .evidence
            .iter()
            .filter(|_| sees_people)
            .map(render_evidence)
            .collect(),
        update_time: Some(value::to_instant(updated)),
        lifted: c
            .decision
            .iter()
            .flat_map(|d| d.lifted.iter().map(|l| gate::lifted(l, true)))
            .collect(),
        template_id: policy::template_id(&c.template, c.template_version),
        template_locale: view.locale.clone(),
        payload_hash: c.payload_hash.map_or_else(String::new, |h| h.to_string()),
        judged_under: c.decision.as_ref().map(judged_under),
        said: said(view).filter(|_| sees_people),
        library_sha256: c.plugin_digest.clone(),
        channel_generation: i64::from(c.generation),
    }
}

fn judged_under(d: &DecisionRecord) -> v1::JudgedUnder {
    v1::JudgedUnder {
        packs_hash: d.packs_hash.clone(),
        policy_hash: d.policy_hash.clone(),
        tzdb: d.tzdb.clone(),
        decision_version: i32::try_from(d.decision_version).unwrap_or(i32::MAX),
        permitted_by: d.permitted_by.clone(),
    }
}

fn said(view: &ContactView) -> Option<v1::SaidText> {
    let (subject, body) = view.said.clone()?;
    Some(v1::SaidText {
        sha256: policy::sha256_hex(&[&format!("{subject}\n{body}")]),
        subject,
        body,
    })
}

fn reason(view: &ContactView, sees_people: bool) -> String {
    if !ended_unsent(view.contact.state) {
        return String::new();
    }
    let by_hand = Some(&view.cancel_note).filter(|note| sees_people && !note.is_empty());
    by_hand.unwrap_or(&view.reason).clone()
}

const fn ended_unsent(state: ContactState) -> bool {
    matches!(
        state,
        ContactState::Cancelled
            | ContactState::Suppressed
            | ContactState::Expired
            | ContactState::RejectedProven
            | ContactState::ProvenNotSent
    )
}

fn transition(state: ContactState, at: Timestamp) -> v1::ContactTransition {
    v1::ContactTransition {
        state: words::to_contact_state(state).into(),
        time: Some(value::to_instant(at)),
    }
}

fn approvals(view: &ContactView, sees_people: bool) -> Vec<v1::Approval> {
    let by = view
        .contact
        .approved_by
        .iter()
        .map(|principal| v1::Approval {
            principal: principal.clone(),
            time: view.contact.approved_at.map(value::to_instant),
            note: Some(view.approval_note.clone())
                .filter(|_| sees_people)
                .unwrap_or_default(),
        });
    by.collect()
}

fn retry_of(view: &ContactView) -> String {
    let id = view.contact.id;
    let seq = view.contact.retry_of;
    seq.map_or_else(String::new, |seq| {
        recoup_domain::ContactId { seq, ..id }.to_string()
    })
}

/// Reads a report of what came of a contact.
pub fn report(
    bad: &mut Bad,
    given: &v1::ReportOutcomeRequest,
    caller: &str,
    now: Timestamp,
) -> Option<Report> {
    let contact = bad.contact(&given.contact_id);
    let outcome = bad.word::<v1::Outcome>("outcome", given.outcome);
    if given.occurred_time.is_none() {
        bad.missing("occurred_time");
    }
    let at = value::past(bad, "occurred_time", given.occurred_time.as_ref(), now);
    let reporter = bad.short("reporter", &given.reporter, 64);
    let note = bad.short("note", &given.note, 2000);
    let evidence = evidence(bad, &given.evidence);
    let collectors = collectors(bad, &given.collector_ids);
    Some(Report {
        contact: contact?,
        outcome: words::outcome(outcome?)?,
        at: at?,
        reporter: reporter
            .filter(|r| !r.is_empty())
            .unwrap_or_else(|| caller.to_owned()),
        note: note?,
        evidence,
        collectors,
    })
}

/// Reads a contact that somebody asks for.
pub fn by_hand(bad: &mut Bad, given: &v1::RequestContactRequest) -> Option<HandInput> {
    let case = bad.id::<CaseId>("case_id", &given.case_id);
    let class = class(bad, "channel", &given.channel);
    let template = bad.text("template", &given.template, 64);
    let party = match &given.party {
        Some(name) => party::reference(bad, "party", Some(name)).map(Some),
        None => Some(None),
    };
    let point = party::point_key(bad, "contact_point_id", &given.contact_point_id);
    let at = value::instant_or_none(bad, "time", given.time.as_ref());
    let reason = bad.text("reason", &given.reason, 500);
    Some(HandInput {
        case: case?,
        class: class?,
        template: template?,
        party: party?,
        point: point?,
        at: at?,
        reason: reason?,
    })
}

/// Reads what became of a contact that nobody knew of: whether the carrier took it, and the proof.
pub fn resolution(
    bad: &mut Bad,
    given: &v1::ResolveUnknownRequest,
) -> Option<(ContactId, ResolutionInput)> {
    use v1::UnknownResolution as R;
    let id = bad.contact(&given.contact_id);
    let accepted = match bad.word::<R>("resolution", given.resolution) {
        Some(R::Accepted) => Some(true),
        Some(R::NotSent) => Some(false),
        Some(R::SubmitAgain) => {
            let problem =
                "SUBMIT_AGAIN is not built: no channel says yet that its carrier deduplicates";
            bad.invalid("resolution", problem);
            None
        }
        Some(R::Unspecified) | None => None,
    };
    if given.evidence.is_none() {
        bad.missing("evidence");
    }
    let evidence = paper(bad, "evidence", given.evidence.as_ref()).flatten();
    let reason = bad.text("reason", &given.reason, 500);
    let input = ResolutionInput {
        accepted: accepted?,
        evidence: evidence?,
        reason: reason?,
    };
    Some((id?, input))
}

/// A piece of evidence on the wire.
#[must_use]
pub fn render_evidence((reference, sha256): &(String, String)) -> v1::Evidence {
    v1::Evidence {
        reference: reference.clone(),
        sha256: sha256.clone(),
    }
}

/// Reads one piece of evidence that may be absent. The outer none: it is there and cannot be read.
pub fn paper(
    bad: &mut Bad,
    at: &str,
    given: Option<&v1::Evidence>,
) -> Option<Option<(String, String)>> {
    let Some(given) = given else {
        return Some(None);
    };
    let reference = bad.text(&format!("{at}.reference"), &given.reference, 512);
    let sha256 = bad.sha256(&format!("{at}.sha256"), &given.sha256);
    reference.zip(sha256).map(Some)
}

fn evidence(bad: &mut Bad, given: &[v1::Evidence]) -> Vec<(String, String)> {
    bad.count_of("evidence", given, 32);
    let mut all = Vec::with_capacity(given.len().min(32));
    for (i, e) in given.iter().take(32).enumerate() {
        all.extend(paper(bad, &format!("evidence[{i}]"), Some(e)).flatten());
    }
    all
}

fn collectors(bad: &mut Bad, given: &[String]) -> Vec<CollectorId> {
    bad.count_of("collector_ids", given, 16);
    let mut all = Vec::with_capacity(given.len().min(16));
    for (i, id) in given.iter().take(16).enumerate() {
        all.extend(bad.id::<CollectorId>(&format!("collector_ids[{i}]"), id));
    }
    all
}

/// Reads the kind of a contact.
pub fn class(bad: &mut Bad, field: &str, given: &str) -> Option<recoup_domain::ContactClass> {
    match given.parse() {
        Ok(class) => Some(class),
        Err(error) => {
            let error: recoup_domain::contact::UnknownClass = error;
            bad.note(ErrorReason::ChannelUnknown, field, error.to_string());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_all_that_is_wrong() {
        let given = v1::ReportOutcomeRequest {
            contact_id: "contact_1".into(),
            evidence: vec![v1::Evidence::default()],
            collector_ids: vec!["ben".into()],
            ..v1::ReportOutcomeRequest::default()
        };
        let mut bad = Bad::new();
        let now = Timestamp::from_second(0).expect("an instant");
        assert!(report(&mut bad, &given, "ana", now).is_none());
        // contact_id, outcome, occurred_time, evidence's reference and hash, collector.
        assert_eq!(bad.count(), 6, "{bad:?}");
    }
}
