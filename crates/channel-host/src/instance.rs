//! What the core holds of a live instance, wherever it lives.

use std::io;
use std::thread;
use std::time::Duration;

use recoup_channel::abi::STACK_BYTES;
use tokio::sync::oneshot;

use crate::context::Context;
use crate::method::Method;

/// A live instance. Dropped without [`retire`](Self::retire), it drains and ends by itself.
pub(crate) trait Instance: Send + Sync {
    /// The core's side of it.
    fn context(&self) -> &Context;

    /// Queues a call.
    fn run(&self, method: Method, id: u64, request: Vec<u8>);

    /// Tells the library that nobody waits for a call.
    fn abandon(&self, id: u64);

    /// Tells the library that an event is durable.
    fn event_ack(&self, ticket: u64);

    /// Lets it finish its calls for at most `drain` and ends it; the receiver tells when.
    fn retire(&self, drain: Duration) -> oneshot::Receiver<()>;

    /// The next call has to get a new instance.
    fn poison(&self);

    /// It panicked, hangs or is gone.
    fn is_poisoned(&self) -> bool;

    /// Ends a hanging instance by force. True: every call in flight gets its answer, which says
    /// what is proven of it. False: it cannot be ended.
    fn kill(&self) -> bool;

    /// Its process, where it has one of its own.
    fn process(&self) -> Option<Process>;
}

/// A channel's own process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id in the system.
    pub pid: u32,
    /// What of the sandbox this system does not give; empty: all of it holds.
    pub unguarded: Vec<String>,
}

/// Runs `body` on a new thread with a stack for foreign code.
pub(crate) fn on_big_stack<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    // The system keeps 15 bytes of a thread's name.
    thread::Builder::new()
        .name(format!("ch-{name}"))
        .stack_size(STACK_BYTES)
        .spawn(body)
}
