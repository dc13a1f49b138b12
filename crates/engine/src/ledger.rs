//! The ledger export: what a third program needs to judge what was done. Format: docs/formats/ledger-export.md.

use crate::engine::Engine;
use crate::error::Done;
use jiff::Timestamp;
use recoup_domain::case::{CaseEvent, PauseReason, PolicyPin};
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::journal::{ContactEvent, StopKind, What};
use recoup_domain::outcome::{Outcome, PointEvidence};
use recoup_domain::overrides::{Override, Signed};
use recoup_domain::party::{PartyEvent, PointState, Relation};
use recoup_domain::time::{NEVER, Zone, add_days};
use recoup_domain::{Case, Party};
use recoup_store::{CaseFilter, ContactFilter, JournalFilter, Recorded};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc;

/// Rows read at a time.
const PAGE: usize = 512;
/// Kinds of lines, which the footer counts.
const KINDS: [&str; 7] = [
    "case", "party", "slot", "denial", "payment", "stop", "override",
];

struct Writer {
    out: mpsc::Sender<Vec<String>>,
    waiting: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Writer {
    async fn line(&mut self, kind: &'static str, mut value: Value) {
        value["type"] = json!(kind);
        if KINDS.contains(&kind) {
            *self.counts.entry(kind).or_default() += 1;
        }
        self.waiting.push(value.to_string());
        if self.waiting.len() >= PAGE {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        // A reader that went away ends the export: nothing is owed to it.
        let _ = self.out.send(std::mem::take(&mut self.waiting)).await;
    }
}

impl Engine {
    /// Writes the ledger of a lender, line by line, into `out`.
    ///
    /// # Errors
    /// Where the store fails; what was written so far lacks its footer then.
    pub async fn export_ledger(
        &self,
        tenant: &TenantId,
        out: mpsc::Sender<Vec<String>>,
        clock: &str,
    ) -> Done<()> {
        let position = *self.0.store.newest().borrow();
        let counts = KINDS.map(|kind| (kind, 0)).into();
        let mut w = Writer {
            out,
            waiting: Vec::new(),
            counts,
        };
        let header = json!({
            "format": 1,
            "tenant": tenant,
            "clock": clock,
            "exported_at_us": us(self.0.wall.now()),
            "position": position,
            "engine_version": env!("CARGO_PKG_VERSION"),
        });
        w.line("header", header).await;
        self.cases_and_parties(tenant, &mut w).await?;
        self.slots(tenant, &mut w).await?;
        self.history(tenant, position, &mut w).await?;
        for row in self.0.store.overrides(tenant).await? {
            w.line("override", override_line(&row)).await;
        }
        let counts = json!({ "counts": w.counts });
        w.line("footer", counts).await;
        w.flush().await;
        Ok(())
    }

    async fn cases_and_parties(&self, tenant: &TenantId, w: &mut Writer) -> Done<()> {
        let mut after = None;
        let mut told: BTreeSet<PartyId> = BTreeSet::new();
        loop {
            let page = self
                .0
                .store
                .cases(tenant, &CaseFilter::default(), after, PAGE)
                .await?;
            for case in &page.rows {
                w.line("case", case_line(case)).await;
                let others = case.parties.iter().map(|p| (p.party, p.relation));
                for (id, relation) in [(case.borrower, Relation::Borrower)]
                    .into_iter()
                    .chain(others)
                {
                    if told.insert(id)
                        && let Some(party) = self.0.store.party(tenant, id).await?
                    {
                        w.line("party", party_line(&party, relation)).await;
                    }
                }
            }
            after = page.rows.last().map(|c| c.id);
            if !page.more {
                return Ok(());
            }
        }
    }

    async fn slots(&self, tenant: &TenantId, w: &mut Writer) -> Done<()> {
        let mut after = None;
        loop {
            let filter = ContactFilter::default();
            let page = self.0.store.contacts(tenant, &filter, after, PAGE).await?;
            for contact in &page.rows {
                w.line("slot", slot_line(contact)).await;
            }
            after = page.rows.last().map(|c| c.id);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Denials, payments and stop facts, from the journal.
    async fn history(&self, tenant: &TenantId, position: u64, w: &mut Writer) -> Done<()> {
        let filter = JournalFilter {
            tenant: Some(tenant.clone()),
            ..Default::default()
        };
        let mut after = 0;
        let mut memory = Memory::default();
        loop {
            let rows = self.0.store.journal(&filter, after, PAGE).await?;
            let Some(newest) = rows.last().map(|r| r.position) else {
                break;
            };
            for row in rows.iter().filter(|r| r.position <= position) {
                for (kind, value) in memory.lines(row) {
                    w.line(kind, value).await;
                }
            }
            after = newest;
            if newest >= position {
                break;
            }
        }
        for stop in memory.standing.into_values() {
            w.line("stop", stop).await;
        }
        Ok(())
    }
}

/// What earlier entries said that later lines need.
#[derive(Default)]
struct Memory {
    borrowers: BTreeMap<CaseId, (PartyId, String)>,
    /// Overdue amount of each case.
    overdue: BTreeMap<CaseId, i64>,
    /// Where each party's days are counted.
    zones: BTreeMap<PartyId, Zone>,
    /// Stops that may end and have not, as lines that still lack their end.
    standing: BTreeMap<String, Value>,
}

impl Memory {
    fn lines(&mut self, row: &Recorded) -> Vec<(&'static str, Value)> {
        let at = row.entry.at;
        match &row.entry.what {
            What::Case { id, event } => self.case(*id, event, at),
            What::Party { id, event } => self.party(*id, event, at).into_iter().collect(),
            What::Contact { party, event, .. } => {
                self.contact(*party, event, at).into_iter().collect()
            }
            What::Override { .. } | What::Collector { .. } | What::Service { .. } => Vec::new(),
        }
    }

    fn case(&mut self, id: CaseId, event: &CaseEvent, at: Timestamp) -> Vec<(&'static str, Value)> {
        match event {
            CaseEvent::Opened(case) => {
                let currency = case.currency.code().to_owned();
                self.borrowers.insert(id, (case.borrower, currency));
                self.overdue.insert(id, case.amounts.overdue);
                Vec::new()
            }
            CaseEvent::FactsUpdated { amounts, .. } => {
                self.overdue.extend(amounts.map(|a| (id, a.overdue)));
                Vec::new()
            }
            CaseEvent::PaymentRecorded(p) => {
                let before = self.overdue.insert(id, p.overdue_after).unwrap_or(0);
                let currency = self.borrowers.get(&id).map(|(_, c)| c.clone());
                vec![(
                    "payment",
                    json!({
                        "case": id,
                        "payment": p.reference,
                        "ok_at_us": us(at),
                        "received_at_us": us(p.received_at),
                        "amount_minor": p.amount,
                        "currency": currency,
                        "cures": before > 0 && p.overdue_after == 0,
                    }),
                )]
            }
            CaseEvent::Denied(d) => vec![(
                "denial",
                json!({
                    "case": id,
                    "party": self.borrowers.get(&id).map(|(b, _)| *b),
                    "channel": d.class,
                    "at_us": us(at),
                    "reason": d.rule,
                    "also": d.also,
                    "earliest_us": d.earliest.map(us),
                }),
            )],
            CaseEvent::Paused(pause) => {
                let line = stop(
                    None,
                    Some(id),
                    pause_kind(pause.reason),
                    at,
                    Some(pause.until).filter(|until| *until < NEVER),
                );
                self.standing.insert(pause.id.to_string(), line);
                Vec::new()
            }
            CaseEvent::PaymentReversed(r) => {
                self.overdue.insert(id, r.overdue_after);
                Vec::new()
            }
            CaseEvent::PauseEnded { pause, .. }
            | CaseEvent::PromiseResolved { pause, .. }
            | CaseEvent::DisputeResolved { pause, .. }
            | CaseEvent::ComplaintResolved { pause, .. } => {
                self.ended(&pause.to_string(), at).into_iter().collect()
            }
            CaseEvent::Closed { .. } => {
                vec![("stop", stop(None, Some(id), StopKind::Closed, at, None))]
            }
            _ => Vec::new(),
        }
    }

    fn party(
        &mut self,
        id: PartyId,
        event: &PartyEvent,
        at: Timestamp,
    ) -> Option<(&'static str, Value)> {
        let attorney = format!("attorney of {id}");
        let death = format!("death of {id}");
        match event {
            PartyEvent::OptedOut(o) => {
                let mut line = stop(Some(id), None, StopKind::OptOut, at, None);
                line["channel"] = json!(o.class);
                line["contact_point"] = json!(o.point);
                self.standing.insert(o.id.to_string(), line);
                None
            }
            PartyEvent::OptOutWithdrawn { id } => self.ended(&id.to_string(), at),
            PartyEvent::Represented { .. } => {
                let line = stop(Some(id), None, StopKind::Attorney, at, None);
                self.standing.insert(attorney, line);
                None
            }
            PartyEvent::PointTold { point, state } => {
                if *state == PointState::WrongNumber {
                    self.wrong_number(id, *point, Outcome::WrongNumber, at);
                }
                None
            }
            PartyEvent::Upserted(told) => {
                self.zones.insert(id, told.home_zone().clone());
                None
            }
            PartyEvent::Moratorium { until } => {
                let key = format!("moratorium of {id}");
                let before = self.ended(&key, at);
                let zone = self.zones.get(&id);
                let end = zone.map(|zone| zone.start_of_day(add_days(*until, 1)));
                if end.is_none_or(|end| end > at) {
                    let line = stop(Some(id), None, StopKind::Moratorium, at, end);
                    self.standing.insert(key, line);
                }
                before
            }
            PartyEvent::RepresentationEnded => self.ended(&attorney, at),
            PartyEvent::Died { died: true } => {
                let line = stop(Some(id), None, StopKind::Deceased, at, None);
                self.standing.insert(death, line);
                None
            }
            PartyEvent::Died { died: false } => self.ended(&death, at),
            PartyEvent::Ceased(c) => {
                Some(("stop", stop(Some(id), c.case, StopKind::Cease, at, None)))
            }
            PartyEvent::Learned { point, outcome } => {
                self.wrong_number(id, *point, *outcome, at);
                None
            }
            _ => None,
        }
    }

    fn contact(
        &mut self,
        id: PartyId,
        event: &ContactEvent,
        at: Timestamp,
    ) -> Option<(&'static str, Value)> {
        match event {
            ContactEvent::Learned {
                outcome,
                point: Some(point),
                ..
            }
            | ContactEvent::Settled {
                outcome,
                point: Some(point),
                ..
            } => {
                self.wrong_number(id, *point, *outcome, at);
                None
            }
            ContactEvent::Corrected {
                outcome,
                point: Some(point),
                taught,
                ..
            } => {
                self.wrong_number(id, *point, *outcome, at);
                let still = taught.is_none_or(|t| t.state == PointState::WrongNumber);
                let key = wrong_key(id, *point);
                (!still).then(|| self.ended(&key, at)).flatten()
            }
            _ => None,
        }
    }

    /// A number turned out to be somebody else's: it stands until a correction says that it is not.
    fn wrong_number(&mut self, id: PartyId, point: KeyedHash, outcome: Outcome, at: Timestamp) {
        if outcome.meaning().point != PointEvidence::Ends(PointState::WrongNumber) {
            return;
        }
        let mut line = stop(Some(id), None, StopKind::WrongNumber, at, None);
        line["contact_point"] = json!(point);
        self.standing.entry(wrong_key(id, point)).or_insert(line);
    }

    /// A stop that stood until now.
    fn ended(&mut self, key: &str, at: Timestamp) -> Option<(&'static str, Value)> {
        let mut line = self.standing.remove(key)?;
        let planned = line["until_us"].as_i64();
        line["until_us"] = json!(planned.map_or(us(at), |end| end.min(us(at))));
        Some(("stop", line))
    }
}

fn wrong_key(id: PartyId, point: KeyedHash) -> String {
    format!("number {} of {id}", json!(point))
}

fn stop(
    party: Option<PartyId>,
    case: Option<CaseId>,
    kind: StopKind,
    at: Timestamp,
    until: Option<Timestamp>,
) -> Value {
    json!({
        "party": party,
        "case": case,
        "kind": kind,
        "channel": null,
        "contact_point": null,
        "ok_at_us": us(at),
        "until_us": until.map(us),
    })
}

const fn pause_kind(reason: PauseReason) -> StopKind {
    match reason {
        PauseReason::Hold => StopKind::Hold,
        PauseReason::Promise => StopKind::Promise,
        PauseReason::Plan => StopKind::Plan,
        PauseReason::Hardship => StopKind::Hardship,
        PauseReason::Dispute => StopKind::Dispute,
        PauseReason::Complaint => StopKind::Complaint,
    }
}

/// The country of a jurisdiction: state overlays are judged by their country's rules here.
fn case_line(case: &Case) -> Value {
    let country = case.jurisdiction.split('-').next().unwrap_or_default();
    json!({
        "case": case.id,
        "jurisdiction": country,
        "lender_kind": case.lender_kind,
        "borrower": case.borrower,
        "debt": case.lender_ref,
        "opened_at_us": us(case.opened_at),
        "closed_at_us": case.closed.map(|c| us(c.at)),
        "status": case.status().name(),
        "close_reason": case.closed.map(|c| c.reason),
        "currency": case.currency,
        "policies": policies(case),
    })
}

/// The policy versions that the case ran under, the oldest first, each with since when.
fn policies(case: &Case) -> Vec<Value> {
    let begins = std::iter::once(case.opened_at).chain(case.moved.iter().map(|m| m.at));
    let pins = case.moved.iter().map(|m| &m.from).chain(&case.policy);
    let line = |(since, pin): (Timestamp, &PolicyPin)| json!({ "policy": pin.name, "version": pin.version, "hash": pin.hash, "since_us": us(since) });
    begins.zip(pins).map(line).collect()
}

fn party_line(party: &Party, relation: Relation) -> Value {
    let role = match relation {
        Relation::Borrower => "borrower",
        Relation::Guarantor => "guarantor",
        _ => "third_party",
    };
    json!({ "party": party.id, "role": role, "zones": party.zones, "regions": party.regions })
}

/// Ids, names of principals and instants; why it was asked for stays sealed.
fn override_line(o: &Override) -> Value {
    let by = |s: &Option<Signed>| s.as_ref().map(|s| s.by.clone());
    let at = |s: &Option<Signed>| s.as_ref().map(|s| us(s.at));
    json!({
        "override": o.id,
        "pack": o.pack,
        "rule": o.rule,
        "case": o.case,
        "proposed_by": o.proposed.by,
        "proposed_at_us": us(o.proposed.at),
        "approved_by": by(&o.approved),
        "approved_at_us": at(&o.approved),
        "revoked_by": by(&o.revoked),
        "revoked_at_us": at(&o.revoked),
        "until_us": us(o.until),
    })
}

fn slot_line(c: &Contact) -> Value {
    let states: Vec<Value> = c
        .states
        .iter()
        .map(|(state, at)| json!({ "state": state, "at_us": us(*at) }))
        .collect();
    let retry_of = c.retry_of.map(|seq| recoup_domain::ContactId {
        case: c.id.case,
        seq,
    });
    debug_assert!(c.state == ContactState::Planned || !c.states.is_empty());
    json!({
        "contact": c.id,
        "case": c.id.case,
        "plan_seq": c.id.seq,
        "party": c.party,
        "channel": c.class,
        "contact_point": c.point,
        "template": c.template,
        "template_version": c.template_version,
        "payload_hash": c.payload_hash,
        "packs_hash": c.decision.as_ref().map(|d| &d.packs_hash),
        "policy_hash": c.decision.as_ref().map(|d| &d.policy_hash),
        "stage": c.place.as_ref().map(|p| &p.stage_name),
        "key": c.key,
        "origin": c.origin,
        "retry_of": retry_of,
        "effect_from_us": us(c.effect.from),
        "effect_to_us": us(c.effect.to),
        "not_after_us": us(c.not_after),
        "intent_at_us": c.intent_at.map(us),
        "state": c.state,
        "outcome": c.outcome,
        "outcome_at_us": c.outcome_at.map(us),
        "states": states,
        "lifted_by": c.decision.iter().flat_map(|d| d.lifted.iter().map(|l| l.id)).collect::<Vec<_>>(),
    })
}

fn us(at: Timestamp) -> i64 {
    at.as_microsecond()
}
