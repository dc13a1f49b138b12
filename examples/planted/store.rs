//! Stores that are wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use recoup_domain::case::CaseEvent;
use recoup_domain::contact::{Contact, ContactState};
use recoup_domain::ids::{CaseId, PartyId};
use recoup_domain::journal::{ContactEvent, What};
use recoup_domain::time::Zone;
use recoup_domain::{Case, Party};
use recoup_store::{Change, CommitError, Committed, Facts, Guard, Read, Store, Write};
use recoup_testkit::around::Around;
use tokio::sync::RwLock;

/// What a store does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Decisions read the server's time zone in place of the person's. What is stored stays right.
    Night,
    /// A payment is journalled and answered, but the case's row stays as it was.
    AfterPayment,
    /// A payment is written without the cancels that belong to it.
    CancelForgotten,
    /// Every fifth acceptance is answered as written, and is not.
    OutcomeDropped,
    /// The versions of case and person are not compared, nor is the lease, behind a slow read.
    VersionsUnchecked,
    /// What a server has under way is taken for left behind by another one.
    LivesUnchecked,
    /// An intent is answered while it is on its way to the disk.
    SendBeforeIntent,
    /// A payment is answered while it is on its way to the disk.
    AnswersTooSoon,
    /// What a life left in flight is not looked after.
    DoubtForgotten,
    /// What a life left in flight is taken for accepted.
    DoubtAsAccepted,
}

/// The bugs by name.
pub(crate) const BUGS: [(&str, Bug); 11] = [
    ("night", Bug::Night),
    ("after-payment", Bug::AfterPayment),
    ("cancel-forgotten", Bug::CancelForgotten),
    ("outcome-dropped", Bug::OutcomeDropped),
    ("versions-unchecked", Bug::VersionsUnchecked),
    ("fence-unchecked", Bug::VersionsUnchecked),
    ("lives-unchecked", Bug::LivesUnchecked),
    ("send-before-intent", Bug::SendBeforeIntent),
    ("answers-too-soon", Bug::AnswersTooSoon),
    ("doubt-forgotten", Bug::DoubtForgotten),
    ("doubt-as-accepted", Bug::DoubtAsAccepted),
];

/// How slow the disk is where somebody does not wait for it.
const SLOW_DISK: Duration = Duration::from_millis(30);
/// How slow a read is that others overtake.
const SLOW_READ: Duration = Duration::from_millis(30);
/// The server's time zone, where `RECOUP_PLANT_ZONE` names no other: where it is day in Asia, it is night here.
const SERVER_ZONE: &str = "America/New_York";

/// A store with a bug.
pub(crate) struct Planted {
    inner: Arc<dyn Store>,
    bug: Bug,
    /// The zones that were hidden.
    hidden: Mutex<HashMap<PartyId, Hidden>>,
    outcomes: AtomicU64,
    /// Held while a change is on its way to the disk that was answered before.
    writing: Arc<RwLock<()>>,
}

#[derive(Clone)]
struct Hidden {
    zones: Vec<Zone>,
    points: Vec<Option<Zone>>,
}

impl Planted {
    pub(crate) fn new(inner: Arc<dyn Store>, bug: Bug) -> Self {
        Self {
            inner,
            bug,
            hidden: Mutex::default(),
            outcomes: AtomicU64::new(0),
            writing: Arc::default(),
        }
    }

    fn hide_zones(&self, party: &mut Party) {
        let zone = std::env::var("RECOUP_PLANT_ZONE");
        let Ok(wrong) = Zone::new(zone.as_deref().unwrap_or(SERVER_ZONE)) else {
            return;
        };
        let points = party.points.iter_mut();
        let hidden = Hidden {
            zones: std::mem::replace(&mut party.zones, vec![wrong]),
            points: points.map(|p| p.zone.take()).collect(),
        };
        let mut all = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(party.id, hidden);
    }

    /// What was decided on the wrong zones is stored with the right ones.
    fn restore_zones(&self, change: &mut Change) {
        let all = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        for write in &mut change.writes {
            let Write::Party(party) = write else { continue };
            let Some(hidden) = all.get(&party.id) else {
                continue;
            };
            party.zones.clone_from(&hidden.zones);
            for (point, zone) in party.points.iter_mut().zip(&hidden.points) {
                point.zone.clone_from(zone);
            }
        }
    }

    /// Keeps the row and the schedule of a case that was paid as they were.
    async fn forget_payment(&self, change: &mut Change) {
        let paid = change.entries.iter().find_map(|entry| match &entry.what {
            What::Case {
                id,
                event: CaseEvent::PaymentRecorded(_),
            } => Some((entry.tenant.clone(), *id)),
            _ => None,
        });
        let Some((tenant, id)) = paid else { return };
        let Ok(Some(before)) = self.inner.case(&tenant, id).await else {
            return;
        };
        change
            .writes
            .retain(|w| !matches!(w, Write::Schedule(case, _) if *case == id));
        for write in &mut change.writes {
            if let Write::Case(case) = write
                && case.id == id
            {
                let version = case.version;
                **case = Case {
                    version,
                    ..before.clone()
                };
            }
        }
    }

    async fn spoil(&self, change: &mut Change) {
        match self.bug {
            Bug::Night => self.restore_zones(change),
            Bug::AfterPayment => self.forget_payment(change).await,
            Bug::CancelForgotten => forget_cancels(change),
            Bug::VersionsUnchecked if is_intent(change) => change.guards.retain(|guard| {
                !matches!(guard, Guard::Case(..) | Guard::Party(..) | Guard::Fence(..))
            }),
            Bug::DoubtAsAccepted => accept_doubts(change),
            Bug::VersionsUnchecked
            | Bug::LivesUnchecked
            | Bug::OutcomeDropped
            | Bug::SendBeforeIntent
            | Bug::AnswersTooSoon
            | Bug::DoubtForgotten => {}
        }
    }

    /// Whether a change is answered before it is written.
    fn is_too_soon(&self, change: &Change) -> bool {
        match self.bug {
            Bug::SendBeforeIntent => is_intent(change),
            Bug::AnswersTooSoon => is_payment(change),
            _ => false,
        }
    }

    fn is_dropped(&self, change: &Change) -> bool {
        self.bug == Bug::OutcomeDropped
            && moves_to(change, ContactState::Accepted)
            && self
                .outcomes
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(5)
    }

    fn as_if_written(&self, changes: &[Change]) -> Vec<Result<Committed, CommitError>> {
        let position = *self.inner.newest().borrow();
        changes.iter().map(|_| Ok(Committed { position })).collect()
    }
}

fn is_intent(change: &Change) -> bool {
    let mut guards = change.guards.iter();
    guards.any(|guard| matches!(guard, Guard::DispatchOn(..)))
}

fn moves_to(change: &Change, state: ContactState) -> bool {
    let mut entries = change.entries.iter();
    entries.any(|entry| {
        matches!(&entry.what, What::Contact { event: ContactEvent::Moved { to }, .. } if *to == state)
    })
}

fn is_payment(change: &Change) -> bool {
    change.entries.iter().any(|entry| {
        matches!(
            entry.what,
            What::Case {
                event: CaseEvent::PaymentRecorded(_),
                ..
            }
        )
    })
}

/// A payment without what it calls off.
fn forget_cancels(change: &mut Change) {
    if !is_payment(change) {
        return;
    }
    change
        .entries
        .retain(|entry| !matches!(entry.what, What::Contact { .. }));
    change
        .writes
        .retain(|write| !matches!(write, Write::Contact(_)));
}

/// What recovery finds doubtful is accepted.
fn accept_doubts(change: &mut Change) {
    let mut doubted = false;
    for entry in &mut change.entries {
        if let What::Contact {
            event: ContactEvent::Moved { to },
            ..
        } = &mut entry.what
            && *to == ContactState::Unknown
            && entry.actor == "recovery"
        {
            *to = ContactState::Accepted;
            doubted = true;
        }
    }
    for write in &mut change.writes {
        if let Write::Contact(contact) = write
            && doubted
            && contact.state == ContactState::Unknown
        {
            accept(contact);
        }
    }
}

fn accept(contact: &mut Contact) {
    contact.state = ContactState::Accepted;
    if let Some((state, _)) = contact.states.last_mut() {
        *state = ContactState::Accepted;
    }
}

#[async_trait]
impl Around for Planted {
    fn beneath(&self) -> &dyn Store {
        &*self.inner
    }

    async fn commit_all(&self, mut changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        for change in &mut changes {
            self.spoil(change).await;
        }
        if changes.iter().any(|change| self.is_dropped(change)) {
            return self.as_if_written(&changes);
        }
        let written = self.writing.clone().write_owned().await;
        if changes.iter().any(|change| self.is_too_soon(change)) {
            let answer = self.as_if_written(&changes);
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move {
                tokio::time::sleep(SLOW_DISK).await;
                drop(inner.commit_all(changes).await);
                drop(written);
            });
            return answer;
        }
        drop(written);
        self.inner.commit_all(changes).await
    }

    async fn facts(&self, cases: &[CaseId]) -> Read<Vec<Facts>> {
        let read = self.writing.read().await;
        let mut facts = self.inner.facts(cases).await?;
        drop(read);
        match self.bug {
            Bug::Night => facts
                .iter_mut()
                .for_each(|f| self.hide_zones(&mut f.borrower)),
            Bug::VersionsUnchecked => tokio::time::sleep(SLOW_READ).await,
            _ => {}
        }
        Ok(facts)
    }

    async fn contacts_left_in(&self, state: ContactState, limit: usize) -> Read<Vec<Contact>> {
        match self.bug {
            Bug::DoubtForgotten => Ok(Vec::new()),
            Bug::LivesUnchecked => self.inner.contacts_in(state, limit).await,
            _ => self.inner.contacts_left_in(state, limit).await,
        }
    }
}
