//! The C ABI between the core and a channel library: its table, its numbers and its rules.
//!
//! `include/recoup_channel.h` says the same in C; `tests/header.rs` compares the two. It is frozen:
//! within major 1 tables only grow at their end, each side reads what `struct_size` covers, and a
//! library works with every host without being built again. The numbers are the ABI's own.
//!
//! Rules for both sides:
//! - A table is append-only within a major; read a field only if `struct_size` covers it. A NULL
//!   optional function means "unsupported".
//! - An operation that returns 0 is completed exactly once, perhaps before it returns, from any
//!   thread. One that returns less than 0 is not completed.
//! - [`Bytes`] are borrowed for the duration of the call that carries them. Nobody frees what the
//!   other side allocated.
//! - Nothing unwinds across the boundary.
#![expect(
    unsafe_code,
    reason = "this module is the C boundary; nothing outside it is unsafe"
)]

use std::ffi::{c_char, c_void};

mod export;
mod host_ref;
mod instance;
#[cfg(test)]
mod minors;
mod operation;
mod panics;

pub use export::{Table, entry};
pub use operation::{decode_error, encode_error};

/// First field of a table: "RCPC".
pub const MAGIC: u32 = 0x5243_5043;
/// Major of this ABI; also the end of the entry symbol's name.
pub const ABI_MAJOR: u16 = 1;
/// Minor of this ABI. Sides of different minors work together.
pub const ABI_MINOR: u16 = 0;
/// Name of the one exported function.
pub const ENTRY_SYMBOL: &str = "recoup_channel_entry_v1";
/// The largest message that crosses, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Stack of a thread that runs a channel's code, in bytes.
pub const STACK_BYTES: usize = 8 * 1024 * 1024;
/// In-flight calls of an instance whose descriptor names no limit.
pub const MAX_IN_FLIGHT_DEFAULT: u32 = 16;
/// Bit of [`ChannelV1::flags`]: the library may not live in the core's process.
pub const FLAG_ISOLATED_ONLY: u32 = 1;
/// The extension that opens attachments; see [`BlobV1`].
pub const BLOB_EXTENSION: &str = "recoup.blob/1";

/// What a function of either table returns, and the status of a completion.
pub mod code {
    /// Done, or taken.
    pub const OK: i32 = 0;
    /// No such call, or it is over.
    pub const STALE: i32 = -1;
    /// The host refuses; with `began`: nothing may be sent.
    pub const REFUSED: i32 = -2;
    /// The bytes are not the message that they should be, or too many.
    pub const INVALID: i32 = -3;
    /// Too many calls in flight.
    pub const BUSY: i32 = -4;
    /// The instance takes no new work.
    pub const DRAINING: i32 = -5;
    /// Something panicked on the way.
    pub const PANICKED: i32 = -6;
    /// The name is not known.
    pub const NOT_FOUND: i32 = -7;

    /// Completion: see `ChannelError::Retryable`; the bytes are a `Failure`, as for all below.
    pub const RETRYABLE: i32 = 1;
    /// Completion: see `ChannelError::Permanent`.
    pub const PERMANENT: i32 = 2;
    /// Completion: see `ChannelError::Rejected`.
    pub const REJECTED: i32 = 3;
    /// Completion: see `ChannelError::Auth`.
    pub const AUTH: i32 = 4;
    /// Completion: see `ChannelError::RateLimited`.
    pub const RATE_LIMITED: i32 = 5;
    /// Completion: see `ChannelError::Unknown`.
    pub const UNKNOWN: i32 = 6;
    /// Completion: see `ChannelError::Unsupported`.
    pub const UNSUPPORTED: i32 = 7;
    /// Completion: see `ChannelError::Panic`.
    pub const PANIC: i32 = 8;
}

/// Borrowed bytes, valid only during the call that carries them. `ptr` may be NULL if `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// First byte.
    pub ptr: *const u8,
    /// How many bytes.
    pub len: usize,
}

impl Bytes {
    /// Lends a slice.
    pub const fn of(slice: &[u8]) -> Self {
        Self {
            ptr: slice.as_ptr(),
            len: slice.len(),
        }
    }

    /// The bytes; empty where `ptr` is NULL.
    ///
    /// # Safety
    /// `ptr` must be NULL or point to `len` bytes that live and do not change for `'a`.
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// Takes bytes on behalf of whoever asked for them; called during the asking call.
pub type SinkFn = unsafe extern "C" fn(user: *mut c_void, bytes: Bytes);

/// The host's services for one instance. All are callable from any thread, and none calls back into
/// the library. `began`, `event`, `secret` and the wall clock may wait for the core's word.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HostV1 {
    /// Size of the host's struct, in bytes.
    pub struct_size: u32,
    /// [`ABI_MAJOR`] of the host.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the host.
    pub abi_minor: u16,
    /// First argument of each function. Valid until the process ends.
    pub ctx: *mut c_void,
    /// Ends a call: exactly once. Copies the bytes. STALE for a call that is over.
    pub complete: unsafe extern "C" fn(*mut c_void, u64, i32, Bytes) -> i32,
    /// Before the first outside byte. Less than 0: do not send.
    pub began: unsafe extern "C" fn(*mut c_void, u64) -> i32,
    /// An `Inbound`. Returns a ticket, not durable yet; 0: not taken, offer it again.
    pub event: unsafe extern "C" fn(*mut c_void, Bytes) -> u64,
    /// One line, UTF-8, at a level of 0 (trace) to 4 (error).
    pub log: unsafe extern "C" fn(*mut c_void, i32, Bytes),
    /// A metric by its index in the descriptor.
    pub metric: unsafe extern "C" fn(*mut c_void, u32, f64),
    /// A secret by name, into the sink. NOT_FOUND for a name that is not granted.
    pub secret: unsafe extern "C" fn(*mut c_void, Bytes, *mut c_void, SinkFn) -> i32,
    /// Wall clock (it may be stepped) and monotonic clock (always real). Either may be NULL.
    pub now: unsafe extern "C" fn(*mut c_void, *mut i64, *mut u64),
    /// An extension by its id, or NULL.
    pub get_extension: unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void,
}

/// The two times of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallV1 {
    /// Size of the caller's struct, in bytes.
    pub struct_size: u32,
    /// How long the host waits: monotonic, real, in milliseconds.
    pub timeout_ms: u32,
    /// When sending must not begin any more: wall clock, perhaps stepped; 0: no limit.
    pub not_after_unix_ms: i64,
}

/// An operation. It returns fast; see the module's rules.
pub type OpFn = unsafe extern "C" fn(*mut c_void, u64, *const CallV1, Bytes) -> i32;

/// The one table of a library.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ChannelV1 {
    /// [`MAGIC`].
    pub magic: u32,
    /// Size of the library's struct, in bytes.
    pub struct_size: u32,
    /// [`ABI_MAJOR`] of the library.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the library.
    pub abi_minor: u16,
    /// [`FLAG_ISOLATED_ONLY`]; other bits are 0.
    pub flags: u32,
    /// A `ChannelDescriptor`, in static storage.
    pub descriptor: Bytes,
    /// Makes an instance from its JSON configuration. Less than 0: the sink got the reason.
    pub create: Option<
        unsafe extern "C" fn(
            *const HostV1,
            Bytes,
            *mut *mut c_void,
            *mut c_void,
            Option<SinkFn>,
        ) -> i32,
    >,
    /// `SendRequest` -> `Receipt`. The only operation that must be there.
    pub send: Option<OpFn>,
    /// `StatusRequest` -> `Status`.
    pub status: Option<OpFn>,
    /// `CancelRequest` -> `Cancelled`.
    pub cancel: Option<OpFn>,
    /// Nothing -> `Health`.
    pub health: Option<OpFn>,
    /// `RawCallback` -> `Inbounds`.
    pub parse_callback: Option<OpFn>,
    /// `PollRequest` -> `Polled`.
    pub poll: Option<OpFn>,
    /// `SendRequest` -> `Valid`.
    pub validate: Option<OpFn>,
    /// The event with this ticket is durable: only now confirm to the carrier.
    pub event_ack: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    /// Its time is over, or nobody waits for it any more. Advisory: its completion still follows.
    pub abandon: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    /// No new work; waits up to this many milliseconds for what is open.
    pub drain: Option<unsafe extern "C" fn(*mut c_void, u32) -> i32>,
    /// Ends the instance. Returns only when each of its threads has ended.
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    /// An extension of the instance by its id, or NULL.
    pub get_extension: Option<unsafe extern "C" fn(*mut c_void, *const c_char) -> *const c_void>,
}

/// The entry function. It gets the host's minor and may answer NULL if it cannot serve that.
pub type EntryFn = unsafe extern "C" fn(u32) -> *const ChannelV1;

/// The host extension `recoup.blob/1`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct BlobV1 {
    /// Size of the host's struct, in bytes.
    pub struct_size: u32,
    /// Opens an attachment by the 32 bytes of its SHA-256, for `pread`. Returns a descriptor that
    /// the caller closes, and the size in bytes; less than 0: NOT_FOUND or REFUSED. The first
    /// argument is the host's `ctx`.
    pub open: unsafe extern "C" fn(*mut c_void, *const u8, *mut u64) -> i32,
}

/// Bytes of a library's table of minor 0: no table of this major has fewer.
pub const TABLE_BYTES_MIN: usize = 136;
/// Bytes of a host's table of minor 0: no table of this major has fewer.
pub const HOST_BYTES_MIN: usize = 80;

// The layout that the header promises, on every 64-bit target.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{align_of, offset_of, size_of};
    assert!(size_of::<Bytes>() == 16 && align_of::<Bytes>() == 8);
    assert!(size_of::<CallV1>() == 16 && offset_of!(CallV1, not_after_unix_ms) == 8);
    assert!(size_of::<HostV1>() == HOST_BYTES_MIN && offset_of!(HostV1, ctx) == 8);
    assert!(offset_of!(HostV1, complete) == 16 && offset_of!(HostV1, get_extension) == 72);
    assert!(size_of::<ChannelV1>() == TABLE_BYTES_MIN && offset_of!(ChannelV1, descriptor) == 16);
    assert!(offset_of!(ChannelV1, create) == 32 && offset_of!(ChannelV1, send) == 40);
    assert!(offset_of!(ChannelV1, destroy) == 120 && offset_of!(ChannelV1, get_extension) == 128);
    assert!(size_of::<BlobV1>() == 16 && offset_of!(BlobV1, open) == 8);
};
