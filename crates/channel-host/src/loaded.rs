//! A loaded channel: the trait over a library's table, and what the host does about a bad one.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost::Message;
use recoup_channel::abi::{MESSAGE_BYTES_MAX, OpFn, code, decode_error};
use recoup_channel::wire::{
    CancelRequest, Cancelled, Capabilities, ChannelDescriptor, Health, Inbounds, PollRequest,
    Polled, RawCallback, Receipt, SendRequest, Status, StatusRequest, Valid,
};
use recoup_channel::{Call, Channel, ChannelError};
use tokio::sync::oneshot;

use crate::callbacks::Context;
use crate::calls::{Answer, Stage};
use crate::circuit::Circuit;
use crate::instance::{Instance, on_big_stack};
use crate::library::Library;
use crate::stage::hex;
use crate::{LoadError, LoadSpec};

/// A channel library in this process, behind the trait. Dropped, its instance drains and ends; the
/// library stays mapped.
pub struct LoadedChannel {
    spec: LoadSpec,
    library: Library,
    digest: String,
    circuit: Circuit,
    tickets: Arc<AtomicU64>,
    current: Mutex<Arc<Instance>>,
    /// Held while a new instance is made, so that one is made and not two.
    remaking: tokio::sync::Mutex<Remade>,
}

#[derive(Debug, Default)]
struct Remade {
    times: u64,
    failed: Option<String>,
}

/// What the host knows of a loaded channel, without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Calls in flight.
    pub in_flight: usize,
    /// Completions that found no call: late, or double.
    pub stale_completions: u64,
    /// How many overruns in a row opened the circuit; `None`: it is closed.
    pub circuit_open_after: Option<u32>,
    /// How often a new instance was made after a panic or a hang.
    pub remade: u64,
    /// Why the last try to make a new instance failed; `None`: it did not.
    pub remaking_failed: Option<String>,
}

/// An operation of the table, by name.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) function: Option<OpFn>,
}

impl LoadedChannel {
    pub(crate) async fn load(spec: LoadSpec) -> Result<Self, LoadError> {
        let library = open_library(&spec).await?;
        let tickets = Arc::new(AtomicU64::new(1));
        let instance = start(&spec, &library, &tickets).await?;
        Ok(Self {
            digest: hex(&library.sha256),
            circuit: Circuit::new(&spec.limits),
            current: Mutex::new(Arc::new(instance)),
            remaking: tokio::sync::Mutex::default(),
            spec,
            library,
            tickets,
        })
    }

    /// The channel's name in the core's configuration.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the library says about itself.
    pub fn descriptor(&self) -> &ChannelDescriptor {
        &self.library.descriptor
    }

    /// What the library can do.
    pub fn capabilities(&self) -> Capabilities {
        self.library.capabilities()
    }

    /// How many calls it takes at once. What exceeds it waits in the schedule, before its intent.
    pub fn max_in_flight(&self) -> usize {
        self.library.max_in_flight()
    }

    /// SHA-256 of the library's bytes, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the host knows without asking the library.
    pub async fn state(&self) -> State {
        let instance = self.current();
        let remade = self.remaking.lock().await;
        State {
            in_flight: instance.context.calls.live(),
            stale_completions: instance.context.stale(),
            circuit_open_after: self.circuit.open_after(),
            remade: remade.times,
            remaking_failed: remade.failed.clone(),
        }
    }

    /// Ends the instance: no new calls, `drain` for those in flight, then `destroy`. False where
    /// the library did not come back from that in time; its thread is left behind then.
    pub async fn shutdown(self, drain: Duration) -> bool {
        let done = self.current().retire(drain);
        let patience = drain + self.spec.limits.grace;
        matches!(tokio::time::timeout(patience, done).await, Ok(Ok(())))
    }

    /// Makes a further instance of the same library and ends it; false where `destroy` hangs.
    pub(crate) async fn live_and_die(&self, drain: Duration) -> Result<bool, LoadError> {
        let instance = start(&self.spec, &self.library, &self.tickets).await?;
        let done = instance.retire(drain);
        let patience = drain + self.spec.limits.grace;
        Ok(matches!(
            tokio::time::timeout(patience, done).await,
            Ok(Ok(()))
        ))
    }

    fn current(&self) -> Arc<Instance> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The instance to call; a new one where the last is poisoned.
    async fn instance(&self) -> Result<Arc<Instance>, ChannelError> {
        let instance = self.current();
        if !instance.is_poisoned() {
            return Ok(instance);
        }
        let mut remade = self.remaking.lock().await;
        let instance = self.current();
        if !instance.is_poisoned() {
            return Ok(instance);
        }
        match start(&self.spec, &self.library, &self.tickets).await {
            Ok(fresh) => {
                let fresh = Arc::new(fresh);
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
                *remade = Remade {
                    times: remade.times + 1,
                    failed: None,
                };
                tracing::warn!(channel = %self.spec.name, "the channel has a new instance");
                // Not awaited: what is still in flight on the old one may take its time.
                drop(instance.retire(self.spec.limits.drain_timeout));
                Ok(fresh)
            }
            Err(error) => {
                remade.failed = Some(error.to_string());
                Err(ChannelError::retryable(format!(
                    "not sent: no new instance: {error}"
                )))
            }
        }
    }

    /// One call over the table, from its slot to its end.
    async fn call<R: Message + Default>(
        &self,
        operation: Operation,
        cx: &Call,
        request: &impl Message,
    ) -> Result<R, ChannelError> {
        let name = operation.name;
        let bytes = self
            .call_bytes(operation, cx, request.encode_to_vec())
            .await?;
        R::decode(&*bytes).map_err(|error| {
            ChannelError::unknown(format!("`{name}` answered what nobody can read: {error}"))
        })
    }

    /// As [`call`](Self::call), with the messages as bytes.
    pub(crate) async fn call_bytes(
        &self,
        operation: Operation,
        cx: &Call,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, ChannelError> {
        let Some(function) = operation.function else {
            return Err(ChannelError::unsupported(operation.name));
        };
        if request.len() > MESSAGE_BYTES_MAX {
            return Err(ChannelError::permanent(format!(
                "the request has {} bytes, over the {MESSAGE_BYTES_MAX} that may cross",
                request.len()
            )));
        }
        if !self.circuit.admits(self.spec.clock.mono_ns()) {
            return Err(ChannelError::retryable(format!(
                "not sent: channel `{}` overran its last {} calls and is left alone for {} s",
                self.spec.name,
                self.circuit.open_after().unwrap_or_default(),
                self.spec.limits.open_for.as_secs()
            )));
        }
        let mut trial = Trial {
            circuit: &self.circuit,
            settled: false,
        };
        let instance = self.instance().await?;
        let Some((id, answer)) = instance
            .context
            .calls
            .insert(cx.clone(), self.library.max_in_flight())
        else {
            return Err(ChannelError::rate_limited(
                "not sent: all its calls are in flight",
                None,
            ));
        };
        let waiting = Waiting {
            instance: &instance,
            id,
            call: cx,
        };
        instance.run(function, id, request);
        let outcome = self.wait(&waiting, cx, answer).await;
        trial.settled = true;
        self.settle(&instance, outcome.in_time);
        outcome.result
    }

    /// The operations that the table holds.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation> {
        let table = &self.library.table;
        let all = [
            ("send", table.send),
            ("status", table.status),
            ("cancel", table.cancel),
            ("health", table.health),
            ("parse_callback", table.parse_callback),
            ("poll", table.poll),
            ("validate", table.validate),
        ];
        let held = all.into_iter().filter(|(_, function)| function.is_some());
        held.map(|(name, function)| Operation { name, function })
    }

    async fn wait(
        &self,
        waiting: &Waiting<'_>,
        cx: &Call,
        mut answer: oneshot::Receiver<Answer>,
    ) -> Outcome {
        let deadline = tokio::time::sleep(cx.remaining() + self.spec.limits.grace);
        tokio::pin!(deadline);
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => {
                    return Outcome { in_time: true, result: self.read(waiting, answer) };
                }
                () = &mut deadline => return waiting.overrun(),
                () = cx.cancel().cancelled(), if !told => {
                    told = true;
                    waiting.instance.abandon(waiting.id);
                }
            }
        }
    }

    fn read(
        &self,
        waiting: &Waiting<'_>,
        answer: Result<Answer, oneshot::error::RecvError>,
    ) -> Result<Vec<u8>, ChannelError> {
        let error = match answer {
            Ok(Answer::Completed {
                status: code::OK,
                bytes,
            }) => return Ok(bytes),
            Ok(Answer::Completed { status, bytes }) => decode_error(status, &bytes),
            Ok(Answer::TooLarge { bytes }) => {
                ChannelError::unknown(format!("the channel answered with {bytes} bytes"))
            }
            Ok(Answer::NotTaken(status)) => waiting.not_taken(status),
            Err(_) => ChannelError::unknown("the call was given up"),
        };
        if matches!(error, ChannelError::Panic { .. }) {
            tracing::error!(channel = %self.spec.name, %error, "the channel panicked");
            waiting.instance.poison();
        }
        Err(error)
    }

    fn settle(&self, instance: &Instance, in_time: bool) {
        if in_time {
            self.circuit.ended();
        } else if self.circuit.overran(self.spec.clock.mono_ns()) {
            tracing::error!(channel = %self.spec.name, "the channel hangs and is left alone for a while");
            instance.poison();
        }
    }
}

struct Outcome {
    in_time: bool,
    result: Result<Vec<u8>, ChannelError>,
}

/// The circuit's one trial call, given back if the caller goes away before it says anything.
struct Trial<'a> {
    circuit: &'a Circuit,
    settled: bool,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.circuit.given_up();
        }
    }
}

/// A call in its slot. Dropped before its end, it leaves the slot and tells the library.
struct Waiting<'a> {
    instance: &'a Instance,
    id: u64,
    call: &'a Call,
}

impl Waiting<'_> {
    /// Its time and grace are over: free the slot, let nothing begin any more.
    fn overrun(&self) -> Outcome {
        let begun = !self.call.close();
        match self.instance.context.calls.forget(self.id) {
            Some(Stage::Queued) if !begun => Outcome {
                in_time: false,
                result: Err(ChannelError::retryable(
                    "not sent: the channel's thread was busy until the call's time was over",
                )),
            },
            _ => {
                self.instance.abandon(self.id);
                let message = "the channel did not answer in time";
                Outcome {
                    in_time: false,
                    result: Err(ChannelError::unknown(message)),
                }
            }
        }
    }

    fn not_taken(&self, status: i32) -> ChannelError {
        if !self.call.close() {
            return ChannelError::unknown(format!("refused with {status} after it had begun"));
        }
        match status {
            code::BUSY => ChannelError::rate_limited("not sent: the instance is full", None),
            code::INVALID => ChannelError::permanent("the channel cannot read the request"),
            code::PANICKED => ChannelError::Panic {
                message: "the channel panicked before it took the call".to_owned(),
                location: String::new(),
                backtrace: String::new(),
            },
            _ => ChannelError::retryable(format!("not sent: the channel refused it with {status}")),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.instance.context.calls.forget(self.id).is_some() {
            self.call.close();
            self.instance.abandon(self.id);
        }
    }
}

impl Drop for LoadedChannel {
    fn drop(&mut self) {
        drop(self.current().retire(self.spec.limits.drain_timeout));
    }
}

impl fmt::Debug for LoadedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedChannel")
            .field("name", &self.spec.name)
            .field("id", &self.library.descriptor.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

async fn open_library(spec: &LoadSpec) -> Result<Library, LoadError> {
    let (done, wait) = oneshot::channel();
    let for_thread = spec.clone();
    on_big_stack(&spec.name, move || {
        let _ = done.send(Library::open(&for_thread));
    })
    .map_err(|source| LoadError::NoThread {
        name: spec.name.clone(),
        source,
    })?;
    match tokio::time::timeout(spec.limits.create_timeout, wait).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(_)) | Err(_) => Err(hung(spec, "load")),
    }
}

async fn start(
    spec: &LoadSpec,
    library: &Library,
    tickets: &Arc<AtomicU64>,
) -> Result<Instance, LoadError> {
    let context = Context::leak(spec, &library.descriptor.metrics, tickets.clone());
    let drain = spec.limits.drain_timeout;
    let (instance, made) = Instance::start(context, library.table, spec.config_json.clone(), drain)
        .map_err(|source| LoadError::NoThread {
            name: spec.name.clone(),
            source,
        })?;
    match tokio::time::timeout(spec.limits.create_timeout, made).await {
        Ok(Ok(Ok(()))) => Ok(instance),
        Ok(Ok(Err(message))) => Err(LoadError::Refused {
            name: spec.name.clone(),
            path: library.path.clone(),
            message,
        }),
        Ok(Err(_)) | Err(_) => Err(hung(spec, "create an instance")),
    }
}

fn hung(spec: &LoadSpec, step: &'static str) -> LoadError {
    LoadError::Hung {
        name: spec.name.clone(),
        path: spec.path.clone(),
        step,
        seconds: spec.limits.create_timeout.as_secs(),
    }
}

impl Channel for LoadedChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        let operation = Operation {
            name: "send",
            function: self.library.table.send,
        };
        self.call(operation, cx, &request).await
    }

    async fn status(&self, cx: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        let operation = Operation {
            name: "status",
            function: self.library.table.status,
        };
        self.call(operation, cx, &request).await
    }

    async fn cancel(&self, cx: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        let operation = Operation {
            name: "cancel",
            function: self.library.table.cancel,
        };
        self.call(operation, cx, &request).await
    }

    async fn health(&self, cx: &Call) -> Health {
        let operation = Operation {
            name: "health",
            function: self.library.table.health,
        };
        match self.call(operation, cx, &()).await {
            Ok(health) => health,
            Err(ChannelError::Unsupported { .. }) => Health::ok(),
            Err(error) => Health::down(error.to_string()),
        }
    }

    async fn parse_callback(
        &self,
        cx: &Call,
        callback: RawCallback,
    ) -> Result<Inbounds, ChannelError> {
        let function = self.library.table.parse_callback;
        self.call(
            Operation {
                name: "parse_callback",
                function,
            },
            cx,
            &callback,
        )
        .await
    }

    async fn poll(&self, cx: &Call, request: PollRequest) -> Result<Polled, ChannelError> {
        let operation = Operation {
            name: "poll",
            function: self.library.table.poll,
        };
        self.call(operation, cx, &request).await
    }

    async fn validate(&self, cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        let operation = Operation {
            name: "validate",
            function: self.library.table.validate,
        };
        self.call(operation, cx, &request).await
    }

    fn event_acked(&self, ticket: u64) {
        self.current().event_ack(ticket);
    }

    async fn drain(&self, timeout: Duration) {
        let done = self.current().retire(timeout);
        let _ = tokio::time::timeout(timeout + self.spec.limits.grace, done).await;
    }
}
