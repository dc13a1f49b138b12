//! The life of a channel's process.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prost::Message;
use recoup_channel::abi::{HostV1, MESSAGE_BYTES_MAX, code};

use super::frame::{Frame, Hello, Kind, Lived, Start};
use super::sandbox::Fence;
use super::{line, sandbox};
use crate::foreign::Foreign;
use crate::instance::on_big_stack;
use crate::library::{self, Library};
use crate::method::Method;
use crate::services::{self, Services};

/// Serves one channel to the core that started this process, over the lines in its standard input and
/// output. It returns when the channel is over.
///
/// It must be the first thing that a process does: the fence that it puts up holds for threads that are
/// started later.
pub fn serve() -> ExitCode {
    match lines().and_then(|(work, ask)| live(work, ask)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            // The core is gone, and nobody is left to tell.
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("a channel's process cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the two lines away from standard input and output, which a library may write to.
fn lines() -> io::Result<(UnixStream, UnixStream)> {
    let work: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let ask: OwnedFd = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    let (work, ask) = (UnixStream::from(work), UnixStream::from(ask));
    if let Err(error) = work.peer_addr().and_then(|_| ask.peer_addr()) {
        return Err(io::Error::other(format!(
            "it is started by `recoup serve`, with lines to it, and not by hand ({error})"
        )));
    }
    Ok((work, ask))
}

fn live(mut work: UnixStream, ask: UnixStream) -> io::Result<()> {
    sandbox::end_with_the_core().map_err(io::Error::other)?;
    std::env::set_current_dir("/")?;
    let start = Frame::read_from(&mut work)?;
    if start.kind != Kind::Start {
        return Err(io::Error::other("the core did not say what to start"));
    }
    let start = Start::decode(&*start.bytes).map_err(io::Error::other)?;
    let unguarded = sandbox::enter(&Fence {
        staged: Path::new(&start.staged),
        memory_bytes: start.memory_bytes,
        ports: start.keep_to_ports.then_some(&*start.ports),
        ends_forks: start.ends_forks,
    });
    let host = Arc::new(Remote {
        work: Mutex::new(work.try_clone()?),
        ask: Mutex::new(ask),
        open: Mutex::default(),
        origin: Instant::now(),
    });
    if start.require_sandbox && !unguarded.is_empty() {
        let why = format!(
            "channel `{}`: this system does not give the whole sandbox, which `require_sandbox` \
             asks for: {}",
            start.name,
            unguarded.join("; ")
        );
        return host.tell(&Frame::new(Kind::CannotLoad).with(why));
    }
    let name = start.name.clone();
    let serving = on_big_stack(&name, move || run(&start, unguarded, &host, &mut work))?;
    match serving.join() {
        Ok(ended) => ended,
        Err(_) => Err(io::Error::other("its thread panicked")),
    }
}

fn run(
    start: &Start,
    unguarded: Vec<String>,
    host: &Arc<Remote>,
    work: &mut UnixStream,
) -> io::Result<()> {
    let file = library::File {
        name: &start.name,
        path: Path::new(&start.path),
        staged: Path::new(&start.staged),
    };
    let signals = status_of("SigCgt:", 16);
    let library = match Library::open(&file) {
        Ok(library) => library,
        Err(why) => return host.tell(&Frame::new(Kind::CannotLoad).with(why.to_string())),
    };
    let hello = Hello {
        descriptor: library.descriptor.to_vec(),
        methods: library.methods().bits(),
        unguarded,
        isolated_only: library.isolated_only(),
    };
    host.tell(&Frame::new(Kind::Hello).with(hello.encode_to_vec()))?;
    if start.look {
        host.tell(&Frame::new(Kind::Made))?;
        return host.tell(&Frame::of(Kind::Retired, 0));
    }
    let threads = threads();
    let table = services::table(Arc::clone(host) as Arc<dyn Services>);
    if start.lives > 0 {
        return live_often(start, &library, table, host, signals);
    }
    let instance = match Foreign::create(library.table(), table, &start.config_json) {
        Ok(instance) => instance,
        Err(why) => return host.tell(&Frame::new(Kind::Refused).with(why)),
    };
    host.tell(&Frame::new(Kind::Made))?;
    let drain = obey(&instance, host, work)?;
    instance.end(drain);
    host.tell(&Frame::of(Kind::Retired, left_over(threads)))
}

/// Makes many instances one after the other, for the kit.
fn live_often(
    start: &Start,
    library: &Library,
    table: &'static HostV1,
    host: &Remote,
    signals: u64,
) -> io::Result<()> {
    let before = threads();
    let mut lived = Lived::default();
    for life in 1..=start.lives {
        match Foreign::create(library.table(), table, &start.config_json) {
            Ok(instance) => instance.end(Duration::ZERO),
            Err(why) => return host.tell(&Frame::new(Kind::Refused).with(why)),
        }
        lived.lives = life;
        if life == start.lives.div_ceil(10) {
            lived.memory_early = status_of("VmRSS:", 10) * 1024;
        }
    }
    lived.memory_late = status_of("VmRSS:", 10) * 1024;
    lived.threads_left = left_over(before);
    lived.signals = status_of("SigCgt:", 16) & !signals;
    host.tell(&Frame::new(Kind::Lived).with(lived.encode_to_vec()))
}

/// A number of /proc/self/status; 0 where there is none.
fn status_of(name: &str, radix: u32) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| u64::from_str_radix(number, radix).ok())
        .unwrap_or(0)
}

/// Does what the core says, until it says that the channel is over; the time for its end.
fn obey(instance: &Foreign, host: &Remote, work: &mut UnixStream) -> io::Result<Duration> {
    loop {
        let frame = Frame::read_from(work)?;
        match frame.kind {
            Kind::Call => call(instance, host, &frame)?,
            Kind::Abandon => instance.abandon(frame.id),
            Kind::EventAck => instance.event_ack(frame.id),
            Kind::Retire => return Ok(Duration::from_millis(u64::from(frame.timeout_ms))),
            other => {
                let what = format!("the core said {other:?} to a channel");
                return Err(io::Error::other(what));
            }
        }
    }
}

fn call(instance: &Foreign, host: &Remote, frame: &Frame) -> io::Result<()> {
    let Some(method) = Method::numbered(frame.method) else {
        return host.tell(&Frame::of(Kind::NotTaken, frame.id).status(code::NOT_FOUND));
    };
    host.open().insert(frame.id);
    let timeout = Duration::from_millis(u64::from(frame.timeout_ms));
    let not_after = (frame.instant != 0).then_some(frame.instant);
    let status = instance.call(method, frame.id, timeout, not_after, &frame.bytes);
    if status < 0 && host.open().remove(&frame.id) {
        return host.tell(&Frame::of(Kind::NotTaken, frame.id).status(status));
    }
    Ok(())
}

/// Threads beyond so many. One that was joined is gone from the system's list a moment later.
fn left_over(before: u64) -> u64 {
    let mut left = threads().saturating_sub(before);
    for _ in 0..20 {
        if left == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        left = threads().saturating_sub(before);
    }
    left
}

fn threads() -> u64 {
    std::fs::read_dir("/proc/self/task").map_or(0, |all| all.count() as u64)
}

/// The core at the other end of the lines.
struct Remote {
    work: Mutex<UnixStream>,
    ask: Mutex<UnixStream>,
    open: Mutex<HashSet<u64>>,
    origin: Instant,
}

impl Remote {
    fn tell(&self, frame: &Frame) -> io::Result<()> {
        frame.write_to(&mut *lock(&self.work))
    }

    /// Asks and waits. An error: the core is gone.
    fn ask(&self, frame: &Frame) -> io::Result<(Frame, Option<OwnedFd>)> {
        let mut line = lock(&self.ask);
        frame.write_to(&mut *line)?;
        line::receive(&mut line)
    }

    fn open(&self) -> MutexGuard<'_, HashSet<u64>> {
        lock(&self.open)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Services for Remote {
    fn complete(&self, id: u64, status: i32, bytes: &[u8]) -> i32 {
        if !self.open().remove(&id) {
            let _ = self.tell(&Frame::of(Kind::Stale, id));
            return code::STALE;
        }
        let fits = bytes.len() <= MESSAGE_BYTES_MAX;
        let frame = if fits {
            Frame::of(Kind::Completed, id).status(status).with(bytes)
        } else {
            let mut frame = Frame::of(Kind::TooLarge, id);
            frame.instant = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            frame
        };
        match self.tell(&frame) {
            Ok(()) if fits => code::OK,
            Ok(()) => code::INVALID,
            Err(_) => code::STALE,
        }
    }

    fn began(&self, id: u64) -> i32 {
        if !self.open().contains(&id) {
            return code::STALE;
        }
        let answer = self.ask(&Frame::of(Kind::Began, id));
        answer.map_or(code::REFUSED, |(answer, _)| answer.status)
    }

    fn event(&self, bytes: &[u8]) -> u64 {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return 0;
        }
        let answer = self.ask(&Frame::new(Kind::Event).with(bytes));
        answer.map_or(0, |(answer, _)| answer.id)
    }

    fn log(&self, level: i32, line: &[u8]) {
        let line = &line[..line.len().min(crate::context::LOG_BYTES_MAX)];
        let _ = self.tell(&Frame::new(Kind::Log).status(level).with(line));
    }

    fn metric(&self, id: u32, value: f64) {
        let mut frame = Frame::of(Kind::Metric, u64::from(id));
        frame.instant = i64::from_le_bytes(value.to_le_bytes());
        let _ = self.tell(&frame);
    }

    fn secret(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let (answer, _) = self.ask(&Frame::new(Kind::Secret).with(name)).ok()?;
        (answer.status == code::OK).then_some(answer.bytes)
    }

    /// The core's clock. Without the core it is never early enough to send.
    fn wall_unix_ms(&self) -> i64 {
        let answer = self.ask(&Frame::new(Kind::Now));
        answer.map_or(i64::MAX, |(answer, _)| answer.instant)
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn open_blob(&self, sha256: &[u8; 32]) -> Result<(OwnedFd, u64), i32> {
        let asked = Frame::new(Kind::Blob).with(sha256.as_slice());
        let (answer, file) = self.ask(&asked).map_err(|_| code::REFUSED)?;
        match file {
            Some(file) if answer.status == code::OK => Ok((file, answer.id)),
            _ if answer.status < 0 => Err(answer.status),
            _ => Err(code::REFUSED),
        }
    }
}
