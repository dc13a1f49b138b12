//! Rights and circumstances of a person: consents, opt-outs taken back, attorneys, times and places, death,
//! moratoria, hardship. Each binds at once over all open cases of the person.

use super::borrower::received;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::stops::PartyStop;
use crate::types::{Answered, Caller, Encode, PartyName, PartyView};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_domain::case::{self, PauseReason, PauseRequest, Refusal, WorklistReason};
use recoup_domain::ids::{CaseId, ConsentId, KeyedHash, OptOutId};
use recoup_domain::party::{Consent, ConsentKind, ConsentProof, Inconvenient, PartyEvent};
use recoup_domain::time::NEVER;
use recoup_domain::{CaseEvent, Party, TenantId};
use recoup_store::Facts;

/// A consent, as told.
#[derive(Clone, Debug)]
pub struct ConsentInput {
    /// To what.
    pub kind: ConsentKind,
    /// The debt; none means all.
    pub case: Option<CaseId>,
    /// The one number or address; none means all.
    pub point: Option<KeyedHash>,
    /// When it was received; none means now.
    pub received_at: Option<Timestamp>,
    /// Before when it holds; none means without end.
    pub expires_at: Option<Timestamp>,
    /// How it was given, in a word.
    pub source: String,
    /// The paper: reference and SHA-256; kept sealed.
    pub evidence: Option<(String, String)>,
}

/// A circumstance of a person, as told.
#[derive(Clone, Debug)]
pub enum Circumstance {
    /// A time at which not to be contacted.
    Time(Inconvenient),
    /// A number, address or place at which not to be contacted.
    Place(KeyedHash),
    /// The employer forbids contact at work, or does no more.
    EmployerBan(bool),
    /// Last day of a moratorium, in the person's zone.
    Moratorium(Date),
    /// Died; false where the report was wrong.
    Deceased(bool),
}

/// Hardship, as told.
#[derive(Clone, Debug)]
pub struct HardshipInput {
    /// When it ends by itself; none where only a person ends it.
    pub until: Option<Timestamp>,
    /// What kind, in a word; kept sealed, for it may speak of an illness.
    pub kind: String,
}

impl Engine {
    /// Records a consent. It is the newest of the party.
    ///
    /// # Errors
    /// NotFound for the party, the debt or the number; Invalid where it was received ahead of now, or ends before.
    pub async fn record_consent(
        &self,
        who: &Caller,
        name: &PartyName,
        input: ConsentInput,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let id = self.0.ids.consent();
        let party = self.find_party(&who.tenant, name).await?.id;
        if let Some(case) = input.case {
            let theirs = self.stored_case(&who.tenant, case).await?.relation(party);
            theirs.ok_or_else(|| not_there("case", case))?;
        }
        let proof = ConsentProof {
            source: input.source,
            paper: input.evidence.is_some(),
        };
        let told = Beside {
            evidence: input.evidence.into_iter().collect(),
            ..Beside::default()
        };
        let sealed = told.sealed_for(party, &self.0.keys).await?;
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            must_have(party, input.point)?;
            let received_at = received(draft.now, input.received_at)?;
            if let Some(end) = input.expires_at.filter(|end| *end <= received_at) {
                let problem = format!("{end} is not after it was received ({received_at})");
                return Err(invalid("expire_time", problem));
            }
            let consent = Consent {
                kind: input.kind,
                case: input.case,
                received_at: Some(received_at),
                expires_at: input.expires_at,
                class: None,
                point: input.point,
                revoked_at: None,
                proof: proof.clone(),
            };
            draft.effective(received_at);
            draft.party_event(party.id, PartyEvent::Consented { id, consent });
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_party(who, name, encode, act, &PartyStop::Nothing)
            .await
    }

    /// Records that a consent was taken back. What it may have allowed is called off; what may be made without it
    /// is planned anew.
    ///
    /// # Errors
    /// NotFound for a consent that is not there, or was taken back before.
    pub async fn withdraw_consent(
        &self,
        who: &Caller,
        id: ConsentId,
        received_at: Option<Timestamp>,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let missing = || not_there("consent", id);
        let holder = self.holder(&who.tenant, id.to_bytes(), missing).await;
        let (name, party) = match holder {
            Ok(found) => found,
            Err(refusal) => return self.answered_meanwhile(who, refusal).await,
        };
        let consent = consent_of(&party, id).cloned().ok_or_else(missing)?;
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            consent_of(party, id).ok_or_else(missing)?;
            let at = received(draft.now, received_at)?;
            draft.effective(at);
            draft.party_event(party.id, PartyEvent::ConsentWithdrawn { id, at });
            Ok(())
        };
        let stop = PartyStop::Consent(consent);
        self.on_party(who, &name, encode, act, &stop).await
    }

    /// Records that the person took an opt-out back. The ladder goes on where nothing else stands against it.
    ///
    /// # Errors
    /// NotFound for an opt-out that is not there, or was taken back before.
    pub async fn withdraw_opt_out(
        &self,
        who: &Caller,
        id: OptOutId,
        evidence: (String, String),
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        if let Some(before) = self.answered(who).await? {
            return Ok(before);
        }
        let missing = || not_there("opt-out", id);
        let holder = self.holder(&who.tenant, id.to_bytes(), missing).await;
        let (name, party) = match holder {
            Ok(found) => found,
            Err(refusal) => return self.answered_meanwhile(who, refusal).await,
        };
        let told = Beside {
            evidence: vec![evidence],
            ..Beside::default()
        };
        let sealed = told.sealed_for(party.id, &self.0.keys).await?;
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            let known = party.opt_outs.iter().any(|o| o.id == id);
            known.then_some(()).ok_or_else(missing)?;
            draft.party_event(party.id, PartyEvent::OptOutWithdrawn { id });
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_party(who, &name, encode, act, &PartyStop::Nothing)
            .await
    }

    /// Records that an attorney represents the person, or does no more.
    ///
    /// # Errors
    /// NotFound for the party or the attorney; Invalid where it became known ahead of now.
    pub async fn record_attorney(
        &self,
        who: &Caller,
        name: &PartyName,
        attorney: Option<PartyName>,
        represents: bool,
        received_at: Option<Timestamp>,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let attorney = match &attorney {
            Some(name) => Some(self.find_party(&who.tenant, name).await?.id),
            None => None,
        };
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            draft.effective(received(draft.now, received_at)?);
            match (represents, party.attorneys.is_empty()) {
                (true, true) => {
                    draft.party_event(party.id, PartyEvent::Represented { attorney });
                }
                (false, false) => draft.party_event(party.id, PartyEvent::RepresentationEnded),
                (true, false) | (false, true) => {}
            }
            Ok(())
        };
        self.on_party(who, name, encode, act, &stop_where(represents))
            .await
    }

    /// Records a circumstance of the person; one that is known changes nothing.
    ///
    /// # Errors
    /// NotFound for the party or the number; Invalid where it became known ahead of now.
    pub async fn record_circumstance(
        &self,
        who: &Caller,
        name: &PartyName,
        circumstance: Circumstance,
        received_at: Option<Timestamp>,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let stands = match &circumstance {
            Circumstance::EmployerBan(stands) | Circumstance::Deceased(stands) => *stands,
            Circumstance::Moratorium(_) | Circumstance::Time(_) | Circumstance::Place(_) => true,
        };
        let act = |draft: &mut Draft, party: &Party, all: &[Facts]| {
            let at = received(draft.now, received_at)?;
            let Some(event) = circumstance_event(party, &circumstance)? else {
                return Ok(());
            };
            draft.effective(at);
            draft.party_event(party.id, event);
            draft.follows();
            if let Circumstance::Deceased(died) = circumstance {
                all.iter().for_each(|f| tell_of_death(draft, f, died));
            }
            Ok(())
        };
        self.on_party(who, name, encode, act, &stop_where(stands))
            .await
    }

    /// Declares hardship: every open case of the person pauses until it ends or somebody releases the case.
    ///
    /// # Errors
    /// NotFound for the party; Refused where the end is not ahead.
    pub async fn declare_hardship(
        &self,
        who: &Caller,
        name: &PartyName,
        input: HardshipInput,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let party = self.find_party(&who.tenant, name).await?.id;
        let told = Beside::note(&input.kind);
        let sealed = told.sealed_for(party, &self.0.keys).await?;
        let act = |draft: &mut Draft, party: &Party, all: &[Facts]| {
            let until = input.until.unwrap_or(NEVER);
            if until <= draft.now {
                let problem = format!("{until} is not ahead of now ({})", draft.now);
                let field = "until";
                return Err(Refusal::Time { field, problem }.into());
            }
            draft.party_event(party.id, PartyEvent::HardshipDeclared { until });
            draft.seal_last(sealed.clone());
            for facts in all {
                let request = PauseRequest {
                    id: self.0.ids.pause(),
                    reason: PauseReason::Hardship,
                    owner: who.principal.clone(),
                    until,
                };
                let events = case::pause(&facts.case, request, draft.now)?;
                draft.case_events(facts.case.id, events);
            }
            Ok(())
        };
        self.on_party(who, name, encode, act, &PartyStop::Standing)
            .await
    }

    /// The party that has a record, by the record's id alone.
    async fn holder(
        &self,
        tenant: &TenantId,
        record: [u8; 16],
        missing: impl FnOnce() -> CommandError,
    ) -> Done<(PartyName, Party)> {
        let party = self.0.store.party_of_record(tenant, record).await?;
        let party = party.ok_or_else(missing)?;
        Ok((PartyName::Id(party.id), party))
    }
}

fn circumstance_event(party: &Party, told: &Circumstance) -> Done<Option<PartyEvent>> {
    Ok(match told {
        Circumstance::Time(span) => {
            let span = Some(span).filter(|s| !party.inconvenient.contains(s));
            span.cloned().map(PartyEvent::TimeDeclined)
        }
        Circumstance::Place(point) => {
            must_have(party, Some(*point))?;
            let known = party.declined_points.contains(point);
            (!known).then_some(PartyEvent::PlaceDeclined { point: *point })
        }
        Circumstance::EmployerBan(prohibits) => {
            let prohibits = *prohibits;
            let known = party.employer_prohibits == prohibits;
            (!known).then_some(PartyEvent::EmployerProhibits { prohibits })
        }
        Circumstance::Moratorium(until) => {
            let until = *until;
            let known = party.moratorium_until == Some(until);
            (!known).then_some(PartyEvent::Moratorium { until })
        }
        Circumstance::Deceased(died) => {
            let died = *died;
            (party.deceased != died).then_some(PartyEvent::Died { died })
        }
    })
}

fn tell_of_death(draft: &mut Draft, facts: &Facts, died: bool) {
    let case = &facts.case;
    let told = case.worklist == Some(WorklistReason::Death);
    if died != told {
        let reason = died.then_some(WorklistReason::Death);
        draft.case_event(case.id, CaseEvent::WorklistChanged { reason });
    }
}

const fn stop_where(stands: bool) -> PartyStop {
    if stands {
        PartyStop::Standing
    } else {
        PartyStop::Nothing
    }
}

/// A consent that was not taken back.
fn consent_of(party: &Party, id: ConsentId) -> Option<&Consent> {
    let place = party.consent_ids.iter().position(|known| *known == id)?;
    let consent = party.consents.get(place)?;
    consent.revoked_at.is_none().then_some(consent)
}

fn must_have(party: &Party, point: Option<KeyedHash>) -> Done<()> {
    match point.filter(|p| party.point(*p).is_none()) {
        Some(point) => Err(not_there("contact point", point)),
        None => Ok(()),
    }
}

fn not_there(what: &'static str, id: impl ToString) -> CommandError {
    let id = id.to_string();
    CommandError::NotFound { what, id }
}

fn invalid(field: &str, problem: String) -> CommandError {
    CommandError::Invalid(vec![Violation::new(field, problem)])
}
