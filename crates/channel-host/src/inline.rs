//! An instance in the core's own process, on its own thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use recoup_channel::abi::code;
use tokio::sync::oneshot;

use crate::calls::Answer;
use crate::context::Context;
use crate::foreign::Foreign;
use crate::instance::{Instance, Process, on_big_stack};
use crate::library::Library;
use crate::method::Method;
use crate::services;

/// What the instance's thread does next.
enum Job {
    Run {
        method: Method,
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

/// A live instance in this process.
pub(crate) struct Inline {
    context: Arc<Context>,
    jobs: mpsc::Sender<Job>,
    poisoned: AtomicBool,
}

impl Inline {
    /// Starts the thread, which makes the instance; the receiver tells how that went.
    pub(crate) fn start(
        context: Arc<Context>,
        library: &Library,
        config_json: String,
        drain: Duration,
    ) -> io::Result<(Self, oneshot::Receiver<Result<(), String>>)> {
        let (jobs, queue) = mpsc::channel();
        let (made, wait) = oneshot::channel();
        let library = library.clone();
        let own = Arc::clone(&context);
        on_big_stack(&context.name, move || {
            let host = services::table(own.clone());
            match Foreign::create(library.table(), host, &config_json) {
                Ok(instance) => {
                    let _ = made.send(Ok(()));
                    serve(&own, instance, &queue, drain);
                }
                Err(why) => {
                    let _ = made.send(Err(own.without_secrets(why)));
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
}

impl Instance for Inline {
    fn context(&self) -> &Context {
        &self.context
    }

    fn run(&self, method: Method, id: u64, request: Vec<u8>) {
        let job = Job::Run {
            method,
            id,
            request,
        };
        if self.jobs.send(job).is_err() {
            let calls = &self.context.calls;
            calls.finish(id, Answer::NotTaken(code::DRAINING));
        }
    }

    fn abandon(&self, id: u64) {
        let _ = self.jobs.send(Job::Abandon { id });
    }

    fn event_ack(&self, ticket: u64) {
        let _ = self.jobs.send(Job::EventAck { ticket });
    }

    fn retire(&self, drain: Duration) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        let _ = self.jobs.send(Job::Retire { drain, done });
        wait
    }

    fn poison(&self) {
        self.poisoned.store(true, Ordering::SeqCst);
    }

    fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::SeqCst)
    }

    /// A thread cannot be ended: it is left behind.
    fn kill(&self) -> bool {
        false
    }

    fn process(&self) -> Option<Process> {
        None
    }
}

fn serve(context: &Context, instance: Foreign, queue: &mpsc::Receiver<Job>, drain: Duration) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Run {
                method,
                id,
                request,
            } => {
                let Some(call) = context.calls.hand_over(id) else {
                    continue;
                };
                let (left, not_after) = (call.remaining(), call.not_after_unix_ms());
                let status = instance.call(method, id, left, not_after, &request);
                if status < 0 {
                    context.calls.finish(id, Answer::NotTaken(status));
                }
            }
            Job::Abandon { id } => instance.abandon(id),
            Job::EventAck { ticket } => instance.event_ack(ticket),
            Job::Retire { drain, done } => {
                instance.end(drain);
                let _ = done.send(());
                refuse_the_rest(context, queue);
                return;
            }
        }
    }
    instance.end(drain);
}

fn refuse_the_rest(context: &Context, queue: &mpsc::Receiver<Job>) {
    for job in queue.try_iter() {
        if let Job::Run { id, .. } = job {
            context.calls.finish(id, Answer::NotTaken(code::DRAINING));
        }
    }
}
