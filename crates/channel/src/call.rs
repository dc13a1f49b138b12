//! What travels with every operation: its two times, its key, its clock and its way to say `began`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::ChannelError;

/// Where the time comes from. The core's clock may be stepped in tests; a channel never asks the
/// operating system.
pub trait Clock: Send + Sync {
    /// The wall clock in Unix milliseconds. It may be stepped.
    fn wall_unix_ms(&self) -> i64;
    /// A clock that only grows and is always real, in nanoseconds from any origin.
    fn mono_ns(&self) -> u64;
}

/// What runs when an operation is about to let its first byte out. An error stops the send.
pub type BeganHook = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// One operation's surroundings. Cheap to clone; clones share the cancel mark and `began`.
#[derive(Clone)]
pub struct Call {
    timeout: Duration,
    started_mono_ns: u64,
    not_after_unix_ms: Option<i64>,
    idempotency_key: String,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    began: Arc<Began>,
}

/// Whether the first byte may have left. The lock makes `began` happen once over all clones.
struct Began {
    stage: Mutex<Stage>,
    hook: Option<BeganHook>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Begun,
    /// The operation is over, and nothing had begun.
    Closed,
}

impl Began {
    fn new(hook: Option<BeganHook>) -> Arc<Self> {
        Arc::new(Self {
            stage: Mutex::new(Stage::Waiting),
            hook,
        })
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// A call that waits `timeout` at most, starting now. It has no `not_after` and no key.
    pub fn new(timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            timeout,
            started_mono_ns: clock.mono_ns(),
            not_after_unix_ms: None,
            idempotency_key: String::new(),
            clock,
            cancel: Cancel::new(),
            began: Began::new(None),
        }
    }

    /// No byte of a request may leave at or after this instant, in Unix milliseconds. Only for
    /// `send`.
    pub fn with_not_after(mut self, unix_ms: i64) -> Self {
        self.not_after_unix_ms = Some(unix_ms);
        self
    }

    /// The contact's key, the same for its whole life.
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// A mark that the caller sets when nobody waits for the answer any more.
    pub fn with_cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Runs once, before the first byte leaves. An error from it stops the send.
    pub fn with_began(mut self, hook: BeganHook) -> Self {
        self.began = Began::new(Some(hook));
        self
    }

    /// How long the caller waits, from the call's start.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is left of [`timeout`](Self::timeout) now.
    pub fn remaining(&self) -> Duration {
        let used_ns = self.clock.mono_ns().saturating_sub(self.started_mono_ns);
        self.timeout.saturating_sub(Duration::from_nanos(used_ns))
    }

    /// The instant after which nothing may be sent, in Unix milliseconds; `None` is no limit.
    pub fn not_after_unix_ms(&self) -> Option<i64> {
        self.not_after_unix_ms
    }

    /// The contact's key; empty for an operation that has none.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// The clock to use.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The mark that says that nobody waits any more. Advisory: the operation still has to end.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Refuses once the wall clock has reached `not_after`.
    ///
    /// # Errors
    /// `Retryable`: it is too late for this request, and nothing was sent.
    pub fn check_not_after(&self) -> Result<(), ChannelError> {
        let Some(limit) = self.not_after_unix_ms else {
            return Ok(());
        };
        let now = self.clock.wall_unix_ms();
        if now < limit {
            return Ok(());
        }
        Err(ChannelError::retryable(format!(
            "not sent: it is {} ms past this contact's not_after",
            now.saturating_sub(limit)
        )))
    }

    /// Says that the next byte goes outside. Checks `not_after` first, each time; reports to the
    /// host once. The connector calls it; a channel without a connector calls it itself.
    ///
    /// # Errors
    /// `Retryable`: too late, or the host refused. Nothing may be sent then.
    pub fn began(&self) -> Result<(), ChannelError> {
        self.check_not_after()?;
        let mut stage = self.began.stage();
        match *stage {
            Stage::Begun => return Ok(()),
            Stage::Closed => {
                return Err(ChannelError::retryable("not sent: the operation is over"));
            }
            Stage::Waiting => {}
        }
        if let Some(hook) = &self.began.hook {
            hook().map_err(|why| {
                ChannelError::retryable(format!("not sent: the core refused it: {why}"))
            })?;
        }
        *stage = Stage::Begun;
        Ok(())
    }

    /// Ends the operation for [`began`](Self::began): if nothing has begun, nothing ever will, and
    /// the answer is true. A call that has begun stays so, and the answer is false.
    pub fn close(&self) -> bool {
        let mut stage = self.began.stage();
        if *stage == Stage::Begun {
            return false;
        }
        *stage = Stage::Closed;
        true
    }

    /// True once [`began`](Self::began) has succeeded: from then on a byte may be outside.
    pub fn has_begun(&self) -> bool {
        *self.began.stage() == Stage::Begun
    }

    /// For an error seen on the way to the carrier: proven unsent while nothing has begun (and then
    /// nothing begins any more), else unknown. Only for a channel that says `began` before each
    /// first byte, as one with the connector does.
    pub fn broken(&self, message: impl Into<String>) -> ChannelError {
        if self.close() {
            ChannelError::retryable(message)
        } else {
            ChannelError::unknown(message)
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("timeout", &self.timeout)
            .field("not_after_unix_ms", &self.not_after_unix_ms)
            .field("idempotency_key", &self.idempotency_key)
            .field("has_begun", &self.has_begun())
            .finish_non_exhaustive()
    }
}

/// A mark that is set once and can be waited for. Clones share it.
#[derive(Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    set: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Cancel {
    /// A mark that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the mark and wakes whoever waits for it.
    pub fn cancel(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(
            &mut *self
                .0
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        waiting.into_iter().for_each(Waker::wake);
    }

    /// True once the mark is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Ends when the mark is set.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled(self.clone())
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

/// Ends when a [`Cancel`] mark is set.
#[derive(Debug)]
pub struct Cancelled(Cancel);

impl Future for Cancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let state = &self.0.0;
        if state.set.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut waiting = state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        // The mark may have been set between the first look and the registration.
        if state.set.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
