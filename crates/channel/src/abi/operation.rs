//! The operations of the table, each as a type: what it takes, what it gives, what it runs.

use std::future::Future;

use prost::Message;

use crate::wire::{
    CancelRequest, Cancelled, Failure, Health, Inbounds, PollRequest, Polled, RawCallback, Receipt,
    SendRequest, Status, StatusRequest, Valid,
};
use crate::{Call, Channel, ChannelError};

use super::code;

/// One operation of the table.
pub(super) trait Operation<C>: 'static {
    /// What it takes.
    type Request: Message + Default + Send + 'static;
    /// What it gives.
    type Response: Message;

    /// The contact's key, where the request has one.
    fn key(_request: &Self::Request) -> &str {
        ""
    }

    /// Runs it.
    fn run(
        channel: &C,
        cx: &Call,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Response, ChannelError>> + Send;
}

macro_rules! operations {
    ($($name:ident: $request:ty => $response:ty, $method:ident, $key:expr;)*) => {$(
        pub(super) struct $name;

        impl<C: Channel> Operation<C> for $name {
            type Request = $request;
            type Response = $response;

            fn key(request: &$request) -> &str {
                let key: fn(&$request) -> &str = $key;
                key(request)
            }

            async fn run(
                channel: &C,
                cx: &Call,
                request: $request,
            ) -> Result<$response, ChannelError> {
                channel.$method(cx, request).await
            }
        }
    )*};
}

operations! {
    SendOne: SendRequest => Receipt, send, |r| &r.idempotency_key;
    AskStatus: StatusRequest => Status, status, |r| &r.idempotency_key;
    Cancel: CancelRequest => Cancelled, cancel, |r| &r.idempotency_key;
    ParseCallback: RawCallback => Inbounds, parse_callback, |_| "";
    Poll: PollRequest => Polled, poll, |_| "";
    Validate: SendRequest => Valid, validate, |r| &r.idempotency_key;
}

pub(super) struct AskHealth;

impl<C: Channel> Operation<C> for AskHealth {
    type Request = ();
    type Response = Health;

    async fn run(channel: &C, cx: &Call, (): ()) -> Result<Health, ChannelError> {
        Ok(channel.health(cx).await)
    }
}

/// The error as a completion's status and bytes.
pub fn encode_error(error: &ChannelError) -> (i32, Vec<u8>) {
    let mut failure = Failure {
        message: error.message().to_owned(),
        ..Failure::default()
    };
    if let Some(after) = error.after() {
        failure.retry_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    }
    let status = match error {
        ChannelError::Retryable { .. } => code::RETRYABLE,
        ChannelError::Permanent { .. } => code::PERMANENT,
        ChannelError::Rejected { .. } => code::REJECTED,
        ChannelError::Auth { .. } => code::AUTH,
        ChannelError::RateLimited { .. } => code::RATE_LIMITED,
        ChannelError::Unknown { .. } => code::UNKNOWN,
        ChannelError::Unsupported { .. } => code::UNSUPPORTED,
        ChannelError::Panic {
            location,
            backtrace,
            ..
        } => {
            failure.location.clone_from(location);
            failure.backtrace.clone_from(backtrace);
            code::PANIC
        }
    };
    (status, failure.encode_to_vec())
}

/// A completion's status and bytes as the error; a status that nobody knows is `Unknown`.
pub fn decode_error(status: i32, response: &[u8]) -> ChannelError {
    let Ok(failure) = Failure::decode(response) else {
        return ChannelError::unknown(format!(
            "the channel ended with status {status} and bytes that are no Failure"
        ));
    };
    let Failure {
        message,
        retry_after_ms,
        location,
        backtrace,
    } = failure;
    let after = (retry_after_ms > 0).then(|| std::time::Duration::from_millis(retry_after_ms));
    match status {
        code::RETRYABLE => ChannelError::Retryable { message, after },
        code::PERMANENT => ChannelError::Permanent { message },
        code::REJECTED => ChannelError::Rejected { message },
        code::AUTH => ChannelError::Auth { message },
        code::RATE_LIMITED => ChannelError::RateLimited { message, after },
        code::UNKNOWN => ChannelError::Unknown { message },
        code::UNSUPPORTED => ChannelError::Unsupported { message },
        code::PANIC => ChannelError::Panic {
            message,
            location,
            backtrace,
        },
        other => ChannelError::unknown(format!(
            "the channel ended with status {other}, which nobody knows: {message}"
        )),
    }
}
