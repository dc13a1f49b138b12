//! What a library may ask of its host, and the C table through which it asks.
#![expect(unsafe_code, reason = "these functions are called by foreign code")]

use std::ffi::{CStr, c_char, c_void};
use std::os::fd::{IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, BLOB_EXTENSION, BlobV1, Bytes, HostV1, Sink, code,
};

/// A host's side of the table: the core itself for an inline library, the lines to the core for an
/// isolated one.
pub(crate) trait Services: Send + Sync + 'static {
    /// Ends a call; see `HostV1::complete`.
    fn complete(&self, id: u64, status: i32, bytes: &[u8]) -> i32;
    /// Before the first outside byte; less than 0: nothing may be sent.
    fn began(&self, id: u64) -> i32;
    /// An `Inbound`: its ticket, or 0.
    fn event(&self, bytes: &[u8]) -> u64;
    /// A line of the library's log.
    fn log(&self, level: i32, line: &[u8]);
    /// A metric by its place in the descriptor.
    fn metric(&self, id: u32, value: f64);
    /// A secret that the channel is granted.
    fn secret(&self, name: &[u8]) -> Option<Vec<u8>>;
    /// The core's wall clock, in Unix milliseconds.
    fn wall_unix_ms(&self) -> i64;
    /// A clock that only grows, in nanoseconds.
    fn mono_ns(&self) -> u64;
    /// An attachment by its hash: a descriptor, and its size in bytes; or the code of a refusal.
    fn open_blob(&self, sha256: &[u8; 32]) -> Result<(OwnedFd, u64), i32>;
}

/// What `ctx` points to. Leaked: a library may call late, and must then find a living host with no
/// call in it.
type Seat = Arc<dyn Services>;

/// A table for one instance. It lives as long as the process.
pub(crate) fn table(services: Seat) -> &'static HostV1 {
    let seat: &'static Seat = Box::leak(Box::new(services));
    Box::leak(Box::new(HostV1 {
        struct_size: u32::try_from(size_of::<HostV1>()).unwrap_or(u32::MAX),
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        ctx: std::ptr::from_ref(seat).cast_mut().cast(),
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

/// Runs one host function. Nothing unwinds into the library.
///
/// # Safety
/// `ctx` is that of a table that [`table`] made.
unsafe fn with<T>(ctx: *mut c_void, otherwise: T, body: impl FnOnce(&dyn Services) -> T) -> T {
    // SAFETY: seats are leaked, so the reference is good for ever.
    let Some(seat) = (unsafe { ctx.cast::<Seat>().as_ref() }) else {
        return otherwise;
    };
    catch_unwind(AssertUnwindSafe(|| body(&**seat))).unwrap_or(otherwise)
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
    unsafe { with(ctx, (), |host| host.metric(id, value)) }
}

unsafe extern "C" fn secret(ctx: *mut c_void, name: Bytes, user: *mut c_void, sink: Sink) -> i32 {
    let Some(sink) = sink else {
        return code::INVALID;
    };
    // SAFETY: as in `complete`.
    let found = unsafe { with(ctx, None, |host| host.secret(name.as_slice())) };
    let Some(found) = found else {
        return code::NOT_FOUND;
    };
    // SAFETY: the library's sink with the library's argument, during the library's own call.
    unsafe { sink(user, Bytes::of(&found)) };
    code::OK
}

unsafe extern "C" fn now(ctx: *mut c_void, wall_unix_ms: *mut i64, mono_ns: *mut u64) {
    // SAFETY: the library passes our ctx; each pointer is NULL or a place that it gives.
    unsafe {
        if let Some(place) = wall_unix_ms.as_mut() {
            *place = with(ctx, 0, |host| host.wall_unix_ms());
        }
        if let Some(place) = mono_ns.as_mut() {
            *place = with(ctx, 0, |host| host.mono_ns());
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
            fd.into_raw_fd()
        }
        Err(refused) => refused,
    }
}
