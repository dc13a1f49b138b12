//! A library of another minor of the ABI.
#![expect(unsafe_code, reason = "it exports the entry symbol by hand")]

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use recoup_channel::abi::{ABI_MAJOR, ABI_MINOR, ChannelV0, MAGIC};

struct Shared(ChannelV0);
// SAFETY: never written after it is made.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// The library's table.
#[unsafe(no_mangle)]
pub extern "C" fn recoup_channel_entry_v0(_host_minor: u32) -> *const ChannelV0 {
    static TABLE: OnceLock<Shared> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        // SAFETY: every field may be zero: numbers, a NULL pointer, functions that are not there.
        let mut table: ChannelV0 = unsafe { MaybeUninit::zeroed().assume_init() };
        table.magic = MAGIC;
        table.struct_size = size_of::<ChannelV0>() as u32;
        table.abi_major = ABI_MAJOR;
        table.abi_minor = ABI_MINOR + 1;
        Shared(table)
    });
    &raw const table.0
}
