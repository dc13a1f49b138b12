//! Asks a running server through PreviewContact, as anybody can.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use recoup::api::google::r#type as google;
use recoup::api::recoup::v1;
use recoup::api::recoup::v1::contact_service_client::ContactServiceClient;
use recoup::api::recoup::v1::preview_contact_request::Subject;
use recoup_compliance::{Audience, Purpose};
use recoup_domain::outcome::Outcome;
use recoup_domain::party::{ConsentKind, Relation};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use super::format::{Address, Agreed, Answer, Consumer, Disputed, Event, Span, Vector, Way};

/// What the server at `api` (`host:port`) answers to each; in words where it refuses a question.
pub(crate) fn ask(
    api: &str,
    vectors: &[(usize, Vector)],
) -> Result<Vec<Result<Answer, String>>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|e| e.to_string())?.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{api}")).map_err(|e| e.to_string())?;
        let channel = endpoint.connect().await.map_err(|e| e.to_string())?;
        let mut client = ContactServiceClient::new(channel);
        let mut answers = Vec::with_capacity(vectors.len());
        for (_, vector) in vectors {
            answers.push(one(&mut client, vector).await);
        }
        Ok(answers)
    })
}

async fn one(
    client: &mut ContactServiceClient<Channel>,
    vector: &Vector,
) -> Result<Answer, String> {
    let mut request = Request::new(v1::PreviewContactRequest {
        subject: Some(Subject::Hypothetical(hypothetical(vector)?)),
        time: None,
        language_code: String::new(),
    });
    let token = tonic::metadata::MetadataValue::from_static("Bearer dev-ana");
    request.metadata_mut().insert("authorization", token);
    let response = client.preview_contact(request).await;
    let response =
        response.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
    let decision = response.into_inner().decision;
    answer(&decision.ok_or("no decision in the answer")?)
}

fn answer(decision: &v1::GateDecision) -> Result<Answer, String> {
    match decision.verdict() {
        v1::Verdict::Permit => Ok(Answer::Permit),
        v1::Verdict::Deny => {
            let primary = decision.primary.as_ref().ok_or("a denial without reason")?;
            let earliest = decision.earliest.as_ref().map(|t| {
                Timestamp::new(t.seconds, t.nanos).map_err(|e| format!("`earliest`: {e}"))
            });
            Ok(Answer::Deny {
                reason: primary.rule_id.clone(),
                all: decision.reasons.iter().map(|r| r.rule_id.clone()).collect(),
                earliest: earliest.transpose()?,
            })
        }
        v1::Verdict::Unspecified => Err("neither permit nor deny".to_owned()),
    }
}

fn hypothetical(vector: &Vector) -> Result<v1::Hypothetical, String> {
    Ok(v1::Hypothetical {
        jurisdiction: vector.jurisdiction.clone(),
        lender_kind: v1::LenderKind::Unspecified.into(),
        party: Some(person(vector)?),
        history: vector.history.iter().map(event).collect(),
        proposal: Some(proposal(vector)),
        only_rule_ids: vector.rule_ids.clone(),
    })
}

fn person(vector: &Vector) -> Result<v1::HypotheticalParty, String> {
    let consumer = &vector.consumer;
    let inconvenient = consumer.inconvenient.iter().map(span);
    Ok(v1::HypotheticalParty {
        time_zones: consumer.timezones.clone(),
        opt_outs: consumer
            .opt_outs
            .iter()
            .map(|c| c.name().to_owned())
            .collect(),
        consents: consumer.consents.iter().map(consent).collect(),
        represented_by_attorney: consumer.represented_by_attorney,
        cease_requested: consumer.cease_requested || vector.proposal.debtor_ceased,
        dispute: dispute(consumer).into(),
        hardship_moratorium_until: consumer.hardship_moratorium_until.map(day),
        employer_prohibits: consumer.employer_prohibits,
        inconvenient: inconvenient.collect::<Result<_, _>>()?,
        holidays: consumer.holidays.iter().copied().map(day).collect(),
        days_past_due: consumer.days_past_due,
        attorney_unresponsive: consumer.attorney_unresponsive,
        attorney_consents: consumer.attorney_consents,
        debtor_unreachable: consumer.debtor_unreachable,
        debtor_deceased_or_incapacitated: consumer.debtor_deceased_or_incapacitated
            || consumer.deceased,
        contact_refused: consumer.contact_refused,
        debt_time_barred: consumer.debt_time_barred,
        pauses: consumer.pause.iter().map(range).collect(),
        regions: vec![],
        unusable_numbers: consumer.unusable.clone(),
    })
}

const fn dispute(consumer: &Consumer) -> v1::DisputeState {
    match consumer.dispute {
        None => v1::DisputeState::Unspecified,
        Some(Disputed::WrittenInValidationPeriodUnverified) => v1::DisputeState::WrittenUnverified,
        Some(Disputed::VerifiedSent) => v1::DisputeState::VerifiedSent,
    }
}

fn consent(agreed: &Agreed) -> v1::HypotheticalConsent {
    let (kind, debt, received) = match agreed {
        Agreed::Bare(kind) => (*kind, None, None),
        Agreed::Full {
            kind,
            debt_id,
            received_at,
        } => (*kind, debt_id.clone(), *received_at),
    };
    v1::HypotheticalConsent {
        kind: match kind {
            ConsentKind::OffHours => "off_hours",
            ConsentKind::ExtraCalls => "extra_calls",
            ConsentKind::MoreAttemptsAgreed => "more_attempts_agreed",
            ConsentKind::MoreVisitsWritten => "more_visits_written",
            ConsentKind::WorkEmail => "work_email",
            ConsentKind::Electronic => "electronic",
        }
        .to_owned(),
        debt_ref: debt.unwrap_or_default(),
        received_time: received.map(instant),
        expire_time: None,
    }
}

fn span(span: &Span) -> Result<v1::InconvenientTime, String> {
    Ok(v1::InconvenientTime {
        days: span.days.iter().map(|day| *day as i32).collect(),
        start: clock(span.from)?,
        end: span.to.0.map_or_else(|| Ok("24:00".to_owned()), clock)?,
    })
}

fn clock(time: Time) -> Result<String, String> {
    let whole = Time::new(time.hour(), time.minute(), 0, 0);
    if whole.ok() != Some(time) {
        return Err(format!("{time}: the API takes whole minutes"));
    }
    Ok(format!("{:02}:{:02}", time.hour(), time.minute()))
}

fn event(event: &Event) -> v1::HypotheticalEvent {
    v1::HypotheticalEvent {
        channel: event.channel.name().to_owned(),
        time: Some(instant(event.at)),
        direction: match event.direction {
            Way::Inbound => v1::Direction::Inbound,
            Way::Outbound => v1::Direction::Outbound,
        }
        .into(),
        connected: None,
        outcome: outcome(event.came_to()).into(),
        debt_refs: event.debt_id.all().to_vec(),
        number: event.number.clone().unwrap_or_default(),
        recipient: recipient(event.to).into(),
        person: event.person.clone().unwrap_or_default(),
    }
}

fn proposal(vector: &Vector) -> v1::HypotheticalProposal {
    let asked = &vector.proposal;
    v1::HypotheticalProposal {
        channel: asked.channel.name().to_owned(),
        time: Some(instant(asked.at)),
        end_time: asked.until.map(instant),
        debt_ref: asked.debt_id.clone(),
        recipient: recipient(asked.to).into(),
        number: asked.number.clone().unwrap_or_default(),
        person: asked.person.clone().unwrap_or_default(),
        requested_by_person: asked.requested_by_person,
        address_kind: match asked.address_kind {
            Some(Address::WorkEmail) => v1::AddressKind::WorkEmail,
            None => v1::AddressKind::Unspecified,
        }
        .into(),
        third_party_kind: kind(asked.third_party_kind).into(),
        purpose: purpose(asked.purpose.unwrap_or_default()).into(),
        evidence_pack: asked.evidence_pack,
        qualified_collectors: asked.qualified_collectors.map(i32::from),
    }
}

const fn recipient(to: Audience) -> v1::Recipient {
    match to {
        Audience::Consumer => v1::Recipient::Consumer,
        Audience::Workplace => v1::Recipient::Workplace,
        Audience::ThirdParty => v1::Recipient::ThirdParty,
    }
}

const fn kind(relation: Option<Relation>) -> v1::ThirdPartyKind {
    use v1::ThirdPartyKind as K;
    match relation {
        None | Some(Relation::Borrower | Relation::Other) => K::Unspecified,
        Some(Relation::Guarantor) => K::Guarantor,
        Some(Relation::Spouse) => K::Spouse,
        Some(Relation::Parent) => K::Parent,
        Some(Relation::Attorney) => K::Attorney,
        Some(Relation::EmergencyContact) => K::EmergencyContact,
        Some(Relation::Neighbour) => K::Neighbour,
        Some(Relation::Colleague) => K::Colleague,
    }
}

const fn purpose(purpose: Purpose) -> v1::ContactPurpose {
    use v1::ContactPurpose as P;
    match purpose {
        Purpose::Ordinary => P::Unspecified,
        Purpose::LocationInformation => P::LocationInformation,
        Purpose::ResponseToInbound => P::ResponseToInbound,
        Purpose::OptOutConfirmation => P::OptoutConfirmation,
        Purpose::NoticeEffortsTerminated => P::NoticeEffortsTerminated,
        Purpose::NoticeOrdinaryRemedy => P::NoticeOrdinaryRemedy,
        Purpose::NoticeSpecifiedRemedy => P::NoticeSpecifiedRemedy,
    }
}

fn outcome(outcome: Outcome) -> v1::Outcome {
    let name = format!("OUTCOME_{}", outcome.name().to_uppercase());
    v1::Outcome::from_str_name(&name).unwrap_or_default()
}

fn instant(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    // Protobuf counts nanoseconds upwards, also before 1970.
    if nanos < 0 {
        let nanos = nanos + 1_000_000_000;
        prost_types::Timestamp {
            seconds: seconds - 1,
            nanos,
        }
    } else {
        prost_types::Timestamp { seconds, nanos }
    }
}

fn day(date: Date) -> google::Date {
    google::Date {
        year: date.year().into(),
        month: date.month().into(),
        day: date.day().into(),
    }
}

fn range([first, last]: &[Date; 2]) -> v1::DateRange {
    v1::DateRange {
        first: Some(day(*first)),
        last: Some(day(*last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_name_on_the_wire() {
        for value in Outcome::ALL {
            assert_ne!(outcome(value), v1::Outcome::Unspecified, "{value}");
        }
    }
}
