//! Callers that never give up: cases, payments and opt-outs, each asked for with one request id until it is answered,
//! whatever life the server is in. What was answered OK is remembered.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use tokio::task::JoinSet;
use tonic::{Code, Response, Status};

use super::loan::{self, Loan};
use crate::chance;
use crate::demo::client::Client;

/// How long a caller waits before it asks again.
const AGAIN: Duration = Duration::from_millis(10);
/// A hang guard for one request, over many lives.
const PATIENCE: Duration = Duration::from_secs(120);
/// What most borrowers owe, in yuan.
const CURE: i64 = 600;
/// What a caller waits between two cases where several servers have to be started beside it.
const PAUSE: Duration = Duration::from_millis(100);
/// Callers at once.
const CALLERS: usize = 3;

/// What was answered OK, by the ids that the ledger has, too.
#[derive(Default, Clone)]
pub(super) struct Acked {
    /// Cases.
    pub(super) cases: Vec<String>,
    /// Cases that a payment cured.
    pub(super) paid: Vec<String>,
    /// Cases whose borrower wants no texts.
    pub(super) opted_out: Vec<String>,
    /// Cases that a server did not know afterwards.
    pub(super) denied: Vec<String>,
}

/// The callers at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    callers: JoinSet<Result<(), String>>,
}

struct Shared {
    /// Each asks at another server of the store.
    clients: Vec<Client>,
    turn: AtomicUsize,
    seed: u64,
    stops: bool,
    pause: Duration,
    next: AtomicU32,
    last: u32,
    stop: AtomicBool,
    acked: Mutex<Acked>,
}

impl Load {
    /// Starts it, with payments and opt-outs where `stops` says so. It ends by itself after so many cases, or when it is
    /// told.
    pub(super) fn start(client: Client, seed: u64, stops: bool, cases: Option<u32>) -> Self {
        Self::begin(vec![client], seed, stops, Duration::ZERO, cases)
    }

    /// Starts one that goes to several servers of one store in turn, a moment after each case. It ends when it is told.
    pub(super) fn over(clients: Vec<Client>, seed: u64) -> Self {
        Self::begin(clients, seed, true, PAUSE, None)
    }

    fn begin(
        clients: Vec<Client>,
        seed: u64,
        stops: bool,
        pause: Duration,
        cases: Option<u32>,
    ) -> Self {
        let shared = Arc::new(Shared {
            clients,
            turn: AtomicUsize::new(0),
            seed,
            stops,
            pause,
            next: AtomicU32::new(1),
            last: cases.unwrap_or(u32::MAX),
            stop: AtomicBool::new(false),
            acked: Mutex::default(),
        });
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let shared = Arc::clone(&shared);
            callers.spawn(async move { shared.call().await });
        }
        Self { shared, callers }
    }

    /// Takes no new cases any more.
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }

    /// Waits until each call has its answer; gives what was answered OK.
    pub(super) async fn finish(self) -> Result<Acked, String> {
        for done in self.callers.join_all().await {
            done?;
        }
        let acked = self.shared.acked.lock();
        Ok(acked.unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Shared {
    /// One case after the other, and what becomes of each by the seed.
    async fn call(&self) -> Result<(), String> {
        while !self.stop.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number > self.last {
                break;
            }
            tokio::time::sleep(self.pause).await;
            let loan = Loan::new(number, self.seed);
            let case = self.open(&loan).await.map_err(refused)?;
            if !self.stops {
                continue;
            }
            match self.go_on(&loan, &case).await {
                Err(status) if status.code() == Code::NotFound => {
                    self.remember(|acked| acked.denied.push(case));
                }
                done => done.map_err(refused)?,
            }
        }
        Ok(())
    }

    /// What becomes of a case.
    async fn go_on(&self, loan: &Loan, case: &str) -> Result<(), Box<Status>> {
        match chance::between(self.seed, &["then", &loan.number.to_string()], 0, 9) {
            // While its first contact is on its way.
            0..3 => self.pay(loan, case).await?,
            // When its visit is likely to be asked for.
            3..6 => {
                self.wait_for_visit(case).await?;
                self.pay(loan, case).await?;
            }
            6 => self.opt_out(loan, case).await?,
            _ => {}
        }
        Ok(())
    }

    fn remember(&self, note: impl FnOnce(&mut Acked)) {
        note(&mut self.acked.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn open(&self, loan: &Loan) -> Result<String, Box<Status>> {
        let request = loan.open();
        let opened = self
            .insist(|client| {
                let (mut service, request) = (client.cases(), request.clone());
                async move { service.open_case(request).await }
            })
            .await?;
        let case = opened.case.unwrap_or_default().case_id;
        self.remember(|acked| acked.cases.push(case.clone()));
        Ok(case)
    }

    /// Looks a few times, since not every case comes to a visit.
    async fn wait_for_visit(&self, case: &str) -> Result<(), Box<Status>> {
        for _ in 0..50 {
            let request = pb::ListContactsRequest {
                page_size: 10,
                filter: format!("case_id = \"{case}\""),
                ..pb::ListContactsRequest::default()
            };
            let page = self
                .insist(|client| {
                    let (mut service, request) = (client.contacts(), request.clone());
                    async move { service.list_contacts(request).await }
                })
                .await?;
            let accepted = i32::from(pb::ContactState::Accepted);
            let mut contacts = page.contacts.iter();
            if contacts.any(|c| c.channel == "visit" && c.state == accepted) {
                break;
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    async fn pay(&self, loan: &Loan, case: &str) -> Result<(), Box<Status>> {
        let request = pb::RecordPaymentRequest {
            request_id: format!("pay-{}", loan.number),
            case_id: case.to_owned(),
            payment_ref: format!("P{}", loan.number),
            amount: Some(loan::cny(CURE)),
            received_time: Some(loan::now()),
            balance_after: None,
        };
        self.insist(|client| {
            let (mut service, request) = (client.cases(), request.clone());
            async move { service.record_payment(request).await }
        })
        .await?;
        self.remember(|acked| acked.paid.push(case.to_owned()));
        Ok(())
    }

    async fn opt_out(&self, loan: &Loan, case: &str) -> Result<(), Box<Status>> {
        let request = pb::RecordOptOutRequest {
            request_id: format!("opt-out-{}", loan.number),
            party: Some(pb::PartyRef {
                r#ref: Some(pb::party_ref::Ref::LenderRef(loan.borrower())),
            }),
            scope: Some(pb::record_opt_out_request::Scope::Channel("email".into())),
            received_via: "letter".into(),
            ..pb::RecordOptOutRequest::default()
        };
        self.insist(|client| {
            let (mut service, request) = (client.borrowers(), request.clone());
            async move { service.record_opt_out(request).await }
        })
        .await?;
        self.remember(|acked| acked.opted_out.push(case.to_owned()));
        Ok(())
    }

    /// Asks until there is an answer that is not of the server's being away.
    async fn insist<T, F>(&self, ask: impl Fn(&Client) -> F) -> Result<T, Box<Status>>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        insist(|| {
            // Whoever has no answer asks the next server, which must know what the last one wrote.
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            ask(&self.clients[turn % self.clients.len()])
        })
        .await
    }
}

/// Asks until there is an answer that is not of the server's being away.
pub(super) async fn insist<T, F>(ask: impl Fn() -> F) -> Result<T, Box<Status>>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if is_away(&status) && begun.elapsed() <= PATIENCE => {
                tokio::time::sleep(AGAIN).await;
            }
            Err(status) => return Err(Box::new(status)),
        }
    }
}

fn refused(status: Box<Status>) -> String {
    format!("a caller is refused: {status}")
}

/// Whether an error says nothing about the request: the server died, is not back, or is too busy.
fn is_away(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::ResourceExhausted
    ) || (status.code() == Code::Internal && std::error::Error::source(status).is_some())
}
