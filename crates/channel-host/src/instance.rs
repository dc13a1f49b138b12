//! One instance on its own thread: the only place that calls a library's operations.
#![expect(unsafe_code, reason = "the foreign table is called here")]

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use recoup_channel::Call;
use recoup_channel::abi::{Bytes, CallV0, ChannelV0, OpFn, STACK_BYTES, code};
use tokio::sync::oneshot;

use crate::callbacks::Context;
use crate::calls::Answer;

/// What the instance's thread does next.
enum Job {
    Run {
        operation: OpFn,
        id: u64,
        request: Vec<u8>,
    },
    Abandon {
        id: u64,
    },
    EventAck {
        ticket: u64,
    },
    Retire {
        drain: Duration,
        done: oneshot::Sender<()>,
    },
}

/// A live instance. Dropped without `retire`, its thread drains and destroys it.
pub(crate) struct Instance {
    pub(crate) context: &'static Context,
    jobs: mpsc::Sender<Job>,
    poisoned: AtomicBool,
}

/// Runs `body` on a new thread with a stack for foreign code.
pub(crate) fn on_big_stack(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    // The system keeps 15 bytes of a thread's name.
    thread::Builder::new()
        .name(format!("ch-{name}"))
        .stack_size(STACK_BYTES)
        .spawn(body)
}

impl Instance {
    /// Starts the thread, which makes the instance; the receiver tells how that went.
    pub(crate) fn start(
        context: &'static Context,
        table: ChannelV0,
        config_json: String,
        drain: Duration,
    ) -> io::Result<(Self, oneshot::Receiver<Result<(), String>>)> {
        let (jobs, queue) = mpsc::channel();
        let (made, wait) = oneshot::channel();
        let table = Foreign(table);
        on_big_stack(&context.name, move || {
            let table = table.get();
            match create(context, &table, &config_json) {
                Ok(instance) => {
                    let _ = made.send(Ok(()));
                    serve(context, &table, instance, &queue, drain);
                }
                Err(why) => {
                    let _ = made.send(Err(context.without_secrets(why)));
                }
            }
        })?;
        Ok((
            Self {
                context,
                jobs,
                poisoned: AtomicBool::new(false),
            },
            wait,
        ))
    }

    /// Queues an operation.
    pub(crate) fn run(&self, operation: OpFn, id: u64, request: Vec<u8>) {
        let gone = self
            .jobs
            .send(Job::Run {
                operation,
                id,
                request,
            })
            .is_err();
        if gone {
            self.context
                .calls
                .finish(id, Answer::NotTaken(code::DRAINING));
        }
    }

    /// Tells the library that nobody waits for a call.
    pub(crate) fn abandon(&self, id: u64) {
        let _ = self.jobs.send(Job::Abandon { id });
    }

    /// Tells the library that an event is durable.
    pub(crate) fn event_ack(&self, ticket: u64) {
        let _ = self.jobs.send(Job::EventAck { ticket });
    }

    /// Lets it finish its calls for at most `drain` and ends it; the receiver tells when.
    pub(crate) fn retire(&self, drain: Duration) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        let _ = self.jobs.send(Job::Retire { drain, done });
        wait
    }

    /// It panicked or hangs: the next call gets a new instance.
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::SeqCst)
    }
}

/// A table on its way to the instance's thread.
struct Foreign(ChannelV0);

// SAFETY: functions and static bytes of a library that stays mapped.
unsafe impl Send for Foreign {}

impl Foreign {
    fn get(self) -> ChannelV0 {
        self.0
    }
}

unsafe extern "C" fn collect(user: *mut c_void, bytes: Bytes) {
    // SAFETY: `user` is the Vec that `create` below lends for the duration of its call.
    let text = unsafe { &mut *user.cast::<Vec<u8>>() };
    // SAFETY: the library lends the bytes for this call.
    text.extend_from_slice(unsafe { bytes.as_slice() });
}

fn create(
    context: &'static Context,
    table: &ChannelV0,
    config_json: &str,
) -> Result<*mut c_void, String> {
    let Some(create) = table.create else {
        return Err("it has no `create`".to_owned());
    };
    let mut instance = std::ptr::null_mut();
    let mut why: Vec<u8> = Vec::new();
    // SAFETY: a function of the library's table; all that is lent lives during the call.
    let status = unsafe {
        create(
            context.table(),
            Bytes::of(config_json.as_bytes()),
            &raw mut instance,
            (&raw mut why).cast(),
            Some(collect),
        )
    };
    if status >= 0 && !instance.is_null() {
        return Ok(instance);
    }
    match String::from_utf8_lossy(&why).into_owned() {
        text if text.is_empty() => Err(format!("`create` gave {status} and no reason")),
        text => Err(text),
    }
}

fn serve(
    context: &'static Context,
    table: &ChannelV0,
    instance: *mut c_void,
    queue: &mpsc::Receiver<Job>,
    drain: Duration,
) {
    while let Ok(job) = queue.recv() {
        // SAFETY: functions of the library's table with its own live instance; the bytes live
        // during each call.
        match job {
            Job::Run {
                operation,
                id,
                request,
            } => {
                let Some(call) = context.calls.hand_over(id) else {
                    continue;
                };
                let times = times_of(&call);
                let request = Bytes::of(&request);
                let status = unsafe { operation(instance, id, &raw const times, request) };
                if status < 0 {
                    context.calls.finish(id, Answer::NotTaken(status));
                }
            }
            Job::Abandon { id } => {
                if let Some(abandon) = table.abandon {
                    unsafe { abandon(instance, id) };
                }
            }
            Job::EventAck { ticket } => {
                if let Some(event_ack) = table.event_ack {
                    unsafe { event_ack(instance, ticket) };
                }
            }
            Job::Retire { drain, done } => {
                end(table, instance, drain);
                let _ = done.send(());
                refuse_the_rest(context, queue);
                return;
            }
        }
    }
    end(table, instance, drain);
}

fn refuse_the_rest(context: &Context, queue: &mpsc::Receiver<Job>) {
    for job in queue.try_iter() {
        if let Job::Run { id, .. } = job {
            context.calls.finish(id, Answer::NotTaken(code::DRAINING));
        }
    }
}

fn times_of(call: &Call) -> CallV0 {
    CallV0 {
        struct_size: u32::try_from(size_of::<CallV0>()).unwrap_or(u32::MAX),
        timeout_ms: millis(call.remaining()),
        not_after_unix_ms: call.not_after_unix_ms().unwrap_or(0),
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn end(table: &ChannelV0, instance: *mut c_void, drain_for: Duration) {
    // SAFETY: as in `serve`; the instance is given back once, here.
    unsafe {
        if let Some(drain) = table.drain {
            drain(instance, millis(drain_for));
        }
        if let Some(destroy) = table.destroy {
            destroy(instance);
        }
    }
}
