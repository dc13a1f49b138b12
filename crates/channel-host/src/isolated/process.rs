//! A channel's process, as the core sees it: its start, its lines and its end.
//!
//! Two threads serve it: one starts it, reads all that comes and notes its end; the other writes to it,
//! so that a process that reads nothing holds nobody up.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prost::Message;
use recoup_channel::abi::{STACK_BYTES, code};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use super::frame::{Frame, Hello, Kind, Lived, Start};
use super::line;
use crate::calls::Answer;
use crate::context::Context;
use crate::foreign::millis;
use crate::instance::{Instance, Process};
use crate::method::{Method, Methods};
use crate::services::Services;
use crate::spec::Isolation;

/// The longest line of the process's error output that is kept whole, in bytes.
const STDERR_LINE_BYTES: usize = 4096;

/// How long a process may leave what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the writing thread does next.
enum Job {
    Run {
        method: Method,
        id: u64,
        request: Vec<u8>,
    },
    Tell(Frame),
    Retire {
        drain: Duration,
        done: oneshot::Sender<()>,
    },
    /// The process is gone.
    Ended,
}

/// How the start of a process went.
pub(crate) enum Started {
    /// It has an instance.
    Made(Found),
    /// The library cannot be loaded; why.
    CannotLoad(String),
    /// The library refuses its configuration; why.
    Refused(String),
    /// The process ended before it had an instance; how.
    Died(String),
    /// What many lives left behind, where that was asked for.
    Lived(Lived),
}

/// What a process found in its library.
pub(crate) struct Found {
    pub(crate) descriptor: Vec<u8>,
    pub(crate) methods: Methods,
    /// Its table says that it may not live in the core's process.
    pub(crate) isolated_only: bool,
}

/// What to start.
pub(crate) struct Order {
    pub(crate) isolation: Isolation,
    pub(crate) path: PathBuf,
    pub(crate) staged: PathBuf,
    pub(crate) config_json: String,
    pub(crate) drain: Duration,
    pub(crate) grace: Duration,
    pub(crate) task: Task,
}

/// What a process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// To serve with one instance.
    Serve,
    /// To tell what the library says of itself.
    Look,
    /// To begin and end so many instances.
    Live(u32),
}

impl Task {
    fn lives(self) -> u32 {
        match self {
            Self::Live(lives) => lives,
            Self::Serve | Self::Look => 0,
        }
    }
}

/// A live instance in a process of its own.
pub(crate) struct Isolated {
    context: Arc<Context>,
    jobs: mpsc::Sender<Job>,
    body: Arc<Body>,
    drain: Duration,
}

/// The process itself, for those who may end it.
#[derive(Default)]
struct Body {
    handle: OnceLock<OwnedFd>,
    process: OnceLock<Process>,
    poisoned: AtomicBool,
    gone: AtomicBool,
    /// Why the core ended it.
    ended_for: Mutex<Option<&'static str>>,
}

impl Body {
    fn kill(&self, why: &'static str) {
        self.poisoned.store(true, Ordering::SeqCst);
        lock(&self.ended_for).get_or_insert(why);
        self.kill_if_meant();
    }

    /// The end may have been wanted before there was a process.
    fn kill_if_meant(&self) {
        let meant = lock(&self.ended_for).is_some();
        if let (true, Some(handle)) = (meant, self.handle.get()) {
            // A process that is gone already needs no signal.
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Isolated {
    /// Starts a process and in it an instance; the receiver tells how that went.
    pub(crate) fn start(
        context: Arc<Context>,
        order: Order,
    ) -> io::Result<(Self, oneshot::Receiver<Started>)> {
        let (work, theirs) = UnixStream::pair()?;
        work.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let (ask, answers) = UnixStream::pair()?;
        let (jobs, queue) = mpsc::channel();
        let (started, wait) = oneshot::channel();
        let body = Arc::new(Body::default());
        let isolated = Self {
            context: Arc::clone(&context),
            jobs: jobs.clone(),
            body: Arc::clone(&body),
            drain: order.drain,
        };
        let (name, grace) = (context.name.clone(), order.grace);
        let writer = Writer {
            context: Arc::clone(&context),
            body: Arc::clone(&body),
            work: work.try_clone()?,
            grace,
        };
        on_thread(&name, "w", move || writer.serve(&queue))?;
        // The system ends the process with the *thread* that started it, so that one stays.
        on_thread(&name, "r", move || {
            let reader = Reader {
                context,
                body,
                work,
                ask,
                jobs,
                started: Some(started),
                found: None,
                stderr: Vec::new(),
            };
            reader.serve(&order, theirs, answers);
        })?;
        Ok((isolated, wait))
    }
}

fn on_thread(
    name: &str,
    end: &str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let name = format!("ch-{end}-{name}");
    thread::Builder::new().name(name).spawn(body)
}

impl Drop for Isolated {
    fn drop(&mut self) {
        drop(self.retire(self.drain));
    }
}

impl Instance for Isolated {
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
        let _ = self.jobs.send(Job::Tell(Frame::of(Kind::Abandon, id)));
    }

    fn event_ack(&self, ticket: u64) {
        let _ = self.jobs.send(Job::Tell(Frame::of(Kind::EventAck, ticket)));
    }

    fn retire(&self, drain: Duration) -> oneshot::Receiver<()> {
        let (done, wait) = oneshot::channel();
        let _ = self.jobs.send(Job::Retire { drain, done });
        wait
    }

    fn poison(&self) {
        self.body.poisoned.store(true, Ordering::SeqCst);
    }

    fn is_poisoned(&self) -> bool {
        self.body.poisoned.load(Ordering::SeqCst)
    }

    fn kill(&self) -> bool {
        self.body
            .kill("it did not answer in time, and the core ended it");
        true
    }

    fn process(&self) -> Option<Process> {
        let process = self.body.process.get().cloned();
        process.filter(|_| !self.body.gone.load(Ordering::SeqCst))
    }
}

/// Writes to the process.
struct Writer {
    context: Arc<Context>,
    body: Arc<Body>,
    work: UnixStream,
    grace: Duration,
}

impl Writer {
    fn serve(mut self, queue: &mpsc::Receiver<Job>) {
        let mut dones = Vec::new();
        let mut until: Option<Instant> = None;
        loop {
            let job = match until {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => queue.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match job {
                Ok(Job::Run { id, .. }) if until.is_some() => self.refuse(id),
                Ok(Job::Run {
                    method,
                    id,
                    request,
                }) => self.hand_over(method, id, request),
                Ok(Job::Tell(frame)) => self.write(&frame),
                Ok(Job::Retire { drain, done }) => {
                    if until.is_none() {
                        let mut frame = Frame::new(Kind::Retire);
                        frame.timeout_ms = millis(drain);
                        self.write(&frame);
                        until = Some(Instant::now() + drain + self.grace);
                    }
                    dones.push(done);
                }
                Ok(Job::Ended) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.body
                        .kill("it did not end in time, and the core ended it");
                    until = Some(Instant::now() + Duration::from_secs(3600));
                }
            }
        }
        for job in queue.try_iter() {
            match job {
                Job::Run { id, .. } => self.refuse(id),
                Job::Retire { done, .. } => dones.push(done),
                Job::Tell(_) | Job::Ended => {}
            }
        }
        for done in dones {
            let _ = done.send(());
        }
    }

    fn refuse(&self, id: u64) {
        let calls = &self.context.calls;
        calls.finish(id, Answer::NotTaken(code::DRAINING));
    }

    fn hand_over(&mut self, method: Method, id: u64, request: Vec<u8>) {
        let Some(call) = self.context.calls.hand_over(id) else {
            return;
        };
        let frame = Frame {
            kind: Kind::Call,
            method: method as u8,
            status: 0,
            timeout_ms: millis(call.remaining()),
            id,
            instant: call.not_after_unix_ms().unwrap_or(0),
            bytes: request,
        };
        self.write(&frame);
    }

    /// A line that is cut is noticed by the reader, who knows what that means for each call.
    fn write(&mut self, frame: &Frame) {
        let written = frame.write_to(&mut self.work).map_err(|error| error.kind());
        if let Err(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) = written {
            self.body
                .kill("it took no calls for a while, and the core ended it");
        }
    }
}

/// Starts the process, reads from it, and notes its end.
struct Reader {
    context: Arc<Context>,
    body: Arc<Body>,
    work: UnixStream,
    ask: UnixStream,
    jobs: mpsc::Sender<Job>,
    started: Option<oneshot::Sender<Started>>,
    found: Option<Found>,
    stderr: Vec<u8>,
}

impl Reader {
    fn serve(mut self, order: &Order, theirs: UnixStream, answers: UnixStream) {
        let how = match self.run(order, theirs, answers) {
            Ok(how) => how,
            Err(error) => format!("it cannot be started: {error}"),
        };
        self.body.poisoned.store(true, Ordering::SeqCst);
        self.body.gone.store(true, Ordering::SeqCst);
        self.tell_start(Started::Died(how.clone()));
        self.context.calls.all_died(&how);
        let _ = self.jobs.send(Job::Ended);
    }

    fn run(
        &mut self,
        order: &Order,
        theirs: UnixStream,
        answers: UnixStream,
    ) -> io::Result<String> {
        let mut child = spawn(&order.isolation, theirs, answers)?;
        let mut stderr = child.stderr.take();
        let pid = Pid::from_child(&child);
        // This thread alone waits for the child, so the id is still its own.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.into());
            }
        };
        let ends = handle.try_clone()?;
        let _ = self.body.handle.set(handle);
        self.body.kill_if_meant();
        let ports = &order.isolation.ports;
        let start = Start {
            name: self.context.name.clone(),
            path: order.path.to_string_lossy().into_owned(),
            staged: order.staged.to_string_lossy().into_owned(),
            config_json: order.config_json.clone(),
            memory_bytes: order.isolation.memory_bytes,
            require_sandbox: order.isolation.require_sandbox,
            lives: order.task.lives(),
            look: order.task == Task::Look,
            ports: ports.iter().flatten().map(|p| u32::from(*p)).collect(),
            keep_to_ports: ports.is_some(),
            ends_forks: order.isolation.ends_forks,
        };
        let started = Frame::new(Kind::Start).with(start.encode_to_vec());
        let mut retired = false;
        // A process that is gone by now is noticed below.
        let _ = started.write_to(&mut self.work);
        let nonsense = self.read_all(&ends, &mut stderr, child.id(), &mut retired);
        if let Err(what) = &nonsense {
            tracing::error!(channel = %self.context.name, "its process spoke nonsense: {what}");
        }
        // It may have closed its lines alone, and go on.
        let _ = pidfd_send_signal(&ends, Signal::KILL);
        let how = self.end_of(&mut child, nonsense.err());
        while stderr.as_ref().is_some_and(has_more) {
            if !stderr.as_mut().is_some_and(|pipe| self.read_stderr(pipe)) {
                break;
            }
        }
        self.flush_stderr();
        if !retired {
            tracing::error!(channel = %self.context.name, "the channel's process is gone: {how}");
        }
        Ok(how)
    }

    /// Until the process is gone, or its line ends, or it speaks nonsense.
    fn read_all(
        &mut self,
        ends: &OwnedFd,
        stderr: &mut Option<ChildStderr>,
        pid: u32,
        retired: &mut bool,
    ) -> Result<(), String> {
        let mut asking = true;
        loop {
            let ready = self
                .ready(ends, stderr.as_ref(), asking)
                .map_err(|e| e.to_string())?;
            if ready.errors && !stderr.as_mut().is_some_and(|pipe| self.read_stderr(pipe)) {
                *stderr = None;
            }
            // Before the work line: what a process asked for before it ended comes first.
            if ready.ask {
                asking = match self.answer() {
                    Ok(()) => true,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return Err(error.to_string());
                    }
                    Err(_) => false,
                };
            }
            if ready.work {
                match Frame::read_from(&mut self.work) {
                    Ok(frame) => self.take(frame, pid, retired)?,
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        return Err(error.to_string());
                    }
                    Err(_) => return Ok(()),
                }
            } else if ready.gone {
                return Ok(());
            }
        }
    }

    fn ready(
        &self,
        ends: &OwnedFd,
        stderr: Option<&ChildStderr>,
        asking: bool,
    ) -> io::Result<Ready> {
        let mut all = vec![
            PollFd::new(&self.work, PollFlags::IN),
            PollFd::new(ends, PollFlags::IN),
        ];
        if asking {
            all.push(PollFd::new(&self.ask, PollFlags::IN));
        }
        if let Some(stderr) = stderr {
            all.push(PollFd::new(stderr, PollFlags::IN));
        }
        loop {
            match poll(&mut all, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let is = |index: usize| all.get(index).is_some_and(|fd| !fd.revents().is_empty());
        let after_asking = 2 + usize::from(asking);
        Ok(Ready {
            work: is(0),
            gone: is(1),
            ask: asking && is(2),
            errors: stderr.is_some() && is(after_asking),
        })
    }

    fn take(&mut self, frame: Frame, pid: u32, retired: &mut bool) -> Result<(), String> {
        let context = &self.context;
        match frame.kind {
            Kind::Hello => {
                let hello = Hello::decode(&*frame.bytes).map_err(|e| e.to_string())?;
                let _ = self.body.process.set(Process {
                    pid,
                    unguarded: hello.unguarded,
                });
                self.found = Some(Found {
                    descriptor: hello.descriptor,
                    methods: Methods::from_bits(hello.methods),
                    isolated_only: hello.isolated_only,
                });
            }
            Kind::Made => {
                let found = self.found.take().ok_or("an instance of no library")?;
                self.tell_start(Started::Made(found));
            }
            Kind::CannotLoad => {
                *retired = true;
                let why = context.without_secrets(text(frame.bytes));
                self.tell_start(Started::CannotLoad(why));
            }
            Kind::Refused => {
                *retired = true;
                let why = context.without_secrets(text(frame.bytes));
                self.tell_start(Started::Refused(why));
            }
            Kind::Lived => {
                *retired = true;
                let lived = Lived::decode(&*frame.bytes).map_err(|e| e.to_string())?;
                self.tell_start(Started::Lived(lived));
            }
            Kind::Completed => {
                context.complete(frame.id, frame.status, &frame.bytes);
            }
            Kind::TooLarge => {
                let bytes = frame.instant.unsigned_abs();
                if !context.calls.finish(frame.id, Answer::TooLarge { bytes }) {
                    context.count_stale();
                }
            }
            Kind::NotTaken => {
                context
                    .calls
                    .finish(frame.id, Answer::NotTaken(frame.status));
            }
            Kind::Stale => context.count_stale(),
            Kind::Log => context.log(frame.status, &frame.bytes),
            Kind::Metric => {
                let id = u32::try_from(frame.id).unwrap_or(u32::MAX);
                context.metric(id, f64::from_le_bytes(frame.instant.to_le_bytes()));
            }
            Kind::Retired => {
                *retired = true;
                if frame.id > 0 {
                    tracing::warn!(channel = %context.name, threads = frame.id,
                        "the channel left threads behind; its process ends with them");
                }
            }
            other => return Err(format!("{other:?} on the work line")),
        }
        Ok(())
    }

    /// Answers one question.
    fn answer(&mut self) -> io::Result<()> {
        let frame = Frame::read_from(&mut self.ask)?;
        let context = &self.context;
        let mut answer = Frame::new(Kind::Answer);
        let mut file = None;
        match frame.kind {
            Kind::Began => answer.status = context.began(frame.id),
            Kind::Now => answer.instant = context.wall_unix_ms(),
            Kind::Secret => match context.secret(&frame.bytes) {
                Some(secret) => answer.bytes = secret,
                None => answer.status = code::NOT_FOUND,
            },
            Kind::Event => answer.id = context.event(&frame.bytes),
            Kind::Blob => match <&[u8; 32]>::try_from(&*frame.bytes) {
                Err(_) => answer.status = code::INVALID,
                Ok(sha256) => match context.open_blob(sha256) {
                    Ok((opened, size)) => {
                        answer.id = size;
                        file = Some(opened);
                    }
                    Err(refused) => answer.status = refused,
                },
            },
            other => {
                let what = format!("{other:?} on the ask line");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        line::send(&mut self.ask, &answer, file.as_ref().map(AsFd::as_fd))
    }

    fn tell_start(&mut self, how: Started) {
        if let Some(started) = self.started.take() {
            let _ = started.send(how);
        }
    }

    fn end_of(&self, child: &mut Child, nonsense: Option<String>) -> String {
        let status = child.wait();
        let ended_for = *lock(&self.body.ended_for);
        match (ended_for, nonsense, status) {
            (Some(why), ..) => why.to_owned(),
            (None, Some(what), _) => format!("it spoke nonsense ({what}), and the core ended it"),
            (None, None, Ok(status)) => format!("its process ended ({status})"),
            (None, None, Err(error)) => format!("its process ended ({error})"),
        }
    }

    /// What the process writes to its error output, line by line. False at its end.
    fn read_stderr(&mut self, stderr: &mut ChildStderr) -> bool {
        let mut bytes = [0; STDERR_LINE_BYTES];
        match stderr.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                for part in bytes[..count].split_inclusive(|byte| *byte == b'\n') {
                    self.stderr.extend_from_slice(part);
                    if part.ends_with(b"\n") || self.stderr.len() >= STDERR_LINE_BYTES {
                        self.flush_stderr();
                    }
                }
                true
            }
            Err(error) => {
                matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                )
            }
        }
    }

    fn flush_stderr(&mut self) {
        let line = std::mem::take(&mut self.stderr);
        let line = self.context.without_secrets(text(line));
        let line = line.trim_end();
        if !line.is_empty() {
            self.context.count_printed();
            tracing::warn!(channel = %self.context.name, "its process printed: {line}");
        }
    }
}

/// What can be read now.
struct Ready {
    work: bool,
    gone: bool,
    ask: bool,
    errors: bool,
}

fn has_more(stderr: &ChildStderr) -> bool {
    let mut one = [PollFd::new(stderr, PollFlags::IN)];
    let now = rustix::event::Timespec::default();
    poll(&mut one, Some(&now)).is_ok_and(|ready| ready > 0)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The same program once more, with nothing of this process but the two lines.
fn spawn(isolation: &Isolation, work: UnixStream, ask: UnixStream) -> io::Result<Child> {
    Command::new(&isolation.program)
        .arg0("recoup")
        .args(&isolation.arguments)
        .env_clear()
        .env("RUST_MIN_STACK", STACK_BYTES.to_string())
        .stdin(Stdio::from(OwnedFd::from(work)))
        .stdout(Stdio::from(OwnedFd::from(ask)))
        .stderr(Stdio::piped())
        .spawn()
}
