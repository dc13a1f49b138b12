//! Callers that never give up: each asks again with the same request id until it is answered, as the contract
//! tells them to. What was answered OK is remembered, to be looked for at the end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use recoup::api::recoup::v1;
use tonic::{Code, Response, Status};

use super::chance::Chance;
use super::client::Client;
use super::process::HANG;
use super::scenes::{Loan, cny, now, pb_time};

/// How long a caller waits before it asks again.
const AGAIN: Duration = Duration::from_millis(10);

/// A change that was answered OK: it must be there for ever.
#[derive(Clone, Debug)]
pub(crate) enum Acked {
    /// A case was opened.
    Case {
        /// The loan's number.
        number: u32,
        /// The case's id in the answer.
        case_id: String,
    },
    /// A payment of so many yuan was recorded.
    Payment {
        /// The loan's number.
        number: u32,
        /// Yuan.
        units: i64,
    },
    /// The borrower wants no more texts.
    OptOut {
        /// The loan's number.
        number: u32,
    },
}

/// The load: workers, and what they were told.
pub(crate) struct Load {
    shared: Arc<Shared>,
    workers: tokio::task::JoinSet<()>,
}

struct Shared {
    client: Client,
    next: AtomicU32,
    stop: AtomicBool,
    acked: Mutex<Vec<Acked>>,
    asked_again: AtomicU32,
    seed: u64,
    pause: Duration,
}

impl Load {
    /// Starts workers that call as `client`, each with a pause between its calls.
    pub(crate) fn start(client: Client, workers: u32, seed: u64, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            client,
            next: AtomicU32::new(1),
            stop: AtomicBool::new(false),
            acked: Mutex::default(),
            asked_again: AtomicU32::new(0),
            seed,
            pause,
        });
        let mut set = tokio::task::JoinSet::new();
        for worker in 0..workers {
            let shared = Arc::clone(&shared);
            set.spawn(async move { shared.work(u64::from(worker)).await });
        }
        Self {
            shared,
            workers: set,
        }
    }

    /// Lets every call under way come to its answer; gives what was answered OK, and how often somebody had
    /// to ask again.
    pub(crate) async fn finish(self) -> (Vec<Acked>, u32) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.workers.join_all().await;
        let acked = self.shared.acked.lock().expect("no worker died").clone();
        (acked, self.shared.asked_again.load(Ordering::SeqCst))
    }
}

impl Shared {
    async fn work(&self, worker: u64) {
        let mut chance = Chance::new(self.seed ^ (worker << 32));
        let mut mine: Vec<(u32, String, bool)> = Vec::new();
        while !self.stop.load(Ordering::SeqCst) {
            match chance.below(10) {
                0..6 => mine.push(self.open().await),
                6..9 => {
                    if let Some((number, case_id, paid)) = chance.one_of(&mut mine)
                        && !std::mem::replace(paid, true)
                    {
                        // A cure, or a part of it.
                        let units = if number.is_multiple_of(2) { 600 } else { 100 };
                        self.pay(*number, case_id, units).await;
                    }
                }
                _ => {
                    if let Some((number, _, _)) = chance.one_of(&mut mine) {
                        self.opt_out(*number).await;
                    }
                }
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn open(&self) -> (u32, String, bool) {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let request = Loan::at_noon(number).open();
        let opened = self
            .insist(|| {
                let (mut service, request) = (self.client.cases(), request.clone());
                async move { service.open_case(request).await }
            })
            .await;
        let case_id = opened.expect("every loan is new").case;
        let case_id = case_id.expect("the case").case_id;
        self.ack(Acked::Case {
            number,
            case_id: case_id.clone(),
        });
        (number, case_id, false)
    }

    async fn pay(&self, number: u32, case_id: &str, units: i64) {
        let request = v1::RecordPaymentRequest {
            request_id: format!("pay-{number}"),
            case_id: case_id.into(),
            payment_ref: format!("P{number}"),
            amount: Some(cny(units)),
            received_time: Some(pb_time(now())),
            balance_after: None,
        };
        let paid = self
            .insist(|| {
                let (mut service, request) = (self.client.cases(), request.clone());
                async move { service.record_payment(request).await }
            })
            .await;
        paid.expect("a payment is always taken");
        self.ack(Acked::Payment { number, units });
    }

    async fn opt_out(&self, number: u32) {
        let request = v1::RecordOptOutRequest {
            request_id: format!("opt-out-{number}"),
            party: Some(v1::PartyRef {
                r#ref: Some(v1::party_ref::Ref::LenderRef(format!("B{number}"))),
            }),
            scope: Some(v1::record_opt_out_request::Scope::Channel("sms".into())),
            received_via: "letter".into(),
            ..v1::RecordOptOutRequest::default()
        };
        let done = self
            .insist(|| {
                let (mut service, request) = (self.client.borrowers(), request.clone());
                async move { service.record_opt_out(request).await }
            })
            .await;
        done.expect("an opt-out is always taken");
        self.ack(Acked::OptOut { number });
    }

    /// Asks until there is an answer that is not of the wire's or the server's being away.
    async fn insist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let begun = Instant::now();
        loop {
            let status = match ask().await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            if !is_away(&status) {
                return Err(status);
            }
            assert!(begun.elapsed() < HANG, "nobody answers: {status:?}");
            self.asked_again.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn ack(&self, what: Acked) {
        self.acked.lock().expect("no worker died").push(what);
    }
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
