//! Commands on parties.

use super::Decided;
use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done, Violation};
use crate::keys::PARTY_PLACE;
use crate::stops::{PartyStop, alarm_for_doubt};
use crate::types::{Answered, Caller, Encode, Over, PartyInput, PartyName, PartyPlain, PartyView};
use jiff::Timestamp;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{CaseId, KeyedHash, PartyId};
use recoup_domain::journal::What;
use recoup_domain::party::{
    Cease, ContactPoint, Introduction, OptOut, PartyEvent, PointState, introduce,
};
use recoup_domain::regions::zones_of;
use recoup_domain::sealed::Sealed;
use recoup_domain::time::Zone;
use recoup_domain::{CaseEvent, Party};
use recoup_store::{Facts, Guard};
use std::borrow::Cow;
use std::sync::Arc;

/// An opt-out, as told.
#[derive(Clone, Debug)]
pub struct OptOutInput {
    /// The medium; none means all.
    pub class: Option<ContactClass>,
    /// The one number or address; none means all.
    pub point: Option<KeyedHash>,
    /// How it was received, in a word such as `letter`.
    pub via: String,
    /// When it was received; none means now.
    pub received_at: Option<Timestamp>,
}

/// A demand to stop, as told.
#[derive(Clone, Debug)]
pub struct CeaseInput {
    /// The debt; none means all.
    pub case: Option<CaseId>,
    /// Whether it came in writing.
    pub written: bool,
    /// When it was received; none means now.
    pub received_at: Option<Timestamp>,
    /// The paper: reference and SHA-256; kept sealed.
    pub evidence: Option<(String, String)>,
}

impl Engine {
    /// Makes a party, or takes over what the lender says of it now. Rights of the person and what contacts have
    /// taught are never taken back by it. `over` may lay what was told over what is there, or refuse it: it is
    /// asked anew where the party was changed before this is written.
    ///
    /// # Errors
    /// Invalid where no zone can be told, or a field cannot be; what `over` refuses.
    pub async fn upsert_borrower(
        &self,
        who: &Caller,
        told: PartyInput,
        over: Over<'_>,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let key = self.0.vault.keyed(&who.tenant, "party", &told.lender_ref);
        self.command(who, encode, || async {
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let (seen, guard) = match self.0.store.party_by_ref(&who.tenant, key).await? {
                Some(party) => {
                    let guard = Guard::Party(party.id, party.version);
                    (Some(self.party_view(party).await?), guard)
                }
                None => (None, Guard::NoParty(who.tenant.clone(), key)),
            };
            draft.guard(guard);
            let input = over(told.clone(), seen.as_ref())?;
            let name = PartyName::Told(Box::new(input));
            let id = self.draft_party(&mut draft, &name).await?;
            self.follow_told_points(&mut draft, id).await?;
            let all = self.hold_open_cases(&mut draft, id).await?;
            for facts in &all {
                self.schedule_next(&mut draft, facts).await;
            }
            let result = self.view_party(&draft, id).await?;
            let key = self.0.keys.of(id).await?;
            Ok(Decided { draft, result, key })
        })
        .await
    }

    /// Puts a party on a draft: the known one, as told anew, or a new one. Answers its id.
    pub(crate) async fn draft_party(&self, draft: &mut Draft, name: &PartyName) -> Done<PartyId> {
        let known = self.seek_party(draft.tenant(), name).await?;
        self.draft_known(draft, name, known).await
    }

    /// As [`draft_party`](Self::draft_party), of what the store knows by that name.
    pub(crate) async fn draft_known(
        &self,
        draft: &mut Draft,
        name: &PartyName,
        known: Option<Party>,
    ) -> Done<PartyId> {
        let PartyName::Told(told) = name else {
            let party = known.ok_or_else(|| name.not_found())?;
            let id = party.id;
            draft.hold_party(party);
            return Ok(id);
        };
        let tenant = draft.tenant().clone();
        let key = self.0.vault.keyed(&tenant, "party", &told.lender_ref);
        let named = self
            .with_named_points(&tenant, told, known.as_ref())
            .await?;
        let told = named.as_ref();
        if let Some(known) = known {
            let data_key = self.0.keys.of(known.id).await?;
            let plain = plain_of(told);
            let same = self.0.keys.plain(&known).await? == plain;
            let mut fresh = self.party_of(draft, known.id, key, told)?;
            fresh.sealed = if same {
                known.sealed.clone()
            } else {
                seal(&data_key, &plain)?
            };
            let id = known.id;
            let nothing_new = same && tells_the_same(&known, &fresh);
            draft.hold_party(known);
            if !nothing_new {
                draft.party_event(id, PartyEvent::Upserted(Box::new(fresh)));
            }
            self.tell_states(draft, id, told);
            return Ok(id);
        }
        let id = self.0.ids.party();
        let (data_key, wrapped) = self.0.vault.new_key(id)?;
        let mut party = self.party_of(draft, id, key, told)?;
        party.sealed = seal(&data_key, &plain_of(told))?;
        self.0.keys.keep(id, Arc::new(data_key));
        draft.make_party(party, wrapped);
        self.tell_states(draft, id, told);
        Ok(id)
    }

    /// Numbers and addresses that are given by an id, with the values that the ids are of.
    async fn with_named_points<'a>(
        &self,
        tenant: &recoup_domain::TenantId,
        told: &'a PartyInput,
        known: Option<&Party>,
    ) -> Done<Cow<'a, PartyInput>> {
        if told.points.iter().all(|p| p.named.is_none()) {
            return Ok(Cow::Borrowed(told));
        }
        let mut told = told.clone();
        let values = match known {
            Some(known) => self.0.keys.plain(known).await?.points,
            None => Vec::new(),
        };
        let points = known.map_or(&[][..], |p| &p.points);
        for given in &mut told.points {
            let Some((key, field)) = given.named.take() else {
                continue;
            };
            let found = points.iter().zip(&values).find(|(p, _)| p.key == key);
            let Some((point, value)) = found else {
                return Err(CommandError::NotFound {
                    what: "contact point",
                    id: format!("point_{key}"),
                });
            };
            if given.value.is_empty() {
                given.value.clone_from(value);
            }
            let is_it = given.kind == point.kind && self.point_key(tenant, &given.value) == key;
            if !is_it {
                let problem = "is the id of another number or address, or of another kind; leave it out to tell a new one";
                return Err(CommandError::Invalid(vec![Violation::new(field, problem)]));
            }
        }
        Ok(Cow::Owned(told))
    }

    /// Puts on record which numbers work and which do not, where the lender says so and it was not known.
    fn tell_states(&self, draft: &mut Draft, id: PartyId, told: &PartyInput) {
        let tenant = draft.tenant().clone();
        for given in &told.points {
            let point = self.point_key(&tenant, &given.value);
            let known = draft
                .party(id)
                .and_then(|p| p.point(point))
                .map(|p| p.state);
            if let (Some(known), Some(state)) = (known, given.state)
                && known != state
                && known != PointState::WrongNumber
            {
                draft.party_event(id, PartyEvent::PointTold { point, state });
            }
        }
    }

    /// What follows from what the lender said of numbers: nothing goes to those that do not work, in no case of the
    /// person; steps that had no number are asked again.
    pub(super) async fn follow_told_points(&self, draft: &mut Draft, id: PartyId) -> Done<()> {
        let told = |entry: &recoup_domain::journal::Entry| match &entry.what {
            What::Party {
                id: of,
                event: PartyEvent::PointTold { point, state },
            } if *of == id => Some((*point, *state)),
            _ => None,
        };
        let all: Vec<_> = draft.entries().iter().filter_map(told).collect();
        for (point, state) in all {
            match state {
                PointState::Usable => self.follow_lift(draft, id).await?,
                PointState::Invalid | PointState::WrongNumber => {
                    let stop = PartyStop::OptOut(None, Some(point));
                    self.follow_stop(draft, id, &stop).await?;
                }
            }
        }
        Ok(())
    }

    fn party_of(
        &self,
        draft: &Draft,
        id: PartyId,
        lender_ref: KeyedHash,
        told: &PartyInput,
    ) -> Done<Party> {
        let (tenant, now) = (draft.tenant(), draft.now);
        let zones = zones(told)?;
        let point = |p: &crate::types::PointInput| ContactPoint {
            key: self.point_key(tenant, &p.value),
            kind: p.kind,
            owner: p.owner,
            zone: p.zone.clone(),
            verified: p.verified,
            source: p.source.clone(),
            state: PointState::Usable,
            failed_days: 0,
            failed_on: None,
        };
        let told = Introduction {
            id,
            tenant: tenant.clone(),
            lender_ref,
            kind: told.kind,
            regions: told.regions.clone(),
            zones,
            locale: told.locale.clone(),
            points: told.points.iter().map(point).collect(),
            tags: told.tags.clone(),
        };
        Ok(introduce(told, now))
    }

    /// The key that a number or address is known by.
    #[must_use]
    pub fn point_key(&self, tenant: &recoup_domain::TenantId, value: &str) -> KeyedHash {
        // A mailbox is one whatever the case of its letters; a person who opted out did so at it.
        let value = match value.contains('@') {
            true => value.to_lowercase(),
            false => value.to_owned(),
        };
        self.0.vault.keyed(tenant, "point", &value)
    }

    /// The person asks not to be contacted by a medium (none: any), or at one number or address (none: all).
    /// What was accepted and has not reached them is called off.
    ///
    /// # Errors
    /// NotFound for the party or the number.
    pub async fn record_opt_out(
        &self,
        who: &Caller,
        name: &PartyName,
        input: OptOutInput,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let (class, point) = (input.class, input.point);
        let id = self.0.ids.opt_out();
        let stop = PartyStop::OptOut(class, point);
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            if let Some(point) = point.filter(|p| party.point(*p).is_none()) {
                return Err(CommandError::NotFound {
                    what: "contact point",
                    id: point.to_string(),
                });
            }
            let received = received(draft.now, input.received_at)?;
            let opt_out = OptOut {
                id,
                class,
                point,
                via: input.via.clone(),
                at: received,
            };
            let known = party
                .opt_outs
                .iter()
                .any(|o| o.class == class && o.point == point);
            if !known {
                draft.effective(received);
                draft.party_event(party.id, PartyEvent::OptedOut(opt_out));
            }
            Ok(())
        };
        self.on_party(who, name, encode, act, &stop).await
    }

    /// The person demands that contact stops, about one debt or all.
    ///
    /// # Errors
    /// NotFound for the party or the case.
    pub async fn record_cease(
        &self,
        who: &Caller,
        name: &PartyName,
        input: CeaseInput,
        encode: Encode<'_, PartyView>,
    ) -> Done<Answered<PartyView>> {
        let case = input.case;
        let party = self.find_party(&who.tenant, name).await?.id;
        if let Some(id) = case {
            let about = self.stored_case(&who.tenant, id).await?;
            let named = about.parties.iter().any(|p| p.party == party);
            if about.borrower != party && !named {
                // A cease that covers nothing would be answered OK and stop nobody.
                return Err(CommandError::NotFound {
                    what: "case",
                    id: id.to_string(),
                });
            }
        }
        let told = Beside {
            evidence: input.evidence.into_iter().collect(),
            ..Beside::default()
        };
        let sealed = told.sealed_for(party, &self.0.keys).await?;
        let stop = PartyStop::Cease(case);
        let act = |draft: &mut Draft, party: &Party, _: &[Facts]| {
            let received = received(draft.now, input.received_at)?;
            let cease = Cease {
                case,
                written: input.written,
                at: received,
            };
            draft.effective(received);
            draft.party_event(party.id, PartyEvent::Ceased(cease));
            draft.seal_last(sealed.clone());
            Ok(())
        };
        self.on_party(who, name, encode, act, &stop).await
    }

    /// A command on a party: over all its open cases, in one transaction.
    pub(super) async fn on_party(
        &self,
        who: &Caller,
        name: &PartyName,
        encode: Encode<'_, PartyView>,
        act: impl Fn(&mut Draft, &Party, &[Facts]) -> Done<()> + Send + Sync,
        stop: &PartyStop,
    ) -> Done<Answered<PartyView>> {
        self.command(who, encode, || async {
            let party = self.find_party(&who.tenant, name).await?;
            let id = party.id;
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            draft.hold_party(party.clone());
            let all = self.hold_open_cases(&mut draft, id).await?;
            act(&mut draft, &party, &all)?;
            draft.follows();
            if stop.lifts() && draft.has_entries() {
                all.iter().for_each(|facts| reopen(&mut draft, facts));
            }
            self.follow(&mut draft, &all, stop).await?;
            self.call_off_as_other(&mut draft, id, stop).await?;
            let result = self.view_party(&draft, id).await?;
            let key = self.0.keys.of(id).await?;
            Ok(Decided { draft, result, key })
        })
        .await
    }

    /// Calls off what a stop overtakes in all open cases of a party, and schedules them anew.
    pub(crate) async fn follow_stop(
        &self,
        draft: &mut Draft,
        party: PartyId,
        stop: &PartyStop,
    ) -> Done<()> {
        let all = self.hold_open_cases(draft, party).await?;
        self.follow(draft, &all, stop).await?;
        self.call_off_as_other(draft, party, stop).await
    }

    /// What stood against steps in all open cases of a party is lifted: they are asked again.
    pub(super) async fn follow_lift(&self, draft: &mut Draft, party: PartyId) -> Done<()> {
        let all = self.hold_open_cases(draft, party).await?;
        all.iter().for_each(|facts| reopen(draft, facts));
        self.follow(draft, &all, &PartyStop::Nothing).await
    }

    async fn follow(&self, draft: &mut Draft, all: &[Facts], stop: &PartyStop) -> Done<()> {
        self.stop_for_party(draft, all, stop).await?;
        for facts in all {
            self.stop_for_case(draft, facts).await?;
            alarm_for_doubt(draft, facts);
            self.schedule_next(draft, facts).await;
        }
        Ok(())
    }

    async fn hold_open_cases(&self, draft: &mut Draft, party: PartyId) -> Done<Vec<Facts>> {
        let tenant = draft.tenant().clone();
        let cases = self.0.store.open_cases_of(&tenant, party).await?;
        let ids: Vec<CaseId> = cases.iter().map(|c| c.id).collect();
        let facts = self.0.store.facts(&ids).await?;
        facts.iter().for_each(|f| draft.hold_case(f.case.clone()));
        Ok(facts)
    }

    async fn view_party(&self, draft: &Draft, id: PartyId) -> Done<PartyView> {
        let missing = || CommandError::NotFound {
            what: "party",
            id: id.to_string(),
        };
        let mut view = self
            .party_view(draft.party(id).cloned().ok_or_else(missing)?)
            .await?;
        view.created = draft.is_new_party(id);
        view.cancelling = draft.cancels().to_vec();
        view.paused = draft.paused();
        Ok(view)
    }
}

/// A stop was lifted: steps that were passed over are asked again, and the person who was to look at them need
/// not. What else a person must look at stays before them.
pub(super) fn reopen(draft: &mut Draft, facts: &Facts) {
    let id = facts.case.id;
    let Some(case) = draft.case(id) else {
        return;
    };
    if case.closed.is_some() || case.skipped.is_empty() {
        return;
    }
    let of_steps = case.worklist.as_ref();
    let of_steps = of_steps.is_some_and(WorklistReason::is_of_steps);
    draft.case_event(id, CaseEvent::StepsReopened);
    if of_steps {
        draft.off_worklist(id);
    }
}

/// When a wish was received: now where nobody says.
pub(super) fn received(now: Timestamp, told: Option<Timestamp>) -> Done<Timestamp> {
    match told.filter(|at| *at > now) {
        None => Ok(told.unwrap_or(now)),
        Some(ahead) => {
            let problem = format!("{ahead} lies ahead of now ({now})");
            Err(CommandError::Invalid(vec![Violation::new(
                "received_time",
                problem,
            )]))
        }
    }
}

/// The candidate zones: as told, else those of all candidate regions.
fn zones(told: &PartyInput) -> Done<Vec<Zone>> {
    if !told.zones.is_empty() {
        return Ok(told.zones.clone());
    }
    let mut zones: Vec<Zone> = Vec::new();
    let mut violations = Vec::new();
    for (i, region) in told.regions.iter().enumerate() {
        let Some(names) = zones_of(region) else {
            let problem = format!("no time zone is known for region `{region}`: give time_zones");
            violations.push(Violation::new(format!("regions[{i}]"), problem));
            continue;
        };
        let known = names.iter().filter_map(|name| Zone::new(name).ok());
        for zone in known {
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
    }
    if zones.is_empty() && violations.is_empty() {
        let problem = "give time_zones, or regions that they can be told from";
        violations.push(Violation::new("time_zones", problem));
    }
    if violations.is_empty() {
        Ok(zones)
    } else {
        Err(CommandError::Invalid(violations))
    }
}

fn plain_of(told: &PartyInput) -> PartyPlain {
    PartyPlain {
        lender_ref: told.lender_ref.clone(),
        display_name: told.display_name.clone(),
        points: told.points.iter().map(|p| p.value.clone()).collect(),
    }
}

fn seal(key: &crate::vault::DataKey, plain: &PartyPlain) -> Done<Sealed> {
    Ok(key.seal(PARTY_PLACE, &serde_json::to_vec(plain).unwrap_or_default())?)
}

/// Whether `fresh` says nothing that is not known: what contacts have taught of the points aside.
fn tells_the_same(known: &Party, fresh: &Party) -> bool {
    let points = |p: &Party| -> Vec<_> {
        let told = |p: &ContactPoint| {
            (
                p.key,
                p.kind,
                p.owner,
                p.zone.clone(),
                p.verified,
                p.source.clone(),
            )
        };
        p.points.iter().map(told).collect()
    };
    known.kind == fresh.kind
        && known.regions == fresh.regions
        && known.zones == fresh.zones
        && known.locale == fresh.locale
        && known.tags == fresh.tags
        && points(known) == points(fresh)
}
