//! A case as it was: its journal folded again, up to an instant, up to a position, or with all that was learned since.

use super::facts::{Sources, values};
use crate::ahead::PassedOver;
use crate::engine::Engine;
use crate::error::Done;
use crate::intent::{VISIT_HORIZON, World};
use jiff::Timestamp;
use recoup_domain::Contact;
use recoup_domain::case::{Case, SkipReason};
use recoup_domain::contact::{ContactClass, ContactState};
use recoup_domain::history::{Corrected, History};
use recoup_domain::ids::{CaseId, CollectorId, PartyId, TenantId};
use recoup_domain::journal::{What, filed_under};
use recoup_domain::overrides::{Override, OverrideEvent};
use recoup_policy::Policy;
use recoup_store::{Facts, JournalFilter, Recorded};
use std::sync::Arc;

/// Entries read at a time.
const PAGE: usize = 1_024;

/// What of the journal counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// What was recorded by then.
    Recorded(Timestamp),
    /// What was so then, whenever it was recorded.
    Corrected(Timestamp),
    /// What stands up to a position, for a decision at an instant.
    Position(u64, Timestamp),
}

impl Known {
    /// The instant that is looked at.
    const fn at(self) -> Timestamp {
        match self {
            Self::Recorded(at) | Self::Corrected(at) | Self::Position(_, at) => at,
        }
    }
}

/// A case as it was.
pub(crate) struct Then {
    /// What a decision needs; `position` is that of the newest entry that counts.
    pub(crate) facts: Facts,
    /// Its contacts that waited for approval.
    pub(crate) waiting: Vec<Contact>,
    /// Who could go on a visit.
    pub(crate) visitors: Vec<CollectorId>,
    /// What was passed over, and why.
    pub(crate) skipped: Vec<((u8, u8), SkipReason)>,
    /// Where the facts are from.
    pub(crate) sources: Sources,
    /// Packs and decision code of the newest contact that was decided by then: their hash, its version.
    pub(crate) decided_with: Option<(String, u32)>,
}

impl Engine {
    /// A case as it was; none where it was not there yet.
    ///
    /// # Errors
    /// NotFound for a case that is not the tenant's.
    pub(crate) async fn then(
        &self,
        tenant: &TenantId,
        id: CaseId,
        known: Known,
    ) -> Done<Option<Then>> {
        let case = self.stored_case(tenant, id).await?;
        let borrower = case.borrower;
        let overrides = self.0.store.overrides(tenant).await?;
        let journal = self.journal_about(tenant, &case, &overrides).await?;
        let policy_of = |case: &Case| self.0.library.policy_of(case);
        Ok(fold(
            &journal,
            &overrides,
            (id, borrower),
            known,
            &policy_of,
        ))
    }

    /// All entries that a decision on a case may stand on: of the case, of its borrower and contacts with them, of
    /// overrides about it, and of collectors where it may be visited; in order.
    pub(crate) async fn journal_about(
        &self,
        tenant: &TenantId,
        case: &Case,
        overrides: &[Override],
    ) -> Done<Vec<Recorded>> {
        let mut journal = self.entries_of(tenant, Some(case.id), None).await?;
        journal.extend(self.entries_of(tenant, None, Some(case.borrower)).await?);
        for o in overrides.iter().filter(|o| o.covers(case.id)) {
            let its = Some(filed_under(o.id.to_bytes()));
            journal.extend(self.entries_of(tenant, None, its).await?);
        }
        if self.may_visit(case) {
            for collector in self.0.library.collectors_of(tenant) {
                let theirs = Some(filed_under(collector.to_bytes()));
                journal.extend(self.entries_of(tenant, None, theirs).await?);
            }
        }
        journal.sort_by_key(|r| r.position);
        journal.dedup_by_key(|r| r.position);
        Ok(journal)
    }

    /// Whether collectors may matter to a case: its policy visits, or it had another one once.
    fn may_visit(&self, case: &Case) -> bool {
        let policy = self.0.library.policy_of(case);
        !case.moved.is_empty() || policy.is_none_or(|policy| visits(&policy))
    }

    async fn entries_of(
        &self,
        tenant: &TenantId,
        case: Option<CaseId>,
        party: Option<PartyId>,
    ) -> Done<Vec<Recorded>> {
        let tenant = Some(tenant.clone());
        let filter = JournalFilter {
            tenant,
            case,
            party,
        };
        let mut all: Vec<Recorded> = Vec::new();
        loop {
            let after = all.last().map_or(0, |r| r.position);
            let page = self.0.store.journal(&filter, after, PAGE).await?;
            let more = page.len() == PAGE;
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }

    /// What surrounded the decision on a case that was. Channels are taken as loaded: a step that was passed over for
    /// want of one is on record.
    pub(crate) fn world_then(&self, then: &Then) -> Done<World<'_>> {
        let binding = self.binding(&then.facts)?;
        let around = (then.waiting.clone(), then.visitors.clone());
        self.world_of(&then.facts.case, binding, around, &ANY)
    }
}

/// How the policy of a case is found.
pub(crate) type PolicyOf<'p> = &'p (dyn Fn(&Case) -> Option<Arc<Policy>> + Sync);

/// Folds what counts of a case's journal, and notes which entry each fact is from; none where the case was not there.
pub(crate) fn fold(
    journal: &[Recorded],
    overrides: &[Override],
    (id, borrower): (CaseId, PartyId),
    known: Known,
    policy_of: PolicyOf<'_>,
) -> Option<Then> {
    let mut rows = Rows::new(known);
    let (mut sources, mut position) = (Sources::default(), 0);
    let mut skipped = PassedOver::default();
    for recorded in journal {
        match rows.take(recorded) {
            Took::Counts => {}
            Took::Not => continue,
            Took::End => break,
        }
        if !matches!(
            recorded.entry.what,
            What::Collector { .. } | What::Override { .. }
        ) {
            position = recorded.position;
        }
        skipped.take(id, &recorded.entry.what);
        let rows = rows.rows();
        if let (Some(case), Some(party)) = (rows.cases.get(&id), rows.parties.get(&borrower)) {
            let lost_after = policy_of(case).map(|p| p.lost_after_failed_days());
            let past = rows.past_of(borrower);
            sources.note(position, values(case, party, &past, lost_after, known.at()));
        }
    }
    let skipped = skipped.of(rows.rows().cases.get(&id)?);
    let stood = overrides_then(overrides, id, rows.rows());
    let read = Read {
        rows: rows.into_rows(),
        skipped,
        sources,
        position,
    };
    read.then(id, borrower, stood, known.at())
}

/// Overrides about a case as they stood by the entries that count.
fn overrides_then(all: &[Override], id: CaseId, rows: &History) -> Vec<Override> {
    let then = |o: &Override| {
        let stood = *rows.overrides.get(&o.id)?;
        let was_asked_for_alone = matches!(stood, OverrideEvent::Proposed { .. });
        (!was_asked_for_alone).then(|| Override {
            revoked: o
                .revoked
                .clone()
                .filter(|_| stood == OverrideEvent::Revoked),
            ..o.clone()
        })
    };
    all.iter()
        .filter(|o| o.covers(id))
        .filter_map(then)
        .collect()
}

struct Read {
    rows: History,
    skipped: Vec<((u8, u8), SkipReason)>,
    sources: Sources,
    position: u64,
}

impl Read {
    fn then(
        self,
        id: CaseId,
        borrower: PartyId,
        overrides: Vec<Override>,
        at: Timestamp,
    ) -> Option<Then> {
        let rows = self.rows;
        let (case, party) = (rows.cases.get(&id)?, rows.parties.get(&borrower)?);
        let horizon = at.saturating_add(VISIT_HORIZON).unwrap_or(Timestamp::MAX);
        let may_visit = rows.collectors.values();
        let may_visit = may_visit.filter(|c| c.may_visit_in(&party.regions, horizon));
        let own = || rows.contacts.values().filter(|c| c.id.case == id);
        let waits = |c: &&Contact| c.party == borrower && c.state == ContactState::Planned;
        let newest = own().filter_map(|c| Some((c.id.seq, c.decision.as_ref()?)));
        let newest = newest.max_by_key(|(seq, _)| *seq).map(|(_, d)| d);
        Some(Then {
            waiting: own().filter(waits).cloned().collect(),
            visitors: may_visit.map(|c| c.id).collect(),
            skipped: self.skipped,
            sources: self.sources,
            decided_with: newest.map(|d| (d.packs_hash.clone(), d.decision_version)),
            facts: Facts {
                case: case.clone(),
                borrower: party.clone(),
                contacts: rows.past_of(borrower),
                overrides,
                overrides_version: 0,
                position: self.position,
            },
        })
    }
}

enum Rows {
    Recorded(History, Timestamp),
    Corrected(Box<Corrected>),
    Position(History, u64),
}

enum Took {
    Counts,
    Not,
    /// Nothing more counts.
    End,
}

impl Rows {
    fn new(known: Known) -> Self {
        match known {
            Known::Recorded(at) => Self::Recorded(History::default(), at),
            Known::Corrected(at) => Self::Corrected(Box::new(Corrected::of(at))),
            Known::Position(position, _) => Self::Position(History::default(), position),
        }
    }

    fn take(&mut self, recorded: &Recorded) -> Took {
        let entry = &recorded.entry;
        match self {
            // Two who write at once may be recorded in another order than their instants.
            Self::Recorded(_, until) if entry.at > *until => return Took::Not,
            Self::Position(_, last) if recorded.position > *last => return Took::End,
            Self::Recorded(rows, _) | Self::Position(rows, _) => rows.apply(entry),
            Self::Corrected(rows) => {
                if !rows.take(recorded.position, entry) {
                    return Took::Not;
                }
            }
        }
        Took::Counts
    }

    fn rows(&self) -> &History {
        match self {
            Self::Recorded(rows, _) | Self::Position(rows, _) => rows,
            Self::Corrected(rows) => rows.rows(),
        }
    }

    fn into_rows(self) -> History {
        match self {
            Self::Recorded(rows, _) | Self::Position(rows, _) => rows,
            Self::Corrected(rows) => rows.rows().clone(),
        }
    }
}

/// Every channel is there.
static ANY: fn(&str) -> bool = |_| true;

/// Whether a policy has a step that needs collectors.
fn visits(policy: &Policy) -> bool {
    let steps = policy.stages().iter().flat_map(|s| &s.steps);
    steps
        .map(|s| s.class)
        .any(|class| class == ContactClass::Visit)
}
