//! The C ABI between the core and a channel library: its table, its numbers and its rules.
//!
//! [`layout`] is all that both sides see; `include/recoup_channel.h` is made of it, and
//! `tests/header.rs` asks a C compiler whether both say the same. It is frozen: within major 1
//! tables only grow at their end, each side reads what `struct_size` covers, and a library works
//! with every host without being built again. The numbers are the ABI's own.
#![expect(
    unsafe_code,
    reason = "this module is the C boundary; nothing outside it is unsafe"
)]

mod export;
mod host_ref;
mod instance;
pub mod layout;
#[cfg(test)]
mod minors;
mod operation;
mod panics;

pub use export::{Table, entry};
pub use layout::{
    ABI_MAJOR, ABI_MINOR, BLOB_EXTENSION, BlobV1, Bytes, CallV1, ChannelV1, EntryFn,
    FLAG_ISOLATED_ONLY, HostV1, MAGIC, MESSAGE_BYTES_MAX, Op, Sink, code,
};
pub use operation::{decode_error, encode_error};

/// Name of the one exported function.
pub const ENTRY_SYMBOL: &str = "recoup_channel_entry_v1";
/// Stack of a thread that runs a channel's code, in bytes.
pub const STACK_BYTES: usize = 8 * 1024 * 1024;
/// In-flight calls of an instance whose descriptor names no limit.
pub const MAX_IN_FLIGHT_DEFAULT: u32 = 16;

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
