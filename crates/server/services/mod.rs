//! The services of recoup.v1, a file each. A handler reads the request, asks the engine, maps the error
//! and writes the answer; nothing is decided here.

mod admin;
mod arrangement;
mod audit;
mod borrower;
mod case;
mod channel;
mod collector;
mod comparison;
mod compliance;
mod contact;
mod event;
mod import;
mod pauses;
mod policy;
mod report;
mod rights;
mod simulation;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use prost::Message;
use recoup_domain::ids::TenantId;
use recoup_engine::Engine;
use recoup_engine::error::Done;
use recoup_engine::types::{Answered, Caller, RequestKey};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::config::Limits;
use crate::convert::filter::{Field, Filter};
use crate::convert::page::{self, Binding};
use crate::convert::read::Bad;
use crate::generations::Generations;
use crate::identity::Principal;
use crate::metrics::Meters;
use crate::status;

/// What the services stand on. Cheap to clone.
#[derive(Clone)]
pub struct Edge(Arc<Inner>);

/// The parts of an [`Edge`].
pub struct Inner {
    /// The engine.
    pub engine: Engine,
    /// Limits of the API.
    pub limits: Limits,
    /// Every channel of the configuration, also those that were refused.
    pub channels: Arc<Generations>,
    /// Ends when the server stops.
    pub stopping: CancellationToken,
    /// Whether the clock is stepped.
    pub stepped: bool,
    /// When the server started, by its clock.
    pub started: Timestamp,
    /// The folder of the store.
    pub store_dir: PathBuf,
    /// Where copies of the store go, and apart from them those of the wrapped keys.
    pub copies: (PathBuf, PathBuf),
    /// What the server counts.
    pub meters: Arc<Meters>,
    /// A place for each lender among those that have other packs compared.
    pub comparing: Comparing,
}

/// One comparison of packs at a time for each lender: it reads the whole portfolio.
pub struct Comparing(HashMap<TenantId, Arc<Semaphore>>);

impl Comparing {
    /// A place for each lender.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let place = || Arc::new(Semaphore::new(1));
        Self(engine.tenants().map(|t| (t.id.clone(), place())).collect())
    }
}

impl std::ops::Deref for Edge {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Edge {
    /// An edge on its parts.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Who asks for a read.
    fn open<T>(&self, request: Request<T>) -> Result<(Principal, T), Status> {
        let missing = || status::internal("a call came past the gatekeeper without a principal");
        let who = request
            .extensions()
            .get::<Principal>()
            .cloned()
            .ok_or_else(missing)?;
        Ok((who, request.into_inner()))
    }

    /// Who asks for a mutation, under which request id; a bad id is noted.
    fn caller<T: Message>(&self, bad: &mut Bad, who: &Principal, call: Call<'_, T>) -> Caller {
        let id = bad.request_id(call.request_id);
        let body = call.body.encode_to_vec();
        let fingerprint = self
            .engine
            .vault()
            .fingerprint(&who.tenant, call.method, &body);
        Caller {
            tenant: who.tenant.clone(),
            principal: who.name.to_string(),
            request: id.map(|id| RequestKey { id, fingerprint }),
        }
    }

    /// What a list was asked for: which rows, after which place, how many.
    fn listing<'a, T: Clone>(
        &'a self,
        who: &'a Principal,
        asked: Asked<'a>,
        fields: &'static [Field<T>],
    ) -> Result<Listing<'a, T>, Status> {
        let mut bad = Bad::new();
        let size = page::size(&mut bad, asked.page_size);
        let bound = Binding {
            vault: self.engine.vault(),
            tenant: &who.tenant,
            method: asked.method,
            filter: asked.filter,
        };
        let place = bound.place(&mut bad, asked.page_token);
        let filter = Filter::read(&mut bad, asked.filter, fields);
        let (after, filter) = bad.check(place.zip(filter))?;
        Ok(Listing {
            filter,
            after,
            size,
            bound,
        })
    }

    fn now(&self) -> Timestamp {
        self.engine.wall().now()
    }
}

/// A list as it was asked for.
struct Asked<'a> {
    method: &'static str,
    filter: &'a str,
    page_size: i32,
    page_token: &'a str,
}

/// A list, read.
struct Listing<'a, T: 'static> {
    filter: Filter<T>,
    after: Option<String>,
    size: usize,
    bound: Binding<'a>,
}

impl<T> Listing<'_, T> {
    /// A page of rows that are at hand, each with the key it is sorted by, and the token of the next page.
    fn page<R>(&self, rows: Vec<(String, R)>) -> (Vec<R>, String) {
        let (rows, next) = page::of_rows(rows, self.after.as_deref(), self.size);
        (rows, self.token(next))
    }

    /// The token of the page after `next`; empty where there is none.
    fn token(&self, next: Option<impl ToString>) -> String {
        next.map_or_else(String::new, |at| self.bound.token(&at.to_string()))
    }
}

/// A mutation as it came in.
struct Call<'a, T> {
    method: &'static str,
    request_id: &'a str,
    body: &'a T,
}

/// The answer to a command: as it is now, or as it was given before.
fn answer<R, P: Message + Default>(
    done: Done<Answered<R>>,
    render: impl Fn(&R) -> P,
) -> Result<Response<P>, Status> {
    match done.map_err(status::of_command)? {
        Answered::Now(result) => Ok(Response::new(render(&result))),
        Answered::Before(bytes) => {
            let unreadable = |e| status::internal(&format!("a kept answer does not decode: {e}"));
            P::decode(&bytes[..]).map(Response::new).map_err(unreadable)
        }
    }
}

/// Ids of what a command called off.
fn ids(contacts: &[recoup_domain::ContactId]) -> Vec<String> {
    contacts.iter().map(ToString::to_string).collect()
}
