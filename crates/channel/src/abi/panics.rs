//! Turns a channel's panic into a completion: where it happened is seen by a hook, that it happened
//! by `catch_unwind`. Each library has its own std, so the hook is this library's alone.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, Once, PoisonError, Weak};
use std::task::{Context, Poll};

use super::host_ref::HostRef;
use crate::{ChannelError, HostApi, Level};

thread_local! {
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Who gets the log line of a panic on a thread that no operation owns.
static HOSTS: Mutex<Vec<Weak<HostRef>>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// Sends panics to this host's log from now on, instead of standard error.
pub(super) fn report_to(host: Weak<HostRef>) {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    hosts.retain(|old| old.strong_count() > 0);
    hosts.push(host);
    drop(hosts);
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let backtrace = Backtrace::force_capture().to_string();
            let line = format!("panic at {location}: {}", text_of(info.payload()));
            // `try_with`: a panic may come while the thread's locals are being dropped.
            let _ = LAST.try_with(|last| *last.borrow_mut() = Some((location, backtrace)));
            let hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(host) = hosts.iter().rev().find_map(Weak::upgrade) {
                host.log(Level::Error, &line);
            }
        }));
    });
}

/// Runs `body`; a panic becomes the error.
pub(super) fn guarded<T>(body: impl FnOnce() -> T) -> Result<T, ChannelError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| error_of(&*payload))
}

/// Ends with the error where polling the future panics.
pub(super) struct CatchUnwind<F>(pub(super) Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, ChannelError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match guarded(|| self.0.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

fn error_of(payload: &(dyn Any + Send)) -> ChannelError {
    let seen = LAST
        .try_with(|last| last.borrow_mut().take())
        .ok()
        .flatten();
    let (location, backtrace) = seen.unwrap_or_default();
    ChannelError::Panic {
        message: text_of(payload),
        location,
        backtrace,
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
