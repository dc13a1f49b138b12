//! One instance of a channel: its own runtime on its own thread, and the calls in flight on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use prost::Message;
use tokio::runtime::{Builder, Handle};

use super::host_ref::HostRef;
use super::operation::{Operation, encode_error};
use super::panics::{self, CatchUnwind, guarded};
use super::{CallV1, MAX_IN_FLIGHT_DEFAULT, MESSAGE_BYTES_MAX, STACK_BYTES, code};
use crate::wire::ChannelDescriptor;
use crate::{Call, Cancel, ChannelError, ChannelFactory, Host, HostApi, Level};

/// What the host's instance pointer points to.
pub(super) struct Instance<C> {
    shared: Arc<Shared<C>>,
    stop: Cancel,
    thread: Option<JoinHandle<()>>,
}

/// What the instance and its calls share.
struct Shared<C> {
    channel: C,
    host: Arc<HostRef>,
    tasks: Handle,
    open: Mutex<BTreeMap<u64, Cancel>>,
    one_ended: Condvar,
    max_in_flight: usize,
    says_began: bool,
    draining: AtomicBool,
}

impl<C: ChannelFactory> Instance<C> {
    /// Starts the runtime thread and makes the channel on it.
    pub(super) fn start(config_json: String, host: HostRef) -> Result<Self, String> {
        let host = Arc::new(host);
        panics::report_to(Arc::downgrade(&host));
        let descriptor = C::descriptor();
        let stop = Cancel::new();
        let (made, answer) = mpsc::channel();
        let thread = {
            let (host, stop) = (Host::new(host.clone()), stop.clone());
            thread::Builder::new()
                .name(format!("channel-{}", descriptor.kind))
                .stack_size(STACK_BYTES)
                .spawn(move || live::<C>(&config_json, host, &stop, &made))
                .map_err(|error| format!("no thread for the channel: {error}"))?
        };
        match answer.recv() {
            Ok(Ok((channel, tasks))) => {
                let shared = Arc::new(Shared::new(channel, host, tasks, &descriptor));
                Ok(Self {
                    shared,
                    stop,
                    thread: Some(thread),
                })
            }
            Ok(Err(why)) => {
                let _ = thread.join();
                Err(why)
            }
            Err(_) => Err("the channel's thread ended before it had an instance".to_owned()),
        }
    }

    /// Starts an operation. Less than 0: it was not taken and will not be completed.
    pub(super) fn submit<O: Operation<C>>(&self, call_id: u64, times: CallV1, bytes: &[u8]) -> i32 {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return code::INVALID;
        }
        let Ok(request) = O::Request::decode(bytes) else {
            return code::INVALID;
        };
        let call = self.shared.call::<O>(call_id, times, &request);
        if let Err(refused) = self.shared.admit(call_id, call.cancel()) {
            return refused;
        }
        let completion = Completion {
            shared: self.shared.clone(),
            call_id,
            call: Some(call),
        };
        self.shared.tasks.spawn(completion.run::<O>(request));
        code::OK
    }

    /// Marks a call that nobody waits for.
    pub(super) fn abandon(&self, call_id: u64) {
        let cancel = self.shared.open().get(&call_id).cloned();
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }

    /// The event with this ticket is durable.
    pub(super) fn event_ack(&self, ticket: u64) {
        // On the runtime, so that the channel may start tasks in it.
        let shared = self.shared.clone();
        self.shared
            .tasks
            .spawn(async move { shared.channel.event_acked(ticket) });
    }

    /// Takes no new work and waits for what is open.
    pub(super) fn drain(&self, timeout: Duration) -> i32 {
        self.shared.draining.store(true, Ordering::SeqCst);
        let shared = self.shared.clone();
        self.shared
            .tasks
            .spawn(async move { shared.channel.drain(timeout).await });
        let (open, _) = self
            .shared
            .one_ended
            .wait_timeout_while(self.shared.open(), timeout, |open| !open.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        if open.is_empty() {
            code::OK
        } else {
            code::BUSY
        }
    }

    /// Ends the runtime; calls still open end as their drop says. Returns when the thread is gone.
    pub(super) fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The runtime thread, from the making of the channel until `destroy`.
fn live<C: ChannelFactory>(
    config_json: &str,
    host: Host,
    stop: &Cancel,
    made: &mpsc::Sender<Result<(C, Handle), String>>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = made.send(Err(format!("no runtime for the channel: {error}")));
            return;
        }
    };
    runtime.block_on(async {
        let created = match guarded(|| C::create(config_json, host)) {
            Ok(Ok(channel)) => Ok((channel, Handle::current())),
            Ok(Err(why)) => Err(why),
            Err(panic) => Err(panic.to_string()),
        };
        let alive = created.is_ok();
        if made.send(created).is_ok() && alive {
            stop.cancelled().await;
        }
    });
}

impl<C: ChannelFactory> Shared<C> {
    fn new(channel: C, host: Arc<HostRef>, tasks: Handle, descriptor: &ChannelDescriptor) -> Self {
        let capabilities = descriptor.capabilities.unwrap_or_default();
        let max_in_flight = match capabilities.max_in_flight {
            0 => MAX_IN_FLIGHT_DEFAULT,
            limit => limit,
        };
        Self {
            channel,
            host,
            tasks,
            open: Mutex::default(),
            one_ended: Condvar::new(),
            max_in_flight: max_in_flight as usize,
            says_began: capabilities.began,
            draining: AtomicBool::new(false),
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Cancel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The author's view of a call. Its `began` goes to the host.
    fn call<O: Operation<C>>(&self, call_id: u64, times: CallV1, request: &O::Request) -> Call {
        let host: Weak<HostRef> = Arc::downgrade(&self.host);
        let timeout = Duration::from_millis(u64::from(times.timeout_ms));
        let call = Call::new(timeout, self.host.clone())
            .with_idempotency_key(O::key(request))
            .with_began(Arc::new(move || match host.upgrade() {
                Some(host) => host.began(call_id),
                None => Err("the instance is gone".to_owned()),
            }));
        match times.not_after_unix_ms {
            0 => call,
            limit => call.with_not_after(limit),
        }
    }

    fn admit(&self, call_id: u64, cancel: &Cancel) -> Result<(), i32> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(code::DRAINING);
        }
        let mut open = self.open();
        if open.len() >= self.max_in_flight {
            return Err(code::BUSY);
        }
        open.insert(call_id, cancel.clone());
        Ok(())
    }
}

/// Owes the host the one completion of a call; dropped unpaid, it pays with an error.
struct Completion<C: ChannelFactory> {
    shared: Arc<Shared<C>>,
    call_id: u64,
    call: Option<Call>,
}

impl<C: ChannelFactory> Completion<C> {
    async fn run<O: Operation<C>>(mut self, request: O::Request) {
        let Some(call) = self.call.clone() else {
            return;
        };
        let operation = {
            let (shared, call) = (self.shared.clone(), call.clone());
            CatchUnwind(Box::pin(async move {
                O::run(&shared.channel, &call, request).await
            }))
        };
        let outcome = match tokio::time::timeout(call.remaining(), operation).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panic),
            Err(_) => Err(self.unfinished(&call, "no answer in time")),
        };
        self.pay(match outcome {
            Ok(response) => match guarded(|| response.encode_to_vec()) {
                Ok(bytes) if bytes.len() <= MESSAGE_BYTES_MAX => (code::OK, bytes),
                Ok(bytes) => {
                    let size = bytes.len();
                    encode_error(&ChannelError::unknown(format!(
                        "the answer has {size} bytes, over the {MESSAGE_BYTES_MAX} that may cross"
                    )))
                }
                Err(panic) => encode_error(&panic),
            },
            Err(error) => encode_error(&error),
        });
    }

    /// An operation that did not come to its end: proven unsent only where the channel says `began`.
    fn unfinished(&self, call: &Call, what: &str) -> ChannelError {
        let nothing_left = call.close();
        if nothing_left && self.shared.says_began {
            ChannelError::retryable(format!("{what}, and nothing was sent"))
        } else {
            ChannelError::unknown(what)
        }
    }

    fn pay(&mut self, (status, bytes): (i32, Vec<u8>)) {
        let Some(call) = self.call.take() else { return };
        call.close();
        // Out of the list first: the host may hand over the next call as soon as this one ends.
        self.shared.open().remove(&self.call_id);
        if self.shared.host.complete(self.call_id, status, &bytes) != code::OK {
            let line = format!("call {:#x} ended after nobody waited for it", self.call_id);
            self.shared.host.log(Level::Debug, &line);
        }
        self.shared.one_ended.notify_all();
    }
}

impl<C: ChannelFactory> Drop for Completion<C> {
    fn drop(&mut self) {
        if let Some(call) = self.call.clone() {
            self.pay(encode_error(
                &self.unfinished(&call, "the instance ended before the call"),
            ));
        }
    }
}
