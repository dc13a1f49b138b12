//! The trait that a channel implements, and its object-safe form that the core calls.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::wire::{
    CancelRequest, Cancelled, ChannelDescriptor, Health, HealthState, Inbound, Inbounds,
    PollRequest, Polled, RawCallback, Receipt, SendRequest, Status, StatusRequest, Valid,
};
use crate::{Call, ChannelError, Host};

/// A contact channel: it hands one contact at a time to a carrier.
///
/// A channel keeps nothing between calls that it would need to answer a later one: another instance
/// of it, of a later version, must be able to take over. It never repeats a request by itself.
///
/// Implement the operations as `async fn`; those left out answer `Unsupported`, and the descriptor
/// must not promise them.
pub trait Channel: Send + Sync + 'static {
    /// Hands one contact to the carrier.
    ///
    /// # Errors
    /// See [`ChannelError`]: whatever is not proven unsent is `Unknown`.
    fn send(
        &self,
        cx: &Call,
        request: SendRequest,
    ) -> impl Future<Output = Result<Receipt, ChannelError>> + Send;

    /// Asks the carrier what became of a contact, by its key or reference.
    ///
    /// # Errors
    /// Any; the core asks again later.
    fn status(
        &self,
        _cx: &Call,
        _request: StatusRequest,
    ) -> impl Future<Output = Result<Status, ChannelError>> + Send {
        async { Err(ChannelError::unsupported("status")) }
    }

    /// Calls an accepted contact off at the carrier. It may come more than once.
    ///
    /// # Errors
    /// Any; what is not proven cancelled goes to a person.
    fn cancel(
        &self,
        _cx: &Call,
        _request: CancelRequest,
    ) -> impl Future<Output = Result<Cancelled, ChannelError>> + Send {
        async { Err(ChannelError::unsupported("cancel")) }
    }

    /// How this instance is. It sends nothing to any person.
    fn health(&self, _cx: &Call) -> impl Future<Output = Health> + Send {
        async { Health::ok() }
    }

    /// Reads what a carrier called back with. Checks the carrier's own signature, if it has one,
    /// on the raw bytes.
    ///
    /// # Errors
    /// `Rejected` for a wrong signature, `Permanent` for what cannot be read.
    fn parse_callback(
        &self,
        _cx: &Call,
        _callback: RawCallback,
    ) -> impl Future<Output = Result<Inbounds, ChannelError>> + Send {
        async { Err(ChannelError::unsupported("parse_callback")) }
    }

    /// Fetches reports and replies that wait at the carrier. They are acknowledged there only when
    /// the next poll's cursor shows that the core has them.
    ///
    /// # Errors
    /// Any; the core polls again later.
    fn poll(
        &self,
        _cx: &Call,
        _request: PollRequest,
    ) -> impl Future<Output = Result<Polled, ChannelError>> + Send {
        async { Err(ChannelError::unsupported("poll")) }
    }

    /// Judges a request without sending anything.
    ///
    /// # Errors
    /// `Permanent` where `send` could never take it.
    fn validate(
        &self,
        _cx: &Call,
        _request: SendRequest,
    ) -> impl Future<Output = Result<Valid, ChannelError>> + Send {
        async { Err(ChannelError::unsupported("validate")) }
    }

    /// The event with this ticket is durable in the core: the carrier may be answered now.
    fn event_acked(&self, _ticket: u64) {}

    /// No new work comes; finish what is open within `timeout`.
    fn drain(&self, _timeout: Duration) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// How a library makes instances of its channel. `export_channel!` wants it.
pub trait ChannelFactory: Channel + Sized {
    /// What the library says about itself. The same on each call.
    fn descriptor() -> ChannelDescriptor;

    /// Makes an instance. It runs on the instance's own runtime thread, so it may start tasks.
    ///
    /// # Errors
    /// For the person who wrote the configuration: which key is wrong and what would be right.
    fn create(config_json: &str, host: Host) -> Result<Self, String>;
}

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Channel`] as an object: what the core holds, whatever the placement. Every [`Channel`] is one.
pub trait DynChannel: Send + Sync + 'static {
    /// See [`Channel::send`].
    fn send<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Receipt, ChannelError>>;

    /// See [`Channel::status`].
    fn status<'a>(
        &'a self,
        cx: &'a Call,
        request: StatusRequest,
    ) -> BoxFuture<'a, Result<Status, ChannelError>>;

    /// See [`Channel::cancel`].
    fn cancel<'a>(
        &'a self,
        cx: &'a Call,
        request: CancelRequest,
    ) -> BoxFuture<'a, Result<Cancelled, ChannelError>>;

    /// See [`Channel::health`].
    fn health<'a>(&'a self, cx: &'a Call) -> BoxFuture<'a, Health>;

    /// See [`Channel::parse_callback`].
    fn parse_callback<'a>(
        &'a self,
        cx: &'a Call,
        callback: RawCallback,
    ) -> BoxFuture<'a, Result<Inbounds, ChannelError>>;

    /// See [`Channel::poll`].
    fn poll<'a>(
        &'a self,
        cx: &'a Call,
        request: PollRequest,
    ) -> BoxFuture<'a, Result<Polled, ChannelError>>;

    /// See [`Channel::validate`].
    fn validate<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Valid, ChannelError>>;

    /// See [`Channel::event_acked`].
    fn event_acked(&self, ticket: u64);

    /// See [`Channel::drain`].
    fn drain<'a>(&'a self, timeout: Duration) -> BoxFuture<'a, ()>;
}

impl<C: Channel> DynChannel for C {
    fn send<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Receipt, ChannelError>> {
        Box::pin(Channel::send(self, cx, request))
    }

    fn status<'a>(
        &'a self,
        cx: &'a Call,
        request: StatusRequest,
    ) -> BoxFuture<'a, Result<Status, ChannelError>> {
        Box::pin(Channel::status(self, cx, request))
    }

    fn cancel<'a>(
        &'a self,
        cx: &'a Call,
        request: CancelRequest,
    ) -> BoxFuture<'a, Result<Cancelled, ChannelError>> {
        Box::pin(Channel::cancel(self, cx, request))
    }

    fn health<'a>(&'a self, cx: &'a Call) -> BoxFuture<'a, Health> {
        Box::pin(Channel::health(self, cx))
    }

    fn parse_callback<'a>(
        &'a self,
        cx: &'a Call,
        callback: RawCallback,
    ) -> BoxFuture<'a, Result<Inbounds, ChannelError>> {
        Box::pin(Channel::parse_callback(self, cx, callback))
    }

    fn poll<'a>(
        &'a self,
        cx: &'a Call,
        request: PollRequest,
    ) -> BoxFuture<'a, Result<Polled, ChannelError>> {
        Box::pin(Channel::poll(self, cx, request))
    }

    fn validate<'a>(
        &'a self,
        cx: &'a Call,
        request: SendRequest,
    ) -> BoxFuture<'a, Result<Valid, ChannelError>> {
        Box::pin(Channel::validate(self, cx, request))
    }

    fn event_acked(&self, ticket: u64) {
        Channel::event_acked(self, ticket);
    }

    fn drain<'a>(&'a self, timeout: Duration) -> BoxFuture<'a, ()> {
        Box::pin(Channel::drain(self, timeout))
    }
}

impl Health {
    /// It works.
    pub fn ok() -> Self {
        Self {
            state: HealthState::Ok.into(),
            detail: String::new(),
        }
    }

    /// It works in part; `detail` says what is wrong and what would help.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self {
            state: HealthState::Degraded.into(),
            detail: detail.into(),
        }
    }

    /// It cannot send; `detail` says what is wrong and what would help.
    pub fn down(detail: impl Into<String>) -> Self {
        Self {
            state: HealthState::Down.into(),
            detail: detail.into(),
        }
    }
}

impl From<Vec<Inbound>> for Inbounds {
    fn from(items: Vec<Inbound>) -> Self {
        Self {
            items,
            ..Self::default()
        }
    }
}
