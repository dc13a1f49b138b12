//! The host's table: what a library may ask of the core, per instance.
#![expect(unsafe_code, reason = "these functions are called by foreign code")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_void};
use std::os::fd::IntoRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use prost::Message;
use recoup_channel::Clock;
use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, BLOB_EXTENSION, BlobV1, Bytes, HostV0, MESSAGE_BYTES_MAX, SinkFn, code,
};
use recoup_channel::wire::Inbound;

use crate::calls::{Answer, Calls};
use crate::{BlobSource, LoadSpec, Sink, blob};

const LOG_BYTES_MAX: usize = 16 * 1024;

/// What the functions below see of one instance. Leaked: a library may call late, and must then
/// find a living context with no call in it.
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) calls: Calls,
    pub(crate) clock: Arc<dyn Clock>,
    metrics: Vec<String>,
    secrets: BTreeMap<String, String>,
    blobs: Arc<dyn BlobSource>,
    sink: Arc<dyn Sink>,
    tickets: Arc<AtomicU64>,
    stale: AtomicU64,
}

impl Context {
    /// A context that lives as long as the process.
    pub(crate) fn leak(
        spec: &LoadSpec,
        metrics: &[String],
        tickets: Arc<AtomicU64>,
    ) -> &'static Self {
        static INSTANCES: AtomicU16 = AtomicU16::new(1);
        Box::leak(Box::new(Self {
            name: spec.name.clone(),
            calls: Calls::new(INSTANCES.fetch_add(1, Ordering::Relaxed)),
            clock: spec.clock.clone(),
            metrics: metrics.to_vec(),
            secrets: spec.secrets.clone(),
            blobs: spec.blobs.clone(),
            sink: spec.sink.clone(),
            tickets,
            stale: AtomicU64::new(0),
        }))
    }

    /// The table that a library gets for this context.
    pub(crate) fn table(&'static self) -> &'static HostV0 {
        Box::leak(Box::new(HostV0 {
            struct_size: u32::try_from(size_of::<HostV0>()).unwrap_or(u32::MAX),
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            ctx: std::ptr::from_ref(self).cast_mut().cast(),
            complete,
            began,
            event,
            log,
            metric,
            secret,
            now,
            get_extension,
        }))
    }

    /// Completions that found no call.
    pub(crate) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    fn complete(&self, id: u64, status: i32, bytes: &[u8]) -> i32 {
        let fits = bytes.len() <= MESSAGE_BYTES_MAX;
        let answer = if fits {
            Answer::Completed {
                status,
                bytes: bytes.to_vec(),
            }
        } else {
            Answer::TooLarge { bytes: bytes.len() }
        };
        if !self.calls.finish(id, answer) {
            self.stale.fetch_add(1, Ordering::Relaxed);
            return code::STALE;
        }
        if fits { code::OK } else { code::INVALID }
    }

    fn began(&self, id: u64) -> i32 {
        let Some(call) = self.calls.call(id) else {
            return code::STALE;
        };
        match call.began() {
            Ok(()) => code::OK,
            Err(_) => code::REFUSED,
        }
    }

    fn event(&self, bytes: &[u8]) -> u64 {
        let Ok(inbound) = Inbound::decode(bytes) else {
            tracing::warn!(channel = %self.name, "an event that is no Inbound was dropped");
            return 0;
        };
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        if self.sink.event(ticket, inbound) {
            ticket
        } else {
            0
        }
    }

    fn log(&self, level: i32, bytes: &[u8]) {
        let line = String::from_utf8_lossy(&bytes[..bytes.len().min(LOG_BYTES_MAX)]);
        let line = self.without_secrets(line.into_owned());
        let channel = &self.name;
        match level {
            i32::MIN..=0 => tracing::trace!(%channel, "{line}"),
            1 => tracing::debug!(%channel, "{line}"),
            2 => tracing::info!(%channel, "{line}"),
            3 => tracing::warn!(%channel, "{line}"),
            4.. => tracing::error!(%channel, "{line}"),
        }
    }

    /// A secret that slipped into a text does not get on.
    pub(crate) fn without_secrets(&self, mut text: String) -> String {
        for secret in self.secrets.values().filter(|secret| secret.len() >= 4) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        text
    }

    fn open_blob(&self, sha256: &[u8; 32]) -> Result<(i32, u64), i32> {
        match blob::open(&*self.blobs, sha256) {
            Ok((fd, size)) => Ok((fd.into_raw_fd(), size)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(code::NOT_FOUND),
            Err(error) => {
                tracing::error!(channel = %self.name, %error, "an attachment cannot be opened");
                Err(code::REFUSED)
            }
        }
    }
}

/// Runs one host function. Nothing unwinds into the library.
///
/// # Safety
/// `ctx` is the context of a table that [`Context::table`] made.
unsafe fn with<T>(ctx: *mut c_void, otherwise: T, body: impl FnOnce(&Context) -> T) -> T {
    // SAFETY: contexts are leaked, so the reference is good for ever.
    let Some(context) = (unsafe { ctx.cast::<Context>().as_ref() }) else {
        return otherwise;
    };
    catch_unwind(AssertUnwindSafe(|| body(context))).unwrap_or(otherwise)
}

unsafe extern "C" fn complete(ctx: *mut c_void, id: u64, status: i32, bytes: Bytes) -> i32 {
    // SAFETY: the library passes our ctx and lends its bytes for this call.
    unsafe {
        with(ctx, code::PANICKED, |host| {
            host.complete(id, status, bytes.as_slice())
        })
    }
}

unsafe extern "C" fn began(ctx: *mut c_void, id: u64) -> i32 {
    // SAFETY: the library passes our ctx.
    unsafe { with(ctx, code::REFUSED, |host| host.began(id)) }
}

unsafe extern "C" fn event(ctx: *mut c_void, bytes: Bytes) -> u64 {
    // SAFETY: as in `complete`.
    unsafe { with(ctx, 0, |host| host.event(bytes.as_slice())) }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: i32, bytes: Bytes) {
    // SAFETY: as in `complete`.
    unsafe { with(ctx, (), |host| host.log(level, bytes.as_slice())) }
}

unsafe extern "C" fn metric(ctx: *mut c_void, id: u32, value: f64) {
    // SAFETY: the library passes our ctx.
    unsafe {
        with(ctx, (), |host| {
            if let Some(name) = host.metrics.get(id as usize) {
                host.sink.metric(name, value);
            }
        });
    }
}

unsafe extern "C" fn secret(ctx: *mut c_void, name: Bytes, user: *mut c_void, sink: SinkFn) -> i32 {
    // SAFETY: as in `complete`.
    let found = unsafe {
        with(ctx, None, |host| {
            let name = std::str::from_utf8(name.as_slice()).ok()?;
            let found = host.secrets.get(name).cloned();
            if found.is_none() {
                tracing::warn!(channel = %host.name, secret = %name,
                    "the channel asked for a secret that it is not granted");
            }
            found
        })
    };
    let Some(found) = found else {
        return code::NOT_FOUND;
    };
    // SAFETY: the library's sink with the library's argument, during the library's own call.
    unsafe { sink(user, Bytes::of(found.as_bytes())) };
    code::OK
}

unsafe extern "C" fn now(ctx: *mut c_void, wall_unix_ms: *mut i64, mono_ns: *mut u64) {
    // SAFETY: as in `metric`.
    let (wall, mono) = unsafe {
        with(ctx, (0, 0), |host| {
            let wall = if wall_unix_ms.is_null() {
                0
            } else {
                host.clock.wall_unix_ms()
            };
            let mono = if mono_ns.is_null() {
                0
            } else {
                host.clock.mono_ns()
            };
            (wall, mono)
        })
    };
    // SAFETY: each pointer is NULL or a place that the library gives.
    unsafe {
        if let Some(place) = wall_unix_ms.as_mut() {
            *place = wall;
        }
        if let Some(place) = mono_ns.as_mut() {
            *place = mono;
        }
    }
}

static BLOB: BlobV1 = BlobV1 {
    struct_size: size_of::<BlobV1>() as u32,
    open: open_blob,
};

unsafe extern "C" fn get_extension(_ctx: *mut c_void, id: *const c_char) -> *const c_void {
    if id.is_null() {
        return std::ptr::null();
    }
    // SAFETY: the library passes a NUL-terminated id.
    let id = unsafe { CStr::from_ptr(id) };
    if id.to_bytes() == BLOB_EXTENSION.as_bytes() {
        (&raw const BLOB).cast()
    } else {
        std::ptr::null()
    }
}

unsafe extern "C" fn open_blob(ctx: *mut c_void, sha256: *const u8, size: *mut u64) -> i32 {
    // SAFETY: the library gives 32 readable bytes, or NULL.
    let Some(sha256) = (unsafe { sha256.cast::<[u8; 32]>().as_ref() }) else {
        return code::INVALID;
    };
    // SAFETY: the library passes our ctx.
    match unsafe { with(ctx, Err(code::PANICKED), |host| host.open_blob(sha256)) } {
        Ok((fd, bytes)) => {
            // SAFETY: NULL or a place that the library gives.
            if let Some(place) = unsafe { size.as_mut() } {
                *place = bytes;
            }
            fd
        }
        Err(refused) => refused,
    }
}
