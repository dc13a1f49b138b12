//! AdminService.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prost::Message;
use recoup_domain::ids::TenantId;
use recoup_engine::status::{ClockStatus, EngineStatus};
use recoup_store::{Copied, CopyTo, Room, Scope, Switch};
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::admin_service_server::AdminService;
use crate::convert::read::Bad;
use crate::convert::value;
use crate::disk::free_bytes;
use crate::identity::Principal;
use crate::status::{self, Problem};

/// The version of the store's schema that this server writes.
const SCHEMA_VERSION: i64 = 1;

#[async_trait]
impl AdminService for Edge {
    async fn pause_dispatch(
        &self,
        request: Request<v1::PauseDispatchRequest>,
    ) -> Result<Response<v1::PauseDispatchResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "PauseDispatch",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let scope = scope(&mut bad, &who, body.scope.as_ref());
        let reason = bad.text("reason", &body.reason, 500);
        let (scope, reason) = bad.check(scope.zip(reason))?;
        let render = |s: &Vec<Switch>| v1::PauseDispatchResponse {
            pauses: pauses(&who, s),
        };
        let encode = |s: &Vec<Switch>| render(s).encode_to_vec();
        answer(
            self.engine
                .pause_dispatch(&caller, scope, reason, &encode)
                .await,
            render,
        )
    }

    async fn resume_dispatch(
        &self,
        request: Request<v1::ResumeDispatchRequest>,
    ) -> Result<Response<v1::ResumeDispatchResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ResumeDispatch",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let scope = scope(&mut bad, &who, body.scope.as_ref());
        let reason = bad.text("reason", &body.reason, 500);
        let (scope, reason) = bad.check(scope.zip(reason))?;
        let render = |s: &Vec<Switch>| v1::ResumeDispatchResponse {
            pauses: pauses(&who, s),
        };
        let encode = |s: &Vec<Switch>| render(s).encode_to_vec();
        self.must_be_paused(
            &caller.tenant,
            caller.request.as_ref().map(|r| &*r.id),
            &scope,
        )
        .await?;
        answer(
            self.engine
                .resume_dispatch(&caller, scope, reason, &encode)
                .await,
            render,
        )
    }

    async fn accept_clock(
        &self,
        request: Request<v1::AcceptClockRequest>,
    ) -> Result<Response<v1::AcceptClockResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "AcceptClock",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let reason = bad.text("reason", &body.reason, 500);
        let reason = bad.check(reason)?;
        let render = |clock: &ClockStatus| v1::AcceptClockResponse {
            clock: Some(self.clock(clock)),
        };
        let encode = |clock: &ClockStatus| render(clock).encode_to_vec();
        answer(
            self.engine.accept_clock(&caller, reason, &encode).await,
            render,
        )
    }

    async fn backup_store(
        &self,
        request: Request<v1::BackupStoreRequest>,
    ) -> Result<Response<v1::BackupStoreResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "BackupStore",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let name = copy_name(&mut bad, &body.name, self.now());
        let to = CopyTo {
            dir: self.copies.0.clone(),
            keys_dir: self.copies.1.clone(),
            name: bad.check(name)?,
        };
        let render = |c: &Copied| v1::BackupStoreResponse {
            name: c.name.clone(),
            sha256: c.sha256.clone(),
            position: i64::try_from(c.position).unwrap_or(i64::MAX),
            size_bytes: i64::try_from(c.bytes).unwrap_or(i64::MAX),
        };
        let encode = |c: &Copied| render(c).encode_to_vec();
        let done = self.engine.copy_store(&caller, &to, &encode).await;
        answer(done, render)
    }

    async fn confirm_reconciled(
        &self,
        request: Request<v1::ConfirmReconciledRequest>,
    ) -> Result<Response<v1::ConfirmReconciledResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let call = Call {
            method: "ConfirmReconciled",
            request_id: &body.request_id,
            body: &body,
        };
        let caller = self.caller(&mut bad, &who, call);
        let reason = bad.text("reason", &body.reason, 2000);
        let reason = bad.check(reason)?;
        let render = |at: &Timestamp| v1::ConfirmReconciledResponse {
            time: Some(value::to_instant(*at)),
        };
        let encode = |at: &Timestamp| render(at).encode_to_vec();
        let done = self
            .engine
            .confirm_reconciled(&caller, &reason, &encode)
            .await;
        answer(done, render)
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let (who, _) = self.open(request)?;
        let found = self
            .engine
            .status(&who.tenant)
            .await
            .map_err(status::of_command)?;
        let blocked = self.engine.blocked(&who.tenant, &found.store).await;
        let blocked = blocked.map_err(status::of_command)?;
        let mut answer = self.status(&who, &found, &blocked);
        answer.channels = self.all_channels().await;
        Ok(Response::new(answer))
    }
}

impl Edge {
    fn status(
        &self,
        who: &Principal,
        found: &EngineStatus,
        blocked: &BTreeMap<String, u64>,
    ) -> v1::GetStatusResponse {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let open = found
            .store
            .cases
            .iter()
            .filter(|(name, _)| name != "closed");
        let blocked = blocked.iter().map(|(why, n)| (why.clone(), count(*n)));
        v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            decision_version: recoup_decide::DECISION_VERSION.to_string(),
            pauses: pauses(who, &found.switches),
            clock: Some(self.clock(&found.clock)),
            open_cases: open.map(|(_, n)| count(*n)).sum(),
            due: count(found.store.due),
            next_due_time: found.store.next_due.and_then(value::to_end),
            blocked: blocked.collect(),
            contacts: found
                .store
                .contacts
                .iter()
                .map(|(s, n)| (s.clone(), count(*n)))
                .collect(),
            channels: Vec::new(),
            store: Some(v1::StoreStatus {
                kind: found.store_kind.to_owned(),
                schema_version: SCHEMA_VERSION,
                position: count(found.store.position),
                free_bytes: free_bytes(&self.store_dir).and_then(|n| i64::try_from(n).ok()),
                copy_time: self.copy_waited_for(&found.switches),
                least_free_bytes: found.room.map(|room| count(room.least_bytes)),
                problem: short(found.room),
            }),
            start_time: Some(value::to_instant(self.started)),
        }
    }

    fn clock(&self, clock: &ClockStatus) -> v1::Clock {
        let mode = if self.stepped {
            v1::ClockMode::Stepped
        } else {
            v1::ClockMode::Live
        };
        let (state, problem) = match clock.trouble {
            Some(trouble) => (
                v1::ClockState::Suspect,
                format!("{trouble}; {}", trouble.advice()),
            ),
            None => (v1::ClockState::Ok, String::new()),
        };
        v1::Clock {
            mode: mode.into(),
            now: Some(value::to_instant(clock.now)),
            state: state.into(),
            tzdb_version: recoup_engine::TZDB.to_owned(),
            problem,
        }
    }

    /// When the copy was made that nobody has confirmed yet to be reconciled.
    fn copy_waited_for(&self, switches: &[Switch]) -> Option<prost_types::Timestamp> {
        let mut waited = switches
            .iter()
            .filter(|s| s.paused && s.scope == Scope::Restored);
        waited.next()?;
        let last = self.engine.histories().restored.last()?;
        Some(value::to_instant(last.taken_at))
    }

    /// Whether a pause of this very scope is in force, or was ended by this very request.
    async fn must_be_paused(
        &self,
        tenant: &TenantId,
        request: Option<&str>,
        scope: &Scope,
    ) -> Result<(), Status> {
        let store = self.engine.store();
        let failed = |e: recoup_store::StoreError| status::of_command(e.into());
        let switches = store.switches().await.map_err(failed)?;
        let laid = switches.iter().find(|s| s.paused && s.scope == *scope);
        if laid.is_some_and(|s| s.tenant == *tenant) {
            return Ok(());
        }
        let kept = store
            .answer(tenant, request.unwrap_or_default())
            .await
            .map_err(failed)?;
        if kept.is_some() {
            return Ok(());
        }
        let message = match laid {
            Some(_) => "a person of another lender paused it, and they alone can let it go again",
            None if switches.iter().any(|s| s.scope == Scope::Restored) && *scope == Scope::All => {
                "the store was restored from a copy: ConfirmReconciled lets contacts go again, once what the carriers \
                 took since is reconciled"
            }
            None => "dispatch is not paused for this scope; GetStatus lists the pauses in force",
        };
        Err(Problem::new(ErrorReason::DispatchNotPaused, message).into())
    }
}

/// The name that was given, or one of the instant.
fn copy_name(bad: &mut Bad, given: &str, now: Timestamp) -> Option<String> {
    if given.is_empty() {
        return Some(now.strftime("%Y%m%dT%H%M%S%3fZ").to_string());
    }
    let name = bad.text("name", given, 64)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.starts_with('.') || !name.chars().all(is_plain) {
        let problem = "letters, digits, `.`, `_` and `-` alone, and no `.` in front";
        bad.invalid("name", problem.to_owned());
        return None;
    }
    Some(name)
}

fn scope(bad: &mut Bad, who: &Principal, given: Option<&v1::DispatchScope>) -> Option<Scope> {
    use v1::dispatch_scope::Scope as S;
    match given.and_then(|s| s.scope.as_ref()) {
        Some(S::All(true)) => Some(Scope::All),
        Some(S::Lender(name)) if name == who.tenant.as_str() => Some(Scope::Tenant {
            tenant: who.tenant.clone(),
        }),
        Some(S::Lender(_)) => {
            bad.invalid(
                "scope.lender",
                format!("you act for `{}` alone", who.tenant),
            );
            None
        }
        Some(S::Channel(name)) => bad
            .text("scope.channel", name, 64)
            .map(|channel| Scope::Channel { channel }),
        Some(S::All(false)) | None => {
            bad.missing("scope");
            None
        }
    }
}

/// The pauses that this principal may know of: not those of other lenders.
fn pauses(who: &Principal, switches: &[Switch]) -> Vec<v1::DispatchPause> {
    use v1::dispatch_scope::Scope as S;
    let render = |s: &Switch| {
        let scope = match &s.scope {
            Scope::All | Scope::Restored => S::All(true),
            Scope::Tenant { tenant } if *tenant == who.tenant => S::Lender(tenant.to_string()),
            Scope::Tenant { .. } => return None,
            Scope::Channel { channel } => S::Channel(channel.clone()),
        };
        Some(v1::DispatchPause {
            scope: Some(v1::DispatchScope { scope: Some(scope) }),
            reason: s.reason.clone(),
            author: s.by.clone(),
            since: Some(value::to_instant(s.at)),
        })
    };
    switches
        .iter()
        .filter(|s| s.paused)
        .filter_map(render)
        .collect()
}

/// What is wrong with the store's disk.
fn short(room: Option<Room>) -> String {
    let short = room.filter(Room::is_short);
    short.map_or_else(String::new, |room| room.to_string())
}
