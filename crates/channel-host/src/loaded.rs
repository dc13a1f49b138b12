//! A loaded channel: the trait over a library's operations, and what the host does about a bad one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost::Message;
use recoup_channel::abi::{MESSAGE_BYTES_MAX, code, decode_error};
use recoup_channel::wire::{
    CancelRequest, Cancelled, Capabilities, ChannelDescriptor, Health, Inbounds, PollRequest,
    Polled, RawCallback, Receipt, SendRequest, Status, StatusRequest, Valid,
};
use recoup_channel::{Call, Channel, ChannelError};
use tokio::sync::oneshot;

use crate::calls::{Answer, Stage};
use crate::circuit::{Circuit, Standing};
use crate::instance::{Instance, Process};
use crate::method::Method;
use crate::product::Product;
use crate::stage::hex;
use crate::{LoadError, LoadSpec, Placement};

/// How long the end of a killed process may take to be seen.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// A channel library behind the trait, wherever it lives. Dropped, its instance drains and ends.
pub struct LoadedChannel {
    spec: LoadSpec,
    product: Product,
    digest: String,
    circuit: Circuit,
    tickets: Arc<AtomicU64>,
    failures: AtomicU64,
    current: Mutex<Arc<dyn Instance>>,
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
    /// How many failures in a row opened the circuit; `None`: it is closed.
    pub circuit_open_after: Option<u32>,
    /// How often a new instance was made after a panic, a hang or a death.
    pub remade: u64,
    /// Why the last try to make a new instance failed; `None`: it did not.
    pub remaking_failed: Option<String>,
    /// Its process; `None` where it lives inline, or its process is gone.
    pub process: Option<Process>,
}

impl LoadedChannel {
    pub(crate) async fn load(spec: LoadSpec) -> Result<Self, LoadError> {
        let tickets = Arc::new(AtomicU64::new(1));
        let (product, instance) = Product::load(&spec, &tickets).await?;
        Ok(Self {
            digest: hex(&product.sha256),
            circuit: Circuit::new(&spec.limits),
            current: Mutex::new(instance),
            remaking: tokio::sync::Mutex::default(),
            spec,
            product,
            tickets,
            failures: AtomicU64::new(0),
        })
    }

    /// The channel's name in the core's configuration.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What the library says about itself.
    pub fn descriptor(&self) -> &ChannelDescriptor {
        &self.product.descriptor
    }

    /// True where it has a process of its own.
    pub fn is_isolated(&self) -> bool {
        matches!(self.spec.placement, Placement::Isolated(_))
    }

    /// What the library can do.
    pub fn capabilities(&self) -> Capabilities {
        self.product.capabilities()
    }

    /// How many calls it takes at once. What exceeds it waits in the schedule, before its intent.
    pub fn max_in_flight(&self) -> usize {
        self.product.max_in_flight()
    }

    /// SHA-256 of the library's bytes, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The bytes that were loaded, whatever has become of the operator's file since.
    ///
    /// # Errors
    /// Where the private copy cannot be read.
    pub fn bytes(&self) -> std::io::Result<Vec<u8>> {
        self.product.bytes()
    }

    /// How often an instance panicked, hung or ended.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether calls go through. It answers at once.
    pub fn standing(&self) -> Standing {
        self.circuit.standing(self.spec.clock.mono_ns())
    }

    /// What the host knows without asking the library.
    pub async fn state(&self) -> State {
        let instance = self.current();
        let remade = self.remaking.lock().await;
        State {
            in_flight: instance.context().calls.live(),
            stale_completions: instance.context().stale(),
            circuit_open_after: self.circuit.open_after(),
            remade: remade.times,
            remaking_failed: remade.failed.clone(),
            process: instance.process(),
        }
    }

    /// Ends the instance: no new calls, `drain` for those in flight, then `destroy`. False where
    /// the library did not come back from that in time: its thread is left behind then, or its process
    /// ended by force.
    pub async fn shutdown(self, drain: Duration) -> bool {
        let instance = self.current();
        self.end(&*instance, drain).await
    }

    /// Lines that it printed so far, and texts of it that held a secret.
    pub(crate) fn manners(&self) -> (u64, u64) {
        self.current().context().manners()
    }

    async fn end(&self, instance: &dyn Instance, drain: Duration) -> bool {
        let done = instance.retire(drain);
        let patience = drain + self.spec.limits.grace;
        let ended = matches!(tokio::time::timeout(patience, done).await, Ok(Ok(())));
        if !ended {
            instance.kill();
        }
        ended
    }

    fn current(&self) -> Arc<dyn Instance> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The instance to call; a new one where the last is poisoned.
    async fn instance(&self) -> Result<Arc<dyn Instance>, ChannelError> {
        let instance = self.current();
        if !instance.is_poisoned() {
            return Ok(instance);
        }
        let mut remade = self.remaking.lock().await;
        let instance = self.current();
        if !instance.is_poisoned() {
            return Ok(instance);
        }
        match self.product.start(&self.spec, &self.tickets).await {
            Ok(fresh) => {
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
                self.circuit.failed(self.spec.clock.mono_ns());
                Err(ChannelError::retryable(format!(
                    "not sent: no new instance: {error}"
                )))
            }
        }
    }

    /// One call, from its slot to its end.
    async fn call<R: Message + Default>(
        &self,
        method: Method,
        cx: &Call,
        request: &impl Message,
    ) -> Result<R, ChannelError> {
        let bytes = self.call_bytes(method, cx, request.encode_to_vec()).await?;
        R::decode(&*bytes).map_err(|error| {
            let name = method.name();
            ChannelError::unknown(format!("`{name}` answered what nobody can read: {error}"))
        })
    }

    /// As [`call`](Self::call), with the messages as bytes.
    pub(crate) async fn call_bytes(
        &self,
        method: Method,
        cx: &Call,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, ChannelError> {
        if !self.product.methods.hold(method) {
            return Err(ChannelError::unsupported(method.name()));
        }
        if request.len() > MESSAGE_BYTES_MAX {
            return Err(ChannelError::permanent(format!(
                "the request has {} bytes, over the {MESSAGE_BYTES_MAX} that may cross",
                request.len()
            )));
        }
        if !self.circuit.admits(self.spec.clock.mono_ns()) {
            return Err(self.left_alone());
        }
        let mut trial = Trial {
            circuit: &self.circuit,
            settled: false,
        };
        let instance = self.instance().await?;
        if cx.remaining().is_zero() && !cx.timeout().is_zero() {
            return Err(ChannelError::retryable(
                "not sent: the call's time was over before there was an instance for it",
            ));
        }
        let Some((id, answer)) = instance
            .context()
            .calls
            .insert(cx.clone(), self.product.max_in_flight())
        else {
            return Err(ChannelError::rate_limited(
                "not sent: all its calls are in flight",
                None,
            ));
        };
        let waiting = Waiting {
            instance: &*instance,
            id,
            call: cx,
        };
        instance.run(method, id, request);
        let outcome = self.wait(&waiting, cx, answer).await;
        trial.settled = true;
        self.settle(&*instance, outcome.end);
        outcome.result
    }

    fn left_alone(&self) -> ChannelError {
        let left = Duration::from_nanos(self.circuit.waits_ns(self.spec.clock.mono_ns()));
        ChannelError::Retryable {
            message: format!(
                "not sent: channel `{}` failed {} times in a row and is left alone for {} s more",
                self.spec.name,
                self.circuit.open_after().unwrap_or_default(),
                left.as_secs()
            ),
            after: Some(left),
        }
    }

    /// The operations that the library holds.
    pub(crate) fn methods(&self) -> impl Iterator<Item = Method> {
        self.product.methods.all()
    }

    async fn wait(
        &self,
        waiting: &Waiting<'_>,
        cx: &Call,
        mut answer: oneshot::Receiver<Answer>,
    ) -> Outcome {
        let time = tokio::time::sleep(cx.remaining());
        let deadline = tokio::time::sleep(cx.remaining() + self.spec.limits.grace);
        tokio::pin!(time, deadline);
        let (mut told, mut over) = (false, false);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return self.ended(waiting, answer),
                () = &mut time, if !over => {
                    (told, over) = (true, true);
                    // What has not begun by now never does; what has may still say how it ended.
                    waiting.call.close();
                    waiting.instance.abandon(waiting.id);
                }
                () = &mut deadline => return self.overran(waiting, answer).await,
                () = cx.cancel().cancelled(), if !told => {
                    told = true;
                    waiting.instance.abandon(waiting.id);
                }
            }
        }
    }

    fn ended(&self, waiting: &Waiting<'_>, answer: Result<Answer, Gone>) -> Outcome {
        let end = match &answer {
            Ok(Answer::Died { .. }) | Err(_) => End::Failed,
            Ok(_) => End::InTime,
        };
        Outcome {
            end,
            result: self.read(waiting, answer),
        }
    }

    /// Its time and grace are over. A process is ended; what it had let out is known once it is gone.
    async fn overran(&self, waiting: &Waiting<'_>, answer: oneshot::Receiver<Answer>) -> Outcome {
        if !waiting.instance.kill() {
            return waiting.overrun();
        }
        match tokio::time::timeout(LAST_BREATH, answer).await {
            Ok(answer) => Outcome {
                end: End::Failed,
                result: self.read(waiting, answer),
            },
            Err(_) => waiting.overrun(),
        }
    }

    fn read(
        &self,
        waiting: &Waiting<'_>,
        answer: Result<Answer, Gone>,
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
            Ok(Answer::Died { how, stage }) => {
                waiting.died(&how, stage, self.product.capabilities().began)
            }
            Err(_) => ChannelError::unknown("the call was given up"),
        };
        if matches!(error, ChannelError::Panic { .. }) {
            tracing::error!(channel = %self.spec.name, %error, "the channel panicked");
            self.failures.fetch_add(1, Ordering::Relaxed);
            waiting.instance.poison();
        }
        Err(error)
    }

    fn settle(&self, instance: &dyn Instance, end: End) {
        match end {
            End::InTime => self.circuit.ended(),
            // All calls of a process end with it: one failure, and not one for each.
            End::Failed if self.is_isolated() && !instance.context().first_failure() => {}
            End::Failed => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if self.circuit.failed(self.spec.clock.mono_ns()) {
                    tracing::error!(channel = %self.spec.name,
                        "the channel fails again and again and is left alone for a while");
                    instance.poison();
                }
            }
        }
    }
}

/// Nobody answered, and nobody will.
type Gone = oneshot::error::RecvError;

struct Outcome {
    end: End,
    result: Result<Vec<u8>, ChannelError>,
}

/// What a call's end says about the instance.
#[derive(Clone, Copy)]
enum End {
    InTime,
    Failed,
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
    instance: &'a dyn Instance,
    id: u64,
    call: &'a Call,
}

impl Waiting<'_> {
    /// Its time and grace are over: free the slot, let nothing begin any more.
    fn overrun(&self) -> Outcome {
        let begun = !self.call.close();
        match self.instance.context().calls.forget(self.id) {
            Some(Stage::Queued) if !begun => Outcome {
                end: End::Failed,
                result: Err(ChannelError::retryable(
                    "not sent: the channel's thread was busy until the call's time was over",
                )),
            },
            _ => Outcome {
                end: End::Failed,
                result: Err(ChannelError::unknown("the channel did not answer in time")),
            },
        }
    }

    /// Its process is gone. Nothing can leave any more: what it asked the core for before that is all
    /// that may have left, if it is a channel that asks.
    fn died(&self, how: &str, stage: Stage, says_began: bool) -> ChannelError {
        let nothing_begun = self.call.close();
        match stage {
            Stage::Queued if nothing_begun => {
                ChannelError::retryable(format!("not sent: it waited for the channel, and {how}"))
            }
            Stage::Handed if nothing_begun && says_began => {
                ChannelError::retryable(format!("not sent: nothing had begun, and {how}"))
            }
            _ => ChannelError::unknown(how),
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
        if self.instance.context().calls.forget(self.id).is_some() {
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
            .field("id", &self.product.descriptor.id)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Channel for LoadedChannel {
    async fn send(&self, cx: &Call, request: SendRequest) -> Result<Receipt, ChannelError> {
        self.call(Method::Send, cx, &request).await
    }

    async fn status(&self, cx: &Call, request: StatusRequest) -> Result<Status, ChannelError> {
        self.call(Method::Status, cx, &request).await
    }

    async fn cancel(&self, cx: &Call, request: CancelRequest) -> Result<Cancelled, ChannelError> {
        self.call(Method::Cancel, cx, &request).await
    }

    async fn health(&self, cx: &Call) -> Health {
        match self.call(Method::Health, cx, &()).await {
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
        self.call(Method::ParseCallback, cx, &callback).await
    }

    async fn poll(&self, cx: &Call, request: PollRequest) -> Result<Polled, ChannelError> {
        self.call(Method::Poll, cx, &request).await
    }

    async fn validate(&self, cx: &Call, request: SendRequest) -> Result<Valid, ChannelError> {
        self.call(Method::Validate, cx, &request).await
    }

    fn event_acked(&self, ticket: u64) {
        self.current().event_ack(ticket);
    }

    async fn drain(&self, timeout: Duration) {
        let done = self.current().retire(timeout);
        let _ = tokio::time::timeout(timeout + self.spec.limits.grace, done).await;
    }
}
