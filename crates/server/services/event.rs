//! EventService: every event after a cursor, then each new one; nothing missed, nothing twice.

use std::sync::atomic::Ordering;

use recoup_domain::case::CaseEvent;
use recoup_domain::ids::{CaseId, TenantId};
use recoup_domain::journal::{ContactEvent, What};
use recoup_engine::commands::CaseName;
use recoup_store::Recorded;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, async_trait};

use super::Edge;
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::event_service_server::EventService;
use crate::convert::event::{self, Beside};
use crate::convert::page::Binding;
use crate::convert::read::Bad;
use crate::identity::Principal;
use crate::status::{self, Problem};

/// The most kinds, and the most ids of either sort, that a watcher may name.
const KINDS_MAX: usize = 100;
const IDS_MAX: usize = 1000;
/// Entries read at once.
const CHUNK: usize = 256;
/// How long a watcher may leave its buffer full before its stream ends.
const SLOW: std::time::Duration = std::time::Duration::from_secs(30);
/// How often a watcher without events gets a sign of life.
const SIGN_OF_LIFE: std::time::Duration = std::time::Duration::from_secs(15);

type Answer = Result<v1::WatchEventsResponse, Status>;

#[async_trait]
impl EventService for Edge {
    async fn watch_events(
        &self,
        request: Request<v1::WatchEventsRequest>,
    ) -> Result<Response<BoxStream<v1::WatchEventsResponse>>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let after = self.cursor_read(&mut bad, &who.tenant, &body.cursor);
        let wanted = Wanted::read(&mut bad, &body);
        let (after, wanted) = bad.check(after.zip(wanted))?;
        let (to, answers) = mpsc::channel(self.limits.watch_buffer);
        let watch = Watch {
            edge: self.clone(),
            who,
            wanted,
            to,
            after,
            told: after,
        };
        tokio::spawn(watch.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

impl Edge {
    fn cursor(&self, tenant: &TenantId, position: u64) -> String {
        let vault = self.engine.vault();
        let bound = Binding {
            vault,
            tenant,
            method: "WatchEvents",
            filter: "",
        };
        let history = self.engine.histories().current();
        bound.token(&format!("{history}.{position}"))
    }

    /// Reads a cursor; empty is the beginning. `None` was noted.
    fn cursor_read(&self, bad: &mut Bad, tenant: &TenantId, given: &str) -> Option<u64> {
        if given.is_empty() {
            return Some(0);
        }
        let vault = self.engine.vault();
        let bound = Binding {
            vault,
            tenant,
            method: "WatchEvents",
            filter: "",
        };
        let newest = *self.engine.newest().borrow();
        // What a store told that this one was not copied from is another entry here, or none.
        let position = bound.read(given).and_then(|place| {
            let (history, position) = place.split_once('.')?;
            let (history, position) = (history.parse().ok()?, position.parse().ok()?);
            let holds = self.engine.histories().holds(history, position);
            (position <= newest && holds).then_some(position)
        });
        if position.is_none() {
            let problem = "was not given by WatchEvents of this store; start without it";
            bad.note(ErrorReason::CursorInvalid, "cursor", problem);
        }
        position
    }
}

/// Which events a watcher asked for.
struct Wanted {
    kinds: Vec<i32>,
    cases: Vec<String>,
    parties: Vec<String>,
    end_at_present: bool,
}

impl Wanted {
    fn read(bad: &mut Bad, body: &v1::WatchEventsRequest) -> Option<Self> {
        bad.count_of("kinds", &body.kinds, KINDS_MAX);
        bad.count_of("case_ids", &body.case_ids, IDS_MAX);
        bad.count_of("party_ids", &body.party_ids, IDS_MAX);
        for (i, kind) in body.kinds.iter().take(KINDS_MAX).enumerate() {
            bad.word::<v1::EventKind>(&format!("kinds[{i}]"), *kind);
        }
        for (i, id) in body.case_ids.iter().take(IDS_MAX).enumerate() {
            bad.id::<CaseId>(&format!("case_ids[{i}]"), id);
        }
        for (i, id) in body.party_ids.iter().take(IDS_MAX).enumerate() {
            bad.id::<recoup_domain::PartyId>(&format!("party_ids[{i}]"), id);
        }
        Some(Self {
            kinds: body.kinds.clone(),
            cases: body.case_ids.clone(),
            parties: body.party_ids.clone(),
            end_at_present: body.end_at_present,
        })
    }

    fn fits(&self, event: &v1::Event) -> bool {
        let listed = |list: &[String], id: &String| list.is_empty() || list.contains(id);
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && listed(&self.cases, &event.case_id)
            && listed(&self.parties, &event.party_id)
    }
}

/// One watcher.
struct Watch {
    edge: Edge,
    who: Principal,
    wanted: Wanted,
    to: mpsc::Sender<Answer>,
    /// Everything up to here was looked at.
    after: u64,
    /// The newest cursor that was sent.
    told: u64,
}

/// Why a watcher's stream ends.
enum End {
    /// The client is gone, or everything there was is sent.
    Done,
    /// With a status.
    Status(Box<Status>),
}

impl Watch {
    async fn run(mut self) {
        let _counted = self.edge.meters.one_more(|m| &m.watchers);
        if let Err(End::Status(status)) = self.follow().await {
            // Where the buffer is full the client finds the stream ended, and its last cursor holds.
            let _ = self.to.try_send(Err(*status));
        }
    }

    async fn follow(&mut self) -> Result<(), End> {
        let mut newest = self.edge.engine.newest();
        let present = *newest.borrow();
        loop {
            // Marked as seen before reading: an entry that comes while we read wakes us again.
            let there = *newest.borrow_and_update();
            self.catch_up(there).await?;
            if self.wanted.end_at_present && self.after >= present {
                return Ok(());
            }
            tokio::select! {
                changed = newest.changed() => {
                    if changed.is_err() {
                        return Err(End::Status(Box::new(status::not_serving())));
                    }
                }
                () = self.edge.stopping.cancelled() => {
                    return Err(End::Status(Box::new(status::not_serving())));
                }
                () = self.to.closed() => return Err(End::Done),
                () = tokio::time::sleep(SIGN_OF_LIFE) => self.sign_of_life().await?,
            }
        }
    }

    /// Sends what lies between what was looked at and `there`.
    async fn catch_up(&mut self, there: u64) -> Result<(), End> {
        while self.after < there {
            let tenant = &self.who.tenant;
            let entries = self.edge.engine.events(tenant, self.after, CHUNK).await;
            let entries = entries.map_err(|e| End::Status(Box::new(status::of_command(e))))?;
            let full = entries.len() == CHUNK;
            for recorded in entries {
                self.after = recorded.position;
                // The policy of a new case is told with its opening.
                if let What::Case {
                    event: CaseEvent::PolicyPinned(_),
                    ..
                } = &recorded.entry.what
                {
                    continue;
                }
                let beside = self.beside(&recorded).await;
                let event = event::render(&recorded, &beside);
                if self.wanted.fits(&event) {
                    self.send(Some(event)).await?;
                }
            }
            if !full {
                // The rest up to `there` is of other lenders.
                self.after = self.after.max(there);
            }
        }
        Ok(())
    }

    /// What an event says beside its entry.
    async fn beside(&self, recorded: &Recorded) -> Beside {
        let engine = &self.edge.engine;
        match &recorded.entry.what {
            What::Case { id, .. } => {
                let view = engine.case(&self.who.tenant, &CaseName::Id(*id)).await;
                let Ok(view) = view else {
                    return Beside::default();
                };
                let told = engine.beside(&recorded.entry, view.case.borrower).await;
                Beside {
                    currency: Some(view.case.currency),
                    zone: Some(view.borrower.home_zone().clone()),
                    lender_case_ref: view.lender_case_ref,
                    policy: view.case.policy,
                    payment_ref: told.ok().flatten().unwrap_or_default().payment_ref,
                    contact: None,
                }
            }
            What::Contact {
                event: ContactEvent::Planned(_) | ContactEvent::Intended(_),
                ..
            } => Beside::default(),
            What::Contact { id, .. } => {
                let found = engine.stored_contact(&self.who.tenant, *id).await.ok();
                Beside {
                    contact: found.flatten(),
                    ..Beside::default()
                }
            }
            What::Party { .. }
            | What::Override { .. }
            | What::Collector { .. }
            | What::Service { .. } => Beside::default(),
        }
    }

    async fn sign_of_life(&mut self) -> Result<(), End> {
        if self.after > self.told {
            self.send(None).await
        } else {
            Ok(())
        }
    }

    async fn send(&mut self, event: Option<v1::Event>) -> Result<(), End> {
        let cursor = self.edge.cursor(&self.who.tenant, self.after);
        let answer = v1::WatchEventsResponse { event, cursor };
        self.told = self.after;
        match self.to.send_timeout(Ok(answer), SLOW).await {
            Ok(()) => Ok(()),
            Err(SendTimeoutError::Closed(_)) => Err(End::Done),
            Err(SendTimeoutError::Timeout(_)) => {
                let slow = &self.edge.meters.watchers_slow;
                slow.fetch_add(1, Ordering::Relaxed);
                let problem = "you read too slowly; go on from the last cursor you got";
                let problem = Problem::new(ErrorReason::NotServing, problem).retry(SLOW);
                Err(End::Status(Box::new(problem.into())))
            }
        }
    }
}
