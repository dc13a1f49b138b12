//! A channel on the bare table that breaks the rules of the ABI as its configuration says.
#![expect(
    unsafe_code,
    reason = "it speaks the C ABI by hand, as a foreign library would"
)]

use std::ffi::c_void;
use std::sync::OnceLock;

use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, Bytes, CallV1, ChannelV1, HostV1, MAGIC, MESSAGE_BYTES_MAX, Sink, code,
};
use recoup_channel::wire::{ChannelDescriptor, ContactClass, Failure, Message, Receipt};

struct Rude {
    host: HostV1,
    mode: String,
}

struct Shared(ChannelV1);
// SAFETY: never written after it is made.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// The library's table.
#[unsafe(no_mangle)]
pub extern "C" fn recoup_channel_entry_v1(_host_minor: u32) -> *const ChannelV1 {
    static TABLE: OnceLock<Shared> = OnceLock::new();
    let descriptor = ChannelDescriptor {
        id: "org.recoup.rude".into(),
        version: "0.0.1".into(),
        kind: "rude".into(),
        contact_class: ContactClass::Sms.into(),
        ..ChannelDescriptor::default()
    };
    let table = TABLE.get_or_init(|| {
        Shared(ChannelV1 {
            magic: MAGIC,
            struct_size: size_of::<ChannelV1>() as u32,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            flags: 0,
            descriptor: Bytes::of(descriptor.encode_to_vec().leak()),
            create: Some(create),
            send: Some(send),
            status: None,
            cancel: None,
            health: None,
            parse_callback: None,
            poll: None,
            validate: None,
            event_ack: None,
            abandon: Some(abandon),
            drain: None,
            destroy: Some(destroy),
            get_extension: None,
        })
    });
    &raw const table.0
}

unsafe extern "C" fn create(
    host: *const HostV1,
    config: Bytes,
    instance: *mut *mut c_void,
    _user: *mut c_void,
    _tell: Sink,
) -> i32 {
    // SAFETY: the host keeps the promises of the ABI.
    unsafe {
        let mode = mode(config.as_slice());
        match mode.as_str() {
            "leak" => drop(Box::leak(std::hint::black_box(Box::new([1u8; 64 * 1024]))).len()),
            "thread" => {
                std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(3_600)));
            }
            "signal" => {
                libc::signal(libc::SIGUSR1, ignore as *const () as libc::sighandler_t);
            }
            _ => {}
        }
        *instance = Box::into_raw(Box::new(Rude { host: *host, mode })).cast();
    }
    code::OK
}

/// What it is told to do: `MODE`, or `{"mode": "MODE"}`.
fn mode(config: &[u8]) -> String {
    let object: Option<serde_json::Value> = serde_json::from_slice(config).ok();
    let mode = object.as_ref().and_then(|object| object["mode"].as_str());
    mode.map_or_else(
        || String::from_utf8_lossy(config).into_owned(),
        str::to_owned,
    )
}

extern "C" fn ignore(_signal: i32) {}

unsafe extern "C" fn send(
    instance: *mut c_void,
    id: u64,
    _call: *const CallV1,
    _request: Bytes,
) -> i32 {
    // SAFETY: the host keeps the promises of the ABI.
    let rude = unsafe { &*instance.cast::<Rude>() };
    let receipt = |name: &str| {
        Receipt {
            provider_ref: name.to_owned(),
            ..Receipt::default()
        }
        .encode_to_vec()
    };
    let complete = |id: u64, status: i32, bytes: &[u8]| {
        // SAFETY: as above.
        unsafe { (rude.host.complete)(rude.host.ctx, id, status, Bytes::of(bytes)) }
    };
    match rude.mode.as_str() {
        "double" => {
            complete(id, code::OK, &receipt("first"));
            complete(id, code::OK, &receipt("second"));
        }
        // They are rude elsewhere.
        "leak" | "thread" | "signal" => {
            let failure = Failure {
                message: "not sent".to_owned(),
                ..Failure::default()
            };
            complete(id, code::RETRYABLE, &failure.encode_to_vec());
        }
        "leak more" => {
            std::mem::forget(std::hint::black_box(vec![1u8; 24 << 20]));
            complete(id, code::OK, &receipt("leaked"));
        }
        "garbage" => {
            complete(id, code::OK, &[0xff; 40]);
        }
        "garbage failure" => {
            complete(id, code::PERMANENT, &[0xff; 40]);
        }
        "no such status" => {
            complete(id, 4711, &[]);
        }
        "too large" => {
            complete(id, code::OK, &vec![0; MESSAGE_BYTES_MAX + 1]);
        }
        "foreign ids" => {
            for guess in [0, u64::MAX, id + 1, id ^ (1 << 40)] {
                assert_eq!(complete(guess, code::OK, &receipt("guess")), code::STALE);
            }
            complete(id, code::OK, &receipt("own"));
        }
        "block" => loop {
            std::thread::sleep(std::time::Duration::from_secs(60));
        },
        "refuse" => return code::BUSY,
        "refuse after began" => {
            // SAFETY: as above.
            unsafe { (rude.host.began)(rude.host.ctx, id) };
            return code::BUSY;
        }
        "after the end" => {
            let host = Late(rude.host);
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(200));
                host.complete(id);
            });
        }
        "abort" => std::process::abort(),
        "segfault" => {
            // SAFETY: none; that is the point.
            unsafe { std::ptr::null_mut::<u8>().wrapping_add(8).write_volatile(1) };
        }
        "exit" => std::process::exit(7),
        "hog" => {
            let mut all = Vec::new();
            loop {
                all.push(std::hint::black_box(vec![1u8; 16 * 1024 * 1024]));
            }
        }
        "fork" => match std::process::Command::new("/bin/true").spawn() {
            Ok(_) => complete_with(&complete, id, "a new process"),
            Err(error) => complete_with(&complete, id, &error.to_string()),
        },
        "write a file" => match std::fs::write("/recoup-was-here", "x") {
            Ok(()) => complete_with(&complete, id, "written"),
            Err(error) => complete_with(&complete, id, &error.to_string()),
        },
        "read the passwords" => match std::fs::read("/etc/passwd") {
            Ok(_) => complete_with(&complete, id, "read"),
            Err(error) => complete_with(&complete, id, &error.to_string()),
        },
        "kill the core" => complete_with(&complete, id, &kill_parent()),
        "print" => {
            println!("printed with s3cret-word in it");
            complete(id, code::OK, &receipt("printed"));
        }
        "environment" => {
            let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            complete_with(&complete, id, &names.join(","));
        }
        "close descriptors" => {
            // SAFETY: none; that is the point.
            for fd in 0..64 {
                drop(unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(fd) });
            }
            loop {
                std::thread::sleep(std::time::Duration::from_secs(60));
            }
        }
        // "late": the completion comes from `abandon`, when its time is over.
        _ => {}
    }
    code::OK
}

/// Ends a call with a text as its reference.
fn complete_with(complete: &dyn Fn(u64, i32, &[u8]) -> i32, id: u64, text: &str) {
    let receipt = Receipt {
        provider_ref: text.to_owned(),
        ..Receipt::default()
    };
    complete(id, code::OK, &receipt.encode_to_vec());
}

/// What the system says to the worst that a library can do to its core.
fn kill_parent() -> String {
    let parent = std::os::unix::process::parent_id().cast_signed();
    let Some(pid) = rustix::process::Pid::from_raw(parent) else {
        return "no parent".to_owned();
    };
    // SIGURG, which does nothing where it comes through.
    match rustix::process::kill_process(pid, rustix::process::Signal::URG) {
        Ok(()) => "a signal to the core".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The host's table on another thread.
struct Late(HostV1);
// SAFETY: each of its functions may be called from any thread.
unsafe impl Send for Late {}

impl Late {
    fn complete(self, id: u64) {
        // SAFETY: the host keeps the promises of the ABI.
        unsafe { (self.0.complete)(self.0.ctx, id, code::OK, Bytes::of(&[])) };
    }
}

/// Tries what is not allowed any more: to begin, and to end, a call that is over.
unsafe extern "C" fn abandon(instance: *mut c_void, id: u64) {
    // SAFETY: the host keeps the promises of the ABI.
    unsafe {
        let rude = &*instance.cast::<Rude>();
        if rude.mode != "late" {
            return;
        }
        let began = (rude.host.began)(rude.host.ctx, id);
        let line = format!("began after the end: {began}");
        (rude.host.log)(rude.host.ctx, 3, Bytes::of(line.as_bytes()));
        (rude.host.complete)(rude.host.ctx, id, code::OK, Bytes::of(&[]));
    }
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    // SAFETY: the pointer comes from `create` and is given back once.
    drop(unsafe { Box::from_raw(instance.cast::<Rude>()) });
}
