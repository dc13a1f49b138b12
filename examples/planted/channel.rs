//! Channels that are wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use recoup_channel::wire::{
    CancelRequest, Cancelled, Health, Inbounds, PollRequest, Polled, RawCallback, Receipt,
    SendRequest, Status, StatusRequest, Valid,
};
use recoup_channel::{BoxFuture, Call, ChannelError, DynChannel};

use crate::outbox::Outbox;

/// What a channel does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// It sends everything twice.
    Double,
    /// It says of every third contact that it sent it, and sends nothing.
    Lost,
    /// Each try has a key of its own.
    KeyPerTry,
    /// Where the answer is no answer, it sends once more.
    SubmitAgain,
    /// Every error is said to prove that nothing was sent.
    ProofClaimed,
    /// Every error is said to be acceptance.
    TakenForGranted,
    /// What was under way when it ended is sent again.
    SendsAgain,
    /// It calls nothing off. No bug by itself: part of one of the store.
    NoCancel,
}

/// The bugs by name.
pub(crate) const BUGS: [(&str, Bug); 7] = [
    ("double", Bug::Double),
    ("lost", Bug::Lost),
    ("key-per-try", Bug::KeyPerTry),
    ("submit-again", Bug::SubmitAgain),
    ("proof-claimed", Bug::ProofClaimed),
    ("taken-for-granted", Bug::TakenForGranted),
    ("sends-again", Bug::SendsAgain),
];

/// A channel with a bug.
pub(crate) struct Bent {
    inner: Arc<dyn DynChannel>,
    bug: Bug,
    tries: AtomicU64,
    outbox: Outbox,
}

impl Bent {
    pub(crate) fn new(inner: Arc<dyn DynChannel>, bug: Bug) -> Self {
        Self {
            inner,
            bug,
            tries: AtomicU64::new(0),
            outbox: Outbox::default(),
        }
    }

    async fn send_wrongly(
        &self,
        cx: &Call,
        mut request: SendRequest,
    ) -> Result<Receipt, ChannelError> {
        // Keys are spread evenly: any byte of theirs chooses as well as chance.
        let last = cx.idempotency_key().bytes().next_back();
        match self.bug {
            Bug::Double => {
                let _ = self.inner.send(cx, request.clone()).await;
            }
            Bug::Lost if last.is_some_and(|byte| byte % 3 == 0) => return Ok(Receipt::default()),
            Bug::KeyPerTry => {
                let number = self.tries.fetch_add(1, Ordering::Relaxed);
                let key = format!("{}{number:x}", cx.idempotency_key());
                request.idempotency_key.clone_from(&key);
                return self
                    .inner
                    .send(&cx.clone().with_idempotency_key(key), request)
                    .await;
            }
            Bug::SendsAgain => return self.outbox.send(&*self.inner, cx, request).await,
            Bug::Lost
            | Bug::SubmitAgain
            | Bug::ProofClaimed
            | Bug::TakenForGranted
            | Bug::NoCancel => {}
        }
        let answer = self.inner.send(cx, request.clone()).await;
        match (self.bug, answer) {
            (Bug::SubmitAgain, Err(ChannelError::Unknown { .. })) => {
                let again = Call::new(cx.timeout(), Arc::clone(cx.clock()))
                    .with_idempotency_key(cx.idempotency_key());
                self.inner.send(&again, request).await
            }
            (Bug::ProofClaimed, Err(error)) => Err(ChannelError::permanent(error.message())),
            (Bug::TakenForGranted, Err(_)) => Ok(Receipt::default()),
            (_, answer) => answer,
        }
    }
}

impl DynChannel for Bent {
    fn send<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Receipt, ChannelError>> {
        Box::pin(self.send_wrongly(cx, request))
    }

    fn cancel<'a>(
        &'a self,
        cx: &'a Call,
        request: CancelRequest,
    ) -> BoxFuture<'a, Result<Cancelled, ChannelError>> {
        if self.bug == Bug::NoCancel {
            return Box::pin(async { Err(ChannelError::unknown("nobody was asked")) });
        }
        self.inner.cancel(cx, request)
    }

    fn status<'a>(
        &'a self,
        cx: &'a Call,
        request: StatusRequest,
    ) -> BoxFuture<'a, Result<Status, ChannelError>> {
        self.inner.status(cx, request)
    }

    fn health<'a>(&'a self, cx: &'a Call) -> BoxFuture<'a, Health> {
        self.inner.health(cx)
    }

    fn parse_callback<'a>(
        &'a self,
        cx: &'a Call,
        callback: RawCallback,
    ) -> BoxFuture<'a, Result<Inbounds, ChannelError>> {
        self.inner.parse_callback(cx, callback)
    }

    fn poll<'a>(
        &'a self,
        cx: &'a Call,
        request: PollRequest,
    ) -> BoxFuture<'a, Result<Polled, ChannelError>> {
        self.inner.poll(cx, request)
    }

    fn validate<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Valid, ChannelError>> {
        self.inner.validate(cx, request)
    }

    fn event_acked(&self, ticket: u64) {
        self.inner.event_acked(ticket);
    }

    fn drain<'a>(&'a self, timeout: Duration) -> BoxFuture<'a, ()> {
        self.inner.drain(timeout)
    }
}
